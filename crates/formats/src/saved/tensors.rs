//! The tensors of the saved model, and where the numbers of each come from.

use std::collections::BTreeMap;

use prunescope_protocol::model::{Sublayer, SublayerKind};
use prunescope_protocol::prune::{DroppedSublayers, PruningPlan};
use prunescope_quant::TensorType;

use super::{Fill, Outline, SaveError, SavedBlock};
use crate::config::DecoderConfig;
use crate::layout::{self, Format, Role, sublayer_of};
use crate::tensor::TensorInfo;
use crate::tensor_names::{block_of, gguf_name, within_block};

/// The matrices and biases with which an attention sublayer ends, and those of an MLP, by their GGUF names in a block.
const ENDS: [(SublayerKind, &[&str]); 2] = [
    (SublayerKind::Attention, &["attn_output.weight", "attn_output.bias"]),
    (
        SublayerKind::Mlp,
        &["ffn_down.weight", "ffn_down.bias", "ffn_down_exps.weight", "ffn_down_exps.bias", "ffn_down_shexp.weight"],
    ),
];

/// A tensor of the original files.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginalTensor {
    /// Its entry in its file's header.
    pub info: TensorInfo,
    /// Its file, counted from 0.
    pub file: usize,
}

/// A tensor of the saved files.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedTensor {
    /// Its name.
    pub name: String,
    /// The original that its bytes or its shape are from: an index into the originals. Of a bias that is new, its matrix.
    pub original: usize,
    /// Its numbers.
    pub content: Content,
}

/// Where the numbers of a saved tensor come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The original's bytes.
    Copied,
    /// Zeros in the original's type.
    Zeros,
    /// Numbers that are written anew.
    Computed {
        /// What they are.
        values: Values,
        /// Their type.
        tensor_type: TensorType,
        /// Dimensions, outermost first.
        shape: Vec<u64>,
    },
}

/// Numbers that are written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// The original's, in another type and order of rows.
    Converted,
    /// Those of the edited decoder's matrices.
    Edited,
    /// The original's divided by the logits' temperature.
    Cooled,
    /// 0.
    Zero,
    /// [`GATE_BIAS`](super::GATE_BIAS).
    GateBias,
    /// A part of what replaces a dropped sublayer.
    Repair(Sublayer, RepairPart),
}

/// A part of the map that replaces a dropped sublayer, as it is folded into an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairPart {
    /// `[feed_forward, hidden]`: A₁ of a map of low rank, else the identity; zeros below.
    Up,
    /// `[hidden, feed_forward]`: A₂, A or the factors, divided by [`gate_value`](super::gate_value); zeros beside them.
    Down,
    /// b, `[hidden]`.
    Bias,
}

impl SavedTensor {
    /// The bytes that it takes.
    pub fn bytes(&self, originals: &[OriginalTensor]) -> u64 {
        match &self.content {
            Content::Copied | Content::Zeros => originals[self.original].info.bytes,
            Content::Computed { tensor_type, shape, .. } => shape.iter().product::<u64>() * tensor_type.block_bytes(),
        }
    }
}

/// What decides how tensors are written.
#[derive(Clone, Debug)]
pub struct Writing<'a> {
    /// The saved model's blocks.
    pub outline: &'a Outline,
    /// The plan, whose sparsity and rounding change matrices.
    pub plan: &'a PruningPlan,
    /// The format of the original.
    pub format: Format,
    /// The decoder; `None` if it is not known and only dropped.
    pub config: Option<&'a DecoderConfig>,
    /// The architecture, for messages.
    pub architecture: &'a str,
    /// The type of matrices that are written anew.
    pub weights: TensorType,
    /// The type of vectors that are written anew.
    pub vectors: TensorType,
    /// Whether a bias in one block takes biases in all, as configurations of transformers say.
    pub biases_everywhere: bool,
}

/// The tensors of the saved model.
///
/// # Errors
/// [`SaveError::UnknownEnd`].
pub fn tensors(originals: &[OriginalTensor], writing: &Writing<'_>) -> Result<Vec<SavedTensor>, SaveError> {
    let mut blocks: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut out = vec![];
    for (original, tensor) in originals.iter().enumerate() {
        match block_of(&tensor.info.name) {
            Some((_, layer)) => blocks.entry(layer).or_default().push(original),
            None => out.push(writing.outside(original, tensor)),
        }
    }
    for (number, block) in writing.outline.blocks.iter().enumerate() {
        let of_block = blocks.get(&block.from).map_or(&[][..], Vec::as_slice);
        Block { originals, of_block, block, number, writing }.tensors(&mut out)?;
    }
    Ok(out)
}

impl Writing<'_> {
    /// A tensor that is in no block.
    fn outside(&self, original: usize, tensor: &OriginalTensor) -> SavedTensor {
        let TensorInfo { name, shape, .. } = &tensor.info;
        let path = self.gguf_name(name);
        let scales_logits = ["output_norm.weight", "output_norm.bias", "output.bias"].contains(&path.as_str());
        let content = if self.outline.cooled && scales_logits {
            Content::Computed { values: Values::Cooled, tensor_type: self.vectors, shape: shape.clone() }
        } else {
            Content::Copied
        };
        SavedTensor { name: name.clone(), original, content }
    }

    /// A tensor's name in GGUF; empty if it has none.
    fn gguf_name(&self, name: &str) -> String {
        match (self.format, self.config) {
            (Format::Gguf, _) => name.into(),
            (Format::Safetensors, Some(config)) => {
                gguf_name(config.family, name).map(|(name, _)| name).unwrap_or_default()
            }
            (Format::Safetensors, None) => String::new(),
        }
    }

    /// The type in which an edited matrix is written: its own if the edit only removes weights of a float type.
    fn type_of_edited(&self, tensor: &TensorInfo) -> TensorType {
        let only_removes = self.plan.only_removes_weights();
        tensor.tensor_type.clone().ok().filter(|own| only_removes && own.is_float()).unwrap_or(self.weights)
    }
}

/// A block of the saved model with the original's tensors.
struct Block<'a> {
    originals: &'a [OriginalTensor],
    /// The tensors of the block that it is from, as indices.
    of_block: &'a [usize],
    block: &'a SavedBlock,
    /// Its place in the saved model.
    number: usize,
    writing: &'a Writing<'a>,
}

impl Block<'_> {
    fn tensors(&self, out: &mut Vec<SavedTensor>) -> Result<(), SaveError> {
        for (kind, ends) in ENDS {
            let is_there = self.of_block.iter().any(|original| ends.contains(&self.part(*original).as_str()));
            if self.block.fill(kind) != Fill::Own && !is_there {
                let sublayer = Sublayer { layer: self.block.from, kind };
                return Err(SaveError::UnknownEnd {
                    sublayer: DroppedSublayers::of([sublayer]).to_string(),
                    architecture: self.writing.architecture.into(),
                });
            }
        }
        for original in self.of_block.iter().copied() {
            let part = self.part(original);
            let (source, content) = self.content(original, &part);
            out.push(SavedTensor { name: self.renamed(&self.info(original).name), original: source, content });
            out.extend(self.added_bias(original, &part));
        }
        Ok(())
    }

    fn info(&self, original: usize) -> &TensorInfo {
        &self.originals[original].info
    }

    /// A tensor's name in GGUF without its block, such as `ffn_up.weight`; empty if it has none.
    fn part(&self, original: usize) -> String {
        let name = self.writing.gguf_name(&self.info(original).name);
        within_block(&name).map_or(String::new(), |(_, part)| part.into())
    }

    /// A tensor's name with this block's number.
    fn renamed(&self, name: &str) -> String {
        match block_of(name) {
            Some((span, _)) => format!("{}{}{}", &name[..span.start], self.number, &name[span.end..]),
            None => name.into(),
        }
    }

    /// The numbers of a tensor that the original has, and the original that they are from.
    fn content(&self, original: usize, part: &str) -> (usize, Content) {
        let of = |kind: SublayerKind| ENDS.iter().any(|(of, ends)| *of == kind && ends.contains(&part));
        let is_bias = part.ends_with(".bias");
        let repaired = |at, part| self.computed(original, Values::Repair(at, part));
        let content = match (self.block.attention, self.block.mlp) {
            (Fill::Nothing, _) if of(SublayerKind::Attention) => Content::Zeros,
            (Fill::Constant(at), _) if of(SublayerKind::Attention) && is_bias => repaired(at, RepairPart::Bias),
            (Fill::Constant(_), _) if of(SublayerKind::Attention) => Content::Zeros,
            (_, Fill::Nothing) if of(SublayerKind::Mlp) => Content::Zeros,
            (_, Fill::Constant(at) | Fill::Map(at)) if part == "ffn_down.bias" => repaired(at, RepairPart::Bias),
            (_, Fill::Constant(_)) if of(SublayerKind::Mlp) => Content::Zeros,
            (_, Fill::Map(at)) if part == "ffn_down.weight" => repaired(at, RepairPart::Down),
            (_, Fill::Map(at)) if part == "ffn_up.weight" => repaired(at, RepairPart::Up),
            (_, Fill::Map(_)) if part == "ffn_up.bias" || part == "ffn_gate.weight" => Content::Zeros,
            (_, Fill::Map(_)) if part == "ffn_gate.bias" => self.computed(original, Values::GateBias),
            (_, Fill::Map(at)) if at.kind == SublayerKind::Attention && part == "ffn_norm.weight" => {
                let norm = self.of_block.iter().copied().find(|other| self.part(*other) == "attn_norm.weight");
                return (norm.unwrap_or(original), Content::Copied);
            }
            _ if self.is_edited(original) => self.computed(original, Values::Edited),
            _ => Content::Copied,
        };
        (original, content)
    }

    /// Whether the plan changes the weights of a matrix that keeps its place.
    fn is_edited(&self, original: usize) -> bool {
        let Some(config) = self.writing.config else { return false };
        let Role::Part(mapping) = layout::role(config, self.writing.format, &self.info(original).name) else {
            return false;
        };
        let matrix = mapping.names(config).first().and_then(|name| layout::matrix_of(name));
        matrix.is_some_and(|(layer, matrix)| {
            let at = Sublayer { layer, kind: matrix.sublayer() };
            self.block.fill(at.kind) == Fill::Own && self.writing.plan.edits(at)
        })
    }

    /// Numbers in the shape of an original.
    fn computed(&self, original: usize, values: Values) -> Content {
        let info = self.info(original);
        let tensor_type = match values {
            Values::Edited => self.writing.type_of_edited(info),
            _ if info.shape.len() < 2 => self.writing.vectors,
            _ => self.writing.weights,
        };
        Content::Computed { values, tensor_type, shape: info.shape.clone() }
    }

    /// The bias behind a matrix, if the saved model has it and the original does not.
    fn added_bias(&self, original: usize, part: &str) -> Option<SavedTensor> {
        let (path, _) = part.split_once('.').filter(|(_, end)| *end == "weight")?;
        let kind = match path {
            "attn_q" | "attn_k" | "attn_v" | "attn_output" => SublayerKind::Attention,
            "ffn_gate" | "ffn_up" | "ffn_down" => SublayerKind::Mlp,
            _ => return None,
        };
        let bias = format!("{path}.bias");
        if self.of_block.iter().any(|other| self.part(*other) == bias) {
            return None;
        }
        let values = match (self.block.fill(kind), path) {
            (Fill::Constant(at) | Fill::Map(at), "attn_output" | "ffn_down") => Values::Repair(at, RepairPart::Bias),
            (Fill::Map(_), "ffn_gate") => Values::GateBias,
            _ if self.writing.biases_everywhere && self.has_biases(kind) => Values::Zero,
            _ => return None,
        };
        let info = self.info(original);
        let name = self.renamed(info.name.strip_suffix(".weight")?) + ".bias";
        let shape = info.shape.iter().copied().take(1).collect();
        Some(SavedTensor {
            name,
            original,
            content: Content::Computed { values, tensor_type: self.writing.vectors, shape },
        })
    }

    /// Whether the saved model has biases in sublayers of a kind.
    fn has_biases(&self, kind: SublayerKind) -> bool {
        let of_original = |tensor: &OriginalTensor| {
            let name = self.writing.gguf_name(&tensor.info.name);
            name.ends_with(".bias") && sublayer_of(&name).is_some_and(|at| at.kind == kind)
        };
        self.writing.outline.needs_bias(kind) || self.originals.iter().any(of_original)
    }
}
