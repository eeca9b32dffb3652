//! Rows of horizontal bars: one item a row, the first value above the second.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{AxisName, ChartError, FONT, Frame, Ink, Theme, labels_that_fit, shortened, text_width};

/// Greatest width of the names: in CSS pixels, and as a share of the drawing.
const NAMES: (f64, f64) = (110.0, 0.36);
/// Free space on the right, in CSS pixels.
const RIGHT: f64 = 14.0;
/// Where the bars of a row begin, and the space for all of them, as shares of the row's height.
const ROW: (f64, f64) = (0.12, 0.8);
/// Thickness of all bars of a row together, as a share of its height.
const THICKNESS: f64 = 0.72;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct BarRow {
    /// Its name.
    pub name: String,
    /// The length of each bar, from top to bottom; NaN where it is not known.
    pub values: Vec<f64>,
}

/// Rows of a few bars each on one axis from 0 to at most 1.
#[derive(Clone, Debug, PartialEq)]
pub struct BarChart {
    /// Name of the axis.
    pub x_label: String,
    /// Name and colour of the bars of each row, from top to bottom.
    pub bars: Vec<(String, Ink)>,
    /// The rows from top to bottom.
    pub rows: Vec<BarRow>,
}

impl BarChart {
    /// The end of the axis: a little beyond the longest bar.
    pub fn end(&self) -> f64 {
        let longest = self.rows.iter().flat_map(|row| &row.values).copied().fold(0.05, f64::max);
        longest.min(0.95) * 1.05
    }

    /// Draws the chart.
    ///
    /// * `scale` — pixels of the drawing per CSS pixel.
    ///
    /// # Errors
    /// [`ChartError`] where the backend fails.
    pub fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        theme: Theme,
        scale: f64,
    ) -> Result<Frame, ChartError> {
        let px = |css: f64| (css * scale).round() as i32;
        area.fill(&theme.ground()).map_err(ChartError::new)?;
        let font = ("sans-serif", FONT * scale).into_font().color(&theme.text());
        let rows = self.rows.len().max(1) as f64;
        let width = f64::from(area.dim_in_pixel().0) / scale;
        let name = AxisName::new(&self.x_label, width);
        let names = NAMES.0.min(NAMES.1 * width);
        let mut chart = ChartBuilder::on(area)
            .margin_top(px(4.0))
            .margin_right(px(RIGHT))
            .x_label_area_size(px(name.area()))
            .y_label_area_size(px(names))
            .build_cartesian_2d(0.0..self.end(), rows..0.0)
            .map_err(ChartError::new)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .light_line_style(TRANSPARENT)
            .bold_line_style(theme.rule().stroke_width(px(1.0).max(1) as u32))
            .axis_style(theme.rule().stroke_width(px(1.0).max(1) as u32))
            .label_style(font.clone())
            .axis_desc_style(font.clone())
            .x_labels(labels_that_fit(width - names - RIGHT, text_width("0.00"), 6))
            .x_label_formatter(&|x| format!("{x:.2}"))
            .draw()
            .map_err(ChartError::new)?;
        let (pitch, thickness) = (ROW.1 / self.bars.len().max(1) as f64, THICKNESS / self.bars.len().max(1) as f64);
        for (at, row) in self.rows.iter().enumerate() {
            let top = at as f64;
            let bars = self.bars.iter().zip(&row.values).enumerate().filter(|(_, (_, value))| value.is_finite());
            let bars = bars.map(|(place, ((_, ink), value))| {
                let from = top + ROW.0 + pitch * place as f64;
                Rectangle::new([(0.0, from), (*value, from + thickness)], ink.colour(theme).filled())
            });
            chart.draw_series(bars).map_err(ChartError::new)?;
            let (x, y) = chart.backend_coord(&(0.0, top + 0.5));
            let (left, up) = area.get_base_pixel();
            let style = font.clone().pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(shortened(&row.name, names - 8.0), (x - left - px(8.0), y - up), style))
                .map_err(ChartError::new)?;
        }
        let frame = Frame::of(chart.plotting_area().get_pixel_range());
        name.draw(area, &frame, theme, scale)?;
        Ok(frame)
    }
}
