//! The engine: loads a language model, prunes it by a plan, and measures the effect. Plain Rust on burn, independent of
//! the browser.
//!
//! From the bottom up:
//!
//! * [`compute`]: the backends.
//! * [`model`]: the decoder and its loader.
//! * [`prune`]: pruning and quantization methods on slices of f32.
//! * [`metrics`]: metrics of a dense and a pruned model's outputs.
//! * [`experiment`]: the paper's measurements.
//! * [`session`]: a loaded model and cached results for the current prompt.
//! * `save`: a pruned and repaired model as files, in native programs.

#![warn(missing_docs)]

mod ahead;
mod cached;
mod compared_on_texts;
pub mod compute;
mod evaluation_cache;
pub mod experiment;
mod measure;
pub mod metrics;
pub mod model;
pub mod prune;
#[cfg(not(target_arch = "wasm32"))]
pub mod save;
mod search;
pub mod session;
pub mod shard;
mod writing;
