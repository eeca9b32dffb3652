//! The innermost loops of the product with many rows of inputs.
//!
//! This file is part of two programs: of this crate, and of `fused.rs`, which has nothing but `core`. So
//! vectors are what a [`Four`] says, and memory is reached by pointers: a slice's checks would bring texts with them, and a
//! program that shares another's memory can have no data of its own.

// Iterators by value keep the sums in memory, and so need a stack.
#![allow(clippy::needless_range_loop)]

use core::array::from_fn;

/// Four numbers at once.
pub trait Four: Copy {
    /// Four zeros.
    fn zeros() -> Self;

    /// Four numbers of memory.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn read(at: *const f32) -> Self;

    /// a · b + these.
    fn plus_product(self, a: Self, b: Self) -> Self;

    /// Their sum.
    fn sum(self) -> f32;
}

/// What is multiplied: some rows of weights and all rows of inputs, `size` columns of each.
#[repr(C)]
pub struct Piece {
    /// `[rows, size]`, row after row.
    pub weights: *const f32,
    /// Rows of weights.
    pub rows: usize,
    /// Columns.
    pub size: usize,
    /// The first row of inputs.
    pub inputs: *const f32,
    /// Rows of inputs.
    pub input_rows: usize,
    /// Numbers from one row of inputs to the next.
    pub input_stride: usize,
    /// Where the first row's sums are added to.
    pub out: *mut f32,
    /// Numbers from one row of sums to the next.
    pub out_stride: usize,
}

/// Columns that are taken at once: of a [`Four`].
const STEP: usize = 4;
/// Rows of weights, and rows of inputs, whose sums are kept in registers at once.
const TILE: [usize; 2] = [2, 4];

/// Adds the products of each row of inputs and each row of weights.
///
/// # Safety
/// What the piece describes can be read, and the sums written.
pub unsafe fn add_products<V: Four>(piece: &Piece) {
    let [most_rows, most_inputs] = TILE;
    let mut input = 0;
    while input < piece.input_rows {
        let mut row = 0;
        while row < piece.rows {
            let inputs = piece.input_rows - input;
            // SAFETY: the tile lies within the piece.
            unsafe {
                match (piece.rows - row >= most_rows, inputs) {
                    (true, 1) => add_tile::<V, 2, 1>(piece, row, input),
                    (true, 2) => add_tile::<V, 2, 2>(piece, row, input),
                    (true, 3) => add_tile::<V, 2, 3>(piece, row, input),
                    (true, _) => add_tile::<V, 2, 4>(piece, row, input),
                    (false, 1) => add_tile::<V, 1, 1>(piece, row, input),
                    (false, 2) => add_tile::<V, 1, 2>(piece, row, input),
                    (false, 3) => add_tile::<V, 1, 3>(piece, row, input),
                    (false, _) => add_tile::<V, 1, 4>(piece, row, input),
                }
            }
            row += most_rows;
        }
        input += most_inputs;
    }
    if !piece.size.is_multiple_of(STEP) {
        // SAFETY: the caller's.
        unsafe { add_rest(piece) };
    }
}

/// Adds the products of `T` rows of inputs and `R` rows of weights.
///
/// # Safety
/// Both are rows of the piece.
#[inline(always)]
unsafe fn add_tile<V: Four, const R: usize, const T: usize>(piece: &Piece, row: usize, input: usize) {
    let Piece { weights, size, inputs, input_stride, out, out_stride, .. } = *piece;
    // SAFETY: all places are within rows of the piece.
    unsafe {
        let weights = weights.add(row * size);
        let inputs = inputs.add(input * input_stride);
        let out = out.add(input * out_stride + row);
        let mut sums = [[V::zeros(); T]; R];
        for at in (0..size - size % STEP).step_by(STEP) {
            let w: [V; R] = from_fn(|r| V::read(weights.add(r * size + at)));
            for t in 0..T {
                let x = V::read(inputs.add(t * input_stride + at));
                for r in 0..R {
                    sums[r][t] = sums[r][t].plus_product(w[r], x);
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
/// What the piece describes can be read, and the sums written.
unsafe fn add_rest(piece: &Piece) {
    let Piece { weights, rows, size, inputs, input_rows, input_stride, out, out_stride } = *piece;
    for input in 0..input_rows {
        for row in 0..rows {
            for at in size - size % STEP..size {
                // SAFETY: all places are within rows of the piece.
                unsafe {
                    let product = *weights.add(row * size + at) * *inputs.add(input * input_stride + at);
                    *out.add(input * out_stride + row) += product;
                }
            }
        }
    }
}
