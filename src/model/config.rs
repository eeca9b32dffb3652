//! The numbers that fix a decoder's shape, from GGUF metadata.

use serde::{Deserialize, Serialize};

use super::gguf::{Gguf, GgufError};
use super::load_error::LoadError;

/// Shape and constants of a llama-family decoder. Source: GGUF specification, "LLM" keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// The model's own name.
    pub name: String,
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
    /// RMSNorm's ε.
    pub norm_epsilon: f64,
    /// RoPE's base frequency.
    pub rope_base: f64,
}

/// Architectures that the decoder knows, by their name in `general.architecture`.
pub const ARCHITECTURES: [&str; 1] = ["llama"];

impl DecoderConfig {
    /// Reads the configuration from a file's metadata.
    ///
    /// # Errors
    /// An unknown architecture, a missing key, or numbers that do not fit together.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, LoadError> {
        let architecture = gguf.text("general.architecture")?;
        if !ARCHITECTURES.contains(&architecture) {
            return Err(LoadError::Architecture { found: architecture.into(), known: ARCHITECTURES.join(", ") });
        }
        let number = |key: &str, most: u64| -> Result<usize, LoadError> {
            let key = format!("{architecture}.{key}");
            let n = gguf.unsigned(&key)?;
            if n == 0 || n > most {
                return Err(GgufError::Implausible { what: format!("`{key}`"), found: n }.into());
            }
            Ok(n as usize)
        };
        if let Ok(scaling) = gguf.text(&format!("{architecture}.rope.scaling.type"))
            && scaling != "none"
        {
            return Err(LoadError::Unsupported { what: format!("RoPE scaling of type `{scaling}`") });
        }
        if gguf.tensors.iter().any(|tensor| tensor.name == "rope_freqs.weight") {
            return Err(LoadError::Unsupported { what: "RoPE frequency factors (`rope_freqs.weight`)".into() });
        }
        let heads = number("attention.head_count", 1 << 12)?;
        let key_value_heads = number("attention.head_count_kv", 1 << 12).unwrap_or(heads);
        let hidden = number("embedding_length", 1 << 16)?;
        let head_dim = number("attention.key_length", 1 << 12).unwrap_or(hidden / heads);
        let rotated = number("rope.dimension_count", 1 << 12).unwrap_or(head_dim);
        if !heads.is_multiple_of(key_value_heads) || !head_dim.is_multiple_of(2) || head_dim == 0 || rotated != head_dim
        {
            return Err(LoadError::Unsupported {
                what: format!(
                    "{heads} heads over {key_value_heads} key-value heads, of width {head_dim} with {rotated} rotated"
                ),
            });
        }
        let vocabulary = gguf.texts("tokenizer.ggml.tokens")?.len();
        if vocabulary == 0 {
            return Err(GgufError::Implausible { what: "the size of the vocabulary".into(), found: 0 }.into());
        }
        Ok(Self {
            name: gguf.text("general.name").unwrap_or("unnamed model").to_string(),
            layers: number("block_count", 1 << 10)?,
            hidden,
            feed_forward: number("feed_forward_length", 1 << 18)?,
            heads,
            key_value_heads,
            head_dim,
            vocabulary,
            context: number("context_length", 1 << 24)?,
            norm_epsilon: gguf.float(&format!("{architecture}.attention.layer_norm_rms_epsilon"))?,
            rope_base: gguf.float(&format!("{architecture}.rope.freq_base")).unwrap_or(10_000.0),
        })
    }

    /// Sublayers in the decoder: two a block.
    pub fn sublayers(&self) -> usize {
        2 * self.layers
    }
}
