//! Formats of quantized matrices on the device, and the epilogues of products with them.

// CubeCL needs compile-time conditions in `if`s of their own, and its numbers and arrays lack the methods Clippy
// suggests.
#![allow(clippy::collapsible_if, clippy::manual_is_multiple_of, clippy::needless_range_loop)]

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

/// Weights per block.
pub(crate) const BLOCK: u32 = prunescope_kernels::BLOCK as u32;

/// Shape and storage format of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Format of the codes.
    pub format: BlockFormat,
    /// Whether the mask applies.
    pub masked: bool,
}

/// Format of the codes in a 32-bit word. Quantized weights are scale · code + minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockFormat {
    /// 4-bit codes 0..=15, one scale and minimum per block.
    Q4,
    /// 8-bit codes −128..=127, one scale and minimum per block.
    Q8,
    /// As `Q8`, with a scale and a minimum for each half of a block.
    Q8SubBlock16,
    /// IEEE half floats; must be finite.
    F16,
    /// bfloat16.
    BF16,
}

impl BlockFormat {
    /// Bits per code.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Q4 => 4,
            Self::Q8 | Self::Q8SubBlock16 => 8,
            Self::F16 | Self::BF16 => 16,
        }
    }

    /// Pairs of scale and minimum per block.
    pub const fn pairs(self) -> u32 {
        match self {
            Self::Q4 | Self::Q8 => 1,
            Self::Q8SubBlock16 => 2,
            Self::F16 | Self::BF16 => 0,
        }
    }
}

/// Code number `place` of a word as f32, before scale and minimum.
#[cube]
pub(crate) fn code(word: i32, place: u32, #[comptime] format: BlockFormat) -> f32 {
    if comptime!(matches!(format, BlockFormat::Q4)) {
        f32::cast_from((word >> i32::cast_from(4 * place)) & 15)
    } else if comptime!(format.bits() == 8) {
        f32::cast_from((word << i32::cast_from(24 - 8 * place)) >> 24)
    } else if comptime!(matches!(format, BlockFormat::BF16)) {
        f32::reinterpret((word << i32::cast_from(16 - 16 * place)) & -65_536)
    } else {
        let bits = (word >> i32::cast_from(16 * place)) & 65_535;
        let magnitude = bits & 32_767;
        // Rebias the exponent by 127 − 15. Subnormal halves are converted by value, since a device may flush subnormal
        // f32 to 0.
        let mut value = f32::reinterpret((magnitude << 13) + comptime!(112i32 << 23));
        if magnitude < 1024 {
            value = f32::cast_from(magnitude) * comptime!(1.0f32 / (1 << 24) as f32);
        }
        if bits >= 32_768 {
            value = -value;
        }
        value
    }
}

/// Position in its block of code number `place` of a word.
///
/// In `Q4` the low nibbles hold the first half of a block, the high nibbles the second.
#[cube]
pub(crate) fn place_in_block(word_in_block: u32, place: u32, #[comptime] format: BlockFormat) -> u32 {
    if comptime!(matches!(format, BlockFormat::Q4)) {
        4 * word_in_block + place / 2 + 16 * (place % 2)
    } else {
        comptime!(32 / format.bits()) * word_in_block + place
    }
}

/// Index in `scales` of the scale of a word's weights; their minimum follows it.
#[cube]
pub(crate) fn scale_of(block: u32, word_in_block: u32, #[comptime] format: BlockFormat) -> u32 {
    if comptime!(format.pairs() == 2) { 4 * block + word_in_block / 4 * 2 } else { 2 * block }
}

/// Elementwise step fused into the end of a product, with an input of the product's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Epilogue {
    /// out = product; no input is read.
    None,
    /// out = silu(input) ∘ product.
    SiluGate,
    /// out = input + product.
    Residual,
}
