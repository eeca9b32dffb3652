//! Words that several threads read and write, with the instructions of WebAssembly's threads. In the rest of the engine, as in Rust's own
//! library for this target, such operations are plain ones, since it takes for granted that it is alone.
//!
//! `crates/worker/build.rs` builds this crate as an object of its own, with those instructions, and links it to the engine; elsewhere it
//! is empty. The only code that takes unstable features of the compiler.

#![cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
#![no_std]
#![feature(stdarch_wasm_atomic_wait, thread_local)]

use core::arch::wasm32::memory_atomic_notify;
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// wasm-bindgen's start of a program on shared memory fails where the program has no thread-local data.
#[thread_local]
#[used]
static ANY: u32 = 1;

/// The word.
#[unsafe(no_mangle)]
pub extern "C" fn shared_load(word: &AtomicU32) -> u32 {
    word.load(SeqCst)
}

/// Sets the word.
#[unsafe(no_mangle)]
pub extern "C" fn shared_store(word: &AtomicU32, value: u32) {
    word.store(value, SeqCst);
}

/// Adds to the word, and gives what it was.
#[unsafe(no_mangle)]
pub extern "C" fn shared_add(word: &AtomicU32, value: u32) -> u32 {
    word.fetch_add(value, SeqCst)
}

/// Wakes all that sleep for the word.
#[unsafe(no_mangle)]
pub extern "C" fn shared_wake(word: &AtomicU32) {
    // SAFETY: the word is aligned.
    unsafe { memory_atomic_notify(word.as_ptr().cast(), u32::MAX) };
}
