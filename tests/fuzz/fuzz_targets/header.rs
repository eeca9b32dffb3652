//! A file's header alone, without weights: `src/header.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| prunescope_fuzz::run("header", input));
