//! Launches the kernels: burn's backend extension, and functions on burn's tensors over it.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Int, Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::calculate_cube_count_elemwise;
use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use super::kernels::{self, CROWD, Coding, Ending, LANES, OUTPUTS, SIDE, TILE, UNITS};
use prunescope_kernels::attention::Heads;

/// How the codes of a matrix are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// What the codes are.
    pub coding: Coding,
    /// Whether the mask counts.
    pub masked: bool,
}

/// What the kernels add to a backend.
#[backend_extension(Cube)]
pub trait DecoderOps: Backend {
    /// See [`rms_norm`].
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f32) -> FloatTensor<Self>;
    /// See [`product`].
    fn product(
        x: FloatTensor<Self>,
        codes: IntTensor<Self>,
        scales: FloatTensor<Self>,
        mask: IntTensor<Self>,
        beside: FloatTensor<Self>,
        layout: Layout,
        ending: Ending,
    ) -> FloatTensor<Self>;
    /// See [`two_products`].
    fn two_products(
        x: FloatTensor<Self>,
        codes_a: IntTensor<Self>,
        scales_a: FloatTensor<Self>,
        codes_b: IntTensor<Self>,
        scales_b: FloatTensor<Self>,
        layout: Layout,
        gated: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// See [`many_products`].
    fn many_products(x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self>;
    /// See [`dequantize`].
    fn dequantize(
        codes: IntTensor<Self>,
        scales: FloatTensor<Self>,
        mask: IntTensor<Self>,
        layout: Layout,
    ) -> FloatTensor<Self>;
    /// See [`silu_times`].
    fn silu_times(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
    /// See [`append`].
    fn append(
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

fn rows(shape: &[usize]) -> (usize, usize) {
    let columns = shape.last().copied().unwrap_or(0);
    (shape.iter().product::<usize>() / columns.max(1), columns)
}

fn like(x: &CubeTensor, shape: [usize; 2]) -> CubeTensor {
    empty_device_contiguous_dtype(x.client.clone(), x.device.clone(), Shape::new(shape), x.dtype)
}

fn buffer(x: CubeTensor) -> BufferArg {
    into_contiguous(x).into_buffer_arg()
}

/// How many cubes of how many units for so many numbers.
fn by_number(client: &Client, count: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(client, count);
    (calculate_cube_count_elemwise(client, count, dim), dim)
}

/// How many cubes of how many units for the outputs of so many rows, where [`LANES`] units share one.
fn by_output(layout: Layout, count: usize) -> (CubeCount, CubeDim) {
    let cubes = layout.rows.div_ceil(OUTPUTS as usize) as u32;
    (CubeCount::Static(cubes, count as u32, 1), CubeDim::new_2d(LANES, OUTPUTS))
}

// The kernels check their own bounds against the counts they are given, so launching without burn's checks is sound.
impl DecoderOps for CubeBackend {
    fn rms_norm(x: CubeTensor, weight: CubeTensor, epsilon: f32) -> CubeTensor {
        let (count, columns) = rows(x.meta.shape());
        let out = like(&x, [count, columns]);
        let client = x.client.clone();
        unsafe {
            kernels::rms_norm::launch_unchecked(
                &client,
                CubeCount::Static(count as u32, 1, 1),
                CubeDim::new_1d(UNITS),
                buffer(x),
                buffer(weight),
                buffer(out.clone()),
                columns as u32,
                epsilon,
            );
        }
        out
    }

    fn product(
        x: CubeTensor,
        codes: CubeTensor,
        scales: CubeTensor,
        mask: CubeTensor,
        beside: CubeTensor,
        layout: Layout,
        ending: Ending,
    ) -> CubeTensor {
        let (count, _) = rows(x.meta.shape());
        let out = like(&x, [count, layout.rows]);
        let client = x.client.clone();
        let (cubes, dim) = by_output(layout, count);
        unsafe {
            kernels::product::launch_unchecked(
                &client,
                cubes,
                dim,
                buffer(x),
                buffer(codes),
                buffer(scales),
                buffer(mask),
                buffer(beside),
                buffer(out.clone()),
                layout.columns as u32,
                layout.rows as u32,
                layout.coding,
                layout.masked,
                ending,
            );
        }
        out
    }

    fn two_products(
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
        // A program needs all its buffers; gated, nothing is written to this one.
        let second = like(&x, if gated { [1, 1] } else { [count, layout.rows] });
        let client = x.client.clone();
        let (cubes, dim) = by_output(layout, count);
        unsafe {
            kernels::two_products::launch_unchecked(
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
                layout.coding,
                gated,
            );
        }
        (first, second)
    }

    fn many_products(x: CubeTensor, weights: CubeTensor) -> CubeTensor {
        let ((count, columns), (outputs, _)) = (rows(x.meta.shape()), rows(weights.meta.shape()));
        let out = like(&x, [count, outputs]);
        let client = x.client.clone();
        let cubes = [outputs, count].map(|rows| rows.div_ceil(TILE as usize) as u32);
        unsafe {
            kernels::many_products::launch_unchecked(
                &client,
                CubeCount::Static(cubes[0], cubes[1], 1),
                CubeDim::new_2d(SIDE, SIDE),
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

    fn dequantize(codes: CubeTensor, scales: CubeTensor, mask: CubeTensor, layout: Layout) -> CubeTensor {
        let out = like(&scales, [layout.rows, layout.columns]);
        let client = scales.client.clone();
        let words = layout.rows * layout.columns / (u32::BITS / layout.coding.bits()) as usize;
        let (cubes, dim) = by_number(&client, words);
        unsafe {
            kernels::dequantize::launch_unchecked(
                &client,
                cubes,
                dim,
                buffer(codes),
                buffer(scales),
                buffer(mask),
                buffer(out.clone()),
                words as u32,
                layout.coding,
                layout.masked,
            );
        }
        out
    }

    fn silu_times(gate: CubeTensor, up: CubeTensor) -> CubeTensor {
        let (count, columns) = rows(up.meta.shape());
        let out = like(&up, [count, columns]);
        let client = up.client.clone();
        let (cubes, dim) = by_number(&client, count * columns);
        unsafe {
            kernels::silu_times::launch_unchecked(
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

    fn append(
        known_keys: CubeTensor,
        known_values: CubeTensor,
        keys: CubeTensor,
        values: CubeTensor,
        angles: CubeTensor,
        known: usize,
        head_dim: usize,
    ) -> (CubeTensor, CubeTensor) {
        let (new, width) = rows(keys.meta.shape());
        let (_, turning) = rows(angles.meta.shape());
        let count = (known + new) * width;
        let [all_keys, all_values] = [&keys, &values].map(|x| like(x, [known + new, width]));
        let client = keys.client.clone();
        let (cubes, dim) = by_number(&client, count);
        unsafe {
            kernels::append::launch_unchecked(
                &client,
                cubes,
                dim,
                buffer(known_keys),
                buffer(known_values),
                buffer(keys),
                buffer(values),
                buffer(angles),
                buffer(all_keys.clone()),
                buffer(all_values.clone()),
                (known * width) as u32,
                count as u32,
                width as u32,
                head_dim as u32,
                turning as u32,
            );
        }
        (all_keys, all_values)
    }

    fn attend(
        queries: CubeTensor,
        keys: CubeTensor,
        values: CubeTensor,
        angles: CubeTensor,
        heads: Heads,
    ) -> CubeTensor {
        let (tokens, columns) = rows(queries.meta.shape());
        let (context, _) = rows(keys.meta.shape());
        let (_, turning) = rows(angles.meta.shape());
        let out = like(&queries, [tokens, columns]);
        let client = queries.client.clone();
        unsafe {
            kernels::attend::launch_unchecked(
                &client,
                CubeCount::Static(tokens as u32, heads.queries as u32, 1),
                CubeDim::new_1d(UNITS),
                buffer(queries),
                buffer(keys),
                buffer(values),
                buffer(angles),
                buffer(out.clone()),
                (context - tokens) as u32,
                heads.queries as u32,
                heads.keys as u32,
                heads.scale,
                u32::try_from(heads.window).unwrap_or(u32::MAX),
                turning as u32,
                heads.width as u32,
            );
        }
        out
    }

    fn compare(
        hidden: CubeTensor,
        hidden_pruned: CubeTensor,
        logits: CubeTensor,
        logits_pruned: CubeTensor,
        temperature: f32,
        top: usize,
    ) -> CubeTensor {
        let ((count, vocabulary), (_, width)) = (rows(logits.meta.shape()), rows(hidden.meta.shape()));
        let out = like(&logits, [count, COMPARED_SUMS + 2 * COMPARED_TOKEN * top]);
        let client = logits.client.clone();
        unsafe {
            kernels::compare::launch_unchecked(
                &client,
                CubeCount::Static(count as u32, 1, 1),
                CubeDim::new_1d(CROWD),
                buffer(hidden),
                buffer(hidden_pruned),
                buffer(logits),
                buffer(logits_pruned),
                buffer(out.clone()),
                width as u32,
                vocabulary as u32,
                temperature,
                top as u32,
            );
        }
        out
    }
}

/// Each row of `x`, `[rows, columns]`, normed: `x · w / √(mean(x²) + ε)`.
pub fn rms_norm(x: Tensor<2>, weight: Tensor<2>, epsilon: f32) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::rms_norm(x.into_dispatch(), weight.into_dispatch(), epsilon))
}

/// A matrix on the device: codes, a scale and a minimum for those that share them, a mask of one word a block (any tensors where
/// there are none).
#[derive(Clone, Debug)]
pub struct Stored {
    /// Words of codes.
    pub codes: Tensor<1, Int>,
    /// Two numbers for each [pair](Coding::pairs).
    pub scales: Tensor<1>,
    /// One word a block.
    pub mask: Tensor<1, Int>,
    /// What they mean.
    pub layout: Layout,
}

/// x Wᵀ for a few rows x, `[rows of x, rows of W]`: alone, or with numbers of the same shape that lie beside it.
pub fn product(x: Tensor<2>, weights: &Stored, beside: Option<Tensor<2>>, ending: Ending) -> Tensor<2> {
    // A program needs all its buffers.
    let beside = beside.unwrap_or_else(|| x.clone());
    let Stored { codes, scales, mask, layout } = weights.clone();
    Tensor::from_dispatch(Dispatch::product(
        x.into_dispatch(),
        codes.into_dispatch(),
        scales.into_dispatch(),
        mask.into_dispatch(),
        beside.into_dispatch(),
        layout,
        ending,
    ))
}

/// x Aᵀ and x Bᵀ for a few rows x and two matrices of one layout without a mask, each `[rows of x, rows of A]`; gated,
/// silu(x Aᵀ) ∘ x Bᵀ and nothing of use.
pub fn two_products(x: Tensor<2>, a: &Stored, b: &Stored, gated: bool) -> [Tensor<2>; 2] {
    let [a, b] = [a, b].map(Clone::clone);
    let (first, second) = Dispatch::two_products(
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

/// x Wᵀ for many rows x and weights `[rows, columns]` that are numbers: `[rows of x, rows of W]`.
///
/// burn's own product is right too, but a quarter of the program that a browser loads.
pub fn many_products(x: Tensor<2>, weights: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::many_products(x.into_dispatch(), weights.into_dispatch()))
}

/// The weights as numbers, `[rows, columns]`.
pub fn dequantize(weights: &Stored) -> Tensor<2> {
    let Stored { codes, scales, mask, layout } = weights.clone();
    let [scales, codes, mask] = [scales.into_dispatch(), codes.into_dispatch(), mask.into_dispatch()];
    Tensor::from_dispatch(Dispatch::dequantize(codes, scales, mask, layout))
}

/// silu(gate) ∘ up.
pub fn silu_times(gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::silu_times(gate.into_dispatch(), up.into_dispatch()))
}

/// The keys and values of a cache followed by new ones, each `[tokens, key_value_heads · head_dim]`; new keys are turned.
///
/// * `known` — the cache's, if it has any.
/// * `angles` — cosines, then sines, of the new tokens' pairs that turn, `[tokens, dimensions]`.
pub fn append(
    known: Option<[Tensor<2>; 2]>,
    [keys, values]: [Tensor<2>; 2],
    angles: Tensor<2>,
    head_dim: usize,
) -> [Tensor<2>; 2] {
    let count = known.as_ref().map_or(0, |[keys, _]| keys.dims()[0]);
    // A program needs all its buffers; of these nothing is read.
    let [known_keys, known_values] = known.unwrap_or_else(|| [keys.clone(), values.clone()]);
    let (keys, values) = Dispatch::append(
        known_keys.into_dispatch(),
        known_values.into_dispatch(),
        keys.into_dispatch(),
        values.into_dispatch(),
        angles.into_dispatch(),
        count,
        head_dim,
    );
    [Tensor::from_dispatch(keys), Tensor::from_dispatch(values)]
}

/// Causal attention: the mixed values of all heads, `[tokens, query_heads · head_dim]`.
///
/// * `queries` — of the last tokens of the context, not yet turned, `[tokens, query_heads · head_dim]`.
/// * `cache` — keys and values of the context, each `[context, key_value_heads · head_dim]`.
/// * `angles` — cosines, then sines, of these tokens' pairs that turn, `[tokens, dimensions]`.
pub fn attend(queries: Tensor<2>, [keys, values]: [Tensor<2>; 2], angles: Tensor<2>, heads: Heads) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::attend(
        queries.into_dispatch(),
        keys.into_dispatch(),
        values.into_dispatch(),
        angles.into_dispatch(),
        heads,
    ))
}

/// Numbers of a row of [`compare`] before its tokens.
pub const COMPARED_SUMS: usize = kernels::SUMS as usize;
/// Numbers of an angle, with three of which a row begins.
pub const COMPARED_ANGLE: usize = kernels::ANGLE as usize;
/// Numbers of a token there: its id, the dense model's logit, the pruned model's.
pub const COMPARED_TOKEN: usize = kernels::TOKEN as usize;

/// What the metrics of a dense and a pruned model need, `[rows, COMPARED_SUMS + 2 · top · COMPARED_TOKEN]`: sums, in the order of
/// `metrics::host::Sums`, then the dense model's `top` likeliest tokens, then the pruned model's.
///
/// * `hidden` — both models' h, each `[rows, hidden]`; `logits` — both models' z, each `[rows, vocabulary]`.
pub fn compare(hidden: [Tensor<2>; 2], logits: [Tensor<2>; 2], temperature: f32, top: usize) -> Tensor<2> {
    let [hidden, hidden_pruned] = hidden.map(Tensor::into_dispatch);
    let [logits, logits_pruned] = logits.map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::compare(hidden, hidden_pruned, logits, logits_pruned, temperature, top))
}

#[cfg(test)]
mod on_a_gpu {
    use super::*;
    use crate::tests::{assert_close, numbers, read, tensor};
    use prunescope_kernels::{attention, elementwise};

    #[test]
    fn norms_as_the_host_does() {
        for (rows, columns) in [(1, 32), (3, 576), (2, 50)] {
            let (x, weight) = (numbers(rows * columns, 1), numbers(columns, 2));
            let found = rms_norm(tensor(&x, rows), tensor(&weight, 1), 1e-5);
            assert_close(&read(found), &elementwise::rms_norm(&x, &weight, 1e-5), 1e-5);
        }
    }

    /// Around the edges of tiles.
    #[test]
    fn multiplies_many_rows_as_the_definition_says() {
        for (count, columns, rows) in [(9, 32, 5), (64, 16, 64), (65, 50, 130), (130, 33, 63)] {
            let (x, weights) = (numbers(count * columns, 21), numbers(rows * columns, 22));
            let wanted: Vec<f32> = x
                .chunks_exact(columns)
                .flat_map(|x| weights.chunks_exact(columns).map(|row| x.iter().zip(row).map(|(x, w)| x * w).sum()))
                .collect();
            assert_close(&read(many_products(tensor(&x, count), tensor(&weights, rows))), &wanted, 1e-5);
            // What is transposed lies in memory as it was.
            let turned = tensor(&x, count).transpose();
            let wanted: Vec<f32> = (0..columns * columns)
                .map(|at| x.chunks_exact(columns).map(|x| x[at / columns] * x[at % columns]).sum())
                .collect();
            assert_close(&read(many_products(turned.clone(), turned)), &wanted, 1e-5);
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

    /// Contexts around the number of keys that are taken at a time, and windows of them; heads narrower and wider than a cube
    /// has units, of which some turn in part.
    #[test]
    fn attends_as_the_host_does() {
        for (start, tokens) in [(0, 1), (0, 65), (62, 1), (63, 1), (64, 1), (130, 7)] {
            for (heads, turning) in [
                (Heads { queries: 9, keys: 3, width: 64, scale: 0.125, window: usize::MAX }, 64),
                (Heads { queries: 2, keys: 2, width: 16, scale: 0.3, window: 5 }, 4),
                (Heads { queries: 4, keys: 1, width: 80, scale: 0.1, window: 70 }, 80),
            ] {
                let Heads { queries, keys: groups, width, .. } = heads;
                let half = turning / 2;
                let angle = numbers((start + tokens) * half, 5);
                let [cos, sin] =
                    [f32::cos, f32::sin].map(|of: fn(f32) -> f32| angle.iter().map(|x| of(9.0 * x)).collect());
                let (cos, sin): (Vec<f32>, Vec<f32>) = (cos, sin);
                let query = numbers(tokens * queries * width, 6);
                let [keys, values] = [7, 8].map(|salt| numbers((start + tokens) * groups * width, salt));

                let (mut turned, mut turned_keys) = (query.clone(), keys.clone());
                let pairs = start * half;
                attention::rotate(&mut turned, queries, width, &cos[pairs..], &sin[pairs..]);
                attention::rotate(&mut turned_keys, groups, width, &cos, &sin);
                let wanted = attention::attend(&turned, &turned_keys, &values, heads);

                let angles = |from: usize, to: usize| {
                    let row = |at: usize| [&cos[at * half..(at + 1) * half], &sin[at * half..(at + 1) * half]].concat();
                    tensor(&(from..to).flat_map(row).collect::<Vec<f32>>(), to - from)
                };
                let part = |x: &[f32], from: usize, to: usize| {
                    tensor(&x[from * groups * width..to * groups * width], to - from)
                };
                let rows = |from, to| [part(&keys, from, to), part(&values, from, to)];
                let known = (start > 0).then(|| append(None, rows(0, start), angles(0, start), width));
                let all = append(known, rows(start, start + tokens), angles(start, start + tokens), width);
                assert_close(&read(all[0].clone()), &turned_keys, 1e-5);
                assert_close(&read(all[1].clone()), &values, 0.0);
                let found = attend(tensor(&query, tokens), all, angles(start, start + tokens), heads);
                assert_close(&read(found), &wanted, 1e-5);
            }
        }
    }
}
