//! Arbitrary blocks of each tensor type: `src/dequantize.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| prunescope_fuzz::run("dequantize", input));
