//! Rows of activations as matrix products take them.

use std::mem::offset_of;

use wide::{f32x4, i8x16, i16x8, i32x4, u16x8};

use super::elementwise::largest_of;
use super::few::{BLOCK, DIGIT, DIGITS, LOW_BYTES, SCALE};

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
/// Other engines round activations to 8 bits, and are right to 1e-2; 23 bits are as exact as f32, which matters where one
/// activation is a thousand times as large as its neighbours, as in language models, and where a small change of a layer is to
/// be measured.
// `fused_few.rs` reads it by places: `few.rs`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Digits {
    /// −32767 to 32767.
    pub high: Lanes,
    /// 0 to 127.
    pub low: Lanes,
    /// The same, place after place.
    pub low_bytes: [u8; BLOCK],
    /// What a unit of the high digit is.
    pub scale: f32,
}

const _: () = assert!(size_of::<Digits>() == DIGITS);
const _: () = assert!(offset_of!(Digits, low_bytes) == LOW_BYTES && offset_of!(Digits, scale) == SCALE);

/// Rows of activations, as they are and, where they are few, as integers in blocks of 32.
#[derive(Clone, Debug)]
pub struct Inputs {
    columns: usize,
    values: Vec<f32>,
    digits: Vec<Digits>,
    sums: Vec<f32>,
}

/// One row of [`Inputs`].
#[derive(Clone, Copy, Debug)]
pub struct InputRow<'a> {
    /// The activations themselves.
    pub values: &'a [f32],
    /// The same as integers, by block; empty where rows are many or not whole blocks.
    pub digits: &'a [Digits],
    /// The sum of each block's inputs.
    pub sums: &'a [f32],
}

impl Digits {
    /// The digits of a block.
    fn of(block: &[f32; BLOCK]) -> Self {
        let scale = largest_of(block, f32x4::abs) / 32767.0;
        let inverse = if scale > 0.0 { DIGIT as f32 / scale } else { 0.0 };
        let units = bytemuck::cast::<_, [f32x4; 8]>(*block).map(|x| (x * f32x4::splat(inverse)).round_int());
        let low = units.map(|x| x & i32x4::splat(DIGIT - 1));
        // Lanes of these bytes, of which none has a sign.
        let bytes = [0, 4].map(|i| {
            let half = [narrow(low[i], low[i + 1]), narrow(low[i + 2], low[i + 3])];
            bytemuck::cast::<i8x16, u16x8>(i8x16::from_i16x16_saturate(bytemuck::cast(half)))
        });
        let low = bytes.map(|bytes| [bytes & u16x8::splat(0xff), bytes >> 8]);
        let high = lanes(units.map(|x| x >> DIGIT.ilog2()));
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

impl Inputs {
    /// Takes rows of `columns` activations each.
    pub fn new(values: Vec<f32>, columns: usize) -> Self {
        let rows = values.len() / columns.max(1);
        let integers = rows <= FEW && columns.is_multiple_of(BLOCK);
        let (blocks, _) = values.as_chunks::<BLOCK>();
        let blocks = if integers { blocks } else { &[] };
        let digits = blocks.iter().map(Digits::of).collect();
        let sums = blocks.iter().map(|block| block.iter().sum()).collect();
        Self { columns, digits, sums, values }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    /// The activations themselves, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Digits and sums of all rows, by block, row after row.
    pub fn integers(&self) -> (&[Digits], &[f32]) {
        (&self.digits, &self.sums)
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
            sums: &self.sums[span],
        }
    }
}
