//! Backends as types: [`Cpu`] and [`Gpu`] use this project's kernels, [`Reference`] plain burn.
//!
//! The layers of a decoder, which are arguments of a backend's operations, are here too, one file each.
//!
//! Weights, positions and caches are associated types of the backend, so that those of different backends cannot be
//! mixed. The residual stream is a burn tensor on the backend's device for all of them.

pub mod attention;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
pub mod kv_cache;
pub mod linear;
pub mod mlp;
pub mod norm;
#[cfg(not(target_arch = "wasm32"))]
mod reference;
pub mod rope;

use std::fmt::Debug;
use std::future::Future;

use burn::tensor::{Device, Tensor, TensorData};
use prunescope_formats::tensor::{StoredMatrix, TensorInfo};
use prunescope_kernels::{BLOCK, PackedMatrix};
use prunescope_protocol::messages::Backend;
use prunescope_protocol::results::Metrics;
use prunescope_quant::{TensorType, dequantize};

pub use cpu::Cpu;
pub(crate) use cpu::to_values;
#[cfg(feature = "gpu")]
pub use gpu::Gpu;
#[cfg(all(test, feature = "gpu"))]
pub(crate) use gpu::test_device;
pub use kv_cache::KeyValueCache;
pub use linear::Linear;
#[cfg(not(target_arch = "wasm32"))]
pub use reference::Reference;

use crate::metrics::comparison::PendingComparison;
use crate::metrics::{ModelOutputs, read_all};
use attention::Attention;
use mlp::Mlp;
use norm::Norm;
use rope::Rope;

/// A backend: the storage of weights and the operations of a decoder.
///
/// All activations are `[rows, columns]` f32 tensors on [`Compute::device`].
pub trait Compute: Clone + Debug + 'static {
    /// The backend's identifier in results.
    const BACKEND: Backend;
    /// Whether its numbers must be checked against the CPU before use (`experiment::cross_check`).
    const IS_CHECKED: bool;

    /// A weight matrix, `[out, in]`. Clones share the weights.
    type Matrix: Clone + Debug;
    /// A norm's weight or a bias.
    type Vector: Clone + Debug;
    /// Position data of one pass's tokens, for layers of one kind of attention (full or sliding-window).
    type Positions: Clone + Debug;
    /// KV cache of one layer.
    type LayerCache: LayerCache;

    /// The device of activations.
    fn device(&self) -> Device;

    /// A matrix from a tensor's stored bytes.
    ///
    /// * `rounds`: whether float weights are rounded to 8 bits (only if rows are whole blocks).
    fn matrix(&self, stored: &StoredMatrix<'_>, rounds: bool) -> Self::Matrix;

    /// Bytes that a tensor takes in memory; `rounds` as in [`Compute::matrix`].
    fn held_bytes(tensor: &TensorInfo, rounds: bool) -> u64;

    /// Uploads a norm's weight or a bias.
    fn vector(&self, values: Vec<f32>) -> Self::Vector;

    /// `[out, in]`.
    fn shape(matrix: &Self::Matrix) -> [usize; 2];

    /// All weights in f32, row-major, read back from the device.
    ///
    /// # Errors
    /// The device's message if it fails.
    fn values(matrix: &Self::Matrix) -> impl Future<Output = Result<Vec<f32>, String>>;

    /// A matrix of the same shape with other weights, row-major.
    fn with_values(matrix: &Self::Matrix, values: Vec<f32>) -> Self::Matrix;

    /// A matrix of the same shape with other weights, which take at most 16 evenly spaced values per block; stored as
    /// 4-bit codes if the backend can.
    ///
    /// * `grid`: `[step, lowest value]` of each block of [`BLOCK`] consecutive weights.
    fn with_grid(matrix: &Self::Matrix, values: Vec<f32>, grid: &[[f32; 2]]) -> Self::Matrix;

    /// The same weights with those set to 0 that are 0 in `values`; a mask over the shared codes if the backend can.
    ///
    /// * `values`: the matrix's weights with some set to 0, row-major.
    fn with_mask_from(matrix: &Self::Matrix, values: Vec<f32>) -> Self::Matrix;

    /// Some rows of a matrix in f32, `[ids, in]`.
    fn select(matrix: &Self::Matrix, ids: &[u32]) -> Tensor<2>;

    /// Position data of `tokens` tokens that follow `start` tokens in the KV cache.
    ///
    /// * `rope`: `None` with learned positions.
    /// * `window`: sliding window in tokens, the token itself included; `None` for full attention.
    fn positions(&self, rope: Option<&Rope>, window: Option<usize>, start: usize, tokens: usize) -> Self::Positions;

    /// Normalizes each row of `x`, `[rows, width]`.
    fn norm(norm: &Norm<Self>, x: Tensor<2>) -> Tensor<2>;

    /// x Wᵀ + bias for `x` `[rows, in]`. Returns `[rows, out]`.
    fn linear(linear: &Linear<Self>, x: Tensor<2>) -> Tensor<2>;

    /// residual + x Wᵀ + bias, `[rows, out]`.
    fn linear_residual(linear: &Linear<Self>, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        residual.add(Self::linear(linear, x))
    }

    /// σ(W_gate x) ∘ W_up x, or σ(W_up x) without a gate, `[rows, feed_forward]`, for the normed `x` `[rows, hidden]`.
    fn mlp_intermediate(mlp: &Mlp<Self>, x: Tensor<2>) -> Tensor<2>;

    /// Attention output of all heads before the output projection, `[rows, num_heads · head_dim]`, for the normed `x`;
    /// appends to the KV caches.
    ///
    /// * `texts`: the texts of the batch. `x` has the rows of each, in order.
    fn attend(attention: &Attention<Self>, x: Tensor<2>, texts: &mut [TextRows<'_, Self>]) -> Tensor<2>;

    /// x Wᵀ of two f32 tensors `[rows of x, n]` and `[rows of W, n]`. Returns `[rows of x, rows of W]`.
    fn product(x: Tensor<2>, weights: Tensor<2>) -> Tensor<2>;

    /// All metrics of `dense` and `pruned`, row by row; not read back yet.
    ///
    /// * `temperature`: analysis temperature T > 0.
    /// * `with_top`: also report both models' top-k tokens.
    fn compare(dense: &ModelOutputs, pruned: &ModelOutputs, temperature: f32, with_top: bool) -> PendingComparison;

    /// KL(p ‖ p̃) at T = 1, row by row, read back; NaN where a number is not finite.
    ///
    /// # Errors
    /// The device's message if it fails.
    fn divergences(dense: &ModelOutputs, pruned: &ModelOutputs) -> impl Future<Output = Result<Vec<f32>, String>> {
        let pending = Self::compare(dense, pruned, 1.0, false);
        async move {
            let compared = read_all(vec![pending]).await?;
            // The cosine of logits is NaN if one of them is not finite; a divergence below 0 is taken as 0, even NaN.
            let divergence = |metrics: Metrics| if metrics.cos_z.is_nan() { f32::NAN } else { metrics.kl_dense_pruned };
            Ok(compared.into_iter().map(|row| divergence(row.metrics)).collect())
        }
    }
}

/// The rows of one text of a batch in one layer.
#[derive(Debug)]
pub struct TextRows<'a, C: Compute> {
    /// Their number.
    pub tokens: usize,
    /// Their positions.
    pub positions: &'a C::Positions,
    /// Keys and values of the tokens before them, to which theirs are appended.
    pub cache: &'a mut C::LayerCache,
}

/// KV cache of one layer. Clones share memory until one of them is modified.
pub trait LayerCache: Clone + Debug + Default {
    /// Appends one position of another cache; nothing if that is empty.
    fn append_from(&mut self, other: &Self, position: usize);

    /// Keeps only the first `tokens` tokens.
    fn truncate(&mut self, tokens: usize);
}

/// A tensor's numbers, row-major, read back from its device.
///
/// # Errors
/// The device's message if it fails.
pub async fn read_back(x: Tensor<2>) -> Result<Vec<f32>, String> {
    let data = x.into_data_async().await.map_err(|error| error.to_string())?;
    data.try_into_vec_as().map_err(|error| error.to_string())
}

/// Uploads row-major numbers as a tensor.
pub(crate) fn on_device(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Whether weights can be rounded to 8 bits on loading: only float types with rows of whole blocks.
fn can_be_rounded(tensor_type: TensorType, columns: usize) -> bool {
    tensor_type.is_float() && columns.is_multiple_of(BLOCK)
}

/// A stored matrix in the CPU kernels' format, rounded to 8 bits if `rounds` and possible.
fn packed(StoredMatrix { tensor_type, bytes, shape }: &StoredMatrix<'_>, rounds: bool) -> PackedMatrix {
    let [rows, columns] = *shape;
    if rounds && can_be_rounded(*tensor_type, columns) {
        PackedMatrix::rounded(&dequantize(*tensor_type, bytes), columns)
    } else {
        PackedMatrix::from_file(*tensor_type, bytes, rows, columns)
    }
}

/// Bytes of a tensor in memory.
///
/// * `bits_a_weight`: bits per weight by type and by whether it is rounded to 8 bits.
fn bytes_of(tensor: &TensorInfo, rounds: bool, bits_a_weight: fn(TensorType, bool) -> f64) -> u64 {
    let [_, columns] = tensor.matrix_shape();
    let Ok(tensor_type) = tensor.tensor_type else { return tensor.bytes };
    let rounded = rounds && can_be_rounded(tensor_type, columns as usize);
    (tensor.elements() as f64 * bits_a_weight(tensor_type, rounded) / 8.0) as u64
}

/// Applies `each` to the rows of each text, and concatenates the results.
///
/// * `parts`: tensors with the rows of all texts, in order.
#[cfg_attr(
    all(target_arch = "wasm32", not(feature = "gpu")),
    expect(dead_code, reason = "the CPU's kernels go text by text themselves")
)]
fn text_by_text<const N: usize, C: Compute>(
    parts: [Tensor<2>; N],
    texts: &mut [TextRows<'_, C>],
    each: impl Fn([Tensor<2>; N], &mut TextRows<'_, C>) -> Tensor<2>,
) -> Tensor<2> {
    if let [text] = texts {
        return each(parts, text);
    }
    let mut first = 0;
    let of_text = |text: &mut TextRows<'_, C>| {
        let rows = parts.each_ref().map(|part| part.clone().narrow(0, first, text.tokens));
        first += text.tokens;
        each(rows, text)
    };
    Tensor::cat(texts.iter_mut().map(of_text).collect(), 0)
}
