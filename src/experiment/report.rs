//! The results of one run as one documented JSON object: what the page exports and the example prints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::generation::{ComparedPosition, GenerationStep, first_divergence};
use super::layerwise::LayerTransition;
use crate::metrics::Metrics;
use crate::model::{DecoderConfig, LoadedModel};
use crate::prune::Importance;
use crate::settings::Settings;

/// What model a result is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Where it came from: an address or a path; empty for the default model.
    pub source: String,
    /// Its shape.
    #[serde(flatten)]
    pub config: DecoderConfig,
    /// How its weights are stored in the file. "Dense" means these weights, dequantized.
    pub stored_as: String,
    /// Whether it brings a chat template.
    pub has_chat_template: bool,
}

impl ModelInfo {
    /// Describes a loaded model.
    pub fn of(model: &LoadedModel, source: &str) -> Self {
        Self {
            source: source.into(),
            config: model.decoder.config.clone(),
            stored_as: model.stored_as.clone(),
            has_chat_template: model.chat.is_some(),
        }
    }
}

/// A text that one model wrote.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Its tokens, with the one that ended it.
    pub ids: Vec<u32>,
    /// Its text, without control tokens.
    pub text: String,
}

/// What both models wrote, and how they compare on the way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// The dense model's text.
    pub dense: Written,
    /// The pruned model's text.
    pub pruned: Written,
    /// The first step at which the texts differ.
    pub first_divergence: Option<usize>,
    /// Measurement 3: step by step on their own texts.
    pub steps: Vec<GenerationStep>,
    /// Measurement 4: step by step, both on the dense model's text.
    pub fixed_trajectory: Vec<Metrics>,
}

impl Generation {
    /// From the steps of measurement 3.
    pub fn from_steps(steps: Vec<GenerationStep>, model: &LoadedModel) -> Self {
        let written = |ids: Vec<u32>| Written { text: model.tokenizer.decode(&ids), ids };
        let dense: Vec<u32> = steps.iter().filter_map(|step| step.dense.as_ref().map(|token| token.id)).collect();
        let pruned: Vec<u32> = steps.iter().filter_map(|step| step.pruned.as_ref().map(|token| token.id)).collect();
        Self {
            first_divergence: first_divergence(&dense, &pruned),
            dense: written(dense),
            pruned: written(pruned),
            steps,
            fixed_trajectory: vec![],
        }
    }
}

/// Everything one run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The model.
    pub model: ModelInfo,
    /// Where it was computed: `"cpu"` or `"webgpu"`.
    pub backend: String,
    /// What was asked.
    pub settings: Settings,
    /// The prompt as the model read it.
    pub prompt_ids: Vec<u32>,
    /// The first position after the prompt.
    pub next_token: ComparedPosition,
    /// Measurement 1: what dropping each sublayer alone does at the end of the prompt.
    pub layers: Vec<LayerTransition>,
    /// Measurements 3 and 4.
    pub generation: Generation,
    /// Importance of each sublayer and block, on the calibration text.
    pub importance: Option<Importance>,
    /// How long each part took, in milliseconds.
    pub timings_ms: BTreeMap<String, f64>,
}
