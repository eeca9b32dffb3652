//! Reference backend for tests: plain burn on f32 weights, on any device. Not used in shipped programs.

use burn::tensor::activation::{gelu, silu, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use prunescope_formats::tensor::{StoredMatrix, TensorInfo};
use prunescope_kernels::attention::AttentionShape;
use prunescope_protocol::messages::Backend;
use prunescope_protocol::model::family::Activation;
use prunescope_quant::dequantize;

use super::kv_cache::TensorLayerCache;
use super::{Compute, TextRows, bytes_of, can_be_rounded, on_device, packed, read_back, text_by_text};
use crate::compute::attention::Attention;
use crate::compute::linear::Linear;
use crate::compute::mlp::Mlp;
use crate::compute::norm::Norm;
use crate::compute::rope::Rope;
use crate::metrics::ModelOutputs;
use crate::metrics::comparison::{PendingComparison, compare_after_reading};

/// The reference backend on a device.
#[derive(Clone, Debug)]
pub struct Reference(pub Device);

/// Position data of a pass's tokens.
#[derive(Clone, Debug)]
pub struct ReferencePositions {
    /// RoPE; `None` with learned positions.
    rotation: Option<Rotation>,
    /// Additive attention mask, `[1, tokens, context]`: 0 if a token may attend, −1e9 if not.
    mask: Tensor<3>,
}

/// RoPE cosines and sines of consecutive positions, each `[tokens, 1, rotary_dim]`.
///
/// The rotation is computed as `x ∘ cos + (x R) ∘ sin`, where R maps (x₀, x₁) to (−x₁, x₀) in each pair: a small matrix
/// product instead of strided slices.
#[derive(Clone, Debug)]
struct Rotation {
    cos: Tensor<3>,
    sin: Tensor<3>,
    /// R, `[rotary_dim, rotary_dim]`.
    swap: Tensor<2>,
}

impl Rotation {
    fn new(rope: &Rope, start: usize, tokens: usize, device: &Device) -> Self {
        let angles = rope.angles(start, tokens);
        let width = 2 * angles[0].len() / tokens.max(1);
        let mut swap = vec![0f32; width * width];
        for pair in (0..width).step_by(2) {
            swap[(pair + 1) * width + pair] = -1.0;
            swap[pair * width + pair + 1] = 1.0;
        }
        let [cos, sin] = angles.map(|pairs| {
            let columns: Vec<f32> = pairs.into_iter().flat_map(|x| [x, x]).collect();
            Tensor::from_data(TensorData::new(columns, [tokens, 1, width]), device)
        });
        Self { cos, sin, swap: on_device(swap, [width, width], device) }
    }

    /// Rotates the first `rotary_dim` elements of each head of `x`, `[tokens, heads, head_dim]`.
    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        let [tokens, heads, head_dim] = x.dims();
        let [_, _, rotary_dim] = self.cos.dims();
        let part = x.clone().narrow(2, 0, rotary_dim);
        let swapped = part.clone().reshape([tokens * heads, rotary_dim]).matmul(self.swap.clone());
        let swapped = swapped.reshape([tokens, heads, rotary_dim]);
        let turned = part.mul(self.cos.clone()).add(swapped.mul(self.sin.clone()));
        if rotary_dim == head_dim {
            return turned;
        }
        Tensor::cat(vec![turned, x.narrow(2, rotary_dim, head_dim - rotary_dim)], 2)
    }
}

/// Keys and values each `[num_kv_heads, tokens, head_dim]`.
type ReferenceLayerCache = TensorLayerCache<3, 1>;

impl Compute for Reference {
    const BACKEND: Backend = Backend::Cpu;
    const IS_CHECKED: bool = true;

    type Matrix = Tensor<2>;
    /// `[1, columns]`.
    type Vector = Tensor<2>;
    type Positions = ReferencePositions;
    type LayerCache = ReferenceLayerCache;

    fn device(&self) -> Device {
        self.0.clone()
    }

    fn matrix(&self, stored: &StoredMatrix<'_>, rounds: bool) -> Tensor<2> {
        let StoredMatrix { tensor_type, bytes, shape } = stored;
        // Avoids packed weights unless rounding is needed, since this backend is their reference.
        let values = if rounds && can_be_rounded(*tensor_type, shape[1]) {
            packed(stored, rounds).values()
        } else {
            dequantize(*tensor_type, bytes)
        };
        on_device(values, *shape, &self.0)
    }

    fn held_bytes(tensor: &TensorInfo, rounds: bool) -> u64 {
        bytes_of(tensor, rounds, |_, _| 32.0)
    }

    fn vector(&self, values: Vec<f32>) -> Tensor<2> {
        let columns = values.len();
        on_device(values, [1, columns], &self.0)
    }

    fn shape(matrix: &Tensor<2>) -> [usize; 2] {
        matrix.dims()
    }

    async fn values(matrix: &Tensor<2>) -> Result<Vec<f32>, String> {
        read_back(matrix.clone()).await
    }

    fn with_values(matrix: &Tensor<2>, values: Vec<f32>) -> Tensor<2> {
        on_device(values, matrix.dims(), &matrix.device())
    }

    fn with_grid(matrix: &Tensor<2>, values: Vec<f32>, _: &[[f32; 2]]) -> Tensor<2> {
        Self::with_values(matrix, values)
    }

    fn with_mask_from(matrix: &Tensor<2>, values: Vec<f32>) -> Tensor<2> {
        Self::with_values(matrix, values)
    }

    fn select(matrix: &Tensor<2>, ids: &[u32]) -> Tensor<2> {
        let places: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
        matrix.clone().select(0, Tensor::from_data(TensorData::from(places.as_slice()), &matrix.device()))
    }

    fn positions(&self, rope: Option<&Rope>, window: Option<usize>, start: usize, tokens: usize) -> ReferencePositions {
        let context = start + tokens;
        let sees = |row: usize, column: usize| column <= start + row && window.is_none_or(|w| column + w > start + row);
        let of_row = |row| (0..context).map(move |column| if sees(row, column) { 0.0 } else { -1e9f32 });
        let values: Vec<f32> = (0..tokens).flat_map(of_row).collect();
        ReferencePositions {
            rotation: rope.map(|rope| Rotation::new(rope, start, tokens, &self.0)),
            mask: Tensor::from_data(TensorData::new(values, [1, tokens, context]), &self.0),
        }
    }

    fn norm(norm: &Norm<Self>, x: Tensor<2>) -> Tensor<2> {
        let x = if norm.centred { x.clone().sub(x.mean_dim(1)) } else { x };
        let scale = x.clone().square().mean_dim(1).add_scalar(norm.epsilon).sqrt().recip();
        let normed = x.mul(scale).mul(norm.weight.clone());
        match &norm.bias {
            Some(bias) => normed.add(bias.clone()),
            None => normed,
        }
    }

    fn linear(Linear { weights, bias }: &Linear<Self>, x: Tensor<2>) -> Tensor<2> {
        let product = x.matmul(weights.clone().transpose());
        match bias {
            Some(bias) => product.add(bias.clone()),
            None => product,
        }
    }

    fn mlp_intermediate(mlp: &Mlp<Self>, x: Tensor<2>) -> Tensor<2> {
        let activate = |x: Tensor<2>| match mlp.activation {
            Activation::Silu => silu(x),
            Activation::Gelu => gelu(x),
            Activation::GeluTanh => {
                let inner = x.clone().powi_scalar(3).mul_scalar(0.044_715).add(x.clone());
                let inner = inner.mul_scalar((2.0 / std::f64::consts::PI).sqrt());
                x.mul_scalar(0.5).mul(inner.tanh().add_scalar(1.0))
            }
        };
        let up = Self::linear(&mlp.up, x.clone());
        match &mlp.gate {
            Some(gate) => activate(Self::linear(gate, x)).mul(up),
            None => activate(up),
        }
    }

    fn attend(attention: &Attention<Self>, x: Tensor<2>, texts: &mut [TextRows<'_, Self>]) -> Tensor<2> {
        let [query, key, value] =
            [&attention.query, &attention.key, &attention.value].map(|of| Self::linear(of, x.clone()));
        let [query, key] = attention.normed_heads(query, key);
        text_by_text([query, key, value], texts, |rows, text| attend(attention.heads, rows, text.positions, text.cache))
    }

    fn product(x: Tensor<2>, weights: Tensor<2>) -> Tensor<2> {
        x.matmul(weights.transpose())
    }

    fn compare(dense: &ModelOutputs, pruned: &ModelOutputs, temperature: f32, with_top: bool) -> PendingComparison {
        compare_after_reading(dense, pruned, temperature, with_top)
    }
}

/// Attention output of one text's tokens, `[tokens, num_heads · head_dim]`.
fn attend(
    heads: AttentionShape,
    [query, key, value]: [Tensor<2>; 3],
    ReferencePositions { rotation, mask }: &ReferencePositions,
    cache: &mut ReferenceLayerCache,
) -> Tensor<2> {
    let [tokens, _] = query.dims();
    let AttentionShape { num_heads, num_kv_heads, head_dim, scale, .. } = heads;
    let turned = |x: Tensor<2>, heads: usize| {
        let x = x.reshape([tokens, heads, head_dim]);
        rotation.as_ref().map_or(x.clone(), |rotation| rotation.apply(x))
    };
    let (query, key) = (turned(query, num_heads), turned(key, num_kv_heads));
    let value = value.reshape([tokens, num_kv_heads, head_dim]);
    let [keys, values] = cache.append(key.swap_dims(0, 1), value.swap_dims(0, 1));
    let [_, context, _] = keys.dims();
    // Query heads of one group are stacked as rows, [num_kv_heads, group · tokens, head_dim], so that key heads are not
    // copied.
    let group = num_heads / num_kv_heads;
    let query = query.reshape([tokens, num_kv_heads, group, head_dim]).permute([1, 2, 0, 3]);
    let query = query.reshape([num_kv_heads, group * tokens, head_dim]);
    let scores = query.matmul(keys.swap_dims(1, 2)).mul_scalar(scale);
    let scores = scores.reshape([num_heads, tokens, context]).add(mask.clone());
    let scores = scores.reshape([num_kv_heads, group * tokens, context]);
    let mixed = softmax(scores, 2).matmul(values).reshape([num_kv_heads, group, tokens, head_dim]);
    mixed.permute([2, 0, 1, 3]).reshape([tokens, num_heads * head_dim])
}

#[cfg(test)]
mod tests {
    use super::*;
    use prunescope_formats::config::{RopeScaling, Rotary};
    use prunescope_kernels::attention::rotate;

    #[test]
    fn each_pair_turns_by_its_own_angle_and_the_rest_stays() {
        let device = Device::flex();
        let rotary =
            Rotary { base: 100.0, window_base: None, dimensions: 4, scaling: RopeScaling::None, factors: vec![] };
        let rope = Rope::new(&rotary, false);
        let rows = [1.0, 0.0, 0.0, 2.0, 7.0, 8.0, 1.0, 0.0, 0.0, 2.0, 7.0, 8.0];
        let x = Tensor::<3>::from_data(TensorData::new(rows.to_vec(), [2, 1, 6]), &device);
        let out = Rotation::new(&rope, 0, 2, &device).apply(x).into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(&out[..6], &[1.0, 0.0, 0.0, 2.0, 7.0, 8.0]);
        let (a, b) = (1f32, 0.1f32);
        for (got, want) in out[6..].iter().zip([a.cos(), a.sin(), -2.0 * b.sin(), 2.0 * b.cos(), 7.0, 8.0]) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
        let mut on_host = rows;
        let [cos, sin] = rope.angles(0, 2);
        rotate(&mut on_host, 1, 6, &cos, &sin);
        assert!(on_host.iter().zip(&out).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
