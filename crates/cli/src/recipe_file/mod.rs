//! Recipes of other programs as plans: mergekit's YAML, and LLM Compressor's. `prunescope recipe` writes them.
//!
//! A recipe is read whole or not at all: what this program cannot do is an error that names it.

mod llm_compressor;
mod mergekit;

use prunescope_protocol::prune::PruningPlan;
use serde_json::{Map, Value};
use thiserror::Error;

use llm_compressor::WeightEdits;
use mergekit::KeptBlocks;

/// Why a recipe cannot be read.
#[derive(Debug, Error)]
pub(crate) enum RecipeFileError {
    /// It is no YAML.
    #[error("it is neither JSON nor YAML: {0}")]
    NotYaml(String),
    /// It is of no program that is known.
    #[error(
        "it is no recipe of mergekit, which has merge_method and slices, nor of LLM Compressor, which has stages with modifiers"
    )]
    OfNoProgram,
    /// It asks for something else than a plan can say.
    #[error("prunescope cannot do {what}: {remedy}")]
    Cannot {
        /// What it asks for.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
}

/// The error that names what a recipe asks for, and says what to do.
fn cannot<T>(what: impl Into<String>, remedy: &'static str) -> Result<T, RecipeFileError> {
    Err(RecipeFileError::Cannot { what: what.into(), remedy })
}

/// What a recipe says; which sublayers that are depends on the model's number of layers.
#[derive(Debug)]
pub(crate) enum Recipe {
    /// mergekit's.
    Blocks(KeptBlocks),
    /// LLM Compressor's.
    Weights(WeightEdits),
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// [`RecipeFileError`].
    pub(crate) fn read(text: &str) -> Result<Self, RecipeFileError> {
        let value = serde_saphyr::from_str(text).map_err(|why| RecipeFileError::NotYaml(why.to_string()))?;
        let Value::Object(map) = value else { return Err(RecipeFileError::OfNoProgram) };
        let has = |end: &str| map.keys().any(|key| key.ends_with(end));
        if ["slices", "merge_method", "models"].into_iter().any(|key| map.contains_key(key)) {
            Ok(Self::Blocks(KeptBlocks::read(Keys::new("mergekit's", map))?))
        } else if has("_stage") || has("_modifiers") {
            Ok(Self::Weights(WeightEdits::read(map)?))
        } else {
            Err(RecipeFileError::OfNoProgram)
        }
    }

    /// The plan that it is for a model.
    ///
    /// * `layers`: the model's number of layers.
    ///
    /// # Errors
    /// [`RecipeFileError`] if no plan says the same.
    pub(crate) fn plan(&self, layers: usize) -> Result<PruningPlan, RecipeFileError> {
        match self {
            Self::Blocks(kept) => kept.plan(layers),
            Self::Weights(edits) => edits.plan(layers),
        }
    }
}

/// A mapping of a recipe, whose keys are taken out one after the other: what is left in the end is not known.
struct Keys {
    /// What it is the mapping of, with an apostrophe, for messages.
    of: String,
    left: Map<String, Value>,
}

impl Keys {
    fn new(of: impl Into<String>, left: Map<String, Value>) -> Self {
        Self { of: of.into(), left }
    }

    /// The mapping that a value must be.
    fn of(of: impl Into<String>, value: Value) -> Result<Self, RecipeFileError> {
        let of = of.into();
        match value {
            Value::Object(left) => Ok(Self { of, left }),
            other => cannot(format!("{of} {other}"), "write a mapping of names to values"),
        }
    }

    /// Takes a key out; `None` if it is not there, or is null.
    fn take(&mut self, key: &str) -> Option<Value> {
        self.left.remove(key).filter(|value| !value.is_null())
    }

    /// Takes out keys that say how a program works, and not what comes of it.
    fn ignore(&mut self, keys: &[&str]) {
        keys.iter().for_each(|key| drop(self.left.remove(*key)));
    }

    /// Takes a key out that may have one value only.
    fn only(&mut self, key: &str, wanted: &Value, remedy: &'static str) -> Result<(), RecipeFileError> {
        match self.take(key) {
            Some(found) if !same(&found, wanted) => cannot(format!("{} {key}: {found}", self.of), remedy),
            _ => Ok(()),
        }
    }

    /// Takes a list out; a value alone is a list of one.
    fn list(&mut self, key: &str) -> Vec<Value> {
        match self.take(key) {
            None => vec![],
            Some(Value::Array(list)) => list,
            Some(alone) => vec![alone],
        }
    }

    /// Nothing else may be there.
    fn end(self) -> Result<(), RecipeFileError> {
        match self.left.into_iter().find(|(_, value)| !value.is_null()) {
            Some((key, value)) => cannot(format!("{} {key}: {value}", self.of), "take it out of the recipe"),
            None => Ok(()),
        }
    }
}

/// Whether two values are the same; 1 is 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prunescope_protocol::prune::recipe::{self, Program};
    use prunescope_protocol::prune::{DroppedSublayers, LayerRange, MatrixGroup};

    const LAYERS: usize = 12;

    fn plan(text: &str) -> Result<String, String> {
        let recipe = Recipe::read(text).map_err(|error| error.to_string())?;
        recipe.plan(LAYERS).map(|plan| plan.to_string()).map_err(|error| error.to_string())
    }

    /// A plan as a model of [`LAYERS`] layers sees it: a range of all layers is none, and what applies to no weights is left out.
    fn as_seen(plan: &PruningPlan) -> PruningPlan {
        let mut plan = plan.clone();
        let clipped = plan.layers.map(|range| LayerRange { last: range.last.min(LAYERS - 1), ..range });
        plan.layers = clipped.filter(|range| (range.first, range.last) != (0, LAYERS - 1));
        if plan.sparse.is_none() && plan.quant.is_none() {
            (plan.on, plan.layers) = (MatrixGroup::All, None);
        }
        plan
    }

    proptest! {
        /// What `prunescope recipe` writes is read as the plan that it was written for.
        #[test]
        fn a_recipe_that_is_written_is_read(
            drops in proptest::collection::vec(("[amb]", 0..LAYERS), 0..9),
            parts in proptest::sample::subsequence(vec!["sparse", "quant", "on", "layers"], 0..=4),
            sparse in proptest::sample::select(vec!["wanda-0.5", "sparsegpt-0.37", "wanda-2:4", "sparsegpt-4:8", "wanda-0", "magnitude-0.5"]),
            quant in proptest::sample::select(vec!["rtn8-g32", "awq4-g64", "gptq3-g128", "gptq2-g64"]),
            on in proptest::sample::select(vec!["on-attn", "on-mlp", "on-all"]),
            (first, count) in (0..LAYERS, 1..LAYERS),
        ) {
            let layers = format!("layers-{first}-{}", first + count);
            let part = |name: &str| match name { "sparse" => sparse, "quant" => quant, "on" => on, _ => &layers }.to_owned();
            let drop = drops.iter().map(|(kind, layer)| format!("{kind}{layer}")).collect::<Vec<_>>().join(",");
            let text: Vec<String> = std::iter::once(drop).chain(parts.into_iter().map(part)).collect();
            let plan: PruningPlan = text.join("_").parse().unwrap();
            for program in [Program::Mergekit, Program::LlmCompressor] {
                let Ok(written) = recipe::write(&plan, program, LAYERS, "org/model") else { continue };
                let read = Recipe::read(&written).unwrap().plan(LAYERS).unwrap();
                prop_assert_eq!(read, as_seen(&plan), "{}", written);
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text in "(slices|merge_method|a_stage|[ :\\-\n\\[\\]{}a-z0-9'])*") {
            let _ = Recipe::read(&text).map(|recipe| recipe.plan(LAYERS));
        }
    }

    #[test]
    fn recipes_as_their_programs_document_them_are_read() {
        let merge = "slices:\n- sources:\n  - {model: m/a, layer_range: [0, 8]}\n- sources:\n  - {model: m/a, layer_range: [9, 11]}\nmerge_method: passthrough\ndtype: float16\n";
        assert_eq!(plan(merge).unwrap(), "b8,b11");
        let sparse = "sparsity_stage:\n  run_type: oneshot\n  sparsity_modifiers:\n    SparseGPTModifier:\n      sparsity: 0.5\n      mask_structure: '2:4'\n      sequential_update: false\n      targets: ['re:model.layers.\\d*$.*', Linear]\n      ignore: [lm_head]\n";
        assert_eq!(plan(sparse).unwrap(), "sparsegpt-2:4");
        let magnitude = "prune_stage:\n  prune_modifiers:\n    MagnitudePruningModifier: {init_sparsity: 0.4, final_sparsity: 0.4, targets: __ALL_PRUNABLE__, ignore: 're:.*lm_head'}\n";
        assert_eq!(plan(magnitude).unwrap(), "magnitude-0.4");
        let scheme = "quant_stage:\n  quant_modifiers:\n    AWQModifier: {scheme: W4A16_ASYM, targets: [Linear], ignore: [lm_head, 're:.*mlp.*']}\n";
        assert_eq!(plan(scheme).unwrap(), "awq4-g128_on-attn");
    }

    #[test]
    fn what_a_plan_cannot_say_is_named() {
        let merge = |rest: &str| {
            format!("merge_method: passthrough\nslices:\n- sources:\n  - model: a\n    layer_range: [0, 12]\n{rest}")
        };
        let quant =
            |fields: &str| format!("q_stage:\n  q_modifiers:\n    GPTQModifier: {{targets: Linear, {fields}}}\n");
        let group =
            |weights: &str| quant(&format!("config_groups: {{g: {{targets: [Linear], weights: {{{weights}}}}}}}"));
        let sparse = |fields: &str| {
            format!("s_stage:\n  s_modifiers:\n    WandaPruningModifier: {{targets: Linear, {fields}}}\n")
        };
        for (text, says) in [
            ("a: [", "neither JSON nor YAML"),
            ("model: x", "no recipe"),
            ("merge_method: slerp\nslices: []", "merge_method slerp"),
            ("models: [a, b]\nmerge_method: passthrough", "models"),
            (&merge("- sources:\n  - {model: b, layer_range: [12, 13]}\n"), "the models a and b"),
            (&merge("- sources:\n  - {model: a, layer_range: [4, 8]}\n"), "layers 4 to 8 after 0 to 12"),
            (&merge("- sources:\n  - {model: a, layer_range: [12, 20]}\n"), "layers up to 20"),
            (&merge("tokenizer_source: union\n"), "tokenizer_source"),
            (
                &merge("").replace(
                    "    layer_range: [0, 12]\n",
                    "    layer_range: [0, 12]\n    parameters: {scale: [{filter: q_proj, value: 0.5}]}\n",
                ),
                "q_proj",
            ),
            // The first entry that fits counts: one without a filter fits all, and the next would do nothing.
            (
                &merge("").replace(
                    "    layer_range: [0, 12]\n",
                    "    layer_range: [0, 12]\n    parameters: {scale: [{value: 1.0}, {filter: o_proj, value: 0.0}]}\n",
                ),
                "o_proj",
            ),
            ("q_stage:\n  q_modifiers:\n    SmoothQuantModifier: {smoothing_strength: 0.8}\n", "SmoothQuantModifier"),
            (&quant("scheme: FP8"), "FP8"),
            (&quant("scheme: W4A16"), "W4A16"),
            (&group("num_bits: 5, group_size: 64, symmetric: false"), "num_bits: 5"),
            (&group("num_bits: 4, group_size: 48, symmetric: false"), "group_size: 48"),
            (&group("num_bits: 4, group_size: 64"), "symmetric"),
            (&group("num_bits: 4, group_size: 64, symmetric: false, type: float"), "float"),
            (&quant("scheme: W4A16_ASYM, actorder: group"), "actorder"),
            (&sparse("sparsity: 0.335"), "0.335"),
            (&sparse("sparsity: 0.95"), "0.95"),
            (&sparse("sparsity: [0.5, 0.4]"), "[0.5,0.4]"),
            (&sparse("sparsity: 0.5, mask_structure: '1:4'"), "1:4"),
            (&sparse("sparsity: 0.5, sparsity_profile: owl"), "owl"),
            (&sparse("sparsity: 0.5, ignore: [lm_head, 're:.*q_proj']"), "q_proj"),
            (&sparse("sparsity: 0.5, ignore: [lm_head, 're:.*layers.3.*']"), "some layers"),
            (&sparse("sparsity: 0.5, ignore: ['re:(']"), "re:("),
            // Valid in Python, but not read here.
            (&sparse("sparsity: 0.5, ignore: ['re:^(?!.*layers).*']"), "no lookaround"),
            // LLM Compressor would take the head, too.
            (&sparse("sparsity: 0.5"), "add ignore: [lm_head]"),
            (&quant("scheme: W4A16_ASYM"), "add ignore: [lm_head]"),
            (&quant("scheme: W4A16_ASYM").replace("Linear", "['re:.*']"), "add ignore: [lm_head]"),
            (&sparse("sparsity: 0.5, ignore: [Linear]"), "no matrix"),
        ] {
            let said = plan(text).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn blocks_behind_the_last_slice_are_dropped() {
        let plan: PruningPlan = "b10,b11".parse().unwrap();
        let written = recipe::write(&plan, Program::Mergekit, LAYERS, "m").unwrap();
        let recipe = Recipe::read(&written).unwrap();
        assert_eq!(recipe.plan(LAYERS).unwrap(), plan);
        assert_eq!(recipe.plan(LAYERS - 2).unwrap().drop, DroppedSublayers::default());
        assert!(recipe.plan(LAYERS - 3).unwrap_err().to_string().contains("layers up to 10"));
    }
}
