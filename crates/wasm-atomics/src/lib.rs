//! Atomic operations on shared 32-bit words, compiled with WebAssembly's atomic instructions.
//!
//! The rest of the engine and Rust's standard library for this target are compiled without threads, where atomics
//! become plain loads and stores. `crates/worker/build.rs` compiles this crate as a separate object with atomics
//! enabled and links it to the engine. Elsewhere the crate is empty. It is the only code that uses unstable compiler
//! features.

#![cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
#![no_std]
#![feature(stdarch_wasm_atomic_wait, thread_local)]

use core::arch::wasm32::memory_atomic_notify;
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// wasm-bindgen fails to start a module on shared memory that has no thread-local data; this is that data.
#[thread_local]
#[used]
static ANY: u32 = 1;

/// Loads the word.
#[unsafe(no_mangle)]
pub extern "C" fn shared_load(word: &AtomicU32) -> u32 {
    word.load(SeqCst)
}

/// Stores `value` in the word.
#[unsafe(no_mangle)]
pub extern "C" fn shared_store(word: &AtomicU32, value: u32) {
    word.store(value, SeqCst);
}

/// Adds to the word and returns its previous value; wraps on overflow.
#[unsafe(no_mangle)]
pub extern "C" fn shared_add(word: &AtomicU32, value: u32) -> u32 {
    word.fetch_add(value, SeqCst)
}

/// Wakes all threads that wait on the word.
#[unsafe(no_mangle)]
pub extern "C" fn shared_wake(word: &AtomicU32) {
    // SAFETY: the word is valid and 4-byte aligned.
    unsafe { memory_atomic_notify(word.as_ptr().cast(), u32::MAX) };
}
