//! Weight matrices that stay quantized in memory, with an optional pruning mask.

use std::ops::Range;
use std::sync::Arc;

use half::f16;
use wide::{f32x4, i16x8, i32x4, u16x8, u32x4};

use super::activations::{Lanes, place};
use super::elementwise::largest_of;
use prunescope_quant::TensorType;
use prunescope_quant::{Unpacked, dequantize};
use prunescope_relaxed_simd::gemv_abi::BLOCK;

/// Storage format of a matrix's weights, row-major. A block is [`BLOCK`] consecutive weights of a row.
#[derive(Clone, Debug)]
pub enum PackedWeights {
    /// w = scale · q + min, q in 0..=15. Low nibbles hold the first half of a block, high nibbles the second.
    Q4 {
        /// One entry per block.
        codes: Vec<[u8; BLOCK / 2]>,
        /// One entry per block.
        scales: Vec<f32>,
        /// One entry per block.
        mins: Vec<f32>,
    },
    /// w = scale · q + min, q in −128..=127.
    Q8 {
        /// One entry per block.
        codes: Vec<[i8; BLOCK]>,
        /// One entry per block.
        scales: Vec<f32>,
        /// One entry per block; empty if all are 0.
        mins: Vec<f32>,
    },
    /// As `Q8`, with a scale and a min for each half of a block (sub-blocks of 16).
    Q8SubBlock16 {
        /// One entry per block.
        codes: Vec<[i8; BLOCK]>,
        /// One entry per block.
        scales: Vec<[f32; 2]>,
        /// One entry per block; empty if all are 0.
        mins: Vec<[f32; 2]>,
    },
    /// 16-bit floats.
    Float16 {
        /// Bit patterns.
        words: Vec<u16>,
        /// True for bfloat16, false for IEEE half. Infinities of the latter read back as finite numbers.
        bfloat: bool,
    },
    /// 32-bit floats.
    F32(Vec<f32>),
}

/// A quantized weight matrix `[rows, columns]` with an optional mask. Clones share the weights.
#[derive(Clone, Debug)]
pub struct PackedMatrix {
    rows: usize,
    columns: usize,
    weights: Arc<PackedWeights>,
    /// One bit per weight, one word per block; 0 marks a pruned weight.
    mask: Option<Arc<Vec<u32>>>,
}

impl PackedMatrix {
    /// Packs a tensor's bytes as stored in a file. Rows are whole blocks of `tensor_type`.
    pub fn from_file(tensor_type: TensorType, bytes: &[u8], rows: usize, columns: usize) -> Self {
        let blocks = bytes.chunks_exact(tensor_type.block_bytes() as usize);
        let half = |b: &[u8]| f16::from_le_bytes([b[0], b[1]]).to_f32();
        let weights = match tensor_type {
            TensorType::Q4_0 | TensorType::Q4_1 => {
                let at = if tensor_type == TensorType::Q4_0 { 2 } else { 4 };
                let (mut codes, mut scales, mut mins) = (vec![], vec![], vec![]);
                codes.reserve_exact(blocks.len());
                scales.reserve_exact(blocks.len());
                mins.reserve_exact(blocks.len());
                for block in blocks {
                    let mut nibbles = [0; BLOCK / 2];
                    nibbles.copy_from_slice(&block[at..at + BLOCK / 2]);
                    codes.push(nibbles);
                    scales.push(half(block));
                    mins.push(if at == 2 { -8.0 * half(block) } else { half(&block[2..]) });
                }
                PackedWeights::Q4 { codes, scales, mins }
            }
            TensorType::Q8_0 => {
                let (mut codes, mut scales) = (vec![], vec![]);
                codes.reserve_exact(blocks.len());
                scales.reserve_exact(blocks.len());
                for block in blocks {
                    let mut bytes = [0; BLOCK];
                    bytes.iter_mut().zip(&block[2..]).for_each(|(to, from)| *to = *from as i8);
                    codes.push(bytes);
                    scales.push(half(block));
                }
                PackedWeights::Q8 { codes, scales, mins: vec![] }
            }
            TensorType::F32 => PackedWeights::F32(dequantize(tensor_type, bytes)),
            TensorType::F16 | TensorType::BF16 => PackedWeights::Float16 {
                words: bytes.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]])).collect(),
                bfloat: tensor_type == TensorType::BF16,
            },
            other => repacked(other, bytes),
        };
        Self { rows, columns, weights: Arc::new(weights), mask: None }
    }

    /// Stores f32 weights unchanged; `values` is row-major.
    pub fn from_values(values: Vec<f32>, columns: usize) -> Self {
        Self { rows: values.len() / columns.max(1), columns, weights: Arc::new(PackedWeights::F32(values)), mask: None }
    }

    /// Packs weights that take at most 16 evenly spaced values per block as `Q4`. Rows are whole blocks.
    ///
    /// * `grid`: `[step, lowest value]` of each block.
    pub fn on_grid(values: &[f32], columns: usize, grid: &[[f32; 2]]) -> Self {
        let (blocks, _) = values.as_chunks::<BLOCK>();
        let code = |value: f32, [step, lowest]: [f32; 2]| ((value - lowest) / step).round().clamp(0.0, 15.0) as u8;
        let nibbles = |(block, grid): (&[f32; BLOCK], &[f32; 2])| {
            std::array::from_fn(|at| code(block[at], *grid) | code(block[at + BLOCK / 2], *grid) << 4)
        };
        let weights = PackedWeights::Q4 {
            codes: blocks.iter().zip(grid).map(nibbles).collect(),
            scales: grid.iter().map(|[step, _]| *step).collect(),
            mins: grid.iter().map(|[_, lowest]| *lowest).collect(),
        };
        Self { rows: values.len() / columns.max(1), columns, weights: Arc::new(weights), mask: None }
    }

    /// Rounds f32 weights to nearest as `Q8` with one scale per block (absmax / 127). Rows are whole blocks.
    pub fn rounded(values: &[f32], columns: usize) -> Self {
        let (blocks, _) = values.as_chunks::<BLOCK>();
        let scale = |block: &[f32; BLOCK]| largest_of(block, f32x4::abs) / 127.0;
        let scales: Vec<f32> = blocks.iter().map(scale).collect();
        let code = |value: f32, scale: f32| if scale > 0.0 { (value / scale).round() as i8 } else { 0 };
        let codes = blocks.iter().zip(&scales).map(|(block, scale)| block.map(|value| code(value, *scale))).collect();
        let weights = PackedWeights::Q8 { codes, scales, mins: vec![] };
        Self { rows: values.len() / columns.max(1), columns, weights: Arc::new(weights), mask: None }
    }

    /// Bits per weight in memory of a tensor of this type, scales and mins included.
    ///
    /// * `rounded`: whether the weights are [rounded](Self::rounded) to 8 bits.
    pub fn bits_a_weight(tensor_type: TensorType, rounded: bool) -> f64 {
        // One f32 per block, in bits per weight.
        let number = 32.0 / BLOCK as f64;
        match tensor_type {
            _ if rounded => 8.0 + number,
            TensorType::F32 => 32.0,
            TensorType::F16 | TensorType::BF16 => 16.0,
            TensorType::Q4_0 | TensorType::Q4_1 | TensorType::Q4_K => 4.0 + 2.0 * number,
            TensorType::Q5_1 | TensorType::Q5_K => 8.0 + 2.0 * number,
            TensorType::Q2_K => 8.0 + 4.0 * number,
            TensorType::Q3_K | TensorType::Q6_K => 8.0 + 2.0 * number,
            _ => 8.0 + number,
        }
    }

    /// Whether a type is stored as [`PackedWeights::Q8SubBlock16`].
    pub fn has_sub_blocks(tensor_type: TensorType) -> bool {
        matches!(tensor_type, TensorType::Q2_K | TensorType::Q3_K | TensorType::Q6_K)
    }

    /// `[rows, columns]`.
    pub fn shape(&self) -> [usize; 2] {
        [self.rows, self.columns]
    }

    /// The stored weights, without the mask.
    pub fn weights(&self) -> &PackedWeights {
        &self.weights
    }

    /// The mask, one word per block; `None` if no weight is masked.
    pub fn mask(&self) -> Option<&[u32]> {
        self.mask.as_deref().map(Vec::as_slice)
    }

    /// The same weights under a mask: one word per block, bit i for weight i of the block, 0 to prune it.
    ///
    /// Rows must be whole blocks. Quantized codes are shared; float weights are copied with the pruned ones set to 0.
    pub fn masked(&self, mask: Vec<u32>) -> Self {
        let keeps = |at: usize| mask[at / BLOCK] >> (at % BLOCK) & 1 == 1;
        if matches!(*self.weights, PackedWeights::F32(_) | PackedWeights::Float16 { .. }) {
            return self.with_kept(keeps);
        }
        Self { mask: Some(Arc::new(mask)), ..self.clone() }
    }

    /// A copy of float weights with those at flat indices where `keeps` is false set to 0.
    fn with_kept(&self, keeps: impl Fn(usize) -> bool) -> Self {
        let weights = match &*self.weights {
            PackedWeights::F32(values) => {
                let kept = values.iter().enumerate().map(|(at, value)| if keeps(at) { *value } else { 0.0 });
                PackedWeights::F32(kept.collect())
            }
            PackedWeights::Float16 { words, bfloat } => {
                let kept = words.iter().enumerate().map(|(at, word)| if keeps(at) { *word } else { 0 });
                PackedWeights::Float16 { words: kept.collect(), bfloat: *bfloat }
            }
            quantized => quantized.clone(),
        };
        Self { weights: Arc::new(weights), ..self.clone() }
    }

    /// Prunes the weights that are 0 in `values` (`[rows, columns]`).
    ///
    /// Quantized weights get a mask over the shared codes, 16-bit floats are copied with zeros, f32 weights become
    /// `values`.
    pub fn with_mask_from(&self, values: Vec<f32>) -> Self {
        match *self.weights {
            PackedWeights::F32(_) => Self::from_values(values, self.columns),
            PackedWeights::Float16 { .. } => self.with_kept(|at| values[at] != 0.0),
            _ => self.masked(mask_of(&values)),
        }
    }

    /// Dequantizes one row, mask applied, into `out` (`columns` numbers).
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        self.read_columns(row, 0..self.columns, out);
    }

    /// Dequantizes some columns of one row, mask applied, into `out`.
    ///
    /// `columns` must be whole blocks, except for float weights without a mask.
    pub fn read_columns(&self, row: usize, columns: Range<usize>, out: &mut [f32]) {
        let first = row * (self.columns / BLOCK) + columns.start / BLOCK;
        let (outs, _) = out.as_chunks_mut::<BLOCK>();
        match &*self.weights {
            PackedWeights::F32(values) => {
                let start = row * self.columns;
                out.copy_from_slice(&values[start + columns.start..start + columns.end]);
            }
            PackedWeights::Q4 { codes, scales, mins } => {
                let blocks = codes[first..].iter().zip(&scales[first..]).zip(&mins[first..]);
                for (((codes, scale), min), out) in blocks.zip(outs) {
                    let words: u32x4 = bytemuck::cast(*codes);
                    let code = |nibble: u32| bytemuck::cast((words >> (4 * nibble)) & u32x4::splat(15));
                    let low = [0, 2, 4, 6].map(|nibble| scaled(code(nibble), *scale, *min));
                    let high = [1, 3, 5, 7].map(|nibble| scaled(code(nibble), *scale, *min));
                    *out = bytemuck::cast([f32x4::transpose(low), f32x4::transpose(high)]);
                }
            }
            PackedWeights::Q8 { codes, scales, mins } => {
                for (at, (codes, out)) in codes[first..].iter().zip(outs).enumerate() {
                    let min = mins.get(first + at).copied().unwrap_or(0.0);
                    *out = read_q8(codes, [scales[first + at]; 2], [min; 2]);
                }
            }
            PackedWeights::Q8SubBlock16 { codes, scales, mins } => {
                for (at, (codes, out)) in codes[first..].iter().zip(outs).enumerate() {
                    let mins = mins.get(first + at).copied().unwrap_or_default();
                    *out = read_q8(codes, scales[first + at], mins);
                }
            }
            PackedWeights::Float16 { words, bfloat } => {
                let start = row * self.columns;
                let words = &words[start + columns.start..start + columns.end];
                if *bfloat {
                    out.iter_mut().zip(words).for_each(|(out, word)| *out = f32::from_bits(u32::from(*word) << 16));
                } else {
                    out.iter_mut().zip(words).for_each(|(out, word)| *out = read_f16(*word));
                }
            }
        }
        if let Some(mask) = self.mask() {
            let (outs, _) = out.as_chunks_mut::<BLOCK>();
            for (word, out) in mask[first..].iter().zip(outs) {
                for (bit, out) in out.iter_mut().enumerate() {
                    // Branch-free select by an all-ones or all-zeros word; multiplying by 0 could leave −0.0.
                    *out = f32::from_bits(out.to_bits() & (word >> bit & 1).wrapping_neg());
                }
            }
        }
    }

    /// All weights dequantized, mask applied, row-major.
    pub fn values(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.rows * self.columns];
        out.chunks_exact_mut(self.columns.max(1)).enumerate().for_each(|(row, out)| self.read_row(row, out));
        out
    }
}

/// Repacks a quantized type whose file layout differs from the formats of [`PackedWeights`].
fn repacked(tensor_type: TensorType, bytes: &[u8]) -> PackedWeights {
    let (size, count) = (tensor_type.block_bytes() as usize, tensor_type.block_len() as usize / BLOCK);
    let blocks = bytes.len() / size * count;
    let mut codes = Vec::with_capacity(blocks);
    let mut scales = Vec::with_capacity(blocks);
    let mut unpacked = Unpacked::default();
    for stored in bytes.chunks_exact(size) {
        unpacked.read(tensor_type, stored);
        for (block, halves) in
            unpacked.codes.as_chunks::<BLOCK>().0.iter().zip(unpacked.scales.as_chunks::<2>().0).take(count)
        {
            codes.push(*block);
            scales.push(*halves);
        }
    }
    let least = |of: &[[f32; 2]; 2]| of.map(|[_, min]| min);
    let has_mins = scales.iter().any(|of| least(of) != [0.0; 2]);
    let mins = scales.iter().filter(|_| has_mins).map(least);
    let firsts = scales.iter().map(|[[scale, _], _]| *scale);
    match tensor_type {
        TensorType::Q4_K => PackedWeights::Q4 {
            codes: codes
                .iter()
                .map(|block| std::array::from_fn(|at| block[at] as u8 | (block[at + BLOCK / 2] as u8) << 4))
                .collect(),
            scales: firsts.collect(),
            mins: scales.iter().map(|of| least(of)[0]).collect(),
        },
        _ if PackedMatrix::has_sub_blocks(tensor_type) => PackedWeights::Q8SubBlock16 {
            mins: mins.collect(),
            scales: scales.iter().map(|of| of.map(|[scale, _]| scale)).collect(),
            codes,
        },
        _ => PackedWeights::Q8 { mins: mins.map(|[first, _]| first).collect(), scales: firsts.collect(), codes },
    }
}

/// Dequantizes a block of 8-bit codes, with a scale and a min for each half.
#[inline(always)]
fn read_q8(codes: &[i8; BLOCK], scales: [f32; 2], mins: [f32; 2]) -> [f32; BLOCK] {
    let halves: [i32x4; 2] = bytemuck::cast(*codes);
    let half = |at: usize| {
        let read = |shift: i32| scaled((halves[at] << shift) >> 24, scales[at], mins[at]);
        f32x4::transpose([24, 16, 8, 0].map(read))
    };
    bytemuck::cast([half(0), half(1)])
}

/// Converts IEEE half bits to f32. Multiplying by 2¹¹² rebiases the exponent and handles subnormals too.
#[inline(always)]
fn read_f16(word: u16) -> f32 {
    let (sign, rest) = (u32::from(word & 0x8000) << 16, u32::from(word & 0x7fff) << 13);
    f32::from_bits((f32::from_bits(rest) * f32::from_bits(0x7780_0000)).to_bits() | sign)
}

/// The mask that keeps the nonzero `values`: one word per block, bit i for value i.
pub fn mask_of(values: &[f32]) -> Vec<u32> {
    let (blocks, _) = values.as_chunks::<BLOCK>();
    let word = |block: &[f32; BLOCK]| {
        let fours: [f32x4; BLOCK / 4] = bytemuck::cast(*block);
        let zeros = |four: f32x4| four.simd_eq(f32x4::ZERO).to_bitmask();
        !fours.iter().enumerate().fold(0, |word, (at, four)| word | zeros(*four) << (4 * at))
    };
    blocks.iter().map(word).collect()
}

#[inline(always)]
fn scaled(codes: i32x4, scale: f32, min: f32) -> f32x4 {
    f32x4::from_i32x4(codes) * f32x4::splat(scale) + f32x4::splat(min)
}

/// Unpacks a block of 4-bit codes in the order of [`Lanes`].
///
/// * `low`: 15 in every lane.
#[inline(always)]
pub fn unpack_q4(codes: &[u8; BLOCK / 2], low: u16x8) -> Lanes {
    let both: u16x8 = bytemuck::cast(*codes);
    bytemuck::cast([both & low, (both >> 8) & low, (both >> 4) & low, both >> 12])
}

/// Unpacks a block of 8-bit codes in the order of [`Lanes`].
#[inline(always)]
pub fn unpack_q8(codes: &[i8; BLOCK]) -> Lanes {
    let [first, second]: [i16x8; 2] = bytemuck::cast(*codes);
    [(first << 8) >> 8, first >> 8, (second << 8) >> 8, second >> 8]
}

const fn bits(vector: usize) -> [i16; 8] {
    let mut out = [0; 8];
    let mut lane = 0;
    while lane < 8 {
        out[lane] = (1u16 << (place(vector, lane) % 16)) as i16;
        lane += 1;
    }
    out
}

/// Unpacks a mask word in the order of [`Lanes`]: −1 (all ones) for a kept weight, 0 for a pruned one.
#[inline(always)]
pub fn unpack_mask(word: u32) -> Lanes {
    let (even, odd) = (i16x8::new(const { bits(0) }), i16x8::new(const { bits(1) }));
    let (first, second) = (i16x8::splat(word as i16), i16x8::splat((word >> 16) as i16));
    [
        (first & even).simd_eq(even),
        (first & odd).simd_eq(odd),
        (second & even).simd_eq(even),
        (second & odd).simd_eq(odd),
    ]
}
