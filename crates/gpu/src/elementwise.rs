//! RMSNorm, and the SiLU gate of an MLP.

// CubeCL needs compile-time conditions in `if`s of their own, and its numbers and arrays lack the methods Clippy
// suggests.
#![allow(clippy::collapsible_if, clippy::manual_is_multiple_of, clippy::needless_range_loop)]

use burn::backend::Dispatch;
use burn::tensor::Tensor;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

use crate::launch::{WORKGROUP_SIZE, buffer, by_number, like, rows, silu, total};
use crate::ops::DecoderOps;

/// RMSNorm of each row of `x`, `[rows, columns]`: `x · w / √(mean(x²) + ε)`.
pub fn rms_norm(x: Tensor<2>, weight: Tensor<2>, epsilon: f32) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::rms_norm(x.into_dispatch(), weight.into_dispatch(), epsilon))
}

/// silu(gate) ∘ up.
pub fn silu_times(gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::silu_times(gate.into_dispatch(), up.into_dispatch()))
}

/// [`rms_norm`]: one workgroup per row.
#[cube(launch_unchecked)]
fn rms_norm_kernel(x: &[f32], weight: &[f32], out: &mut [f32], columns: u32, epsilon: f32) {
    let base = CUBE_POS_X * columns;
    let mut sum = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < columns {
        let value = x[(base + at) as usize];
        sum += value * value;
        at += WORKGROUP_SIZE;
    }
    let mut parts = Shared::new_slice(comptime!(WORKGROUP_SIZE as usize));
    let whole = total(sum, &mut parts, WORKGROUP_SIZE);
    let scale = 1.0 / (whole / f32::cast_from(columns) + epsilon).sqrt();
    let mut at = UNIT_POS_X;
    while at < columns {
        out[(base + at) as usize] = x[(base + at) as usize] * scale * weight[at as usize];
        at += WORKGROUP_SIZE;
    }
}

/// Launches [`rms_norm`].
pub(crate) fn launch_rms_norm(x: CubeTensor, weight: CubeTensor, epsilon: f32) -> CubeTensor {
    let (count, columns) = rows(x.meta.shape());
    let out = like(&x, [count, columns]);
    let client = x.client.clone();
    // SAFETY: a workgroup accesses its row; `x` and `out` are `[count, columns]`, and `weight` has `columns` numbers.
    unsafe {
        rms_norm_kernel::launch_unchecked(
            &client,
            CubeCount::Static(count as u32, 1, 1),
            CubeDim::new_1d(WORKGROUP_SIZE),
            buffer(x),
            buffer(weight),
            buffer(out.clone()),
            columns as u32,
            epsilon,
        );
    }
    out
}

/// silu(gate) ∘ up.
#[cube(launch_unchecked)]
fn silu_times_kernel(gate: &[f32], up: &[f32], out: &mut [f32], count: u32) {
    if (ABSOLUTE_POS as u32) < count {
        out[ABSOLUTE_POS] = silu(gate[ABSOLUTE_POS]) * up[ABSOLUTE_POS];
    }
}

/// Launches [`silu_times`].
pub(crate) fn launch_silu_times(gate: CubeTensor, up: CubeTensor) -> CubeTensor {
    let (count, columns) = rows(up.meta.shape());
    let out = like(&up, [count, columns]);
    let client = up.client.clone();
    let (cubes, dim) = by_number(&client, count * columns);
    // SAFETY: a thread accesses its element only if its index is below `count · columns`, the size of all three
    // buffers.
    unsafe {
        silu_times_kernel::launch_unchecked(
            &client,
            cubes,
            dim,
            buffer(gate),
            buffer(up),
            buffer(out.clone()),
            (count * columns) as u32,
        );
    }
    out
}

#[cfg(test)]
mod on_a_gpu {
    use super::*;
    use crate::testing::{assert_close, numbers, read, tensor};
    use prunescope_kernels::elementwise;

    #[test]
    fn norms_as_the_host_does() {
        for (rows, columns) in [(1, 32), (3, 576), (2, 50)] {
            let (x, weight) = (numbers(rows * columns, 1), numbers(columns, 2));
            let found = rms_norm(tensor(&x, rows), tensor(&weight, 1), 1e-5);
            assert_close(&read(found), &elementwise::rms_norm(&x, &weight, 1e-5), 1e-5);
        }
    }

    #[test]
    fn gates_as_the_host_does() {
        let (gate, up) = (numbers(5 * 37, 3), numbers(5 * 37, 4));
        let mut wanted = gate.clone();
        elementwise::silu(&mut wanted);
        elementwise::times(&mut wanted, &up);
        assert_close(&read(silu_times(tensor(&gate, 5), tensor(&up, 5))), &wanted, 1e-5);
    }
}
