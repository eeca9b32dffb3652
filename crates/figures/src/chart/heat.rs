//! A small picture of a matrix: one cell per weight, empty where the weight is zero.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{ChartError, Frame, Ink, Theme};

/// Cells of one matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// Columns in a row.
    pub columns: usize,
    /// Shades row by row, 0 to 255; 0 is an empty cell.
    pub cells: Vec<u8>,
}

impl HeatMap {
    /// Draws the cells as squares, as large as possible.
    ///
    /// # Errors
    /// [`ChartError`] where the backend fails.
    pub fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, theme: Theme) -> Result<Frame, ChartError> {
        area.fill(&theme.ground()).map_err(ChartError::new)?;
        let (width, height) = area.dim_in_pixel();
        let columns = self.columns.max(1);
        let rows = self.cells.len().div_ceil(columns).max(1);
        let side = (f64::from(width) / columns as f64).min(f64::from(height) / rows as f64);
        let edge = |cell: usize| (cell as f64 * side).round() as i32;
        for (at, value) in self.cells.iter().enumerate().filter(|(_, value)| **value > 0) {
            let (row, column) = (at / columns, at % columns);
            let colour = Ink::Hidden.colour(theme).mix(0.25 + 0.75 * f64::from(*value) / 255.0);
            let corners = [(edge(column), edge(row)), (edge(column + 1), edge(row + 1))];
            area.draw(&Rectangle::new(corners, colour.filled())).map_err(ChartError::new)?;
        }
        Ok(Frame { x: (0.0, columns as f64 * side), y: (0.0, rows as f64 * side) })
    }
}
