//! How a matrix's codes lie in words, what they mean, and what becomes of a product with them.

// What is decided when a program is compiled stays apart from what it decides, and numbers and arrays of the device know fewer methods.
#![allow(clippy::collapsible_if, clippy::manual_is_multiple_of, clippy::needless_range_loop)]

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

/// Weights of a block.
pub(crate) const BLOCK: u32 = prunescope_kernels::BLOCK as u32;

/// How the codes of a matrix are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// What the codes are.
    pub format: BlockFormat,
    /// Whether the mask counts.
    pub masked: bool,
}

/// What a word of codes holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockFormat {
    /// Numbers from 0 to 15, of which each block has a scale and a minimum.
    Q4,
    /// Numbers from −128 to 127, of which each block has a scale and a minimum.
    Q8,
    /// The same with a scale and a minimum for each half of a block.
    Q8SubBlock16,
    /// IEEE floats of 16 bits, finite.
    F16,
    /// bfloat16.
    BF16,
}

impl BlockFormat {
    /// Bits of one weight.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Q4 => 4,
            Self::Q8 | Self::Q8SubBlock16 => 8,
            Self::F16 | Self::BF16 => 16,
        }
    }

    /// Pairs of a scale and a minimum in a block.
    pub const fn pairs(self) -> u32 {
        match self {
            Self::Q4 | Self::Q8 => 1,
            Self::Q8SubBlock16 => 2,
            Self::F16 | Self::BF16 => 0,
        }
    }
}

/// One code of a word as a number.
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
        // The exponent counts from another place; a device may take what is subnormal as f32 for 0.
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

/// The place in its block of one code of a word.
///
/// In blocks of nibbles the low ones are the first half and the high ones the second.
#[cube]
pub(crate) fn place_in_block(word_in_block: u32, place: u32, #[comptime] format: BlockFormat) -> u32 {
    if comptime!(matches!(format, BlockFormat::Q4)) {
        4 * word_in_block + place / 2 + 16 * (place % 2)
    } else {
        comptime!(32 / format.bits()) * word_in_block + place
    }
}

/// Where the scale of a word's weights is; their minimum follows.
#[cube]
pub(crate) fn scale_of(block: u32, word_in_block: u32, #[comptime] format: BlockFormat) -> u32 {
    if comptime!(format.pairs() == 2) { 4 * block + word_in_block / 4 * 2 } else { 2 * block }
}

/// What becomes of a product, with an input of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Epilogue {
    /// It stays as it is; no input is read.
    None,
    /// It is multiplied by silu(input).
    SiluGate,
    /// The input is added to it.
    Residual,
}
