//! The numbers that fix a decoder's shape, from GGUF metadata or from the `config.json` of a Hugging Face repository.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::family::{Activation, Family};
use super::gguf::{self, Gguf, GgufError};
use super::load_error::LoadError;
use super::matrix::Matrix;

/// Shape and constants of a decoder. Source: GGUF specification, "LLM" keys; transformers' configuration classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// The model's own name.
    pub name: String,
    /// What it is a kind of.
    pub family: Family,
    /// Blocks; each is an attention and an MLP sublayer.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the MLP's inner layer.
    pub feed_forward: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves `heads / key_value_heads` query heads.
    pub key_value_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Tokens in the vocabulary.
    pub vocabulary: usize,
    /// Longest context in tokens.
    pub context: usize,
    /// The ε of its norms.
    pub norm_epsilon: f64,
    /// The MLP's function.
    pub activation: Activation,
    /// Rotary positions; none where positions are learned.
    pub rotary: Option<Rotary>,
    /// How many tokens back the windowed layers see.
    pub window: Option<usize>,
    /// Which layers have that window.
    pub windowed: Vec<bool>,
    /// What scores of attention are multiplied by.
    pub attention_scale: f64,
    /// What embeddings are multiplied by.
    pub embedding_scale: f64,
    /// Whether a block's MLP reads the stream before the block's attention.
    pub parallel: bool,
}

/// Rotary positions (Su et al., 2021).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rotary {
    /// Base frequency.
    pub base: f64,
    /// Base frequency of windowed layers, where it is another; they are not scaled.
    pub window_base: Option<f64>,
    /// Numbers of each head that turn, from the first on.
    pub dimensions: usize,
    /// How it was stretched to a longer context.
    pub scaling: RopeScaling,
    /// What each wave is divided by, with [`RopeScaling::Factors`].
    pub factors: Vec<f32>,
}

impl Rotary {
    /// Whether there is a factor above 0 for each wave, or none at all: those of a GGUF file are a tensor that comes later.
    ///
    /// # Errors
    /// [`LoadError::Unsupported`].
    pub fn check_factors(&self) -> Result<(), LoadError> {
        let count = self.dimensions / 2;
        if self.factors.is_empty() || self.factors.len() == count && self.factors.iter().all(|by| *by > 0.0) {
            return Ok(());
        }
        Err(LoadError::Unsupported { what: format!("RoPE factors other than {count} numbers above 0") })
    }
}

/// How rotary positions are stretched. Source: transformers, `modeling_rope_utils.py`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Every angle divided by `factor`.
    Linear {
        /// How much longer the context is.
        factor: f64,
    },
    /// Long waves divided by `factor`, short ones kept, blended between (Llama 3.1).
    Llama3 {
        /// How much longer the context is.
        factor: f64,
        /// Waves longer than the original context divided by this are divided by the factor.
        low: f64,
        /// Waves shorter than the original context divided by this are kept.
        high: f64,
        /// The original context in tokens.
        original: f64,
    },
    /// YaRN (Peng et al., 2023).
    Yarn {
        /// How much longer the context is.
        factor: f64,
        /// The original context in tokens.
        original: f64,
        /// Turns in the original context above which a wave is kept.
        fast: f64,
        /// Turns in the original context below which a wave is divided by the factor.
        slow: f64,
        /// What queries and keys are multiplied by.
        magnitude: f64,
    },
    /// Each wave divided by its own factor: Llama 3.1 in GGUF files, and LongRoPE (Ding et al., 2024) within the original context.
    Factors {
        /// What queries and keys are multiplied by.
        magnitude: f64,
    },
}

impl RopeScaling {
    /// The factor on queries and keys that YaRN's authors recommend.
    fn yarn_magnitude(factor: f64) -> f64 {
        if factor <= 1.0 { 1.0 } else { 0.1 * factor.ln() + 1.0 }
    }
}

/// Most layers, width, heads and context that are believed.
const MOST: [u64; 4] = [1 << 10, 1 << 18, 1 << 12, 1 << 24];
/// Gemma 3: one layer in so many sees the whole context, where the file does not say.
const GEMMA_PATTERN: usize = 6;
/// Gemma 3: the base frequency of windowed layers, where the file does not say.
const GEMMA_WINDOW_BASE: f64 = 10_000.0;
/// The base frequency where the file does not say.
const ROPE_BASE: f64 = 10_000.0;
/// YaRN's turns, where the file does not say.
const YARN_TURNS: [f64; 2] = [32.0, 1.0];

impl DecoderConfig {
    /// Sublayers in the decoder: two a block.
    pub fn sublayers(&self) -> usize {
        2 * self.layers
    }

    /// The matrices of each block, in the order of the forward pass.
    pub fn matrices(&self) -> impl Iterator<Item = Matrix> + use<> {
        let gated = self.family.gated();
        Matrix::ALL.into_iter().filter(move |matrix| gated || *matrix != Matrix::Gate)
    }

    /// How many tokens back a layer sees, where not all.
    pub fn window_of(&self, layer: usize) -> Option<usize> {
        self.window.filter(|_| self.windowed.get(layer).copied().unwrap_or(false))
    }

    /// Reads the configuration from a file's metadata.
    ///
    /// # Errors
    /// An unknown architecture, a missing key, or numbers that do not fit together.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, LoadError> {
        let architecture = gguf.text("general.architecture")?;
        let family = Family::from_gguf(architecture).ok_or_else(|| LoadError::architecture(architecture))?;
        let key = |key: &str| format!("{architecture}.{key}");
        let number = |name: &str, most: u64| -> Result<usize, LoadError> {
            let n = gguf.unsigned(&key(name))?;
            if n == 0 || n > most {
                return Err(GgufError::Implausible { what: format!("`{}`", key(name)), found: n }.into());
            }
            Ok(n as usize)
        };
        let float = |name: &str| gguf.float(&key(name)).ok();
        let [most_layers, widest, most_heads, longest] = MOST;
        let layers = number("block_count", most_layers)?;
        let heads = number("attention.head_count", most_heads)?;
        let hidden = number("embedding_length", widest)?;
        let head_dim = number("attention.key_length", widest).unwrap_or(hidden / heads);
        let context = number("context_length", longest)?;
        let has = |name: &str| gguf.tensors.iter().any(|tensor| tensor.name == name);
        let long = has("rope_factors_short.weight");
        let scaling = if long || has("rope_freqs.weight") {
            RopeScaling::Factors { magnitude: float("rope.scaling.attn_factor").unwrap_or(1.0) }
        } else {
            gguf_scaling(gguf, architecture, context as f64)?
        };
        // Beyond the original context other factors would hold, for all tokens.
        let original = number("rope.scaling.original_context_length", longest).ok().filter(|_| long);
        let context = original.unwrap_or(context).min(context);
        let windows = family == Family::Gemma3;
        let rotary = (family != Family::Gpt2).then(|| Rotary {
            base: float("rope.freq_base").unwrap_or(ROPE_BASE),
            window_base: windows.then(|| float("rope.freq_base_swa").unwrap_or(GEMMA_WINDOW_BASE)),
            dimensions: number("rope.dimension_count", widest).unwrap_or(head_dim),
            scaling,
            factors: vec![],
        });
        let vocabulary = gguf.texts("tokenizer.ggml.tokens")?.len();
        if vocabulary == 0 {
            return Err(GgufError::Implausible { what: "the size of the vocabulary".into(), found: 0 }.into());
        }
        let epsilon =
            if family.centres() { "attention.layer_norm_epsilon" } else { "attention.layer_norm_rms_epsilon" };
        let windowed = match gguf.metadata.get(&key("attention.sliding_window_pattern")) {
            _ if !windows => vec![false; layers],
            Some(gguf::Value::Array(flags)) => flags.iter().map(|flag| *flag == gguf::Value::Bool(true)).collect(),
            Some(gguf::Value::Unsigned(every)) => pattern(layers, *every as usize),
            _ => pattern(layers, GEMMA_PATTERN),
        };
        let parallel = gguf.metadata.get(&key("use_parallel_residual"));
        Self {
            name: gguf.text("general.name").unwrap_or("unnamed model").to_string(),
            family,
            layers,
            hidden,
            feed_forward: number("feed_forward_length", widest)?,
            heads,
            key_value_heads: number("attention.head_count_kv", most_heads).unwrap_or(heads),
            head_dim,
            vocabulary,
            context,
            norm_epsilon: gguf.float(&key(epsilon))?,
            activation: family.activation(),
            rotary,
            window: windows.then(|| number("attention.sliding_window", longest)).transpose()?,
            windowed,
            attention_scale: (head_dim as f64).powf(-0.5),
            embedding_scale: if family == Family::Gemma3 { (hidden as f64).sqrt() } else { 1.0 },
            parallel: family.parallel() && parallel != Some(&gguf::Value::Bool(false)),
        }
        .checked()
    }

    /// Reads the configuration from a repository's `config.json`.
    ///
    /// * `name` — what to call the model.
    ///
    /// # Errors
    /// Not JSON, an unknown `model_type`, a missing key, or numbers that do not fit together.
    pub fn from_hub(text: &str, name: &str) -> Result<Self, LoadError> {
        let wrong = |why: String| LoadError::Repository { file: "config.json".into(), why };
        let root: Map<String, Value> = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        // A model that also sees pictures keeps the part that reads in a section of its own.
        let map = root.get("text_config").and_then(Value::as_object).unwrap_or(&root);
        let keys = Keys(map);
        let model_type = keys.text("model_type").ok_or_else(|| wrong("it has no `model_type`".into()))?;
        let family = Family::from_hub(model_type).ok_or_else(|| LoadError::architecture(model_type))?;
        let strange = ["scale_attn_by_inverse_layer_idx", "qk_layernorm"].iter().any(|key| keys.flag(key));
        if strange || keys.flag("attention_bias") && family == Family::Gemma3 {
            return Err(LoadError::Unsupported { what: "a variant of attention that few checkpoints have".into() });
        }
        for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
            if keys.0.get(key).is_some_and(|value| !value.is_null()) {
                return Err(LoadError::Unsupported { what: format!("`{key}`") });
            }
        }
        let number = |names: &[&str], most: u64| keys.count(names, most).map_err(wrong);
        let [most_layers, widest, most_heads, longest] = MOST;
        let layers = number(&["num_hidden_layers", "n_layer"], most_layers)?;
        let heads = number(&["num_attention_heads", "n_head"], most_heads)?;
        let hidden = number(&["hidden_size", "n_embd"], widest)?;
        let head_dim = number(&["head_dim"], widest).unwrap_or(hidden / heads);
        let context = number(&["max_position_embeddings", "n_positions"], longest)?;
        let epsilon = ["rms_norm_eps", "layer_norm_epsilon", "layer_norm_eps"].iter().find_map(|key| keys.float(key));
        let activation =
            ["hidden_activation", "hidden_act", "activation_function"].iter().find_map(|key| keys.text(key));
        let rotary =
            (family != Family::Gpt2).then(|| hub_rotary(&keys, family, head_dim, context as f64)).transpose()?;
        let context = match &rotary {
            Some((_, Some(original))) => context.min(*original as usize),
            _ => context,
        };
        let activation = match activation {
            None => family.activation(),
            Some("silu" | "swish") => Activation::Silu,
            Some("gelu") => Activation::Gelu,
            Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_fast") => Activation::GeluTanh,
            Some(other) => return Err(LoadError::Unsupported { what: format!("the activation `{other}`") }),
        };
        let window = number(&["sliding_window"], longest).ok();
        let window = window.filter(|_| match family {
            Family::Mistral | Family::Gemma3 | Family::Phi3 => true,
            Family::Qwen2 | Family::Qwen3 => keys.flag("use_sliding_window"),
            _ => false,
        });
        let inner = number(&["intermediate_size", "n_inner"], widest);
        let inner = if family == Family::Gpt2 { inner.unwrap_or(4 * hidden) } else { inner? };
        Self {
            name: name.into(),
            family,
            layers,
            hidden,
            feed_forward: inner,
            heads,
            key_value_heads: number(&["num_key_value_heads"], most_heads).unwrap_or(heads),
            head_dim,
            vocabulary: number(&["vocab_size"], 1 << 24)?,
            context,
            norm_epsilon: epsilon.ok_or_else(|| wrong("it does not give the norms' ε".into()))?,
            activation,
            rotary: rotary.map(|(rotary, _)| rotary),
            window,
            windowed: hub_windowed(&keys, family, layers, window),
            attention_scale: keys.float("query_pre_attn_scalar").unwrap_or(head_dim as f64).powf(-0.5),
            embedding_scale: if family == Family::Gemma3 { (hidden as f64).sqrt() } else { 1.0 },
            parallel: family.parallel() && keys.0.get("use_parallel_residual") != Some(&Value::Bool(false)),
        }
        .checked()
    }

    /// The same where its numbers fit together.
    fn checked(self) -> Result<Self, LoadError> {
        let Self { heads, key_value_heads, head_dim, .. } = self;
        let rotated = self.rotary.as_ref().map_or(0, |rotary| rotary.dimensions);
        let fits = head_dim > 0
            && heads.is_multiple_of(key_value_heads)
            && rotated <= head_dim
            && rotated.is_multiple_of(2)
            && self.windowed.len() == self.layers
            && self.norm_epsilon.is_finite()
            && self.rotary.as_ref().is_none_or(|rotary| rotary.base > 1.0 && rotary.dimensions > 0);
        if fits {
            self.rotary.as_ref().map_or(Ok(()), Rotary::check_factors)?;
            return Ok(self);
        }
        Err(LoadError::Unsupported {
            what: format!(
                "{heads} heads over {key_value_heads} key-value heads, of width {head_dim} with {rotated} rotated, in {} layers",
                self.layers
            ),
        })
    }
}

/// All layers are windowed but each `every`-th.
fn pattern(layers: usize, every: usize) -> Vec<bool> {
    (1..=layers).map(|layer| every == 0 || !layer.is_multiple_of(every)).collect()
}

fn gguf_scaling(gguf: &Gguf, architecture: &str, context: f64) -> Result<RopeScaling, LoadError> {
    let float = |name: &str| gguf.float(&format!("{architecture}.rope.scaling.{name}")).ok();
    let factor = float("factor").unwrap_or(1.0);
    match gguf.text(&format!("{architecture}.rope.scaling.type")).unwrap_or("none") {
        "none" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear { factor }),
        "yarn" => {
            let original = gguf.unsigned(&format!("{architecture}.rope.scaling.original_context_length"));
            Ok(RopeScaling::Yarn {
                factor,
                original: original.map_or(context, |tokens| tokens as f64),
                fast: float("yarn_beta_fast").unwrap_or(YARN_TURNS[0]),
                slow: float("yarn_beta_slow").unwrap_or(YARN_TURNS[1]),
                magnitude: float("attn_factor").unwrap_or(1.0) * RopeScaling::yarn_magnitude(factor),
            })
        }
        other => Err(LoadError::Unsupported { what: format!("RoPE scaling of type `{other}`") }),
    }
}

/// Rotary positions of a `config.json`: `rope_parameters` since transformers 5, `rope_theta` and `rope_scaling` before. With it
/// the context to which they are right, where that is not the whole.
fn hub_rotary(
    keys: &Keys<'_>,
    family: Family,
    head_dim: usize,
    context: f64,
) -> Result<(Rotary, Option<f64>), LoadError> {
    let empty = Map::new();
    let section = |map: &'_ Map<String, Value>, key: &str| map.get(key).and_then(Value::as_object).cloned();
    let parameters = section(keys.0, "rope_parameters").unwrap_or_default();
    let whole = section(&parameters, "full_attention").unwrap_or_else(|| parameters.clone());
    let windowed = section(&parameters, "sliding_attention").unwrap_or_default();
    let scaling_map = section(keys.0, "rope_scaling").unwrap_or_else(|| whole.clone());
    let (whole, windowed, scaling) = (Keys(&whole), Keys(&windowed), Keys(&scaling_map));
    let float = |name: &str| scaling.float(name);
    let factor = float("factor").unwrap_or(1.0);
    let original = float("original_max_position_embeddings")
        .or_else(|| keys.float("original_max_position_embeddings"))
        .unwrap_or(context);
    let mut factors = vec![];
    let scaling = match scaling.text("rope_type").or_else(|| scaling.text("type")).unwrap_or("default") {
        // The dynamic one changes nothing before the context is longer than `max_position_embeddings`.
        "default" | "dynamic" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor },
        "longrope" | "su" => {
            // Other factors hold, for all tokens, in a text longer than the original context: `long_factor`.
            factors = scaling.floats("short_factor");
            if factors.is_empty() {
                return Err(LoadError::Unsupported {
                    what: "RoPE scaling of type `longrope` without `short_factor`".into(),
                });
            }
            let factor = float("factor").unwrap_or(context / original).max(1.0);
            let magnitude = float("attention_factor").unwrap_or((1.0 + factor.ln() / original.ln()).sqrt());
            RopeScaling::Factors { magnitude }
        }
        "llama3" => RopeScaling::Llama3 {
            factor,
            low: float("low_freq_factor").unwrap_or(1.0),
            high: float("high_freq_factor").unwrap_or(4.0),
            original,
        },
        "yarn" => RopeScaling::Yarn {
            factor,
            original,
            fast: float("beta_fast").unwrap_or(YARN_TURNS[0]),
            slow: float("beta_slow").unwrap_or(YARN_TURNS[1]),
            magnitude: float("attention_factor").unwrap_or_else(|| RopeScaling::yarn_magnitude(factor)),
        },
        other => return Err(LoadError::Unsupported { what: format!("RoPE scaling of type `{other}`") }),
    };
    let keys_of_old = Keys(if whole.0.is_empty() { keys.0 } else { &empty });
    let base = [whole.float("rope_theta"), keys_of_old.float("rope_theta"), keys_of_old.float("rotary_emb_base")];
    let part = [whole.float("partial_rotary_factor"), keys.float("partial_rotary_factor"), keys.float("rotary_pct")];
    let part = part.into_iter().flatten().next().unwrap_or(family.rotated_part());
    let window_base = windowed.float("rope_theta").or_else(|| keys.float("rope_local_base_freq"));
    let within = (!factors.is_empty()).then_some(original);
    let rotary = Rotary {
        base: base.into_iter().flatten().next().unwrap_or(ROPE_BASE),
        window_base: (family == Family::Gemma3).then(|| window_base.unwrap_or(GEMMA_WINDOW_BASE)),
        dimensions: (head_dim as f64 * part.clamp(0.0, 1.0)) as usize,
        scaling,
        factors,
    };
    Ok((rotary, within))
}

fn hub_windowed(keys: &Keys<'_>, family: Family, layers: usize, window: Option<usize>) -> Vec<bool> {
    let every = ["_sliding_window_pattern", "sliding_window_pattern"].iter().find_map(|key| keys.float(key));
    match (window, keys.0.get("layer_types").and_then(Value::as_array)) {
        (None, _) => vec![false; layers],
        (_, Some(types)) => types.iter().map(|kind| kind == "sliding_attention").collect(),
        _ if family == Family::Gemma3 => pattern(layers, every.map_or(GEMMA_PATTERN, |every| every as usize)),
        _ => {
            let first = keys.float("max_window_layers").filter(|_| family != Family::Mistral).unwrap_or(0.0);
            (0..layers).map(|layer| layer as f64 >= first).collect()
        }
    }
}

/// The entries of a JSON object, read without trust.
struct Keys<'a>(&'a Map<String, Value>);

impl Keys<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    fn float(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    fn floats(&self, key: &str) -> Vec<f32> {
        let values = self.0.get(key).and_then(Value::as_array).into_iter().flatten();
        values.filter_map(Value::as_f64).map(|value| value as f32).collect()
    }

    fn flag(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A count under the first of some names; an error says what is wrong with it.
    fn count(&self, names: &[&str], most: u64) -> Result<usize, String> {
        let found = names.iter().find_map(|name| self.0.get(*name).filter(|value| !value.is_null()));
        match found.map(|value| (value, value.as_u64())) {
            Some((_, Some(n))) if (1..=most).contains(&n) => Ok(n as usize),
            Some((value, _)) => Err(format!("`{}` is {value}, where a number from 1 to {most} is expected", names[0])),
            None => Err(format!("`{}` is missing", names[0])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLAMA: &str = r#"{"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
        "rope_scaling": {"type": "linear", "factor": 2.0}}"#;

    #[test]
    fn older_configurations_are_read() {
        let config = DecoderConfig::from_hub(LLAMA, "x").unwrap();
        assert_eq!((config.head_dim, config.key_value_heads, config.family), (16, 4, Family::Llama));
        let rotary = config.rotary.unwrap();
        assert_eq!((rotary.base, rotary.scaling), (500_000.0, RopeScaling::Linear { factor: 2.0 }));
        let gemma = r#"{"model_type": "gemma3_text", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 7, "head_dim": 32,
            "num_attention_heads": 4, "num_key_value_heads": 1, "vocab_size": 100, "max_position_embeddings": 512, "rms_norm_eps": 1e-6,
            "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "sliding_window": 512, "sliding_window_pattern": 6,
            "query_pre_attn_scalar": 256}"#;
        let config = DecoderConfig::from_hub(gemma, "x").unwrap();
        assert_eq!(config.windowed, [true, true, true, true, true, false, true]);
        assert_eq!((config.attention_scale, config.window_of(5), config.window_of(6)), (1.0 / 16.0, None, Some(512)));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let message =
            |from: &str, to: &str| DecoderConfig::from_hub(&LLAMA.replace(from, to), "x").unwrap_err().to_string();
        assert!(message("\"llama\"", "\"mamba\"").contains("`mamba`"));
        assert!(message("\"llama\"", "\"mamba\"").contains("gptneox"));
        assert!(message("\"linear\"", "\"spiral\"").contains("`spiral`"));
        assert!(message("\"linear\"", "\"longrope\"").contains("without `short_factor`"));
        assert!(message("\"num_hidden_layers\": 2", "\"num_hidden_layers\": -2").contains("num_hidden_layers"));
        assert!(message("\"vocab_size\"", "\"vocab\"").contains("`vocab_size` is missing"));
        assert!(
            message("\"num_attention_heads\": 4", "\"num_attention_heads\": 4, \"num_key_value_heads\": 3")
                .contains("3 key-value")
        );
        assert!(DecoderConfig::from_hub("nonsense", "x").unwrap_err().to_string().contains("config.json"));
    }
}
