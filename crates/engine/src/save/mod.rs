//! Saves a pruned and repaired model, as a GGUF file or as a folder of safetensors (`prunescope_formats::saved`).
//!
//! A saving is first planned from the headers of the model's files, so that what cannot be saved is refused before anything is computed, and
//! then written: what the plan does not change is copied byte for byte.

mod numbers;
mod original;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::compute::Compute;
use crate::experiment::pruned_decoder::PrunedDecoder;
use crate::model::file::FileError;
use prunescope_formats::config::DecoderConfig;
use prunescope_formats::layout::Format;
use prunescope_formats::saved::{
    self, Content, Outline, SaveError, SavedFile, SavedTensor, Values, Writing, check_repairs, gguf, hub, safetensors,
};
use prunescope_formats::tokenizer::ModelTokenizer;
use prunescope_protocol::model::family::Family;
use prunescope_protocol::prune::PruningPlan;
use prunescope_quant::TensorType;

use numbers::Numbers;
use original::{Original, Source};
use write::Writer;

/// The metadata key of a GGUF file's chat template.
const TEMPLATE: &str = "tokenizer.chat_template";

/// Why a model cannot be saved.
#[derive(Debug, Error)]
pub enum SaveModelError {
    /// The model cannot be read.
    #[error(transparent)]
    Read(#[from] FileError),
    /// The plan cannot be saved.
    #[error(transparent)]
    Plan(#[from] SaveError),
    /// The model is in several GGUF files.
    #[error("{path} is in several GGUF files: join them with `llama-gguf-split --merge` first")]
    Split {
        /// Its path.
        path: PathBuf,
    },
    /// A model of safetensors is to be saved as GGUF.
    #[error("{path} holds safetensors, and they are saved as such: name a folder instead of a .gguf file")]
    NotAsGguf {
        /// The model's path.
        path: PathBuf,
    },
    /// There is something at the path already.
    #[error("{path} is there already: name another path, or remove it")]
    Occupied {
        /// The path.
        path: PathBuf,
    },
    /// The path to write is the model's own, or that of a folder with the model.
    #[error("{path} is the model itself, or holds it: name another path")]
    Itself {
        /// The path.
        path: PathBuf,
    },
    /// A number is too large for its type.
    #[error("{tensor} has the number {number}, which F16 cannot hold: save with --weights f32")]
    TooLarge {
        /// The tensor's name.
        tensor: String,
        /// The number.
        number: f32,
    },
    /// The device fails.
    #[error("the device failed: {0}")]
    Device(String),
    /// An impossible state.
    #[error("{what}: this is a fault of Prunescope; please report it")]
    Internal {
        /// What is wrong.
        what: &'static str,
    },
    /// The files cannot be written.
    #[error("{path} cannot be written: {why}")]
    Write {
        /// Their path.
        path: PathBuf,
        /// The operating system's error.
        why: io::Error,
    },
}

/// What was saved.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The saved model's blocks, and what they lack of the original.
    pub outline: Outline,
    /// Number of matrices with edited weights, by the type that they have now.
    pub edited: BTreeMap<&'static str, usize>,
    /// Whether a repair of the plan is left out, since it did not help on the tokens kept out of its fit.
    pub unrepaired: bool,
    /// Bytes of the model's files of weights, before and after.
    pub bytes: [u64; 2],
}

/// A model to save.
pub struct Saving {
    original: Original,
    plan: PruningPlan,
    weights: TensorType,
    out: PathBuf,
    format: Format,
}

/// What is written, from the headers of the original's files.
struct Planned {
    outline: Outline,
    tensors: Vec<SavedTensor>,
    file: SavedFile,
    /// Files beside the weights: their names and contents.
    texts: Vec<(String, Vec<u8>)>,
}

impl Saving {
    /// Plans to save a model.
    ///
    /// * `model`: a `.gguf` file, a manifest (`.json`) with its parts beside it, or a folder laid out like a Hugging Face repository.
    /// * `weights`: the type of matrices that are written anew, F16 or F32.
    /// * `out`: a `.gguf` file, or the folder for safetensors.
    ///
    /// # Errors
    /// [`SaveModelError`]: a model that cannot be read, or a plan that does not fold into its format.
    pub fn new(model: &Path, plan: &PruningPlan, weights: TensorType, out: &Path) -> Result<Self, SaveModelError> {
        let format = match out.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("gguf") => Format::Gguf,
            _ => Format::Safetensors,
        };
        // Without a slash at its end, behind which the unfinished model would be in the folder itself.
        let out: PathBuf = out.components().collect();
        let original = Original::open(model)?;
        for written in [out.clone(), write::unfinished(&out)] {
            if is_of_model(&written, model, &original) {
                return Err(SaveModelError::Itself { path: written });
            }
        }
        // A file is replaced; a folder, or a link to nothing where a folder is written, cannot be.
        if out.is_dir() || format == Format::Safetensors && out.symlink_metadata().is_ok() {
            return Err(SaveModelError::Occupied { path: out });
        }
        let saving = Self { original, plan: plan.clone(), weights, out, format };
        if format == Format::Gguf && saving.original.format() == Format::Safetensors {
            return Err(SaveModelError::NotAsGguf { path: model.into() });
        }
        saving.planned(plan)?;
        Ok(saving)
    }

    /// Whether the plan's decoder is needed, since it changes weights or repairs.
    pub fn computes(&self) -> bool {
        self.plan.edits_weights() || self.plan.repairs().is_some()
    }

    /// Writes the model. Nothing is at the path until it is whole.
    ///
    /// * `pruned`: the plan's decoder; needed if [`Self::computes`].
    ///
    /// # Errors
    /// [`SaveModelError`].
    pub async fn write<C: Compute>(&self, pruned: Option<&PrunedDecoder<C>>) -> Result<Saved, SaveModelError> {
        let plan = pruned.map_or_else(|| self.plan.clone(), |pruned| as_repaired(&self.plan, pruned));
        let planned = self.planned(&plan)?;
        let numbers = Numbers { original: &self.original, pruned, config: self.config()?, target: self.format };
        let bytes = Writer { saving: self, planned: &planned, numbers }.write().await?;
        let mut edited = BTreeMap::new();
        for tensor in &planned.tensors {
            if let Content::Computed { values: Values::Edited, tensor_type, .. } = &tensor.content {
                *edited.entry(tensor_type.name()).or_default() += 1;
            }
        }
        Ok(Saved {
            edited,
            outline: planned.outline,
            unrepaired: plan.repairs() != self.plan.repairs(),
            bytes: [self.original.bytes(), bytes],
        })
    }

    /// The decoder's configuration; `None` if the file's blocks are only left out or zeroed.
    fn config(&self) -> Result<Option<DecoderConfig>, SaveModelError> {
        let converts = self.format != self.original.format();
        match &self.original.source {
            Source::Gguf { .. } if !self.computes() && !converts => Ok(None),
            _ => Ok(Some(self.original.config()?)),
        }
    }

    /// What is written for a plan.
    fn planned(&self, plan: &PruningPlan) -> Result<Planned, SaveModelError> {
        let config = self.config()?;
        let architecture = self.original.architecture();
        let originals = &self.original.tensors;
        if let Some(config) = &config {
            check_repairs(plan, config, &architecture)?;
        }
        // A folder's configuration says of each layer whether it has a window.
        let is_uniform = match &self.original.source {
            Source::Gguf { gguf, .. } => gguf::is_uniform(gguf).map_err(SaveError::from)?,
            Source::Folder { .. } => true,
        };
        let outline = Outline::of(plan, self.original.layers()?, is_uniform)?;
        let is_llama = config.as_ref().is_some_and(|config| config.family == Family::Llama);
        let writing = Writing {
            outline: &outline,
            plan,
            format: self.original.format(),
            config: config.as_ref(),
            architecture: &architecture,
            weights: self.weights,
            vectors: if self.format == Format::Gguf { TensorType::F32 } else { self.weights },
            biases_everywhere: self.format == Format::Safetensors && is_llama,
        };
        let tensors = saved::tensors(originals, &writing)?;
        match (&self.original.source, config) {
            (Source::Gguf { gguf, .. }, Some(config)) if self.format == Format::Safetensors => {
                hub::check(&config, &architecture, originals)?;
                let tensors = hub::converted(tensors, originals, &config, self.weights);
                let tokenizer = ModelTokenizer::from_gguf(gguf).map_err(SaveError::from)?;
                let mut texts = tokenizer.hub_files(gguf.get(TEMPLATE).ok().flatten()).map_err(SaveError::from)?;
                texts.push(("config.json", hub::config_of(&config, &tensors, &outline, &tokenizer.stop)));
                let texts = texts.into_iter().map(|(name, text)| (name.to_string(), text.into_bytes())).collect();
                let file = safetensors::saved(originals, &tensors);
                Ok(Planned { outline, tensors, file, texts })
            }
            (Source::Gguf { header, gguf, .. }, _) => {
                let file = gguf::saved(header, gguf, &outline, originals, &tensors)?;
                Ok(Planned { outline, tensors, file, texts: vec![] })
            }
            (Source::Folder { path, texts, .. }, config) => {
                let mut beside = original::texts_beside(path)?;
                if let Some(config) = config {
                    let text = hub::edited_config(&texts.config, &config, &outline, originals, &tensors)?;
                    beside.push(("config.json".into(), text.into_bytes()));
                }
                let file = safetensors::saved(originals, &tensors);
                Ok(Planned { outline, tensors, file, texts: beside })
            }
        }
    }
}

/// Number of blocks of a model that can be saved.
///
/// * `model`: as in [`Saving::new`].
///
/// # Errors
/// [`SaveModelError`], if it cannot be read.
pub fn layers(model: &Path) -> Result<usize, SaveModelError> {
    Original::open(model)?.layers()
}

/// Whether a path that is written is that of a model or of one of its files, or holds one; symbolic links are followed.
fn is_of_model(written: &Path, model: &Path, original: &Original) -> bool {
    let Ok(written) = written.canonicalize() else { return false };
    let mut paths = original.paths().chain([model]).filter_map(|path| path.canonicalize().ok());
    paths.any(|path| path.starts_with(&written))
}

/// A plan without those of its repairs that a decoder does not have, since they did not help.
fn as_repaired<C: Compute>(plan: &PruningPlan, pruned: &PrunedDecoder<C>) -> PruningPlan {
    let has_any = plan.drop.dropped().any(|at| pruned.replacements.get(at).is_some());
    let head = pruned.replacements.head();
    PruningPlan {
        repair: plan.repair.filter(|_| has_any),
        head: plan.head.filter(|_| head.temperature != 1.0 || head.bias.is_some()),
        ..plan.clone()
    }
}
