//! What can go wrong on the command line, as sentences.

use std::path::PathBuf;

use prunescope_engine::experiment::ExperimentError;
use prunescope_engine::model::file::FileError;
use thiserror::Error;

/// Why there is no result.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// An option that means nothing.
    #[error("{0}")]
    Option(String),
    /// A file that cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A set without a line that can be used.
    #[error("{} has no line that can be used", path.display())]
    EmptySet {
        /// The file.
        path: PathBuf,
    },
    /// The model cannot be loaded.
    #[error(transparent)]
    Load(#[from] FileError),
    /// The measurement failed.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// The results cannot be written.
    #[error("the results cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// No GPU can be opened.
    #[cfg(any(feature = "vulkan", feature = "webgpu"))]
    #[error("no GPU can be opened ({why}): use --backend cpu")]
    NoGpu {
        /// What the driver says.
        why: String,
    },
    /// The program was built for the CPU only.
    #[cfg(not(any(feature = "vulkan", feature = "webgpu")))]
    #[error("this build knows no GPU: build it with `cargo build --release -p prunescope-cli --features vulkan`")]
    BuiltWithoutGpu,
}
