//! Maps the tensors of files to the parts of a decoder.
//!
//! Parts have their GGUF names. Fused matrices are split, and the rows of query and key are reordered to interleaved
//! rotary pairs, for every family and format, so that one rotary kernel serves all.

use std::ops::Range;

use super::config::{DecoderConfig, Presence};
use super::load_error::LoadError;
use super::tensor::{StoredMatrix, TensorInfo};
use super::tensor_names::{TensorTransform, gguf_name, within_block};
use prunescope_protocol::model::{Matrix, Sublayer};
use prunescope_quant::{TensorType, dequantize};

/// The format of the file that a tensor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// GGUF, with rows in the order of llama.cpp's converter.
    Gguf,
    /// Safetensors, with rows in the order of transformers.
    Safetensors,
}

/// The mapping of a tensor that the decoder uses.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorMapping {
    /// Its name in GGUF.
    pub name: String,
    /// How the stored tensor differs from a GGUF file's.
    pub change: TensorTransform,
    /// Whether the rows of query and key have to be reordered from halves to interleaved pairs.
    halves: bool,
}

/// The tensor of one part of the decoder.
pub struct Part<'a> {
    /// The part's name in GGUF, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Its data.
    pub stored: StoredMatrix<'a>,
    /// Whether 1 has to be added to its numbers.
    pub plus_one: bool,
}

/// The role of a file's tensor in a decoder.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// It holds one or more parts.
    Part(TensorMapping),
    /// It is a known part that this decoder does not have, by its family or configuration.
    NotItsOwn,
    /// It is not used.
    Nothing,
}

/// The role of a file's tensor in a decoder, by its name in the file.
pub fn role(config: &DecoderConfig, format: Format, name: &str) -> Role {
    let renamed = match format {
        Format::Gguf => Some((name.to_string(), TensorTransform::None)),
        Format::Safetensors => gguf_name(config.family, name),
    };
    let Some((name, change)) = renamed else { return Role::Nothing };
    let in_no_block = within_block(&name)
        .is_some_and(|(layer, _)| layer.parse::<usize>().map_or(true, |layer| layer >= config.layers));
    let is_weight = [".weight", ".bias"].iter().any(|end| name.ends_with(end));
    if in_no_block || !is_weight || shape_of(config, &name).is_none() {
        return Role::Nothing;
    }
    if presence(config, &name) == Presence::Absent {
        return Role::NotItsOwn;
    }
    let paired = format == Format::Gguf && config.family.interleaved_in_gguf();
    let halves = config.rotary.is_some() && !paired;
    Role::Part(TensorMapping { name, change, halves })
}

/// Whether a decoder has a part, by the part's name in GGUF.
fn presence(config: &DecoderConfig, name: &str) -> Presence {
    let (family, parts) = (config.family, config.parts);
    let bias = name.ends_with(".bias");
    match part_of(name) {
        "ffn_gate" if !family.gated() => Presence::Absent,
        "attn_q" | "attn_k" | "attn_v" | "attn_qkv" if bias => parts.attention_bias,
        "attn_output" if bias => parts.output_bias,
        "ffn_gate" | "ffn_up" | "ffn_down" if bias => parts.mlp_bias,
        "output" if bias => Presence::of(family.biases_head()),
        "output" => parts.head,
        "ffn_norm" => Presence::of(!family.shares_norm() && (!bias || family.centres())),
        "attn_norm" | "output_norm" => Presence::of(!bias || family.centres()),
        "attn_q_norm" | "attn_k_norm" => Presence::of(!bias && family.norms_heads()),
        "post_attention_norm" | "post_ffw_norm" => Presence::of(!bias && family.norms_outputs()),
        "position_embd" => Presence::of(!bias && config.rotary.is_none()),
        "rope_freqs" | "rope_factors_short" => Presence::IfThere,
        _ => Presence::of(!bias),
    }
}

/// `attn_q` of `blk.0.attn_q.weight`.
fn part_of(name: &str) -> &str {
    let name = name.rsplit_once('.').map_or(name, |(path, _)| path);
    name.rsplit('.').next().unwrap_or(name)
}

/// The sublayer that a matrix belongs to, by its name in GGUF; `None` outside of blocks.
pub fn sublayer_of(name: &str) -> Option<Sublayer> {
    let (layer, part) = within_block(name)?;
    let layer = layer.parse().ok()?;
    Some(if part.starts_with("attn_") { Sublayer::attention(layer) } else { Sublayer::mlp(layer) })
}

/// The layer and the matrix that a tensor of a block is, by its name in GGUF; `None` for a norm, a bias, a fused matrix.
pub fn matrix_of(name: &str) -> Option<(usize, Matrix)> {
    let (layer, part) = within_block(name)?;
    let matrix = match part.strip_suffix(".weight")? {
        "attn_q" => Matrix::Query,
        "attn_k" => Matrix::Key,
        "attn_v" => Matrix::Value,
        "attn_output" => Matrix::Output,
        "ffn_gate" => Matrix::Gate,
        "ffn_up" => Matrix::Up,
        "ffn_down" => Matrix::Down,
        _ => return None,
    };
    Some((layer.parse().ok()?, matrix))
}

/// Rows and columns that a part must have; `None` for an unknown part.
pub fn shape_of(config: &DecoderConfig, name: &str) -> Option<[usize; 2]> {
    let (hidden, inner) = (config.hidden, config.feed_forward);
    let queries = config.heads * config.head_dim;
    let keys = config.key_value_heads * config.head_dim;
    let [rows, columns] = match part_of(name) {
        "token_embd" | "output" => [config.vocabulary, hidden],
        "position_embd" => [config.context, hidden],
        "attn_q" => [queries, hidden],
        "attn_k" | "attn_v" => [keys, hidden],
        "attn_qkv" => [queries + 2 * keys, hidden],
        "attn_output" => [hidden, queries],
        "ffn_gate" | "ffn_up" => [inner, hidden],
        "ffn_down" => [hidden, inner],
        "attn_norm" | "ffn_norm" | "output_norm" | "post_attention_norm" | "post_ffw_norm" => [hidden, 1],
        "attn_q_norm" | "attn_k_norm" => [config.head_dim, 1],
        "rope_freqs" | "rope_factors_short" => [config.rotary.as_ref().map_or(0, |rotary| rotary.dimensions / 2), 1],
        _ => return None,
    };
    // A vector is one row: a bias has one number per output, a norm one per input.
    Some(if name.ends_with(".bias") || columns == 1 { [1, rows] } else { [rows, columns] })
}

/// The parts of a block, by their GGUF names.
const IN_BLOCK: [&str; 13] = [
    "attn_norm",
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_output",
    "attn_q_norm",
    "attn_k_norm",
    "post_attention_norm",
    "ffn_norm",
    "ffn_gate",
    "ffn_up",
    "ffn_down",
    "post_ffw_norm",
];
/// The parts outside of blocks.
const OUTSIDE: [&str; 4] = ["token_embd", "position_embd", "output_norm", "output"];

/// The GGUF names of all tensors that a decoder requires.
pub fn needed(config: &DecoderConfig) -> Vec<String> {
    let in_blocks = (0..config.layers).flat_map(|layer| IN_BLOCK.iter().map(move |part| format!("blk.{layer}.{part}")));
    let paths = OUTSIDE.iter().map(|part| (*part).to_string()).chain(in_blocks);
    let names = paths.flat_map(|path| ["weight", "bias"].map(|kind| format!("{path}.{kind}")));
    names.filter(|name| presence(config, name) == Presence::Needed).collect()
}

impl TensorMapping {
    /// Checks that the tensor has a supported type and the shape that the configuration implies.
    ///
    /// # Errors
    /// [`LoadError::Shape`], or [`LoadError::TensorType`] for an unsupported type.
    pub fn check(&self, config: &DecoderConfig, tensor: &TensorInfo) -> Result<(), LoadError> {
        let Some(wanted) = shape_of(config, &self.name) else { return Ok(()) };
        let [rows, columns] = wanted.map(|n| n as u64);
        let rows = if self.holds_gate(config) { 2 * rows } else { rows };
        let wanted = if self.change == TensorTransform::Transpose { [columns, rows] } else { [rows, columns] };
        let is_float = match &tensor.tensor_type {
            Ok(known) => known.is_float(),
            Err(found) => return Err(LoadError::TensorType { tensor: tensor.name.clone(), found: found.clone() }),
        };
        if tensor.matrix_shape() != wanted || (self.change == TensorTransform::Transpose && !is_float) {
            let found = tensor.shape.clone();
            return Err(LoadError::Shape { tensor: tensor.name.clone(), found, wanted: wanted.to_vec() });
        }
        Ok(())
    }

    /// Whether the tensor is gate and up in one matrix.
    fn holds_gate(&self, config: &DecoderConfig) -> bool {
        config.family.fuses_gate() && part_of(&self.name) == "ffn_up"
    }

    /// The parts that a fused tensor holds, each with its rows; empty for a tensor that is a single part.
    fn spans(&self, config: &DecoderConfig) -> Vec<(String, Range<usize>)> {
        let [queries, keys] = [config.heads, config.key_value_heads].map(|heads| heads * config.head_dim);
        let inner = config.feed_forward;
        let (fused, parts) = match part_of(&self.name) {
            "attn_qkv" => ("attn_qkv", vec![("attn_q", queries), ("attn_k", keys), ("attn_v", keys)]),
            "ffn_up" if self.holds_gate(config) => ("ffn_up", vec![("ffn_gate", inner), ("ffn_up", inner)]),
            _ => return vec![],
        };
        let mut first = 0;
        let span = |(part, rows): (&str, usize)| {
            first += rows;
            (self.name.replace(fused, part), first - rows..first)
        };
        parts.into_iter().map(span).collect()
    }

    /// The GGUF names of the parts that the tensor holds.
    pub fn names(&self, config: &DecoderConfig) -> Vec<String> {
        let spans = self.spans(config);
        if spans.is_empty() { vec![self.name.clone()] } else { spans.into_iter().map(|(name, _)| name).collect() }
    }

    /// The parts that the tensor holds; it must have passed [`TensorMapping::check`].
    pub fn parts<'a>(&self, config: &DecoderConfig, stored: StoredMatrix<'a>) -> Vec<Part<'a>> {
        let stored = match self.change {
            TensorTransform::Transpose => stored.transposed(),
            TensorTransform::PerHeadQkv => {
                by_element(stored, |stored| stored.rows(deinterleave_qkv(config).into_iter()))
            }
            TensorTransform::None | TensorTransform::AddOne => stored,
        };
        let plus_one = self.change == TensorTransform::AddOne;
        let part = |name: String, stored: StoredMatrix<'a>| {
            let turns = ["attn_q", "attn_k", "attn_q_norm", "attn_k_norm"].contains(&part_of(&name));
            let stored = if self.halves && turns { interleave_rotary_halves(config, stored) } else { stored };
            Part { name, stored, plus_one }
        };
        let spans = self.spans(config);
        if spans.is_empty() {
            return vec![part(self.name.clone(), stored)];
        }
        let split = spans.into_iter().map(|(name, span)| part(name, by_element(stored.clone(), |all| all.rows(span))));
        split.collect()
    }
}

impl TensorMapping {
    /// A tensor's numbers from those of the parts that it holds: the inverse of [`TensorMapping::parts`].
    ///
    /// * `parts`: row-major, in the order of [`TensorMapping::names`].
    ///
    /// Returns them row-major in the order of the file.
    pub fn joined(&self, config: &DecoderConfig, parts: &[Vec<f32>]) -> Vec<f32> {
        let [rows, columns] = shape_of(config, &self.name).unwrap_or([1, 1]);
        // The elements of a vector move like the rows of a matrix.
        let [rows, columns] = if rows == 1 { [columns, 1] } else { [rows, columns] };
        let rows = if self.holds_gate(config) { 2 * rows } else { rows };
        let numbers = (0..rows).flat_map(|row| (row as f32).to_le_bytes()).collect::<Vec<u8>>();
        let stored = StoredMatrix { tensor_type: TensorType::F32, bytes: numbers.into(), shape: [rows, 1] };
        let is_transposed = self.change == TensorTransform::Transpose;
        let change = if is_transposed { TensorTransform::None } else { self.change };
        let mut out = vec![0.0; rows * columns];
        for (part, values) in (Self { change, ..self.clone() }).parts(config, stored).iter().zip(parts) {
            let places = dequantize(TensorType::F32, &part.stored.bytes);
            for (place, row) in places.iter().zip(values.chunks_exact(columns)) {
                let begin = *place as usize * columns;
                out[begin..begin + columns].copy_from_slice(row);
            }
        }
        if is_transposed { transposed(&out, columns) } else { out }
    }
}

/// A row-major matrix with `columns` columns, transposed.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let column = |column: usize| values.iter().skip(column).step_by(columns).copied();
    (0..columns).flat_map(column).collect()
}

/// Applies `change` to a matrix by rows; a vector (one row) is treated as a column, so that its elements are rows.
fn by_element<'a>(
    stored: StoredMatrix<'a>,
    change: impl FnOnce(&StoredMatrix<'a>) -> StoredMatrix<'static>,
) -> StoredMatrix<'a> {
    let [rows, columns] = stored.shape;
    if rows != 1 {
        return change(&stored);
    }
    let out = change(&StoredMatrix { shape: [columns, 1], ..stored });
    StoredMatrix { shape: [1, out.shape[0]], ..out }
}

/// Row order that converts GPT-NeoX's `query_key_value` (query, key and value per head) to all queries, all keys, all
/// values.
fn deinterleave_qkv(config: &DecoderConfig) -> Vec<usize> {
    let width = config.head_dim;
    let row = |part: usize, head: usize| (0..width).map(move |at| (head * 3 + part) * width + at);
    (0..3).flat_map(|part| (0..config.heads).flat_map(move |head| row(part, head))).collect()
}

/// Reorders the rotated rows of each head from two halves [x₀…, y₀…] to interleaved pairs x₀, y₀, x₁, y₁, …
fn interleave_rotary_halves<'a>(config: &DecoderConfig, stored: StoredMatrix<'a>) -> StoredMatrix<'a> {
    let (width, turning) = (config.head_dim, config.rotary.as_ref().map_or(0, |rotary| rotary.dimensions));
    by_element(stored, |stored| {
        let [rows, _] = stored.shape;
        let order = (0..rows).map(|row| {
            let (head, at) = (row / width * width, row % width);
            head + if at < turning { at / 2 + at % 2 * turning / 2 } else { at }
        });
        stored.rows(order)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(config: &DecoderConfig, format: Format, name: &str) -> TensorMapping {
        match role(config, format, name) {
            Role::Part(place) => place,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn config(text: &str) -> DecoderConfig {
        crate::config::from_hub(text, "x").unwrap()
    }

    fn numbers(part: &Part<'_>) -> Vec<f32> {
        dequantize(part.stored.tensor_type, &part.stored.bytes)
    }

    fn stored(count: usize, shape: [usize; 2]) -> StoredMatrix<'static> {
        let bytes: Vec<u8> = (0..count).flat_map(|n| (n as f32).to_le_bytes()).collect();
        StoredMatrix { tensor_type: TensorType::F32, bytes: bytes.into(), shape }
    }

    const NEOX: &str = r#"{"model_type": "gpt_neox", "hidden_size": 16, "intermediate_size": 8, "num_hidden_layers": 1, "layer_norm_eps": 1e-5,
        "num_attention_heads": 2, "vocab_size": 10, "max_position_embeddings": 12, "hidden_act": "gelu", "rotary_pct": 0.5}"#;

    #[test]
    fn fused_biases_are_split_head_by_head_and_paired() {
        let config = config(NEOX);
        let place = place(&config, Format::Safetensors, "gpt_neox.layers.0.attention.query_key_value.bias");
        let parts = place.parts(&config, stored(48, [1, 48]));
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["blk.0.attn_q.bias", "blk.0.attn_k.bias", "blk.0.attn_v.bias"]);
        // Heads of 8, of which 4 dimensions are rotated: 0 1 2 3 become 0 2 1 3.
        assert_eq!(numbers(&parts[0]), [0, 2, 1, 3, 4, 5, 6, 7, 24, 26, 25, 27, 28, 29, 30, 31].map(|n| n as f32));
        assert_eq!(numbers(&parts[2])[..9], [16, 17, 18, 19, 20, 21, 22, 23, 40].map(|n| n as f32));
        assert_eq!(parts[1].stored.shape, [1, 16]);
    }

    /// Found by fuzzing: rows beyond the end of the matrix were accessed.
    #[test]
    fn a_family_that_fuses_by_thirds_has_a_key_for_each_query() {
        for model_type in ["gpt_neox", "gpt2"] {
            let text = NEOX.replace("gpt_neox", model_type).replace("\"vocab", "\"num_key_value_heads\": 1, \"vocab");
            let error = crate::config::from_hub(&text, "x").unwrap_err().to_string();
            assert!(error.contains("1 key-value heads for 2 heads"), "{error}");
        }
    }

    #[test]
    fn parts_that_are_joined_are_the_tensor() {
        let gpt2 = NEOX.replace("gpt_neox", "gpt2");
        let llama = NEOX.replace("gpt_neox", "llama").replace("gelu", "silu");
        let phi3 = NEOX.replace("gpt_neox", "phi3").replace("gelu", "silu").replace(", \"rotary_pct\": 0.5", "");
        let cases: [(&str, &str, [usize; 2]); 6] = [
            (NEOX, "gpt_neox.layers.0.attention.query_key_value.weight", [48, 16]),
            (NEOX, "gpt_neox.layers.0.attention.query_key_value.bias", [1, 48]),
            (&gpt2, "h.0.attn.c_attn.weight", [16, 48]),
            (&llama, "model.layers.0.self_attn.q_proj.weight", [16, 16]),
            (&llama, "model.layers.0.mlp.down_proj.weight", [16, 8]),
            (&phi3, "model.layers.0.mlp.gate_up_proj.weight", [16, 16]),
        ];
        for (text, name, shape) in cases {
            let config = config(text);
            let place = place(&config, Format::Safetensors, name);
            let count = shape[0] * shape[1];
            let parts: Vec<_> = place.parts(&config, stored(count, shape)).iter().map(numbers).collect();
            assert_eq!(place.joined(&config, &parts), (0..count).map(|n| n as f32).collect::<Vec<_>>(), "{name}");
        }
    }

    #[test]
    fn matrices_of_blocks_belong_to_a_sublayer() {
        assert_eq!(sublayer_of("blk.11.attn_output.weight"), Some(Sublayer::attention(11)));
        assert_eq!(sublayer_of("blk.0.ffn_gate.weight"), Some(Sublayer::mlp(0)));
        assert_eq!([sublayer_of("token_embd.weight"), sublayer_of("output.weight")], [None; 2]);
    }

    #[test]
    fn what_is_not_needed_has_no_place() {
        let config = config(NEOX);
        assert_eq!(role(&config, Format::Safetensors, "gpt_neox.layers.0.attention.masked_bias"), Role::Nothing);
        assert_eq!(role(&config, Format::Gguf, "blk.1.attn_qkv.weight"), Role::Nothing, "there is one layer");
        assert_eq!(role(&config, Format::Gguf, "blk.0.attn_q_norm.weight"), Role::NotItsOwn, "of another family");
        assert_eq!(role(&config, Format::Gguf, "rope_freqs"), Role::Nothing);
    }

    #[test]
    fn shapes_are_checked() {
        let config = config(NEOX);
        let place = place(&config, Format::Gguf, "blk.0.attn_qkv.weight");
        let info = |shape: Vec<u64>| TensorInfo {
            name: "t".into(),
            shape,
            tensor_type: Ok(TensorType::F32),
            offset: 0,
            bytes: 0,
        };
        assert!(place.check(&config, &info(vec![48, 16])).is_ok());
        assert!(matches!(place.check(&config, &info(vec![16, 48])), Err(LoadError::Shape { .. })));
        let unread = TensorInfo { tensor_type: Err("U8".into()), ..info(vec![48, 16]) };
        assert!(matches!(place.check(&config, &unread), Err(LoadError::TensorType { found, .. }) if found == "U8"));
        assert_eq!(place.names(&config), ["blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"]);
        assert!(place.names(&config).iter().all(|name| needed(&config).contains(name)));
    }
}
