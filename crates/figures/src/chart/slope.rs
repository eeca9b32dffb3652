//! A slope chart: each item's rank on the left and on the right, joined by a line.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use prunescope_localization::tr;

use super::{ChartError, FONT, Frame, Ink, Theme};

/// Below this width, in CSS pixels, ranks are labelled by numbers only.
const NARROW: f64 = 340.0;

/// One item with two ranks; 1 is the best.
#[derive(Clone, Debug, PartialEq)]
pub struct Slope {
    /// Its name.
    pub name: String,
    /// Its rank on the left.
    pub left: usize,
    /// Its rank on the right.
    pub right: usize,
}

/// Ranks of several items on two sides.
#[derive(Clone, Debug, PartialEq)]
pub struct SlopeChart {
    /// Names of the sides.
    pub sides: [String; 2],
    /// The items.
    pub slopes: Vec<Slope>,
}

impl SlopeChart {
    /// The worst (largest) rank.
    pub fn worst(&self) -> usize {
        self.slopes.iter().map(|slope| slope.left.max(slope.right)).max().unwrap_or(1).max(5)
    }

    /// Draws the chart. Ranks are on a logarithmic axis, since the first few matter most.
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
        let px = |css: f64| css * scale;
        area.fill(&theme.ground()).map_err(ChartError::new)?;
        let (width, height) = area.dim_in_pixel();
        let is_narrow = f64::from(width) / scale < NARROW;
        let side = px(if is_narrow { 44.0 } else { 90.0 });
        let (left, right) = (side, f64::from(width) - side);
        let (top, bottom) = (px(28.0), f64::from(height) - px(12.0));
        let worst = (self.worst() as f64).ln().max(1e-9);
        let y = |rank: usize| top + (rank as f64).ln() / worst * (bottom - top);
        let point = |x: f64, y: f64| (x.round() as i32, y.round() as i32);
        let font = ("sans-serif", FONT * scale).into_font().color(&theme.text());
        let centre = font.clone().pos(Pos::new(HPos::Center, VPos::Center));
        for (x, name) in [(left, &self.sides[0]), (right, &self.sides[1])] {
            area.draw(&Text::new(name.clone(), point(x, px(10.0)), centre.clone())).map_err(ChartError::new)?;
            let line = vec![point(x, top), point(x, bottom)];
            area.draw(&PathElement::new(line, theme.rule().stroke_width(px(1.0).max(1.0) as u32)))
                .map_err(ChartError::new)?;
        }
        for rank in [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000].into_iter().filter(|rank| *rank <= self.worst()) {
            let label = if is_narrow { rank.to_string() } else { tr!(figure_slope_rank, rank = rank) };
            let style = font.clone().pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(label.clone(), point(left - px(10.0), y(rank)), style)).map_err(ChartError::new)?;
            let style = font.clone().pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(label, point(right + px(10.0), y(rank)), style)).map_err(ChartError::new)?;
        }
        for slope in &self.slopes {
            let ink = if slope.right > slope.left { Ink::Pruned } else { Ink::Dense };
            let style = ink.colour(theme).mix(0.75).stroke_width(px(1.5).max(1.0) as u32);
            let (a, b) = (point(left, y(slope.left)), point(right, y(slope.right)));
            area.draw(&PathElement::new(vec![a, b], style)).map_err(ChartError::new)?;
            for end in [a, b] {
                area.draw(&Circle::new(end, px(3.0) as i32, ink.colour(theme).filled())).map_err(ChartError::new)?;
            }
        }
        Ok(Frame { x: (left, right), y: (top, bottom) })
    }
}
