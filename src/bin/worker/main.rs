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
unsafe extern "C" {
    /// Runs what must run before `main`, such as the registration of burn's kernels. Made by the linker.
    fn __wasm_call_ctors();
}

#[cfg(target_arch = "wasm32")]
fn main() {
    // SAFETY: nothing ran before. Because it is called here, the linker does not put a call in front of every exported
    // function, which cost a fifth of the engine's time.
    unsafe { __wasm_call_ctors() };
    serve::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("worker: this program runs in a browser; build the page with `make build`");
}
