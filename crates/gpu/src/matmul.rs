//! x Wᵀ with quantized weights: qgemv reads the codes, for few rows of activations; gemm takes dequantized f32 weights,
//! for many; and dequantization.

// CubeCL needs compile-time conditions in `if`s of their own, and its numbers and arrays lack the methods Clippy
// suggests.
#![allow(clippy::collapsible_if, clippy::manual_is_multiple_of, clippy::needless_range_loop)]

use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

use crate::format::{BLOCK, BlockFormat, Epilogue, Layout, code, place_in_block, scale_of};
use crate::launch::{buffer, by_number, like, rows, silu};
use crate::ops::DecoderOps;

/// Threads that sum one output of [`qgemv`] together.
const THREADS_PER_OUTPUT: u32 = 16;
/// Outputs (rows of weights) per workgroup of [`qgemv`].
const OUTPUTS_PER_WORKGROUP: u32 = 8;
/// Rows of weights and of activations per workgroup of [`gemm`].
const TILE: u32 = 64;
/// Threads along each side of a workgroup of [`gemm`].
const TILE_THREADS: u32 = 16;
/// Columns that a workgroup of [`gemm`] loads into shared memory at a time.
const DEPTH: u32 = 16;

/// A quantized matrix on the device. `scales` or `mask` may be any nonempty tensor if `layout` says that it is unused.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Codes packed in 32-bit words, row-major.
    pub codes: Tensor<1, Int>,
    /// Alternating scales and minimums, [`BlockFormat::pairs`] pairs per block.
    pub scales: Tensor<1>,
    /// One word per block, bit i for weight i; 0 marks a pruned weight.
    pub mask: Tensor<1, Int>,
    /// Shape and format.
    pub layout: Layout,
}

/// x Wᵀ for few rows of x, then the epilogue. Returns `[rows of x, rows of W]`.
///
/// * `epilogue_input`: shape of the result; required unless `epilogue` is [`Epilogue::None`].
pub fn qgemv(x: Tensor<2>, weights: &Stored, epilogue_input: Option<Tensor<2>>, epilogue: Epilogue) -> Tensor<2> {
    // A binding in WGSL may not be empty; unused here.
    let epilogue_input = epilogue_input.unwrap_or_else(|| x.clone());
    let Stored { codes, scales, mask, layout } = weights.clone();
    Tensor::from_dispatch(Dispatch::qgemv(
        x.into_dispatch(),
        codes.into_dispatch(),
        scales.into_dispatch(),
        mask.into_dispatch(),
        epilogue_input.into_dispatch(),
        layout,
        epilogue,
    ))
}

/// x Aᵀ and x Bᵀ, each `[rows of x, rows of A]`, for few rows of x and two unmasked matrices of the same layout.
///
/// * `gated`: the first result is silu(x Aᵀ) ∘ x Bᵀ, and the second is a `[1, 1]` placeholder.
pub fn qgemv_pair(x: Tensor<2>, a: &Stored, b: &Stored, gated: bool) -> [Tensor<2>; 2] {
    let [a, b] = [a, b].map(Clone::clone);
    let (first, second) = Dispatch::qgemv_pair(
        x.into_dispatch(),
        a.codes.into_dispatch(),
        a.scales.into_dispatch(),
        b.codes.into_dispatch(),
        b.scales.into_dispatch(),
        a.layout,
        gated,
    );
    [Tensor::from_dispatch(first), Tensor::from_dispatch(second)]
}

/// x Wᵀ for many rows of x and f32 weights `[rows, columns]`. Returns `[rows of x, rows of W]`.
///
/// Used in place of burn's matmul, whose kernels would take a quarter of the module that a browser downloads.
pub fn gemm(x: Tensor<2>, weights: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::gemm(x.into_dispatch(), weights.into_dispatch()))
}

/// The weights in f32, mask applied, `[rows, columns]`.
pub fn dequantize(weights: &Stored) -> Tensor<2> {
    let Stored { codes, scales, mask, layout } = weights.clone();
    let [scales, codes, mask] = [scales.into_dispatch(), codes.into_dispatch(), mask.into_dispatch()];
    Tensor::from_dispatch(Dispatch::dequantize(codes, scales, mask, layout))
}

/// Grid and workgroup size of qgemv for `count` rows of x.
fn by_output(layout: Layout, count: usize) -> (CubeCount, CubeDim) {
    let cubes = layout.rows.div_ceil(OUTPUTS_PER_WORKGROUP as usize) as u32;
    (CubeCount::Static(cubes, count as u32, 1), CubeDim::new_2d(THREADS_PER_OUTPUT, OUTPUTS_PER_WORKGROUP))
}

/// One thread's partial dot product of a row of x and a row of weights: every [`THREADS_PER_OUTPUT`]-th word of codes.
///
/// * `x_at`: index at which the row of x begins.
/// * `output`: row of weights.
#[cube]
fn part_of_product(
    x: &[f32],
    codes: &[i32],
    scales: &[f32],
    mask: &[i32],
    x_at: u32,
    output: u32,
    columns: u32,
    #[comptime] format: BlockFormat,
    #[comptime] masked: bool,
) -> f32 {
    let per_word = comptime!(32 / format.bits());
    let words_in_block = comptime!(BLOCK / per_word);
    let words = columns / per_word;
    let mut sum = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < words {
        let block = at / words_in_block;
        let word_in_block = at % words_in_block;
        let block_of_matrix = output * (columns / BLOCK) + block;
        let word = codes[(output * words + at) as usize];
        let base = x_at + block * BLOCK;
        let mut dot = 0.0f32;
        let mut total = 0.0f32;
        #[unroll]
        for place in 0..per_word {
            let in_block = place_in_block(word_in_block, place, format);
            let mut input = x[(base + in_block) as usize];
            if masked {
                let kept = (mask[block_of_matrix as usize] >> i32::cast_from(in_block)) & 1;
                input *= f32::cast_from(kept);
            }
            dot += input * code(word, place, format);
            total += input;
        }
        if comptime!(format.pairs() == 0) {
            sum += dot;
        } else {
            let scale_at = scale_of(block_of_matrix, word_in_block, format);
            sum += dot * scales[scale_at as usize] + total * scales[(scale_at + 1) as usize];
        }
        at += THREADS_PER_OUTPUT;
    }
    sum
}

/// Sums the partial results of the threads of one output. Only the first of these threads gets the sum, others get 0.
#[cube]
fn sum_of_parts(part: f32) -> f32 {
    let mut sums = Shared::new_slice(comptime!((THREADS_PER_OUTPUT * OUTPUTS_PER_WORKGROUP) as usize));
    let first = (UNIT_POS_Y * THREADS_PER_OUTPUT) as usize;
    sums[first + UNIT_POS_X as usize] = part;
    sync_cube();
    let mut whole = 0.0f32;
    if UNIT_POS_X == 0 {
        for other in 0..THREADS_PER_OUTPUT as usize {
            whole += sums[first + other];
        }
    }
    whole
}

/// [`qgemv`]: [`THREADS_PER_OUTPUT`] threads per output. Buffers are as in [`Stored`].
#[cube(launch_unchecked)]
fn qgemv_kernel(
    x: &[f32],
    codes: &[i32],
    scales: &[f32],
    mask: &[i32],
    epilogue_input: &[f32],
    out: &mut [f32],
    columns: u32,
    rows: u32,
    #[comptime] format: BlockFormat,
    #[comptime] masked: bool,
    #[comptime] epilogue: Epilogue,
) {
    let output = CUBE_POS_X * OUTPUTS_PER_WORKGROUP + UNIT_POS_Y;
    let token = CUBE_POS_Y;
    let mut part = 0.0f32;
    if output < rows {
        part = part_of_product(x, codes, scales, mask, token * columns, output, columns, format, masked);
    }
    let whole = sum_of_parts(part);
    if UNIT_POS_X == 0 {
        if output < rows {
            let at = (token * rows + output) as usize;
            if comptime!(matches!(epilogue, Epilogue::SiluGate)) {
                out[at] = silu(epilogue_input[at]) * whole;
            } else if comptime!(matches!(epilogue, Epilogue::Residual)) {
                out[at] = epilogue_input[at] + whole;
            } else {
                out[at] = whole;
            }
        }
    }
}

/// [`qgemv_pair`]; if `gated`, `out_b` is not written.
#[cube(launch_unchecked)]
fn qgemv_pair_kernel(
    x: &[f32],
    codes_a: &[i32],
    scales_a: &[f32],
    codes_b: &[i32],
    scales_b: &[f32],
    out_a: &mut [f32],
    out_b: &mut [f32],
    columns: u32,
    rows: u32,
    #[comptime] format: BlockFormat,
    #[comptime] gated: bool,
) {
    let output = CUBE_POS_X * OUTPUTS_PER_WORKGROUP + UNIT_POS_Y;
    let token = CUBE_POS_Y;
    let mut parts_a = 0.0f32;
    let mut parts_b = 0.0f32;
    if output < rows {
        let x_at = token * columns;
        parts_a = part_of_product(x, codes_a, scales_a, codes_a, x_at, output, columns, format, false);
        parts_b = part_of_product(x, codes_b, scales_b, codes_b, x_at, output, columns, format, false);
    }
    let a = sum_of_parts(parts_a);
    let b = sum_of_parts(parts_b);
    if UNIT_POS_X == 0 {
        if output < rows {
            let at = (token * rows + output) as usize;
            if gated {
                out_a[at] = silu(a) * b;
            } else {
                out_a[at] = a;
                out_b[at] = b;
            }
        }
    }
}

/// Launches [`qgemv`]. `x` is `[count, columns]`; returns `[count, rows]`.
pub(crate) fn launch_qgemv(
    x: CubeTensor,
    codes: CubeTensor,
    scales: CubeTensor,
    mask: CubeTensor,
    epilogue_input: CubeTensor,
    layout: Layout,
    epilogue: Epilogue,
) -> CubeTensor {
    let (count, _) = rows(x.meta.shape());
    let out = like(&x, [count, layout.rows]);
    let client = x.client.clone();
    let (cubes, dim) = by_output(layout, count);
    // SAFETY: threads of an output below `layout.rows` read its row of codes, scales and mask, laid out as `layout`
    // says, and a row of `x`. `out`, and an input that the epilogue reads, are `[count, layout.rows]`.
    unsafe {
        qgemv_kernel::launch_unchecked(
            &client,
            cubes,
            dim,
            buffer(x),
            buffer(codes),
            buffer(scales),
            buffer(mask),
            buffer(epilogue_input),
            buffer(out.clone()),
            layout.columns as u32,
            layout.rows as u32,
            layout.format,
            layout.masked,
            epilogue,
        );
    }
    out
}

/// Launches [`qgemv_pair`]. `x` is `[count, columns]`.
pub(crate) fn launch_qgemv_pair(
    x: CubeTensor,
    codes_a: CubeTensor,
    scales_a: CubeTensor,
    codes_b: CubeTensor,
    scales_b: CubeTensor,
    layout: Layout,
    gated: bool,
) -> (CubeTensor, CubeTensor) {
    let (count, _) = rows(x.meta.shape());
    let first = like(&x, [count, layout.rows]);
    // A binding in WGSL may not be empty; if gated, nothing is written to this one.
    let second = like(&x, if gated { [1, 1] } else { [count, layout.rows] });
    let client = x.client.clone();
    let (cubes, dim) = by_output(layout, count);
    // SAFETY: threads of an output below `layout.rows` read its row of both codes and scales, laid out as `layout`
    // says, and a row of `x`. `first`, and `second` unless gated, are `[count, layout.rows]`.
    unsafe {
        qgemv_pair_kernel::launch_unchecked(
            &client,
            cubes,
            dim,
            buffer(x),
            buffer(codes_a),
            buffer(scales_a),
            buffer(codes_b),
            buffer(scales_b),
            buffer(first.clone()),
            buffer(second.clone()),
            layout.columns as u32,
            layout.rows as u32,
            layout.format,
            gated,
        );
    }
    (first, second)
}

/// [`gemm`]: a workgroup computes [`TILE`] × [`TILE`] outputs, each thread 4 × 4 of them.
#[cube(launch_unchecked)]
fn gemm_kernel(x: &[f32], weights: &[f32], out: &mut [f32], count: u32, columns: u32, rows: u32) {
    let first_row = CUBE_POS_X * TILE;
    let first_input = CUBE_POS_Y * TILE;
    let unit = UNIT_POS_Y * TILE_THREADS + UNIT_POS_X;
    // Tiles are stored column-major with one padding element per column, to avoid shared-memory bank conflicts.
    let mut inputs = Shared::new_slice(comptime!((DEPTH * (TILE + 1)) as usize));
    let mut outputs = Shared::new_slice(comptime!((DEPTH * (TILE + 1)) as usize));
    let mut sums = Array::<f32>::new(16usize);
    #[unroll]
    for i in 0..16usize {
        sums[i] = 0.0f32;
    }
    let mut begin = 0u32;
    while begin < columns {
        #[unroll]
        for i in 0..4u32 {
            let at = unit + TILE_THREADS * TILE_THREADS * i;
            let line = at / DEPTH;
            let column = begin + at % DEPTH;
            let place = (at % DEPTH * (TILE + 1) + line) as usize;
            let mut input = 0.0f32;
            let mut weight = 0.0f32;
            if column < columns {
                if first_input + line < count {
                    input = x[((first_input + line) * columns + column) as usize];
                }
                if first_row + line < rows {
                    weight = weights[((first_row + line) * columns + column) as usize];
                }
            }
            inputs[place] = input;
            outputs[place] = weight;
        }
        sync_cube();
        for column in 0..DEPTH {
            let base = column * (TILE + 1);
            #[unroll]
            for i in 0..4u32 {
                let input = inputs[(base + UNIT_POS_Y + TILE_THREADS * i) as usize];
                #[unroll]
                for j in 0..4u32 {
                    sums[(4 * i + j) as usize] += input * outputs[(base + UNIT_POS_X + TILE_THREADS * j) as usize];
                }
            }
        }
        sync_cube();
        begin += DEPTH;
    }
    #[unroll]
    for i in 0..4u32 {
        let input = first_input + UNIT_POS_Y + TILE_THREADS * i;
        #[unroll]
        for j in 0..4u32 {
            let row = first_row + UNIT_POS_X + TILE_THREADS * j;
            if input < count {
                if row < rows {
                    out[(input * rows + row) as usize] = sums[(4 * i + j) as usize];
                }
            }
        }
    }
}

/// Launches [`gemm`]. `x` is `[count, columns]`, `weights` `[outputs, columns]`; returns `[count, outputs]`.
pub(crate) fn launch_gemm(x: CubeTensor, weights: CubeTensor) -> CubeTensor {
    let ((count, columns), (outputs, _)) = (rows(x.meta.shape()), rows(weights.meta.shape()));
    let out = like(&x, [count, outputs]);
    let client = x.client.clone();
    let cubes = [outputs, count].map(|rows| rows.div_ceil(TILE as usize) as u32);
    // SAFETY: every access is bounds-checked in the kernel against `x` `[count, columns]`, `weights` `[outputs,
    // columns]` and `out` `[count, outputs]`.
    unsafe {
        gemm_kernel::launch_unchecked(
            &client,
            CubeCount::Static(cubes[0], cubes[1], 1),
            CubeDim::new_2d(TILE_THREADS, TILE_THREADS),
            buffer(x),
            buffer(weights),
            buffer(out.clone()),
            count as u32,
            columns as u32,
            outputs as u32,
        );
    }
    out
}

/// [`dequantize`]: one thread per word of codes.
#[cube(launch_unchecked)]
fn dequantize_kernel(
    codes: &[i32],
    scales: &[f32],
    mask: &[i32],
    out: &mut [f32],
    words: u32,
    #[comptime] format: BlockFormat,
    #[comptime] masked: bool,
) {
    let per_word = comptime!(32 / format.bits());
    let words_in_block = comptime!(BLOCK / per_word);
    let at = ABSOLUTE_POS as u32;
    if at < words {
        let block = at / words_in_block;
        let word = codes[at as usize];
        let word_in_block = at % words_in_block;
        let scale_at = scale_of(block, word_in_block, format);
        #[unroll]
        for place in 0..per_word {
            let in_block = place_in_block(word_in_block, place, format);
            let mut weight = code(word, place, format);
            if comptime!(format.pairs() > 0) {
                weight = weight * scales[scale_at as usize] + scales[(scale_at + 1) as usize];
            }
            if masked {
                if (mask[block as usize] >> i32::cast_from(in_block)) & 1 == 0 {
                    weight = 0.0;
                }
            }
            out[(block * BLOCK + in_block) as usize] = weight;
        }
    }
}

/// Launches [`dequantize`]. Returns `[rows, columns]`.
pub(crate) fn launch_dequantize(codes: CubeTensor, scales: CubeTensor, mask: CubeTensor, layout: Layout) -> CubeTensor {
    let out = like(&scales, [layout.rows, layout.columns]);
    let client = scales.client.clone();
    let words = layout.rows * layout.columns / (u32::BITS / layout.format.bits()) as usize;
    let (cubes, dim) = by_number(&client, words);
    // SAFETY: a thread below `words` reads its word of codes, its block's scales and, if masked, its block's mask word,
    // laid out as `layout` says, and writes the weights of its word; `out` is `[rows, columns]`.
    unsafe {
        dequantize_kernel::launch_unchecked(
            &client,
            cubes,
            dim,
            buffer(codes),
            buffer(scales),
            buffer(mask),
            buffer(out.clone()),
            words as u32,
            layout.format,
            layout.masked,
        );
    }
    out
}

#[cfg(test)]
mod on_a_gpu {
    use super::*;
    use crate::testing::{assert_close, numbers, read, tensor};

    /// Shapes below, at and above the tile sizes.
    #[test]
    fn multiplies_many_rows_as_the_definition_says() {
        for (count, columns, rows) in [(9, 32, 5), (64, 16, 64), (65, 50, 130), (130, 33, 63)] {
            let (x, weights) = (numbers(count * columns, 21), numbers(rows * columns, 22));
            let wanted: Vec<f32> = x
                .chunks_exact(columns)
                .flat_map(|x| weights.chunks_exact(columns).map(|row| x.iter().zip(row).map(|(x, w)| x * w).sum()))
                .collect();
            assert_close(&read(gemm(tensor(&x, count), tensor(&weights, rows))), &wanted, 1e-5);
            // A transposed tensor is a strided view, so the launch must make it contiguous.
            let turned = tensor(&x, count).transpose();
            let wanted: Vec<f32> = (0..columns * columns)
                .map(|at| x.chunks_exact(columns).map(|x| x[at / columns] * x[at % columns]).sum())
                .collect();
            assert_close(&read(gemm(turned.clone(), turned)), &wanted, 1e-5);
        }
    }
}
