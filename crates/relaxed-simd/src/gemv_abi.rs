//! Arguments of gemv in the relaxed-SIMD module, passed by pointer in shared memory.

/// Weights per block, which share a scale; activations share a scale in blocks of the same size.
pub const BLOCK: usize = 32;
/// Bytes of a block of split activations (`kernels::activations::SplitActivations`).
pub const SPLIT_BYTES: usize = 5 * BLOCK + 16;
/// Byte offset in it of the low parts as bytes, in column order.
pub const LOW_BYTES: usize = 4 * BLOCK;
/// Byte offset in it of the f32 scale.
pub const SCALE: usize = 5 * BLOCK;
/// One unit of the high part in units of the low part.
pub const HIGH_UNIT: i32 = 128;

/// One gemv: some rows of quantized weights times all rows of activations.
#[repr(C)]
pub struct GemvJob {
    /// Codes of the rows, `BLOCK · bits / 8` bytes per block.
    pub codes: *const u8,
    /// Bits per code: 4 or 8.
    pub bits: usize,
    /// Scales of the rows, one per block.
    pub scales: *const f32,
    /// Minimums of the rows (ggml's `m`), one per block; null if all are 0.
    pub mins: *const f32,
    /// Mask of the rows, one word per block; null if there is none.
    pub mask: *const u32,
    /// Blocks per row.
    pub blocks: usize,
    /// Number of rows of weights.
    pub rows: usize,
    /// Split activations `[activation_rows, blocks]`, [`SPLIT_BYTES`] each.
    pub activations: *const u8,
    /// Sums of the activations' blocks, `[activation_rows, blocks]`.
    pub sums: *const f32,
    /// Number of rows of activations: 1 to 3.
    pub activation_rows: usize,
    /// Output `[activation_rows, rows]` with rows `out_stride` apart.
    pub out: *mut f32,
    /// Distance between rows of `out`, in floats.
    pub out_stride: usize,
    /// Vector constants of the loops.
    pub constants: *const Constants,
}

/// Vector constants, loaded from memory once. As literals, a browser's compiler would materialize them at every use.
#[repr(C, align(16))]
pub struct Constants {
    /// 15 in each byte.
    pub nibble: [u8; 16],
    /// 0xff00 in each 16-bit lane.
    pub high_byte: [u16; 8],
    /// 2 in each 16-bit lane.
    pub two: [i16; 8],
    /// 1 in each byte.
    pub one: [u8; 16],
    /// One bit in each byte: 1, 2, 4, … 128, twice.
    pub bits: [u8; 16],
    /// For each weight of each half of a block, the index of the mask word's byte that holds its bit.
    pub mask_bytes: [[u8; 16]; 2],
}

impl Constants {
    /// The only instance.
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
