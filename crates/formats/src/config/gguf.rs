//! Parses a decoder's configuration from GGUF metadata.
//!
//! Source: GGUF specification, "LLM" keys, interpreted as in llama.cpp (`llama-model.cpp`, `models/*.cpp`).

use prunescope_protocol::model::family::Family;

use super::{
    DecoderConfig, GEMMA_PATTERN, GEMMA_WINDOW_BASE, LONGEST, MOST_HEADS, MOST_LAYERS, OptionalParts, Presence,
    ROPE_BASE, RopeScaling, Rotary, WIDEST, YARN_TURNS, checked, pattern,
};
use crate::gguf::{Gguf, GgufError};
use crate::load_error::LoadError;
use crate::metadata::{FromValue, PerLayer};

/// Number of layers of Gemma 3 27B, which scales attention scores by (hidden / heads)^-½ instead of head_dim^-½.
const GEMMA_27B_LAYERS: usize = 62;

/// Metadata keys prefixed by the architecture's name.
struct Keys<'a> {
    gguf: &'a Gguf,
    architecture: &'a str,
}

impl<'a> Keys<'a> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn get<T: FromValue<'a>>(&self, name: &str) -> Result<Option<T>, GgufError> {
        self.gguf.get(&self.key(name))
    }

    /// A count from 1 to `most`. An array must have the same number for every layer.
    fn count(&self, name: &str, most: u64) -> Result<Option<usize>, LoadError> {
        let number = match self.get::<PerLayer<u64>>(name)? {
            None => return Ok(None),
            Some(PerLayer::All(number)) => number,
            Some(PerLayer::Each(numbers)) => match &numbers[..] {
                [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
                _ => {
                    return Err(LoadError::Unsupported {
                        what: format!("`{}` that is not the same in all layers", self.key(name)),
                    });
                }
            },
        };
        if number == 0 || number > most {
            return Err(GgufError::Implausible { what: format!("`{}`", self.key(name)), found: number }.into());
        }
        Ok(Some(number as usize))
    }

    fn needed_count(&self, name: &str, most: u64) -> Result<usize, LoadError> {
        let missing = || GgufError::Missing { key: self.key(name), wanted: <u64 as FromValue>::WANTED };
        Ok(self.count(name, most)?.ok_or_else(missing)?)
    }
}

/// Parses the configuration from a file's metadata.
///
/// # Errors
/// A file that is not a language model, an unsupported architecture or feature, a missing key or one of the wrong type,
/// or numbers that do not fit together.
pub fn from_gguf(gguf: &Gguf) -> Result<DecoderConfig, LoadError> {
    let other = |what: &str| Err(LoadError::NotALanguageModel { what: what.into() });
    match gguf.get("general.type")? {
        None | Some("model") => {}
        Some("adapter") => return other("an adapter (LoRA) for another model"),
        Some("mmproj") => return other("the part of a model that sees pictures or hears (mmproj)"),
        Some("imatrix") => return other("a list of weights' importance (imatrix)"),
        Some(kind) => return other(&format!("a file of the type `{kind}`")),
    }
    let architecture: &str = gguf.need("general.architecture")?;
    let family = Family::from_gguf(architecture).ok_or_else(|| LoadError::architecture(architecture))?;
    let keys = Keys { gguf, architecture };
    if keys.get("attention.causal")? == Some(false) {
        return other(&format!(
            "an embedding model: it reads a text in both directions (`{}`)",
            keys.key("attention.causal")
        ));
    }
    if let Some(pooling @ 1..) = keys.get::<i64>("pooling_type")?.map(|pooling| pooling.max(0)) {
        let kind = if pooling == 4 { "a model that ranks texts" } else { "an embedding model" };
        return other(&format!("{kind} (`{}` is {pooling})", keys.key("pooling_type")));
    }
    if let Some(experts @ 1..) = keys.get::<u64>("expert_count")? {
        return Err(LoadError::Unsupported {
            what: format!("a mixture of {experts} experts (`{}`)", keys.key("expert_count")),
        });
    }
    for name in ["attn_logit_softcapping", "final_logit_softcapping"] {
        if keys.get::<f64>(name)?.is_some_and(|cap| cap != 0.0) {
            return Err(LoadError::Unsupported { what: format!("`{}`", keys.key(name)) });
        }
    }
    let layers = keys.needed_count("block_count", MOST_LAYERS)?;
    let heads = keys.needed_count("attention.head_count", MOST_HEADS)?;
    let hidden = keys.needed_count("embedding_length", WIDEST)?;
    let head_dim = keys.count("attention.key_length", WIDEST)?.unwrap_or(hidden / heads);
    let value_dim = keys.count("attention.value_length", WIDEST)?.unwrap_or(hidden / heads);
    if value_dim != head_dim {
        return Err(LoadError::Unsupported {
            what: format!("values of width {value_dim} beside keys of width {head_dim}"),
        });
    }
    let trained = keys.needed_count("context_length", LONGEST)?;
    let (rotary, context) =
        if family == Family::Gpt2 { (None, trained) } else { rotary(&keys, family, head_dim, trained)? };
    let vocabulary = gguf.need::<Vec<&str>>("tokenizer.ggml.tokens")?.len();
    if vocabulary == 0 {
        return Err(GgufError::Implausible { what: "the size of the vocabulary".into(), found: 0 }.into());
    }
    let epsilon = if family.centres() { "attention.layer_norm_epsilon" } else { "attention.layer_norm_rms_epsilon" };
    let parallel = keys.get("use_parallel_residual")?.unwrap_or(true);
    let window = keys.get::<u64>("attention.sliding_window")?.filter(|window| *window > 0 && family == Family::Gemma3);
    let windowed = match window {
        None => vec![false; layers],
        Some(_) => match keys.get("attention.sliding_window_pattern") {
            Ok(every) => pattern(layers, every.map_or(GEMMA_PATTERN, |every: u64| every as usize)),
            Err(_) => gguf.need(&keys.key("attention.sliding_window_pattern"))?,
        },
    };
    let scaled_width = if family == Family::Gemma3 && layers == GEMMA_27B_LAYERS { hidden / heads } else { head_dim };
    checked(DecoderConfig {
        name: gguf.get("general.name")?.unwrap_or("unnamed model").to_string(),
        family,
        layers,
        hidden,
        feed_forward: keys.needed_count("feed_forward_length", WIDEST)?,
        heads,
        key_value_heads: keys.count("attention.head_count_kv", MOST_HEADS)?.unwrap_or(heads),
        head_dim,
        vocabulary,
        context,
        norm_epsilon: gguf.need(&keys.key(epsilon))?,
        activation: family.activation(),
        rotary,
        window: window.map(|window| window.min(LONGEST) as usize),
        windowed,
        attention_scale: (scaled_width as f64).powf(-0.5),
        embedding_scale: if family == Family::Gemma3 { (hidden as f64).sqrt() } else { 1.0 },
        parallel: family.parallel() && parallel,
        parts: OptionalParts {
            // llama.cpp uses these tensors if the file has them.
            attention_bias: family.attention_bias().unwrap_or(Presence::IfThere),
            output_bias: family.output_bias().unwrap_or(Presence::IfThere),
            mlp_bias: family.mlp_bias().unwrap_or(Presence::IfThere),
            head: if matches!(family, Family::GptNeoX | Family::Phi) { Presence::Needed } else { Presence::IfThere },
        },
    })
}

/// Rotary positions, and the longest context in tokens for which they are valid.
fn rotary(
    keys: &Keys<'_>,
    family: Family,
    head_dim: usize,
    trained: usize,
) -> Result<(Option<Rotary>, usize), LoadError> {
    let has = |name: &str| keys.gguf.tensors.iter().any(|tensor| tensor.name == name);
    let long = has("rope_factors_short.weight");
    let original = keys.count("rope.scaling.original_context_length", LONGEST)?;
    let magnitude = keys.get("rope.scaling.attn_factor")?.unwrap_or(1.0);
    // `rope.scale_linear` is an older name; 0 means no scaling.
    let factor: Option<f64> = keys.get("rope.scaling.factor")?.or(keys.get("rope.scale_linear")?);
    let factor = factor.filter(|factor| *factor != 0.0).unwrap_or(1.0);
    let own_factors = long || has("rope_freqs.weight");
    // As in llama.cpp, the default type is linear.
    let scaling = match keys.get("rope.scaling.type")?.unwrap_or("linear") {
        "longrope" if own_factors => RopeScaling::Factors { magnitude },
        "none" | "linear" if magnitude != 1.0 && factor == 1.0 => RopeScaling::Factors { magnitude },
        "none" if magnitude != 1.0 => RopeScaling::Factors { magnitude },
        "linear" if magnitude != 1.0 => {
            let what = format!("`{}` beside linear scaling", keys.key("rope.scaling.attn_factor"));
            return Err(LoadError::Unsupported { what });
        }
        "none" => RopeScaling::None,
        "linear" if factor == 1.0 => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor },
        "yarn" => RopeScaling::Yarn {
            factor,
            original: original.unwrap_or(trained) as f64,
            fast: YARN_TURNS[0],
            slow: YARN_TURNS[1],
            truncate: true,
            magnitude: magnitude * RopeScaling::yarn_magnitude(factor, 1.0),
        },
        found => return Err(LoadError::Unsupported { what: format!("RoPE scaling of type `{found}`") }),
    };
    // Beyond the original context LongRoPE uses other factors for all tokens.
    let context = original.filter(|_| long).unwrap_or(trained).min(trained);
    let window_base = keys.get("rope.freq_base_swa")?.unwrap_or(GEMMA_WINDOW_BASE);
    let rotary = Rotary {
        base: keys.get("rope.freq_base")?.unwrap_or(ROPE_BASE),
        window_base: (family == Family::Gemma3).then_some(window_base),
        dimensions: keys.count("rope.dimension_count", WIDEST)?.unwrap_or(head_dim),
        scaling,
        factors: vec![],
    };
    Ok((Some(rotary), context))
}
