//! The sublayers of a decoder, which can be dropped one by one.

use serde::{Deserialize, Serialize};

/// Which half of a block a sublayer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SublayerKind {
    /// Self-attention, the first sublayer of a block.
    Attention,
    /// The feed-forward network (MLP), the second sublayer of a block.
    Mlp,
}

/// One sublayer: `x ← x + f(x)` on the residual stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sublayer {
    /// The block it belongs to, counted from 0.
    pub layer: usize,
    /// Attention or MLP.
    pub kind: SublayerKind,
}

impl Sublayer {
    /// The attention sublayer of a block.
    pub const fn attention(layer: usize) -> Self {
        Self { layer, kind: SublayerKind::Attention }
    }

    /// The MLP sublayer of a block.
    pub const fn mlp(layer: usize) -> Self {
        Self { layer, kind: SublayerKind::Mlp }
    }

    /// Its index among the decoder's sublayers: `2 * layer`, plus one for the MLP.
    pub const fn index(self) -> usize {
        2 * self.layer + matches!(self.kind, SublayerKind::Mlp) as usize
    }

    /// The inverse of [`Sublayer::index`].
    pub const fn from_index(index: usize) -> Self {
        let kind = if index.is_multiple_of(2) { SublayerKind::Attention } else { SublayerKind::Mlp };
        Self { layer: index / 2, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_counts_sublayers_in_the_order_of_the_forward_pass() {
        assert_eq!(Sublayer::attention(0).index(), 0);
        assert_eq!(Sublayer::mlp(0).index(), 1);
        assert_eq!(Sublayer::attention(7).index(), 14);
        for index in 0..60 {
            assert_eq!(Sublayer::from_index(index).index(), index);
        }
    }
}
