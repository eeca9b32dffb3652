//! What several tests need: models from disk and an engine session on the CPU.

// Each test program uses a part of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use prunescope::engine::protocol::Backend;
use prunescope::engine::session::Session;
use prunescope::model::Storage;
use prunescope::model::file::load;

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The default model, put there by `make model`.
pub fn default_model() -> PathBuf {
    root().join("public/models/SmolLM2-135M-Instruct.Q4_1.json")
}

/// The tiny random model, kept in the repository.
pub fn tiny_model() -> PathBuf {
    root().join("tests/fixtures/tiny.gguf")
}

/// Whatever GPU there is, opened once for all tests of a program.
#[cfg(feature = "gpu")]
pub fn gpu() -> Device {
    static GPU: std::sync::LazyLock<Device> =
        std::sync::LazyLock::new(|| Device::wgpu_options().init().expect("a GPU"));
    GPU.clone()
}

/// A session on the CPU.
pub fn session(path: &Path) -> Session {
    let model = load(path, &Device::flex(), Storage::Packed).unwrap_or_else(|error| panic!("{error}"));
    Session::new(model, "", Backend::Cpu, || 0.0)
}
