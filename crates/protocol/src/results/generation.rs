//! What both models write, and how they compare on the way.

use serde::{Deserialize, Serialize};

use super::Metrics;

/// A token with its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenText {
    /// The token.
    pub id: u32,
    /// Its text; control tokens by name.
    pub text: String,
}

/// A likely token with its text and what both models give it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopTokenText {
    /// The token.
    pub id: u32,
    /// Its text; control tokens by name.
    pub text: String,
    /// Its probability in the dense model.
    #[serde(with = "super::number")]
    pub dense: f32,
    /// Its probability in the pruned model.
    #[serde(with = "super::number")]
    pub pruned: f32,
}

/// The likeliest tokens of both models at one position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopTokens {
    /// The dense model's, likeliest first.
    pub dense: Vec<TopTokenText>,
    /// The pruned model's, likeliest first.
    pub pruned: Vec<TopTokenText>,
}

/// Both models compared at one position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedPosition {
    /// Every metric.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The likeliest tokens of both.
    pub top: TopTokens,
}

/// What both models wrote in these steps, as token ids: dense, pruned.
pub fn written_ids(steps: &[GenerationStep]) -> (Vec<u32>, Vec<u32>) {
    let ids =
        |of: fn(&GenerationStep) -> Option<&TokenText>| steps.iter().filter_map(of).map(|token| token.id).collect();
    (ids(|step| step.dense.as_ref()), ids(|step| step.pruned.as_ref()))
}

/// One step of generation. A model that has ended its text has no token; two models compare while both go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerationStep {
    /// Counted from 0, the token right after the prompt.
    pub step: usize,
    /// What the dense model wrote.
    pub dense: Option<TokenText>,
    /// What the pruned model wrote.
    pub pruned: Option<TokenText>,
    /// The comparison of what both knew before they wrote.
    #[serde(flatten)]
    pub compared: Option<ComparedPosition>,
}
