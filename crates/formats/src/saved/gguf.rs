//! The header of a saved GGUF file, in terms of the file that it is made from.

use std::collections::BTreeMap;

use super::{Content, OriginalTensor, Outline, SaveError, SavedFile, SavedTensor};
use crate::gguf::{DEFAULT_ALIGNMENT, Gguf, GgufError, Reader};
use crate::metadata::Value;
use prunescope_quant::TensorType;

/// Bytes before the metadata: the magic, the version, the number of tensors, the number of metadata entries.
const PREAMBLE: usize = 24;
/// The number of a u32 among the types of metadata.
const U32: u32 = 4;
/// `general.file_type` of files whose matrices are mostly floats. Source: `llama.h`, `enum llama_ftype`.
const FILE_TYPES: [(TensorType, u32); 2] = [(TensorType::F32, 0), (TensorType::F16, 1)];
/// Architectures in which all blocks are alike. In others, the place of a block decides what it does (a sliding window, no positions), so
/// that none may move.
const UNIFORM: [&str; 17] = [
    "llama",
    "qwen2",
    "qwen3",
    "phi2",
    "phi3",
    "gpt2",
    "gptneox",
    "falcon",
    "gemma",
    "mistral3",
    "olmo",
    "olmo2",
    "stablelm",
    "starcoder2",
    "internlm2",
    "granite",
    "bloom",
];

/// Whether all blocks of a file's model are alike, so that they may move.
///
/// # Errors
/// [`GgufError`] for a missing or wrong value.
pub fn is_uniform(file: &Gguf) -> Result<bool, GgufError> {
    let architecture: &str = file.need("general.architecture")?;
    // OLMo 3 is stored as OLMo 2 with a window in three of four blocks. Source: llama.cpp, `LLM_ARCH_OLMO2`.
    let window: Option<u64> = if architecture == "olmo2" { file.get("olmo2.attention.sliding_window")? } else { None };
    Ok(UNIFORM.contains(&architecture) && window.is_none_or(|window| window == 0))
}

/// The number of blocks that a file states.
///
/// # Errors
/// [`GgufError`] for a missing or wrong number.
pub fn layers(file: &Gguf) -> Result<usize, GgufError> {
    let architecture: &str = file.need("general.architecture")?;
    let layers: u64 = file.need(&format!("{architecture}.block_count"))?;
    // A block has tensors: a wrong number makes no more blocks than the file can have.
    Ok((layers as usize).min(file.tensors.len()))
}

/// The header of the saved file.
///
/// * `header`: a prefix of the original file, at least its whole header.
///
/// # Errors
/// [`SaveError::UnknownList`], or a header that cannot be read.
pub fn saved(
    header: &[u8],
    file: &Gguf,
    outline: &Outline,
    originals: &[OriginalTensor],
    tensors: &[SavedTensor],
) -> Result<SavedFile, SaveError> {
    let alignment: u64 = file.get("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
    let (metadata, directory) = entries(header, file)?;
    let mut out = header[..PREAMBLE].to_vec();
    out[8..16].copy_from_slice(&(tensors.len() as u64).to_le_bytes());
    out[16..24].copy_from_slice(&(metadata.len() as u64).to_le_bytes());
    let file_type = file_type(originals, tensors);
    for (key, bytes) in &metadata {
        entry(&mut out, (key, bytes), file, outline, file_type)?;
    }
    let mut at = 0u64;
    for tensor in tensors {
        out.extend((tensor.name.len() as u64).to_le_bytes());
        out.extend(tensor.name.as_bytes());
        match &tensor.content {
            Content::Copied | Content::Zeros => {
                let original = &originals[tensor.original].info.name;
                out.extend(directory.get(original).copied().unwrap_or_default());
            }
            Content::Computed { tensor_type, shape, .. } => {
                out.extend((shape.len() as u32).to_le_bytes());
                shape.iter().rev().for_each(|length| out.extend(length.to_le_bytes()));
                out.extend(tensor_type.number().to_le_bytes());
            }
        }
        out.extend(at.to_le_bytes());
        at = (at + tensor.bytes(originals)).next_multiple_of(alignment);
    }
    out.resize(out.len().next_multiple_of(alignment as usize), 0);
    Ok(SavedFile { header: out, alignment })
}

/// Writes one metadata entry, changed if it depends on the blocks.
fn entry(
    out: &mut Vec<u8>,
    (key, bytes): (&str, &[u8]),
    file: &Gguf,
    outline: &Outline,
    file_type: Option<u32>,
) -> Result<(), SaveError> {
    let architecture: &str = file.need("general.architecture")?;
    let layers = layers(file)?;
    let of_layers = key.strip_prefix(architecture).is_some_and(|rest| rest.starts_with('.'));
    let prefix = &bytes[..text_end(bytes)];
    let mut number = |number: u32| {
        out.extend(prefix);
        out.extend(U32.to_le_bytes());
        out.extend(number.to_le_bytes());
    };
    match (file.metadata.get(key), file_type) {
        _ if key == format!("{architecture}.block_count") => number(outline.blocks.len() as u32),
        (_, Some(file_type)) if key == "general.file_type" => number(file_type),
        (Some(Value::Numbers(numbers)), _) if of_layers && numbers.len() == layers && outline.moves_blocks() => {
            // Behind the key: the type of an array, that of its elements, their number, and they.
            out.extend(&bytes[..prefix.len() + 8]);
            out.extend((outline.blocks.len() as u64).to_le_bytes());
            let elements = &bytes[prefix.len() + 16..];
            let width = elements.len() / numbers.len();
            for block in &outline.blocks {
                out.extend(&elements[block.from * width..(block.from + 1) * width]);
            }
        }
        (Some(Value::Texts(texts)), _) if of_layers && texts.len() == layers && outline.moves_blocks() => {
            return Err(SaveError::UnknownList { key: key.into() });
        }
        _ => out.extend(bytes),
    }
    Ok(())
}

/// The file's type if most of its bytes are written anew as floats; `None` if it stays what it was.
fn file_type(originals: &[OriginalTensor], tensors: &[SavedTensor]) -> Option<u32> {
    let bytes_of = |tensor_type: Option<TensorType>| -> u64 {
        let of_type = |tensor: &&SavedTensor| match &tensor.content {
            Content::Computed { tensor_type: of, .. } => tensor_type == Some(*of),
            _ => tensor_type.is_none(),
        };
        tensors.iter().filter(of_type).map(|tensor| tensor.bytes(originals)).sum()
    };
    let known = FILE_TYPES.into_iter().find(|(tensor_type, _)| bytes_of(Some(*tensor_type)) > bytes_of(None));
    known.map(|(_, number)| number)
}

/// Where the text with which bytes begin ends, as it is stored: invalid UTF-8 has another length once it is read.
fn text_end(bytes: &[u8]) -> usize {
    let length = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    8 + length as usize
}

/// Each metadata entry's key and bytes, in order; each tensor's bytes between its name and its offset.
type Entries<'a> = (Vec<(String, &'a [u8])>, BTreeMap<String, &'a [u8]>);

/// The header's entries as they are written.
fn entries<'a>(header: &'a [u8], file: &Gguf) -> Result<Entries<'a>, GgufError> {
    let mut reader = Reader::new(header, PREAMBLE);
    let limit = header.len() as u64;
    let mut metadata = vec![];
    for _ in 0..file.metadata.len() {
        let begin = reader.at;
        let key = reader.text(limit)?;
        let kind = reader.u32()?;
        reader.value(&key, kind, limit, 0)?;
        metadata.push((key, &header[begin..reader.at]));
    }
    let mut tensors = BTreeMap::new();
    for _ in 0..file.tensors.len() {
        let begin = reader.at;
        let tensor = reader.tensor(limit)?;
        // At the end is the offset, of 8 bytes.
        tensors.insert(tensor.name, &header[begin + text_end(&header[begin..])..reader.at - 8]);
    }
    Ok((metadata, tensors))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file without tensors, of an architecture, with a number.
    fn file(architecture: &str, key: &str, number: u64) -> Gguf {
        let architecture = ("general.architecture".into(), Value::Text(architecture.into()));
        Gguf { metadata: [architecture, (key.into(), Value::Unsigned(number))].into(), tensors: vec![] }
    }

    #[test]
    fn blocks_of_which_some_have_a_window_do_not_move() {
        let is_uniform = |architecture, key, number| is_uniform(&file(architecture, key, number)).unwrap();
        // OLMo 2, OLMo 3.
        assert!(is_uniform("olmo2", "olmo2.block_count", 32));
        assert!(is_uniform("olmo2", "olmo2.attention.sliding_window", 0));
        assert!(!is_uniform("olmo2", "olmo2.attention.sliding_window", 4096));
        // All blocks of Phi-3 have the window; Gemma 3's have it by their place.
        assert!(is_uniform("phi3", "phi3.attention.sliding_window", 2047));
        assert!(!is_uniform("gemma3", "gemma3.attention.sliding_window", 512));
    }
}
