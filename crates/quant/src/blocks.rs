//! Dequantization of ggml blocks to f32. Source: `ggml-quants.c`, `dequantize_row_*`.

use half::{bf16, f16};

use crate::TensorType;

/// Consecutive weights that share a scale in every type.
pub const GROUP: usize = 16;
/// Weights in the largest block (ggml's `QK_K`).
const LARGEST: usize = 256;

/// Values of the 4-bit codes of IQ4_NL and IQ4_XS (ggml's `kvalues_iq4nl`).
const KVALUES_IQ4NL: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// One unpacked block: weight = scale · code + minimum.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// One code per weight.
    pub codes: [i8; LARGEST],
    /// `[scale, minimum]` of each group of [`GROUP`] weights.
    pub scales: [[f32; 2]; LARGEST / GROUP],
}

impl Default for Unpacked {
    fn default() -> Self {
        Self { codes: [0; LARGEST], scales: [[0.0; 2]; LARGEST / GROUP] }
    }
}

fn half(b: &[u8]) -> f32 {
    f16::from_le_bytes([b[0], b[1]]).to_f32()
}

/// 6-bit scale and minimum of sub-block `at` (0..8), packed in 12 bytes in Q4_K and Q5_K (ggml's `get_scale_min_k4`).
fn scale_min_k4(packed: &[u8], at: usize) -> [f32; 2] {
    let [scale, minimum] = if at < 4 {
        [packed[at] & 63, packed[at + 4] & 63]
    } else {
        [packed[at + 4] & 15 | packed[at - 4] >> 6 << 4, packed[at + 4] >> 4 | packed[at] >> 6 << 4]
    };
    [f32::from(scale), f32::from(minimum)]
}

impl Unpacked {
    /// Unpacks one stored block of a quantized type. Float types have no codes; for them nothing changes.
    pub fn read(&mut self, tensor_type: TensorType, b: &[u8]) {
        match tensor_type {
            TensorType::F32 | TensorType::F16 | TensorType::BF16 => {}
            TensorType::Q8_0 => {
                self.fill_group_scales(0, 2, [half(b), 0.0]);
                self.codes.iter_mut().zip(&b[2..]).for_each(|(code, q)| *code = *q as i8);
            }
            TensorType::Q4_0 => {
                self.fill_group_scales(0, 2, [half(b), -8.0 * half(b)]);
                self.nibbles(0, &b[2..]);
            }
            TensorType::Q4_1 => {
                self.fill_group_scales(0, 2, [half(b), half(&b[2..])]);
                self.nibbles(0, &b[4..]);
            }
            TensorType::Q5_0 => {
                self.fill_group_scales(0, 2, [half(b), 0.0]);
                self.nibbles(0, &b[6..]);
                self.fifth_bits(&b[2..]);
                self.codes[..32].iter_mut().for_each(|code| *code -= 16);
            }
            TensorType::Q5_1 => {
                self.fill_group_scales(0, 2, [half(b), half(&b[2..])]);
                self.nibbles(0, &b[8..]);
                self.fifth_bits(&b[4..]);
            }
            TensorType::Q2_K => {
                let (scale, minimum) = (half(&b[80..]), half(&b[82..]));
                for (out, packed) in self.scales.iter_mut().zip(&b[..16]) {
                    *out = [scale * f32::from(packed & 15), -(minimum * f32::from(packed >> 4))];
                }
                self.pairs_of_bits(&b[16..80]);
            }
            TensorType::Q3_K => {
                let (high, packed, scale) = (&b[..32], &b[96..108], half(&b[108..]));
                for (at, out) in self.scales.iter_mut().enumerate() {
                    let low = if at < 8 { packed[at] & 15 } else { packed[at - 8] >> 4 };
                    let bits = packed[8 + at % 4] >> (2 * (at / 4)) & 3;
                    *out = [scale * (f32::from(low | bits << 4) - 32.0), 0.0];
                }
                self.pairs_of_bits(&b[32..96]);
                for (at, code) in self.codes.iter_mut().enumerate() {
                    *code -= if high[at % 32] >> (at / 32) & 1 == 1 { 0 } else { 4 };
                }
            }
            TensorType::Q4_K | TensorType::Q5_K => {
                let (scale, minimum) = (half(b), half(&b[2..]));
                for at in 0..8 {
                    let [own, least] = scale_min_k4(&b[4..16], at);
                    self.fill_group_scales(2 * at, 2, [scale * own, -(minimum * least)]);
                }
                let (high, low) =
                    if tensor_type == TensorType::Q5_K { (Some(&b[16..48]), &b[48..]) } else { (None, &b[16..]) };
                for (piece, low) in low.chunks_exact(32).take(4).enumerate() {
                    for (i, q) in low.iter().enumerate() {
                        let bits = high.map_or(0, |high| high[i] >> (2 * piece));
                        self.codes[64 * piece + i] = (q & 15 | (bits & 1) << 4) as i8;
                        self.codes[64 * piece + 32 + i] = (q >> 4 | (bits >> 1 & 1) << 4) as i8;
                    }
                }
            }
            TensorType::Q6_K => {
                let scale = half(&b[208..]);
                for (out, own) in self.scales.iter_mut().zip(&b[192..208]) {
                    *out = [scale * f32::from(*own as i8), 0.0];
                }
                for piece in 0..2 {
                    let (low, high) = (&b[64 * piece..], &b[128 + 32 * piece..]);
                    for i in 0..32 {
                        let code = |nibble: u8, shift: u8| (nibble | (high[i] >> shift & 3) << 4) as i8 - 32;
                        let at = 128 * piece + i;
                        self.codes[at] = code(low[i] & 15, 0);
                        self.codes[at + 32] = code(low[i + 32] & 15, 2);
                        self.codes[at + 64] = code(low[i] >> 4, 4);
                        self.codes[at + 96] = code(low[i + 32] >> 4, 6);
                    }
                }
            }
            TensorType::Q8_K => {
                self.fill_group_scales(0, 16, [f32::from_le_bytes([b[0], b[1], b[2], b[3]]), 0.0]);
                self.codes.iter_mut().zip(&b[4..]).for_each(|(code, q)| *code = *q as i8);
            }
            TensorType::IQ4_NL => {
                self.fill_group_scales(0, 2, [half(b), 0.0]);
                self.nibbles(0, &b[2..]);
                self.codes[..32].iter_mut().for_each(|code| *code = KVALUES_IQ4NL[*code as usize]);
            }
            TensorType::IQ4_XS => {
                let (scale, high) = (half(b), u16::from_le_bytes([b[2], b[3]]));
                for at in 0..8 {
                    let low = b[4 + at / 2] >> (4 * (at % 2)) & 15;
                    let own = low | ((high >> (2 * at) & 3) as u8) << 4;
                    self.fill_group_scales(2 * at, 2, [scale * (f32::from(own) - 32.0), 0.0]);
                    self.nibbles(32 * at, &b[8 + 16 * at..]);
                }
                self.codes.iter_mut().for_each(|code| *code = KVALUES_IQ4NL[*code as usize]);
            }
        }
    }

    /// Sets `[scale, minimum]` of `count` groups from `first` on.
    fn fill_group_scales(&mut self, first: usize, count: usize, scale: [f32; 2]) {
        self.scales[first..first + count].fill(scale);
    }

    /// Unpacks 16 bytes to 32 codes from `at` on: all low nibbles, then all high nibbles.
    fn nibbles(&mut self, at: usize, packed: &[u8]) {
        for (i, q) in packed[..16].iter().enumerate() {
            self.codes[at + i] = (q & 15) as i8;
            self.codes[at + 16 + i] = (q >> 4) as i8;
        }
    }

    /// Adds bit 4 of the first 32 codes from 4 bytes, little-endian, one bit per code.
    fn fifth_bits(&mut self, packed: &[u8]) {
        let bits = u32::from_le_bytes([packed[0], packed[1], packed[2], packed[3]]);
        self.codes[..32].iter_mut().enumerate().for_each(|(at, code)| *code |= ((bits >> at & 1) << 4) as i8);
    }

    /// Unpacks 64 bytes to 256 two-bit codes; a byte holds four codes, 32 positions apart.
    fn pairs_of_bits(&mut self, packed: &[u8]) {
        for (at, code) in self.codes.iter_mut().enumerate() {
            *code = (packed[at / 128 * 32 + at % 32] >> (at % 128 / 32 * 2) & 3) as i8;
        }
    }
}

/// Dequantizes stored bytes to f32, in storage order.
///
/// `bytes` should be whole blocks of `tensor_type`, as the file readers guarantee; a trailing partial block is ignored.
pub fn dequantize(tensor_type: TensorType, bytes: &[u8]) -> Vec<f32> {
    let (size, count) = (tensor_type.block_bytes() as usize, tensor_type.block_len() as usize);
    let mut out = Vec::with_capacity(bytes.len() / size * count);
    let blocks = bytes.chunks_exact(size);
    match tensor_type {
        TensorType::F32 => out.extend(blocks.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
        TensorType::F16 => out.extend(blocks.map(half)),
        TensorType::BF16 => out.extend(blocks.map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())),
        quantized => {
            let mut unpacked = Unpacked::default();
            for block in blocks {
                unpacked.read(quantized, block);
                for (codes, [scale, minimum]) in unpacked.codes[..count].chunks_exact(GROUP).zip(&unpacked.scales) {
                    out.extend(codes.iter().map(|code| scale * f32::from(*code) + minimum));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Example {
        name: String,
        bytes: Vec<u8>,
        values: Vec<f32>,
    }

    /// Compares with Python's `gguf` package on two random blocks per type (generated by `tests/reference/families`).
    #[test]
    fn every_type_is_read_as_its_authors_do() {
        let text = include_str!("../../../tests/fixtures/quantized.json");
        let examples: Vec<Example> = serde_json::from_str(text).unwrap();
        assert_eq!(examples.len(), 14, "all but the sums of Q8_K, which no file of weights has, and F32");
        for example in examples {
            let tensor_type =
                (0..40).filter_map(|n| TensorType::from_number(n).ok()).find(|t| t.name() == example.name);
            let found = dequantize(tensor_type.expect("a type that is read"), &example.bytes);
            assert_eq!(found, example.values, "{}", example.name);
        }
    }

    #[test]
    fn blocks_of_bytes_with_one_scale() {
        let mut block = 0.5f32.to_le_bytes().to_vec();
        block.extend((0..=255u8).chain([0; 32]));
        let found = dequantize(TensorType::Q8_K, &block);
        assert_eq!((found.len(), found[3], found[255]), (256, 1.5, -0.5));
    }
}
