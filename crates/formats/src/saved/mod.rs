//! A pruned and repaired model as files that other programs read: which tensors they have, and where the numbers of each come from. Does no
//! input or output.
//!
//! A block whose attention and MLP are both dropped is left out, and the blocks behind it move up. A single dropped sublayer cannot be left
//! out, since every program expects both: the matrix that it ends with becomes zero, so that it adds nothing.
//!
//! A repair g(u) of a dropped sublayer becomes weights of the architecture:
//! - A constant is the bias of the matrix that the sublayer ends with, whose weights are zero.
//! - A map A u + b of an MLP's input is an MLP with a constant gate: gate = 0 with the bias c, where silu(c) = s; up = 1 (or A₁ of a map of
//!   low rank); down = A / s with the bias b. Its inner width stays the file's: what is left of it is zero.
//! - A map of an attention's input takes one more block before the attention's own: its attention adds nothing, and its MLP is the map, behind
//!   the attention's norm.
//! - A temperature of the logits divides the weights of the final norm.

pub mod gguf;
pub mod hub;
pub mod safetensors;

use std::collections::BTreeMap;

use prunescope_protocol::model::family::{Activation, Family};
use prunescope_protocol::model::{Sublayer, SublayerKind};
use prunescope_protocol::prune::{DroppedSublayers, HeadPart, PruningPlan, Repair, Repairs};
use prunescope_quant::TensorType;
use thiserror::Error;

use crate::config::DecoderConfig;
use crate::gguf::GgufError;
use crate::layout::{self, Format, Role, sublayer_of};
use crate::load_error::LoadError;
use crate::tensor::TensorInfo;
use crate::tensor_names::gguf_name;
use crate::tokenizer::TokenizerError;

/// c, the bias of a gate that is constant.
pub const GATE_BIAS: f32 = 1.278_464_5;

/// silu([`GATE_BIAS`]), by which the matrix behind a constant gate is divided; nearly 1.
pub fn gate_value() -> f32 {
    let c = f64::from(GATE_BIAS);
    (c / (1.0 + (-c).exp())) as f32
}

/// The matrices and biases with which an attention sublayer ends, and those of an MLP, by their GGUF names in a block.
const ENDS: [(SublayerKind, &[&str]); 2] = [
    (SublayerKind::Attention, &["attn_output.weight", "attn_output.bias"]),
    (
        SublayerKind::Mlp,
        &["ffn_down.weight", "ffn_down.bias", "ffn_down_exps.weight", "ffn_down_exps.bias", "ffn_down_shexp.weight"],
    ),
];

/// Why a plan's model cannot be saved.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SaveError {
    /// A GGUF file's header cannot be read, or is of another kind of model.
    #[error("{0}")]
    Header(#[from] GgufError),
    /// The model is none that this program computes, which its weights or its repairs need.
    #[error("{0}")]
    Load(#[from] LoadError),
    /// The tokenizer cannot be written.
    #[error("{0}")]
    Tokenizer(#[from] TokenizerError),
    /// The plan names a layer that the model does not have.
    #[error("the model has layers 0 to {last}, and the plan names layer {layer}")]
    NoSuchLayer {
        /// The layer of the plan.
        layer: usize,
        /// The model's last.
        last: usize,
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
        "metadata `{key}` has a value for each layer that is no number: this program does not know how to change it"
    )]
    UnknownList {
        /// The metadata key.
        key: String,
    },
    /// The offset of the hidden state has no place.
    #[error(
        "the head's offset of h has no place in a saved model, whose final norm has no bias: choose --head temperature or no --head, or keep the plan with `report --save-plan`"
    )]
    HeadBias,
    /// Repairs have no place in models of this architecture.
    #[error(
        "a repaired sublayer can be saved in a model of the architecture llama only, where attention and MLP may have biases; this one is {architecture}: leave --repair out, or keep the plan with `report --save-plan`"
    )]
    NoBiases {
        /// The file's architecture.
        architecture: String,
    },
    /// The MLP has too few inner channels for a map.
    #[error(
        "the repair {repair} needs {needed} inner channels of an MLP, and this model's have {there}: choose --repair bias or a smaller rank"
    )]
    TooNarrow {
        /// The form of the repair.
        repair: String,
        /// The inner channels that it takes.
        needed: usize,
        /// Those of the model's MLPs.
        there: usize,
    },
    /// A model of this kind is not written as safetensors.
    #[error("{what} cannot be written as safetensors by this program: name a file that ends in .gguf")]
    NotAsSafetensors {
        /// What cannot.
        what: String,
    },
}

/// What a sublayer of the saved model adds to the residual stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// What it added before.
    Own,
    /// Nothing.
    Nothing,
    /// The constant that replaces a dropped sublayer.
    Constant(Sublayer),
    /// The map that replaces a dropped sublayer; of an MLP only.
    Map(Sublayer),
}

/// A block of the saved model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedBlock {
    /// The block of the original that its tensors are from.
    pub from: usize,
    /// Its first sublayer.
    pub attention: Fill,
    /// Its second sublayer.
    pub mlp: Fill,
}

impl SavedBlock {
    fn fill(&self, kind: SublayerKind) -> Fill {
        match kind {
            SublayerKind::Attention => self.attention,
            SublayerKind::Mlp => self.mlp,
        }
    }
}

/// The blocks of the saved model, and what they lack of the original.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    /// The blocks, in order.
    pub blocks: Vec<SavedBlock>,
    /// Blocks that are left out.
    pub removed: Vec<usize>,
    /// Sublayers that add nothing, but are there.
    pub zeroed: Vec<Sublayer>,
    /// Dropped sublayers whose repair is folded into weights.
    pub folded: Vec<Sublayer>,
    /// Attentions whose repair takes one more block.
    pub added: Vec<usize>,
    /// Whether the logits' temperature is folded into the final norm.
    pub cooled: bool,
}

impl Outline {
    /// The outline of a plan's model.
    ///
    /// * `layers`: the original's blocks.
    /// * `uniform`: whether blocks may move, since their place does not decide what they do.
    ///
    /// # Errors
    /// [`SaveError::NoSuchLayer`] or [`SaveError::NothingLeft`].
    pub fn of(plan: &PruningPlan, layers: usize, uniform: bool) -> Result<Self, SaveError> {
        let last = layers.saturating_sub(1);
        let of_range = plan.layers.map(|range| range.last);
        let named = plan.drop.dropped().map(|sublayer| sublayer.layer).chain(of_range);
        if let Some(layer) = named.into_iter().find(|layer| *layer > last) {
            return Err(SaveError::NoSuchLayer { layer, last });
        }
        let repairs = plan.repairs();
        let mut out = Self { cooled: repairs.is_some_and(|repairs| repairs.head.is_some()), ..Self::default() };
        for layer in 0..layers {
            out.add(layer, plan, repairs.and_then(|repairs| repairs.sublayers), uniform);
        }
        if out.blocks.is_empty() { Err(SaveError::NothingLeft) } else { Ok(out) }
    }

    /// Adds what becomes of one block.
    fn add(&mut self, from: usize, plan: &PruningPlan, repair: Option<Repair>, uniform: bool) {
        let fill = |at: Sublayer| match repair {
            _ if !plan.drops(at) => Fill::Own,
            None => Fill::Nothing,
            Some(Repair::Bias) => Fill::Constant(at),
            Some(_) => Fill::Map(at),
        };
        let (attention, mlp) = (fill(Sublayer::attention(from)), fill(Sublayer::mlp(from)));
        for (at, fill) in [(Sublayer::attention(from), attention), (Sublayer::mlp(from), mlp)] {
            match fill {
                Fill::Own => {}
                Fill::Nothing => self.zeroed.push(at),
                Fill::Constant(_) | Fill::Map(_) => self.folded.push(at),
            }
        }
        match (attention, mlp) {
            (Fill::Nothing, Fill::Nothing) if uniform => {
                self.zeroed.retain(|at| at.layer != from);
                self.removed.push(from);
            }
            (Fill::Map(_), _) => {
                self.added.push(from);
                self.blocks.push(SavedBlock { from, attention: Fill::Nothing, mlp: attention });
                self.blocks.push(SavedBlock { from, attention: Fill::Nothing, mlp });
            }
            _ => self.blocks.push(SavedBlock { from, attention, mlp }),
        }
    }

    /// Whether any block is left out or added.
    pub fn moves_blocks(&self) -> bool {
        !self.removed.is_empty() || !self.added.is_empty()
    }

    /// Whether a sublayer of some kind has a bias that its original may lack.
    fn needs_bias(&self, kind: SublayerKind) -> bool {
        self.blocks.iter().any(|block| matches!(block.fill(kind), Fill::Constant(_) | Fill::Map(_)))
    }
}

/// Refuses repairs that do not fold into weights.
///
/// * `architecture`: the model's in its file.
/// * `gguf`: whether the saved file is GGUF.
///
/// # Errors
/// [`SaveError::HeadBias`], [`SaveError::NoBiases`] or [`SaveError::TooNarrow`].
pub fn check_repairs(plan: &PruningPlan, config: &DecoderConfig, architecture: &str) -> Result<(), SaveError> {
    let Some(Repairs { sublayers, head }) = plan.repairs() else { return Ok(()) };
    if head.is_some_and(|head| head.parts().contains(&HeadPart::Bias)) {
        return Err(SaveError::HeadBias);
    }
    let Some(repair) = sublayers else { return Ok(()) };
    if config.family != Family::Llama || config.activation != Activation::Silu {
        return Err(SaveError::NoBiases { architecture: architecture.into() });
    }
    let needed = match repair {
        Repair::Bias => 0,
        Repair::Scale | Repair::Full => config.hidden,
        Repair::Rank(rank) => usize::from(rank).min(config.hidden),
    };
    if needed > config.feed_forward {
        return Err(SaveError::TooNarrow { repair: repair.to_string(), needed, there: config.feed_forward });
    }
    Ok(())
}

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
    /// [`GATE_BIAS`].
    GateBias,
    /// A part of what replaces a dropped sublayer.
    Repair(Sublayer, RepairPart),
}

/// A part of the map that replaces a dropped sublayer, as it is folded into an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairPart {
    /// `[feed_forward, hidden]`: A₁ of a map of low rank, else the identity; zeros below.
    Up,
    /// `[hidden, feed_forward]`: A₂, A or the factors, divided by [`gate_value`]; zeros beside them.
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

/// A file to write: a header, and the tensors behind it in order.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedFile {
    /// Its bytes, padded to where the tensors' data begins.
    pub header: Vec<u8>,
    /// The data of each tensor is padded to a multiple of this many bytes.
    pub alignment: u64,
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
        match layer_of(&tensor.info.name) {
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
        let TensorInfo { name, shape, tensor_type, .. } = &tensor.info;
        let path = self.gguf_name(name);
        let is_head = ["output_norm.weight", "output_norm.bias", "output.bias"].contains(&path.as_str());
        let content = match tensor_type {
            Ok(known) if self.outline.cooled && is_head => {
                // A norm's type is kept, unless it would be rounded.
                let tensor_type = if self.format == Format::Gguf { *known } else { self.vectors };
                Content::Computed { values: Values::Cooled, tensor_type, shape: shape.clone() }
            }
            _ => Content::Copied,
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
        name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')).map_or(String::new(), |(_, part)| part.into())
    }

    /// A tensor's name with this block's number.
    fn renamed(&self, name: &str) -> String {
        match layer_of(name) {
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

/// Where the number of a tensor's block is in its name, and the number: `blk.7.`, `layers.7.` or `h.7.`.
fn layer_of(name: &str) -> Option<(std::ops::Range<usize>, usize)> {
    let mut begin = 0;
    let mut before = "";
    for segment in name.split('.') {
        let end = begin + segment.len();
        if ["blk", "layers", "h"].contains(&before) && end < name.len() {
            return segment.parse().ok().map(|layer| (begin..end, layer));
        }
        (before, begin) = (segment, end + 1);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config;
    use crate::gguf::Gguf;

    /// The tiny model's header and size.
    fn tiny() -> (Vec<u8>, Gguf) {
        let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tiny.gguf")).unwrap();
        let parsed = Gguf::parse(&bytes, bytes.len() as u64).unwrap();
        (bytes, parsed)
    }

    fn originals(file: &Gguf) -> Vec<OriginalTensor> {
        file.tensors.iter().map(|info| OriginalTensor { info: info.clone(), file: 0 }).collect()
    }

    fn saved_tensors(plan: &PruningPlan, file: &Gguf, biases_everywhere: bool) -> (Outline, Vec<SavedTensor>) {
        let config = config::from_gguf(file).unwrap();
        let outline = Outline::of(plan, config.layers, true).unwrap();
        let writing = Writing {
            outline: &outline,
            plan,
            format: Format::Gguf,
            config: Some(&config),
            architecture: "llama",
            weights: TensorType::F16,
            vectors: TensorType::F32,
            biases_everywhere,
        };
        let tensors = tensors(&originals(file), &writing).unwrap();
        (outline, tensors)
    }

    /// Any plan for a model of four blocks that keeps some of it.
    fn plans() -> impl Strategy<Value = PruningPlan> {
        let any = |parts: &[&'static str]| prop::sample::select(parts.to_vec());
        let repairs = any(&["", "_repair-bias", "_repair-scale", "_repair-rank3", "_repair-full"]);
        let heads = any(&["", "_head-temperature"]);
        let edits = any(&["", "_wanda-0.5", "_rtn4-g32_on-mlp", "_sparsegpt-0.5_on-attn"]);
        (1u8..255, repairs, heads, edits).prop_map(|(mask, repair, head, edit)| {
            let dropped = (0..8).filter(|index| mask >> index & 1 == 1).map(Sublayer::from_index);
            format!("{}{repair}{head}{edit}", DroppedSublayers::of(dropped)).parse().unwrap()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Each dropped sublayer has one fate, and the blocks are counted.
        #[test]
        fn every_dropped_sublayer_is_left_out_zeroed_or_folded(plan in plans(), uniform: bool) {
            let outline = Outline::of(&plan, 4, uniform).unwrap();
            let in_removed = |at: &Sublayer| outline.removed.contains(&at.layer);
            for at in plan.drop.dropped() {
                let fates = [in_removed(&at), outline.zeroed.contains(&at), outline.folded.contains(&at)];
                prop_assert_eq!(fates.into_iter().filter(|fate| *fate).count(), 1, "{:?}", at);
            }
            prop_assert!(uniform || outline.removed.is_empty());
            prop_assert_eq!(outline.blocks.len(), 4 + outline.added.len() - outline.removed.len());
        }

        /// The header of every plan's file is one that the loader accepts, of a model with the saved blocks.
        #[test]
        fn every_header_is_consistent(plan in plans()) {
            let (header, file) = tiny();
            let originals = originals(&file);
            let (outline, tensors) = saved_tensors(&plan, &file, false);
            let saved = gguf::saved(&header, &file, &outline, &originals, &tensors).unwrap();
            let padded = |tensor: &SavedTensor| tensor.bytes(&originals).next_multiple_of(saved.alignment);
            let bytes = saved.header.len() as u64 + tensors.iter().map(padded).sum::<u64>();
            let again = Gguf::parse(&saved.header, bytes).unwrap();
            let config = config::from_gguf(&again).unwrap();
            prop_assert_eq!(config.layers, outline.blocks.len());
            let there: Vec<&str> = again.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
            for name in layout::needed(&config) {
                prop_assert!(there.contains(&name.as_str()), "{}", name);
            }
            for tensor in &again.tensors {
                let Role::Part(mapping) = layout::role(&config, Format::Gguf, &tensor.name) else {
                    panic!("{} is no part", tensor.name);
                };
                mapping.check(&config, tensor).unwrap();
            }
        }

        /// The header of every plan's safetensors is one that the parser accepts, with biases in all blocks or in none.
        #[test]
        fn every_safetensors_header_is_consistent(plan in plans()) {
            let (_, file) = tiny();
            let originals = originals(&file);
            let (outline, tensors) = saved_tensors(&plan, &file, true);
            let config = config::from_gguf(&file).unwrap();
            let tensors = hub::converted(tensors, &originals, &config, TensorType::F16);
            let saved = safetensors::saved(&originals, &tensors);
            let bytes = saved.header.len() as u64 + tensors.iter().map(|tensor| tensor.bytes(&originals)).sum::<u64>();
            let parsed = crate::safetensors::parse(&saved.header, bytes).unwrap();
            let text = hub::config_of(&config, &tensors, &outline, &[1]);
            let config = config::from_hub(&text, "x").unwrap();
            let there: Vec<String> = parsed
                .iter()
                .map(|tensor| gguf_name(config.family, &tensor.name).unwrap().0)
                .collect();
            for name in layout::needed(&config) {
                prop_assert!(there.contains(&name), "{} is missing", name);
            }
            for tensor in &parsed {
                let Role::Part(mapping) = layout::role(&config, Format::Safetensors, &tensor.name) else {
                    panic!("{} is no part", tensor.name);
                };
                mapping.check(&config, tensor).unwrap();
            }
        }
    }

    fn content(plan: &str, name: &str) -> Content {
        let (_, file) = tiny();
        let (_, tensors) = saved_tensors(&plan.parse().unwrap(), &file, false);
        tensors.into_iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("{name}")).content
    }

    fn values(content: &Content) -> Option<Values> {
        match content {
            Content::Computed { values, .. } => Some(*values),
            _ => None,
        }
    }

    #[test]
    fn a_repaired_attention_takes_a_block_before_its_own() {
        let (_, file) = tiny();
        let (outline, tensors) = saved_tensors(&"a1_repair-scale".parse().unwrap(), &file, false);
        let a1 = Sublayer::attention(1);
        let added = SavedBlock { from: 1, attention: Fill::Nothing, mlp: Fill::Map(a1) };
        assert_eq!(outline.blocks[1..3], [added, SavedBlock { mlp: Fill::Own, ..added }]);
        let original = |name: &str| {
            let tensor = tensors.iter().find(|tensor| tensor.name == name).unwrap();
            file.tensors[tensor.original].name.clone()
        };
        // The map reads what the attention read.
        assert_eq!(original("blk.1.ffn_norm.weight"), "blk.1.attn_norm.weight");
        assert_eq!(original("blk.2.ffn_norm.weight"), "blk.1.ffn_norm.weight");
        assert_eq!(original("blk.4.ffn_up.weight"), "blk.3.ffn_up.weight");
    }

    #[test]
    fn every_part_of_a_map_has_its_tensor() {
        let of = |name: &str| values(&content("m2_repair-full", name));
        let m2 = Sublayer::mlp(2);
        assert_eq!(of("blk.2.ffn_up.weight"), Some(Values::Repair(m2, RepairPart::Up)));
        assert_eq!(of("blk.2.ffn_down.weight"), Some(Values::Repair(m2, RepairPart::Down)));
        assert_eq!(of("blk.2.ffn_down.bias"), Some(Values::Repair(m2, RepairPart::Bias)));
        assert_eq!(of("blk.2.ffn_gate.bias"), Some(Values::GateBias));
        assert_eq!(content("m2_repair-full", "blk.2.ffn_gate.weight"), Content::Zeros);
        assert_eq!(content("m2_repair-full", "blk.1.ffn_down.weight"), Content::Copied);
        assert_eq!(content("a2_repair-bias", "blk.2.attn_output.weight"), Content::Zeros);
        let bias = values(&content("a2_repair-bias", "blk.2.attn_output.bias"));
        assert_eq!(bias, Some(Values::Repair(Sublayer::attention(2), RepairPart::Bias)));
        assert_eq!(values(&content("b1_head-temperature", "output_norm.weight")), Some(Values::Cooled));
    }

    #[test]
    fn a_map_that_is_wider_than_the_mlp_is_refused() {
        let (_, file) = tiny();
        let config = DecoderConfig { feed_forward: 40, ..config::from_gguf(&file).unwrap() };
        let check = |plan: &str| check_repairs(&plan.parse().unwrap(), &config, "llama");
        assert_eq!(check("m1_repair-full"), Err(SaveError::TooNarrow { repair: "full".into(), needed: 64, there: 40 }));
        assert_eq!([check("m1_repair-rank40"), check("m1_repair-bias"), check("m1")], [Ok(()), Ok(()), Ok(())]);
        assert_eq!(check("m1_repair-bias_head-both"), Err(SaveError::HeadBias));
    }

    #[test]
    fn a_constant_gate_is_one() {
        assert!((gate_value() - 1.0).abs() < 1e-6, "{}", gate_value());
    }

    #[test]
    fn the_number_of_a_block_is_where_it_stands() {
        assert_eq!(layer_of("blk.12.ffn_up.weight"), Some((4..6, 12)));
        assert_eq!(layer_of("model.layers.3.mlp.up_proj.weight"), Some((13..14, 3)));
        assert_eq!(layer_of("transformer.h.0.attn.bias"), Some((14..15, 0)));
        assert_eq!([layer_of("token_embd.weight"), layer_of("model.norm.weight")], [None, None]);
    }
}
