//! The families of decoders that are known: what they are called in files, and in what they differ.
//!
//! One decoder serves them all; what differs is said here, in numbers of [`DecoderConfig`](super::DecoderConfig), and by which
//! tensors a file has (biases, norms of heads, norms after a sublayer).

use serde::{Deserialize, Serialize};

/// Whether a decoder has a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It cannot be without it.
    Needed,
    /// It has none; a tensor for it is not its own.
    Absent,
    /// It has it where its files have a tensor for it.
    IfThere,
}

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
