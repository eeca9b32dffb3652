//! The weight matrices of a block and their inputs.

use serde::{Deserialize, Serialize};

use super::SublayerKind;

/// One of the matrices of a block; families without a gate have six. Serialized by its name in GGUF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Matrix {
    /// W_q, `[heads · head_dim, hidden]`.
    #[serde(rename = "attn_q")]
    Query,
    /// W_k, `[key_value_heads · head_dim, hidden]`.
    #[serde(rename = "attn_k")]
    Key,
    /// W_v, `[key_value_heads · head_dim, hidden]`.
    #[serde(rename = "attn_v")]
    Value,
    /// W_o, `[hidden, heads · head_dim]`.
    #[serde(rename = "attn_output")]
    Output,
    /// W_gate, `[feed_forward, hidden]`.
    #[serde(rename = "ffn_gate")]
    Gate,
    /// W_up, `[feed_forward, hidden]`.
    #[serde(rename = "ffn_up")]
    Up,
    /// W_down, `[hidden, feed_forward]`.
    #[serde(rename = "ffn_down")]
    Down,
}

/// The input of a matrix; matrices with the same site have the same input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InputSite {
    /// The normed residual stream before attention: query, key, value.
    Attention,
    /// The concatenated attention outputs of all heads: output.
    Mix,
    /// The normed residual stream before the MLP: gate, up.
    Mlp,
    /// The MLP's inner activations: down.
    Inner,
}

impl InputSite {
    /// All sites, in the order of the forward pass.
    pub const ALL: [Self; 4] = [Self::Attention, Self::Mix, Self::Mlp, Self::Inner];

    /// The matrices that read this site.
    pub fn matrices(self) -> impl Iterator<Item = Matrix> {
        Matrix::ALL.into_iter().filter(move |matrix| matrix.site() == self)
    }
}

impl Matrix {
    /// All matrices, in the order of the forward pass.
    pub const ALL: [Self; 7] = [Self::Query, Self::Key, Self::Value, Self::Output, Self::Gate, Self::Up, Self::Down];

    /// The sublayer it belongs to.
    pub fn sublayer(self) -> SublayerKind {
        match self {
            Self::Query | Self::Key | Self::Value | Self::Output => SublayerKind::Attention,
            Self::Gate | Self::Up | Self::Down => SublayerKind::Mlp,
        }
    }

    /// Its input.
    pub fn site(self) -> InputSite {
        match self {
            Self::Query | Self::Key | Self::Value => InputSite::Attention,
            Self::Output => InputSite::Mix,
            Self::Gate | Self::Up => InputSite::Mlp,
            Self::Down => InputSite::Inner,
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Key => "key",
            Self::Value => "value",
            Self::Output => "output",
            Self::Gate => "gate",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// Its rows (outputs) and columns (inputs) in a decoder.
    pub fn shape(self, config: &super::DecoderConfig) -> [usize; 2] {
        let (queries, keys) = (config.heads * config.head_dim, config.key_value_heads * config.head_dim);
        match self {
            Self::Query => [queries, config.hidden],
            Self::Key | Self::Value => [keys, config.hidden],
            Self::Output => [config.hidden, queries],
            Self::Gate | Self::Up => [config.feed_forward, config.hidden],
            Self::Down => [config.hidden, config.feed_forward],
        }
    }
}
