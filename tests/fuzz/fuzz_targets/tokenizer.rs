//! A tokenizer with any value changed: `src/tokenizer.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| prunescope_fuzz::run("tokenizer", input));
