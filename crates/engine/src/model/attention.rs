//! Causal grouped-query self-attention with rotary or learned positions, over the whole context or a window of it.

use burn::tensor::Tensor;
#[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
use burn::tensor::activation::softmax;

use super::kv_cache::KeyValueCache;
use super::linear::{Linear, Weights, host_tensor, host_values};
use super::norm::Norm;
#[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
use super::rope::Rotation;
use prunescope_kernels::attention::{Heads, attend, rotate};
use prunescope_kernels::{Inputs, PackedMatrix};

/// An attention sublayer; matrices are `[out, in]`, rows of query and key in interleaved pairs.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Norm before the projections.
    pub norm: Norm,
    /// `[heads · head_dim, hidden]`.
    pub query: Linear,
    /// `[key_value_heads · head_dim, hidden]`.
    pub key: Linear,
    /// `[key_value_heads · head_dim, hidden]`.
    pub value: Linear,
    /// `[hidden, heads · head_dim]`.
    pub output: Linear,
    /// Norms of each head of queries and of keys, where the family has them.
    pub head_norms: Option<[Norm; 2]>,
    /// Norm of the output, where the family has it.
    pub norm_after: Option<Norm>,
    /// Its heads, and what they see.
    pub heads: Heads,
    /// Whether it sees a window only, so that it takes the positions of windows.
    pub windowed: bool,
}

/// What all layers of one forward pass share: where its tokens stand.
#[derive(Clone, Debug)]
pub struct Positions {
    /// For layers that see the whole context.
    pub whole: PositionTable,
    /// For layers that see a window.
    pub windowed: Option<PositionTable>,
}

/// Positions as a device takes them.
#[derive(Clone, Debug)]
pub enum PositionTable {
    /// For plain burn.
    #[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
    Tensors(Box<TensorPositions>),
    /// For the kernels of a GPU: cosines, then sines, of each pair, `[tokens, dimensions]`.
    #[cfg(feature = "gpu")]
    Blocks(Box<Tensor<2>>),
    /// For the host: cosines and sines of each pair, each `[tokens, dimensions / 2]`.
    Angles([Vec<f32>; 2]),
}

/// Positions for plain burn.
#[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
#[derive(Clone, Debug)]
pub struct TensorPositions {
    /// Cosines and sines of the tokens read; none where positions are learned.
    pub rotation: Option<Rotation>,
    /// `[1, tokens, context]`: 0 where a token may look, −∞ (a large negative number) where it may not; none where it may
    /// look everywhere.
    pub mask: Option<Tensor<3>>,
}

impl Attention {
    /// onto + f(x) of this sublayer, `[rows, hidden]`; appends to the caches of `layer`.
    ///
    /// * `x` — what the sublayer reads; `onto` — the residual stream before it. Both `[rows, hidden]`.
    /// * `positions` — of the rows of one text.
    /// * `caches` — one for each text that is read: `x` has equally many rows of each, text after text.
    pub fn forward(
        &self,
        x: Tensor<2>,
        onto: Tensor<2>,
        layer: usize,
        positions: &Positions,
        caches: &mut [&mut KeyValueCache],
    ) -> Tensor<2> {
        self.project(self.mix(self.norm.forward(x), layer, positions, caches), onto)
    }

    /// onto + W_o of the mixed values, normed where there is a norm after it, `[rows, hidden]`.
    pub fn project(&self, mixed: Tensor<2>, onto: Tensor<2>) -> Tensor<2> {
        match &self.norm_after {
            Some(norm) => onto.add(norm.forward(self.output.apply(mixed))),
            None => self.output.apply_onto(mixed, onto),
        }
    }

    /// The mixed values of all heads, `[rows, heads · head_dim]`, for the normed `x`; positions and caches as in [`Self::forward`].
    pub fn mix(
        &self,
        x: Tensor<2>,
        layer: usize,
        positions: &Positions,
        caches: &mut [&mut KeyValueCache],
    ) -> Tensor<2> {
        let table = positions.windowed.as_ref().filter(|_| self.windowed).unwrap_or(&positions.whole);
        match (table, &self.query.weights, &self.key.weights, &self.value.weights) {
            #[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
            (PositionTable::Tensors(positions), ..) => {
                let mix = |[x]: [Tensor<2>; 1], cache: &mut _| self.mix_tensors(x, layer, positions, cache);
                text_by_text([x], caches, mix)
            }
            #[cfg(feature = "gpu")]
            (PositionTable::Blocks(angles), ..) => {
                text_by_text(self.projections(x), caches, |[query, key, value], cache| {
                    let all = cache.append_turned(layer, key, value, angles.as_ref().clone(), self.heads.width);
                    prunescope_gpu::ops::attend(query, all, angles.as_ref().clone(), self.heads)
                })
            }
            (PositionTable::Angles(angles), Weights::Packed(query), Weights::Packed(key), Weights::Packed(value)) => {
                self.mix_rows(x, layer, angles, [query, key, value], caches)
            }
            (PositionTable::Angles(_), ..) => unreachable!("a decoder holds all its matrices in one way"),
        }
    }

    /// Queries, keys and values of the normed `x`, heads normed where they are.
    fn projections(&self, x: Tensor<2>) -> [Tensor<2>; 3] {
        let query = self.query.apply(x.clone());
        let [key, value] = self.key.apply_both(x, &self.value);
        match &self.head_norms {
            Some([of_query, of_key]) => [of_query.by_head(query), of_key.by_head(key), value],
            None => [query, key, value],
        }
    }

    fn mix_rows(
        &self,
        x: Tensor<2>,
        layer: usize,
        [cos, sin]: &[Vec<f32>; 2],
        [query, key, value]: [&PackedMatrix; 3],
        caches: &mut [&mut KeyValueCache],
    ) -> Tensor<2> {
        let [rows, columns] = x.dims();
        let inputs = Inputs::new(host_values(x), columns);
        let Heads { queries, keys, width, .. } = self.heads;
        let mut query = self.query.multiply(query, &inputs);
        let mut key = self.key.multiply(key, &inputs);
        let value = self.value.multiply(value, &inputs);
        if let Some([of_query, of_key]) = &self.head_norms {
            query = of_query.host_rows(&query);
            key = of_key.host_rows(&key);
        }
        let tokens = rows / caches.len().max(1);
        let queries_of_texts = query.chunks_exact_mut(tokens * queries * width);
        let keys_of_texts = key.chunks_exact_mut(tokens * keys * width);
        let values_of_texts = value.chunks_exact(tokens * keys * width);
        let mut mixed = Vec::with_capacity(rows * queries * width);
        for (((query, key), value), cache) in
            queries_of_texts.zip(keys_of_texts).zip(values_of_texts).zip(caches.iter_mut())
        {
            rotate(query, queries, width, cos, sin);
            rotate(key, keys, width, cos, sin);
            let all = cache.append_rows(layer, key, value, keys * width);
            mixed.append(&mut attend(query, &all.keys, &all.values, self.heads));
        }
        host_tensor(mixed, rows)
    }

    #[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
    fn mix_tensors(
        &self,
        x: Tensor<2>,
        layer: usize,
        TensorPositions { rotation, mask }: &TensorPositions,
        cache: &mut KeyValueCache,
    ) -> Tensor<2> {
        let [tokens, _] = x.dims();
        let Heads { queries: heads, keys: groups, width, scale, .. } = self.heads;
        let [query, key, value] = self.projections(x);
        let turn = |x: Tensor<2>, heads: usize| {
            let x = x.reshape([tokens, heads, width]);
            rotation.as_ref().map_or(x.clone(), |rotation| rotation.apply(x))
        };
        let (query, key) = (turn(query, heads), turn(key, groups));
        let value = value.reshape([tokens, groups, width]);
        let shared = heads / groups;
        let [keys, values] = cache.append(layer, key.swap_dims(0, 1), value.swap_dims(0, 1));
        let [_, context, _] = keys.dims();
        // Query heads of one group are stacked as rows, so that a key head is never copied: [groups, shared · tokens, width].
        let query = query.reshape([tokens, groups, shared, width]).permute([1, 2, 0, 3]).reshape([
            groups,
            shared * tokens,
            width,
        ]);
        let scores = query.matmul(keys.swap_dims(1, 2)).mul_scalar(scale);
        let scores = match mask {
            None => scores,
            Some(mask) => scores.reshape([groups * shared, tokens, context]).add(mask.clone()).reshape([
                groups,
                shared * tokens,
                context,
            ]),
        };
        let mixed = softmax(scores, 2).matmul(values);
        mixed.reshape([groups, shared, tokens, width]).permute([2, 0, 1, 3]).reshape([tokens, heads * width])
    }
}

/// Does something with the rows of each text and its cache, and puts what comes of them one after the other.
///
/// * `parts` — each with equally many rows of every text, text after text.
fn text_by_text<const N: usize>(
    parts: [Tensor<2>; N],
    caches: &mut [&mut KeyValueCache],
    each: impl Fn([Tensor<2>; N], &mut KeyValueCache) -> Tensor<2>,
) -> Tensor<2> {
    if let [cache] = caches {
        return each(parts, cache);
    }
    let texts = caches.len().max(1);
    let of_text = |(text, cache): (usize, &mut &mut KeyValueCache)| {
        let rows = parts.each_ref().map(|part| {
            let tokens = part.dims()[0] / texts;
            part.clone().narrow(0, text * tokens, tokens)
        });
        each(rows, cache)
    };
    Tensor::cat(caches.iter_mut().enumerate().map(of_text).collect(), 0)
}
