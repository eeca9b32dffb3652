//! What a plan saves, measured on the machine that computes.

use serde::{Deserialize, Serialize};

/// A model alone: how fast it reads and writes, and what its cache takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelSpeed {
    /// Tokens read in a second: the prompt in one pass.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub prefill: f32,
    /// Tokens written in a second, one after the other.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub decode: f32,
    /// Bytes of keys and values of [`SpeedReport::cached_tokens`] tokens in half precision.
    pub cache_bytes: u64,
    /// Bytes of the blocks' matrices: as the file stores them, or as the plan would.
    pub matrix_bytes: u64,
}

/// The dense, the pruned and the repaired model, each alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SpeedReport {
    /// The plan, in its text form; empty in older traces, whose report is of the run's plan.
    #[serde(default)]
    pub plan: String,
    /// Where the second model came from, if the plan applies to one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub other: String,
    /// Tokens of the prompt that is read.
    pub prompt_tokens: usize,
    /// Tokens that are written behind it.
    pub written_tokens: usize,
    /// Tokens for which the cache is counted.
    pub cached_tokens: usize,
    /// Threads of the CPU that computed; 0 if a GPU did.
    pub threads: usize,
    /// The dense model.
    pub dense: ModelSpeed,
    /// The pruned model.
    pub pruned: ModelSpeed,
    /// The repaired model, if the plan repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<ModelSpeed>,
}
