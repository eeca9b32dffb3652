//! What the product of packed weights with few rows of activations is given in the program with relaxed SIMD.

/// Weights in a block: they share a scale, and so do the activations that they meet.
pub const BLOCK: usize = 32;
/// Bytes of a block's split activations (`kernels::activations::SplitActivations`).
pub const SPLIT_BYTES: usize = 5 * BLOCK + 16;
/// Where, among them, the low parts begin as bytes, in the order of the columns.
pub const LOW_BYTES: usize = 4 * BLOCK;
/// Where, among them, the scale is.
pub const SCALE: usize = 5 * BLOCK;
/// A unit of the high part in units of the low one.
pub const HIGH_UNIT: i32 = 128;

/// Rows of weights as codes, and all rows of activations.
#[repr(C)]
pub struct GemvJob {
    /// The first row's codes, `BLOCK · bits / 8` bytes a block.
    pub codes: *const u8,
    /// 4 or 8.
    pub bits: usize,
    /// The first row's scales, one a block.
    pub scales: *const f32,
    /// The first row's zero points (ggml's `m`), one a block; null where all are 0.
    pub mins: *const f32,
    /// The first row's mask, one word a block; null where there is none.
    pub mask: *const u32,
    /// Blocks of a row.
    pub blocks: usize,
    /// Rows of weights.
    pub rows: usize,
    /// Of all rows of activations, one after the other, [`SPLIT_BYTES`] a block.
    pub activations: *const u8,
    /// The same rows' sums, one a block.
    pub sums: *const f32,
    /// Rows of activations: 1 to 3.
    pub activation_rows: usize,
    /// Where the products with the first row of weights are written.
    pub out: *mut f32,
    /// Numbers from one row of products to the next.
    pub out_stride: usize,
    /// Vectors that the loops need.
    pub constants: *const Constants,
}

/// Vector constants, loaded from memory once: written in the code, a browser's compiler would make them anew at every use.
#[repr(C, align(16))]
pub struct Constants {
    /// 15 in each byte.
    pub nibble: [u8; 16],
    /// The high byte of each 16-bit lane.
    pub high_byte: [u16; 8],
    /// 2 in each lane.
    pub two: [i16; 8],
    /// 1 in each byte.
    pub one: [u8; 16],
    /// One bit in each byte: 1 to 128, twice.
    pub bits: [u8; 16],
    /// For each weight of a half of a block, the byte of the mask's word that has its bit.
    pub mask_bytes: [[u8; 16]; 2],
}

impl Constants {
    /// Their values.
    pub const VALUES: Self = {
        let (mut bits, mut mask_bytes, mut at) = ([0; 16], [[0; 16]; 2], 0);
        while at < 16 {
            bits[at] = 1 << (at % 8);
            mask_bytes[0][at] = at as u8 / 8;
            mask_bytes[1][at] = 2 + at as u8 / 8;
            at += 1;
        }
        Self { nibble: [15; 16], high_byte: [0xff00; 8], two: [2; 8], one: [1; 16], bits, mask_bytes }
    };
}
