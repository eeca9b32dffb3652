//! The engine in a web worker, on WebGPU: see `prunescope_worker`.

#[cfg(target_arch = "wasm32")]
fn main() {
    prunescope_worker::start::<prunescope_worker::Gpu>();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("worker_webgpu: this program runs in a browser; build the page with `make build`");
}
