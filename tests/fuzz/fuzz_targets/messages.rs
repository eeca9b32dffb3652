//! Messages, links and lines of task sets: `src/messages.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| prunescope_fuzz::run("messages", input));
