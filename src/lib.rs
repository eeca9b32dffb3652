//! Prunescope's page: prune a small language model by hand and see where the signal is lost. Never touches a tensor.
//!
//! Decisions that need no browser are plain Rust, tested natively:
//!
//! * [`attached_engine`]: which engines outside the browser a link may name.
//! * [`automatic`]: the measurement that an open view starts by itself.
//! * [`consent`]: what the page may fetch without asking, and which hub gets which access token.
//! * [`engine_start`]: how long the page waits for a worker to start, and what it says when one does not.
//! * [`explained`]: words that the page explains, and experiments to try.
//! * [`given_files`]: recognises files that the visitor drops on the page or picks.
//! * [`notices`]: sentences that the page shows until they are dismissed.
//! * [`pace`]: speed of downloads and sweeps, and the time they still need.
//! * [`presentation`]: how a link asks the page to present itself: its parts, colours and task.
//! * [`run_results`]: the results of runs, and the one function that changes them.
//! * [`session_file`]: what the page showed, as one HTML file that it opens again.
//! * [`shared_figure`]: the texts with which another page shows this one.
//! * [`story`]: the chapters that lead through the page.
//! * `page` (browser only): the Leptos page.

#![warn(missing_docs)]

pub mod attached_engine;
pub mod automatic;
pub mod consent;
pub mod engine_start;
pub mod explained;
pub mod given_files;
pub mod notices;
pub mod pace;
#[cfg(target_arch = "wasm32")]
pub mod page;
pub mod presentation;
pub mod run_results;
pub mod session_file;
pub mod shared_figure;
pub mod story;
