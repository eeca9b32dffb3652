//! Errors of building or using a tokenizer.

use thiserror::Error;

use crate::gguf::GgufError;

/// Why a tokenizer could not be built or used.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TokenizerError {
    /// The metadata is missing or has the wrong type.
    #[error(transparent)]
    Metadata(#[from] GgufError),
    /// The kind of tokenizer is not supported.
    #[error("the tokenizer is of kind `{found}`, which is not supported: choose a model with one of {known}")]
    Kind {
        /// The kind in the file.
        found: String,
        /// The supported ones.
        known: String,
    },
    /// Vocabulary and merges do not fit together.
    #[error("the model's tokenizer cannot be built ({why}): the file is corrupt; download it again")]
    Build {
        /// The message of the tokenizers crate.
        why: String,
    },
    /// A text cannot be encoded.
    #[error("the prompt cannot be split into tokens ({why}): change the prompt")]
    Encode {
        /// The message of the tokenizers crate.
        why: String,
    },
    /// The tokenizer cannot be written as a `tokenizer.json`.
    #[error("the model's tokenizer cannot be written as a tokenizer.json ({why}): save the model as .gguf")]
    Write {
        /// The message of the tokenizers crate.
        why: String,
    },
}
