//! What the product of packed weights with few rows of inputs is given in the program of `fused.rs`.
//!
//! This file is part of two programs, as `tiles.rs` is: of this crate, and of `fused.rs`.

/// Weights in a block: they share a scale, and so do the inputs that they meet.
pub const BLOCK: usize = 32;
/// Bytes of a block's digits.
pub const DIGITS: usize = 5 * BLOCK + 16;
/// Where, among them, those of low digits begin that lie place after place.
pub const LOW_BYTES: usize = 4 * BLOCK;
/// Where, among them, their scale is.
pub const SCALE: usize = 5 * BLOCK;
/// A unit of the high digit in units of the low one.
pub const DIGIT: i32 = 128;

/// Rows of weights as codes, and all rows of inputs.
#[repr(C)]
pub struct FewRows {
    /// The first row's codes, `BLOCK · bits / 8` bytes a block.
    pub codes: *const u8,
    /// 4 or 8.
    pub bits: usize,
    /// The first row's scales, one a block.
    pub scales: *const f32,
    /// The first row's minimums, one a block; null where all are 0.
    pub minimums: *const f32,
    /// The first row's mask, one word a block; null where there is none.
    pub mask: *const u32,
    /// Blocks of a row.
    pub blocks: usize,
    /// Rows of weights.
    pub rows: usize,
    /// Of all rows of inputs, one after the other, [`DIGITS`] bytes a block.
    pub digits: *const u8,
    /// The same rows' sums, one a block.
    pub sums: *const f32,
    /// Rows of inputs: 1 to 3.
    pub input_rows: usize,
    /// Where the products with the first row of weights are written.
    pub out: *mut f32,
    /// Numbers from one row of products to the next.
    pub out_stride: usize,
    /// Vectors that the loops need.
    pub constants: *const Constants,
}

/// Vectors that are taken from memory, once: as constants a browser's compiler would make them anew at every use.
#[repr(C, align(16))]
pub struct Constants {
    /// What is a nibble.
    pub nibble: [u8; 16],
    /// What is the higher byte of a lane of 16 bits.
    pub higher: [u16; 8],
    /// 2 in each lane.
    pub two: [i16; 8],
    /// What is the lowest bit of a byte.
    pub lowest: [u8; 16],
    /// One bit in each byte, twice 1 to 128.
    pub bits: [u8; 16],
    /// Which byte of a word has the bits of each weight of a half of a block.
    pub halves: [[u8; 16]; 2],
}

impl Constants {
    /// All of them.
    pub const ALL: Self = {
        let (mut bits, mut halves, mut at) = ([0; 16], [[0; 16]; 2], 0);
        while at < 16 {
            bits[at] = 1 << (at % 8);
            halves[0][at] = at as u8 / 8;
            halves[1][at] = 2 + at as u8 / 8;
            at += 1;
        }
        Self { nibble: [15; 16], higher: [0xff00; 8], two: [2; 8], lowest: [1; 16], bits, halves }
    };
}
