//! A file assembled as the input says: `src/structured.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| prunescope_fuzz::run("structured", input));
