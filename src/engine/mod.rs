//! What stands between page and tensors: a typed protocol and the session behind it.

pub mod protocol;
#[cfg(feature = "engine")]
pub mod session;
