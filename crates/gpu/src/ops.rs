//! The kernels as a burn backend extension, which dispatches on the backend behind a tensor. `backend` implements it.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use prunescope_kernels::attention::AttentionShape;

use crate::format::{Epilogue, Layout};

/// The operations that this crate adds to a burn backend.
#[backend_extension(Cube)]
pub trait DecoderOps: Backend {
    /// See [`rms_norm`].
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f32) -> FloatTensor<Self>;
    /// See [`qgemv`].
    fn qgemv(
        x: FloatTensor<Self>,
        codes: IntTensor<Self>,
        scales: FloatTensor<Self>,
        mask: IntTensor<Self>,
        epilogue_input: FloatTensor<Self>,
        layout: Layout,
        epilogue: Epilogue,
    ) -> FloatTensor<Self>;
    /// See [`qgemv_pair`].
    fn qgemv_pair(
        x: FloatTensor<Self>,
        codes_a: IntTensor<Self>,
        scales_a: FloatTensor<Self>,
        codes_b: IntTensor<Self>,
        scales_b: FloatTensor<Self>,
        layout: Layout,
        gated: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// See [`gemm`].
    fn gemm(x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self>;
    /// See [`dequantize`].
    fn dequantize(
        codes: IntTensor<Self>,
        scales: FloatTensor<Self>,
        mask: IntTensor<Self>,
        layout: Layout,
    ) -> FloatTensor<Self>;
    /// See [`silu_times`].
    fn silu_times(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
    /// See [`rope_and_append_kv`].
    fn rope_and_append_kv(
        known_keys: FloatTensor<Self>,
        known_values: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        angles: FloatTensor<Self>,
        known: usize,
        head_dim: usize,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// See [`attend`].
    fn attend(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        angles: FloatTensor<Self>,
        heads: AttentionShape,
    ) -> FloatTensor<Self>;
    /// See [`compare`].
    fn compare(
        hidden: FloatTensor<Self>,
        hidden_pruned: FloatTensor<Self>,
        logits: FloatTensor<Self>,
        logits_pruned: FloatTensor<Self>,
        temperature: f32,
        top: usize,
    ) -> FloatTensor<Self>;
}
