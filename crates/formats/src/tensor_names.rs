//! GGUF names of the tensors of safetensors checkpoints, and how the tensors differ.

use std::ops::Range;

use prunescope_protocol::model::family::Family;

/// How a tensor in a safetensors checkpoint differs from the same one in a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorTransform {
    /// No difference.
    None,
    /// Transposed: GPT-2's `Conv1D`.
    Transpose,
    /// 1 has to be added to the weight: Gemma's norms.
    AddOne,
    /// Query, key and value alternate per head instead of following each other: GPT-NeoX.
    PerHeadQkv,
}

/// The parts of a block in safetensors checkpoints of Llama-like families, and in GGUF.
const LLAMA_PARTS: [(&str, &str); 11] = [
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];
/// Names that mean another part in Gemma 3.
const GEMMA_PARTS: [(&str, &str); 3] = [
    ("post_attention_layernorm", "post_attention_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
];
const GPT2_PARTS: [(&str, &str); 6] = [
    ("ln_1", "attn_norm"),
    ("attn.c_attn", "attn_qkv"),
    ("attn.c_proj", "attn_output"),
    ("ln_2", "ffn_norm"),
    ("mlp.c_fc", "ffn_up"),
    ("mlp.c_proj", "ffn_down"),
];
const NEOX_PARTS: [(&str, &str); 6] = [
    ("input_layernorm", "attn_norm"),
    ("attention.query_key_value", "attn_qkv"),
    ("attention.dense", "attn_output"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.dense_h_to_4h", "ffn_up"),
    ("mlp.dense_4h_to_h", "ffn_down"),
];
const PHI_PARTS: [(&str, &str); 3] =
    [("self_attn.dense", "attn_output"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")];
const PHI3_PARTS: [(&str, &str); 2] = [("self_attn.qkv_proj", "attn_qkv"), ("mlp.gate_up_proj", "ffn_up")];
/// The parts outside of blocks.
const OUTSIDE: [(&str, &str); 11] = [
    ("embed_tokens", "token_embd"),
    ("norm", "output_norm"),
    ("lm_head", "output"),
    ("wte", "token_embd"),
    ("wpe", "position_embd"),
    ("ln_f", "output_norm"),
    ("embed_in", "token_embd"),
    ("final_layer_norm", "output_norm"),
    ("final_layernorm", "output_norm"),
    ("embed_out", "output"),
    ("language_model.lm_head", "output"),
];

/// What the language model's tensors begin with in checkpoints.
const PREFIXES: [&str; 5] = ["model.language_model.", "language_model.model.", "model.", "transformer.", "gpt_neox."];

/// A tensor's name within the language model.
fn inner_name(name: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// The number of a tensor's block as it is written, and the rest of its name, by its name in GGUF; `None` outside of blocks.
pub fn within_block(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("blk.")?.split_once('.')
}

/// Where the number of a tensor's block is in its name in a checkpoint or in GGUF, and the number; `None` outside of the language model's
/// blocks.
pub fn block_of(name: &str) -> Option<(Range<usize>, usize)> {
    let inner = inner_name(name);
    let rest = ["blk.", "layers.", "h."].iter().find_map(|before| inner.strip_prefix(before))?;
    let (number, _) = rest.split_once('.')?;
    let begin = name.len() - rest.len();
    Some((begin..begin + number.len(), number.parse().ok()?))
}

/// The GGUF name of a safetensors checkpoint's tensor, and how it differs; `None` for a tensor that is not used.
pub fn gguf_name(family: Family, name: &str) -> Option<(String, TensorTransform)> {
    let inner = inner_name(name);
    let (path, kind) = inner.rsplit_once('.')?;
    if !["weight", "bias"].contains(&kind) {
        return None;
    }
    let in_block =
        path.strip_prefix("layers.").or_else(|| path.strip_prefix("h.")).and_then(|path| path.split_once('.'));
    let (target, part) = match in_block {
        None => {
            let (_, part) = OUTSIDE.iter().find(|(name, _)| *name == path)?;
            ((*part).to_string(), *part)
        }
        Some((layer, path)) => {
            let layer: usize = layer.parse().ok()?;
            let parts: &[&[(&str, &'static str)]] = match family {
                Family::Gemma3 => &[&GEMMA_PARTS, &LLAMA_PARTS],
                Family::Gpt2 => &[&GPT2_PARTS],
                Family::GptNeoX => &[&NEOX_PARTS],
                Family::Phi => &[&PHI_PARTS, &LLAMA_PARTS],
                Family::Phi3 => &[&PHI3_PARTS, &LLAMA_PARTS],
                _ => &[&LLAMA_PARTS],
            };
            let (_, part) = parts.iter().flat_map(|parts| parts.iter()).find(|(name, _)| *name == path)?;
            (format!("blk.{layer}.{part}"), *part)
        }
    };
    let is_matrix = kind == "weight" && ["attn_qkv", "attn_output", "ffn_up", "ffn_down"].contains(&part);
    let change = match family {
        Family::Gpt2 if is_matrix => TensorTransform::Transpose,
        Family::GptNeoX if part == "attn_qkv" => TensorTransform::PerHeadQkv,
        Family::Gemma3 if part.ends_with("norm") => TensorTransform::AddOne,
        _ => TensorTransform::None,
    };
    Some((format!("{target}.{kind}"), change))
}

/// The name in a safetensors checkpoint of a Llama-like family of a tensor by its name in GGUF; `None` for one that it does not have.
pub fn hub_name(family: Family, name: &str) -> Option<String> {
    let (path, kind) = name.rsplit_once('.')?;
    let inner = match within_block(path) {
        Some((layer, part)) => {
            let (inner, _) = LLAMA_PARTS.iter().find(|(_, of)| *of == part)?;
            format!("layers.{layer}.{inner}")
        }
        None => OUTSIDE.iter().find(|(_, of)| *of == path)?.0.into(),
    };
    let out = if path == "output" { family.head_name().into() } else { format!("model.{inner}.{kind}") };
    // A name that would be read as another tensor is none.
    gguf_name(family, &out).is_some_and(|(back, _)| back == name).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_block_is_where_it_stands() {
        assert_eq!(block_of("blk.12.ffn_up.weight"), Some((4..6, 12)));
        assert_eq!(block_of("model.layers.3.mlp.up_proj.weight"), Some((13..14, 3)));
        assert_eq!(block_of("transformer.h.0.attn.bias"), Some((14..15, 0)));
        let outside =
            ["token_embd.weight", "model.norm.weight", "vision_tower.vision_model.encoder.layers.1.mlp.fc1.weight"];
        assert_eq!(outside.map(block_of), [None, None, None]);
    }

    #[test]
    fn names_of_gguf_become_names_of_checkpoints() {
        let cases = [
            ("blk.3.attn_q.weight", Some("model.layers.3.self_attn.q_proj.weight")),
            ("blk.3.ffn_down.bias", Some("model.layers.3.mlp.down_proj.bias")),
            ("token_embd.weight", Some("model.embed_tokens.weight")),
            ("output_norm.weight", Some("model.norm.weight")),
            ("output.weight", Some("lm_head.weight")),
            ("rope_freqs.weight", None),
        ];
        for (name, wanted) in cases {
            assert_eq!(hub_name(Family::Llama, name).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn names_of_checkpoints_become_names_of_gguf() {
        let cases = [
            (
                Family::Llama,
                "model.layers.3.self_attn.q_proj.weight",
                Some(("blk.3.attn_q.weight", TensorTransform::None)),
            ),
            (
                Family::Llama,
                "model.layers.3.post_attention_layernorm.weight",
                Some(("blk.3.ffn_norm.weight", TensorTransform::None)),
            ),
            (
                Family::Gemma3,
                "model.layers.0.post_attention_layernorm.weight",
                Some(("blk.0.post_attention_norm.weight", TensorTransform::AddOne)),
            ),
            (Family::Qwen2, "model.layers.1.self_attn.k_proj.bias", Some(("blk.1.attn_k.bias", TensorTransform::None))),
            (Family::Gpt2, "h.1.attn.c_attn.weight", Some(("blk.1.attn_qkv.weight", TensorTransform::Transpose))),
            (Family::Gpt2, "transformer.h.1.attn.c_attn.bias", Some(("blk.1.attn_qkv.bias", TensorTransform::None))),
            (Family::Gpt2, "h.1.attn.bias", None),
            (
                Family::GptNeoX,
                "gpt_neox.layers.9.attention.query_key_value.bias",
                Some(("blk.9.attn_qkv.bias", TensorTransform::PerHeadQkv)),
            ),
            (Family::GptNeoX, "gpt_neox.layers.0.attention.rotary_emb.inv_freq", None),
            (Family::GptNeoX, "embed_out.weight", Some(("output.weight", TensorTransform::None))),
            (Family::Llama, "model.norm.weight", Some(("output_norm.weight", TensorTransform::None))),
            (Family::Phi, "model.layers.1.mlp.fc2.bias", Some(("blk.1.ffn_down.bias", TensorTransform::None))),
            (Family::Phi, "lm_head.bias", Some(("output.bias", TensorTransform::None))),
            (
                Family::Phi3,
                "model.layers.1.mlp.gate_up_proj.weight",
                Some(("blk.1.ffn_up.weight", TensorTransform::None)),
            ),
        ];
        for (family, name, wanted) in cases {
            let wanted = wanted.map(|(name, change)| (name.to_string(), change));
            assert_eq!(gguf_name(family, name), wanted, "{name}");
        }
    }
}
