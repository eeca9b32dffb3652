//! How far a model is from the dense one over texts of several kinds, in the terms of `llama-perplexity --kl-divergence`.
//!
//! Each text is read in windows that know nothing of each other; the second half of each is scored, so that every prediction follows half a
//! window of text. T = 1.

use serde::{Deserialize, Serialize};

use super::RepairReport;
use crate::prune::FileFootprint;

/// An estimate from a sample of positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Estimate {
    /// The estimate.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub value: f32,
    /// Its standard error.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub error: f32,
}

/// A model against the dense one over the scored positions of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TextDistance {
    /// Mean of KL(p ‖ p̃), in nats.
    pub kl_mean: Estimate,
    /// Median of KL(p ‖ p̃), in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_median: f32,
    /// 90 % of the positions have at most this KL(p ‖ p̃), in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_90: f32,
    /// 99 % of the positions have at most this KL(p ‖ p̃), in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_99: f32,
    /// 99.9 % of the positions have at most this KL(p ‖ p̃), in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_999: f32,
    /// Largest KL(p ‖ p̃), in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_max: f32,
    /// Share of positions with the same likeliest token, 0 to 1.
    pub same_top: Estimate,
    /// Mean of Δp = p̃ − p of the text's next token, −1 to 1.
    pub delta_p_mean: Estimate,
    /// Root mean square of Δp, 0 to 1.
    pub delta_p_rms: Estimate,
    /// The model's perplexity.
    pub perplexity: Estimate,
    /// That over the dense model's perplexity.
    pub perplexity_ratio: Estimate,
}

/// The distances on one kind of text, or on all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KindFidelity {
    /// The name of the kind, such as `prose`, or of the visitor's file; empty for all together.
    pub kind: String,
    /// Number of scored positions.
    pub tokens: usize,
    /// The dense model's perplexity.
    pub dense_perplexity: Estimate,
    /// The pruned model.
    pub pruned: TextDistance,
    /// The repaired model, if the plan repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<TextDistance>,
}

/// The distances on all texts and on each kind, so far as they are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TextFidelity {
    /// The plan, in its text form.
    pub plan: String,
    /// Where the second model came from, if the plan applies to one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub other: String,
    /// Tokens of a window.
    pub window: usize,
    /// Windows read so far.
    pub done: usize,
    /// Windows of all texts.
    pub total: usize,
    /// All that is read.
    pub all: KindFidelity,
    /// The same by kind, in the order of the texts.
    pub kinds: Vec<KindFidelity>,
    /// Memory of the plan against what the dense model's files store.
    pub memory: FileFootprint,
    /// The plan's repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairReport>,
}
