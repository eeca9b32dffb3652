//! Downloads, and models kept on the visitor's device: everything that is decided about them, apart from the browser.
//!
//! [`Platform`] is what a browser gives: servers, a folder of files that one tab at a time may write, a clock. The worker gives
//! the real one; tests give a world of their own, with cuts, crashes, full disks, damage and several tabs.
//!
//! * [`server`]: requests, what an answer means, retries, going on where a connection ended.
//! * [`record`]: what stands beside a kept file: a checksum of every chunk.
//! * [`kept`]: a kept file, read and written.
//! * [`piece`]: one piece of a model: what is kept of it, then the rest from its server.
//! * `kept_models` (browser only): the folder of all that is kept.
//! * [`order`]: which files a model has.
//! * [`load`]: all of them, in order, into a loader; once more where kept bytes were wrong.

pub mod error;
#[cfg(test)]
mod fake;
pub mod headers;
pub mod kept;
#[cfg(target_arch = "wasm32")]
pub mod kept_models;
pub mod load;
pub mod names;
pub mod order;
pub mod piece;
pub mod platform;
pub mod record;
pub mod server;
pub mod words;
#[cfg(any(test, fuzzing))]
pub mod world;

pub use error::DownloadError;
pub use load::{Failure, Loader, load};
pub use platform::{Answer, File, Folder, Platform, Progress, Request, Snapshot};
