//! Shared helpers: models from disk, and sessions on the CPU or a GPU.

use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use prunescope_engine::compute::Cpu;
#[cfg(feature = "gpu")]
use prunescope_engine::compute::Gpu;
use prunescope_engine::model::file::load;
use prunescope_engine::session::Session;

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The default model, fetched by `make model`.
pub(crate) fn default_model() -> PathBuf {
    root().join("public/models/SmolLM2-135M-Instruct.Q4_1.json")
}

/// The tiny random model, which is in the repository.
pub(crate) fn tiny_model() -> PathBuf {
    root().join("tests/fixtures/tiny.gguf")
}

/// The machine's GPU, opened once for all tests of the program.
#[cfg(feature = "gpu")]
pub(crate) fn gpu() -> Gpu {
    static GPU: std::sync::LazyLock<Gpu> =
        std::sync::LazyLock::new(|| Gpu::new(burn::tensor::Device::wgpu_options().init().expect("a GPU")));
    GPU.clone()
}

/// A session on the CPU with the model at a path.
pub(crate) fn session(path: &Path) -> Session<Cpu> {
    let model = load(path, Cpu).unwrap_or_else(|error| panic!("{error}"));
    Session::new(model, "", || 0.0)
}

/// A session on the GPU with the model at a path.
#[cfg(feature = "gpu")]
pub(crate) fn gpu_session(path: &Path) -> Session<Gpu> {
    let model = load(path, gpu()).unwrap_or_else(|error| panic!("{error}"));
    Session::new(model, "", || 0.0)
}

/// A tensor's values, row by row.
pub(crate) fn values(x: Tensor<2>) -> Vec<f32> {
    x.into_data().try_into_vec_as().unwrap()
}

/// ‖found − wanted‖ / ‖wanted‖.
pub(crate) fn relative_error(found: &[f32], wanted: &[f32]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let square = |x: f32| f64::from(x) * f64::from(x);
    let difference: f64 = found.iter().zip(wanted).map(|(a, b)| square(a - b)).sum();
    (difference / wanted.iter().map(|x| square(*x)).sum::<f64>()).sqrt()
}
