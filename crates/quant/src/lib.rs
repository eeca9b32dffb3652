//! The types that ggml stores tensors in, and their blocks as numbers. Source: `ggml.h`, `ggml-quants.c`.

#![warn(missing_docs)]

mod blocks;
mod tensor_type;

pub use blocks::*;
pub use tensor_type::TensorType;
