//! The product with few rows of activations (gemv): as integers, each weight read once and unpacked for its use only.

// Iterators by value and closures over sums keep them in memory.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;
use std::ptr::null;

use bytemuck::cast_slice;
use prunescope_relaxed_simd::gemv_abi::{BLOCK, Constants, GemvJob, HIGH_UNIT};
use wide::{f32x4, i32x4, u16x8};

use super::RELAXED_SIMD;
use crate::activations::{ActivationRow, Activations, Lanes, SplitActivations};
use crate::elementwise::dot;
use crate::packed::{PackedMatrix, PackedWeights, unpack_mask, unpack_q4, unpack_q8};
use crate::threads::SharedSlice;

/// Floats of 16 bits that are unpacked at once.
const UNPACKED_COLUMNS: usize = 512;
/// What the program with relaxed SIMD needs.
static CONSTANTS: Constants = Constants::VALUES;

impl PackedMatrix {
    /// The product with few rows of activations by another program's loops; false where there are none for these weights.
    pub(super) fn gemv_relaxed_simd(&self, activations: &Activations, out: &mut [f32]) -> bool {
        let (codes, bits, scales, mins) = match self.weights() {
            PackedWeights::Q4 { codes, scales, mins } => (cast_slice::<_, u8>(codes), 4, scales, mins),
            PackedWeights::Q8 { codes, scales, mins } => (cast_slice(codes), 8, scales, mins),
            _ => return false,
        };
        let Some(relaxed) = RELAXED_SIMD.get() else { return false };
        let ([all_rows, columns], activation_rows) = (self.shape(), activations.rows());
        let (blocks, mask) = (columns / BLOCK, self.mask());
        let (split, sums) = activations.split();
        assert!(out.len() == activation_rows * all_rows && codes.len() == all_rows * blocks * BLOCK * bits / 8);
        assert!([split.len(), sums.len()] == [activation_rows * blocks; 2]);
        let out = SharedSlice::new(out);
        self.share_rows(1, activation_rows, |rows| {
            let span = rows.start * blocks..rows.end * blocks;
            let job = GemvJob {
                codes: codes[span.start * BLOCK * bits / 8..].as_ptr(),
                bits,
                scales: scales[span.clone()].as_ptr(),
                mins: mins.get(span.clone()).map_or(null(), <[f32]>::as_ptr),
                mask: mask.map_or(null(), |mask| mask[span].as_ptr()),
                blocks,
                rows: rows.len(),
                activations: split.as_ptr().cast(),
                sums: sums.as_ptr(),
                activation_rows,
                out: out.place(rows.start),
                out_stride: all_rows,
                constants: &CONSTANTS,
            };
            // SAFETY: codes, scales, mins and mask are those of these rows of weights, split and sums those of all rows
            // of activations; each of these has `all_rows` products, of which no other part writes those of these rows.
            unsafe { (relaxed.gemv)(&job) };
        });
        true
    }

    /// The product with `N` rows of activations as integers: each weight is read once, and unpacked for its use only.
    pub(super) fn gemv<const N: usize>(&self, activations: &Activations, out: &mut [f32]) {
        assert!(out.len() == N * self.shape()[0]);
        let x: [ActivationRow<'_>; N] = std::array::from_fn(|i| activations.row(i));
        let out = SharedSlice::new(out);
        self.share_rows(1, N, |rows| self.gemv_rows(rows, &x, &out));
    }

    /// Some rows of [`Self::gemv`].
    fn gemv_rows<const N: usize>(&self, rows: Range<usize>, x: &[ActivationRow<'_>; N], out: &SharedSlice<'_>) {
        let [_, columns] = self.shape();
        let blocks = columns / BLOCK;
        let mask = self.mask();
        match self.weights() {
            PackedWeights::F32(values) => by_row::<N>(rows, out, |row| {
                let weights = &values[row * columns..(row + 1) * columns];
                std::array::from_fn(|i| dot(weights, x[i].values))
            }),
            PackedWeights::Float16 { .. } => {
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
            PackedWeights::Q4 { codes, scales, mins } => {
                let weights = CodedRows { codes, scales, mins, mask, blocks };
                weights.multiply(rows, x, out, |codes, constants| unpack_q4(codes, constants.nibble));
            }
            PackedWeights::Q8 { codes, scales, mins } => {
                let weights = CodedRows { codes, scales, mins, mask, blocks };
                weights.multiply(rows, x, out, |codes, _| unpack_q8(codes));
            }
            PackedWeights::Q8SubBlock16 { codes, scales, mins } => by_row::<N>(rows, out, |row| {
                let span = row * blocks..(row + 1) * blocks;
                let mins = mins.get(span.clone()).unwrap_or_default();
                halves(&codes[span.clone()], &scales[span.clone()], mins, mask.map(|mask| &mask[span]), x)
            }),
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
    mins: &'a [f32],
    mask: Option<&'a [u32]>,
    /// Blocks of a row.
    blocks: usize,
}

/// Vectors that the loops over blocks need. Taken from memory, once: as constants a browser's compiler would make them anew at
/// every use.
#[derive(Clone, Copy)]
struct VectorConstants {
    /// What is a nibble.
    nibble: u16x8,
    /// A unit of the low part.
    low_unit: f32x4,
}

impl VectorConstants {
    #[inline(always)]
    fn new() -> Self {
        std::hint::black_box(Self { nibble: u16x8::splat(15), low_unit: f32x4::splat(1.0 / HIGH_UNIT as f32) })
    }
}

/// Σ weight · activation of a block in four parts, in units of the activations' scale. Both sums are exact in i32: 128 · 32768 · 32 < 2³¹.
#[inline(always)]
fn block_dot(weights: &Lanes, activations: &SplitActivations, constants: &VectorConstants) -> f32x4 {
    let sum = |part: &Lanes| {
        let [first, second] = half_dots(weights, part);
        f32x4::from_i32x4(first + second)
    };
    sum(&activations.high) + sum(&activations.low) * constants.low_unit
}

/// The same with a factor for each half.
#[inline(always)]
fn scaled_dot(weights: &Lanes, activations: &SplitActivations, factors: [f32; 2]) -> f32x4 {
    let sum = |part: &Lanes| {
        let [first, second] = half_dots(weights, part).map(f32x4::from_i32x4);
        first * f32x4::splat(factors[0]) + second * f32x4::splat(factors[1])
    };
    sum(&activations.high) + sum(&activations.low) * f32x4::splat(1.0 / HIGH_UNIT as f32)
}

#[inline(always)]
fn half_dots(weights: &Lanes, part: &Lanes) -> [i32x4; 2] {
    [0, 2].map(|i| weights[i].dot(part[i]) + weights[i + 1].dot(part[i + 1]))
}

/// A row whose blocks have a scale and a min for each half, with `N` rows of activations.
fn halves<const N: usize>(
    codes: &[[i8; BLOCK]],
    scales: &[[f32; 2]],
    mins: &[[f32; 2]],
    mask: Option<&[u32]>,
    x: &[ActivationRow<'_>; N],
) -> [f32; N] {
    let mut sums = [f32x4::ZERO; N];
    for (block, codes) in codes.iter().enumerate() {
        let (all, kept) = (unpack_q8(codes), unpack_mask(mask.map_or(u32::MAX, |mask| mask[block])));
        let weights = std::array::from_fn(|i| all[i] & kept[i]);
        for i in 0..N {
            let activation = &x[i].split[block];
            let mut sum = scaled_dot(&weights, activation, scales[block]);
            if let Some(min) = mins.get(block) {
                // As in [`CodedRows::kept`].
                sum -= scaled_dot(&kept, activation, *min);
            }
            sums[i] += sum * f32x4::splat(activation.scale);
        }
    }
    sums.map(f32x4::reduce_add)
}

impl<C> CodedRows<'_, C> {
    /// The products of some rows with `N` rows of activations.
    // A function of its own: in one with all other loops a browser's compiler does worse.
    #[inline(never)]
    fn multiply<const N: usize>(
        &self,
        rows: Range<usize>,
        x: &[ActivationRow<'_>; N],
        out: &SharedSlice<'_>,
        unpack: impl Fn(&C, &VectorConstants) -> Lanes + Copy,
    ) {
        let constants = VectorConstants::new();
        by_row(rows, out, |row| match self.mask {
            None => self.all(row, x, &constants, unpack),
            Some(mask) => self.kept(row, mask, x, &constants, unpack),
        });
    }

    /// Of one row without a mask; mins meet whole blocks, whose sums are known.
    #[inline(always)]
    fn all<const N: usize>(
        &self,
        row: usize,
        x: &[ActivationRow<'_>; N],
        constants: &VectorConstants,
        unpack: impl Fn(&C, &VectorConstants) -> Lanes,
    ) -> [f32; N] {
        let blocks = self.blocks;
        let span = row * blocks..(row + 1) * blocks;
        // Of one length, which is known: no bounds are checked in the loop.
        let (codes, scales) = (&self.codes[span.clone()][..blocks], &self.scales[span.clone()][..blocks]);
        let mins = self.mins.get(span).unwrap_or_default();
        let mut split = [&x[0].split[..blocks]; N];
        for i in 0..N {
            split[i] = &x[i].split[..blocks];
        }
        let mut sums = [f32x4::ZERO; N];
        for block in 0..blocks {
            let weights = unpack(&codes[block], constants);
            for i in 0..N {
                let activation = &split[i][block];
                sums[i] += block_dot(&weights, activation, constants) * f32x4::splat(scales[block] * activation.scale);
            }
        }
        let mut products = [0.0; N];
        for i in 0..N {
            products[i] = sums[i].reduce_add();
            if !mins.is_empty() {
                products[i] += dot(mins, x[i].sums);
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
        x: &[ActivationRow<'_>; N],
        constants: &VectorConstants,
        unpack: impl Fn(&C, &VectorConstants) -> Lanes,
    ) -> [f32; N] {
        let blocks = self.blocks;
        let span = row * blocks..(row + 1) * blocks;
        let (codes, scales, mask) = (&self.codes[span.clone()], &self.scales[span.clone()], &mask[span.clone()]);
        let mins = self.mins.get(span).unwrap_or_default();
        let mut sums = [f32x4::ZERO; N];
        for block in 0..blocks {
            let (all, kept) = (unpack(&codes[block], constants), unpack_mask(mask[block]));
            let mut weights = all;
            for i in 0..4 {
                weights[i] = all[i] & kept[i];
            }
            for i in 0..N {
                let activation = &x[i].split[block];
                let mut sum = block_dot(&weights, activation, constants) * f32x4::splat(scales[block]);
                if let Some(min) = mins.get(block) {
                    // The mask is −1 where a weight stays, so its product is minus the sum of the activations that meet one.
                    sum -= block_dot(&kept, activation, constants) * f32x4::splat(*min);
                }
                sums[i] += sum * f32x4::splat(activation.scale);
            }
        }
        sums.map(f32x4::reduce_add)
    }
}
