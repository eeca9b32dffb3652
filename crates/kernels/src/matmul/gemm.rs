//! gemm: x Wᵀ for more than `MAX_GEMV_ROWS` rows of activations. Weights are dequantized to f32 one tile at a time, and
//! each tile is used for all rows.

use std::ops::Range;

use prunescope_relaxed_simd::gemm_tile::{GemmTile, SimdF32x4, add_products};
use prunescope_relaxed_simd::gemv_abi::BLOCK;
use wide::f32x4;

use super::RELAXED_SIMD;
use crate::activations::Activations;
use crate::packed::PackedMatrix;
use crate::threads::SharedSlice;

/// Largest number of columns and rows of a dequantized weight tile (16 KB), so that it fits L1 beside some activations.
const UNPACKED_COLUMNS: usize = 512;
pub(super) const UNPACKED_ROWS: usize = 8;

/// A dequantized weight tile, aligned so that no vector crosses a cache line.
#[repr(align(64))]
struct Unpacked([f32; UNPACKED_ROWS * UNPACKED_COLUMNS]);

/// [`SimdF32x4`] on `wide::f32x4`.
#[derive(Clone, Copy)]
struct WideF32x4(f32x4);

impl SimdF32x4 for WideF32x4 {
    #[inline(always)]
    fn zeros() -> Self {
        Self(f32x4::ZERO)
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller guarantees that four floats can be read there.
        Self(f32x4::new(unsafe { from.cast::<[f32; 4]>().read_unaligned() }))
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(self.0 + a.0 * b.0)
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        self.0.reduce_add()
    }
}

impl PackedMatrix {
    /// y = x Wᵀ for any number of activation rows; `out` is `[activations.rows(), rows]` and is overwritten.
    pub(super) fn gemm(&self, activations: &Activations, out: &mut [f32]) {
        let [rows, columns] = self.shape();
        assert!(activations.values().len() == activations.rows() * columns && out.len() == activations.rows() * rows);
        out.fill(0.0);
        let out = SharedSlice::new(out);
        self.share_rows(UNPACKED_ROWS, activations.rows(), |rows| self.gemm_rows(rows, activations, &out));
    }

    /// [`Self::gemm`] for some rows of weights; adds to `out`, which must hold zeros there.
    fn gemm_rows(&self, rows: Range<usize>, activations: &Activations, out: &SharedSlice<'_>) {
        let [out_stride, columns] = self.shape();
        let pieces = columns.div_ceil(UNPACKED_COLUMNS);
        let width = columns.div_ceil(pieces).next_multiple_of(BLOCK);
        // On the stack: helper threads must not allocate.
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
                let tile = GemmTile {
                    weights: unpacked.as_ptr(),
                    rows: some,
                    columns: size,
                    activations: activations.values()[begin..].as_ptr(),
                    activation_rows: activations.rows(),
                    activation_stride: columns,
                    out: out.place(first),
                    out_stride,
                };
                // SAFETY: `unpacked` has `some` rows of `size` columns. Each of the `activations.rows()` rows of
                // activations has `columns` numbers, of which the span is a part. Each row of `out` has `out_stride`
                // numbers, at least `some` of them from `first` on, which no other part writes.
                unsafe {
                    match RELAXED_SIMD.get() {
                        Some(relaxed) => (relaxed.gemm)(&tile),
                        None => add_products::<WideF32x4>(&tile),
                    }
                }
            }
        }
    }
}
