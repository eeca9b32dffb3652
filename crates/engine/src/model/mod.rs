//! A decoder-only language model on a backend, and its loader. Independent of pruning.

pub mod cross_check;
pub mod decoder;
#[cfg(not(target_arch = "wasm32"))]
pub mod file;
pub mod loader;
mod parts;
pub mod replacement;
pub mod sampling;

pub use decoder::Decoder;
pub use loader::{LoadedModel, ModelLoader};
