//! Causal grouped-query self-attention with rotary or learned positions, over the whole context or a window of it.

use burn::tensor::Tensor;
use prunescope_kernels::attention::AttentionShape;

use super::kv_cache::KeyValueCache;
use super::linear::Linear;
use super::norm::Norm;
use crate::compute::Compute;

/// An attention sublayer; matrices are `[out, in]`, rows of query and key in interleaved pairs.
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
    /// Norms of each head of queries and of keys, where the family has them.
    pub head_norms: Option<[Norm<C>; 2]>,
    /// Norm of the output, where the family has it.
    pub post_norm: Option<Norm<C>>,
    /// Its heads, and what they see.
    pub heads: AttentionShape,
    /// Whether it sees a window only, so that it takes the positions of windows.
    pub windowed: bool,
}

/// What all layers of one forward pass share: where its tokens stand.
#[derive(Clone, Debug)]
pub struct Positions<C: Compute> {
    /// For layers that see the whole context.
    pub whole: C::Positions,
    /// For layers that see a window.
    pub windowed: Option<C::Positions>,
}

impl<C: Compute> Attention<C> {
    /// residual + f(x), `[rows, hidden]`; appends to the caches of `layer`.
    ///
    /// * `x` — what the sublayer reads; `residual` — the residual stream before it. Both `[rows, hidden]`.
    /// * `positions` — of the rows of one text.
    /// * `caches` — one for each text that is read: `x` has equally many rows of each, text after text.
    pub fn forward(
        &self,
        x: Tensor<2>,
        residual: Tensor<2>,
        layer: usize,
        positions: &Positions<C>,
        caches: &mut [&mut KeyValueCache<C>],
    ) -> Tensor<2> {
        self.o_proj(self.attend(self.norm.forward(x), layer, positions, caches), residual)
    }

    /// residual + W_o of the heads' values, normed where there is a norm after it, `[rows, hidden]`.
    pub fn o_proj(&self, heads: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        self.output.forward_residual(heads, residual, self.post_norm.as_ref())
    }

    /// The values of all heads, `[rows, num_heads · head_dim]`, for the normed `x`; positions and caches as in
    /// [`Self::forward`].
    pub fn attend(
        &self,
        x: Tensor<2>,
        layer: usize,
        positions: &Positions<C>,
        caches: &mut [&mut KeyValueCache<C>],
    ) -> Tensor<2> {
        let positions = positions.windowed.as_ref().filter(|_| self.windowed).unwrap_or(&positions.whole);
        let mut caches: Vec<_> = caches.iter_mut().map(|cache| cache.layer(layer)).collect();
        C::attend(self, x, positions, &mut caches)
    }

    /// Queries and keys, heads normed where the family norms them.
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
