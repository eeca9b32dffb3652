//! A decoder-only language model on a backend, and its loader. Knows nothing of pruning.

pub mod attention;
pub mod cross_check;
pub mod decoder;
#[cfg(not(target_arch = "wasm32"))]
pub mod file;
pub mod kv_cache;
pub mod linear;
pub mod loader;
pub mod mlp;
pub mod norm;
pub mod rope;
pub mod sampling;

pub use decoder::Decoder;
pub use kv_cache::KeyValueCache;
pub use linear::Linear;
pub use loader::{LoadedModel, ModelLoader};
