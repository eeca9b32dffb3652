//! Rows of activations as matrix products take them.

use wide::{f32x4, i16x8, i32x4};

use super::BLOCK;
use super::elementwise::largest_of;

/// 32 inputs as four vectors: even and odd places of the first half, even and odd places of the second half.
///
/// Weights are unpacked in the same order, because two neighbouring nibbles or bytes lie in one 16-bit lane.
pub type Lanes = [i16x8; 4];

/// Where lane `lane` of vector `vector` of a [`Lanes`] is in its block.
pub const fn place(vector: usize, lane: usize) -> usize {
    16 * (vector / 2) + 2 * lane + vector % 2
}

/// Up to so many rows are multiplied as integers; more rows make it worth unpacking the weights to floats.
pub const FEW: usize = 3;

/// A block's inputs as integers of two digits: x ≈ scale · (high + low / [`DIGIT`]).
///
/// Other engines round activations to 8 bits, and are right to 1e-2; two digits of 16 bits are as exact as f32, which matters
/// where one activation is a thousand times as large as its neighbours, as in language models, and where a small change of
/// a layer is to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    /// −32767 to 32767.
    pub high: Lanes,
    /// −16384 to 16384.
    pub low: Lanes,
}

/// What a unit of the high digit is in units of the low one.
pub const DIGIT: f32 = 32768.0;

/// Rows of activations, as they are and, where they are few, as integers in blocks of 32.
#[derive(Clone, Debug)]
pub struct Inputs {
    columns: usize,
    values: Vec<f32>,
    digits: Vec<Digits>,
    scales: Vec<f32>,
    sums: Vec<f32>,
}

/// One row of [`Inputs`].
#[derive(Clone, Copy, Debug)]
pub struct InputRow<'a> {
    /// The activations themselves.
    pub values: &'a [f32],
    /// The same as integers, by block; empty where rows are many or not whole blocks.
    pub digits: &'a [Digits],
    /// The scale of each block.
    pub scales: &'a [f32],
    /// The sum of each block's inputs.
    pub sums: &'a [f32],
}

impl Digits {
    /// The digits of a block, and their scale.
    fn of(block: &[f32; BLOCK]) -> (Self, f32) {
        let scale = largest_of(block, f32x4::abs) / 32767.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let units = bytemuck::cast::<_, [f32x4; 8]>(*block).map(|x| x * f32x4::splat(inverse));
        let high = units.map(f32x4::round_ties_even);
        let low = std::array::from_fn(|i| (units[i] - high[i]) * f32x4::splat(DIGIT));
        (Self { high: lanes(high), low: lanes(low) }, scale)
    }
}

/// A block's numbers, rounded, in the order of [`Lanes`].
#[inline(always)]
fn lanes(block: [f32x4; 8]) -> Lanes {
    let narrow = |a: i32x4, b: i32x4| i16x8::from_i32x8_saturate(bytemuck::cast([a, b]));
    // Two neighbours are the halves of a word.
    let words = |i: usize| bytemuck::cast::<i16x8, i32x4>(narrow(block[i].round_int(), block[i + 1].round_int()));
    let half = |i: usize| {
        let [a, b] = [words(i), words(i + 2)];
        [narrow((a << 16) >> 16, (b << 16) >> 16), narrow(a >> 16, b >> 16)]
    };
    bytemuck::cast([half(0), half(4)])
}

impl Inputs {
    /// Takes rows of `columns` activations each.
    pub fn new(values: Vec<f32>, columns: usize) -> Self {
        let rows = values.len() / columns.max(1);
        let integers = rows <= FEW && columns.is_multiple_of(BLOCK);
        let (blocks, _) = values.as_chunks::<BLOCK>();
        let blocks = if integers { blocks } else { &[] };
        let (digits, scales) = blocks.iter().map(Digits::of).unzip();
        let sums = blocks.iter().map(|block| block.iter().sum()).collect();
        Self { columns, digits, scales, sums, values }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    /// The activations themselves, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Whether the rows are held as integers too.
    pub fn are_integers(&self) -> bool {
        !self.digits.is_empty()
    }

    /// One row.
    pub fn row(&self, row: usize) -> InputRow<'_> {
        let blocks = if self.are_integers() { self.columns / BLOCK } else { 0 };
        let span = row * blocks..(row + 1) * blocks;
        InputRow {
            values: &self.values[row * self.columns..(row + 1) * self.columns],
            digits: &self.digits[span.clone()],
            scales: &self.scales[span.clone()],
            sums: &self.sums[span],
        }
    }
}
