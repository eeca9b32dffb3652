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
mod outline;
pub mod safetensors;
mod tensors;

use thiserror::Error;

use crate::gguf::GgufError;
use crate::load_error::LoadError;
use crate::tokenizer::TokenizerError;
pub use outline::{Fill, Outline, SavedBlock, check_repairs};
pub use tensors::{Content, OriginalTensor, RepairPart, SavedTensor, Values, Writing, tensors};

/// c, the bias of a gate that is constant.
pub const GATE_BIAS: f32 = 1.278_464_5;

/// silu([`GATE_BIAS`]), by which the matrix behind a constant gate is divided; nearly 1.
pub fn gate_value() -> f32 {
    let c = f64::from(GATE_BIAS);
    (c / (1.0 + (-c).exp())) as f32
}

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

/// A file to write: a header, and the tensors behind it in order.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedFile {
    /// Its bytes, padded to where the tensors' data begins.
    pub header: Vec<u8>,
    /// The data of each tensor is padded to a multiple of this many bytes.
    pub alignment: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use prunescope_protocol::model::Sublayer;
    use prunescope_protocol::prune::{DroppedSublayers, PruningPlan};
    use prunescope_quant::TensorType;

    use super::*;
    use crate::config::{self, DecoderConfig};
    use crate::gguf::Gguf;
    use crate::layout::{self, Format, Role};
    use crate::tensor_names::gguf_name;

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
}
