//! What stands between page and tensors: a typed protocol and the session behind it.

pub mod protocol;
pub mod session;

