//! The families of decoders that are known: what they are called in files, and in what they differ.
//!
//! One decoder serves them all; what differs is said here, in numbers of [`DecoderConfig`](super::DecoderConfig), and by which
//! tensors a file has (biases, norms of heads, norms after a sublayer).

use serde::{Deserialize, Serialize};

use super::config::Presence;

/// A family of decoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Llama, SmolLM2, TinyLlama. Source: Touvron et al., 2023.
    Llama,
    /// Mistral: a llama whose attention may see a window only. Source: Jiang et al., 2023.
    Mistral,
    /// Qwen2 and 2.5: biases on query, key and value. Source: Yang et al., 2024.
    Qwen2,
    /// Qwen3: norms on the heads of queries and keys. Source: Yang et al., 2025.
    Qwen3,
    /// Gemma 3, text: norms after each sublayer, windows with a rotation of their own. Source: Gemma Team, 2025.
    Gemma3,
    /// GPT-2: learned positions, LayerNorm, one matrix up. Source: Radford et al., 2019.
    Gpt2,
    /// GPT-NeoX, Pythia: both sublayers of a block read the same stream; a part of each head is rotated. Source: Black et al., 2022.
    GptNeoX,
    /// Phi-1 to Phi-2: both sublayers of a block read the same norm; biases; a part of each head is rotated. Source: Li et al., 2023.
    Phi,
    /// Phi-3, Phi-4-mini: a llama whose files have query, key and value in one matrix, gate and up in another. Source: Abdin et al., 2024.
    Phi3,
}

/// The function between the matrices of an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x / (1 + e⁻ˣ).
    Silu,
    /// x Φ(x).
    Gelu,
    /// The same by a hyperbolic tangent (Hendrycks and Gimpel, 2016).
    GeluTanh,
}

impl Family {
    /// All families with their architecture in GGUF and their `model_type` in `config.json`.
    const TABLE: [(Self, &'static str, &'static str); 9] = [
        (Self::Llama, "llama", "llama"),
        (Self::Mistral, "mistral", "mistral"),
        (Self::Qwen2, "qwen2", "qwen2"),
        (Self::Qwen3, "qwen3", "qwen3"),
        (Self::Gemma3, "gemma3", "gemma3_text"),
        (Self::Gpt2, "gpt2", "gpt2"),
        (Self::GptNeoX, "gptneox", "gpt_neox"),
        (Self::Phi, "phi2", "phi"),
        (Self::Phi3, "phi3", "phi3"),
    ];

    /// From `general.architecture` of a GGUF file.
    pub fn from_gguf(architecture: &str) -> Option<Self> {
        Self::TABLE.iter().find(|(_, name, _)| *name == architecture).map(|(family, ..)| *family)
    }

    /// From `model_type` of a `config.json`.
    pub fn from_hub(model_type: &str) -> Option<Self> {
        Self::TABLE.iter().find(|(.., name)| *name == model_type).map(|(family, ..)| *family)
    }

    /// What is known, for a message.
    pub fn known() -> String {
        Self::TABLE.map(|(_, name, _)| name).join(", ")
    }

    /// Whether the MLP multiplies by a gate.
    pub fn gated(self) -> bool {
        !matches!(self, Self::Gpt2 | Self::GptNeoX | Self::Phi)
    }

    /// Whether gate and up are one matrix in its files.
    pub fn fuses_gate(self) -> bool {
        self == Self::Phi3
    }

    /// Whether both sublayers of a block read the same stream, unless the files say otherwise.
    pub fn parallel(self) -> bool {
        matches!(self, Self::GptNeoX | Self::Phi)
    }

    /// Whether both sublayers of a block have one norm.
    pub fn shares_norm(self) -> bool {
        self == Self::Phi
    }

    /// Which part of each head turns, where a `config.json` does not say.
    pub fn rotated_part(self) -> f64 {
        match self {
            Self::GptNeoX => 0.25,
            Self::Phi => 0.5,
            _ => 1.0,
        }
    }

    /// Whether query, key and value have biases; none where it depends on the checkpoint.
    pub fn attention_bias(self) -> Option<Presence> {
        match self {
            Self::Llama | Self::Qwen3 | Self::GptNeoX => None,
            Self::Qwen2 | Self::Gpt2 | Self::Phi => Some(Presence::Needed),
            Self::Mistral | Self::Gemma3 | Self::Phi3 => Some(Presence::Absent),
        }
    }

    /// Whether the attention's output has a bias; none where it depends on the checkpoint.
    pub fn output_bias(self) -> Option<Presence> {
        if self == Self::Qwen2 { Some(Presence::Absent) } else { self.attention_bias() }
    }

    /// Whether the MLP's matrices have biases; none where it depends on the checkpoint.
    pub fn mlp_bias(self) -> Option<Presence> {
        match self {
            Self::Llama => None,
            Self::Gpt2 | Self::GptNeoX | Self::Phi => Some(Presence::Needed),
            _ => Some(Presence::Absent),
        }
    }

    /// The head's name in safetensors checkpoints.
    pub fn head_name(self) -> &'static str {
        if self == Self::GptNeoX { "embed_out.weight" } else { "lm_head.weight" }
    }

    /// Whether the head has a bias.
    pub fn biases_head(self) -> bool {
        self == Self::Phi
    }

    /// Whether the heads of queries and keys have norms.
    pub fn norms_heads(self) -> bool {
        matches!(self, Self::Qwen3 | Self::Gemma3)
    }

    /// Whether a sublayer's output has a norm.
    pub fn norms_outputs(self) -> bool {
        self == Self::Gemma3
    }

    /// Whether its norms take the mean away and add a bias (LayerNorm), rather than divide by the root mean square only.
    pub fn centres(self) -> bool {
        matches!(self, Self::Gpt2 | Self::GptNeoX | Self::Phi)
    }

    /// The MLP's function, unless a `config.json` names another.
    pub fn activation(self) -> Activation {
        match self {
            Self::Gemma3 | Self::Gpt2 | Self::Phi => Activation::GeluTanh,
            Self::GptNeoX => Activation::Gelu,
            _ => Activation::Silu,
        }
    }

    /// Whether the rows of query and key in a GGUF file alternate between the halves of a head; elsewhere the halves follow
    /// each other, as in every safetensors checkpoint.
    pub fn interleaved_in_gguf(self) -> bool {
        matches!(self, Self::Llama | Self::Mistral)
    }
}

/// A change between a tensor as a safetensors checkpoint stores it and as a GGUF file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// None.
    Same,
    /// Rows and columns change places: GPT-2's `Conv1D`.
    Transposed,
    /// The weight counts from 1: Gemma's norms.
    PlusOne,
    /// Query, key and value take turns head by head, in place of one after the other: GPT-NeoX.
    ByHead,
}

/// The parts of a block in safetensors checkpoints of llama-like families, and in GGUF.
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
/// Where Gemma's names mean something else.
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
/// What is outside of the blocks.
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

impl Family {
    /// The name in GGUF of a tensor of a safetensors checkpoint, and how it differs; none for a tensor that is not needed.
    pub fn gguf_name(self, name: &str) -> Option<(String, Change)> {
        let prefixes = ["model.language_model.", "language_model.model.", "model.", "transformer.", "gpt_neox."];
        let inner = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
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
                let parts: &[&[(&str, &'static str)]] = match self {
                    Self::Gemma3 => &[&GEMMA_PARTS, &LLAMA_PARTS],
                    Self::Gpt2 => &[&GPT2_PARTS],
                    Self::GptNeoX => &[&NEOX_PARTS],
                    Self::Phi => &[&PHI_PARTS, &LLAMA_PARTS],
                    Self::Phi3 => &[&PHI3_PARTS, &LLAMA_PARTS],
                    _ => &[&LLAMA_PARTS],
                };
                let (_, part) = parts.iter().flat_map(|parts| parts.iter()).find(|(name, _)| *name == path)?;
                (format!("blk.{layer}.{part}"), *part)
            }
        };
        let is_matrix = kind == "weight" && ["attn_qkv", "attn_output", "ffn_up", "ffn_down"].contains(&part);
        let change = match self {
            Self::Gpt2 if is_matrix => Change::Transposed,
            Self::GptNeoX if part == "attn_qkv" => Change::ByHead,
            Self::Gemma3 if part.ends_with("norm") => Change::PlusOne,
            _ => Change::Same,
        };
        Some((format!("{target}.{kind}"), change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_checkpoints_become_names_of_gguf() {
        let cases = [
            (Family::Llama, "model.layers.3.self_attn.q_proj.weight", Some(("blk.3.attn_q.weight", Change::Same))),
            (
                Family::Llama,
                "model.layers.3.post_attention_layernorm.weight",
                Some(("blk.3.ffn_norm.weight", Change::Same)),
            ),
            (
                Family::Gemma3,
                "model.layers.0.post_attention_layernorm.weight",
                Some(("blk.0.post_attention_norm.weight", Change::PlusOne)),
            ),
            (Family::Qwen2, "model.layers.1.self_attn.k_proj.bias", Some(("blk.1.attn_k.bias", Change::Same))),
            (Family::Gpt2, "h.1.attn.c_attn.weight", Some(("blk.1.attn_qkv.weight", Change::Transposed))),
            (Family::Gpt2, "transformer.h.1.attn.c_attn.bias", Some(("blk.1.attn_qkv.bias", Change::Same))),
            (Family::Gpt2, "h.1.attn.bias", None),
            (
                Family::GptNeoX,
                "gpt_neox.layers.9.attention.query_key_value.bias",
                Some(("blk.9.attn_qkv.bias", Change::ByHead)),
            ),
            (Family::GptNeoX, "gpt_neox.layers.0.attention.rotary_emb.inv_freq", None),
            (Family::GptNeoX, "embed_out.weight", Some(("output.weight", Change::Same))),
            (Family::Llama, "model.norm.weight", Some(("output_norm.weight", Change::Same))),
            (Family::Phi, "model.layers.1.mlp.fc2.bias", Some(("blk.1.ffn_down.bias", Change::Same))),
            (Family::Phi, "lm_head.bias", Some(("output.bias", Change::Same))),
            (Family::Phi3, "model.layers.1.mlp.gate_up_proj.weight", Some(("blk.1.ffn_up.weight", Change::Same))),
        ];
        for (family, name, wanted) in cases {
            let wanted = wanted.map(|(name, change)| (name.to_string(), change));
            assert_eq!(family.gguf_name(name), wanted, "{name}");
        }
    }
}
