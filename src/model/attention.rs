//! Causal grouped-query self-attention with rotary positions.

use burn::tensor::{Tensor, activation::softmax};

use super::kv_cache::KeyValueCache;
use super::linear::{Linear, host_tensor, host_values, multiply};
use super::norm::RmsNorm;
use super::rope::{Rope, Rotation};
use crate::kernel::attention::{Heads, attend, rotate};
use crate::kernel::{Inputs, PackedMatrix};

/// An attention sublayer; matrices are `[out, in]` as the file stores them.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Norm before the projections.
    pub norm: RmsNorm,
    /// `[heads · head_dim, hidden]`.
    pub query: Linear,
    /// `[key_value_heads · head_dim, hidden]`.
    pub key: Linear,
    /// `[key_value_heads · head_dim, hidden]`.
    pub value: Linear,
    /// `[hidden, heads · head_dim]`.
    pub output: Linear,
    /// Width of one head.
    pub head_dim: usize,
}

/// What all layers of one forward pass share.
#[derive(Clone, Debug)]
pub enum Positions {
    /// For a device.
    Tensors(Box<TensorPositions>),
    /// For the kernels of a GPU: cosines, then sines, of each pair, `[tokens, head_dim]`.
    #[cfg(feature = "gpu")]
    Blocks(Box<Tensor<2>>),
    /// For the host: cosines and sines of each pair, each `[tokens, head_dim / 2]`.
    Angles([Vec<f32>; 2]),
}

/// Positions on a device.
#[derive(Clone, Debug)]
pub struct TensorPositions {
    /// Cosines and sines of the tokens read.
    pub rotation: Rotation,
    /// `[1, tokens, context]`: 0 where a token may look, −∞ (a large negative number) where it may not; none for one token.
    pub mask: Option<Tensor<3>>,
}

impl Attention {
    /// f(x) of this sublayer for `x`, `[tokens, hidden]`; appends to the cache of `layer`.
    pub fn forward(
        &self,
        x: Tensor<2>,
        layer: usize,
        rope: &Rope,
        positions: &Positions,
        cache: &mut KeyValueCache,
    ) -> Tensor<2> {
        self.project(self.mix(self.norm.forward(x), layer, rope, positions, cache))
    }

    /// W_o of the mixed values, `[tokens, hidden]`.
    pub fn project(&self, mixed: Tensor<2>) -> Tensor<2> {
        self.output.apply(mixed)
    }

    /// The mixed values of all heads, `[tokens, heads · head_dim]`, for the normed `x`; appends to the cache of `layer`.
    pub fn mix(
        &self,
        x: Tensor<2>,
        layer: usize,
        rope: &Rope,
        positions: &Positions,
        cache: &mut KeyValueCache,
    ) -> Tensor<2> {
        match (positions, &self.query, &self.key, &self.value) {
            (Positions::Tensors(positions), ..) => self.mix_tensors(x, layer, rope, positions, cache),
            #[cfg(feature = "gpu")]
            (Positions::Blocks(angles), ..) => self.mix_blocks(x, layer, angles, cache),
            (Positions::Angles(angles), Linear::Packed(query), Linear::Packed(key), Linear::Packed(value)) => {
                self.mix_rows(x, layer, angles, [query, key, value], cache)
            }
            (Positions::Angles(_), ..) => unreachable!("a decoder holds all its matrices in one way"),
        }
    }

    #[cfg(feature = "gpu")]
    fn mix_blocks(&self, x: Tensor<2>, layer: usize, angles: &Tensor<2>, cache: &mut KeyValueCache) -> Tensor<2> {
        use crate::gpu::ops::attend;
        let [query, key, value] = [&self.query, &self.key, &self.value].map(|matrix| matrix.apply(x.clone()));
        let width = self.head_dim;
        let heads = Heads { queries: query.dims()[1] / width, keys: key.dims()[1] / width, width };
        let all = cache.append_turned(layer, key, value, angles.clone());
        attend(query, all, angles.clone(), heads)
    }

    fn mix_rows(
        &self,
        x: Tensor<2>,
        layer: usize,
        [cos, sin]: &[Vec<f32>; 2],
        matrices: [&PackedMatrix; 3],
        cache: &mut KeyValueCache,
    ) -> Tensor<2> {
        let [tokens, columns] = x.dims();
        let inputs = Inputs::new(host_values(x), columns);
        let width = self.head_dim;
        let [mut query, mut key, value] = matrices.map(|matrix| multiply(matrix, &inputs));
        let [queries, keys, _] = matrices.map(|matrix| matrix.shape()[0] / width);
        rotate(&mut query, queries, width, cos, sin);
        rotate(&mut key, keys, width, cos, sin);
        let rows = cache.append_rows(layer, &key, &value, keys * width);
        host_tensor(attend(&query, &rows.keys, &rows.values, Heads { queries, keys, width }), tokens)
    }

    fn mix_tensors(
        &self,
        x: Tensor<2>,
        layer: usize,
        rope: &Rope,
        TensorPositions { rotation, mask }: &TensorPositions,
        cache: &mut KeyValueCache,
    ) -> Tensor<2> {
        let [tokens, _] = x.dims();
        let width = self.head_dim;
        let project = |weight: &Linear| {
            let heads = weight.shape()[0] / width;
            weight.apply(x.clone()).reshape([tokens, heads, width])
        };
        let query = rope.apply(project(&self.query), rotation);
        let key = rope.apply(project(&self.key), rotation);
        let value = project(&self.value);
        let [_, heads, _] = query.dims();
        let [_, groups, _] = key.dims();
        let shared = heads / groups;
        let [keys, values] = cache.append(layer, key.swap_dims(0, 1), value.swap_dims(0, 1));
        let [_, context, _] = keys.dims();
        // Query heads of one group are stacked as rows, so that a key head is never copied: [groups, shared · tokens, width].
        let query = query.reshape([tokens, groups, shared, width]).permute([1, 2, 0, 3]).reshape([
            groups,
            shared * tokens,
            width,
        ]);
        let scores = query.matmul(keys.swap_dims(1, 2)).mul_scalar((width as f64).powf(-0.5));
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
