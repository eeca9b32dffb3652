//! What a plan did to the weights.

use serde::{Deserialize, Serialize};

use crate::model::Matrix;
use crate::prune::Footprint;

/// What happened to one matrix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatrixReport {
    /// The block.
    pub layer: usize,
    /// Which of its matrices.
    pub matrix: Matrix,
    /// Achieved share of zeros, 0 to 1.
    #[serde(with = "super::number")]
    pub sparsity: f32,
    /// ‖W̃ − W‖ / ‖W‖.
    #[serde(with = "super::number")]
    pub change: f32,
}

/// What a plan did to all weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightReport {
    /// Every matrix that the plan edits, in the order of the forward pass.
    pub matrices: Vec<MatrixReport>,
    /// Memory of the matrices, dense and under the plan.
    pub footprint: Footprint,
    /// Calibration tokens that the choice rests on; 0 where it needs none.
    pub calibration_tokens: usize,
}

/// The upper left corner of one matrix's weights under a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MaskPicture {
    /// The block.
    pub layer: usize,
    /// Which of its matrices.
    pub matrix: Matrix,
    /// Rows shown.
    pub rows: usize,
    /// Columns shown.
    pub columns: usize,
    /// Row after row: |w| over the largest |w| shown, as 1 to 255; 0 is a weight that is zero.
    pub cells: Vec<u8>,
}
