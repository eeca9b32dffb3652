//! CPU kernels on plain slices: gemv and gemm with quantized weights, attention, norms, activation functions, threads.
//!
//! The same code runs natively and in WebAssembly, with 128-bit vectors from `wide`. It knows no models, files or
//! tensors.
//!
//! * [`packed`]: weights that stay quantized in memory, with an optional pruning mask.
//! * [`activations`]: rows of activations in f32, and for gemv also in split fixed point.
//! * [`matmul`]: activations times packed weights, as gemv and gemm; the gemm loops and the relaxed-SIMD gemv are in
//!   `prunescope_relaxed_simd`.
//! * [`threads`]: a fixed pool of helper threads and the job they execute.
//! * [`attention`]: RoPE, scores, softmax, weighted sum of values.
//! * [`elementwise`]: norms, activation functions, and the reductions that kernels share.

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
