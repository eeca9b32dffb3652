//! Why a model could not be loaded, in words for whoever gave the file.

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
    /// The file's structure.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The tokenizer in the file.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The header of a safetensors file.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// A text of the repository that cannot be used.
    #[error(transparent)]
    Repository(#[from] DescriptionError),
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
    /// Something else than a language model.
    #[error("this is {what}, not a language model that writes: choose one that is")]
    NotALanguageModel {
        /// What it is.
        what: String,
    },
    /// A checkpoint whose weights are stored by a method of quantization that is not read.
    #[error(
        "the checkpoint's weights are quantized by {method} (`quantization_config` in config.json), which is not read: choose the model that it was made from, or a GGUF file of it"
    )]
    Quantized {
        /// The method's name.
        method: String,
    },
    /// A tensor that is needed and missing.
    #[error(
        "tensor `{tensor}`, which every model of its architecture has, is missing: the files are not all there, or were written by a program that names tensors otherwise (they have names such as `{example}`)"
    )]
    MissingTensor {
        /// The tensor's name in GGUF.
        tensor: String,
        /// A name that the files have.
        example: String,
    },
    /// Only a header.
    #[error("the file has no weights, only a vocabulary: choose a whole model")]
    NoTensors,
    /// A model without a head.
    #[error(
        "tensor `{tensor}`, the head that predicts the next token, is missing, and the embedding does not stand in for it: this is the base of a model; choose a whole one"
    )]
    NoHead {
        /// The tensor's name in the file.
        tensor: &'static str,
    },
    /// A tensor that is needed and stored in a type that is not read.
    #[error(
        "tensor `{tensor}` is stored as {found}, which is not read: choose a file with tensors of types {}",
        TensorType::names()
    )]
    TensorType {
        /// The tensor's name.
        tensor: String,
        /// The type.
        found: String,
    },
    /// A tensor of another architecture.
    #[error(
        "tensor `{tensor}` is none that a model of its architecture has, so that the file's architecture is another than it says: choose another file"
    )]
    NotItsOwn {
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor that comes twice.
    #[error(
        "tensor `{tensor}` comes twice, the second time in {file}, and nothing says which is right: remove the stale file"
    )]
    Twice {
        /// The tensor's name in GGUF.
        tensor: String,
        /// The file of the second.
        file: String,
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

    /// Whether damaged bytes may be why, so that downloading them anew may help. The others say something of the device, or of what
    /// was chosen.
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
