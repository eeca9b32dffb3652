//! The matrix product y = x Wᵀ of packed weights and rows of inputs.

// Iterators by value and closures over sums keep them in memory.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;
use std::ptr::null;
use std::sync::OnceLock;

use bytemuck::cast_slice;
use wide::{f32x4, i32x4, u16x8};

use super::elementwise::dot;
use super::few::{self, BLOCK, DIGIT, FewRows};
use super::inputs::{Digits, FEW, InputRow, Inputs, Lanes};
use super::packed::{Codes, PackedMatrix, unpack_eight, unpack_four, unpack_mask};
use super::threads::{Parts, SharedSlice};
use super::tiles::{Four, Piece, add_products};

/// Columns of weights that are unpacked at once, and rows: what a first-level cache holds beside some inputs.
const UNPACKED_COLUMNS: usize = 512;
const UNPACKED_ROWS: usize = 8;
/// A piece of a matrix in floats; no vector of it lies across two lines of a cache.
#[repr(align(64))]
struct Unpacked([f32; UNPACKED_ROWS * UNPACKED_COLUMNS]);

/// Adds the products of a piece.
pub type AddProducts = unsafe extern "C" fn(*const Piece);
/// Writes the products of packed weights with few rows of inputs.
pub type MultiplyFew = unsafe extern "C" fn(*const FewRows);

/// Loops of a program that this one, for all machines, cannot contain.
pub struct Loops {
    /// For many rows of inputs.
    pub add_products: AddProducts,
    /// For few.
    pub multiply_few: MultiplyFew,
}

/// Takes the place of this crate's own loops, where it is set.
static FUSED: OnceLock<Loops> = OnceLock::new();
/// What they need.
static CONSTANTS: few::Constants = few::Constants::ALL;

/// From now on products are computed by another program's loops.
pub fn use_fused(loops: Loops) {
    // Only the first counts.
    let _ = FUSED.set(loops);
}

impl Four for f32x4 {
    #[inline(always)]
    fn zeros() -> Self {
        Self::ZERO
    }

    #[inline(always)]
    unsafe fn read(at: *const f32) -> Self {
        // SAFETY: the caller's.
        Self::new(unsafe { at.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    fn plus_product(self, a: Self, b: Self) -> Self {
        self + a * b
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        self.reduce_add()
    }
}

impl PackedMatrix {
    /// x Wᵀ, `[rows of inputs, rows]`.
    pub fn product(&self, inputs: &Inputs) -> Vec<f32> {
        let mut out = vec![0.0; inputs.rows() * self.shape()[0]];
        self.multiply(inputs, &mut out);
        out
    }

    /// y = x Wᵀ: `[inputs.rows(), rows]`, written to `out`.
    pub fn multiply(&self, inputs: &Inputs, out: &mut [f32]) {
        if let (1..=FEW, true) = (inputs.rows(), inputs.are_integers()) {
            match inputs.rows() {
                _ if self.few_fused(inputs, out) => {}
                1 => self.few::<1>(inputs, out),
                2 => self.few::<2>(inputs, out),
                _ => self.few::<FEW>(inputs, out),
            }
        } else {
            self.many(inputs, out);
        }
    }

    /// Does the rows of weights by all threads, `step` of them at a time at least.
    fn share_rows(&self, step: usize, input_rows: usize, work: impl Fn(Range<usize>) + Sync) {
        let [rows, columns] = self.shape();
        Parts::of(rows, columns * input_rows).in_steps_of(step).share(|_, rows| work(rows));
    }

    /// The product with few rows of inputs by another program's loops; false where there are none for these weights.
    fn few_fused(&self, inputs: &Inputs, out: &mut [f32]) -> bool {
        let (codes, bits, scales, minimums) = match self.codes() {
            Codes::Four { codes, scales, minimums } => (cast_slice::<_, u8>(codes), 4, scales, minimums),
            Codes::Eight { codes, scales, minimums } => (cast_slice(codes), 8, scales, minimums),
            _ => return false,
        };
        let Some(fused) = FUSED.get() else { return false };
        let ([all_rows, columns], input_rows) = (self.shape(), inputs.rows());
        let (blocks, mask) = (columns / BLOCK, self.mask());
        let (digits, sums) = inputs.integers();
        assert!(out.len() == input_rows * all_rows && codes.len() == all_rows * blocks * BLOCK * bits / 8);
        assert!([digits.len(), sums.len()] == [input_rows * blocks; 2]);
        let out = SharedSlice::new(out);
        self.share_rows(1, input_rows, |rows| {
            let span = rows.start * blocks..rows.end * blocks;
            let job = FewRows {
                codes: codes[span.start * BLOCK * bits / 8..].as_ptr(),
                bits,
                scales: scales[span.clone()].as_ptr(),
                minimums: minimums.get(span.clone()).map_or(null(), <[f32]>::as_ptr),
                mask: mask.map_or(null(), |mask| mask[span].as_ptr()),
                blocks,
                rows: rows.len(),
                digits: digits.as_ptr().cast(),
                sums: sums.as_ptr(),
                input_rows,
                out: out.place(rows.start),
                out_stride: all_rows,
                constants: &CONSTANTS,
            };
            // SAFETY: codes, scales, minimums and mask are those of these rows of weights, digits and sums those of all rows
            // of inputs; each of these has `all_rows` products, of which no other part writes those of these rows.
            unsafe { (fused.multiply_few)(&job) };
        });
        true
    }

    /// The product with `N` rows of inputs as integers: each weight is read once, and unpacked for its use only.
    fn few<const N: usize>(&self, inputs: &Inputs, out: &mut [f32]) {
        assert!(out.len() == N * self.shape()[0]);
        let x: [InputRow<'_>; N] = std::array::from_fn(|i| inputs.row(i));
        let out = SharedSlice::new(out);
        self.share_rows(1, N, |rows| self.few_of(rows, &x, &out));
    }

    /// Some rows of [`Self::few`].
    fn few_of<const N: usize>(&self, rows: Range<usize>, x: &[InputRow<'_>; N], out: &SharedSlice<'_>) {
        let [_, columns] = self.shape();
        let blocks = columns / BLOCK;
        let mask = self.mask();
        match self.codes() {
            Codes::Full(values) => by_row::<N>(rows, out, |row| {
                let weights = &values[row * columns..(row + 1) * columns];
                std::array::from_fn(|i| dot(weights, x[i].values))
            }),
            Codes::Sixteen { .. } => {
                let mut unpacked = [0.0; UNPACKED_COLUMNS];
                by_row::<N>(rows, out, |row| {
                    let mut sums = [0.0; N];
                    for begin in (0..columns).step_by(UNPACKED_COLUMNS) {
                        let span = begin..(begin + UNPACKED_COLUMNS).min(columns);
                        let weights = &mut unpacked[..span.len()];
                        self.read_columns(row, span.clone(), weights);
                        for i in 0..N {
                            sums[i] += dot(weights, &x[i].values[span.clone()]);
                        }
                    }
                    sums
                });
            }
            Codes::Four { codes, scales, minimums } => {
                let weights = CodedRows { codes, scales, minimums, mask, blocks };
                weights.multiply(rows, x, out, |codes, constants| unpack_four(codes, constants.nibble));
            }
            Codes::Eight { codes, scales, minimums } => {
                let weights = CodedRows { codes, scales, minimums, mask, blocks };
                weights.multiply(rows, x, out, |codes, _| unpack_eight(codes));
            }
            Codes::Halves { codes, scales, minimums } => by_row::<N>(rows, out, |row| {
                let span = row * blocks..(row + 1) * blocks;
                let minimums = minimums.get(span.clone()).unwrap_or_default();
                halves(&codes[span.clone()], &scales[span.clone()], minimums, mask.map(|mask| &mask[span]), x)
            }),
        }
    }

    /// The product with many rows of inputs: weights are unpacked to floats, a piece at a time, and used for all of them.
    fn many(&self, inputs: &Inputs, out: &mut [f32]) {
        let [rows, columns] = self.shape();
        assert!(inputs.values().len() == inputs.rows() * columns && out.len() == inputs.rows() * rows);
        out.fill(0.0);
        let out = SharedSlice::new(out);
        self.share_rows(UNPACKED_ROWS, inputs.rows(), |rows| self.many_of(rows, inputs, &out));
    }

    /// Some rows of [`Self::many`], added to zeros.
    fn many_of(&self, rows: Range<usize>, inputs: &Inputs, out: &SharedSlice<'_>) {
        let [out_stride, columns] = self.shape();
        let pieces = columns.div_ceil(UNPACKED_COLUMNS);
        let width = columns.div_ceil(pieces).next_multiple_of(BLOCK);
        // Not on the heap: a thread that helps has none.
        let mut unpacked = Unpacked([0.0; UNPACKED_ROWS * UNPACKED_COLUMNS]);
        let Unpacked(unpacked) = &mut unpacked;
        for first in rows.clone().step_by(UNPACKED_ROWS) {
            let some = UNPACKED_ROWS.min(rows.end - first);
            for begin in (0..columns).step_by(width) {
                let span = begin..(begin + width).min(columns);
                let size = span.len();
                for (row, weights) in unpacked.chunks_exact_mut(size).take(some).enumerate() {
                    self.read_columns(first + row, span.clone(), weights);
                }
                let piece = Piece {
                    weights: unpacked.as_ptr(),
                    rows: some,
                    size,
                    inputs: inputs.values()[begin..].as_ptr(),
                    input_rows: inputs.rows(),
                    input_stride: columns,
                    out: out.place(first),
                    out_stride,
                };
                // SAFETY: `unpacked` has `some` rows of `size` columns; each of `inputs.rows()` rows of inputs has `columns`
                // columns, of which the span is a part; each row of `out` has `out_stride` numbers, of which `some` come
                // after `first`, and no other part writes those.
                unsafe {
                    match FUSED.get() {
                        Some(fused) => (fused.add_products)(&piece),
                        None => add_products::<f32x4>(&piece),
                    }
                }
            }
        }
    }
}

/// Writes the products of one row of weights after the other.
#[inline(always)]
fn by_row<const N: usize>(rows: Range<usize>, out: &SharedSlice<'_>, mut products: impl FnMut(usize) -> [f32; N]) {
    let stride = out.length() / N;
    for row in rows {
        let products = products(row);
        for i in 0..N {
            // SAFETY: no other part of the job has this row of weights.
            unsafe { out.set(i * stride + row, products[i]) };
        }
    }
}

/// Rows of weights of whole blocks.
struct CodedRows<'a, C> {
    codes: &'a [C],
    scales: &'a [f32],
    /// Empty where all are 0.
    minimums: &'a [f32],
    mask: Option<&'a [u32]>,
    /// Blocks of a row.
    blocks: usize,
}

/// Vectors that the loops over blocks need. Taken from memory, once: as constants a browser's compiler would make them anew at
/// every use.
#[derive(Clone, Copy)]
struct Constants {
    /// What is a nibble.
    nibble: u16x8,
    /// A unit of the low digit.
    low_unit: f32x4,
}

impl Constants {
    #[inline(always)]
    fn new() -> Self {
        std::hint::black_box(Self { nibble: u16x8::splat(15), low_unit: f32x4::splat(1.0 / DIGIT as f32) })
    }
}

/// Σ weight · input of a block in four parts, in units of the inputs' scale. Both sums are exact in i32: 128 · 32768 · 32 < 2³¹.
#[inline(always)]
fn block_dot(weights: &Lanes, inputs: &Digits, constants: &Constants) -> f32x4 {
    let sum = |digit: &Lanes| {
        let [first, second] = half_dots(weights, digit);
        f32x4::from_i32x4(first + second)
    };
    sum(&inputs.high) + sum(&inputs.low) * constants.low_unit
}

/// The same with a factor for each half.
#[inline(always)]
fn scaled_dot(weights: &Lanes, inputs: &Digits, factors: [f32; 2]) -> f32x4 {
    let sum = |digit: &Lanes| {
        let [first, second] = half_dots(weights, digit).map(f32x4::from_i32x4);
        first * f32x4::splat(factors[0]) + second * f32x4::splat(factors[1])
    };
    sum(&inputs.high) + sum(&inputs.low) * f32x4::splat(1.0 / DIGIT as f32)
}

#[inline(always)]
fn half_dots(weights: &Lanes, digit: &Lanes) -> [i32x4; 2] {
    [0, 2].map(|i| weights[i].dot(digit[i]) + weights[i + 1].dot(digit[i + 1]))
}

/// A row whose blocks have a scale and a minimum for each half, with `N` rows of inputs.
fn halves<const N: usize>(
    codes: &[[i8; BLOCK]],
    scales: &[[f32; 2]],
    minimums: &[[f32; 2]],
    mask: Option<&[u32]>,
    x: &[InputRow<'_>; N],
) -> [f32; N] {
    let mut sums = [f32x4::ZERO; N];
    for (block, codes) in codes.iter().enumerate() {
        let (all, kept) = (unpack_eight(codes), unpack_mask(mask.map_or(u32::MAX, |mask| mask[block])));
        let weights = std::array::from_fn(|i| all[i] & kept[i]);
        for i in 0..N {
            let input = &x[i].digits[block];
            let mut sum = scaled_dot(&weights, input, scales[block]);
            if let Some(minimum) = minimums.get(block) {
                // As in [`CodedRows::kept`].
                sum -= scaled_dot(&kept, input, *minimum);
            }
            sums[i] += sum * f32x4::splat(input.scale);
        }
    }
    sums.map(f32x4::reduce_add)
}

impl<C> CodedRows<'_, C> {
    /// The products of some rows with `N` rows of inputs.
    // A function of its own: in one with all other loops a browser's compiler does worse.
    #[inline(never)]
    fn multiply<const N: usize>(
        &self,
        rows: Range<usize>,
        x: &[InputRow<'_>; N],
        out: &SharedSlice<'_>,
        unpack: impl Fn(&C, &Constants) -> Lanes + Copy,
    ) {
        let constants = Constants::new();
        by_row(rows, out, |row| match self.mask {
            None => self.all(row, x, &constants, unpack),
            Some(mask) => self.kept(row, mask, x, &constants, unpack),
        });
    }

    /// Of one row without a mask; minimums meet whole blocks, whose sums are known.
    #[inline(always)]
    fn all<const N: usize>(
        &self,
        row: usize,
        x: &[InputRow<'_>; N],
        constants: &Constants,
        unpack: impl Fn(&C, &Constants) -> Lanes,
    ) -> [f32; N] {
        let blocks = self.blocks;
        let span = row * blocks..(row + 1) * blocks;
        // Of one length, which is known: no bounds are checked in the loop.
        let (codes, scales) = (&self.codes[span.clone()][..blocks], &self.scales[span.clone()][..blocks]);
        let minimums = self.minimums.get(span).unwrap_or_default();
        let mut digits = [&x[0].digits[..blocks]; N];
        for i in 0..N {
            digits[i] = &x[i].digits[..blocks];
        }
        let mut sums = [f32x4::ZERO; N];
        for block in 0..blocks {
            let weights = unpack(&codes[block], constants);
            for i in 0..N {
                let input = &digits[i][block];
                sums[i] += block_dot(&weights, input, constants) * f32x4::splat(scales[block] * input.scale);
            }
        }
        let mut products = [0.0; N];
        for i in 0..N {
            products[i] = sums[i].reduce_add();
            if !minimums.is_empty() {
                products[i] += dot(minimums, x[i].sums);
            }
        }
        products
    }

    /// Of the weights of one row that the mask keeps.
    #[inline(always)]
    fn kept<const N: usize>(
        &self,
        row: usize,
        mask: &[u32],
        x: &[InputRow<'_>; N],
        constants: &Constants,
        unpack: impl Fn(&C, &Constants) -> Lanes,
    ) -> [f32; N] {
        let blocks = self.blocks;
        let span = row * blocks..(row + 1) * blocks;
        let (codes, scales, mask) = (&self.codes[span.clone()], &self.scales[span.clone()], &mask[span.clone()]);
        let minimums = self.minimums.get(span).unwrap_or_default();
        let mut sums = [f32x4::ZERO; N];
        for block in 0..blocks {
            let (all, kept) = (unpack(&codes[block], constants), unpack_mask(mask[block]));
            let mut weights = all;
            for i in 0..4 {
                weights[i] = all[i] & kept[i];
            }
            for i in 0..N {
                let input = &x[i].digits[block];
                let mut sum = block_dot(&weights, input, constants) * f32x4::splat(scales[block]);
                if let Some(minimum) = minimums.get(block) {
                    // The mask is −1 where a weight stays, so its product is minus the sum of the inputs that meet one.
                    sum -= block_dot(&kept, input, constants) * f32x4::splat(*minimum);
                }
                sums[i] += sum * f32x4::splat(input.scale);
            }
        }
        sums.map(f32x4::reduce_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::{POOL, start_helpers};
    use half::f16;
    use proptest::prelude::*;
    use prunescope_quant::TensorType;

    /// Bytes of `blocks` blocks of a quantized tensor.
    fn stored(tensor_type: TensorType, blocks: usize) -> impl Strategy<Value = Vec<u8>> {
        let bytes = tensor_type.block_bytes() as usize;
        proptest::collection::vec(any::<u8>(), blocks * bytes).prop_map(move |mut all| {
            for (at, block) in all.chunks_exact_mut(bytes).enumerate() {
                let header =
                    [f16::from_f32(0.01 + at as f32 * 1e-3), f16::from_f32(-0.07)].map(f16::to_le_bytes).concat();
                let length = bytes - if tensor_type == TensorType::Q8_0 { 32 } else { 16 };
                block[..length].copy_from_slice(&header[..length]);
            }
            all
        })
    }

    /// Inputs of which one in each row is far larger than the others.
    fn inputs(rows: usize, columns: usize) -> impl Strategy<Value = Vec<f32>> {
        let row = (proptest::collection::vec(-1f32..1.0, columns), 0..columns, 1f32..5000.0);
        proptest::collection::vec(row, rows).prop_map(|rows| {
            rows.into_iter()
                .flat_map(|(mut row, at, outlier)| {
                    row[at] *= outlier;
                    row
                })
                .collect()
        })
    }

    /// Largest error of a product beside the largest that it could be: the sum of the inputs, all times the largest weight.
    fn error(matrix: &PackedMatrix, x: &[f32]) -> f64 {
        let [rows, columns] = matrix.shape();
        let inputs = Inputs::new(x.to_vec(), columns);
        let mut found = vec![f32::NAN; inputs.rows() * rows];
        matrix.multiply(&inputs, &mut found);
        let values = matrix.values();
        // Codes and minimum of a block may cancel: its weights are as exact as the larger of them.
        let largest = values.iter().fold(0.15f32, |largest, w| largest.max(w.abs()));
        let mut worst = 0f64;
        for (x, found) in x.chunks_exact(columns).zip(found.chunks_exact(rows)) {
            let size = x.iter().map(|x| f64::from(x.abs())).sum::<f64>().max(1e-9) * f64::from(largest);
            for (weights, found) in values.chunks_exact(columns).zip(found) {
                let wanted: f64 = weights.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                worst = worst.max((f64::from(*found) - wanted).abs() / size);
            }
        }
        worst
    }

    #[test]
    fn threads_change_no_bit() {
        let columns = 640;
        let value = |at: usize| ((at * 7919 + at * at % 1013) % 2027) as f32 / 1000.0 - 1.0;
        let weights: Vec<f32> = (0..300 * columns).map(value).collect();
        let matrices = [PackedMatrix::rounded(&weights, columns), PackedMatrix::from_values(weights, columns)];
        let products = || -> Vec<Vec<f32>> {
            let product = |(matrix, rows): (&PackedMatrix, usize)| {
                let mut out = vec![f32::NAN; rows * 300];
                matrix.multiply(&Inputs::new((0..rows * columns).map(value).collect(), columns), &mut out);
                out
            };
            matrices.iter().flat_map(|matrix| [1, 2, 3, 40].map(|rows| (matrix, rows))).map(product).collect()
        };
        let alone = products();
        start_helpers(&POOL, 3);
        for _ in 0..20 {
            assert!(products() == alone);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn products_of_all_formats_are_right(
            four in stored(TensorType::Q4_1, 5 * 3),
            offset in stored(TensorType::Q4_0, 5 * 3),
            eight in stored(TensorType::Q8_0, 5 * 3),
            full in proptest::collection::vec(-1f32..1.0, 5 * 96),
            mask in proptest::collection::vec(any::<u32>(), 5 * 3),
            rows in 1usize..8,
            x in inputs(7, 96),
        ) {
            let x = &x[..rows * 96];
            let sixteen: Vec<u8> = full.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
            for matrix in [
                PackedMatrix::from_file(TensorType::F16, &sixteen, 5, 96),
                PackedMatrix::from_file(TensorType::BF16, &sixteen, 5, 96),
                PackedMatrix::from_file(TensorType::Q4_1, &four, 5, 96),
                PackedMatrix::from_file(TensorType::Q4_0, &offset, 5, 96),
                PackedMatrix::from_file(TensorType::Q8_0, &eight, 5, 96),
                PackedMatrix::from_values(full, 96),
            ] {
                prop_assert!(error(&matrix, x) < 2e-6, "{}", error(&matrix, x));
                let masked = matrix.masked(mask.clone());
                for (at, (before, after)) in matrix.values().into_iter().zip(masked.values()).enumerate() {
                    let kept = mask[at / BLOCK] >> (at % BLOCK) & 1 == 1;
                    prop_assert_eq!(after.to_bits(), if kept { before.to_bits() } else { 0 });
                }
                prop_assert!(error(&masked, x) < 2e-6, "{}", error(&masked, x));
            }
        }

        /// Random blocks of every type that is packed otherwise than in files: the same weights, and products of them.
        #[test]
        fn repacked_types_are_what_they_were(
            codes in proptest::collection::vec(any::<u8>(), 3 * 2 * 292),
            rows in 1usize..5,
            x in inputs(4, 512),
            mask in proptest::collection::vec(any::<u32>(), 3 * 16),
        ) {
            use TensorType::*;
            for (tensor_type, floats) in [
                (Q2_K, vec![80, 82]), (Q3_K, vec![108]), (Q4_K, vec![0, 2]), (Q5_K, vec![0, 2]), (Q6_K, vec![208]),
                (IQ4_NL, vec![0]), (IQ4_XS, vec![0]), (Q5_0, vec![0]), (Q5_1, vec![0, 2]),
            ] {
                let size = tensor_type.block_bytes() as usize;
                let count = 3 * 512 / tensor_type.block_len() as usize;
                let mut bytes: Vec<u8> = codes.iter().copied().cycle().take(count * size).collect();
                for block in bytes.chunks_exact_mut(size) {
                    for at in &floats {
                        block[*at..at + 2].copy_from_slice(&f16::from_f32(0.0004).to_le_bytes());
                    }
                }
                let matrix = PackedMatrix::from_file(tensor_type, &bytes, 3, 512);
                prop_assert_eq!(matrix.values(), prunescope_quant::dequantize(tensor_type, &bytes), "{:?}", tensor_type);
                prop_assert!(error(&matrix, &x[..rows * 512]) < 2e-6, "{tensor_type:?} {}", error(&matrix, x.as_slice()));
                let masked = matrix.masked(mask.clone());
                prop_assert!(error(&masked, &x[..rows * 512]) < 2e-6, "{tensor_type:?} masked {}", error(&masked, x.as_slice()));
            }
        }
    }
}
