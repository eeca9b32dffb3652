//! Arbitrary blocks of each tensor type, against the plain definition of `ggml-quants.c` where that is short, and against the CPU's
//! packed form.

use std::borrow::Cow;

use half::f16;
use prunescope_engine::compute::{Compute, Cpu};
use prunescope_formats::tensor::StoredMatrix;
use prunescope_quant::TensorType;
use prunescope_quant::dequantize;

/// The input is a type's number, then blocks.
pub fn run(input: &[u8]) {
    let Some((number, bytes)) = input.split_first() else { return };
    let Ok(tensor_type) = TensorType::from_number(u32::from(*number) % 40) else { return };
    let (len, size) = (tensor_type.block_len() as usize, tensor_type.block_bytes() as usize);
    let found = dequantize(tensor_type, bytes);
    let blocks = bytes.len() / size;
    assert_eq!(found.len(), blocks * len, "{}", tensor_type.name());
    for (block, values) in bytes.chunks_exact(size).zip(found.chunks_exact(len)) {
        for (at, value) in values.iter().enumerate() {
            if let Some(right) = plain(tensor_type, block, at) {
                assert!(same(*value, right), "{} {block:?}: number {at} is {value}, not {right}", tensor_type.name());
            }
        }
    }
    if blocks == 0 {
        return;
    }
    let shape = [1, found.len()];
    let stored = StoredMatrix { tensor_type, bytes: Cow::Borrowed(&bytes[..blocks * size]), shape };
    let held = Cpu.matrix(&stored, false);
    let row: Vec<f32> = Cpu::select(&held, &[0]).into_data().try_to_vec().expect("numbers of f32");
    let differs = found.iter().zip(&row).position(|(a, b)| !same(*a, *b));
    assert_eq!(
        (row.len(), differs),
        (found.len(), None),
        "{} {block:?}",
        tensor_type.name(),
        block = &bytes[..blocks * size]
    );
}

/// Whether two numbers agree within rounding; not checked where either is not finite.
fn same(a: f32, b: f32) -> bool {
    a == b || !a.is_finite() || !b.is_finite() || (a - b).abs() <= 1e-6 * (a.abs() + b.abs())
}

/// Value `at` of a block of 32 weights, or of a single weight, by the plain definition; none for other types.
fn plain(tensor_type: TensorType, b: &[u8], at: usize) -> Option<f32> {
    let half = |from: usize| f16::from_le_bytes([b[from], b[from + 1]]).to_f32();
    let nibble = |from: usize| f32::from(if at < 16 { b[from + at] & 15 } else { b[from + at - 16] >> 4 });
    let fifth = |from: usize| f32::from((b[from + at / 8] >> (at % 8) & 1) << 4);
    Some(match tensor_type {
        TensorType::F32 => f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        TensorType::F16 => half(0),
        TensorType::BF16 => f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16),
        TensorType::Q8_0 => half(0) * f32::from(b[2 + at] as i8),
        TensorType::Q4_0 => half(0) * (nibble(2) - 8.0),
        TensorType::Q4_1 => half(0) * nibble(4) + half(2),
        TensorType::Q5_0 => half(0) * (nibble(6) + fifth(2) - 16.0),
        TensorType::Q5_1 => half(0) * (nibble(8) + fifth(4)) + half(2),
        TensorType::Q8_K => f32::from_le_bytes([b[0], b[1], b[2], b[3]]) * f32::from(b[4 + at] as i8),
        _ => return None,
    })
}
