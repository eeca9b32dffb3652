//! Models from files on disk, for native programs: a `.gguf` file, or a manifest with its parts beside it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::linear::Storage;
use super::load_error::LoadError;
use super::loader::{LoadedModel, ModelLoader};
use super::manifest::{Manifest, ManifestError};

/// Bytes read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// A model file that cannot be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{path} cannot be read ({why}): give the path of a .gguf file, or run `make model`")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The manifest cannot be used.
    #[error("{path} cannot be used: {why}")]
    Manifest {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: ManifestError,
    },
    /// A part is not what the manifest says.
    #[error("{path} has another checksum than its manifest says, so it is damaged: delete it and run `make model`")]
    Checksum {
        /// Which.
        path: PathBuf,
    },
    /// What is in the file cannot be used.
    #[error("{path} cannot be used: {why}")]
    Load {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: LoadError,
    },
}

/// Loads a model onto a device.
///
/// # Errors
/// [`FileError`], as a sentence that names the file and what to do.
pub fn load(path: &Path, device: &Device, storage: Storage) -> Result<LoadedModel, FileError> {
    let parts: Vec<(PathBuf, Option<String>)> = if path.extension().is_some_and(|extension| extension == "json") {
        let text = fs::read_to_string(path).map_err(|why| FileError::Read { path: path.into(), why })?;
        let manifest = Manifest::parse(&text).map_err(|why| FileError::Manifest { path: path.into(), why })?;
        manifest.parts.into_iter().map(|part| (path.with_file_name(part.file), part.sha256)).collect()
    } else {
        vec![(path.into(), None)]
    };
    let mut total = 0;
    for (part, _) in &parts {
        total += fs::metadata(part).map_err(|why| FileError::Read { path: part.clone(), why })?.len();
    }
    let in_file = |path: &Path| {
        let path = path.to_path_buf();
        move |why| FileError::Load { path, why }
    };
    let mut loader = ModelLoader::new(total, device, storage);
    let mut chunk = vec![0; CHUNK_BYTES];
    for (part, sha256) in &parts {
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
            loader.push(&chunk[..count]).map_err(in_file(part))?;
        }
        let sum = super::manifest::hexadecimal(&digest.finalize());
        if sha256.as_ref().is_some_and(|wanted| *wanted != sum) {
            return Err(FileError::Checksum { path: part.clone() });
        }
    }
    loader.finish().map_err(in_file(path))
}
