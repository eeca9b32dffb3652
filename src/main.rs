//! The page's entry point. Built for the browser by Trunk; see `make serve`.

#[cfg(target_arch = "wasm32")]
fn main() {
    prunescope::page::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!(
        "prunescope: this program is a web page; run `make serve`, or the engine on the command line, `cargo run --release -p prunescope-cli`"
    );
}
