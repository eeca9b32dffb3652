//! Two numeric axes with their names and numbers.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::{AxisName, ChartError, FONT, Frame, Theme, labels_that_fit, text_width};

/// Space to the left and to the right of the plot, in CSS pixels.
const SIDES: (f64, f64) = (64.0, 32.0);

/// What is drawn between the axes.
pub(super) type Plot<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A horizontal and a vertical axis.
pub(super) struct Axes<'a> {
    /// Name of the horizontal axis.
    pub x_label: &'a str,
    /// Name of the vertical axis.
    pub y_label: &'a str,
    /// Horizontal range.
    pub x: (f64, f64),
    /// Vertical range.
    pub y: (f64, f64),
    /// Decimals of the numbers on the horizontal axis.
    pub x_digits: usize,
}

impl Axes<'_> {
    /// Clears the area, and draws the axes on it.
    ///
    /// * `scale` — pixels of the drawing per CSS pixel.
    ///
    /// # Errors
    /// [`ChartError`] where the backend fails.
    pub(super) fn draw<'a, B: DrawingBackend>(
        &self,
        area: &'a DrawingArea<B, Shift>,
        theme: Theme,
        scale: f64,
    ) -> Result<Plot<'a, B>, ChartError> {
        let px = |css: f64| (css * scale).round() as i32;
        area.fill(&theme.ground()).map_err(ChartError::new)?;
        let font = ("sans-serif", FONT * scale).into_font().color(&theme.text());
        let width = f64::from(area.dim_in_pixel().0) / scale;
        let name = AxisName::new(self.x_label, width);
        let mut chart = ChartBuilder::on(area)
            .margin_top(px(8.0))
            .margin_right(px(SIDES.1))
            .margin_bottom(px(2.0))
            .margin_left(px(2.0))
            .x_label_area_size(px(name.area()))
            .y_label_area_size(px(SIDES.0 - 2.0))
            .build_cartesian_2d(self.x.0..self.x.1, self.y.0..self.y.1)
            .map_err(ChartError::new)?;
        let digits = match self.y.1 - self.y.0 {
            range if range < 0.05 => 3,
            range if range < 20.0 => 2,
            _ => 0,
        };
        let x_digits = self.x_digits;
        let widest = text_width(&format!("{:.x_digits$}", self.x.1));
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(theme.rule().stroke_width(px(1.0).max(1) as u32))
            .axis_style(theme.rule().stroke_width(px(1.0).max(1) as u32))
            .label_style(font.clone())
            .axis_desc_style(font)
            .x_labels(labels_that_fit(width - SIDES.0 - SIDES.1, widest, 8))
            .y_labels(5)
            .x_label_formatter(&|x| format!("{x:.x_digits$}"))
            .y_label_formatter(&|y| format!("{y:.digits$}"))
            .y_desc(self.y_label)
            .draw()
            .map_err(ChartError::new)?;
        name.draw(area, &Frame::of(chart.plotting_area().get_pixel_range()), theme, scale)?;
        Ok(chart)
    }
}
