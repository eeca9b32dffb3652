//! A decoder-only language model: its file, tokenizer, chat template and forward pass.
//!
//! Knows nothing of pruning: the forward pass takes any predicate that says which sublayers are active.

#[cfg(feature = "engine")]
pub mod attention;
#[cfg(feature = "engine")]
pub mod cross_check;
#[cfg(feature = "engine")]
pub mod decoder;
#[cfg(all(feature = "engine", not(target_arch = "wasm32")))]
pub mod file;
#[cfg(feature = "engine")]
pub mod kv_cache;
#[cfg(feature = "engine")]
pub mod linear;
#[cfg(feature = "engine")]
pub mod loader;
#[cfg(feature = "engine")]
pub mod mlp;
#[cfg(feature = "engine")]
pub mod norm;
#[cfg(feature = "engine")]
pub mod rope;
pub mod sampling;

#[cfg(feature = "engine")]
pub use decoder::Decoder;
#[cfg(feature = "engine")]
pub use kv_cache::KeyValueCache;
#[cfg(feature = "engine")]
pub use linear::{Linear, Storage, Weights};
#[cfg(feature = "engine")]
pub use loader::{LoadedModel, ModelLoader};
pub use prunescope_formats::{
    ChatTemplate, LoadError, ModelTokenizer, chat, config, gguf, layout, load_error, metadata, quant, safetensors,
    tensor, tensor_names, tokenizer,
};
pub use prunescope_protocol::model::{
    DecoderConfig, Family, InputSite, Matrix, ModelSource, RepositoryName, Sublayer, SublayerKind, family, manifest,
    matrix, repository, source, sublayer,
};
