//! Points over two numeric axes, each with an error bar and a name, and a line through some of them.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axes::Axes;
use super::{ChartError, FONT, Frame, Ink, Legend, Theme, shortened, text_width};

/// Radius of a point, in CSS pixels.
const RADIUS: f64 = 4.5;
/// A pointer is on a point up to this distance, in CSS pixels.
const REACH: f64 = 24.0;
/// Widest name beside a point, in CSS pixels.
const WIDEST_NAME: f64 = 150.0;
/// Height that a name takes, in CSS pixels.
const LINE: f64 = FONT + 3.0;

/// A point.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterPoint {
    /// Its name.
    pub name: String,
    /// Horizontal position.
    pub x: f64,
    /// Vertical position.
    pub y: f64,
    /// Half the length of its error bar.
    pub error: f64,
    /// Its colour, by meaning.
    pub ink: Ink,
}

/// Points over one pair of axes.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterChart {
    /// Name of the column of the points' names.
    pub name_label: String,
    /// Name of the horizontal axis.
    pub x_label: String,
    /// Name of the vertical axis.
    pub y_label: String,
    /// Name of the error bars.
    pub error_label: String,
    /// The points, in the table's order.
    pub points: Vec<ScatterPoint>,
    /// The legend: what each colour is, and what the line is.
    pub legend: Vec<Legend>,
    /// The points that the line joins.
    pub line: Vec<usize>,
}

/// A rectangle in pixels: left, top, right, bottom.
type Place = [f64; 4];

fn overlap(a: &Place, b: &Place) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

impl ScatterChart {
    /// The ranges of both axes: all points with room for names; the vertical one begins at 0.
    fn ranges(&self) -> ((f64, f64), (f64, f64)) {
        let bounds = |values: &mut dyn Iterator<Item = f64>| {
            values
                .filter(|value| value.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
        };
        let (low, high) = bounds(&mut self.points.iter().map(|point| point.x));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        // A single value gets a range of its own size.
        let margin = if high > low { 0.12 * (high - low) } else { 0.5 * high.abs().max(1e-3) };
        let (_, top) = bounds(&mut self.points.iter().map(|point| point.y + point.error));
        ((low - margin, high + margin), (0.0, 1.08 * top.max(0.01)))
    }

    /// The points' centres within a frame.
    fn centres(&self, frame: &Frame) -> Vec<(f64, f64)> {
        let ((left, right), (low, high)) = self.ranges();
        let up = |y: f64| frame.y.1 - (y - low) / (high - low) * (frame.y.1 - frame.y.0);
        self.points.iter().map(|point| (frame.x_of(point.x, left, right), up(point.y))).collect()
    }

    /// Horizontal position of a point within a frame.
    pub fn place_of(&self, frame: &Frame, at: usize) -> f64 {
        self.centres(frame).get(at).map_or(frame.x.0, |centre| centre.0)
    }

    /// The point under a pointer, if it is on one. The frame is in CSS pixels.
    pub fn point_at(&self, frame: &Frame, x: f64, y: f64) -> Option<usize> {
        let squared = |(left, top): (f64, f64)| (left - x) * (left - x) + (top - y) * (top - y);
        let distances = self.centres(frame).into_iter().map(squared).enumerate();
        let nearest = distances.min_by(|a, b| a.1.total_cmp(&b.1));
        nearest.filter(|(_, squared)| *squared <= REACH * REACH).map(|(at, _)| at)
    }

    /// Where names stand without covering points, the line, each other or the frame's edge: the left end and the middle of each name that has
    /// such a place, in CSS pixels. Points on the line come first.
    fn names(&self, frame: &Frame) -> Vec<(String, f64, f64)> {
        let around = |(x, y): (f64, f64), radius: f64| [x - radius, y - radius, x + radius, y + radius];
        let centres = self.centres(frame);
        let mut taken: Vec<Place> = centres.iter().map(|centre| around(*centre, RADIUS)).collect();
        for ends in self.line.windows(2) {
            let ((x, y), (to_x, to_y)) = (centres[ends[0]], centres[ends[1]]);
            let steps = (to_x - x).abs().max((to_y - y).abs()) / LINE;
            let along = |step: i32| {
                let part = f64::from(step) / steps.max(1.0);
                around((x + part * (to_x - x), y + part * (to_y - y)), 2.0)
            };
            taken.extend((0..steps as i32).map(along));
        }
        let mut placed = vec![];
        let (joined, others): (Vec<_>, Vec<_>) = (0..self.points.len()).partition(|at| self.line.contains(at));
        for at in joined.into_iter().chain(others) {
            let ((x, y), name) = (centres[at], shortened(&self.points[at].name, WIDEST_NAME));
            let (width, gap) = (text_width(&name), RADIUS + 4.0);
            let (left, right, above, below) = (x - gap - width, x + gap, y - LINE, y + LINE);
            let (over, under) = (y - gap - LINE / 2.0, y + gap + LINE / 2.0);
            let middle = x - width / 2.0;
            let places = [
                (right, y),
                (left, y),
                (right, above),
                (left, above),
                (middle, over),
                (right, below),
                (left, below),
                (middle, under),
            ];
            let free = places.into_iter().find_map(|(left, middle)| {
                let place = [left, middle - LINE / 2.0, left + width, middle + LINE / 2.0];
                let is_inside = place[0] >= frame.x.0
                    && place[1] >= frame.y.0
                    && place[2] <= frame.x.1 + 24.0
                    && place[3] <= frame.y.1;
                let is_free = is_inside && !taken.iter().any(|other| overlap(&place, other));
                is_free.then_some((left, middle, place))
            });
            if let Some((left, middle, place)) = free {
                taken.push(place);
                placed.push((name, left, middle));
            }
        }
        placed
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
        let (x, y) = self.ranges();
        let x_digits = match x.1 - x.0 {
            range if range < 0.2 => 3,
            range if range < 2.0 => 2,
            range if range < 20.0 => 1,
            _ => 0,
        };
        let axes = Axes { x_label: &self.x_label, y_label: &self.y_label, x, y, x_digits };
        let frame = Frame::of(axes.draw(area, theme, scale)?.plotting_area().get_pixel_range());
        let pixel = |x: f64, y: f64| (x.round() as i32, y.round() as i32);
        let px = |css: f64| (css * scale).round().max(1.0) as u32;
        let centres = self.centres(&frame);
        let joined = self.line.iter().map(|at| centres[*at]).map(|(x, y)| pixel(x, y)).collect();
        let style = Ink::Hidden.colour(theme).mix(0.7).stroke_width(px(1.5));
        area.draw(&PathElement::new::<Vec<_>, _>(joined, style)).map_err(ChartError::new)?;
        let a_unit = (frame.y.1 - frame.y.0) / (y.1 - y.0);
        for (point, (x, y)) in self.points.iter().zip(centres) {
            let half = point.error * a_unit;
            let colour = point.ink.colour(theme);
            if half.is_finite() && half > 0.0 {
                let bar = vec![pixel(x, (y - half).max(frame.y.0)), pixel(x, (y + half).min(frame.y.1))];
                area.draw(&PathElement::new(bar, colour.stroke_width(px(1.5)))).map_err(ChartError::new)?;
            }
            let circle = Circle::new(pixel(x, y), px(RADIUS) as i32, colour.filled());
            area.draw(&circle).map_err(ChartError::new)?;
        }
        let in_css = |(from, to): (f64, f64)| (from / scale, to / scale);
        let in_css = Frame { x: in_css(frame.x), y: in_css(frame.y) };
        let font = ("sans-serif", FONT * scale).into_font().color(&theme.text());
        for (name, left, middle) in self.names(&in_css) {
            let style = font.clone().pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(name, pixel(left * scale, middle * scale), style)).map_err(ChartError::new)?;
        }
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: &[(f64, f64)]) -> ScatterChart {
        let point =
            |(x, y): &(f64, f64)| ScatterPoint { name: format!("{x}"), x: *x, y: *y, error: 0.0, ink: Ink::Pruned };
        ScatterChart {
            name_label: "plan".into(),
            x_label: "MB".into(),
            y_label: "KL".into(),
            error_label: "±".into(),
            points: points.iter().map(point).collect(),
            legend: vec![],
            line: vec![],
        }
    }

    #[test]
    fn a_pointer_finds_the_point_that_it_is_on() {
        let (chart, frame) = (chart(&[(10.0, 0.0), (20.0, 1.0)]), Frame { x: (60.0, 460.0), y: (10.0, 210.0) });
        for at in 0..2 {
            let (x, y) = chart.centres(&frame)[at];
            assert_eq!(chart.point_at(&frame, x + 5.0, y - 5.0), Some(at));
        }
        assert_eq!(chart.point_at(&frame, 260.0, 60.0), None, "between the points there is none");
    }

    #[test]
    fn a_name_without_room_is_left_out() {
        let frame = Frame { x: (0.0, 300.0), y: (0.0, 100.0) };
        assert_eq!(chart(&[(1.0, 1.0), (9.0, 1.0)]).names(&frame).len(), 2);
        let crowd: Vec<_> = (0..40).map(|at| (f64::from(at % 8), f64::from(at / 8))).collect();
        let names = chart(&crowd).names(&Frame { x: (0.0, 120.0), y: (0.0, 40.0) });
        assert!(names.len() < 40);
        let inside = |(name, left, _): &(String, f64, f64)| *left >= 0.0 && left + text_width(name) <= 144.0;
        assert!(names.iter().all(inside), "{names:?}");
    }

    #[test]
    fn one_point_and_none_have_ranges() {
        for points in [&[][..], &[(5.0, 0.0)]] {
            let ((left, right), (low, high)) = chart(points).ranges();
            assert!(left < right && low < high);
        }
    }
}
