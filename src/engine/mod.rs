//! What stands between page and tensors: a typed protocol and the session behind it.

pub mod protocol;
pub mod session;
#[cfg(target_arch = "wasm32")]
pub mod client;
