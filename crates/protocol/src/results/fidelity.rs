//! How far a model is from the dense one on a given text.

use serde::{Deserialize, Serialize};

use super::RepairReport;

/// A model's distance from the dense one, over the positions of a text (teacher-forced, T = 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fidelity {
    /// Mean of KL(p ‖ p̃), in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_mean: f32,
    /// Median of KL(p ‖ p̃), in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_median: f32,
    /// Share of positions with the same likeliest token, 0 to 1.
    pub same_top: f32,
    /// Mean loss −log p̃ of the text's next token, in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub loss: f32,
}

/// The distances of the pruned and the repaired model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FidelityReport {
    /// Tokens of the text.
    pub tokens: usize,
    /// Mean loss of the dense model, in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub dense_loss: f32,
    /// The pruned model.
    pub pruned: Fidelity,
    /// The repaired model, if the plan repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Fidelity>,
    /// Its repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairReport>,
}
