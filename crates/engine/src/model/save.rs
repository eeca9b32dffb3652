//! Saves a model without what a plan drops, as a GGUF file (`prunescope_formats::pruned_gguf`).

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::file::{FileError, Pieces};
use prunescope_formats::gguf::GgufError;
use prunescope_formats::pruned_gguf::{Piece, PrunedGguf, SaveError, pruned};
use prunescope_protocol::prune::PruningPlan;

/// Bytes of the file in which its header is looked for first; twice as many each time it is longer.
const HEADER_BYTES: u64 = 1 << 20;

/// Why a model cannot be saved.
#[derive(Debug, Error)]
pub enum SaveModelError {
    /// The model cannot be read.
    #[error(transparent)]
    Read(#[from] FileError),
    /// The plan cannot be saved.
    #[error(transparent)]
    Plan(#[from] SaveError),
    /// The model is not one GGUF file.
    #[error("{path} is a folder: save from one .gguf file, or a manifest with its parts")]
    Folder {
        /// Its path.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("{path} cannot be written: {why}")]
    Write {
        /// Its path.
        path: PathBuf,
        /// The operating system's error.
        why: io::Error,
    },
}

/// Saves the model without what the plan drops. Nothing is at the path until the file is whole.
///
/// * `model`: a `.gguf` file, or a manifest (`.json`) with its parts beside it.
///
/// # Errors
/// [`SaveModelError`].
pub fn save_pruned(model: &Path, plan: &PruningPlan, out: &Path) -> Result<PrunedGguf, SaveModelError> {
    let file = one_file(model)?;
    let planned = plan_file(&file, plan)?;
    let unfinished = out.with_extension("unfinished");
    let failed = |why| SaveModelError::Write { path: out.into(), why };
    let written = File::create(&unfinished).map_err(failed);
    let written = written.and_then(|to| write(&file, &planned, to, failed));
    let written = written.and_then(|()| fs::rename(&unfinished, out).map_err(failed));
    if written.is_err() {
        // What is left of it is of no use.
        let _ = fs::remove_file(&unfinished);
    }
    written.map(|()| planned)
}

/// Number of blocks of a model that can be saved.
///
/// * `model`: a `.gguf` file, or a manifest (`.json`) with its parts beside it.
///
/// # Errors
/// [`SaveModelError`].
pub fn layers(model: &Path) -> Result<usize, SaveModelError> {
    Ok(plan_file(&one_file(model)?, &PruningPlan::default())?.layers)
}

/// The model's file, whatever its number of parts.
fn one_file(model: &Path) -> Result<Pieces, SaveModelError> {
    if model.is_dir() { Err(SaveModelError::Folder { path: model.into() }) } else { Ok(Pieces::at(model)?) }
}

/// What to write, from as much of the file as its header takes.
fn plan_file(file: &Pieces, plan: &PruningPlan) -> Result<PrunedGguf, SaveModelError> {
    let mut bytes = HEADER_BYTES;
    loop {
        let mut header = vec![];
        read(file)?.take(bytes).read_to_end(&mut header).map_err(|why| unreadable(file, why))?;
        match pruned(&header, file.bytes, plan) {
            Err(SaveError::Header(GgufError::Truncated { .. })) if bytes < file.bytes => bytes *= 2,
            planned => return Ok(planned?),
        }
    }
}

/// The whole file, part after part.
fn read(file: &Pieces) -> Result<Box<dyn Read>, SaveModelError> {
    let mut all: Box<dyn Read> = Box::new(io::empty());
    for (path, _) in &file.paths {
        let part = File::open(path).map_err(|why| FileError::Read { path: path.clone(), why })?;
        all = Box::new(all.chain(part));
    }
    Ok(all)
}

fn unreadable(file: &Pieces, why: io::Error) -> SaveModelError {
    let path = file.paths.first().map(|(path, _)| path.clone()).unwrap_or_default();
    FileError::Read { path, why }.into()
}

fn write(
    file: &Pieces,
    planned: &PrunedGguf,
    to: File,
    failed: impl Fn(io::Error) -> SaveModelError,
) -> Result<(), SaveModelError> {
    let mut out = BufWriter::new(to);
    out.write_all(&planned.header).map_err(&failed)?;
    let (mut from, mut at) = (read(file)?, 0);
    for piece in &planned.pieces {
        match *piece {
            Piece::Zeros { bytes } => drop(io::copy(&mut io::repeat(0).take(bytes), &mut out).map_err(&failed)?),
            Piece::Copied { offset, bytes } => {
                let skipped = io::copy(&mut from.by_ref().take(offset - at), &mut io::sink());
                skipped.map_err(|why| unreadable(file, why))?;
                let copied = io::copy(&mut from.by_ref().take(bytes), &mut out).map_err(&failed)?;
                if copied < bytes {
                    return Err(unreadable(file, io::ErrorKind::UnexpectedEof.into()));
                }
                at = offset + bytes;
            }
        }
    }
    out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all()).map_err(failed)
}
