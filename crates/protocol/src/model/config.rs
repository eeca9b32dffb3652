//! The shape and constants of a decoder.

use serde::{Deserialize, Serialize};

pub use super::family::Presence;
use super::family::{Activation, Family};
use super::matrix::Matrix;

/// Shape and constants of a decoder. Source: GGUF specification, "LLM" keys; transformers' configuration classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecoderConfig {
    /// The model's own name.
    pub name: String,
    /// Its family.
    pub family: Family,
    /// Blocks; each is an attention and an MLP sublayer.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the MLP's inner layer.
    pub feed_forward: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves `heads / key_value_heads` query heads.
    pub key_value_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Tokens in the vocabulary.
    pub vocabulary: usize,
    /// Longest context in tokens.
    pub context: usize,
    /// The ε of its norms.
    pub norm_epsilon: f64,
    /// The MLP's activation function.
    pub activation: Activation,
    /// Rotary positions; `None` if positions are learned.
    pub rotary: Option<Rotary>,
    /// Attention window of the windowed layers, in tokens.
    pub window: Option<usize>,
    /// By layer, whether it has that window.
    pub windowed: Vec<bool>,
    /// Factor on attention scores.
    pub attention_scale: f64,
    /// Factor on embeddings.
    pub embedding_scale: f64,
    /// Whether a block's MLP reads the residual stream before the block's attention (parallel sublayers).
    pub parallel: bool,
    /// The optional parts.
    pub parts: OptionalParts,
}

impl Presence {
    /// [`Presence::Needed`] if true, else [`Presence::Absent`].
    pub fn of(flag: bool) -> Self {
        if flag { Self::Needed } else { Self::Absent }
    }
}

/// The presence of parts that not every decoder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OptionalParts {
    /// Biases of query, key and value.
    pub attention_bias: Presence,
    /// Bias of the attention's output.
    pub output_bias: Presence,
    /// Biases of the MLP.
    pub mlp_bias: Presence,
    /// A head of its own; otherwise the embedding serves as the head (tied weights).
    pub head: Presence,
}

/// Rotary positions (Su et al., 2021).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rotary {
    /// Base frequency θ.
    pub base: f64,
    /// Base frequency of windowed layers, if it differs; these are not scaled.
    pub window_base: Option<f64>,
    /// Rotated dimensions of each head, from the first on (`rotary_dim`).
    pub dimensions: usize,
    /// How the angles are scaled for a longer context.
    pub scaling: RopeScaling,
    /// Divisors of the frequencies, one per rotated pair, applied before scaling; empty if there are none.
    pub factors: Vec<f32>,
}

/// Scaling of rotary positions to a longer context. Source: transformers, `modeling_rope_utils.py`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RopeScaling {
    /// No scaling.
    None,
    /// Every angle divided by `factor`.
    Linear {
        /// Ratio of the new context to the original one.
        factor: f64,
    },
    /// Low frequencies divided by `factor`, high ones kept, interpolated between (Llama 3.1).
    Llama3 {
        /// Ratio of the new context to the original one.
        factor: f64,
        /// Wavelengths above `original / low` are divided by `factor`.
        low: f64,
        /// Wavelengths below `original / high` are kept.
        high: f64,
        /// The original context in tokens.
        original: f64,
    },
    /// YaRN (Peng et al., 2023).
    Yarn {
        /// Ratio of the new context to the original one.
        factor: f64,
        /// The original context in tokens.
        original: f64,
        /// Rotations within the original context above which a frequency is kept (`beta_fast`).
        fast: f64,
        /// Rotations within the original context below which a frequency is divided by `factor` (`beta_slow`).
        slow: f64,
        /// Whether the interpolation range is widened to whole dimensions.
        truncate: bool,
        /// Factor on queries and keys.
        magnitude: f64,
    },
    /// Each frequency divided by its own factor ([`Rotary::factors`]): Llama 3.1 in GGUF files, and LongRoPE (Ding et
    /// al., 2024) within the original context.
    Factors {
        /// Factor on queries and keys.
        magnitude: f64,
    },
}

impl RopeScaling {
    /// The factor on queries and keys recommended by YaRN: 0.1 · `weight` · ln(`factor`) + 1.
    pub fn yarn_magnitude(factor: f64, weight: f64) -> f64 {
        if factor <= 1.0 { 1.0 } else { 0.1 * weight * factor.ln() + 1.0 }
    }
}

impl DecoderConfig {
    /// Sublayers in the decoder: two a block.
    pub fn sublayers(&self) -> usize {
        2 * self.layers
    }

    /// The matrices of each block, in the order of the forward pass.
    pub fn matrices(&self) -> impl Iterator<Item = Matrix> + use<> {
        let gated = self.family.gated();
        Matrix::ALL.into_iter().filter(move |matrix| gated || *matrix != Matrix::Gate)
    }

    /// A layer's attention window in tokens; `None` if it sees all.
    pub fn window_of(&self, layer: usize) -> Option<usize> {
        self.window.filter(|_| self.windowed.get(layer).copied().unwrap_or(false))
    }
}
