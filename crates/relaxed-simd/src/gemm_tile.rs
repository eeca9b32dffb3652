//! The innermost loops of the product with many rows of activations, generic over a vector of four floats.

// Iterators by value keep the sums in memory, and so need a stack.
#![allow(clippy::needless_range_loop)]

use core::array::from_fn;

/// Four floats.
pub trait SimdF32x4: Copy {
    /// Four zeros.
    fn zeros() -> Self;

    /// Four floats from memory.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn load(from: *const f32) -> Self;

    /// a · b + self.
    fn mul_add(self, a: Self, b: Self) -> Self;

    /// Their sum.
    fn sum(self) -> f32;
}

/// What is multiplied: some rows of weights and all rows of activations, `columns` of each.
#[repr(C)]
pub struct GemmTile {
    /// `[rows, columns]`, row after row.
    pub weights: *const f32,
    /// Rows of weights.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// The first row of activations.
    pub activations: *const f32,
    /// Rows of activations.
    pub activation_rows: usize,
    /// Numbers from one row of activations to the next.
    pub activation_stride: usize,
    /// Where the first row's sums are added to.
    pub out: *mut f32,
    /// Numbers from one row of sums to the next.
    pub out_stride: usize,
}

/// Columns that are taken at once: of a [`SimdF32x4`].
const STEP: usize = 4;
/// Rows of weights, and rows of activations, whose sums are kept in registers at once.
const TILE: [usize; 2] = [2, 4];

/// Adds the products of each row of activations and each row of weights.
///
/// # Safety
/// What the tile describes can be read, and the sums written.
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
        // SAFETY: the caller says what the tile describes can be read and written.
        unsafe { add_rest(tile) };
    }
}

/// Adds the products of `T` rows of activations and `R` rows of weights.
///
/// # Safety
/// Both are rows of the tile.
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

/// Adds the products of the columns that fill no tile.
///
/// # Safety
/// What the tile describes can be read, and the sums written.
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
