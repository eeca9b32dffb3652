//! Prunescope's page: prune a small language model by hand and see where the signal is lost. Never touches a tensor.
//!
//! What is decided without a browser is plain Rust, tested natively:
//!
//! * [`automatic`]: what an open view measures without being asked.
//! * [`consent`]: what the page may fetch without asking, and which hub gets which access token.
//! * [`engine_start`]: what may happen between the start of a worker and the first word of its engine.
//! * [`given_files`]: what a file is that the visitor drops on the page or picks.
//! * [`notices`]: sentences that the page shows until they are dismissed.
//! * [`pace`]: how fast something goes on, and how long it will take.
//! * [`run_results`]: what runs have found, and the one function that changes it.
//! * `page` (browser only): the Leptos page.

#![warn(missing_docs)]

pub mod automatic;
pub mod consent;
pub mod engine_start;
pub mod given_files;
pub mod notices;
pub mod pace;
#[cfg(target_arch = "wasm32")]
pub mod page;
pub mod run_results;
