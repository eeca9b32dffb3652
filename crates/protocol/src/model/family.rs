//! The supported families of decoders: their names in files, and how they differ.
//!
//! One decoder implements them all. It depends on this module, on the numbers of
//! [`DecoderConfig`](super::DecoderConfig), and on which tensors a file has (biases, norms of heads, norms after a
//! sublayer).

use serde::{Deserialize, Serialize};

/// Whether a decoder has a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It always has the part; a missing tensor is an error.
    Needed,
    /// It does not have the part; a tensor for it is an error in a GGUF file and ignored in a safetensors file.
    Absent,
    /// It has the part if its files have a tensor for it.
    IfThere,
}

/// A family of decoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Llama, SmolLM2, TinyLlama. Source: Touvron et al., 2023.
    Llama,
    /// Mistral: Llama with an optional attention window. Source: Jiang et al., 2023.
    Mistral,
    /// Qwen2 and 2.5: biases on query, key and value. Source: Yang et al., 2024.
    Qwen2,
    /// Qwen3: norms on the heads of queries and keys. Source: Yang et al., 2025.
    Qwen3,
    /// Gemma 3 (text only): norms after each sublayer, windowed layers with their own rotary base. Source: Gemma Team,
    /// 2025.
    Gemma3,
    /// GPT-2: learned positions, LayerNorm, an MLP without a gate. Source: Radford et al., 2019.
    Gpt2,
    /// GPT-NeoX, Pythia: parallel sublayers; only a part of each head is rotated. Source: Black et al., 2022.
    GptNeoX,
    /// Phi-1 to Phi-2: parallel sublayers with one norm; biases; only a part of each head is rotated. Source: Li et
    /// al., 2023.
    Phi,
    /// Phi-3, Phi-4-mini: Llama with query, key and value in one matrix, and gate and up in another. Source: Abdin et
    /// al., 2024.
    Phi3,
}

/// The MLP's activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x / (1 + e⁻ˣ).
    Silu,
    /// x Φ(x), with Φ the standard normal distribution function.
    Gelu,
    /// The tanh approximation of x Φ(x) (Hendrycks and Gimpel, 2016).
    GeluTanh,
}

impl Family {
    /// Each family with its `general.architecture` in GGUF files and its `model_type` in `config.json`.
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

    /// The supported architectures, for an error message.
    pub fn known() -> String {
        Self::TABLE.map(|(_, name, _)| name).join(", ")
    }

    /// Whether the MLP has a gate matrix.
    pub fn gated(self) -> bool {
        !matches!(self, Self::Gpt2 | Self::GptNeoX | Self::Phi)
    }

    /// Whether gate and up are one matrix in safetensors and GGUF files.
    pub fn fuses_gate(self) -> bool {
        self == Self::Phi3
    }

    /// Whether a block's sublayers are parallel (both read the same stream), unless the files say otherwise.
    pub fn parallel(self) -> bool {
        matches!(self, Self::GptNeoX | Self::Phi)
    }

    /// Whether both sublayers of a block share one norm.
    pub fn shares_norm(self) -> bool {
        self == Self::Phi
    }

    /// Rotated share of each head, if `config.json` does not state it.
    pub fn rotated_part(self) -> f64 {
        match self {
            Self::GptNeoX => 0.25,
            Self::Phi => 0.5,
            _ => 1.0,
        }
    }

    /// Whether query, key and value have biases; `None` if it depends on the checkpoint.
    pub fn attention_bias(self) -> Option<Presence> {
        match self {
            Self::Llama | Self::Qwen3 | Self::GptNeoX => None,
            Self::Qwen2 | Self::Gpt2 | Self::Phi => Some(Presence::Needed),
            Self::Mistral | Self::Gemma3 | Self::Phi3 => Some(Presence::Absent),
        }
    }

    /// Whether the attention's output has a bias; `None` if it depends on the checkpoint.
    pub fn output_bias(self) -> Option<Presence> {
        if self == Self::Qwen2 { Some(Presence::Absent) } else { self.attention_bias() }
    }

    /// Whether the MLP's matrices have biases; `None` if it depends on the checkpoint.
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

    /// Whether queries and keys are normed per head.
    pub fn norms_heads(self) -> bool {
        matches!(self, Self::Qwen3 | Self::Gemma3)
    }

    /// Whether a sublayer's output is normed.
    pub fn norms_outputs(self) -> bool {
        self == Self::Gemma3
    }

    /// Whether its norms are LayerNorm (subtract the mean, add a bias) rather than RMSNorm.
    pub fn centres(self) -> bool {
        matches!(self, Self::Gpt2 | Self::GptNeoX | Self::Phi)
    }

    /// The MLP's activation function, unless `config.json` names another.
    pub fn activation(self) -> Activation {
        match self {
            Self::Gemma3 | Self::Gpt2 | Self::Phi => Activation::GeluTanh,
            Self::GptNeoX => Activation::Gelu,
            _ => Activation::Silu,
        }
    }

    /// Whether GGUF files interleave the rows of query and key between the halves of a head; otherwise the halves
    /// follow each other, as in every safetensors checkpoint.
    pub fn interleaved_in_gguf(self) -> bool {
        matches!(self, Self::Llama | Self::Mistral)
    }
}
