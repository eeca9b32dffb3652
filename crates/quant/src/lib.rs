//! ggml's tensor types and their dequantization to f32. Source: `ggml.h`, `ggml-quants.c`.

#![warn(missing_docs)]

mod blocks;
mod tensor_type;

pub use blocks::*;
pub use tensor_type::TensorType;
