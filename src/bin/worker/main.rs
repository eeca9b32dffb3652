//! The engine's home in the browser: a dedicated worker that runs a [`prunescope::engine::session::Session`].
//!
//! Messages are JSON texts: [`prunescope::engine::protocol::Request`] in, [`prunescope::engine::protocol::Event`] out.

#[cfg(target_arch = "wasm32")]
mod device;
#[cfg(target_arch = "wasm32")]
mod download;
#[cfg(target_arch = "wasm32")]
mod serve;

#[cfg(target_arch = "wasm32")]
fn main() {
    serve::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("worker: this program runs in a browser; build the page with `make build`");
}
