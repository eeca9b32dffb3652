//! Where a model's numbers stop being finite.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Sublayer, SublayerKind};

/// One of the two models that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ComparedModel {
    /// The model as stored in its files.
    Dense,
    /// The model under the plan.
    Pruned,
}

/// A place in a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// After the embedding.
    Embedding,
    /// After a sublayer.
    Sublayer {
        /// The block.
        layer: usize,
        /// Attention or MLP.
        kind: SublayerKind,
    },
    /// After the final norm: the hidden state h.
    FinalNorm,
    /// After the head: the logits z.
    Head,
}

impl Place {
    /// The place after the first `sublayers` sublayers.
    pub fn after(sublayers: usize) -> Self {
        match sublayers.checked_sub(1).map(Sublayer::from_index) {
            None => Self::Embedding,
            Some(Sublayer { layer, kind }) => Self::Sublayer { layer, kind },
        }
    }
}

/// Formats it as part of a sentence.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedding => f.write_str("the embedding"),
            Self::Sublayer { layer, kind: SublayerKind::Attention } => write!(f, "the attention of layer {layer}"),
            Self::Sublayer { layer, kind: SublayerKind::Mlp } => write!(f, "the MLP of layer {layer}"),
            Self::FinalNorm => f.write_str("the final norm"),
            Self::Head => f.write_str("the head"),
        }
    }
}

/// The first place where the numbers of the prompt's last position are not finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotFinite {
    /// The model.
    pub model: ComparedModel,
    /// The place.
    pub place: Place,
}

/// Formats it as sentences.
impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = match self.model {
            ComparedModel::Dense => "dense",
            ComparedModel::Pruned => "pruned",
        };
        let place = self.place;
        write!(f, "The {model} model gives numbers that are not finite (NaN or infinite), first after {place}")?;
        f.write_str(match self.model {
            ComparedModel::Dense => ". Its file is damaged, or its numbers are too large for 32 bits.",
            ComparedModel::Pruned => ". The plan makes its numbers too large for 32 bits.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_as_on_the_page() {
        let text = |model, place| NotFinite { model, place }.to_string();
        assert!(text(ComparedModel::Dense, Place::after(0)).contains("dense model gives numbers that are not finite"));
        assert!(text(ComparedModel::Dense, Place::after(0)).contains("after the embedding"));
        assert!(text(ComparedModel::Pruned, Place::after(4)).contains("after the MLP of layer 1"));
        assert!(text(ComparedModel::Pruned, Place::after(5)).contains("after the attention of layer 2"));
    }
}
