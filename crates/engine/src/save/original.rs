//! The files of the model that is saved.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::SaveModelError;
use crate::model::file::{FileError, Opened, Pieces, open};
use prunescope_formats::config::{self, DecoderConfig};
use prunescope_formats::gguf::{Gguf, GgufError};
use prunescope_formats::layout::Format;
use prunescope_formats::load_error::LoadError;
use prunescope_formats::safetensors::{self, SafetensorsError};
use prunescope_formats::saved::{self, OriginalTensor, SaveError};
use prunescope_formats::tensor::TensorInfo;
use prunescope_protocol::model::repository::Repository;

/// Bytes of a file in which its header is looked for first; twice as many each time it is longer.
const HEADER_BYTES: u64 = 1 << 20;
/// Files that are copied beside safetensors, if they are there: what tokenizers and text generation need.
const BESIDE: [&str; 11] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "added_tokens.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "LICENSE",
];

/// A model's files, and the tensors in them.
pub(super) struct Original {
    /// What they are.
    pub source: Source,
    /// All tensors, in the order of the files.
    pub tensors: Vec<OriginalTensor>,
    files: Vec<Pieces>,
}

/// The kind of a model's files.
pub(super) enum Source {
    /// A GGUF file.
    Gguf {
        /// A prefix of the file, at least its whole header.
        header: Vec<u8>,
        /// The header.
        gguf: Box<Gguf>,
    },
    /// A folder of safetensors.
    Folder {
        /// Its path.
        path: PathBuf,
        /// The texts that describe the model.
        texts: Box<Repository>,
    },
}

impl Original {
    /// Reads the headers of a model's files.
    pub(super) fn open(path: &Path) -> Result<Self, SaveModelError> {
        let Opened { files, repository } = open(path)?;
        match repository {
            Some(texts) => Self::folder(path, texts, files),
            None => Self::gguf(path, files),
        }
    }

    fn gguf(path: &Path, files: Vec<Pieces>) -> Result<Self, SaveModelError> {
        let [file] = &files[..] else { return Err(SaveModelError::Split { path: path.into() }) };
        let is_cut = |error: &GgufError| matches!(error, GgufError::Truncated { .. });
        let (header, gguf) = header(file, |bytes| Gguf::parse(bytes, file.bytes), is_cut)?.map_err(SaveError::from)?;
        let parts: Option<u64> = gguf.get("split.count").map_err(SaveError::from)?;
        if parts.is_some_and(|parts| parts > 1) {
            return Err(SaveModelError::Split { path: path.into() });
        }
        let tensors = gguf.tensors.iter().cloned().map(|info| OriginalTensor { info, file: 0 }).collect();
        Ok(Self { source: Source::Gguf { header, gguf: Box::new(gguf) }, tensors, files })
    }

    fn folder(path: &Path, texts: Repository, files: Vec<Pieces>) -> Result<Self, SaveModelError> {
        let in_file = |why: LoadError| FileError::Load { path: path.into(), why };
        let index = texts.tensor_files().map_err(|why| in_file(why.into()))?;
        let mut tensors = vec![];
        for (number, file) in files.iter().enumerate() {
            let is_cut = |error: &SafetensorsError| matches!(error, SafetensorsError::Truncated { .. });
            let parsed = header(file, |bytes| safetensors::parse(bytes, file.bytes), is_cut)?;
            let (_, of_file) = parsed.map_err(|why| in_file(why.into()))?;
            // A copy that belongs to another file by the index is no part of the model.
            let is_current = |info: &TensorInfo| index.get(&info.name).is_none_or(|name| *name == file.name);
            tensors.extend(of_file.into_iter().filter(is_current).map(|info| OriginalTensor { info, file: number }));
        }
        Ok(Self { source: Source::Folder { path: path.into(), texts: Box::new(texts) }, tensors, files })
    }

    /// Number of blocks.
    pub(super) fn layers(&self) -> Result<usize, SaveModelError> {
        match &self.source {
            Source::Gguf { gguf, .. } => Ok(saved::gguf::layers(gguf).map_err(SaveError::from)?),
            Source::Folder { .. } => Ok(self.config()?.layers),
        }
    }

    /// The files' format.
    pub(super) fn format(&self) -> Format {
        match self.source {
            Source::Gguf { .. } => Format::Gguf,
            Source::Folder { .. } => Format::Safetensors,
        }
    }

    /// The bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The decoder's configuration.
    pub(super) fn config(&self) -> Result<DecoderConfig, SaveError> {
        Ok(match &self.source {
            Source::Gguf { gguf, .. } => config::from_gguf(gguf)?,
            Source::Folder { texts, .. } => config::from_hub(&texts.config, &texts.name)?,
        })
    }

    /// The architecture's name in the files, for messages.
    pub(super) fn architecture(&self) -> String {
        match &self.source {
            Source::Gguf { gguf, .. } => gguf.need::<&str>("general.architecture").unwrap_or_default().into(),
            Source::Folder { texts, .. } => model_type(&texts.config),
        }
    }

    /// The paths of all files of weights, and of their parts.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().flat_map(|file| file.paths.iter().map(|(path, _)| path.as_path()))
    }

    /// A tensor's stored bytes.
    pub(super) fn read(&self, tensor: &OriginalTensor) -> Result<Vec<u8>, SaveModelError> {
        let mut out = vec![];
        let path = self.files[tensor.file].paths.first().map(|(path, _)| path.clone()).unwrap_or_default();
        self.copy(tensor, &mut out, |why| FileError::Read { path: path.clone(), why }.into())?;
        Ok(out)
    }

    /// Copies a tensor's stored bytes.
    ///
    /// * `failed`: the error if they cannot be written.
    pub(super) fn copy(
        &self,
        tensor: &OriginalTensor,
        out: &mut impl Write,
        failed: impl Fn(io::Error) -> SaveModelError,
    ) -> Result<(), SaveModelError> {
        let TensorInfo { offset, bytes, .. } = tensor.info;
        let (mut at, end, mut begin) = (offset, offset + bytes, 0);
        for (path, _) in &self.files[tensor.file].paths {
            let unreadable = |why| FileError::Read { path: path.clone(), why };
            let mut part = File::open(path).map_err(unreadable)?;
            let length = part.metadata().map_err(unreadable)?.len();
            let next = begin + length;
            if at < next && at < end {
                part.seek(SeekFrom::Start(at - begin)).map_err(unreadable)?;
                let count = end.min(next) - at;
                let copied = io::copy(&mut part.take(count), out).map_err(&failed)?;
                if copied < count {
                    return Err(unreadable(io::ErrorKind::UnexpectedEof.into()).into());
                }
                at += count;
            }
            begin = next;
        }
        Ok(())
    }
}

/// `model_type` of a `config.json`; empty if it has none.
fn model_type(config: &str) -> String {
    let root: serde_json::Value = serde_json::from_str(config).unwrap_or_default();
    let section = if root["text_config"].is_object() { &root["text_config"] } else { &root };
    section["model_type"].as_str().unwrap_or_default().into()
}

/// The files beside a folder's weights that the saved model needs, too: their names and contents.
pub(super) fn texts_beside(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, SaveModelError> {
    let mut out = vec![];
    for name in BESIDE {
        let path = folder.join(name);
        if path.is_file() {
            let text = fs::read(&path).map_err(|why| FileError::Read { path, why })?;
            out.push((name.into(), text));
        }
    }
    Ok(out)
}

/// A file's header, with the bytes that it was read from.
///
/// * `is_cut`: whether an error says that more bytes are needed.
fn header<T, E>(
    file: &Pieces,
    parse: impl Fn(&[u8]) -> Result<T, E>,
    is_cut: impl Fn(&E) -> bool,
) -> Result<Result<(Vec<u8>, T), E>, FileError> {
    let mut wanted = HEADER_BYTES;
    loop {
        let mut bytes = vec![];
        for (path, _) in &file.paths {
            let unreadable = |why| FileError::Read { path: path.clone(), why };
            let part = File::open(path).map_err(unreadable)?;
            part.take(wanted - bytes.len() as u64).read_to_end(&mut bytes).map_err(unreadable)?;
        }
        match parse(&bytes) {
            Err(error) if is_cut(&error) && wanted < file.bytes => wanted *= 2,
            parsed => return Ok(parsed.map(|parsed| (bytes, parsed))),
        }
    }
}
