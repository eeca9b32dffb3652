//! [`DecoderOps`] for the CubeCL backend: each operation calls its launch.

use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use prunescope_kernels::attention::AttentionShape;

use crate::format::{Epilogue, Layout};
use crate::ops::DecoderOps;

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
        heads: AttentionShape,
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
