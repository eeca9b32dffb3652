//! What stands beside saved safetensors, as transformers reads it: `config.json`, and the conversion of a GGUF file's tensors.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Content, OriginalTensor, Outline, SaveError, SavedTensor, Values};
use crate::config::{DecoderConfig, RopeScaling, Rotary};
use crate::layout::{self, Format, Role};
use crate::load_error::LoadError;
use crate::tensor_names::{block_of, hub_name};
use prunescope_protocol::model::family::Family;
use prunescope_protocol::model::repository::DescriptionError;
use prunescope_quant::TensorType;

/// Keys of `config.json` that may have a value for each layer.
const LISTS: [&str; 4] = ["layer_types", "num_attention_heads", "num_key_value_heads", "intermediate_size"];
/// Keys for the number of blocks.
const COUNTS: [&str; 2] = ["num_hidden_layers", "n_layer"];
/// Keys for the type in which transformers loads the weights: the present one, and the one before transformers 4.56.
const TYPE_KEYS: [&str; 2] = ["dtype", "torch_dtype"];

/// The families that a GGUF file can be converted from: their `model_type` and class in transformers.
fn class_of(family: Family) -> Option<(&'static str, &'static str)> {
    match family {
        Family::Llama => Some(("llama", "LlamaForCausalLM")),
        Family::Qwen2 => Some(("qwen2", "Qwen2ForCausalLM")),
        Family::Qwen3 => Some(("qwen3", "Qwen3ForCausalLM")),
        _ => None,
    }
}

/// The saved model's `config.json`, from the original's.
///
/// # Errors
/// A text that is not JSON.
pub fn edited_config(
    text: &str,
    config: &DecoderConfig,
    outline: &Outline,
    originals: &[OriginalTensor],
    tensors: &[SavedTensor],
) -> Result<String, SaveError> {
    let wrong = |why: String| LoadError::from(DescriptionError { file: "config.json".into(), why });
    let mut root: Value = serde_json::from_str(text).map_err(|why| wrong(why.to_string()))?;
    let dtype = dtype(originals, tensors);
    set_dtype(&mut root, dtype);
    // Multimodal models have the language model's configuration in this section.
    let section = if root["text_config"].is_object() { &mut root["text_config"] } else { &mut root };
    set_dtype(section, dtype);
    let map = section.as_object_mut().ok_or_else(|| wrong("it is not an object".into()))?;
    for key in COUNTS {
        if let Some(count) = map.get_mut(key) {
            *count = outline.blocks.len().into();
        }
    }
    // The place of a layer no longer tells whether it has a window.
    if config.windowed.contains(&true) && config.windowed.contains(&false) {
        let kind = |windowed: &bool| if *windowed { "sliding_attention" } else { "full_attention" };
        map.insert("layer_types".into(), config.windowed.iter().map(kind).collect());
    }
    for key in LISTS {
        if let Some(Value::Array(list)) = map.get_mut(key)
            && list.len() == config.layers
        {
            *list = outline.blocks.iter().map(|block| list[block.from].clone()).collect();
        }
    }
    if config.family == Family::Llama {
        biases(map, tensors);
    }
    serde_json::to_string_pretty(&root).map_err(|why| wrong(why.to_string()).into())
}

/// Sets the type in which transformers loads the weights, unless they have the original's.
fn set_dtype(section: &mut Value, dtype: Option<&str>) {
    let (Some(dtype), Some(map)) = (dtype, section.as_object_mut()) else { return };
    for key in TYPE_KEYS {
        map.insert(key.into(), dtype.into());
    }
}

/// Sets what transformers' Llama is told of its biases.
fn biases(map: &mut Map<String, Value>, tensors: &[SavedTensor]) {
    for (key, within) in [("attention_bias", ".self_attn."), ("mlp_bias", ".mlp.")] {
        // Encoders of pictures have tensors of such names, too, and biases of their own.
        let has = |tensor: &SavedTensor| {
            block_of(&tensor.name).is_some() && tensor.name.contains(within) && tensor.name.ends_with(".bias")
        };
        map.insert(key.into(), tensors.iter().any(has).into());
    }
}

/// The type in which transformers keeps all saved numbers as they are; `None` if all are the original's.
fn dtype(originals: &[OriginalTensor], tensors: &[SavedTensor]) -> Option<&'static str> {
    if tensors.iter().all(|tensor| !matches!(tensor.content, Content::Computed { .. })) {
        return None;
    }
    let type_of = |tensor: &SavedTensor| match &tensor.content {
        Content::Computed { tensor_type, .. } => Some(*tensor_type),
        _ => originals[tensor.original].info.tensor_type.clone().ok(),
    };
    let types: BTreeSet<&str> = tensors.iter().filter_map(type_of).map(TensorType::name).collect();
    Some(match types.first() {
        Some(&"F16") if types.len() == 1 => "float16",
        Some(&"BF16") if types.len() == 1 => "bfloat16",
        _ => "float32",
    })
}

/// Checks that a GGUF file's model can be written as safetensors, and that its tensors can be read.
///
/// # Errors
/// [`SaveError::NotAsSafetensors`], or [`SaveError::Load`] for a tensor of another shape than the configuration implies, of an unsupported
/// type, or that the model does not have.
pub fn check(config: &DecoderConfig, architecture: &str, originals: &[OriginalTensor]) -> Result<(), SaveError> {
    let refused = |what: String| Err(SaveError::NotAsSafetensors { what });
    if class_of(config.family).is_none() {
        return refused(format!("a GGUF file of the architecture {architecture}"));
    }
    if let Some(factors) = originals.iter().find(|tensor| tensor.info.name.starts_with("rope_")) {
        return refused(format!("a GGUF file with its own rotary factors (tensor `{}`)", factors.info.name));
    }
    match &config.rotary {
        // transformers rotates whole heads in these families: no key of their configurations says otherwise.
        Some(Rotary { dimensions, .. }) if *dimensions != config.head_dim => {
            let width = config.head_dim;
            return refused(format!("a GGUF file that rotates {dimensions} of the {width} numbers of a head"));
        }
        Some(Rotary { scaling: RopeScaling::None | RopeScaling::Linear { .. } | RopeScaling::Yarn { .. }, .. }) => {}
        _ => return refused("a GGUF file with these rotary positions".into()),
    }
    for OriginalTensor { info, .. } in originals {
        match layout::role(config, Format::Gguf, &info.name) {
            Role::Part(mapping) => mapping.check(config, info)?,
            Role::NotItsOwn => return Err(LoadError::NotItsOwn { tensor: info.name.clone() }.into()),
            Role::Nothing => {}
        }
    }
    Ok(())
}

/// The tensors of a GGUF file's saved model as those of a safetensors file.
///
/// * `weights`: the type of all numbers.
pub fn converted(
    tensors: Vec<SavedTensor>,
    originals: &[OriginalTensor],
    config: &DecoderConfig,
    weights: TensorType,
) -> Vec<SavedTensor> {
    let convert = |tensor: SavedTensor| {
        let name = hub_name(config.family, &tensor.name)?;
        let shape = originals[tensor.original].info.shape.clone();
        let (values, shape) = match tensor.content {
            Content::Copied => (Values::Converted, shape),
            Content::Zeros => (Values::Zero, shape),
            Content::Computed { values, shape, .. } => (values, shape),
        };
        Some(SavedTensor { name, content: Content::Computed { values, tensor_type: weights, shape }, ..tensor })
    };
    tensors.into_iter().filter_map(convert).collect()
}

/// The `config.json` of a GGUF file's saved model, which passed [`check`].
///
/// * `ends`: ids of the tokens that end a text.
pub fn config_of(config: &DecoderConfig, tensors: &[SavedTensor], outline: &Outline, ends: &[u32]) -> String {
    let (model_type, class) = class_of(config.family).unwrap_or_default();
    let is_tied = !tensors.iter().any(|tensor| tensor.name == config.family.head_name());
    let mut out = json!({
        "architectures": [class],
        "model_type": model_type,
        "dtype": dtype(&[], tensors),
        "eos_token_id": ends,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "hidden_size": config.hidden,
        "intermediate_size": config.feed_forward,
        "max_position_embeddings": config.context,
        "num_attention_heads": config.heads,
        "num_hidden_layers": outline.blocks.len(),
        "num_key_value_heads": config.key_value_heads,
        "rms_norm_eps": config.norm_epsilon,
        "tie_word_embeddings": is_tied,
        "use_sliding_window": false,
        "vocab_size": config.vocabulary,
    });
    if let (Some(map), Some(rotary)) = (out.as_object_mut(), &config.rotary) {
        let parameters = rope_parameters(rotary);
        // Both where transformers 5 looks and where older versions do.
        map.insert("rope_theta".into(), rotary.base.into());
        if rotary.scaling != RopeScaling::None {
            map.insert("rope_scaling".into(), parameters.clone());
        }
        map.insert("rope_parameters".into(), parameters);
        if config.family != Family::Qwen2 {
            biases(map, tensors);
        }
    }
    format!("{out:#}")
}

/// What transformers calls the scaling of rotary positions.
fn rope_parameters(rotary: &Rotary) -> Value {
    let base = rotary.base;
    match rotary.scaling {
        RopeScaling::Linear { factor } => json!({ "rope_type": "linear", "rope_theta": base, "factor": factor }),
        RopeScaling::Yarn { factor, original, fast, slow, truncate, magnitude } => json!({
            "rope_type": "yarn",
            "rope_theta": base,
            "factor": factor,
            "original_max_position_embeddings": original as u64,
            "beta_fast": fast,
            "beta_slow": slow,
            "truncate": truncate,
            "attention_factor": magnitude,
        }),
        _ => json!({ "rope_type": "default", "rope_theta": base }),
    }
}

#[cfg(test)]
mod tests {
    use prunescope_protocol::prune::PruningPlan;

    use super::*;
    use crate::config::{from_gguf, from_hub};
    use crate::gguf::Gguf;
    use crate::tensor::TensorInfo;

    fn text(family: &str) -> String {
        let path = format!("{}/../../tests/fixtures/families/{family}/config.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    }

    fn tensor(name: &str, tensor_type: Option<TensorType>) -> SavedTensor {
        let content = match tensor_type {
            Some(tensor_type) => Content::Computed { values: Values::Zero, tensor_type, shape: vec![4] },
            None => Content::Copied,
        };
        SavedTensor { name: name.into(), original: 0, content }
    }

    /// The configuration of a family's fixture, whose tensors are BF16, under a plan.
    fn edited(family: &str, plan: &str, tensors: &[SavedTensor]) -> (DecoderConfig, DecoderConfig, Value) {
        let text = text(family);
        let before = from_hub(&text, "x").unwrap();
        let plan: PruningPlan = plan.parse().unwrap();
        let outline = Outline::of(&plan, before.layers, true).unwrap();
        let info =
            TensorInfo { name: "t".into(), shape: vec![4], tensor_type: Ok(TensorType::BF16), offset: 0, bytes: 8 };
        let originals = [OriginalTensor { info, file: 0 }];
        let after = edited_config(&text, &before, &outline, &originals, tensors).unwrap();
        (before, from_hub(&after, "x").unwrap(), serde_json::from_str(&after).unwrap())
    }

    #[test]
    fn layers_keep_their_windows_when_blocks_move() {
        let (before, after, _) = edited("gemma3", "b0,b3", &[]);
        let kept: Vec<bool> = [1, 2, 4, 5].map(|layer: usize| before.windowed[layer]).into();
        assert_eq!((after.layers, after.windowed), (4, kept));
        let (before, after, json) = edited("gpt2", "b0", &[]);
        assert_eq!((before.layers, after.layers, &json["n_layer"]), (2, 1, &1.into()));
    }

    #[test]
    fn the_type_is_one_that_holds_all_numbers() {
        let dtype = |tensors: &[SavedTensor]| edited("llama", "m0", tensors).2["dtype"].clone();
        let (own, half) = (tensor("a.weight", None), tensor("b.weight", Some(TensorType::F16)));
        assert_eq!(dtype(std::slice::from_ref(&own)), "bfloat16");
        assert_eq!(dtype(&[own, half.clone()]), "float32");
        assert_eq!(dtype(&[half]), "float16");
    }

    #[test]
    fn biases_are_announced() {
        let bias = |name: &str| tensor(name, Some(TensorType::F32));
        let flags = |tensors: &[SavedTensor]| {
            let (_, _, json) = edited("llama", "m0", tensors);
            [&json["attention_bias"], &json["mlp_bias"]].map(|flag| flag == true)
        };
        assert_eq!(flags(&[]), [false, false]);
        assert_eq!(flags(&[bias("model.layers.0.mlp.down_proj.bias")]), [false, true]);
        assert_eq!(flags(&[bias("model.layers.0.self_attn.o_proj.bias")]), [true, false]);
        assert_eq!(flags(&[bias("model.language_model.layers.0.mlp.up_proj.bias")]), [false, true]);
        // LLaVA's encoder of pictures.
        let of_pictures = ["self_attn.q_proj.bias", "mlp.fc1.bias"]
            .map(|part| bias(&format!("vision_tower.vision_model.encoder.layers.0.{part}")));
        assert_eq!(flags(&of_pictures), [false, false]);
    }

    /// The configuration and the tensors of a GGUF file of the family Llama.
    fn tiny() -> (DecoderConfig, Vec<OriginalTensor>) {
        let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tiny.gguf")).unwrap();
        let file = Gguf::parse(&bytes, bytes.len() as u64).unwrap();
        let originals = file.tensors.iter().map(|info| OriginalTensor { info: info.clone(), file: 0 }).collect();
        (from_gguf(&file).unwrap(), originals)
    }

    /// What [`check`] says of the tiny model with one tensor changed.
    fn checked(name: &str, change: impl FnOnce(&mut TensorInfo)) -> Result<(), SaveError> {
        let (config, mut originals) = tiny();
        change(&mut originals.iter_mut().find(|tensor| tensor.info.name == name).unwrap().info);
        check(&config, "llama", &originals)
    }

    #[test]
    fn tensors_that_cannot_be_converted_are_refused() {
        let query = "blk.2.attn_q.weight";
        assert_eq!(checked(query, |_| {}), Ok(()));
        let unread = checked(query, |info| info.tensor_type = Err("IQ2_XXS".into()));
        assert_eq!(unread, Err(LoadError::TensorType { tensor: query.into(), found: "IQ2_XXS".into() }.into()));
        let narrow = checked(query, |info| info.shape[0] /= 2);
        assert!(matches!(narrow, Err(SaveError::Load(LoadError::Shape { .. }))), "{narrow:?}");
        let foreign = checked(query, |info| info.name = "blk.2.attn_q_norm.weight".into());
        assert!(matches!(foreign, Err(SaveError::Load(LoadError::NotItsOwn { .. }))), "{foreign:?}");
        // What the model does not use is not read.
        assert_eq!(checked(query, |info| (info.name, info.shape) = ("unused".into(), vec![3])), Ok(()));
    }

    #[test]
    fn heads_of_which_only_a_part_is_rotated_are_refused() {
        let (mut config, originals) = tiny();
        let dimensions = config.head_dim / 2;
        config.rotary.as_mut().unwrap().dimensions = dimensions;
        let refused = check(&config, "llama", &originals).unwrap_err().to_string();
        assert!(refused.contains(&format!("rotates {dimensions} of the {} numbers", 2 * dimensions)), "{refused}");
    }
}
