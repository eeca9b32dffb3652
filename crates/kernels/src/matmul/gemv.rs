//! gemv: x Wᵀ for up to `MAX_GEMV_ROWS` rows of activations, in integer arithmetic on the codes of quantized weights.
//! Each weight is read once.

// Index loops keep small arrays of SIMD sums in registers; iterators by value spill them to memory.
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

/// Number of 16-bit floats converted at a time.
const UNPACKED_COLUMNS: usize = 512;
/// Vector constants passed to the relaxed-SIMD module.
static CONSTANTS: Constants = Constants::VALUES;

impl PackedMatrix {
    /// gemv by the relaxed-SIMD module. Returns false, with nothing written, if the module is not loaded or has no loop
    /// for this weight format.
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
            // SAFETY: codes, scales, mins and mask start at these rows of weights; split and sums hold all activation
            // rows. `out` has `all_rows` products per activation row, and no other part writes those of these rows.
            unsafe { (relaxed.gemv)(&job) };
        });
        true
    }

    /// y = x Wᵀ for `N` rows of split activations; `out` is `[N, rows]`.
    pub(super) fn gemv<const N: usize>(&self, activations: &Activations, out: &mut [f32]) {
        assert!(out.len() == N * self.shape()[0]);
        let x: [ActivationRow<'_>; N] = std::array::from_fn(|i| activations.row(i));
        let out = SharedSlice::new(out);
        self.share_rows(1, N, |rows| self.gemv_rows(rows, &x, &out));
    }

    /// [`Self::gemv`] for some rows of weights.
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

/// Calls `products` for each row of weights and writes its `N` results to `out`, `[N, all rows]`.
#[inline(always)]
fn by_row<const N: usize>(rows: Range<usize>, out: &SharedSlice<'_>, mut products: impl FnMut(usize) -> [f32; N]) {
    let stride = out.length() / N;
    for row in rows {
        let products = products(row);
        for i in 0..N {
            // SAFETY: no other part of the job writes this row of weights' products.
            unsafe { out.set(i * stride + row, products[i]) };
        }
    }
}

/// Quantized weights, row-major, with one scale and one min per block.
struct CodedRows<'a, C> {
    codes: &'a [C],
    scales: &'a [f32],
    /// Empty if all are 0.
    mins: &'a [f32],
    mask: Option<&'a [u32]>,
    /// Blocks per row.
    blocks: usize,
}

/// Vector constants of the loops over blocks. `black_box` loads them from memory once; a browser's compiler would
/// otherwise materialize them at every use.
#[derive(Clone, Copy)]
struct VectorConstants {
    /// 15 in every lane, the mask of a nibble.
    nibble: u16x8,
    /// 1 / `HIGH_UNIT`, the weight of the low part.
    low_unit: f32x4,
}

impl VectorConstants {
    #[inline(always)]
    fn new() -> Self {
        std::hint::black_box(Self { nibble: u16x8::splat(15), low_unit: f32x4::splat(1.0 / HIGH_UNIT as f32) })
    }
}

/// Σ code · activation of a block as four partial sums, in units of the activations' scale.
///
/// The i32 sums cannot overflow: 128 · 32768 · 32 < 2³¹.
#[inline(always)]
fn block_dot(weights: &Lanes, activations: &SplitActivations, constants: &VectorConstants) -> f32x4 {
    let sum = |part: &Lanes| {
        let [first, second] = half_dots(weights, part);
        f32x4::from_i32x4(first + second)
    };
    sum(&activations.high) + sum(&activations.low) * constants.low_unit
}

/// As [`block_dot`], with one factor for each half of the block.
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

/// Products of one `Q8SubBlock16` row with `N` rows of activations.
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
    /// Products of some rows of weights with `N` rows of activations.
    // Not inlined: a browser's compiler generates worse code for one function with all loops.
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

    /// Products of one unmasked row. The min term is Σ min · (sum of the block's activations).
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
        // Slices of one known length, so the loop has no bounds checks.
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

    /// Products of one masked row: only kept weights contribute.
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
                    // The mask is −1 for a kept weight, so this dot product is minus the sum of the kept activations.
                    sum -= block_dot(&kept, activation, constants) * f32x4::splat(*min);
                }
                sums[i] += sum * f32x4::splat(activation.scale);
            }
        }
        sums.map(f32x4::reduce_add)
    }
}
