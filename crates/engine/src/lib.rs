//! The engine: loads a language model, prunes it by a plan, and measures what that changes. Plain Rust on burn; knows
//! no browser.
//!
//! From the bottom up: [`compute`] the backends, [`model`] a decoder and its loader, [`prune`] the methods on plain
//! numbers, [`metrics`] what compares two models' numbers, [`experiment`] the paper's measurements, [`session`] a
//! loaded model and what is known of the current prompt.

#![warn(missing_docs)]

mod cached;
pub mod compute;
mod evaluation_cache;
pub mod experiment;
mod measure;
pub mod metrics;
pub mod model;
pub mod prune;
pub mod session;
mod writing;
