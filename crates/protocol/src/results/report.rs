//! The results of one run as one documented JSON object: what the page exports and the command line prints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::generation::{ComparedPosition, GenerationStep};
use super::{DeviceCheck, Metrics, NotFinite, RepairedResult, TextQuality, TokenWeight, WeightReport};
use crate::model::{DecoderConfig, Sublayer, SublayerKind};
use crate::prune::{Importance, StoredBytes};
use crate::settings::Settings;

/// The name of the default model.
pub const DEFAULT_MODEL_NAME: &str = "SmolLM2-135M-Instruct";

/// The model that a result is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelInfo {
    /// Where it came from: an address or a path; empty for the default model.
    pub source: String,
    /// Its shape.
    #[serde(flatten)]
    pub config: DecoderConfig,
    /// How its weights are stored in the file. "Dense" means these weights, dequantized.
    pub stored_as: String,
    /// What its blocks' matrices take in the file.
    #[serde(default)]
    pub stored_bytes: StoredBytes,
    /// Whether it has a chat template that can be used.
    pub has_chat_template: bool,
    /// Why its chat template cannot be used, if it has such a one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template_fault: Option<String>,
    /// Notices about its files, each a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// How far the GPU agrees with the CPU, if a GPU computes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_check: Option<DeviceCheck>,
    /// The second model, which plans apply to, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherModel>,
}

impl ModelInfo {
    /// Its name for people: what its metadata says, except for the default model, whose metadata names a training run.
    pub fn shown_name(&self) -> &str {
        if self.source.is_empty() { DEFAULT_MODEL_NAME } else { &self.config.name }
    }

    /// Whether both have the same dense model on the same device; the second models may differ.
    pub fn is_same_dense(&self, with: &Self) -> bool {
        self.source == with.source
            && self.config == with.config
            && self.stored_as == with.stored_as
            && self.stored_bytes == with.stored_bytes
            && self.device_check.is_some() == with.device_check.is_some()
    }
}

/// A second model, compared with the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OtherModel {
    /// Where it came from.
    pub source: String,
    /// Its own name.
    pub name: String,
    /// How its weights are stored.
    pub stored_as: String,
    /// What its blocks' matrices take in the file.
    #[serde(default)]
    pub stored_bytes: StoredBytes,
}

/// A text that one model wrote.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Written {
    /// Its tokens, including the one that ended it.
    pub ids: Vec<u32>,
    /// Its text, without control tokens.
    pub text: String,
}

/// What both models wrote, and how they compare on the way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Measures of collapse of each text.
    pub quality: Quality,
}

/// Measures of collapse of each text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quality {
    /// The dense model's text.
    pub dense: TextQuality,
    /// The pruned model's text.
    pub pruned: TextQuality,
}

/// The first step at which two texts differ, or at which only one has ended.
pub fn first_divergence(dense: &[u32], pruned: &[u32]) -> Option<usize> {
    let same = dense.iter().zip(pruned).take_while(|(a, b)| a == b).count();
    (same < dense.len().max(pruned.len())).then_some(same)
}

/// The effect of one sublayer alone (dropped, or pruned as in the plan) at the last position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LayerTransition {
    /// The block.
    pub layer: usize,
    /// Attention or MLP.
    pub sublayer: SublayerKind,
    /// With the head applied to the raw residual stream, as the paper's script does.
    #[serde(flatten)]
    pub raw: Metrics,
    /// With the final norm before the head.
    pub with_final_norm: Metrics,
}

/// What flipping one switch would do at the first position after the prompt: the plan with that sublayer dropped, or
/// restored, compared with the dense model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SwitchEffect {
    /// The block.
    pub layer: usize,
    /// Attention or MLP.
    pub sublayer: SublayerKind,
    /// Whether flipping drops the sublayer; otherwise it restores it.
    pub drops: bool,
    /// cos(p, p̃) afterwards.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub cos_p: f32,
    /// KL(p ‖ p̃) afterwards, in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_dense_pruned: f32,
}

impl SwitchEffect {
    /// The switch's sublayer.
    pub fn at(&self) -> Sublayer {
        Sublayer { layer: self.layer, kind: self.sublayer }
    }
}

/// The text of one variant compared with the dense model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VariantResult {
    /// Its name.
    pub name: String,
    /// Its plan in text form.
    pub plan: String,
    /// The first position after the prompt.
    pub next_token: ComparedPosition,
    /// Its text, step by step.
    pub generation: Generation,
}

/// The settings and all results of one run: the documented JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The settings.
    pub settings: Settings,
    /// The results.
    #[serde(flatten)]
    pub found: RunReport,
}

/// All results of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunReport {
    /// The model.
    pub model: ModelInfo,
    /// The backend: `"cpu"` or `"webgpu"`.
    pub backend: String,
    /// The prompt's token ids.
    pub prompt_ids: Vec<u32>,
    /// The first position after the prompt.
    pub next_token: ComparedPosition,
    /// Where numbers stop being finite, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_finite: Option<NotFinite>,
    /// Measurement 1: the effect of dropping each sublayer alone, at the end of the prompt.
    pub layers: Vec<LayerTransition>,
    /// Measurement 1 with pruned weights: the effect of each sublayer that the plan edits, alone; empty if it edits
    /// none.
    pub edited_layers: Vec<LayerTransition>,
    /// The tokens whose Δz does the most damage at the first position.
    pub damage: Vec<TokenWeight>,
    /// What the plan did to the weights.
    pub weights: WeightReport,
    /// Measurements 3 and 4.
    pub generation: Generation,
    /// The repaired model, if the plan repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Box<RepairedResult>>,
    /// Importance of each sublayer and block, on the calibration text.
    pub importance: Option<Importance>,
    /// Time of each part in milliseconds.
    pub timings_ms: BTreeMap<String, f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_diverge_at_the_first_other_token_or_end() {
        assert_eq!(first_divergence(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(first_divergence(&[1, 2, 3], &[1, 5, 3]), Some(1));
        assert_eq!(first_divergence(&[1, 2], &[1, 2, 3]), Some(2));
    }
}
