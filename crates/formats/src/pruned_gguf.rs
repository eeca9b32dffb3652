//! A GGUF file without the sublayers that a plan drops: its new header, and what follows it, in terms of the file it is made from. Does no
//! input or output.
//!
//! A block whose attention and MLP are both dropped is left out, and the blocks behind it move up. A single dropped sublayer cannot be left
//! out, since every program expects both: the matrix that it ends with becomes zero, so that it adds nothing.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::gguf::{DEFAULT_ALIGNMENT, Gguf, GgufError, Reader};
use super::metadata::Value;
use prunescope_protocol::model::{Sublayer, SublayerKind};
use prunescope_protocol::prune::{DroppedSublayers, PruningPlan};

/// Bytes before the metadata: the magic, the version, the number of tensors, the number of metadata entries.
const PREAMBLE: usize = 24;
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
/// The matrices with which an attention sublayer ends, and those of an MLP, below `blk.N.`.
const ENDS: [(SublayerKind, &[&str]); 2] = [
    (SublayerKind::Attention, &["attn_output.weight", "attn_output.bias"]),
    (
        SublayerKind::Mlp,
        &["ffn_down.weight", "ffn_down.bias", "ffn_down_exps.weight", "ffn_down_exps.bias", "ffn_down_shexp.weight"],
    ),
];

/// Why a plan cannot be saved as a GGUF file.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SaveError {
    /// The file's header cannot be read.
    #[error("{0}")]
    Header(#[from] GgufError),
    /// The plan changes weights or repairs sublayers.
    #[error(
        "only dropped layers can be saved: a GGUF file has no place for a repair, and edited weights would have to be rounded anew. Save the plan instead, or drop --sparse, --quant and --repair"
    )]
    MoreThanDrops,
    /// The plan drops a layer that the model does not have.
    #[error("the model has layers 0 to {last}, and the plan drops layer {layer}")]
    NoSuchLayer {
        /// The layer of the plan.
        layer: usize,
        /// The model's last.
        last: u64,
    },
    /// The plan leaves no block.
    #[error("the plan drops every layer: keep one")]
    NothingLeft,
    /// The sublayer to drop does not end with a matrix that is known.
    #[error("{sublayer} ends with no matrix that this program knows in a file of the architecture {architecture}")]
    UnknownEnd {
        /// The sublayer, such as a7.
        sublayer: String,
        /// The file's architecture.
        architecture: String,
    },
    /// A metadata value of each layer is not a list of numbers.
    #[error(
        "metadata `{key}` has a value for each layer that is no number: this program does not know how to shorten it"
    )]
    UnknownList {
        /// The metadata key.
        key: String,
    },
}

/// What follows the header of the new file, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the original file.
    Copied {
        /// Offset of the first.
        offset: u64,
        /// Their number.
        bytes: u64,
    },
    /// Zeros.
    Zeros {
        /// Their number.
        bytes: u64,
    },
}

/// A file to write.
#[derive(Clone, Debug, PartialEq)]
pub struct PrunedGguf {
    /// Its header, padded to where the tensors' data begins.
    pub header: Vec<u8>,
    /// The tensors' data, in ascending order of what is copied.
    pub pieces: Vec<Piece>,
    /// Number of the original model's blocks.
    pub layers: usize,
    /// Blocks that are left out.
    pub removed: Vec<usize>,
    /// Sublayers that add nothing, but are there.
    pub zeroed: Vec<Sublayer>,
}

/// Makes the file without what a plan drops.
///
/// * `header`: a prefix of the file, at least its whole header.
/// * `file_bytes`: the size of the whole file.
///
/// # Errors
/// [`SaveError`].
pub fn pruned(header: &[u8], file_bytes: u64, plan: &PruningPlan) -> Result<PrunedGguf, SaveError> {
    if plan.edits_weights() || plan.repairs().is_some() {
        return Err(SaveError::MoreThanDrops);
    }
    let file = Gguf::parse(header, file_bytes)?;
    let architecture: &str = file.need("general.architecture")?;
    let count_key = format!("{architecture}.block_count");
    let layers: u64 = file.need(&count_key)?;
    let mut removed = BTreeSet::new();
    let mut zeroed = vec![];
    for sublayer in plan.drop.dropped() {
        if sublayer.layer as u64 >= layers {
            return Err(SaveError::NoSuchLayer { layer: sublayer.layer, last: layers.saturating_sub(1) });
        }
        let is_whole =
            plan.drop.drops(Sublayer::attention(sublayer.layer)) && plan.drop.drops(Sublayer::mlp(sublayer.layer));
        if is_whole && UNIFORM.contains(&architecture) {
            removed.insert(sublayer.layer);
        } else {
            zeroed.push(sublayer);
        }
    }
    if removed.len() as u64 >= layers {
        return Err(SaveError::NothingLeft);
    }
    let ends: BTreeMap<String, Sublayer> =
        zeroed.iter().flat_map(|sublayer| names_of_end(*sublayer).map(|name| (name, *sublayer))).collect();
    let missing =
        zeroed.iter().find(|sublayer| !file.tensors.iter().any(|tensor| ends.get(&tensor.name) == Some(sublayer)));
    if let Some(sublayer) = missing {
        return Err(SaveError::UnknownEnd {
            sublayer: DroppedSublayers::of([*sublayer]).to_string(),
            architecture: architecture.into(),
        });
    }
    let alignment: u64 = file.get("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
    let (metadata, directory) = entries(header, &file)?;

    let mut out = header[..PREAMBLE].to_vec();
    out[16..24].copy_from_slice(&(metadata.len() as u64).to_le_bytes());
    for (key, bytes) in &metadata {
        let prefix = &bytes[..text_end(bytes)];
        let of_layers = key.strip_prefix(architecture).is_some_and(|rest| rest.starts_with('.'));
        match file.metadata.get(key) {
            Some(_) if *key == count_key => {
                out.extend(prefix);
                out.extend(4u32.to_le_bytes());
                out.extend((layers as u32 - removed.len() as u32).to_le_bytes());
            }
            Some(Value::Numbers(numbers)) if of_layers && numbers.len() as u64 == layers && !removed.is_empty() => {
                // Behind the key: the type of an array, that of its elements, their number, and they.
                out.extend(&bytes[..prefix.len() + 8]);
                out.extend((layers - removed.len() as u64).to_le_bytes());
                let elements = &bytes[prefix.len() + 16..];
                let width = elements.len() / numbers.len();
                let kept = elements.chunks_exact(width).enumerate().filter(|(layer, _)| !removed.contains(layer));
                kept.for_each(|(_, element)| out.extend(element));
            }
            Some(Value::Texts(texts)) if of_layers && texts.len() as u64 == layers => {
                return Err(SaveError::UnknownList { key: key.clone() });
            }
            _ => out.extend(*bytes),
        }
    }
    let (mut pieces, mut count, mut at) = (vec![], 0u64, 0u64);
    for tensor in &file.tensors {
        let Some(name) = moved(&tensor.name, &removed) else { continue };
        let Some(middle) = directory.get(&tensor.name) else { continue };
        out.extend((name.len() as u64).to_le_bytes());
        out.extend(name.as_bytes());
        out.extend(*middle);
        out.extend(at.to_le_bytes());
        let bytes = tensor.bytes;
        pieces.push(match ends.contains_key(&tensor.name) {
            true => Piece::Zeros { bytes },
            false => Piece::Copied { offset: tensor.offset, bytes },
        });
        count += 1;
        at += bytes;
        let padding = at.next_multiple_of(alignment) - at;
        if padding > 0 {
            pieces.push(Piece::Zeros { bytes: padding });
            at += padding;
        }
    }
    out[8..16].copy_from_slice(&count.to_le_bytes());
    out.resize(out.len().next_multiple_of(alignment as usize), 0);
    let removed = removed.into_iter().collect();
    Ok(PrunedGguf { header: out, pieces, layers: layers as usize, removed, zeroed })
}

/// The names of the matrices and biases with which a sublayer may end.
fn names_of_end(sublayer: Sublayer) -> impl Iterator<Item = String> {
    let names = ENDS.iter().filter(move |(kind, _)| *kind == sublayer.kind).flat_map(|(_, names)| names.iter());
    names.map(move |name| format!("blk.{}.{name}", sublayer.layer))
}

/// A tensor's name once blocks are removed; none if it is in one of them.
fn moved(name: &str, removed: &BTreeSet<usize>) -> Option<String> {
    let of_block = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
    let Some((layer, rest)) = of_block.and_then(|(layer, rest)| Some((layer.parse::<usize>().ok()?, rest))) else {
        return Some(name.into());
    };
    let before = removed.range(..layer).count();
    (!removed.contains(&layer)).then(|| format!("blk.{}.{rest}", layer - before))
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
