//! What stands between page and tensors: a typed protocol and the session behind it.

#[cfg(feature = "engine")]
mod measure;
#[cfg(feature = "engine")]
pub mod session;
pub mod start;
#[cfg(feature = "engine")]
mod task_book;
#[cfg(feature = "engine")]
mod writing;

pub use prunescope_protocol::messages as protocol;
