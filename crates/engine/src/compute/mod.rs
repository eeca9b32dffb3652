//! Where a model runs, as a type: [`Cpu`] and [`Gpu`] by this project's kernels, [`Reference`] by plain burn.
//!
//! The layers of a decoder that a backend computes are here too, a file each: they are what it is given.
//!
//! A decoder's weights, positions and caches are types of its backend, so that what belongs to two backends cannot be
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
use prunescope_quant::{TensorType, dequantize};

pub use cpu::Cpu;
pub(crate) use cpu::to_values;
#[cfg(feature = "gpu")]
pub use gpu::Gpu;
pub use kv_cache::KeyValueCache;
pub use linear::Linear;
#[cfg(not(target_arch = "wasm32"))]
pub use reference::Reference;

use crate::metrics::ModelOutputs;
use crate::metrics::comparison::PendingComparison;
use attention::Attention;
use mlp::Mlp;
use norm::Norm;
use rope::Rope;

/// A backend: how weights are held, and how a decoder's steps are computed.
///
/// All activations are `[rows, columns]` tensors on [`Compute::device`].
pub trait Compute: Clone + Debug + 'static {
    /// What results call it.
    const BACKEND: Backend;
    /// Whether what it computes is to be held to the CPU before it is shown (`experiment::cross_check`).
    const IS_CHECKED: bool;

    /// A matrix of weights, `[out, in]`. Clones share the weights.
    type Matrix: Clone + Debug;
    /// A row of weights: a norm's, or a bias.
    type Vector: Clone + Debug;
    /// Where the tokens of one pass stand, for the layers that see the whole context, or for those that see a window.
    type Positions: Clone + Debug;
    /// Keys and values of one layer.
    type LayerCache: LayerCache;

    /// The device that activations are on.
    fn device(&self) -> Device;

    /// A matrix from a tensor's bytes in a file.
    ///
    /// * `rounds` — whether floats are rounded to 8 bits, where rows are whole blocks.
    fn matrix(&self, stored: &StoredMatrix<'_>, rounds: bool) -> Self::Matrix;

    /// Bytes that a tensor takes once it is held; `rounds` as in [`Compute::matrix`].
    fn held_bytes(tensor: &TensorInfo, rounds: bool) -> u64;

    /// A row of weights from its numbers.
    fn vector(&self, values: Vec<f32>) -> Self::Vector;

    /// Rows (outputs) and columns (inputs).
    fn shape(matrix: &Self::Matrix) -> [usize; 2];

    /// All weights, row after row, read back from the device.
    ///
    /// # Errors
    /// What the device says where it fails.
    fn values(matrix: &Self::Matrix) -> impl Future<Output = Result<Vec<f32>, String>>;

    /// Other weights of the same shape, row after row.
    fn with_values(matrix: &Self::Matrix, values: Vec<f32>) -> Self::Matrix;

    /// Other weights of the same shape and at most 16 evenly spaced values a block, held as codes where that can be.
    ///
    /// * `grid` — the step and the lowest value of each block of [`BLOCK`] neighbours.
    fn with_grid(matrix: &Self::Matrix, values: Vec<f32>, grid: &[[f32; 2]]) -> Self::Matrix;

    /// The same weights without those that are 0 in `values`, which is otherwise the same: a mask over shared codes
    /// where that can be.
    fn with_mask_from(matrix: &Self::Matrix, values: Vec<f32>) -> Self::Matrix;

    /// Some rows of a matrix, `[ids, in]`.
    fn select(matrix: &Self::Matrix, ids: &[u32]) -> Tensor<2>;

    /// Positions of `tokens` tokens that follow `start` tokens in the cache.
    ///
    /// * `rope` — how heads turn; none where positions are learned.
    /// * `window` — how many positions a token sees, itself included; none where it sees all.
    fn positions(&self, rope: Option<&Rope>, window: Option<usize>, start: usize, tokens: usize) -> Self::Positions;

    /// Each row of `x`, `[rows, width]`, normalized.
    fn norm(norm: &Norm<Self>, x: Tensor<2>) -> Tensor<2>;

    /// x Wᵀ + bias for `x`, `[rows, in]`.
    fn linear(linear: &Linear<Self>, x: Tensor<2>) -> Tensor<2>;

    /// residual + x Wᵀ + bias.
    fn linear_residual(linear: &Linear<Self>, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        residual.add(Self::linear(linear, x))
    }

    /// σ(W_gate x) ∘ W_up x, or σ(W_up x) where there is no gate, `[rows, feed_forward]`.
    fn mlp_intermediate(mlp: &Mlp<Self>, x: Tensor<2>) -> Tensor<2>;

    /// The attention's values of all heads, before the output projection, `[rows, heads · head_dim]`; appends to the
    /// caches.
    ///
    /// * `caches` — one for each text that is read: `x` has equally many rows of each, text after text.
    /// * `positions` — of the rows of one text.
    fn attend(
        attention: &Attention<Self>,
        x: Tensor<2>,
        positions: &Self::Positions,
        caches: &mut [&mut Self::LayerCache],
    ) -> Tensor<2>;

    /// x Wᵀ of two arrays of activations, `[rows of x, rows of W]`.
    fn product(x: Tensor<2>, weights: Tensor<2>) -> Tensor<2>;

    /// Every metric of `dense` against `pruned`, row by row; not read back yet.
    ///
    /// * `temperature` — T > 0 of the analysis.
    /// * `with_top` — also the likeliest tokens of both.
    fn compare(dense: &ModelOutputs, pruned: &ModelOutputs, temperature: f32, with_top: bool) -> PendingComparison;
}

/// Keys and values of one layer. A clone is cheap until one side appends.
pub trait LayerCache: Clone + Debug + Default {
    /// Appends what another cache has of one position, if it has any.
    fn append_from(&mut self, other: &Self, position: usize);

    /// Forgets all but the first `tokens` tokens.
    fn truncate(&mut self, tokens: usize);
}

/// A tensor's numbers, read back from its device.
///
/// # Errors
/// What the device says where it fails.
pub async fn read_back(x: Tensor<2>) -> Result<Vec<f32>, String> {
    let data = x.into_data_async().await.map_err(|error| error.to_string())?;
    data.try_into_vec_as().map_err(|error| error.to_string())
}

/// Rows of numbers as a tensor on a device.
fn on_device(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Whether weights can be rounded to 8 bits when they are loaded: floats in rows of whole blocks.
fn can_be_rounded(tensor_type: TensorType, columns: usize) -> bool {
    tensor_type.is_float() && columns.is_multiple_of(BLOCK)
}

/// A matrix as the CPU's kernels hold it.
fn packed(StoredMatrix { tensor_type, bytes, shape }: &StoredMatrix<'_>, rounds: bool) -> PackedMatrix {
    let [rows, columns] = *shape;
    if rounds && can_be_rounded(*tensor_type, columns) {
        PackedMatrix::rounded(&dequantize(*tensor_type, bytes), columns)
    } else {
        PackedMatrix::from_file(*tensor_type, bytes, rows, columns)
    }
}

/// Bytes of a tensor of which each weight takes so many bits, by its type and whether it is rounded.
fn bytes_of(tensor: &TensorInfo, rounds: bool, bits_a_weight: fn(TensorType, bool) -> f64) -> u64 {
    let [_, columns] = tensor.matrix_shape();
    let Ok(tensor_type) = tensor.tensor_type else { return tensor.bytes };
    let rounded = rounds && can_be_rounded(tensor_type, columns as usize);
    (tensor.elements() as f64 * bits_a_weight(tensor_type, rounded) / 8.0) as u64
}

/// Does something with the rows of each text and its cache, and puts what comes of them one after the other.
///
/// * `parts` — each with equally many rows of every text, text after text.
#[cfg_attr(
    all(target_arch = "wasm32", not(feature = "gpu")),
    expect(dead_code, reason = "the CPU's kernels go text by text themselves")
)]
fn text_by_text<const N: usize, Cache>(
    parts: [Tensor<2>; N],
    caches: &mut [&mut Cache],
    each: impl Fn([Tensor<2>; N], &mut Cache) -> Tensor<2>,
) -> Tensor<2> {
    if let [cache] = caches {
        return each(parts, cache);
    }
    let texts = caches.len().max(1);
    let of_text = |(text, cache): (usize, &mut &mut Cache)| {
        let rows = parts.each_ref().map(|part| {
            let tokens = part.dims()[0] / texts;
            part.clone().narrow(0, text * tokens, tokens)
        });
        each(rows, cache)
    };
    Tensor::cat(caches.iter_mut().enumerate().map(of_text).collect(), 0)
}
