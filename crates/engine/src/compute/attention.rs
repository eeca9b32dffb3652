//! Causal grouped-query self-attention with RoPE or learned positions, over the full context or a sliding window.

use burn::tensor::Tensor;
use prunescope_kernels::attention::AttentionShape;

use super::kv_cache::KeyValueCache;
use super::linear::Linear;
use super::norm::Norm;
use crate::compute::{Compute, TextRows};

/// An attention sublayer. Matrices are `[out, in]`; rotary pairs of query and key rows are interleaved (2i, 2i + 1).
#[derive(Clone, Debug)]
pub struct Attention<C: Compute> {
    /// Norm before the projections.
    pub norm: Norm<C>,
    /// `[num_heads · head_dim, hidden]`.
    pub query: Linear<C>,
    /// `[num_kv_heads · head_dim, hidden]`.
    pub key: Linear<C>,
    /// `[num_kv_heads · head_dim, hidden]`.
    pub value: Linear<C>,
    /// `[hidden, num_heads · head_dim]`.
    pub output: Linear<C>,
    /// Per-head norms of queries and keys (QK-norm); `None` if the family has none.
    pub head_norms: Option<[Norm<C>; 2]>,
    /// Norm of the output before the residual addition; `None` if the family has none.
    pub post_norm: Option<Norm<C>>,
    /// Heads, scale and window.
    pub heads: AttentionShape,
    /// Whether it attends to a sliding window, and so uses [`Positions::windowed`].
    pub windowed: bool,
}

/// Position data of one text's tokens in a forward pass, shared by all layers.
#[derive(Clone, Debug)]
pub struct Positions<C: Compute> {
    /// Number of the tokens.
    pub tokens: usize,
    /// For layers with full attention.
    pub whole: C::Positions,
    /// For layers with sliding-window attention; `None` if there are none.
    pub windowed: Option<C::Positions>,
}

/// One text of a batch, whose rows go through the layers together.
#[derive(Debug)]
pub struct Text<'a, C: Compute> {
    /// The positions of its rows.
    pub positions: &'a Positions<C>,
    /// Its keys and values, to which those of its rows are appended.
    pub cache: &'a mut KeyValueCache<C>,
}

impl<'a, C: Compute> Text<'a, C> {
    /// A text by its parts.
    pub fn new(positions: &'a Positions<C>, cache: &'a mut KeyValueCache<C>) -> Self {
        Self { positions, cache }
    }
}

impl<C: Compute> Attention<C> {
    /// residual + f(x), `[rows, hidden]`; appends to the KV caches of `layer`.
    ///
    /// * `x`: the sublayer's input before its norm, `[rows, hidden]`.
    /// * `residual`: the residual stream before the sublayer, `[rows, hidden]`.
    /// * `texts`: the texts of the batch. `x` has the rows of each, in order.
    pub fn forward(&self, x: Tensor<2>, residual: Tensor<2>, layer: usize, texts: &mut [Text<'_, C>]) -> Tensor<2> {
        self.o_proj(self.attend(self.norm.forward(x), layer, texts), residual)
    }

    /// residual + W_o · heads (after the post-norm, if any), `[rows, hidden]`.
    ///
    /// * `heads`: the result of [`Self::attend`], `[rows, num_heads · head_dim]`.
    pub fn o_proj(&self, heads: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        self.output.forward_residual(heads, residual, self.post_norm.as_ref())
    }

    /// Attention output of all heads before the output projection, `[rows, num_heads · head_dim]`.
    ///
    /// * `x`: the normed input, `[rows, hidden]`.
    /// * `texts`: as in [`Self::forward`].
    pub fn attend(&self, x: Tensor<2>, layer: usize, texts: &mut [Text<'_, C>]) -> Tensor<2> {
        let rows = texts.iter_mut().map(|text| {
            let Positions { tokens, whole, windowed } = text.positions;
            let positions = windowed.as_ref().filter(|_| self.windowed).unwrap_or(whole);
            TextRows { tokens: *tokens, positions, cache: text.cache.layer(layer) }
        });
        C::attend(self, x, &mut rows.collect::<Vec<_>>())
    }

    /// Applies the per-head norms to queries and keys, if the family has them.
    pub fn normed_heads(&self, query: Tensor<2>, key: Tensor<2>) -> [Tensor<2>; 2] {
        match &self.head_norms {
            Some([of_query, of_key]) => {
                let head_dim = self.heads.head_dim;
                [of_query.per_head(query, head_dim), of_key.per_head(key, head_dim)]
            }
            None => [query, key],
        }
    }
}
