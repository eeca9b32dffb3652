//! Why a model could not be loaded, in words for whoever gave the file.

use thiserror::Error;

use super::chat::ChatError;
use super::gguf::GgufError;
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
    /// An architecture that is not implemented.
    #[error(
        "the model's architecture is `{found}`, which is not supported yet: choose a model of architecture {known}"
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
    /// The bytes ended early.
    #[error("the file ended after {got} of {wanted} bytes: it is truncated; download it again")]
    Ended {
        /// Bytes received.
        got: u64,
        /// Bytes the file should have.
        wanted: u64,
    },
}
