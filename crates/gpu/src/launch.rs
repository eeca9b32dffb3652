//! Helpers that kernels and their launches share.

// CubeCL's arrays have no iterators.
#![allow(clippy::needless_range_loop)]

use burn::tensor::Shape;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::calculate_cube_count_elemwise;
use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

/// Threads per workgroup of attention and of kernels with one workgroup per row.
pub(crate) const WORKGROUP_SIZE: u32 = 64;

/// Shape of a tensor as a matrix: (product of all dimensions but the last, last dimension).
pub(crate) fn rows(shape: &[usize]) -> (usize, usize) {
    let columns = shape.last().copied().unwrap_or(0);
    (shape.iter().product::<usize>() / columns.max(1), columns)
}

/// An uninitialized contiguous tensor of this shape, with the device and element type of `x`.
pub(crate) fn like(x: &CubeTensor, shape: [usize; 2]) -> CubeTensor {
    empty_device_contiguous_dtype(x.client.clone(), x.device.clone(), Shape::new(shape), x.dtype)
}

/// The tensor as a kernel argument, made contiguous first.
pub(crate) fn buffer(x: CubeTensor) -> BufferArg {
    into_contiguous(x).into_buffer_arg()
}

/// Grid and workgroup size for one thread per element.
pub(crate) fn by_number(client: &Client, count: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(client, count);
    (calculate_cube_count_elemwise(client, count, dim), dim)
}

/// Sum over the `units` threads of a workgroup; every thread gets it.
#[cube]
pub(crate) fn total(part: f32, parts: &mut [f32], #[comptime] units: u32) -> f32 {
    sync_cube();
    parts[UNIT_POS_X as usize] = part;
    sync_cube();
    let mut whole = 0.0f32;
    for other in 0..units as usize {
        whole += parts[other];
    }
    whole
}

/// x / (1 + e⁻ˣ).
#[cube]
pub(crate) fn silu(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
}
