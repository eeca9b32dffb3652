//! The texts of both models, compared step by step.

use serde::{Deserialize, Serialize};

use super::Metrics;

/// A token with its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenText {
    /// The token's id.
    pub id: u32,
    /// Its text; control tokens by name.
    pub text: String,
}

/// A likely token with its text, its probability in both models, and what pruning did to its logit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopTokenText {
    /// The token's id.
    pub id: u32,
    /// Its text; control tokens by name.
    pub text: String,
    /// Its probability in the dense model.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub dense: f32,
    /// Its probability in the pruned model.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub pruned: f32,
    /// z, its logit in the dense model.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub z: f32,
    /// Its entry of Δz∥ = α z, with α over the whole vocabulary.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub delta_z_parallel: f32,
    /// Its entry of Δz⊥ = Δz − Δz∥.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub delta_z_orthogonal: f32,
}

/// The likeliest tokens of both models at one position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopTokens {
    /// The dense model's, likeliest first.
    pub dense: Vec<TopTokenText>,
    /// The pruned model's, likeliest first.
    pub pruned: Vec<TopTokenText>,
}

/// Both models compared at one position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ComparedPosition {
    /// Every metric.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The likeliest tokens of both models.
    pub top: TopTokens,
}

/// The token ids of both texts: dense, pruned.
pub fn written_ids(steps: &[GenerationStep]) -> (Vec<u32>, Vec<u32>) {
    let ids =
        |of: fn(&GenerationStep) -> Option<&TokenText>| steps.iter().filter_map(of).map(|token| token.id).collect();
    (ids(|step| step.dense.as_ref()), ids(|step| step.pruned.as_ref()))
}

/// One step of generation. A model whose text has ended has no token; the comparison exists while both texts go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GenerationStep {
    /// Index of the step; 0 is the first token after the prompt.
    pub step: usize,
    /// The dense model's token.
    pub dense: Option<TokenText>,
    /// The pruned model's token.
    pub pruned: Option<TokenText>,
    /// The comparison of both models' predictions before they chose their tokens.
    #[serde(flatten)]
    pub compared: Option<ComparedPosition>,
}
