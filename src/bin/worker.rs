//! The engine in a web worker, on the CPU only: see `prunescope::worker`.

#[cfg(target_arch = "wasm32")]
fn main() {
    prunescope::worker::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("worker: this program runs in a browser; build the page with `make build`");
}
