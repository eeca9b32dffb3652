//! The innermost loops of gemm and gemv, compiled into the engine and again into a separate relaxed-SIMD module.
//!
//! Relaxed SIMD (in Chrome since 114, not in every browser) has a fused multiply-add and a dot product of bytes. A
//! browser without it rejects every module that contains such an instruction. So `crates/worker/build.rs` also compiles
//! this crate alone, with relaxed SIMD, as a second module that the worker instantiates on the engine's memory. If the
//! browser rejects it, the engine's own loops run.
//!
//! * [`gemm_tile`]: gemm; generic over the vector type, and compiled into both modules.
//! * [`gemv_abi`]: arguments of gemv in the second module.
//! * `gemv`: gemv by relaxed instructions; in native tests by an emulation of them.
//!
//! The second module shares the engine's memory, so it may have no static data and no stack of its own: no bounds
//! checks, whose panic messages are data, and no iterators by value.

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
