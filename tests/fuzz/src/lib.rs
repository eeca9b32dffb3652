//! What the fuzz targets do with an input, apart from the fuzzer: `tests/engine/corpus.rs` does the same with every input that is kept.

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

/// What is done with an input.
pub type Target = fn(&[u8]);

/// All targets but `kept`, whose world only the crate's own tests and the fuzzer have. Each holds memory to what it needs at most:
/// so many bytes (to compile a tokenizer's patterns takes megabytes), and so many for each byte of the input.
pub const TARGETS: [(&str, Target); 6] = [
    ("header", |input| meter::within(8 << 20, 256, input, header::run)),
    ("structured", |input| meter::within(8 << 20, 256, input, structured::run)),
    ("tokenizer", |input| meter::within(16 << 20, 256, input, tokenizer::run)),
    ("dequantize", |input| meter::within(1 << 20, 64, input, dequantize::run)),
    ("forward", |input| meter::within(16 << 20, 256, input, forward::run)),
    ("messages", |input| meter::within(4 << 20, 256, input, messages::run)),
];

/// Does with an input what a target does.
///
/// # Panics
/// Where a promise is broken.
pub fn run(target: &str, input: &[u8]) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target's name");
    run(input);
}
