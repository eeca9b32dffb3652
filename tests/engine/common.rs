//! Shared helpers: models from disk, and sessions on the CPU or a GPU.

use std::collections::BTreeMap;
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

/// A file of the reference program, made by `make reference`.
pub(crate) fn reference(name: &str, extension: &str) -> Vec<u8> {
    let path = root().join("target/reference").join(name).with_extension(extension);
    std::fs::read(path).expect("run `make reference` first")
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

/// The largest errors a test has found, by kind, printed when the test ends (to see them: `-- --nocapture`).
///
/// A tolerance is some three times the largest error measured, so that what grows is noticed.
pub(crate) struct Errors {
    test: String,
    /// The largest error and the tolerance of each kind.
    largest: BTreeMap<&'static str, (f64, f64)>,
}

impl Errors {
    pub(crate) fn new(test: impl Into<String>) -> Self {
        Self { test: test.into(), largest: BTreeMap::new() }
    }

    /// Whether an error is within its tolerance; NaN is not.
    ///
    /// The error says by how much it is not.
    pub(crate) fn within(&mut self, kind: &'static str, error: f64, tolerance: f64) -> Result<(), String> {
        let (largest, _) = self.largest.entry(kind).or_insert((0.0, tolerance));
        *largest = largest.max(error);
        if error <= tolerance {
            Ok(())
        } else {
            Err(format!("{kind} is off by {error:.2e}, more than {tolerance:.0e}"))
        }
    }

    /// Fails where an error is not within its tolerance.
    pub(crate) fn check(&mut self, kind: &'static str, error: f64, tolerance: f64, place: &str) {
        self.within(kind, error, tolerance).unwrap_or_else(|off| panic!("{place}: {off}"));
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        for (kind, (error, tolerance)) in &self.largest {
            println!("{}: {kind} off by {error:.1e} at most, {tolerance:.0e} allowed", self.test);
        }
    }
}
