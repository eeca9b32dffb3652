//! Errors of the command line, as messages for the user.

use std::net::SocketAddr;
use std::path::PathBuf;

use prunescope_engine::experiment::ExperimentError;
use prunescope_engine::model::file::FileError;
use prunescope_engine::save::SaveModelError;
use prunescope_engine::session::ModelsDiffer;
use prunescope_protocol::prune::PlanFileError;
use prunescope_protocol::prune::recipe::RecipeError;
use thiserror::Error;

use crate::recipe_file::RecipeFileError;

/// Why the program failed.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// An option has an invalid value.
    #[error("{0}")]
    Option(String),
    /// A file cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        why: std::io::Error,
    },
    /// A file cannot be written.
    #[error("{} cannot be written: {why}", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// The system's error.
        why: std::io::Error,
    },
    /// A plan file cannot be used.
    #[error("{}: {why}", path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: PlanFileError,
    },
    /// A recipe cannot be used.
    #[error("{}: {why}", path.display())]
    RecipeFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: RecipeFileError,
    },
    /// A line of a list of plans is no plan.
    #[error("{}, line {line}: {why}", path.display())]
    PlanLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A list of plans is empty.
    #[error("{} names no plan: write one a line, such as m17,m16 or wanda-0.5_awq4-g64", path.display())]
    NoPlans {
        /// The file.
        path: PathBuf,
    },
    /// Plans are given in two ways.
    #[error(
        "--plans names the plans to compare: leave out --plan, --drop, --repair, --head, --sparse, --quant, --on and --layers"
    )]
    PlansTwice,
    /// A set of tasks has no usable line.
    #[error("{} has no line that can be used", path.display())]
    EmptySet {
        /// The file.
        path: PathBuf,
    },
    /// The model cannot be loaded.
    #[error(transparent)]
    Load(#[from] FileError),
    /// The model cannot be saved.
    #[error(transparent)]
    Save(#[from] SaveModelError),
    /// The second model cannot be compared with the first.
    #[error("{0}.")]
    Differ(#[from] ModelsDiffer),
    /// The measurement failed.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A plan has no recipe for a program.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The engine cannot be served.
    #[error("the engine cannot listen at {address} ({why}): choose another --host or --port")]
    NotServed {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        why: std::io::Error,
    },
    /// There is no site to serve.
    #[error("{} holds no index.html: build the site with make build, and give its folder dist", path.display())]
    NoSite {
        /// The folder.
        path: PathBuf,
    },
    /// No random token can be made.
    #[error("the system gives no random numbers ({why}): choose a --token")]
    NoToken {
        /// The system's error.
        why: String,
    },
    /// A measurement that is no sweep is to be divided.
    #[error("only a sweep is measured in shards: leave --shard out")]
    NotDivided,
    /// A file is no part of a sweep.
    #[error("{}, line {line}: it is no point of a sweep, as measure sweep --out writes it", path.display())]
    NoPart {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// Parts are of several sweeps.
    #[error("{} is of another sweep than the files before it (point {point} differs): merge parts with the same model and options", path.display())]
    OtherSweep {
        /// The file.
        path: PathBuf,
        /// The point's number.
        point: usize,
    },
    /// Parts are missing.
    #[error("the parts lack {missing}: measure the other shards, too, or the same again with their --out")]
    Incomplete {
        /// The numbers of the points; empty if there is none at all.
        missing: String,
    },
    /// The results cannot be written.
    #[error("the results cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// No GPU can be opened.
    #[cfg(any(feature = "vulkan", feature = "webgpu"))]
    #[error("no GPU can be opened ({why}): use --backend cpu")]
    NoGpu {
        /// The driver's message.
        why: String,
    },
    /// The program was built for the CPU only.
    #[cfg(not(any(feature = "vulkan", feature = "webgpu")))]
    #[error("this build knows no GPU: build it with `cargo build --release -p prunescope-cli --features vulkan`")]
    BuiltWithoutGpu,
}
