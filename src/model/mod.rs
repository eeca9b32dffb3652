//! A decoder-only language model: its file, tokenizer, chat template and forward pass.
//!
//! Knows nothing of pruning: the forward pass takes any predicate that says which sublayers are active.

#[cfg(feature = "engine")]
pub mod attention;
pub mod chat;
pub mod config;
mod config_gguf;
mod config_hub;
#[cfg(feature = "engine")]
pub mod cross_check;
#[cfg(feature = "engine")]
pub mod decoder;
#[cfg(all(feature = "engine", not(target_arch = "wasm32")))]
pub mod file;
pub mod gguf;
mod gguf_tokenizer;
mod hub_tokenizer;
#[cfg(feature = "engine")]
pub mod kv_cache;
#[cfg(feature = "engine")]
pub mod layout;
#[cfg(feature = "engine")]
pub mod linear;
pub mod load_error;
#[cfg(feature = "engine")]
pub mod loader;
pub mod manifest;
pub mod metadata;
#[cfg(feature = "engine")]
pub mod mlp;
#[cfg(feature = "engine")]
pub mod norm;
pub mod quant;
pub mod repository;
#[cfg(feature = "engine")]
pub mod rope;
pub mod safetensors;
pub mod sampling;
pub mod tensor;
pub mod tensor_names;
pub mod tokenizer;

pub use chat::ChatTemplate;
pub use config::DecoderConfig;
#[cfg(feature = "engine")]
pub use decoder::Decoder;
#[cfg(feature = "engine")]
pub use kv_cache::KeyValueCache;
#[cfg(feature = "engine")]
pub use linear::{Linear, Storage, Weights};
pub use load_error::LoadError;
#[cfg(feature = "engine")]
pub use loader::{LoadedModel, ModelLoader};
pub use prunescope_protocol::model::{
    Family, InputSite, Matrix, ModelSource, RepositoryName, Sublayer, SublayerKind, family, matrix, source, sublayer,
};
pub use tokenizer::ModelTokenizer;
