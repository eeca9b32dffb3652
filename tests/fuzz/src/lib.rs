//! What the fuzz targets do with an input, apart from the fuzzer: `tests/corpus.rs` does the same with every input that is kept.

pub mod bytes;
pub mod dequantize;
pub mod forward;
pub mod gguf;
pub mod header;
pub mod messages;
#[cfg(fuzzing)]
pub mod meter;
pub mod model;
pub mod palette;
pub mod structured;
pub mod texts;
pub mod tokenizer;
