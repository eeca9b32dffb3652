//! Loads models from disk in native programs: a `.gguf` file, a manifest with its parts in the same folder, or a
//! folder.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::loader::{Limits, LoadedModel, ModelLoader};
use crate::compute::Compute;
use prunescope_formats::load_error::LoadError;
use prunescope_protocol::model::manifest::{Manifest, ManifestError};
use prunescope_protocol::model::repository::{Repository, RepositoryFile, SelectionError, WeightsError, select};

/// Bytes per read.
const CHUNK_BYTES: usize = 1 << 20;

/// Why a model cannot be loaded from disk.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{path} cannot be read ({why}): give the path of a .gguf file, or run `make model`")]
    Read {
        /// Its path.
        path: PathBuf,
        /// The operating system's error.
        why: io::Error,
    },
    /// The manifest cannot be used.
    #[error("{path} cannot be used: {why}")]
    Manifest {
        /// Its path.
        path: PathBuf,
        /// The reason.
        why: ManifestError,
    },
    /// A part's SHA-256 differs from the manifest's.
    #[error("{path} has another checksum than its manifest says, so it is damaged: delete it and run `make model`")]
    Checksum {
        /// Its path.
        path: PathBuf,
    },
    /// The folder has no model.
    #[error("{path} cannot be used: {why}")]
    Selection {
        /// Its path.
        path: PathBuf,
        /// The reason.
        why: SelectionError,
    },
    /// The folder lacks weight files.
    #[error("{path} cannot be used: {why}")]
    Weights {
        /// Its path.
        path: PathBuf,
        /// The reason.
        why: WeightsError,
    },
    /// The contents cannot be used.
    #[error("{path} cannot be used: {why}")]
    Load {
        /// Its path.
        path: PathBuf,
        /// The reason.
        why: LoadError,
    },
}

/// One model file, which may be split into parts on disk: each part's path, and its SHA-256 if known.
pub(crate) struct Pieces {
    /// The name of the first part, without folders.
    pub(crate) name: String,
    /// The size of all parts.
    pub(crate) bytes: u64,
    /// The parts, in order.
    pub(crate) paths: Vec<(PathBuf, Option<String>)>,
}

impl Pieces {
    /// The file at a path: a manifest with its parts beside it, or the file itself.
    fn at(path: &Path) -> Result<Self, FileError> {
        if path.extension().is_none_or(|extension| extension != "json") {
            return Self::new(vec![(path.into(), None)]);
        }
        let text = fs::read_to_string(path).map_err(|why| FileError::Read { path: path.into(), why })?;
        let manifest = Manifest::parse(&text).map_err(|why| FileError::Manifest { path: path.into(), why })?;
        let parts = manifest.parts.into_iter().map(|part| (path.with_file_name(part.file), part.sha256));
        Self::new(parts.collect())
    }

    fn new(paths: Vec<(PathBuf, Option<String>)>) -> Result<Self, FileError> {
        let mut bytes = 0;
        for (path, _) in &paths {
            bytes += fs::metadata(path).map_err(|why| FileError::Read { path: path.clone(), why })?.len();
        }
        let name = paths.first().and_then(|(path, _)| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        Ok(Self { name: name.unwrap_or_default(), bytes, paths })
    }
}

/// Loads a model onto a backend, from a `.gguf` file, a manifest (`.json`) with its parts, or a folder laid out like a
/// Hugging Face repository.
///
/// # Errors
/// [`FileError`], whose message names the file and what to do.
pub fn load<C: Compute>(path: &Path, compute: C) -> Result<LoadedModel<C>, FileError> {
    load_within(path, compute, Limits::default())
}

/// [`load`] for a device with known memory limits.
///
/// # Errors
/// As [`load`], or a model that exceeds the limits.
pub fn load_within<C: Compute>(path: &Path, compute: C, limits: Limits) -> Result<LoadedModel<C>, FileError> {
    let in_file = |why| FileError::Load { path: path.into(), why };
    let Opened { files, repository } = open(path)?;
    let mut loader = ModelLoader::new(files.len(), compute).within(limits);
    if let Some(repository) = repository {
        loader.describe(repository).map_err(in_file)?;
    }
    for file in &files {
        loader.begin_file(&file.name, file.bytes).map_err(in_file)?;
        push(&mut loader, file)?;
    }
    loader.finish().map_err(in_file)
}

/// A model's files.
pub(crate) struct Opened {
    /// The files of weights, in order.
    pub(crate) files: Vec<Pieces>,
    /// The texts that describe a model whose weights are in safetensors files.
    pub(crate) repository: Option<Repository>,
}

/// Finds a model's files.
pub(crate) fn open(path: &Path) -> Result<Opened, FileError> {
    if !path.is_dir() {
        return Ok(Opened { files: vec![Pieces::at(path)?], repository: None });
    }
    let read = |path: &Path| fs::read_to_string(path).map_err(|why| FileError::Read { path: path.into(), why });
    let mut repository = None;
    let listed = listing(path)?;
    let mut selection = select(&listed, None).map_err(|why| FileError::Selection { path: path.into(), why })?;
    if !selection.texts.is_empty() {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut texts = Repository { name, ..Repository::default() };
        for text in &selection.texts {
            texts.set(&text.path, read(&path.join(&text.path))?);
        }
        let weights = texts.weights(&listed, selection.weights);
        selection.weights = weights.map_err(|why| FileError::Weights { path: path.into(), why })?;
        repository = Some(texts);
    }
    let file = |file: &RepositoryFile| Pieces::new(vec![(path.join(&file.path), None)]);
    let files = selection.weights.iter().map(file).collect::<Result<Vec<_>, _>>()?;
    Ok(Opened { files, repository })
}

/// The entries of a folder in the form of a Hugging Face Hub file listing, sorted by name.
fn listing(path: &Path) -> Result<Vec<RepositoryFile>, FileError> {
    let failed = |why| FileError::Read { path: path.into(), why };
    let mut out = vec![];
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let bytes = entry.metadata().map_err(failed)?.len();
        out.push(RepositoryFile { path: entry.file_name().to_string_lossy().into_owned(), bytes, sha256: None });
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(out)
}

/// Streams a file into the loader and verifies the checksums of its parts.
fn push<C: Compute>(loader: &mut ModelLoader<C>, file: &Pieces) -> Result<(), FileError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    for (part, sha256) in &file.paths {
        let failed = |why| FileError::Read { path: part.clone(), why };
        let mut file = File::open(part).map_err(failed)?;
        let mut digest = Sha256::new();
        loop {
            let count = file.read(&mut chunk).map_err(failed)?;
            if count == 0 {
                break;
            }
            if sha256.is_some() {
                digest.update(&chunk[..count]);
            }
            loader.push(&chunk[..count]).map_err(|why| FileError::Load { path: part.clone(), why })?;
        }
        let sum = prunescope_protocol::model::manifest::hexadecimal(&digest.finalize());
        if sha256.as_ref().is_some_and(|wanted| *wanted != sum) {
            return Err(FileError::Checksum { path: part.clone() });
        }
    }
    Ok(())
}
