//! A forward pass with a hostile configuration: `src/forward.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| prunescope_fuzz::run("forward", input));
