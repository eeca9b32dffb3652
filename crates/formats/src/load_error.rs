//! Why a model could not be loaded, as messages for the person who chose it.

use prunescope_protocol::model::family::Family;
use prunescope_protocol::model::repository::DescriptionError;
use thiserror::Error;

use super::gguf::GgufError;
use super::safetensors::SafetensorsError;
use super::tokenizer::error::TokenizerError;
use prunescope_quant::TensorType;

/// Why a model could not be loaded.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum LoadError {
    /// The GGUF header is wrong.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The tokenizer cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The safetensors header is wrong.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// A text file of the repository cannot be used.
    #[error(transparent)]
    Repository(#[from] DescriptionError),
    /// The architecture is not supported.
    #[error(
        "the model's architecture is `{found}`, which is not supported: choose a model of one of the architectures {known}"
    )]
    Architecture {
        /// The name in the file.
        found: String,
        /// The supported ones.
        known: String,
    },
    /// The architecture is supported, but the model uses a feature that is not.
    #[error("the model uses {what}, which is not supported yet: choose another model")]
    Unsupported {
        /// The feature.
        what: String,
    },
    /// The file is not a language model.
    #[error("this is {what}, not a language model that writes: choose one that is")]
    NotALanguageModel {
        /// What it is.
        what: String,
    },
    /// The checkpoint's weights are quantized by a method that is not supported.
    #[error(
        "the checkpoint's weights are quantized by {method} (`quantization_config` in config.json), which is not read: choose the model that it was made from, or a GGUF file of it"
    )]
    Quantized {
        /// The method's name.
        method: String,
    },
    /// A required tensor is missing.
    #[error(
        "tensor `{tensor}`, which every model of its architecture has, is missing: the files are not all there, or were written by a program that names tensors otherwise (they have names such as `{example}`)"
    )]
    MissingTensor {
        /// The tensor's name in GGUF.
        tensor: String,
        /// A name that the files have.
        example: String,
    },
    /// The file has no tensors.
    #[error("the file has no weights, only a vocabulary: choose a whole model")]
    NoTensors,
    /// The head is missing, and the embedding does not replace it.
    #[error(
        "tensor `{tensor}`, the head that predicts the next token, is missing, and the embedding does not stand in for it: this is the base of a model; choose a whole one"
    )]
    NoHead {
        /// The tensor's name in the file.
        tensor: &'static str,
    },
    /// A needed tensor is stored in an unsupported type.
    #[error(
        "tensor `{tensor}` is stored as {found}, which is not read: choose a file with tensors of types {}",
        TensorType::names()
    )]
    TensorType {
        /// The tensor's name.
        tensor: String,
        /// The type's name.
        found: String,
    },
    /// A tensor that a model of this architecture and configuration does not have.
    #[error(
        "tensor `{tensor}` is none that a model of its architecture has, so that the file's architecture is another than it says: choose another file"
    )]
    NotItsOwn {
        /// The tensor's name.
        tensor: String,
    },
    /// Two tensors have the same name.
    #[error(
        "tensor `{tensor}` comes twice, the second time in {file}, and nothing says which is right: remove the stale file"
    )]
    Twice {
        /// The tensor's name in GGUF.
        tensor: String,
        /// The file of the second one.
        file: String,
    },
    /// A tensor has another shape than the configuration implies.
    #[error(
        "tensor `{tensor}` has shape {found:?} where the model's configuration promises {wanted:?}: the file is corrupt"
    )]
    Shape {
        /// The tensor's name.
        tensor: String,
        /// Dimensions in the file, outermost first.
        found: Vec<u64>,
        /// Rows and columns implied by the configuration.
        wanted: Vec<u64>,
    },
    /// Some files of a split model were not given.
    #[error("the model is split over {wanted} files, and {got} were given: give all of them")]
    Split {
        /// Files given.
        got: usize,
        /// Files of the model.
        wanted: usize,
    },
    /// The model needs more memory than there is.
    #[error("the model takes {} MB as it is stored, and this tab can hold {} MB{}", needs / 1_000_000, limit / 1_000_000, in_eight_bits(*rounded))]
    TooBig {
        /// Bytes that it needs.
        needs: u64,
        /// Bytes that are available.
        limit: u64,
        /// Bytes that it needs with floats rounded to 8 bits, if that fits.
        rounded: Option<u64>,
    },
    /// The memory for a tensor cannot be allocated.
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
    /// A safetensors file was given without its `config.json` and `tokenizer.json`.
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

/// The end of the message for a model that is too big: what to do.
fn in_eight_bits(rounded: Option<u64>) -> String {
    match rounded {
        Some(bytes) => format!("; with its weights rounded to 8 bits it would take {} MB", bytes / 1_000_000),
        None => ": choose a smaller model, or one that is quantized".into(),
    }
}

impl LoadError {
    /// The error for an unsupported architecture.
    pub fn architecture(found: &str) -> Self {
        Self::Architecture { found: found.into(), known: Family::known() }
    }

    /// Whether damaged bytes could be the cause, so that downloading again may help. The other errors are about the
    /// device or the choice of the model.
    pub fn may_be_damage(&self) -> bool {
        !matches!(
            self,
            Self::TooBig { .. }
                | Self::Memory { .. }
                | Self::Split { .. }
                | Self::Undescribed
                | Self::NotALanguageModel { .. }
                | Self::Quantized { .. }
                | Self::NoHead { .. }
        )
    }
}
