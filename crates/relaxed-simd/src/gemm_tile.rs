//! The innermost loops of gemm, generic over a vector of four floats.

// Iterators by value would keep the sums in memory, which needs a stack.
#![allow(clippy::needless_range_loop)]

use core::array::from_fn;

/// A vector of four f32.
pub trait SimdF32x4: Copy {
    /// All zeros.
    fn zeros() -> Self;

    /// Loads four floats; `from` needs no alignment beyond that of f32.
    ///
    /// # Safety
    /// Four floats can be read at `from`.
    unsafe fn load(from: *const f32) -> Self;

    /// self + a · b.
    fn mul_add(self, a: Self, b: Self) -> Self;

    /// Sum of the four lanes.
    fn sum(self) -> f32;
}

/// One tile of a gemm: some rows of f32 weights and all rows of activations, `columns` columns of each.
#[repr(C)]
pub struct GemmTile {
    /// Weights `[rows, columns]`, row-major.
    pub weights: *const f32,
    /// Rows of weights.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Activations `[activation_rows, columns]`, rows `activation_stride` apart.
    pub activations: *const f32,
    /// Rows of activations.
    pub activation_rows: usize,
    /// Distance between rows of activations, in floats.
    pub activation_stride: usize,
    /// Output `[activation_rows, rows]`, rows `out_stride` apart; products are added to it.
    pub out: *mut f32,
    /// Distance between rows of `out`, in floats.
    pub out_stride: usize,
}

/// Columns per step: the lanes of a [`SimdF32x4`].
const STEP: usize = 4;
/// Rows of weights and of activations whose sums are kept in registers at once.
const TILE: [usize; 2] = [2, 4];

/// out += x Wᵀ for a tile.
///
/// # Safety
/// The weights and activations that the tile describes can be read, and its output read and written.
pub unsafe fn add_products<V: SimdF32x4>(tile: &GemmTile) {
    let [most_rows, most_activations] = TILE;
    let mut activation = 0;
    while activation < tile.activation_rows {
        let mut row = 0;
        while row < tile.rows {
            let activations = tile.activation_rows - activation;
            // SAFETY: all rows and columns are within the tile.
            unsafe {
                match (tile.rows - row >= most_rows, activations) {
                    (true, 1) => add_tile::<V, 2, 1>(tile, row, activation),
                    (true, 2) => add_tile::<V, 2, 2>(tile, row, activation),
                    (true, 3) => add_tile::<V, 2, 3>(tile, row, activation),
                    (true, _) => add_tile::<V, 2, 4>(tile, row, activation),
                    (false, 1) => add_tile::<V, 1, 1>(tile, row, activation),
                    (false, 2) => add_tile::<V, 1, 2>(tile, row, activation),
                    (false, 3) => add_tile::<V, 1, 3>(tile, row, activation),
                    (false, _) => add_tile::<V, 1, 4>(tile, row, activation),
                }
            }
            row += most_rows;
        }
        activation += most_activations;
    }
    if !tile.columns.is_multiple_of(STEP) {
        // SAFETY: as this function requires.
        unsafe { add_rest(tile) };
    }
}

/// Adds the products of `R` rows of weights from `row` on and `T` rows of activations from `activation` on.
///
/// # Safety
/// As [`add_products`]; these rows are within the tile.
#[inline(always)]
unsafe fn add_tile<V: SimdF32x4, const R: usize, const T: usize>(tile: &GemmTile, row: usize, activation: usize) {
    let GemmTile { weights, columns, activations, activation_stride, out, out_stride, .. } = *tile;
    // SAFETY: all places are within rows of the tile.
    unsafe {
        let weights = weights.add(row * columns);
        let activations = activations.add(activation * activation_stride);
        let out = out.add(activation * out_stride + row);
        let mut sums = [[V::zeros(); T]; R];
        for at in (0..columns - columns % STEP).step_by(STEP) {
            let w: [V; R] = from_fn(|r| V::load(weights.add(r * columns + at)));
            for t in 0..T {
                let x = V::load(activations.add(t * activation_stride + at));
                for r in 0..R {
                    sums[r][t] = sums[r][t].mul_add(w[r], x);
                }
            }
        }
        for r in 0..R {
            for t in 0..T {
                *out.add(t * out_stride + r) += sums[r][t].sum();
            }
        }
    }
}

/// Adds the products of the last `columns % STEP` columns.
///
/// # Safety
/// As [`add_products`].
unsafe fn add_rest(tile: &GemmTile) {
    let GemmTile { weights, rows, columns, activations, activation_rows, activation_stride, out, out_stride } = *tile;
    for activation in 0..activation_rows {
        for row in 0..rows {
            for at in columns - columns % STEP..columns {
                // SAFETY: all places are within rows of the tile.
                unsafe {
                    let product =
                        *weights.add(row * columns + at) * *activations.add(activation * activation_stride + at);
                    *out.add(activation * out_stride + row) += product;
                }
            }
        }
    }
}
