//! A decoder-only language model: its file, tokenizer, chat template and forward pass.
//!
//! Knows nothing of pruning: the forward pass takes any predicate that says which sublayers are active.

pub mod attention;
pub mod chat;
pub mod config;
pub mod decoder;
#[cfg(not(target_arch = "wasm32"))]
pub mod file;
pub mod gguf;
pub mod kv_cache;
pub mod loader;
pub mod manifest;
pub mod mlp;
pub mod norm;
pub mod quant;
pub mod rope;
pub mod sampling;
pub mod sublayer;
pub mod tokenizer;

pub use chat::ChatTemplate;
pub use config::DecoderConfig;
pub use decoder::Decoder;
pub use kv_cache::KeyValueCache;
pub use loader::{LoadError, LoadedModel, ModelLoader};
pub use sublayer::{Sublayer, SublayerKind};
pub use tokenizer::ModelTokenizer;
