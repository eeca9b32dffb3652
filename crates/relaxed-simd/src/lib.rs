//! The innermost loops of the matrix product, for two programs.
//!
//! A browser that knows relaxed SIMD (Chrome since 114, not every browser) multiplies and adds in one instruction, and multiplies bytes;
//! one that does not refuses every program with such an instruction. So `crates/worker/build.rs` builds this crate once more, alone and
//! with those instructions, as a program that the worker starts on the engine's memory. Where it is refused, the engine's own loops run.
//!
//! * [`gemm_tile`]: many rows of activations; generic over a vector, and compiled into both programs.
//! * [`gemv_abi`]: what the second program is given for few rows of activations.
//! * `gemv`: its loops for those, by relaxed instructions; natively by an emulation of them, for tests.
//!
//! The second program may hold no data and use no stack of its own, since it shares another's memory: no checks of bounds, which bring
//! texts with them, and no iterators by value.

#![no_std]
#![warn(missing_docs)]

pub mod gemm_tile;
pub mod gemv_abi;

#[cfg(all(test, not(target_feature = "relaxed-simd")))]
mod emulation;
#[cfg(any(target_feature = "relaxed-simd", test))]
mod gemv;
#[cfg(target_feature = "relaxed-simd")]
mod program;

#[cfg(test)]
extern crate std;
