//! The numbers that fix a decoder's shape.

use serde::{Deserialize, Serialize};

pub use super::family::Presence;
use super::family::{Activation, Family};
use super::matrix::Matrix;

/// Shape and constants of a decoder. Source: GGUF specification, "LLM" keys; transformers' configuration classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// The model's own name.
    pub name: String,
    /// What it is a kind of.
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
    /// The MLP's function.
    pub activation: Activation,
    /// Rotary positions; none where positions are learned.
    pub rotary: Option<Rotary>,
    /// How many tokens back the windowed layers see.
    pub window: Option<usize>,
    /// Which layers have that window.
    pub windowed: Vec<bool>,
    /// What scores of attention are multiplied by.
    pub attention_scale: f64,
    /// What embeddings are multiplied by.
    pub embedding_scale: f64,
    /// Whether a block's MLP reads the stream before the block's attention.
    pub parallel: bool,
    /// Which parts it has that not every decoder has.
    pub parts: OptionalParts,
}

impl Presence {
    /// Needed or absent, as a configuration says.
    pub fn of(flag: bool) -> Self {
        if flag { Self::Needed } else { Self::Absent }
    }
}

/// Which parts a decoder has that not every decoder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionalParts {
    /// Biases of query, key and value.
    pub attention_bias: Presence,
    /// Bias of the attention's output.
    pub output_bias: Presence,
    /// Biases of the MLP.
    pub mlp_bias: Presence,
    /// A head of its own; otherwise the embedding serves as head too.
    pub head: Presence,
}

/// Rotary positions (Su et al., 2021).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rotary {
    /// Base frequency.
    pub base: f64,
    /// Base frequency of windowed layers, where it is another; they are not scaled.
    pub window_base: Option<f64>,
    /// Numbers of each head that turn, from the first on.
    pub dimensions: usize,
    /// How it was stretched to a longer context.
    pub scaling: RopeScaling,
    /// What each wave is divided by before it is stretched; empty where by nothing.
    pub factors: Vec<f32>,
}

/// How rotary positions are stretched. Source: transformers, `modeling_rope_utils.py`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Every angle divided by `factor`.
    Linear {
        /// How much longer the context is.
        factor: f64,
    },
    /// Long waves divided by `factor`, short ones kept, blended between (Llama 3.1).
    Llama3 {
        /// How much longer the context is.
        factor: f64,
        /// Waves longer than the original context divided by this are divided by the factor.
        low: f64,
        /// Waves shorter than the original context divided by this are kept.
        high: f64,
        /// The original context in tokens.
        original: f64,
    },
    /// YaRN (Peng et al., 2023).
    Yarn {
        /// How much longer the context is.
        factor: f64,
        /// The original context in tokens.
        original: f64,
        /// Turns in the original context above which a wave is kept.
        fast: f64,
        /// Turns in the original context below which a wave is divided by the factor.
        slow: f64,
        /// Whether the range between is widened to whole waves.
        truncate: bool,
        /// What queries and keys are multiplied by.
        magnitude: f64,
    },
    /// Each wave divided by its own factor: Llama 3.1 in GGUF files, and LongRoPE (Ding et al., 2024) within the original context.
    Factors {
        /// What queries and keys are multiplied by.
        magnitude: f64,
    },
}

impl RopeScaling {
    /// The factor on queries and keys that YaRN's authors recommend.
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

    /// How many tokens back a layer sees, where not all.
    pub fn window_of(&self, layer: usize) -> Option<usize> {
        self.window.filter(|_| self.windowed.get(layer).copied().unwrap_or(false))
    }
}
