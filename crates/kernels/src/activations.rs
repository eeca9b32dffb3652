//! Activations in the form that gemv and gemm take: f32 rows, and split fixed-point blocks for gemv.

use std::mem::offset_of;

use wide::{f32x4, i8x16, i16x8, i32x4, u16x8};

use super::elementwise::largest_of;
use prunescope_relaxed_simd::gemv_abi::{BLOCK, HIGH_UNIT, LOW_BYTES, SCALE, SPLIT_BYTES};

/// A block of 32 numbers as four vectors: even and odd positions of the first half, then of the second half.
///
/// Weights unpack in this order cheaply, since two neighbouring bytes share one 16-bit lane.
pub type Lanes = [i16x8; 4];

/// Position within its block of lane `lane` of vector `vector` of a [`Lanes`].
pub const fn place(vector: usize, lane: usize) -> usize {
    16 * (vector / 2) + 2 * lane + vector % 2
}

/// Largest number of activation rows for the integer gemv. With more, gemm unpacks the weights to floats instead.
pub const MAX_GEMV_ROWS: usize = 3;

/// A block of activations as 23-bit fixed-point numbers in two parts: x ≈ scale · (high + low / [`HIGH_UNIT`]).
///
/// Rounding activations to 8 bits, as is common, gives errors of about 1e-2. 23 bits are about as precise as f32. That
/// is needed here because one activation can be 1000 times its neighbours, and small changes of a layer are measured.
// The relaxed-SIMD module reads this struct by its memory layout; see `gemv_abi`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct SplitActivations {
    /// High part, −32767..=32767.
    pub high: Lanes,
    /// Low part, 0..=127.
    pub low: Lanes,
    /// The low part in column order.
    pub low_bytes: [u8; BLOCK],
    /// Value of one unit of the high part: max |x| / 32767.
    pub scale: f32,
}

const _: () = assert!(size_of::<SplitActivations>() == SPLIT_BYTES);
const _: () =
    assert!(offset_of!(SplitActivations, low_bytes) == LOW_BYTES && offset_of!(SplitActivations, scale) == SCALE);

/// Activations `[rows, columns]` in f32, and for up to [`MAX_GEMV_ROWS`] rows also as split fixed-point blocks of 32.
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
    /// f32 activations, `[columns]`.
    pub values: &'a [f32],
    /// Fixed-point form, one entry per block; empty if there are more than [`MAX_GEMV_ROWS`] rows or rows are not whole
    /// blocks.
    pub split: &'a [SplitActivations],
    /// Sum of each block; empty where `split` is.
    pub sums: &'a [f32],
}

impl SplitActivations {
    /// Converts one block to split fixed point.
    fn of(block: &[f32; BLOCK]) -> Self {
        let scale = largest_of(block, f32x4::abs) / 32767.0;
        let inverse = if scale > 0.0 { HIGH_UNIT as f32 / scale } else { 0.0 };
        let units = bytemuck::cast::<_, [f32x4; 8]>(*block).map(|x| (x * f32x4::splat(inverse)).round_int());
        let low = units.map(|x| x & i32x4::splat(HIGH_UNIT - 1));
        // `low` is 0..=127, so a saturating narrowing to i8 keeps it.
        let bytes = [0, 4].map(|i| {
            let half = [narrow(low[i], low[i + 1]), narrow(low[i + 2], low[i + 3])];
            bytemuck::cast::<i8x16, u16x8>(i8x16::from_i16x16_saturate(bytemuck::cast(half)))
        });
        let low = bytes.map(|bytes| [bytes & u16x8::splat(0xff), bytes >> 8]);
        let high = lanes(units.map(|x| x >> HIGH_UNIT.ilog2()));
        Self { high, low: bytemuck::cast(low), low_bytes: bytemuck::cast(bytes), scale }
    }
}

/// Narrows eight i32 to i16 with saturation.
#[inline(always)]
fn narrow(a: i32x4, b: i32x4) -> i16x8 {
    i16x8::from_i32x8_saturate(bytemuck::cast([a, b]))
}

/// Narrows a block of 32 integers to i16 and arranges it in the order of [`Lanes`].
#[inline(always)]
fn lanes(block: [i32x4; 8]) -> Lanes {
    // Each 32-bit word holds two neighbours, the even position in its low half.
    let words = |i: usize| bytemuck::cast::<i16x8, i32x4>(narrow(block[i], block[i + 1]));
    let half = |i: usize| {
        let [a, b] = [words(i), words(i + 2)];
        [narrow((a << 16) >> 16, (b << 16) >> 16), narrow(a >> 16, b >> 16)]
    };
    bytemuck::cast([half(0), half(4)])
}

impl Activations {
    /// From `[rows, columns]` values, row-major.
    pub fn new(values: Vec<f32>, columns: usize) -> Self {
        let rows = values.len() / columns.max(1);
        let splits = rows <= MAX_GEMV_ROWS && columns.is_multiple_of(BLOCK);
        let (blocks, _) = values.as_chunks::<BLOCK>();
        let blocks = if splits { blocks } else { &[] };
        let split = blocks.iter().map(SplitActivations::of).collect();
        let sums = blocks.iter().map(|block| block.iter().sum()).collect();
        Self { columns, split, sums, values }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    /// The f32 activations `[rows, columns]`, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Fixed-point blocks and block sums of all rows, each `[rows, columns / 32]`; empty if not split.
    pub fn split(&self) -> (&[SplitActivations], &[f32]) {
        (&self.split, &self.sums)
    }

    /// Whether the rows are also stored as split fixed-point numbers.
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
