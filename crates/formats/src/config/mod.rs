//! Parses and checks a decoder's configuration: [`from_gguf`] from GGUF metadata, [`from_hub`] from a Hugging Face
//! repository's `config.json`.

mod gguf;
mod hub;

pub use prunescope_protocol::model::config::{DecoderConfig, OptionalParts, Presence, RopeScaling, Rotary};

use prunescope_protocol::model::family::Family;

use crate::load_error::LoadError;
pub use gguf::from_gguf;
pub use hub::from_hub;

/// Most layers that are accepted.
pub(crate) const MOST_LAYERS: u64 = 1 << 10;
/// Largest width that is accepted.
pub(crate) const WIDEST: u64 = 1 << 18;
/// Most heads that are accepted.
pub(crate) const MOST_HEADS: u64 = 1 << 12;
/// Longest context that is accepted, in tokens.
pub(crate) const LONGEST: u64 = 1 << 24;
/// Rotary base frequency if a file does not state it.
pub(crate) const ROPE_BASE: f64 = 10_000.0;
/// Gemma 3: every n-th layer sees the whole context, if a file does not state n.
pub(crate) const GEMMA_PATTERN: usize = 6;
/// Gemma 3: rotary base frequency of windowed layers if a file does not state it.
pub(crate) const GEMMA_WINDOW_BASE: f64 = 10_000.0;
/// YaRN's `beta_fast` and `beta_slow` if a file does not state them.
pub(crate) const YARN_TURNS: [f64; 2] = [32.0, 1.0];

/// Checks that there is one finite factor above 0 per rotated pair, or none (those of a GGUF file are a tensor that is
/// read later).
///
/// # Errors
/// [`LoadError::Unsupported`].
pub fn check_factors(rotary: &Rotary) -> Result<(), LoadError> {
    let count = rotary.dimensions / 2;
    if rotary.factors.is_empty()
        || rotary.factors.len() == count && rotary.factors.iter().all(|by| *by > 0.0 && by.is_finite())
    {
        return Ok(());
    }
    Err(LoadError::Unsupported { what: format!("RoPE factors other than {count} numbers above 0") })
}

/// The numbers of a scaling that must be finite and above 0, by name.
fn sizes(scaling: &RopeScaling) -> Vec<(&'static str, f64)> {
    match *scaling {
        RopeScaling::None => vec![],
        RopeScaling::Linear { factor } => vec![("factor", factor)],
        RopeScaling::Llama3 { factor, low, high, original } => {
            vec![
                ("factor", factor),
                ("low_freq_factor", low),
                ("high_freq_factor", high),
                ("original context", original),
            ]
        }
        RopeScaling::Yarn { factor, original, fast, slow, magnitude, .. } => vec![
            ("factor", factor),
            ("original context", original),
            ("beta_fast", fast),
            ("beta_slow", slow),
            ("attention factor", magnitude),
        ],
        RopeScaling::Factors { magnitude } => vec![("attention factor", magnitude)],
    }
}

/// Checks that the numbers of a configuration fit together.
///
/// # Errors
/// [`LoadError::Unsupported`], which names what does not fit.
pub(crate) fn checked(config: DecoderConfig) -> Result<DecoderConfig, LoadError> {
    let refused = |what: String| Err(LoadError::Unsupported { what });
    let DecoderConfig { heads, key_value_heads, head_dim, layers, .. } = config;
    if head_dim == 0 || key_value_heads == 0 || !heads.is_multiple_of(key_value_heads) {
        return refused(format!("{heads} heads of width {head_dim} over {key_value_heads} key-value heads"));
    }
    // Their files store query, key and value of equal size in one matrix.
    if matches!(config.family, Family::Gpt2 | Family::GptNeoX) && key_value_heads != heads {
        return refused(format!("{key_value_heads} key-value heads for {heads} heads in a model of this family"));
    }
    if config.windowed.len() != layers {
        return refused(format!("a list of {} kinds of layers for {layers} layers", config.windowed.len()));
    }
    if !(0.0..1.0).contains(&config.norm_epsilon) {
        return refused(format!("norms with ε = {}", config.norm_epsilon));
    }
    if !(config.attention_scale > 0.0 && config.attention_scale.is_finite()) {
        return refused(format!("scores of attention multiplied by {}", config.attention_scale));
    }
    if let Some(rotary) = &config.rotary {
        let Rotary { dimensions, base, window_base, scaling, .. } = rotary;
        if *dimensions == 0 || dimensions % 2 != 0 || *dimensions > head_dim {
            return refused(format!("heads of width {head_dim} of which {dimensions} numbers are rotated"));
        }
        for base in [Some(*base), *window_base].into_iter().flatten() {
            if !(base > 1.0 && base.is_finite()) {
                return refused(format!("rotary positions with the base {base}"));
            }
        }
        if let Some((name, size)) = sizes(scaling).into_iter().find(|(_, size)| !(*size > 0.0 && size.is_finite())) {
            return refused(format!("stretched rotary positions with the {name} {size}"));
        }
        if let RopeScaling::Llama3 { low, high, .. } = scaling
            && high <= low
        {
            return refused(format!(
                "stretched rotary positions with high_freq_factor {high} and low_freq_factor {low}"
            ));
        }
        check_factors(rotary)?;
    }
    Ok(config)
}

/// Marks all layers as windowed except every `every`-th; all layers if `every` is 0.
pub(crate) fn pattern(layers: usize, every: usize) -> Vec<bool> {
    (1..=layers).map(|layer| every == 0 || !layer.is_multiple_of(every)).collect()
}
