//! Texts that a tokenizer refuses, and tokenizers that cannot be used.

use thiserror::Error;

use crate::gguf::GgufError;

/// Why a tokenizer could not be built or used.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TokenizerError {
    /// The metadata is missing something.
    #[error(transparent)]
    Metadata(#[from] GgufError),
    /// A kind of tokenizer that is not implemented.
    #[error("the tokenizer is of kind `{found}`, which is not supported: choose a model with one of {known}")]
    Kind {
        /// The kind in the file.
        found: String,
        /// What would work.
        known: String,
    },
    /// Vocabulary and merges that do not fit together.
    #[error("the model's tokenizer cannot be built ({why}): the file is corrupt; download it again")]
    Build {
        /// What the tokenizers crate says.
        why: String,
    },
    /// A text that cannot be encoded.
    #[error("the prompt cannot be split into tokens ({why}): change the prompt")]
    Encode {
        /// What the tokenizers crate says.
        why: String,
    },
}
