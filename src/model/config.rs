//! The numbers that fix a decoder's shape. They are read from GGUF metadata by [`config_gguf`](super::config_gguf) and from the
//! `config.json` of a Hugging Face repository by [`config_hub`](super::config_hub).

use serde::{Deserialize, Serialize};

use super::family::{Activation, Family};
use super::load_error::LoadError;
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

/// Whether a decoder has a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It cannot be without it.
    Needed,
    /// It has none; a tensor for it is not its own.
    Absent,
    /// It has it where its files have a tensor for it.
    IfThere,
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

impl Rotary {
    /// Whether there is a finite factor above 0 for each wave, or none at all: those of a GGUF file are a tensor that comes later.
    ///
    /// # Errors
    /// [`LoadError::Unsupported`].
    pub fn check_factors(&self) -> Result<(), LoadError> {
        let count = self.dimensions / 2;
        if self.factors.is_empty()
            || self.factors.len() == count && self.factors.iter().all(|by| *by > 0.0 && by.is_finite())
        {
            return Ok(());
        }
        Err(LoadError::Unsupported { what: format!("RoPE factors other than {count} numbers above 0") })
    }
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

    /// The numbers that must be above 0, by name.
    fn sizes(&self) -> Vec<(&'static str, f64)> {
        match *self {
            Self::None => vec![],
            Self::Linear { factor } => vec![("factor", factor)],
            Self::Llama3 { factor, low, high, original } => {
                vec![
                    ("factor", factor),
                    ("low_freq_factor", low),
                    ("high_freq_factor", high),
                    ("original context", original),
                ]
            }
            Self::Yarn { factor, original, fast, slow, magnitude, .. } => vec![
                ("factor", factor),
                ("original context", original),
                ("beta_fast", fast),
                ("beta_slow", slow),
                ("attention factor", magnitude),
            ],
            Self::Factors { magnitude } => vec![("attention factor", magnitude)],
        }
    }
}

/// Most layers that are believed.
pub(super) const MOST_LAYERS: u64 = 1 << 10;
/// Largest width that is believed.
pub(super) const WIDEST: u64 = 1 << 18;
/// Most heads that are believed.
pub(super) const MOST_HEADS: u64 = 1 << 12;
/// Longest context that is believed, in tokens.
pub(super) const LONGEST: u64 = 1 << 24;
/// The base frequency where a file does not say.
pub(super) const ROPE_BASE: f64 = 10_000.0;
/// Gemma 3: one layer in so many sees the whole context, where a file does not say.
pub(super) const GEMMA_PATTERN: usize = 6;
/// Gemma 3: the base frequency of windowed layers, where a file does not say.
pub(super) const GEMMA_WINDOW_BASE: f64 = 10_000.0;
/// YaRN's turns (fast, slow), where a file does not say.
pub(super) const YARN_TURNS: [f64; 2] = [32.0, 1.0];

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

    /// The same where its numbers fit together.
    ///
    /// # Errors
    /// [`LoadError::Unsupported`], which names what does not.
    pub(super) fn checked(self) -> Result<Self, LoadError> {
        let refused = |what: String| Err(LoadError::Unsupported { what });
        let Self { heads, key_value_heads, head_dim, layers, .. } = self;
        if head_dim == 0 || key_value_heads == 0 || !heads.is_multiple_of(key_value_heads) {
            return refused(format!("{heads} heads of width {head_dim} over {key_value_heads} key-value heads"));
        }
        // Their files have query, key and value of a head together, or a third of a matrix each.
        if matches!(self.family, Family::Gpt2 | Family::GptNeoX) && key_value_heads != heads {
            return refused(format!("{key_value_heads} key-value heads for {heads} heads in a model of this family"));
        }
        if self.windowed.len() != layers {
            return refused(format!("a list of {} kinds of layers for {layers} layers", self.windowed.len()));
        }
        if !(0.0..1.0).contains(&self.norm_epsilon) {
            return refused(format!("norms with ε = {}", self.norm_epsilon));
        }
        if !(self.attention_scale > 0.0 && self.attention_scale.is_finite()) {
            return refused(format!("scores of attention multiplied by {}", self.attention_scale));
        }
        if let Some(rotary) = &self.rotary {
            let Rotary { dimensions, base, window_base, scaling, .. } = rotary;
            if *dimensions == 0 || dimensions % 2 != 0 || *dimensions > head_dim {
                return refused(format!("heads of width {head_dim} of which {dimensions} numbers are rotated"));
            }
            for base in [Some(*base), *window_base].into_iter().flatten() {
                if !(base > 1.0 && base.is_finite()) {
                    return refused(format!("rotary positions with the base {base}"));
                }
            }
            if let Some((name, size)) = scaling.sizes().into_iter().find(|(_, size)| !(*size > 0.0 && size.is_finite()))
            {
                return refused(format!("stretched rotary positions with the {name} {size}"));
            }
            if let RopeScaling::Llama3 { low, high, .. } = scaling
                && high <= low
            {
                return refused(format!(
                    "stretched rotary positions with high_freq_factor {high} and low_freq_factor {low}"
                ));
            }
            rotary.check_factors()?;
        }
        Ok(self)
    }
}

/// All layers are windowed but each `every`-th.
pub(super) fn pattern(layers: usize, every: usize) -> Vec<bool> {
    (1..=layers).map(|layer| every == 0 || !layer.is_multiple_of(every)).collect()
}
