//! The engine in a web worker, on the CPU: see `prunescope_worker`.

#[cfg(target_arch = "wasm32")]
fn main() {
    prunescope_worker::start::<prunescope_worker::Cpu>();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("worker: this program runs in a browser; build the page with `make build`");
}
