//! The CPU's hot path on plain slices: products with quantized weights, attention, norms, activations, threads.
//!
//! One code for native programs and WebAssembly: 128-bit vectors through `wide`. Knows no model, no file, no tensor.
//!
//! * [`packed`]: weights that stay quantized in memory, and the mask that may lie over them.
//! * [`activations`]: rows of activations; few ones are also split into integers.
//! * [`matmul`]: the product of both, as gemv and gemm; their innermost loops are in `prunescope_relaxed_simd`.
//! * [`threads`]: a fixed pool of helper threads and the job they execute.
//! * [`attention`]: rotation, scores, softmax, weighted values.
//! * [`elementwise`]: norms, activation functions, and sums that others share.

#![warn(missing_docs)]

pub mod activations;
pub mod attention;
pub mod elementwise;
pub mod matmul;
pub mod packed;
pub mod threads;

pub use activations::Activations;
pub use packed::PackedMatrix;
pub use prunescope_relaxed_simd::gemv_abi::BLOCK;
