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
mod search;
pub mod session;
pub mod shard;
mod writing;
