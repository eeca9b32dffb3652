//! Plans as other programs write them: `llama-quantize --prune-layers`, mergekit, and LLM Compressor.
//!
//! A recipe says all of a plan or does not exist: what a program cannot do is an error that names it.
//!
//! * llama.cpp's `llama-quantize` leaves whole blocks out (`--prune-layers`).
//! * mergekit's `passthrough` keeps ranges of blocks, and scales matrices by names: a sublayer whose last matrix is 0 adds nothing
//!   (<https://github.com/arcee-ai/mergekit/blob/main/docs/merge_methods.md>).
//! * LLM Compressor's modifiers remove and round weights (<https://github.com/vllm-project/llm-compressor>).
//!
//! The last two name matrices as transformers' Llama does (`o_proj`, `down_proj`, …), and most families after it; the names of others, such as
//! GPT-2, must be put in their place.

use std::fmt::Write as _;
use std::str::FromStr;

use thiserror::Error;

use super::{MatrixGroup, Pattern, PruningPlan, Quantization, QuantizationMethod, Sparsity, SparsityMethod};
use crate::model::{Sublayer, SublayerKind};

/// A program that recipes are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// llama.cpp's `llama-quantize`: a command.
    LlamaQuantize,
    /// mergekit: YAML for `mergekit-yaml`.
    Mergekit,
    /// LLM Compressor: a YAML recipe.
    LlmCompressor,
}

impl Program {
    /// All programs, each with its name.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::LlamaQuantize, "llama-quantize"),
        (Self::Mergekit, "mergekit"),
        (Self::LlmCompressor, "llm-compressor"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(program, _)| *program == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for Program {
    type Err = UnknownProgram;

    fn from_str(name: &str) -> Result<Self, UnknownProgram> {
        let found = Self::ALL.into_iter().find(|(_, known)| *known == name);
        found.map(|(program, _)| program).ok_or_else(|| UnknownProgram(name.into()))
    }
}

/// No recipe is written for a program of this name.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("no recipe is written for {0}: name llama-quantize, mergekit or llm-compressor")]
pub struct UnknownProgram(String);

/// Why a plan has no recipe for a program.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{program} cannot do {part}: {remedy}")]
pub struct RecipeError {
    program: &'static str,
    part: String,
    remedy: &'static str,
}

/// Writes a plan as a program's recipe.
///
/// * `layers`: number of the model's layers.
/// * `model`: what the recipe calls the model.
///
/// # Errors
/// [`RecipeError`] if the program cannot do a part of the plan, or nothing is left to do.
pub fn write(plan: &PruningPlan, program: Program, layers: usize, model: &str) -> Result<String, RecipeError> {
    let cannot = |part: String, remedy| RecipeError { program: program.name(), part, remedy };
    if plan.repairs().is_some() {
        return Err(cannot("a repair".into(), "take it out of the plan"));
    }
    if let Some(beyond) = plan.drop.dropped().find(|sublayer| sublayer.layer >= layers) {
        return Err(cannot(format!("layer {}", beyond.layer), "the model has fewer layers"));
    }
    if let Some(range) = plan.layers.filter(|range| range.first >= layers) {
        return Err(cannot(format!("layers {} to {}", range.first, range.last), "the model has fewer layers"));
    }
    let edits = plan.sparse.map(|sparse| sparse.to_string()).or(plan.quant.map(|quant| quant.to_string()));
    let drops = (!plan.drop.is_empty()).then(|| plan.drop.to_string());
    let drops_both =
        |layer: usize| [SublayerKind::Attention, SublayerKind::Mlp].map(|kind| plan.drops(Sublayer { layer, kind }));
    let whole: Vec<usize> = (0..layers).filter(|layer| drops_both(*layer) == [true, true]).collect();
    if whole.len() == layers {
        return Err(cannot("a model without blocks".into(), "keep at least one"));
    }
    match program {
        Program::LlamaQuantize | Program::Mergekit if edits.is_some() => {
            Err(cannot(edits.unwrap_or_default(), "write that part for llm-compressor"))
        }
        Program::LlamaQuantize => {
            let single = (0..layers).find(|layer| matches!(drops_both(*layer), [true, false] | [false, true]));
            match single {
                Some(layer) => Err(cannot(
                    format!("a single sublayer of layer {layer}"),
                    "drop whole blocks (b), or save the file with prunescope save",
                )),
                None if whole.is_empty() => Err(cannot("a plan that drops nothing".into(), "drop some blocks")),
                None => {
                    let list: Vec<String> = whole.iter().map(usize::to_string).collect();
                    let pruned = match model.rsplit_once('/') {
                        Some((folder, name)) => format!("{folder}/pruned-{name}"),
                        None => format!("pruned-{model}"),
                    };
                    // COPY leaves the other blocks' weights as they are stored.
                    Ok(format!("llama-quantize --prune-layers {} {model} {pruned} COPY\n", list.join(",")))
                }
            }
        }
        Program::Mergekit if drops.is_none() => Err(cannot("a plan that drops nothing".into(), "drop some layers")),
        Program::Mergekit => Ok(mergekit(layers, model, &drops_both)),
        Program::LlmCompressor => match (drops, plan.sparse, plan.quant) {
            (Some(drops), ..) => Err(cannot(drops, "write that part for mergekit")),
            (None, None, None) => Err(cannot("a plan that changes no weights".into(), "remove or round some")),
            (None, sparse, quant) => {
                let targets = targets(plan, layers);
                let mut recipe = String::new();
                if let Some(sparse) = sparse {
                    recipe += &sparsity_stage(sparse, &targets).ok_or_else(|| {
                        cannot(sparse.to_string(), "choose Wanda or SparseGPT with the same ratio in all layers")
                    })?;
                }
                if let Some(quant) = quant {
                    recipe += &quantization_stage(quant, &targets);
                }
                Ok(recipe)
            }
        },
    }
}

/// mergekit's YAML: each slice is a stretch of blocks that keep the same sublayers.
fn mergekit(layers: usize, model: &str, drops: &dyn Fn(usize) -> [bool; 2]) -> String {
    let mut yaml = "slices:\n".to_owned();
    let mut first = 0;
    while first < layers {
        let dropped = drops(first);
        let end = (first..layers).find(|layer| drops(*layer) != dropped).unwrap_or(layers);
        if dropped != [true, true] {
            let _ = write!(yaml, "  - sources:\n      - model: {model}\n        layer_range: [{first}, {end}]\n");
            let zero = match dropped {
                [true, false] => Some("o_proj"),
                [false, true] => Some("down_proj"),
                _ => None,
            };
            if let Some(matrix) = zero {
                let _ = write!(
                    yaml,
                    "        parameters:\n          scale:\n            - filter: {matrix}\n              value: 0.0\n            - value: 1.0\n"
                );
            }
        }
        first = end;
    }
    yaml + "merge_method: passthrough\ndtype: bfloat16\n"
}

/// Regular expressions for the matrices that a plan edits, by the names of transformers' Llama layout.
fn targets(plan: &PruningPlan, layers: usize) -> String {
    let last = layers.saturating_sub(1);
    let range = plan.layers.map_or(0..=last, |range| range.first..=range.last.min(last));
    let layer = if range == (0..=last) {
        "\\d+".to_owned()
    } else {
        format!("({})", range.map(|layer| layer.to_string()).collect::<Vec<_>>().join("|"))
    };
    let matrices = match plan.on {
        MatrixGroup::Attention => "self_attn\\.(q|k|v|o)_proj",
        MatrixGroup::Mlp => "mlp\\.(gate|up|down)_proj",
        MatrixGroup::All => "(self_attn\\.(q|k|v|o)|mlp\\.(gate|up|down))_proj",
    };
    format!("['re:.*layers\\.{layer}\\.{matrices}$']")
}

/// The stage that removes weights; `None` for what LLM Compressor does not do in one shot.
fn sparsity_stage(sparse: Sparsity, targets: &str) -> Option<String> {
    let modifier = match sparse.method {
        SparsityMethod::Wanda => "WandaPruningModifier",
        SparsityMethod::SparseGpt => "SparseGPTModifier",
        SparsityMethod::Magnitude => return None,
    };
    let (share, mask) = match sparse.pattern {
        Pattern::Percent(percent) => (percent, "0:0"),
        // Its OWL gives ratios to whole layers, which these targets are not.
        Pattern::OutlierWeighed(_) => return None,
        Pattern::TwoOfFour => (50, "2:4"),
        Pattern::FourOfEight => (50, "4:8"),
    };
    Some(format!(
        "sparsity_stage:\n  sparsity_modifiers:\n    {modifier}:\n      sparsity: {}\n      mask_structure: \"{mask}\"\n      targets: {targets}\n",
        f64::from(share) / 100.0
    ))
}

/// The stage that rounds weights.
fn quantization_stage(quant: Quantization, targets: &str) -> String {
    let modifier = match quant.method {
        QuantizationMethod::RoundToNearest => "QuantizationModifier",
        QuantizationMethod::ActivationAware => "AWQModifier",
        QuantizationMethod::Gptq => "GPTQModifier",
    };
    let Quantization { bits, group, .. } = quant;
    format!(
        "quant_stage:\n  quant_modifiers:\n    {modifier}:\n      ignore: [lm_head]\n      config_groups:\n        group_0:\n          targets: {targets}\n          weights:\n            num_bits: {bits}\n            type: int\n            symmetric: false\n            strategy: group\n            group_size: {group}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prune::plan::tests::any_plan;
    use proptest::prelude::*;

    fn recipe(plan: &str, program: Program) -> Result<String, String> {
        write(&plan.parse().unwrap(), program, 6, "model.gguf").map_err(|error| error.to_string())
    }

    #[test]
    fn whole_blocks_are_a_list_for_llama_quantize() {
        let found = recipe("b3,b1", Program::LlamaQuantize).unwrap();
        assert_eq!(found, "llama-quantize --prune-layers 1,3 model.gguf pruned-model.gguf COPY\n");
        let inside = write(&"b1".parse().unwrap(), Program::LlamaQuantize, 6, "models/x.gguf").unwrap();
        assert!(inside.contains(" models/x.gguf models/pruned-x.gguf "), "{inside}");
        assert!(recipe("b1,a3", Program::LlamaQuantize).unwrap_err().contains("single sublayer of layer 3"));
    }

    #[test]
    fn mergekit_keeps_stretches_of_blocks_and_silences_single_sublayers() {
        let expected = "slices:
  - sources:
      - model: model.gguf
        layer_range: [0, 2]
  - sources:
      - model: model.gguf
        layer_range: [3, 5]
        parameters:
          scale:
            - filter: o_proj
              value: 0.0
            - value: 1.0
  - sources:
      - model: model.gguf
        layer_range: [5, 6]
        parameters:
          scale:
            - filter: down_proj
              value: 0.0
            - value: 1.0
merge_method: passthrough
dtype: bfloat16
";
        assert_eq!(recipe("b2,a3,a4,m5", Program::Mergekit).unwrap(), expected);
    }

    #[test]
    fn edited_weights_are_stages_for_llm_compressor() {
        let expected = "sparsity_stage:
  sparsity_modifiers:
    WandaPruningModifier:
      sparsity: 0.5
      mask_structure: \"2:4\"
      targets: ['re:.*layers\\.(1|2)\\.mlp\\.(gate|up|down)_proj$']
quant_stage:
  quant_modifiers:
    GPTQModifier:
      ignore: [lm_head]
      config_groups:
        group_0:
          targets: ['re:.*layers\\.(1|2)\\.mlp\\.(gate|up|down)_proj$']
          weights:
            num_bits: 4
            type: int
            symmetric: false
            strategy: group
            group_size: 64
";
        assert_eq!(recipe("wanda-2:4_gptq4-g64_on-mlp_layers-1-2", Program::LlmCompressor).unwrap(), expected);
    }

    #[test]
    fn what_a_program_cannot_do_is_named() {
        for (plan, program, part) in [
            ("wanda-0.5", Program::LlamaQuantize, "wanda-0.5"),
            ("b1_rtn4-g64", Program::Mergekit, "rtn4-g64"),
            ("a1_wanda-0.5", Program::LlmCompressor, "a1"),
            ("magnitude-0.5", Program::LlmCompressor, "magnitude-0.5"),
            ("wanda-0.5-owl", Program::LlmCompressor, "wanda-0.5-owl"),
            ("wanda-0.5_layers-8-9", Program::LlmCompressor, "layers 8 to 9"),
            ("b1_repair-scale", Program::LlamaQuantize, "repair"),
            ("b9", Program::Mergekit, "9"),
            ("b0,b1,b2,b3,b4,b5", Program::LlamaQuantize, "without blocks"),
            ("", Program::LlamaQuantize, "drops nothing"),
            ("", Program::Mergekit, "drops nothing"),
            ("", Program::LlmCompressor, "changes no weights"),
        ] {
            let message = recipe(plan, program).unwrap_err();
            assert!(message.contains(part) && message.starts_with(program.name()), "{plan}: {message}");
        }
        assert!("vllm".parse::<Program>().unwrap_err().to_string().contains("mergekit"));
    }

    proptest! {
        /// A recipe that exists says everything of the plan: the numbers of its parts are in it.
        #[test]
        fn no_part_of_a_plan_is_left_out_in_silence(plan in any_plan()) {
            for (program, _) in Program::ALL {
                let Ok(recipe) = write(&plan, program, 10_000, "m") else { continue };
                prop_assert!(plan.repairs().is_none());
                prop_assert_eq!(plan.sparse.is_some(), recipe.contains("sparsity_stage"));
                prop_assert_eq!(plan.quant.is_some(), recipe.contains("quant_stage"));
                prop_assert_eq!(!plan.drop.is_empty(), program != Program::LlmCompressor);
            }
        }
    }
}
