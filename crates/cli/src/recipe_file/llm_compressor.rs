//! LLM Compressor's modifiers that remove and round weights in one shot (<https://github.com/vllm-project/llm-compressor>).
//!
//! Which matrices they apply to is found by comparing their targets with the names of a Llama's, as it does.

use prunescope_protocol::prune::quantization::{BITS, GROUPS};
use prunescope_protocol::prune::sparsity::MAX_PERCENT;
use prunescope_protocol::prune::{
    LayerRange, MatrixGroup, Pattern, PruningPlan, Quantization, QuantizationMethod, Sparsity, SparsityMethod,
};
use regex::Regex;
use serde_json::{Map, Value, json};

use super::{Keys, RecipeFileError, cannot};

/// Names that stand for every matrix of a block.
const ALL_MATRICES: [&str; 3] = ["Linear", "__ALL_PRUNABLE__", "__ALL_QUANTIZABLE__"];
/// A Llama's matrices of a kind of sublayer, below `model.layers.N.`.
const MATRICES: [(MatrixGroup, &[&str]); 2] = [
    (MatrixGroup::Attention, &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]),
    (MatrixGroup::Mlp, &["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]),
];
/// A Llama's head, which LLM Compressor takes with `Linear` unless a recipe ignores it.
const HEAD: &str = "lm_head";
/// Said of rounding that a plan does not know.
const ROUNDING: &str = "weights are rounded in groups with a zero point: write W4A16_ASYM, or config_groups with num_bits, group_size and symmetric: false";
/// Said of numbers that the methods fix.
const FIXED: &str = "it is fixed: take it out of the recipe";
/// What says how the work is done, and not what comes of it.
const OF_THE_WORK: [&str; 5] =
    ["sequential_targets", "sequential_update", "offload_hessians", "offload_device", "save_compressed"];

/// The weights that a recipe removes and rounds; what does both removes first.
#[derive(Debug)]
pub(crate) struct WeightEdits {
    sparse: Option<(Sparsity, Targets)>,
    quant: Option<(Quantization, Targets)>,
}

impl WeightEdits {
    pub(super) fn read(recipe: Map<String, Value>) -> Result<Self, RecipeFileError> {
        let mut edits = Self { sparse: None, quant: None };
        for (name, fields) in modifiers(recipe)? {
            edits.add(&name, Keys::of(format!("{name}'s"), fields)?)?;
        }
        if edits.sparse.is_none() && edits.quant.is_none() {
            return cannot("a recipe without modifiers", "name one");
        }
        Ok(edits)
    }

    fn add(&mut self, name: &str, keys: Keys) -> Result<(), RecipeFileError> {
        let sparsity = match name {
            "WandaPruningModifier" => Some(SparsityMethod::Wanda),
            "SparseGPTModifier" => Some(SparsityMethod::SparseGpt),
            "MagnitudePruningModifier" | "MagnitudeModifier" => Some(SparsityMethod::Magnitude),
            _ => None,
        };
        let rounding = match name {
            "QuantizationModifier" => Some(QuantizationMethod::RoundToNearest),
            "AWQModifier" => Some(QuantizationMethod::ActivationAware),
            "GPTQModifier" => Some(QuantizationMethod::Gptq),
            _ => None,
        };
        match (sparsity, rounding) {
            (Some(_), _) if self.sparse.is_some() => cannot(format!("{name} after another of its kind"), "name one"),
            (_, Some(_)) if self.quant.is_some() => cannot(format!("{name} after another of its kind"), "name one"),
            (Some(method), _) => {
                self.sparse = Some(sparsity_of(method, keys)?);
                Ok(())
            }
            (_, Some(method)) => {
                self.quant = Some(quantization_of(method, keys)?);
                Ok(())
            }
            _ => cannot(name, "use the modifiers of magnitude, Wanda, SparseGPT, rounding to nearest, AWQ or GPTQ"),
        }
    }

    pub(super) fn plan(&self, layers: usize) -> Result<PruningPlan, RecipeFileError> {
        let places =
            [self.sparse.as_ref().map(|(_, targets)| targets), self.quant.as_ref().map(|(_, targets)| targets)];
        let places: Vec<_> =
            places.into_iter().flatten().map(|targets| targets.places(layers)).collect::<Result<_, _>>()?;
        let (on, range) = places.first().copied().unwrap_or_default();
        if places.iter().any(|other| *other != (on, range)) {
            return cannot("other targets for removing than for rounding", "give both the same targets");
        }
        let (sparse, quant) = (self.sparse.as_ref().map(|of| of.0), self.quant.as_ref().map(|of| of.0));
        Ok(PruningPlan { sparse, quant, on, layers: range, ..PruningPlan::default() })
    }
}

/// The modifiers of all stages.
fn modifiers(recipe: Map<String, Value>) -> Result<Vec<(String, Value)>, RecipeFileError> {
    let mut found = vec![];
    for (name, value) in recipe {
        let of_stage = if name.ends_with("_stage") {
            let mut stage = Keys::of(format!("{name}'s"), value)?;
            stage.only("run_type", &json!("oneshot"), "only one shot is done")?;
            stage.left
        } else {
            Map::from_iter([(name, value)])
        };
        for (name, value) in of_stage {
            match value {
                Value::Object(modifiers) if name.ends_with("_modifiers") => found.extend(modifiers),
                value => return cannot(format!("{name}: {value}"), "write modifiers, by their names, in stages"),
            }
        }
    }
    Ok(found)
}

/// What a modifier that removes weights does.
fn sparsity_of(method: SparsityMethod, mut keys: Keys) -> Result<(Sparsity, Targets), RecipeFileError> {
    let share = keys.take("sparsity").or_else(|| keys.take("final_sparsity")).unwrap_or(Value::Null);
    keys.only("init_sparsity", &share, "weights are removed at once: write the same as final_sparsity")?;
    keys.ignore(&OF_THE_WORK);
    keys.only("block_size", &json!(128), FIXED)?;
    keys.only("dampening_frac", &json!(0.01), FIXED)?;
    keys.only("preserve_sparsity_mask", &json!(false), "take it out of the recipe")?;
    let mask = keys.take("mask_structure").unwrap_or_else(|| json!("0:0"));
    let percent = share.as_f64().map(|share| 100.0 * share);
    let whole = percent.filter(|percent| (percent - percent.round()).abs() < 1e-6).map(f64::round);
    let in_range = whole.filter(|percent| (0.0..=f64::from(MAX_PERCENT)).contains(percent));
    let pattern = match (in_range, mask.as_str()) {
        (None, _) => {
            return cannot(format!("{} sparsity {share}", keys.of), "write a share from 0 to 0.9 in hundredths");
        }
        (Some(percent), Some("0:0" | "unstructured")) => Pattern::Percent(percent as u8),
        (Some(50.0), Some("2:4")) => Pattern::TwoOfFour,
        (Some(50.0), Some("4:8")) => Pattern::FourOfEight,
        _ => {
            return cannot(
                format!("{} mask_structure {mask} with the sparsity {share}", keys.of),
                "write 0:0, or 2:4 or 4:8 with 0.5",
            );
        }
    };
    let targets = Targets::read(keys.list("targets"), keys.list("ignore"))?;
    keys.end()?;
    Ok((Sparsity { method, pattern }, targets))
}

/// What a modifier that rounds weights does.
fn quantization_of(method: QuantizationMethod, mut keys: Keys) -> Result<(Quantization, Targets), RecipeFileError> {
    keys.ignore(&OF_THE_WORK);
    keys.only("block_size", &json!(128), FIXED)?;
    keys.only("dampening_frac", &json!(0.01), FIXED)?;
    let (scheme, groups) = (keys.take("scheme"), keys.take("config_groups"));
    let (mut targets, ignored) = (keys.list("targets"), keys.list("ignore"));
    let of = keys.of.clone();
    keys.end()?;
    let (bits, group) = match (scheme, groups) {
        (Some(Value::String(scheme)), None) if scheme.eq_ignore_ascii_case("W4A16_ASYM") => (4, 128),
        (Some(scheme), None) => return cannot(format!("the scheme {scheme}"), ROUNDING),
        (None, Some(Value::Object(groups))) if groups.len() == 1 => {
            let mut keys =
                Keys::of("the group's", groups.into_iter().next().map(|(_, group)| group).unwrap_or_default())?;
            let of_group = keys.list("targets");
            targets = if of_group.is_empty() { targets } else { of_group };
            let weights = Keys::of("the weights'", keys.take("weights").unwrap_or_default())?;
            keys.end()?;
            rounding(weights)?
        }
        _ => return cannot(format!("{of} none or several schemes and config_groups"), "give one scheme or one group"),
    };
    Ok((Quantization { method, bits, group }, Targets::read(targets, ignored)?))
}

/// Bits and group size.
fn rounding(mut weights: Keys) -> Result<(u8, u16), RecipeFileError> {
    weights.only("type", &json!("int"), ROUNDING)?;
    weights.only("strategy", &json!("group"), ROUNDING)?;
    weights.only("dynamic", &json!(false), ROUNDING)?;
    if weights.take("symmetric") != Some(json!(false)) {
        return cannot("symmetric rounding", ROUNDING);
    }
    let (bits, group) = (weights.take("num_bits").unwrap_or_default(), weights.take("group_size").unwrap_or_default());
    weights.end()?;
    let known = BITS.into_iter().find(|known| bits.as_u64() == Some(u64::from(*known)));
    let Some(known_bits) = known else { return cannot(format!("num_bits: {bits}"), "write 8, 4, 3 or 2") };
    let known = GROUPS.into_iter().find(|known| group.as_u64() == Some(u64::from(*known)));
    let Some(known_group) = known else { return cannot(format!("group_size: {group}"), "write 32, 64 or 128") };
    Ok((known_bits, known_group))
}

/// The matrices that a modifier applies to.
#[derive(Debug)]
struct Targets {
    named: Vec<Target>,
    ignored: Vec<Target>,
}

/// Some matrices.
#[derive(Debug)]
enum Target {
    All,
    Name(String),
    /// Matches from the beginning of a name on, as Python's `re.match`.
    Pattern(Regex),
}

impl Target {
    fn read(value: &Value) -> Result<Self, RecipeFileError> {
        match value.as_str().map(|text| (text, text.strip_prefix("re:"))) {
            Some((text, None)) if ALL_MATRICES.contains(&text) => Ok(Self::All),
            Some((text, None)) => Ok(Self::Name(text.into())),
            Some((text, Some(pattern))) => match Regex::new(&format!("^(?:{pattern})")) {
                Ok(pattern) => Ok(Self::Pattern(pattern)),
                Err(_) => cannot(
                    format!("the target {text}"),
                    "it does not read this pattern (no lookaround, no backreferences, no flags): name the matrices",
                ),
            },
            None => cannot(format!("the target {value}"), "write a text"),
        }
    }

    fn takes(&self, matrix: &str) -> bool {
        match self {
            Self::All => true,
            Self::Name(name) => name == matrix,
            Self::Pattern(pattern) => pattern.is_match(matrix),
        }
    }
}

impl Targets {
    fn read(named: Vec<Value>, ignored: Vec<Value>) -> Result<Self, RecipeFileError> {
        let read = |of: Vec<Value>| of.iter().map(Target::read).collect::<Result<Vec<_>, _>>();
        let (named, ignored) = (read(named)?, read(ignored)?);
        Ok(Self { named: if named.is_empty() { vec![Target::All] } else { named }, ignored })
    }

    /// The same as a plan says it: kinds of sublayers, and a range of layers.
    fn places(&self, layers: usize) -> Result<(MatrixGroup, Option<LayerRange>), RecipeFileError> {
        let takes = |name: &str| {
            self.named.iter().any(|target| target.takes(name)) && !self.ignored.iter().any(|target| target.takes(name))
        };
        if takes(HEAD) {
            return cannot(format!("{HEAD}, which a plan never touches"), "add ignore: [lm_head]");
        }
        let mut taken = [vec![], vec![]];
        for layer in 0..layers {
            for (at, (_, matrices)) in MATRICES.iter().enumerate() {
                let names = matrices.iter().map(|matrix| format!("model.layers.{layer}.{matrix}"));
                let (of_it, others): (Vec<_>, Vec<_>) = names.partition(|name| takes(name));
                match (of_it.is_empty(), others.first()) {
                    (true, _) => {}
                    (false, None) => taken[at].push(layer),
                    (false, Some(other)) => {
                        return cannot(format!("targets without {other}"), "take all matrices of a sublayer");
                    }
                }
            }
        }
        let (on, of) = match taken {
            [attention, mlp] if attention == mlp => (MatrixGroup::All, attention),
            [attention, mlp] if mlp.is_empty() => (MATRICES[0].0, attention),
            [attention, mlp] if attention.is_empty() => (MATRICES[1].0, mlp),
            _ => return cannot("attention of some layers and MLPs of others", "take the same layers of both"),
        };
        let (Some(first), Some(last)) = (of.first().copied(), of.last().copied()) else {
            return cannot("targets that are no matrix of a block", "name Linear, or matrices as a Llama has them");
        };
        if of.len() != last - first + 1 {
            return cannot("some layers with others between them", "take one range of layers");
        }
        Ok((on, (of.len() < layers).then_some(LayerRange { first, last })))
    }
}
