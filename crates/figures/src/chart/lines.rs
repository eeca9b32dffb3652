//! Lines over a numeric axis, each with an optional band.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axes::{Axes, Plot};
use super::{ChartError, FONT, Frame, Ink, Theme};

/// Width of a line in CSS pixels.
pub(super) const STROKE: u32 = 2;
/// Longest name, in characters, that is written at the end of its line; the legend has all names.
const SHORT_NAME: usize = 3;

impl Series {
    /// What is written at its end: its name up to a comma, if that is short.
    fn end_name(&self) -> Option<&str> {
        let name = self.name.split(", ").next()?;
        (!self.dashed && name.chars().count() <= SHORT_NAME).then_some(name)
    }
}

/// Lowest and highest value at each point of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Lowest values, one per point.
    pub low: Vec<f64>,
    /// Highest values, one per point.
    pub high: Vec<f64>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name, for legend, tooltip and table.
    pub name: String,
    /// Its colour, by meaning.
    pub ink: Ink,
    /// Whether it is dashed.
    pub dashed: bool,
    /// Its points by rising x; a NaN as y leaves a gap.
    pub points: Vec<(f64, f64)>,
    /// The spread around it.
    pub band: Option<Band>,
}

/// Lines over one pair of axes.
#[derive(Clone, Debug, PartialEq)]
pub struct LineChart {
    /// Name of the horizontal axis.
    pub x_label: String,
    /// Name of the vertical axis.
    pub y_label: String,
    /// Horizontal range.
    pub x: (f64, f64),
    /// Vertical range.
    pub y: (f64, f64),
    /// The lines, drawn in this order.
    pub series: Vec<Series>,
    /// Shaded ranges of the horizontal axis.
    pub shaded: Vec<(f64, f64)>,
}

impl LineChart {
    /// A range that holds `at_least` and every value of the series, widened a little.
    pub fn range_of(series: &[Series], at_least: (f64, f64)) -> (f64, f64) {
        let bands =
            series.iter().filter_map(|line| line.band.as_ref()).flat_map(|band| band.low.iter().chain(&band.high));
        let values = series.iter().flat_map(|line| line.points.iter().map(|(_, y)| y)).chain(bands);
        let (low, high) = values.filter(|y| y.is_finite()).fold(at_least, |(low, high), y| (low.min(*y), high.max(*y)));
        let margin = 0.03 * (high - low).max(1e-6);
        (if low < at_least.0 { low - margin } else { low }, if high > at_least.1 { high + margin } else { high })
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
        let (x_label, y_label) = (self.x_label.as_str(), self.y_label.as_str());
        let axes = Axes { x_label, y_label, x: (self.x.0, self.x.1.max(self.x.0 + 1.0)), y: self.y, x_digits: 0 };
        let mut chart = axes.draw(area, theme, scale)?;
        let ground = theme.rule().mix(0.55).filled();
        for (from, to) in &self.shaded {
            let (from, to) = (from.max(self.x.0), to.min(self.x.1.max(self.x.0 + 1.0)));
            chart.draw_series([Rectangle::new([(from, self.y.0), (to, self.y.1)], ground)]).map_err(ChartError::new)?;
        }
        for line in &self.series {
            let colour = line.ink.colour(theme);
            if let Some(band) = &line.band {
                let edge = |ys: &[f64]| line.points.iter().zip(ys).map(|((x, _), y)| (*x, *y)).collect::<Vec<_>>();
                let outline: Vec<_> = edge(&band.low)
                    .into_iter()
                    .chain(edge(&band.high).into_iter().rev())
                    .filter(|(_, y)| y.is_finite())
                    .collect();
                chart.draw_series([Polygon::new(outline, colour.mix(0.18).filled())]).map_err(ChartError::new)?;
            }
            let style = colour.stroke_width(STROKE * px(1.0).max(1) as u32);
            for piece in line.points.split(|(_, y)| !y.is_finite()).filter(|piece| !piece.is_empty()) {
                let points = piece.iter().copied();
                match (piece, line.dashed) {
                    ([only], _) => chart.draw_series([Circle::new(*only, px(2.5), colour.filled())]).map(|_| ()),
                    (_, true) => chart.draw_series(DashedLineSeries::new(points, px(5.0), px(4.0), style)).map(|_| ()),
                    (_, false) => chart.draw_series(LineSeries::new(points, style)).map(|_| ()),
                }
                .map_err(ChartError::new)?;
            }
        }
        self.name_line_ends(area, &chart, theme, scale)?;
        Ok(Frame::of(chart.plotting_area().get_pixel_range()))
    }

    /// Writes the names of solid lines at their right ends if they are short ([`Series::end_name`]), moved apart where two would overlap.
    fn name_line_ends<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        chart: &Plot<'_, B>,
        theme: Theme,
        scale: f64,
    ) -> Result<(), ChartError> {
        let mut ends: Vec<(i32, i32, &str, Ink)> = self
            .series
            .iter()
            .filter_map(|line| {
                let name = line.end_name()?;
                let end = line.points.iter().rev().find(|(_, y)| y.is_finite())?;
                let (x, y) = chart.backend_coord(end);
                Some((x, y, name, line.ink))
            })
            .collect();
        ends.sort_by_key(|(_, y, ..)| *y);
        let line_height = (FONT * scale) as i32;
        let mut lowest = i32::MIN / 2;
        for (x, y, name, ink) in ends {
            let y = y.max(lowest + line_height);
            lowest = y;
            let style = ("sans-serif", FONT * scale)
                .into_font()
                .color(&ink.colour(theme))
                .pos(Pos::new(HPos::Left, VPos::Center));
            let (left, top) = area.get_base_pixel();
            area.draw(&Text::new(name.to_string(), (x - left + (5.0 * scale) as i32, y - top), style))
                .map_err(ChartError::new)?;
        }
        Ok(())
    }
}
