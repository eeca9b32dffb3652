//! Prunescope: prune a small language model by hand and see where the signal is lost.
//!
//! Plain data is in `prunescope_protocol`, files are read by `prunescope_formats`, figures are in `prunescope_figures`. The map of the
//! rest, from the bottom up (each module may use those above it, never those below):
//!
//! * [`kernel`]: matrix products on quantized weights and attention on plain slices: the CPU's hot path.
//! * `gpu` (feature `gpu`): the same for a GPU, in CubeCL.
//! * [`model`]: a decoder-only language model and its loader. Knows nothing of pruning.
//! * [`prune`]: how what a plan removes or rounds is chosen.
//! * [`metrics`]: similarity, divergence and estimates between a dense and a pruned model's numbers.
//! * [`consent`]: what the page may fetch without asking, and which hub gets which access token.
//! * [`given_files`]: what a file is that the visitor drops on the page or picks.
//! * [`notices`]: sentences that the page shows until they are dismissed.
//! * [`experiment`]: a question put to the dense and the pruned model, answered in plain numbers.
//! * [`engine`]: the session behind the worker.
//! * [`download`]: downloads, and models kept on the visitor's device, apart from the browser.
//! * `worker` (browser only): the engine's home, a dedicated worker.
//! * `kept_models` (browser only): the folder of models that are kept on the visitor's device.
//! * `page` (browser only): the Leptos page. Never touches a tensor.
//!
//! What needs tensors is behind the feature `engine` (on by default). The page is built without it, so that it stays small
//! and cannot reach past the protocol.

#![warn(missing_docs)]

pub mod consent;
pub mod download;
pub mod engine;
#[cfg(feature = "engine")]
pub mod experiment;
pub mod given_files;
#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(target_arch = "wasm32")]
pub mod kept_models;
#[cfg(feature = "engine")]
pub mod kernel;
#[cfg(feature = "engine")]
pub mod metrics;
pub mod model;
pub mod notices;
#[cfg(target_arch = "wasm32")]
pub mod page;
pub mod prune;
#[cfg(all(target_arch = "wasm32", feature = "engine"))]
pub mod worker;

pub use prunescope_figures::{chart, figure};
pub use prunescope_protocol::{results, settings, tasks};
