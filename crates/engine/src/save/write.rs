//! Writes a planned model: everything under another name first, so that nothing is at the path until it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use prunescope_formats::layout::Format;
use prunescope_formats::saved::{Content, SavedTensor};
use prunescope_quant::TensorType;

use super::numbers::Numbers;
use super::{Planned, SaveModelError, Saving};
use crate::compute::Compute;

/// What is written, and where to.
pub(super) struct Writer<'a, C: Compute> {
    pub saving: &'a Saving,
    pub planned: &'a Planned,
    pub numbers: Numbers<'a, C>,
}

/// The path of a model until it is whole.
pub(super) fn unfinished(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

/// Removes a file, a link or a whole folder, if there is one.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(why) => Err(why),
    };
    removed.or_else(|why| if why.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(why) })
}

impl<C: Compute> Writer<'_, C> {
    /// Writes the files; returns the bytes of the one with the weights.
    pub(super) async fn write(&self) -> Result<u64, SaveModelError> {
        let out = &self.saving.out;
        let unfinished = unfinished(out);
        // What a killed run has left would be part of this model.
        remove(&unfinished).map_err(|why| SaveModelError::Write { path: unfinished.clone(), why })?;
        let written = self.write_at(&unfinished).await;
        let written =
            written.and_then(|bytes| fs::rename(&unfinished, out).map(|()| bytes).map_err(|why| self.failed(why)));
        if written.is_err() {
            // What is left of it is of no use.
            let _ = remove(&unfinished);
        }
        written
    }

    /// What could not be written is told by the path that was asked for.
    fn failed(&self, why: io::Error) -> SaveModelError {
        SaveModelError::Write { path: self.saving.out.clone(), why }
    }

    async fn write_at(&self, path: &Path) -> Result<u64, SaveModelError> {
        if self.saving.format == Format::Gguf {
            return self.weights(path).await;
        }
        fs::create_dir_all(path).map_err(|why| self.failed(why))?;
        for (name, text) in &self.planned.texts {
            fs::write(path.join(name), text).map_err(|why| self.failed(why))?;
        }
        self.weights(&path.join("model.safetensors")).await
    }

    /// Writes the file with the weights; returns its bytes.
    async fn weights(&self, path: &Path) -> Result<u64, SaveModelError> {
        let failed = |why| self.failed(why);
        let (original, planned) = (&self.saving.original, self.planned);
        let mut out = BufWriter::new(File::create(path).map_err(failed)?);
        out.write_all(&planned.file.header).map_err(failed)?;
        let mut at = 0u64;
        for tensor in &planned.tensors {
            let bytes = tensor.bytes(&original.tensors);
            match &tensor.content {
                Content::Copied => original.copy(&original.tensors[tensor.original], &mut out, failed)?,
                Content::Zeros => zeros(&mut out, bytes).map_err(failed)?,
                Content::Computed { values, tensor_type, .. } => {
                    let count = bytes / tensor_type.block_bytes();
                    let values = self.numbers.of(tensor, *values, count as usize).await?;
                    out.write_all(&encoded(tensor, &values, *tensor_type)?).map_err(failed)?;
                }
            }
            at += bytes;
            let padding = at.next_multiple_of(planned.file.alignment) - at;
            zeros(&mut out, padding).map_err(failed)?;
            at += padding;
        }
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        Ok(planned.file.header.len() as u64 + at)
    }
}

fn zeros(out: &mut impl Write, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), bytes), out).map(drop)
}

/// Numbers in a float type, rounded to the nearest.
fn encoded(tensor: &SavedTensor, values: &[f32], tensor_type: TensorType) -> Result<Vec<u8>, SaveModelError> {
    Ok(match tensor_type {
        TensorType::F16 => {
            let is_lost = |value: &&f32| value.is_finite() && f16::from_f32(**value).is_infinite();
            if let Some(number) = values.iter().find(is_lost) {
                return Err(SaveModelError::TooLarge { tensor: tensor.name.clone(), number: *number });
            }
            values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect()
        }
        TensorType::BF16 => values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    })
}
