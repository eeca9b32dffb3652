//! Parses a decoder's configuration from a Hugging Face repository's `config.json`.
//!
//! Source: the configuration classes of transformers 5 (`configuration_*.py`, `modeling_rope_utils.py`). Keys are
//! looked up in all places that transformers accepts. A missing key has transformers' default, but those that determine
//! the shape are required.

use prunescope_protocol::model::family::{Activation, Family};
use prunescope_protocol::model::repository::DescriptionError;
use serde_json::{Map, Value};

use super::{
    DecoderConfig, GEMMA_PATTERN, GEMMA_WINDOW_BASE, LONGEST, MOST_HEADS, MOST_LAYERS, OptionalParts, Presence,
    ROPE_BASE, RopeScaling, Rotary, WIDEST, YARN_TURNS, checked, pattern,
};
use crate::load_error::LoadError;

/// Largest vocabulary that is accepted, in tokens.
const MOST_TOKENS: u64 = 1 << 24;
/// Gemma 3: rotary base frequency of layers without a window, if the file does not state it.
const GEMMA_BASE: f64 = 1_000_000.0;
/// Attention window in tokens if the file does not state it.
const DEFAULT_WINDOW: usize = 4096;
/// Suffixes of the names of model classes that predict the next token.
const LANGUAGE_MODELS: [&str; 3] = ["ForCausalLM", "LMHeadModel", "ForConditionalGeneration"];

/// Parses the configuration from a repository's `config.json`.
///
/// * `name` — the model's name.
///
/// # Errors
/// A text that is not JSON, a model that is not a language model, an unsupported `model_type` or feature, quantized
/// weights, a missing key or one of the wrong type, or numbers that do not fit together.
pub fn from_hub(text: &str, name: &str) -> Result<DecoderConfig, LoadError> {
    let root: Map<String, Value> = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    // Multimodal models have the language model's configuration in this section.
    let map = root.get("text_config").and_then(Value::as_object).unwrap_or(&root);
    let (root, keys) = (Keys(&root), Keys(map));
    let model_type = keys.text("model_type")?.ok_or_else(|| wrong("`model_type` is missing".into()))?;
    let family = Family::from_hub(model_type).ok_or_else(|| LoadError::architecture(model_type))?;
    check_kind(&root, &keys, family)?;
    refuse_variants(&keys, family)?;
    let layers = keys.needed_count(&["num_hidden_layers", "n_layer"], MOST_LAYERS)?;
    let heads = keys.needed_count(&["num_attention_heads", "n_head"], MOST_HEADS)?;
    let hidden = keys.needed_count(&["hidden_size", "n_embd"], WIDEST)?;
    // `null` means hidden / heads; a missing key means the class's own default.
    let default_width = match family {
        Family::Qwen3 if !keys.has("head_dim") => 128,
        Family::Gemma3 if !keys.has("head_dim") => 256,
        _ => hidden / heads,
    };
    let head_dim = keys.count(&["head_dim"], WIDEST)?.unwrap_or(default_width);
    let default_heads = match family {
        Family::Mistral if !keys.has("num_key_value_heads") => 8,
        Family::Qwen2 | Family::Qwen3 if !keys.has("num_key_value_heads") => 32,
        Family::Gemma3 if !keys.has("num_key_value_heads") => 4,
        _ => heads,
    };
    let trained = keys.count(&["max_position_embeddings", "n_positions"], LONGEST)?.unwrap_or(default_context(family));
    let rotary = (family != Family::Gpt2).then(|| rotary(&keys, family, head_dim, trained)).transpose()?;
    let (rotary, context) = rotary.map_or((None, trained), |(rotary, context)| (Some(rotary), context));
    let inner = keys.count(&["intermediate_size", "n_inner"], WIDEST)?;
    let inner = inner.or((family == Family::Gpt2).then_some(4 * hidden));
    let (window, windowed) = windows(&keys, family, layers)?;
    let query_scale = keys.float("query_pre_attn_scalar")?.or(keys.has_not("query_pre_attn_scalar", 256.0));
    let scaled_width = query_scale.filter(|_| family == Family::Gemma3).unwrap_or(head_dim as f64);
    let parallel = keys.flag("use_parallel_residual")?.unwrap_or(true);
    let bias = |of_family: Option<Presence>, key: &str, default: bool| match of_family {
        Some(presence) => Ok(presence),
        None => Ok::<_, LoadError>(Presence::of(keys.flag(key)?.unwrap_or(default))),
    };
    let is_neox = family == Family::GptNeoX;
    let ties = keys.flag("tie_word_embeddings")?.or(root.flag("tie_word_embeddings")?);
    let ties = ties.unwrap_or(matches!(family, Family::Gemma3 | Family::Gpt2));
    checked(DecoderConfig {
        name: name.into(),
        family,
        layers,
        hidden,
        feed_forward: inner.ok_or_else(|| missing("intermediate_size"))?,
        heads,
        key_value_heads: keys.count(&["num_key_value_heads"], MOST_HEADS)?.unwrap_or(default_heads),
        head_dim,
        vocabulary: keys.needed_count(&["vocab_size"], MOST_TOKENS)?,
        context,
        norm_epsilon: epsilon(&keys, family)?,
        activation: activation(&keys, family)?,
        rotary,
        window,
        windowed,
        attention_scale: scaled_width.powf(-0.5),
        embedding_scale: if family == Family::Gemma3 { (hidden as f64).sqrt() } else { 1.0 },
        parallel: family.parallel() && parallel,
        parts: OptionalParts {
            attention_bias: bias(family.attention_bias(), "attention_bias", is_neox)?,
            output_bias: bias(family.output_bias(), "attention_bias", is_neox)?,
            mlp_bias: bias(family.mlp_bias(), "mlp_bias", false)?,
            head: Presence::of(!ties),
        },
    })
}

/// Longest context in tokens if the file does not state it.
fn default_context(family: Family) -> usize {
    match family {
        Family::Gpt2 => 1024,
        Family::Llama | Family::GptNeoX | Family::Phi => 2048,
        Family::Phi3 => 4096,
        Family::Qwen2 | Family::Qwen3 => 32_768,
        Family::Mistral | Family::Gemma3 => 131_072,
    }
}

fn wrong(why: String) -> LoadError {
    DescriptionError { file: "config.json".into(), why }.into()
}

fn missing(key: &str) -> LoadError {
    wrong(format!("`{key}` is missing"))
}

/// Checks that this is a language model whose weights are not quantized.
fn check_kind(root: &Keys<'_>, keys: &Keys<'_>, family: Family) -> Result<(), LoadError> {
    let other = |what: String| Err(LoadError::NotALanguageModel { what });
    for keys in [root, keys] {
        if keys.flag("is_causal")? == Some(false) {
            return other(
                "an embedding model: it reads a text in both directions (`is_causal` in config.json is false)".into(),
            );
        }
        for key in ["use_bidirectional_attention", "bidirectional"] {
            let value = keys.0.get(key);
            if value.is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false))) {
                return other(format!(
                    "an embedding model: it reads a text in both directions (`{key}` in config.json)"
                ));
            }
        }
    }
    let classes = root.texts("architectures")?.unwrap_or_default();
    if let Some(class) = classes.first().filter(|class| !LANGUAGE_MODELS.iter().any(|end| class.ends_with(end))) {
        let kind = if class.contains("Classification") {
            "a classifier"
        } else if class.contains("Embedding") || class.ends_with("TextEncoder") {
            "an embedding model"
        } else if class.ends_with("Model") {
            "the base of a model, without the head that predicts the next token"
        } else {
            "a model for another task"
        };
        return other(format!("{kind} (`architectures` in config.json is {class})"));
    }
    for keys in [root, keys] {
        for key in ["quantization_config", "compression_config"] {
            let Some(Value::Object(how)) = keys.0.get(key) else { continue };
            let how = Keys(how);
            let method = how.text("quant_method")?.unwrap_or("a method that it does not name");
            let four_bits = how.flag("load_in_4bit")? == Some(true) || how.float("bits").ok().flatten() == Some(4.0);
            return Err(LoadError::Quantized {
                method: if four_bits { format!("{method}, 4 bits") } else { method.into() },
            });
        }
        if keys.0.get("per_layer_config").is_some_and(|value| !value.is_null()) {
            return Err(LoadError::Unsupported { what: "layers of different shapes (`per_layer_config`)".into() });
        }
    }
    if family == Family::Gpt2 && keys.flag("add_cross_attention")? == Some(true) {
        return other(
            "the decoder of a model that reads something else too (`add_cross_attention` in config.json)".into(),
        );
    }
    Ok(())
}

/// Refuses variants of a family that are not implemented.
fn refuse_variants(keys: &Keys<'_>, family: Family) -> Result<(), LoadError> {
    let refused = |key: &str| Err(LoadError::Unsupported { what: format!("`{key}`") });
    let flags: &[&str] = match family {
        Family::Gpt2 => &["scale_attn_by_inverse_layer_idx"],
        Family::Phi => &["qk_layernorm"],
        Family::Gemma3 => &["attention_bias"],
        _ => &[],
    };
    for key in flags {
        if keys.flag(key)? == Some(true) {
            return refused(key);
        }
    }
    if family == Family::Gpt2 && keys.flag("scale_attn_weights")? == Some(false) {
        return refused("scale_attn_weights");
    }
    if family == Family::Gemma3 {
        for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
            if keys.float(key)?.is_some() {
                return refused(key);
            }
        }
    }
    Ok(())
}

fn epsilon(keys: &Keys<'_>, family: Family) -> Result<f64, LoadError> {
    let (key, default) = match family {
        Family::Gpt2 => ("layer_norm_epsilon", 1e-5),
        Family::GptNeoX | Family::Phi => ("layer_norm_eps", 1e-5),
        Family::Phi3 => ("rms_norm_eps", 1e-5),
        _ => ("rms_norm_eps", 1e-6),
    };
    Ok(keys.float(key)?.unwrap_or(default))
}

/// The MLP's activation function, by its name in transformers (`activations.py`).
fn activation(keys: &Keys<'_>, family: Family) -> Result<Activation, LoadError> {
    let key = match family {
        Family::Gpt2 => "activation_function",
        Family::Gemma3 => "hidden_activation",
        _ => "hidden_act",
    };
    match keys.text(key)? {
        None => Ok(family.activation()),
        Some("silu" | "swish") => Ok(Activation::Silu),
        Some("gelu" | "gelu_python") => Ok(Activation::Gelu),
        Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_fast" | "gelu_accurate") => {
            Ok(Activation::GeluTanh)
        }
        Some(other) => Err(LoadError::Unsupported { what: format!("the activation `{other}`") }),
    }
}

/// The attention window in tokens, and for each layer whether it has the window.
fn windows(keys: &Keys<'_>, family: Family, layers: usize) -> Result<(Option<usize>, Vec<bool>), LoadError> {
    let kinds = keys.texts("layer_types")?;
    if let Some(kinds) = kinds.as_ref().filter(|kinds| kinds.len() != layers) {
        return Err(wrong(format!("`layer_types` lists {} layers, `num_hidden_layers` is {layers}", kinds.len())));
    }
    let window = keys.count(&["sliding_window"], LONGEST)?;
    let alternates = matches!(family, Family::Qwen2 | Family::Qwen3 | Family::Gemma3);
    let window = match family {
        Family::Phi3 => window,
        Family::Mistral | Family::Gemma3 => window.or(keys.has_not("sliding_window", DEFAULT_WINDOW)),
        Family::Qwen2 | Family::Qwen3 if keys.flag("use_sliding_window")? == Some(true) => {
            window.or(keys.has_not("sliding_window", DEFAULT_WINDOW))
        }
        _ => None,
    };
    if let Some(kinds) = kinds.filter(|_| alternates) {
        let known = ["full_attention", "sliding_attention"];
        if let Some(kind) = kinds.iter().find(|kind| !known.contains(kind)) {
            return Err(LoadError::Unsupported { what: format!("layers of the kind `{kind}` (`layer_types`)") });
        }
        let windowed: Vec<bool> = kinds.iter().map(|kind| *kind == "sliding_attention").collect();
        if window.is_none() && windowed.contains(&true) {
            return Err(wrong("`layer_types` lists layers with a window, and no `sliding_window` is used".into()));
        }
        return Ok((window, windowed));
    }
    let windowed = match (window, family) {
        (None, _) => vec![false; layers],
        (_, Family::Gemma3) => {
            let every = keys.count(&["sliding_window_pattern", "_sliding_window_pattern"], MOST_LAYERS)?;
            pattern(layers, every.unwrap_or(GEMMA_PATTERN))
        }
        (_, Family::Qwen2 | Family::Qwen3) => {
            let first = keys.float("max_window_layers")?.unwrap_or(28.0);
            (0..layers).map(|layer| layer as f64 >= first).collect()
        }
        _ => vec![true; layers],
    };
    Ok((window, windowed))
}

/// Rotary positions, and the longest context in tokens for which they are valid.
///
/// transformers 5 writes `rope_parameters`, older versions `rope_theta` and `rope_scaling`; a checkpoint may mix them.
fn rotary(keys: &Keys<'_>, family: Family, head_dim: usize, trained: usize) -> Result<(Rotary, usize), LoadError> {
    let empty = Map::new();
    let parameters = keys.object("rope_parameters")?;
    let scaling = keys.object("rope_scaling")?.filter(|scaling| !scaling.is_empty());
    let mut window_base = None;
    let mut merged;
    let map = if family == Family::Gemma3 {
        let of_kind = |kind: &str| Keys(parameters.unwrap_or(&empty)).object(kind);
        let windowed = Keys(of_kind("sliding_attention")?.unwrap_or(&empty));
        if let Some(kind) = windowed.rope_type()?.filter(|kind| *kind != "default") {
            return Err(LoadError::Unsupported {
                what: format!("RoPE scaling of type `{kind}` in layers with a window"),
            });
        }
        let base = windowed.float("rope_theta")?.or(keys.float("rope_local_base_freq")?);
        window_base = Some(base.unwrap_or(GEMMA_WINDOW_BASE));
        merged = of_kind("full_attention")?.cloned().unwrap_or_default();
        merged.extend(scaling.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
        &merged
    } else {
        let map = scaling.or(parameters).unwrap_or(&empty);
        if let Some(kind) = ["full_attention", "sliding_attention"].iter().find(|kind| map.contains_key(**kind)) {
            return Err(LoadError::Unsupported { what: format!("rotary positions of their own for `{kind}` layers") });
        }
        map
    };
    let map = Keys(map);
    let (other_base, other_part, part) = match family {
        Family::GptNeoX => ("rotary_emb_base", "rotary_pct", 0.25),
        Family::Phi => ("rope_theta", "partial_rotary_factor", 0.5),
        _ => ("rope_theta", "partial_rotary_factor", 1.0),
    };
    let default_base = if family == Family::Gemma3 { GEMMA_BASE } else { ROPE_BASE };
    let base = map.float("rope_theta")?.or(keys.float(other_base)?).unwrap_or(default_base);
    let part = map.float("partial_rotary_factor")?.or(keys.float(other_part)?).unwrap_or(part);
    if !(part > 0.0 && part <= 1.0) {
        return Err(wrong(format!(
            "the rotated part of a head is {part}, where a number above 0, at most 1, is expected"
        )));
    }
    let own_original = keys.float("original_max_position_embeddings")?;
    let own_original = own_original.or((family == Family::Phi3).then_some(4096.0));
    let original = own_original.or(map.float("original_max_position_embeddings")?).unwrap_or(trained as f64);
    let needed = |key: &str| {
        map.float(key)?.ok_or_else(|| wrong(format!("`{key}` of the stretched rotary positions is missing")))
    };
    let kind = match map.rope_type()?.unwrap_or("default") {
        "su" => "longrope",
        "yarn" if family == Family::Phi3 => "longrope",
        kind => kind,
    };
    let mut factors = vec![];
    let scaling = match kind {
        // Dynamic scaling applies only beyond `max_position_embeddings`.
        "default" | "dynamic" => RopeScaling::None,
        found if family == Family::Phi3 && found != "longrope" => {
            return Err(LoadError::Unsupported { what: format!("RoPE scaling of type `{found}`") });
        }
        "linear" => RopeScaling::Linear { factor: needed("factor")? },
        "longrope" => {
            // Texts longer than the original context would use `long_factor` for all tokens.
            let short = map.floats("short_factor")?;
            factors = short.ok_or_else(|| LoadError::Unsupported {
                what: "RoPE scaling of type `longrope` without `short_factor`".into(),
            })?;
            let factor = map.float("factor")?.unwrap_or(trained as f64 / original);
            let recommended = if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / original.ln()).sqrt() };
            RopeScaling::Factors { magnitude: map.float("attention_factor")?.unwrap_or(recommended) }
        }
        "llama3" => RopeScaling::Llama3 {
            factor: needed("factor")?,
            low: needed("low_freq_factor")?,
            high: needed("high_freq_factor")?,
            original,
        },
        "yarn" => {
            if !map.has("factor") {
                needed("factor")?;
            }
            let factor = map.float("factor")?.unwrap_or(trained as f64 / original);
            let weights =
                map.float("mscale")?.zip(map.float("mscale_all_dim")?).filter(|(a, b)| *a != 0.0 && *b != 0.0);
            let recommended = match weights {
                Some((of_scores, of_all)) => {
                    RopeScaling::yarn_magnitude(factor, of_scores) / RopeScaling::yarn_magnitude(factor, of_all)
                }
                None => RopeScaling::yarn_magnitude(factor, 1.0),
            };
            let turns =
                |key: &str, default: f64| Ok::<_, LoadError>(map.float(key)?.filter(|n| *n != 0.0).unwrap_or(default));
            RopeScaling::Yarn {
                factor,
                original,
                fast: turns("beta_fast", YARN_TURNS[0])?,
                slow: turns("beta_slow", YARN_TURNS[1])?,
                truncate: map.flag("truncate")?.unwrap_or(true),
                magnitude: map.float("attention_factor")?.unwrap_or(recommended),
            }
        }
        other => return Err(LoadError::Unsupported { what: format!("RoPE scaling of type `{other}`") }),
    };
    let context = if kind == "longrope" { trained.min(original as usize) } else { trained };
    let dimensions = (head_dim as f64 * part) as usize;
    Ok((Rotary { base, window_base, dimensions, scaling, factors }, context))
}

/// The entries of a JSON object. An entry of the wrong type is an error that names it; `null` counts as missing.
struct Keys<'a>(&'a Map<String, Value>);

impl<'a> Keys<'a> {
    /// Whether there is an entry, even if it is `null`.
    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The default if there is no entry at all.
    fn has_not<T>(&self, key: &str, default: T) -> Option<T> {
        (!self.has(key)).then_some(default)
    }

    fn get<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, LoadError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(wrong(format!("`{key}` is {}, where {wanted} is expected", shown(value)))),
            },
        }
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, LoadError> {
        self.get(key, "a text", Value::as_str)
    }

    fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>, LoadError> {
        self.get(key, "a list of texts", |value| value.as_array()?.iter().map(Value::as_str).collect())
    }

    fn object(&self, key: &str) -> Result<Option<&'a Map<String, Value>>, LoadError> {
        self.get(key, "an object", Value::as_object)
    }

    fn float(&self, key: &str) -> Result<Option<f64>, LoadError> {
        self.get(key, "a number", Value::as_f64)
    }

    fn floats(&self, key: &str) -> Result<Option<Vec<f32>>, LoadError> {
        let read = |value: &Value| value.as_f64().map(|value| value as f32);
        self.get(key, "a list of numbers", |value| value.as_array()?.iter().map(read).collect())
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        self.get(key, "true or false", |value| match (value.as_bool(), value.as_f64()) {
            (Some(flag), _) => Some(flag),
            (_, Some(0.0)) => Some(false),
            (_, Some(1.0)) => Some(true),
            _ => None,
        })
    }

    /// `rope_type`, or its older name `type`.
    fn rope_type(&self) -> Result<Option<&'a str>, LoadError> {
        Ok(self.text("rope_type")?.or(self.text("type")?))
    }

    /// A count from 1 to `most` under the first of `names` that is present. A list must have the same number for every
    /// layer.
    fn count(&self, names: &[&str], most: u64) -> Result<Option<usize>, LoadError> {
        let Some(name) = names.iter().find(|name| self.0.get(**name).is_some_and(|value| !value.is_null())) else {
            return Ok(None);
        };
        let whole = |value: &Value| {
            let number = value.as_f64().filter(|x| x.fract() == 0.0 && (1.0..=most as f64).contains(x));
            number.map(|x| x as usize)
        };
        self.get(name, &format!("a whole number from 1 to {most}"), |value| match value {
            Value::Array(list) => match &list[..] {
                [first, rest @ ..] if rest.iter().all(|other| other == first) => whole(first),
                _ => None,
            },
            single => whole(single),
        })
    }

    fn needed_count(&self, names: &[&str], most: u64) -> Result<usize, LoadError> {
        self.count(names, most)?.ok_or_else(|| missing(names[0]))
    }
}

/// A value as error messages show it.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("a list of {} values", list.len()),
        Value::Object(_) => "an object".into(),
        Value::String(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        other => other.to_string(),
    }
}
