//! Rows of activations as matrix products take them.

use std::mem::offset_of;

use wide::{f32x4, i8x16, i16x8, i32x4, u16x8};

use super::elementwise::largest_of;
use prunescope_relaxed_simd::gemv_abi::{BLOCK, HIGH_UNIT, LOW_BYTES, SCALE, SPLIT_BYTES};

/// 32 numbers as four vectors: even and odd places of the first half, even and odd places of the second half.
///
/// Weights are unpacked in the same order, because two neighbouring nibbles or bytes lie in one 16-bit lane.
pub type Lanes = [i16x8; 4];

/// Where lane `lane` of vector `vector` of a [`Lanes`] is in its block.
pub const fn place(vector: usize, lane: usize) -> usize {
    16 * (vector / 2) + 2 * lane + vector % 2
}

/// Up to so many rows are multiplied as integers (gemv); more make it worth unpacking the weights to floats (gemm).
pub const MAX_GEMV_ROWS: usize = 3;

/// A block of activations as split fixed-point numbers of 23 bits: x ≈ scale · (high + low / [`HIGH_UNIT`]).
///
/// Other engines round activations to 8 bits, and are right to 1e-2; 23 bits are as exact as f32, which matters where one
/// activation is a thousand times as large as its neighbours, as in language models, and where a small change of a layer is to
/// be measured.
// The program with relaxed SIMD reads it by its layout: `gemv_abi`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct SplitActivations {
    /// −32767 to 32767.
    pub high: Lanes,
    /// 0 to 127.
    pub low: Lanes,
    /// The same, in the order of the columns.
    pub low_bytes: [u8; BLOCK],
    /// What a unit of the high part is.
    pub scale: f32,
}

const _: () = assert!(size_of::<SplitActivations>() == SPLIT_BYTES);
const _: () =
    assert!(offset_of!(SplitActivations, low_bytes) == LOW_BYTES && offset_of!(SplitActivations, scale) == SCALE);

/// Rows of activations, as they are and, where they are few, as integers in blocks of 32.
#[derive(Clone, Debug)]
pub struct Activations {
    columns: usize,
    values: Vec<f32>,
    split: Vec<SplitActivations>,
    sums: Vec<f32>,
}

/// One row of [`Activations`].
#[derive(Clone, Copy, Debug)]
pub struct ActivationRow<'a> {
    /// The activations themselves.
    pub values: &'a [f32],
    /// The same as integers, by block; empty where rows are many or not whole blocks.
    pub split: &'a [SplitActivations],
    /// The sum of each block.
    pub sums: &'a [f32],
}

impl SplitActivations {
    /// Splits a block.
    fn of(block: &[f32; BLOCK]) -> Self {
        let scale = largest_of(block, f32x4::abs) / 32767.0;
        let inverse = if scale > 0.0 { HIGH_UNIT as f32 / scale } else { 0.0 };
        let units = bytemuck::cast::<_, [f32x4; 8]>(*block).map(|x| (x * f32x4::splat(inverse)).round_int());
        let low = units.map(|x| x & i32x4::splat(HIGH_UNIT - 1));
        // Lanes of these bytes, of which none has a sign.
        let bytes = [0, 4].map(|i| {
            let half = [narrow(low[i], low[i + 1]), narrow(low[i + 2], low[i + 3])];
            bytemuck::cast::<i8x16, u16x8>(i8x16::from_i16x16_saturate(bytemuck::cast(half)))
        });
        let low = bytes.map(|bytes| [bytes & u16x8::splat(0xff), bytes >> 8]);
        let high = lanes(units.map(|x| x >> HIGH_UNIT.ilog2()));
        Self { high, low: bytemuck::cast(low), low_bytes: bytemuck::cast(bytes), scale }
    }
}

/// Eight integers that 16 bits hold.
#[inline(always)]
fn narrow(a: i32x4, b: i32x4) -> i16x8 {
    i16x8::from_i32x8_saturate(bytemuck::cast([a, b]))
}

/// A block's integers in the order of [`Lanes`].
#[inline(always)]
fn lanes(block: [i32x4; 8]) -> Lanes {
    // Two neighbours are the halves of a word.
    let words = |i: usize| bytemuck::cast::<i16x8, i32x4>(narrow(block[i], block[i + 1]));
    let half = |i: usize| {
        let [a, b] = [words(i), words(i + 2)];
        [narrow((a << 16) >> 16, (b << 16) >> 16), narrow(a >> 16, b >> 16)]
    };
    bytemuck::cast([half(0), half(4)])
}

impl Activations {
    /// Takes rows of `columns` activations each.
    pub fn new(values: Vec<f32>, columns: usize) -> Self {
        let rows = values.len() / columns.max(1);
        let splits = rows <= MAX_GEMV_ROWS && columns.is_multiple_of(BLOCK);
        let (blocks, _) = values.as_chunks::<BLOCK>();
        let blocks = if splits { blocks } else { &[] };
        let split = blocks.iter().map(SplitActivations::of).collect();
        let sums = blocks.iter().map(|block| block.iter().sum()).collect();
        Self { columns, split, sums, values }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    /// The activations themselves, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// SplitActivations and sums of all rows, by block, row after row.
    pub fn split(&self) -> (&[SplitActivations], &[f32]) {
        (&self.split, &self.sums)
    }

    /// Whether the rows are held as split fixed-point numbers too.
    pub fn are_split(&self) -> bool {
        !self.split.is_empty()
    }

    /// One row.
    pub fn row(&self, row: usize) -> ActivationRow<'_> {
        let blocks = if self.are_split() { self.columns / BLOCK } else { 0 };
        let span = row * blocks..(row + 1) * blocks;
        ActivationRow {
            values: &self.values[row * self.columns..(row + 1) * self.columns],
            split: &self.split[span.clone()],
            sums: &self.sums[span],
        }
    }
}
