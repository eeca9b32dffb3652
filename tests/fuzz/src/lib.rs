//! The fuzz targets without the fuzzer: `tests/fuzz/corpus.rs` runs them on every input of the corpus.

pub mod bytes;
pub mod dequantize;
pub mod forward;
pub mod gguf;
pub mod header;
pub mod json;
pub mod messages;
pub mod meter;
pub mod model;
pub mod structured;
pub mod tokenizer;

/// A function that runs on an input, and panics if a promise is broken.
pub type Target = fn(&[u8]);

/// All targets but `kept`, which only the downloads crate's own tests and the fuzzer can run. Each has a limit on memory: a fixed number
/// of bytes (compiling a tokenizer's patterns takes megabytes), and a number of bytes for each byte of the input.
pub const TARGETS: [(&str, Target); 6] = [
    ("header", |input| meter::within(8 << 20, 256, input, header::run)),
    ("structured", |input| meter::within(8 << 20, 256, input, structured::run)),
    ("tokenizer", |input| meter::within(16 << 20, 256, input, tokenizer::run)),
    ("dequantize", |input| meter::within(1 << 20, 64, input, dequantize::run)),
    ("forward", |input| meter::within(16 << 20, 256, input, forward::run)),
    ("messages", |input| meter::within(4 << 20, 256, input, messages::run)),
];

/// Runs a target on an input.
///
/// # Panics
/// Where a promise is broken.
pub fn run(target: &str, input: &[u8]) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target's name");
    run(input);
}
