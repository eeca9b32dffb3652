//! The CPU backend: weights stay quantized as in the file, and steps are the kernels of `prunescope_kernels`.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use prunescope_formats::tensor::{StoredMatrix, TensorInfo};
use prunescope_kernels::attention::{AttentionShape, attend, rotate};
use prunescope_kernels::elementwise::{gelu, gelu_tanh, layer_norm, rms_norm, silu, times};
use prunescope_kernels::{Activations, BLOCK, PackedMatrix};
use prunescope_protocol::messages::Backend;
use prunescope_protocol::model::family::Activation;

use super::{Compute, LayerCache, TextRows, bytes_of, on_device, packed};
use crate::compute::attention::Attention;
use crate::compute::linear::Linear;
use crate::compute::mlp::Mlp;
use crate::compute::norm::Norm;
use crate::compute::rope::Rope;
use crate::metrics::ModelOutputs;
use crate::metrics::comparison::{PendingComparison, compare_on_host};
use crate::metrics::host::divergence;

/// The CPU backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

/// KV cache of one layer; clones share memory until one of them is modified.
#[derive(Clone, Debug, Default)]
pub struct CpuLayerCache(Arc<Rows>);

/// Keys and values, each `[tokens, num_kv_heads · head_dim]`.
#[derive(Clone, Debug, Default)]
struct Rows {
    /// Keys after RoPE.
    keys: Vec<f32>,
    values: Vec<f32>,
    /// Numbers per row.
    width: usize,
}

impl CpuLayerCache {
    /// Appends rows of `width` numbers each.
    fn append(&mut self, keys: &[f32], values: &[f32], width: usize) -> &Rows {
        let rows = Arc::make_mut(&mut self.0);
        rows.width = width;
        rows.keys.extend_from_slice(keys);
        rows.values.extend_from_slice(values);
        rows
    }
}

impl LayerCache for CpuLayerCache {
    fn append_from(&mut self, other: &Self, position: usize) {
        let Rows { keys, values, width } = &*other.0;
        let span = position * width..(position + 1) * width;
        self.append(&keys[span.clone()], &values[span], *width);
    }

    fn truncate(&mut self, tokens: usize) {
        let numbers = tokens * self.0.width;
        if numbers < self.0.keys.len() {
            let rows = Arc::make_mut(&mut self.0);
            rows.keys.truncate(numbers);
            rows.values.truncate(numbers);
        }
    }
}

impl Compute for Cpu {
    const BACKEND: Backend = Backend::Cpu;
    const IS_CHECKED: bool = false;

    type Matrix = PackedMatrix;
    type Vector = Arc<[f32]>;
    /// RoPE cosines and sines, each `[tokens, rotary_dim / 2]`; empty with learned positions.
    type Positions = [Vec<f32>; 2];
    type LayerCache = CpuLayerCache;

    fn device(&self) -> Device {
        Device::flex()
    }

    fn matrix(&self, stored: &StoredMatrix<'_>, rounds: bool) -> PackedMatrix {
        packed(stored, rounds)
    }

    fn held_bytes(tensor: &TensorInfo, rounds: bool) -> u64 {
        bytes_of(tensor, rounds, PackedMatrix::bits_a_weight)
    }

    fn vector(&self, values: Vec<f32>) -> Arc<[f32]> {
        values.into()
    }

    fn shape(matrix: &PackedMatrix) -> [usize; 2] {
        matrix.shape()
    }

    async fn values(matrix: &PackedMatrix) -> Result<Vec<f32>, String> {
        Ok(matrix.values())
    }

    fn with_values(matrix: &PackedMatrix, values: Vec<f32>) -> PackedMatrix {
        let [_, columns] = matrix.shape();
        PackedMatrix::from_values(values, columns)
    }

    fn with_grid(matrix: &PackedMatrix, values: Vec<f32>, grid: &[[f32; 2]]) -> PackedMatrix {
        let [_, columns] = matrix.shape();
        if columns.is_multiple_of(BLOCK) {
            PackedMatrix::on_grid(&values, columns, grid)
        } else {
            PackedMatrix::from_values(values, columns)
        }
    }

    fn with_mask_from(matrix: &PackedMatrix, values: Vec<f32>) -> PackedMatrix {
        matrix.with_mask_from(values)
    }

    fn select(matrix: &PackedMatrix, ids: &[u32]) -> Tensor<2> {
        let [_, columns] = matrix.shape();
        let mut out = vec![0.0; ids.len() * columns];
        for (id, row) in ids.iter().zip(out.chunks_exact_mut(columns)) {
            matrix.read_row(*id as usize, row);
        }
        to_tensor(out, ids.len())
    }

    fn positions(&self, rope: Option<&Rope>, _: Option<usize>, start: usize, tokens: usize) -> [Vec<f32>; 2] {
        rope.map(|rope| rope.angles(start, tokens)).unwrap_or_default()
    }

    fn norm(norm: &Norm<Self>, x: Tensor<2>) -> Tensor<2> {
        let [rows, _] = x.dims();
        to_tensor(norm_rows(norm, &to_values(x)), rows)
    }

    fn linear(linear: &Linear<Self>, x: Tensor<2>) -> Tensor<2> {
        let [rows, _] = x.dims();
        to_tensor(multiply(linear, &inputs(x)), rows)
    }

    fn mlp_intermediate(mlp: &Mlp<Self>, x: Tensor<2>) -> Tensor<2> {
        let [rows, _] = x.dims();
        let inputs = inputs(x);
        let up = multiply(&mlp.up, &inputs);
        let intermediate = match &mlp.gate {
            Some(gate) => {
                let mut gated = multiply(gate, &inputs);
                activate(mlp.activation, &mut gated);
                times(&mut gated, &up);
                gated
            }
            None => {
                let mut up = up;
                activate(mlp.activation, &mut up);
                up
            }
        };
        to_tensor(intermediate, rows)
    }

    fn attend(attention: &Attention<Self>, x: Tensor<2>, texts: &mut [TextRows<'_, Self>]) -> Tensor<2> {
        let [rows, _] = x.dims();
        let inputs = inputs(x);
        let AttentionShape { num_heads: queries, num_kv_heads: keys, head_dim: width, .. } = attention.heads;
        let mut query = multiply(&attention.query, &inputs);
        let mut key = multiply(&attention.key, &inputs);
        let value = multiply(&attention.value, &inputs);
        if let Some([of_query, of_key]) = &attention.head_norms {
            query = norm_rows(of_query, &query);
            key = norm_rows(of_key, &key);
        }
        let mut mixed = Vec::with_capacity(rows * queries * width);
        let mut first = 0;
        for TextRows { tokens, positions: [cos, sin], cache } in texts {
            let of = |heads: usize| first * heads * width..(first + *tokens) * heads * width;
            let (query, key) = (&mut query[of(queries)], &mut key[of(keys)]);
            rotate(query, queries, width, cos, sin);
            rotate(key, keys, width, cos, sin);
            let all = cache.append(key, &value[of(keys)], keys * width);
            mixed.append(&mut attend(query, &all.keys, &all.values, attention.heads));
            first += *tokens;
        }
        to_tensor(mixed, rows)
    }

    fn product(x: Tensor<2>, weights: Tensor<2>) -> Tensor<2> {
        let [rows, columns] = x.dims();
        let weights = PackedMatrix::from_values(to_values(weights), columns);
        to_tensor(weights.product(&inputs(x)), rows)
    }

    fn compare(dense: &ModelOutputs, pruned: &ModelOutputs, temperature: f32, with_top: bool) -> PendingComparison {
        let on_host =
            |spaces: &ModelOutputs| [&spaces.hidden, &spaces.logits].map(|x| (to_values(x.clone()), x.dims()[1]));
        PendingComparison::Known(compare_on_host(&on_host(dense), &on_host(pruned), temperature, with_top))
    }

    async fn divergences(dense: &ModelOutputs, pruned: &ModelOutputs) -> Result<Vec<f32>, String> {
        let [_, width] = dense.logits.dims();
        let [z, y] = [dense, pruned].map(|spaces| to_values(spaces.logits.clone()));
        let rows = z.chunks_exact(width).zip(y.chunks_exact(width));
        Ok(rows.map(|(z, y)| divergence(z, y) as f32).collect())
    }
}

/// x Wᵀ + bias, `[rows, out]` row-major.
fn multiply(linear: &Linear<Cpu>, inputs: &Activations) -> Vec<f32> {
    let mut out = linear.weights.product(inputs);
    if let Some(bias) = &linear.bias {
        for row in out.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(bias.iter()).for_each(|(out, bias)| *out += bias);
        }
    }
    out
}

/// Normalizes each row of `x`; a row has as many numbers as the norm's weight.
fn norm_rows(norm: &Norm<Cpu>, x: &[f32]) -> Vec<f32> {
    let epsilon = norm.epsilon as f32;
    if norm.centred {
        layer_norm(x, &norm.weight, norm.bias.as_deref().unwrap_or_default(), epsilon)
    } else {
        rms_norm(x, &norm.weight, epsilon)
    }
}

fn activate(activation: Activation, x: &mut [f32]) {
    match activation {
        Activation::Silu => silu(x),
        Activation::Gelu => gelu(x),
        Activation::GeluTanh => gelu_tanh(x),
    }
}

fn inputs(x: Tensor<2>) -> Activations {
    let [_, columns] = x.dims();
    Activations::new(to_values(x), columns)
}

/// The numbers of a tensor on the CPU device, row-major; synchronous.
///
/// # Panics
/// For a tensor of another device or type, which would be a logic error.
pub(crate) fn to_values(x: Tensor<2>) -> Vec<f32> {
    x.into_data().try_into_vec_as().expect("a tensor of the CPU's device holds f32 (logic error)")
}

/// Row-major numbers as a tensor with `rows` rows on the CPU device.
pub(crate) fn to_tensor(values: Vec<f32>, rows: usize) -> Tensor<2> {
    let columns = values.len() / rows.max(1);
    on_device(values, [rows, columns], &Device::flex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_does_not_change_what_it_came_from() {
        let mut cache = CpuLayerCache::default();
        cache.append(&[1.0, 2.0], &[3.0, 4.0], 2);
        let mut fork = cache.clone();
        assert_eq!(fork.append(&[5.0, 6.0], &[7.0, 8.0], 2).keys, [1.0, 2.0, 5.0, 6.0]);
        fork.truncate(1);
        assert_eq!(fork.append(&[9.0, 9.0], &[9.0, 9.0], 2).values, [3.0, 4.0, 9.0, 9.0]);
        assert_eq!(cache.0.keys, [1.0, 2.0]);
        cache.append_from(&fork, 1);
        assert_eq!(cache.0.keys, [1.0, 2.0, 9.0, 9.0]);
    }
}
