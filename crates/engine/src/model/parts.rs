//! Assembles a decoder from its named tensors.

use std::collections::HashMap;

use prunescope_formats::LoadError;
use prunescope_kernels::attention::AttentionShape;
use prunescope_protocol::model::DecoderConfig;

use super::decoder::{Block, Decoder};
use super::replacement::HeadMap;
use crate::compute::attention::Attention;
use crate::compute::mlp::Mlp;
use crate::compute::norm::Norm;
use crate::compute::rope::Rope;
use crate::compute::{Compute, Linear};

/// The tensors of a decoder by their GGUF names: matrices, and rows (norm weights and biases).
pub(super) struct Parts<C: Compute> {
    pub(super) matrices: HashMap<String, C::Matrix>,
    pub(super) rows: HashMap<String, C::Vector>,
}

impl<C: Compute> Parts<C> {
    fn matrix(&mut self, path: &str) -> Result<Linear<C>, LoadError> {
        let tensor = format!("{path}.weight");
        let weights = self.matrices.remove(&tensor).ok_or_else(|| missing(tensor))?;
        Ok(Linear { weights, bias: self.rows.remove(&format!("{path}.bias")) })
    }

    fn norm(&mut self, path: &str, config: &DecoderConfig) -> Result<Norm<C>, LoadError> {
        let tensor = format!("{path}.weight");
        Ok(Norm {
            weight: self.rows.remove(&tensor).ok_or_else(|| missing(tensor))?,
            bias: self.rows.remove(&format!("{path}.bias")),
            epsilon: config.norm_epsilon,
            centred: config.family.centres(),
        })
    }

    /// A norm that not every family has; `None` if its weight is absent.
    fn norm_if_any(&mut self, path: &str, config: &DecoderConfig) -> Result<Option<Norm<C>>, LoadError> {
        let is_there = self.rows.contains_key(&format!("{path}.weight"));
        is_there.then(|| self.norm(path, config)).transpose()
    }

    /// Assembles the decoder of this configuration.
    pub(super) fn decoder(mut self, config: DecoderConfig, compute: C) -> Result<Decoder<C>, LoadError> {
        let mut blocks = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let path = |part: &str| format!("blk.{layer}.{part}");
            let of_query = self.norm_if_any(&path("attn_q_norm"), &config)?;
            let of_key = self.norm_if_any(&path("attn_k_norm"), &config)?;
            let window = config.window_of(layer);
            let heads = AttentionShape {
                num_heads: config.heads,
                num_kv_heads: config.key_value_heads,
                head_dim: config.head_dim,
                scale: config.attention_scale as f32,
                window: window.unwrap_or(usize::MAX),
            };
            let norm = self.norm(&path("attn_norm"), &config)?;
            let mlp_norm =
                if config.family.shares_norm() { norm.clone() } else { self.norm(&path("ffn_norm"), &config)? };
            blocks.push(Block {
                attention: Attention {
                    norm,
                    query: self.matrix(&path("attn_q"))?,
                    key: self.matrix(&path("attn_k"))?,
                    value: self.matrix(&path("attn_v"))?,
                    output: self.matrix(&path("attn_output"))?,
                    head_norms: of_query.zip(of_key).map(|(query, key)| [query, key]),
                    post_norm: self.norm_if_any(&path("post_attention_norm"), &config)?,
                    heads,
                    windowed: window.is_some(),
                },
                mlp: Mlp {
                    norm: mlp_norm,
                    gate: if config.family.gated() { Some(self.matrix(&path("ffn_gate"))?) } else { None },
                    up: self.matrix(&path("ffn_up"))?,
                    down: self.matrix(&path("ffn_down"))?,
                    activation: config.activation,
                    post_norm: self.norm_if_any(&path("post_ffw_norm"), &config)?,
                },
            });
        }
        let rope = |windowed| config.rotary.as_ref().map(|rotary| Rope::new(rotary, windowed));
        let (rope, window_rope) = (rope(false), config.window.and_then(|_| rope(true)));
        let position_embedding = if config.rotary.is_none() { Some(self.matrix("position_embd")?) } else { None };
        Ok(Decoder {
            embedding: self.matrix("token_embd")?,
            position_embedding,
            blocks,
            norm: self.norm("output_norm", &config)?,
            head: self.matrix("output").ok(),
            head_map: HeadMap::default(),
            rope,
            window_rope,
            config,
            compute,
        })
    }
}

/// The error for a tensor that no file has.
fn missing(tensor: String) -> LoadError {
    LoadError::MissingTensor { tensor, example: String::new() }
}
