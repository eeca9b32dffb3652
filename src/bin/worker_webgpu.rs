//! The engine in a web worker, on WebGPU or the CPU: see `prunescope::worker`.

#[cfg(target_arch = "wasm32")]
fn main() {
    prunescope::worker::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("worker_webgpu: this program runs in a browser; build the page with `make build`");
}
