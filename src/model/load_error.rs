//! Why a model could not be loaded, in words for whoever gave the file.

use thiserror::Error;

use super::chat::ChatError;
use super::family::Family;
use super::gguf::GgufError;
use super::safetensors::SafetensorsError;
use super::tokenizer::TokenizerError;

/// Why a model could not be loaded.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum LoadError {
    /// The file's structure.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The tokenizer in the file.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The chat template in the file.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The header of a safetensors file.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// A file of a repository that cannot be used.
    #[error("the repository's {file} cannot be used ({why}): choose another revision or another model")]
    Repository {
        /// Which file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// An architecture that is not implemented.
    #[error(
        "the model's architecture is `{found}`, which is not supported: choose a model of one of the architectures {known}"
    )]
    Architecture {
        /// The name in the file.
        found: String,
        /// What would work.
        known: String,
    },
    /// A known architecture with a feature that is not implemented.
    #[error("the model uses {what}, which is not supported yet: choose another model")]
    Unsupported {
        /// The feature.
        what: String,
    },
    /// A tensor that is needed and missing.
    #[error("tensor `{tensor}` is missing: this is not a whole model of its architecture; get all of its files")]
    MissingTensor {
        /// The tensor's name in GGUF.
        tensor: String,
    },
    /// A tensor with other dimensions than the configuration promises.
    #[error(
        "tensor `{tensor}` has shape {found:?} where the model's configuration promises {wanted:?}: the file is corrupt"
    )]
    Shape {
        /// The tensor's name.
        tensor: String,
        /// Dimensions in the file, outermost first.
        found: Vec<u64>,
        /// Rows and columns by the configuration.
        wanted: Vec<u64>,
    },
    /// A model in several files of which not all were given.
    #[error("the model is split over {wanted} files, and {got} were given: give all of them")]
    Split {
        /// Files given.
        got: usize,
        /// Files of the model.
        wanted: usize,
    },
    /// More than the device can hold.
    #[error("the model takes {} MB as it is stored, and this tab can hold {} MB{}", needs / 1_000_000, limit / 1_000_000, in_eight_bits(*rounded))]
    TooBig {
        /// Bytes that it takes.
        needs: u64,
        /// Bytes that there may be.
        limit: u64,
        /// Bytes that it takes with floats rounded to 8 bits, where that fits.
        rounded: Option<u64>,
    },
    /// A tensor that there is no memory for.
    #[error(
        "tensor `{tensor}` takes {} MB as it is stored, more than this tab has room for at once: choose a smaller model, or one that is quantized",
        bytes / 1_000_000
    )]
    Memory {
        /// Its name.
        tensor: String,
        /// Its bytes in the file.
        bytes: u64,
    },
    /// A safetensors file without what describes it.
    #[error(
        "a .safetensors file holds weights only: give its repository, or drop config.json and tokenizer.json together with it"
    )]
    Undescribed,
    /// The bytes ended early.
    #[error("the file ended after {got} of {wanted} bytes: it is truncated; download it again")]
    Ended {
        /// Bytes received.
        got: u64,
        /// Bytes the file should have.
        wanted: u64,
    },
}

/// What to do about a model that is too big.
fn in_eight_bits(rounded: Option<u64>) -> String {
    match rounded {
        Some(bytes) => format!("; with its weights rounded to 8 bits it would take {} MB", bytes / 1_000_000),
        None => ": choose a smaller model, or one that is quantized".into(),
    }
}

impl LoadError {
    /// An architecture that is not known.
    pub fn architecture(found: &str) -> Self {
        Self::Architecture { found: found.into(), known: Family::known() }
    }
}
