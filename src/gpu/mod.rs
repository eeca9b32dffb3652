//! The GPU's hot path: kernels in CubeCL on weights that stay quantized, and the few fused steps of a decoder.
//!
//! Plain burn launches some fifty small programs for one block of the decoder, and each launch costs the browser more than
//! its work; here it is thirteen. Plain burn on f32 weights ([`Storage::Tensors`]) remains the reference.
//!
//! * [`blocks`]: a matrix in blocks of codes, and its product.
//! * [`kernels`]: the programs that run on the device, one a step.
//! * [`ops`]: how they are launched; what the rest of the engine calls.
//!
//! [`Storage::Tensors`]: crate::model::Storage::Tensors

pub mod blocks;
mod kernels;
pub mod ops;
