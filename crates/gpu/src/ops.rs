//! The operations as burn's backend extension, which finds the GPU's backend behind a tensor. Each is in the file of its kernel.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use prunescope_kernels::attention::Heads;

use crate::format::Layout;
use crate::matmul::Epilogue;

/// What the kernels add to a backend.
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
        heads: Heads,
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

impl DecoderOps for CubeBackend {
    fn rms_norm(x: CubeTensor, weight: CubeTensor, epsilon: f32) -> CubeTensor {
        crate::elementwise::launch_rms_norm(x, weight, epsilon)
    }

    fn qgemv(
        x: CubeTensor,
        codes: CubeTensor,
        scales: CubeTensor,
        mask: CubeTensor,
        epilogue_input: CubeTensor,
        layout: Layout,
        epilogue: Epilogue,
    ) -> CubeTensor {
        crate::matmul::launch_qgemv(x, codes, scales, mask, epilogue_input, layout, epilogue)
    }

    fn qgemv_pair(
        x: CubeTensor,
        codes_a: CubeTensor,
        scales_a: CubeTensor,
        codes_b: CubeTensor,
        scales_b: CubeTensor,
        layout: Layout,
        gated: bool,
    ) -> (CubeTensor, CubeTensor) {
        crate::matmul::launch_qgemv_pair(x, codes_a, scales_a, codes_b, scales_b, layout, gated)
    }

    fn gemm(x: CubeTensor, weights: CubeTensor) -> CubeTensor {
        crate::matmul::launch_gemm(x, weights)
    }

    fn dequantize(codes: CubeTensor, scales: CubeTensor, mask: CubeTensor, layout: Layout) -> CubeTensor {
        crate::matmul::launch_dequantize(codes, scales, mask, layout)
    }

    fn silu_times(gate: CubeTensor, up: CubeTensor) -> CubeTensor {
        crate::elementwise::launch_silu_times(gate, up)
    }

    fn rope_and_append_kv(
        known_keys: CubeTensor,
        known_values: CubeTensor,
        keys: CubeTensor,
        values: CubeTensor,
        angles: CubeTensor,
        known: usize,
        head_dim: usize,
    ) -> (CubeTensor, CubeTensor) {
        crate::attention::launch_rope_and_append_kv(known_keys, known_values, keys, values, angles, known, head_dim)
    }

    fn attend(
        queries: CubeTensor,
        keys: CubeTensor,
        values: CubeTensor,
        angles: CubeTensor,
        heads: Heads,
    ) -> CubeTensor {
        crate::attention::launch_attend(queries, keys, values, angles, heads)
    }

    fn compare(
        hidden: CubeTensor,
        hidden_pruned: CubeTensor,
        logits: CubeTensor,
        logits_pruned: CubeTensor,
        temperature: f32,
        top: usize,
    ) -> CubeTensor {
        crate::compare::launch_compare(hidden, hidden_pruned, logits, logits_pruned, temperature, top)
    }
}
