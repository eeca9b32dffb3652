//! Charts as plain data, drawn by `plotters` on any of its backends: a canvas in the page, SVG in tests.
//!
//! A [`Chart`] is one of several kinds; drawing it returns the [`Frame`] that turns a pointer's place into data.

mod any;
mod bars;
mod heat;
mod lines;
mod slope;
mod theme;

pub use any::{Chart, Legend};
pub use bars::{BarChart, BarRow};
pub use heat::HeatMap;
pub use lines::{Band, LineChart, Series};
pub use slope::{Slope, SlopeChart};
pub use theme::{Ink, Theme};

use thiserror::Error;

/// A chart that could not be drawn.
#[derive(Debug, Error)]
#[error("the chart could not be drawn: {why}")]
pub struct ChartError {
    /// What the drawing backend says.
    pub why: String,
}

impl ChartError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self { why: error.to_string() }
    }
}

/// Where the plot lies within its drawing, in pixels of the drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frame {
    /// Left and right end.
    pub x: (f64, f64),
    /// Upper and lower end.
    pub y: (f64, f64),
}

impl Frame {
    fn of(pixels: (std::ops::Range<i32>, std::ops::Range<i32>)) -> Self {
        let (x, y) = pixels;
        Self { x: (x.start.into(), x.end.into()), y: (y.start.into(), y.end.into()) }
    }

    /// Where `value` of an axis from `from` to `to` lies horizontally.
    pub fn x_of(&self, value: f64, from: f64, to: f64) -> f64 {
        self.x.0 + (value - from) / (to - from).max(f64::MIN_POSITIVE) * (self.x.1 - self.x.0)
    }

    /// The inverse of [`Frame::x_of`].
    pub fn value_at(&self, x: f64, from: f64, to: f64) -> f64 {
        from + (x - self.x.0) / (self.x.1 - self.x.0).max(1.0) * (to - from)
    }
}

/// A number with as many digits as its size needs, for tooltips and tables.
pub fn short_number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        x if x >= 100.0 => format!("{value:.0}"),
        x if x >= 10.0 => format!("{value:.2}"),
        x if x >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::prelude::*;

    fn svg(draw: impl Fn(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>)) -> String {
        let mut out = String::new();
        {
            let area = SVGBackend::with_string(&mut out, (640, 240)).into_drawing_area();
            draw(&area);
            area.present().unwrap();
        }
        out
    }

    fn lines() -> LineChart {
        LineChart {
            x_label: "layer".into(),
            y_label: "cosine".into(),
            x: (0.0, 29.0),
            y: (0.0, 1.0),
            shaded: vec![(3.0, 5.0)],
            series: vec![Series {
                name: "h".into(),
                ink: Ink::Hidden,
                dashed: false,
                points: (0..30).map(|x| (f64::from(x), 0.9)).collect(),
                band: Some(Band { low: vec![0.8; 30], high: vec![0.95; 30] }),
            }],
        }
    }

    #[test]
    fn a_line_chart_has_its_line_band_and_labels() {
        let text = svg(|area| {
            let frame = lines().draw(area, Theme::Light, 1.0).unwrap();
            let middle = frame.x_of(14.5, 0.0, 29.0);
            assert!((frame.value_at(middle, 0.0, 29.0) - 14.5).abs() < 1e-9);
            assert!(frame.x.0 > 20.0 && frame.x.1 <= 640.0);
        });
        assert!(text.contains("<polyline") && text.contains("<polygon"));
        assert!(text.contains("layer") && text.contains("cosine"));
    }

    #[test]
    fn not_a_number_leaves_a_gap_instead_of_a_wrong_line() {
        let mut chart = lines();
        chart.series[0].points[3].1 = f64::NAN;
        chart.series[0].band = None;
        let text = svg(|area| {
            chart.draw(area, Theme::Dark, 2.0).unwrap();
        });
        assert!(!text.contains("NaN"));
        assert_eq!(
            text.matches(&format!("stroke-width=\"{}\"", lines::STROKE * 2)).count(),
            2,
            "two pieces of one line"
        );
    }

    #[test]
    fn bars_name_their_rows() {
        let chart = BarChart {
            x_label: "probability".into(),
            pair: [("dense".into(), Ink::Dense), ("pruned".into(), Ink::Pruned)],
            rows: vec![
                BarRow { name: "Paris".into(), first: 0.8, second: 0.1 },
                BarRow { name: "Le".into(), first: 0.0, second: 0.4 },
            ],
        };
        let text = svg(|area| {
            chart.draw(area, Theme::Light, 1.0).unwrap();
        });
        assert!(text.contains("Paris") && text.contains("Le"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            ["0.1235", "12.35", "1235", "1.2e-5"],
            [0.123456, 12.3456, 1234.56, 0.0000123].map(short_number).each_ref().map(String::as_str)
        );
        assert_eq!(short_number(0.0), "0");
    }
}
