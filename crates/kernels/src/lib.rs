//! The CPU's hot path: matrix products on quantized weights, attention and element-wise functions on plain slices.
//!
//! One code for native programs and WebAssembly: 128-bit vectors through `wide`. Nothing here knows of models or tensors;
//! plain burn does the same on other devices and is what the tests compare with.
//!
//! * [`packed`]: weights that stay quantized in memory, and the mask that may lie over them.
//! * [`inputs`]: rows of activations, few ones as integers of two digits.
//! * [`multiply`]: the matrix product of both.
//! * [`tiles`]: its innermost loops for many rows; `fused.rs` is a program of its own that has them with other instructions, and
//!   those for few rows (`fused_few.rs`), for which [`few`] says what they are given.
//! * [`threads`]: work that several threads do together; `shared_memory.rs` has the instructions that they need in WebAssembly.
//! * [`attention`]: rotation, scores, softmax, mixing.
//! * [`elementwise`]: norm, SwiGLU, and sums that others share.

pub mod attention;
pub mod elementwise;
pub mod few;
pub mod inputs;
pub mod multiply;
pub mod packed;
pub mod threads;
pub mod tiles;

pub use few::BLOCK;
pub use inputs::Inputs;
pub use packed::PackedMatrix;
