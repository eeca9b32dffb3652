//! From stored blocks to f32. Source: `ggml-quants.c`, `dequantize_row_*`.

use half::{bf16, f16};

use super::gguf::TensorType;

/// Turns stored bytes into f32.
///
/// `bytes` must be whole blocks of `tensor_type` (the GGUF reader guarantees it); a trailing part is ignored.
pub fn dequantize(tensor_type: TensorType, bytes: &[u8]) -> Vec<f32> {
    let block = tensor_type.block_bytes() as usize;
    let mut out = Vec::with_capacity(bytes.len() / block * tensor_type.block_len() as usize);
    let half = |b: &[u8]| f16::from_le_bytes([b[0], b[1]]).to_f32();
    for b in bytes.chunks_exact(block) {
        match tensor_type {
            TensorType::F32 => out.push(f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            TensorType::F16 => out.push(half(b)),
            TensorType::BF16 => out.push(bf16::from_le_bytes([b[0], b[1]]).to_f32()),
            TensorType::Q8_0 => {
                let scale = half(b);
                out.extend(b[2..].iter().map(|q| scale * f32::from(*q as i8)));
            }
            TensorType::Q4_0 => {
                let scale = half(b);
                let weight = |q: u8| scale * (f32::from(q) - 8.0);
                out.extend(b[2..].iter().map(|q| weight(q & 15)));
                out.extend(b[2..].iter().map(|q| weight(q >> 4)));
            }
            TensorType::Q4_1 => {
                let (scale, minimum) = (half(b), half(&b[2..]));
                let weight = |q: u8| scale * f32::from(q) + minimum;
                out.extend(b[4..].iter().map(|q| weight(q & 15)));
                out.extend(b[4..].iter().map(|q| weight(q >> 4)));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bit_blocks_hold_low_nibbles_first() {
        let mut block = vec![];
        block.extend(f16::from_f32(0.5).to_le_bytes());
        block.extend(f16::from_f32(-1.0).to_le_bytes());
        block.extend((0..16).map(|i| i | ((15 - i) << 4)));
        let out = dequantize(TensorType::Q4_1, &block);
        assert_eq!(out.len(), 32);
        assert_eq!((out[0], out[15], out[16], out[31]), (-1.0, 6.5, 6.5, -1.0));
        block.drain(2..4);
        assert_eq!(dequantize(TensorType::Q4_0, &block)[0], -4.0);
    }

    #[test]
    fn bytes_are_signed_in_q8_0() {
        let mut block = f16::from_f32(2.0).to_le_bytes().to_vec();
        block.extend((0..32).map(|i| (i as i8 - 16) as u8));
        let out = dequantize(TensorType::Q8_0, &block);
        assert_eq!((out[0], out[16], out[31]), (-32.0, 0.0, 30.0));
    }

    #[test]
    fn sixteen_bit_floats() {
        assert_eq!(dequantize(TensorType::F16, &f16::from_f32(1.5).to_le_bytes()), [1.5]);
        assert_eq!(dequantize(TensorType::BF16, &bf16::from_f32(-2.0).to_le_bytes()), [-2.0]);
    }
}
