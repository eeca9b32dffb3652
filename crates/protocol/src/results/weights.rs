//! How a plan changed the weights.

use serde::{Deserialize, Serialize};

use super::RepairReport;
use crate::model::Matrix;
use crate::prune::Footprint;

/// How one matrix was changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MatrixReport {
    /// The block.
    pub layer: usize,
    /// The matrix in the block.
    pub matrix: Matrix,
    /// Share of zeros, 0 to 1.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub sparsity: f32,
    /// Relative change ‖W̃ − W‖ / ‖W‖.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub change: f32,
}

/// How a plan changed all weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WeightReport {
    /// Every matrix that the plan edits, in the order of the forward pass.
    pub matrices: Vec<MatrixReport>,
    /// Memory of the matrices, dense and under the plan.
    pub footprint: Footprint,
    /// Calibration tokens that the methods used; 0 if they need none.
    pub calibration_tokens: usize,
    /// The repair of dropped sublayers, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairReport>,
}

/// The upper left corner of one matrix's weights under a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MaskPicture {
    /// The block.
    pub layer: usize,
    /// The matrix in the block.
    pub matrix: Matrix,
    /// Rows shown.
    pub rows: usize,
    /// Columns shown.
    pub columns: usize,
    /// Row-major |w| over the largest |w| shown, scaled to 1 to 255; 0 is a zero weight.
    pub cells: Vec<u8>,
}
