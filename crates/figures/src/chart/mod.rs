//! Charts as plain data, drawn by `plotters` on any of its backends: a canvas in the page, SVG in tests and files.
//!
//! A [`Chart`] is one of several kinds; drawing it returns the [`Frame`] that maps a pointer's position to data.

mod any;
mod axes;
mod bars;
mod heat;
mod lines;
mod scatter;
mod slope;
mod theme;

pub(crate) use any::csv;
pub use any::markdown;
pub use any::{Chart, Legend};
pub use bars::{BarChart, BarRow};
pub use heat::HeatMap;
pub use lines::{Band, LineChart, Series};
pub use scatter::{ScatterChart, ScatterPoint};
pub use slope::{Slope, SlopeChart};
pub use theme::{Ink, Theme};

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use prunescope_localization::tr;
use thiserror::Error;

/// Font size of all texts, in CSS pixels.
const FONT: f64 = 12.0;
/// Approximate width of a letter, in CSS pixels.
const LETTER: f64 = 7.0;

/// A chart that could not be drawn.
#[derive(Debug, Error)]
#[error("{}", not_drawn(.why))]
pub struct ChartError {
    /// The drawing backend's message.
    pub why: String,
}

impl ChartError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self { why: error.to_string() }
    }
}

fn not_drawn(why: &str) -> String {
    tr!(figure_not_drawn, why = why)
}

/// Position of the plot within its drawing, in pixels of the drawing.
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

    /// Horizontal position of `value` on an axis from `from` to `to`.
    pub fn x_of(&self, value: f64, from: f64, to: f64) -> f64 {
        self.x.0 + (value - from) / (to - from).max(f64::MIN_POSITIVE) * (self.x.1 - self.x.0)
    }

    /// The inverse of [`Frame::x_of`].
    pub fn value_at(&self, x: f64, from: f64, to: f64) -> f64 {
        from + (x - self.x.0) / (self.x.1 - self.x.0).max(1.0) * (to - from)
    }
}

/// Approximate width of a text in the charts' font, in CSS pixels; the backends' own measures differ.
fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

/// Shortens a text to a width in CSS pixels, with an ellipsis in place of what is cut off.
fn shortened(text: &str, width: f64) -> String {
    let most = (width / LETTER) as usize;
    if text.chars().count() <= most {
        text.into()
    } else {
        text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
    }
}

/// How many labels fit on an axis, from 2 to `most`.
fn labels_that_fit(axis: f64, widest: f64, most: usize) -> usize {
    ((axis / (widest + LETTER)) as usize).clamp(2, most)
}

/// The name of a horizontal axis, broken into lines that fit a width.
struct AxisName(Vec<String>);

impl AxisName {
    /// Height of one line, and of the labels above the name, in CSS pixels.
    const HEIGHTS: (f64, f64) = (15.0, 21.0);

    fn new(name: &str, width: f64) -> Self {
        let mut lines = vec![String::new()];
        for word in name.split(' ') {
            match lines.last_mut() {
                Some(line) if line.is_empty() => line.push_str(word),
                Some(line) if text_width(line) + LETTER + text_width(word) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.into()),
            }
        }
        Self(lines)
    }

    /// Height of the name including the labels above it, in CSS pixels.
    fn area(&self) -> f64 {
        Self::HEIGHTS.1 + Self::HEIGHTS.0 * self.0.len() as f64
    }

    /// Writes it at the bottom, centred below the axis as far as the drawing's width allows.
    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        frame: &Frame,
        theme: Theme,
        scale: f64,
    ) -> Result<(), ChartError> {
        let (width, height) = area.dim_in_pixel();
        let font = ("sans-serif", FONT * scale).into_font().color(&theme.text());
        let style = font.pos(Pos::new(HPos::Center, VPos::Bottom));
        for (up, line) in self.0.iter().rev().enumerate() {
            let half = (text_width(line) * scale).min(f64::from(width)) / 2.0;
            let x = ((frame.x.0 + frame.x.1) / 2.0).clamp(half, f64::from(width) - half);
            let y = f64::from(height) - (2.0 + up as f64 * Self::HEIGHTS.0) * scale;
            let place = (x.round() as i32, y.round() as i32);
            area.draw(&Text::new(line.clone(), place, style.clone())).map_err(ChartError::new)?;
        }
        Ok(())
    }
}

/// Formats a number for tooltips and tables, with digits according to its size.
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
            bars: vec![
                ("dense".into(), Ink::Dense),
                ("pruned".into(), Ink::Pruned),
                ("repaired".into(), Ink::Repaired),
            ],
            rows: vec![
                BarRow { name: "Paris".into(), values: vec![0.8, 0.1, 0.7] },
                BarRow { name: "Le".into(), values: vec![0.0, 0.4, f64::NAN] },
            ],
        };
        let text = svg(|area| {
            chart.draw(area, Theme::Light, 1.0).unwrap();
        });
        assert!(text.contains("Paris") && text.contains("Le") && !text.contains("NaN"));
        let bars = |ink: Ink| {
            let RGBColor(red, green, blue) = ink.colour(Theme::Light);
            text.matches(&format!("fill=\"#{red:02X}{green:02X}{blue:02X}\"")).count()
        };
        assert_eq!([Ink::Dense, Ink::Pruned, Ink::Repaired].map(bars), [2, 2, 1], "what is not known has no bar");
        assert_eq!(Chart::Bars(chart).csv(), "probability,dense,pruned,repaired\r\nParis,0.8,0.1,0.7\r\nLe,0,0.4,\r\n");
    }

    /// Left end, right end and height of every horizontal text of a drawing, by the charts' own estimate of widths.
    fn texts(svg: &str) -> Vec<(f64, f64, f64, String)> {
        let number = |tag: &str, key: &str| -> f64 {
            let (_, rest) = tag.split_once(&format!("{key}=\"")).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        svg.split("<text ")
            .skip(1)
            .filter(|tag| !tag.contains("rotate"))
            .map(|tag| {
                let (head, rest) = tag.split_once('>').unwrap();
                let text = rest.split("</text").next().unwrap().trim();
                let (x, width) = (number(head, "x"), text_width(text));
                let left = if head.contains("\"middle\"") {
                    x - width / 2.0
                } else if head.contains("\"end\"") {
                    x - width
                } else {
                    x
                };
                (left, left + width, number(head, "y"), text.to_string())
            })
            .collect()
    }

    fn every_kind() -> Vec<Chart> {
        let mut lines = lines();
        lines.x_label = "sublayers or blocks dropped, the least important first".into();
        lines.x = (0.0, 255.0);
        lines.series[0].points = (0..30).map(|x| (f64::from(x) * 8.5, 0.9)).collect();
        let bars = BarChart {
            x_label: "probability of the next token".into(),
            bars: vec![("dense".into(), Ink::Dense), ("pruned".into(), Ink::Pruned)],
            rows: vec![
                BarRow { name: "Rindfleischetikettierung".into(), values: vec![0.4, 0.1] },
                BarRow { name: "a".into(), values: vec![0.0, 0.94] },
            ],
        };
        let slope = |name: &str, left, right| Slope { name: name.into(), left, right };
        let slopes = SlopeChart {
            sides: ["dense".into(), "pruned".into()],
            slopes: vec![slope("a", 1, 1000), slope("b", 4, 2)],
        };
        let point = |name: &str, x: f64, y: f64| ScatterPoint { name: name.into(), x, y, error: 0.1, ink: Ink::Pruned };
        let scatter = ScatterChart {
            name_label: "plan".into(),
            x_label: "memory of all matrices of the blocks, in megabytes".into(),
            y_label: "KL".into(),
            error_label: "standard error".into(),
            points: vec![
                point("dense", 212.0, 0.0),
                point("m16,m17_repair-scale_wanda-0.5_awq4-g64", 106.0, 1.25),
                point("m3", 106.5, 1.2),
                point("a1,a2,a3", 190.0, 0.25),
            ],
            legend: vec![],
            line: vec![2, 3, 0],
        };
        vec![Chart::Lines(lines), Chart::Bars(bars), Chart::Slopes(slopes), Chart::Scatter(scatter)]
    }

    #[test]
    fn at_every_width_texts_stay_inside_and_apart() {
        for chart in every_kind() {
            for width in (220..=1300).step_by(20) {
                let svg = chart.svg(Theme::Light, width, 230).unwrap();
                let found = texts(&svg);
                assert!(found.len() > 4, "{svg}");
                for (at, (left, right, y, text)) in found.iter().enumerate() {
                    assert!(
                        *left >= -1.0 && *right <= f64::from(width) + 1.0,
                        "{text} from {left} to {right} of {width}"
                    );
                    for (other_left, other_right, other_y, other) in &found[at + 1..] {
                        let over = right.min(*other_right) - left.max(*other_left);
                        assert!((y - other_y).abs() > 10.0 || over < 0.0, "{text} and {other} at a width of {width}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_too_long_is_shortened_or_wrapped() {
        assert_eq!(shortened("four", 4.0 * LETTER), "four");
        assert_eq!(shortened("fives", 4.0 * LETTER), "fiv…");
        let name = AxisName::new("one two three", 8.0 * LETTER);
        assert_eq!(name.0, ["one two", "three"]);
        assert_eq!(AxisName::new("Rindfleischetikettierung", LETTER).0.len(), 1);
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
