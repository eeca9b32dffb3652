//! Downloads, and models kept on the visitor's device: all of the logic, independent of the browser.
//! [`Platform`] is what a browser provides: servers, a folder of files that one tab at a time may write, a clock. The
//! worker implements it; tests simulate broken connections, crashes, full disks, damage and several tabs.
//!
//! * [`server`]: requests, reading answers, retrying, resuming.
//! * [`record`]: the record of a kept file: a checksum of every chunk.
//! * [`kept`]: reading and writing a kept file.
//! * [`piece`]: one piece of a model: the kept part, then the rest from its server.
//! * `kept_models` (browser only): the folder of all kept models.
//! * [`order`]: which files a model has.
//! * [`load`]: passes all files, in order, to a loader; tries again if kept bytes were wrong.

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
