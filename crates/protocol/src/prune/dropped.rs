//! The set of dropped sublayers.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{Sublayer, SublayerKind};

/// A set of dropped sublayers. Its text form is `a7,a26,m17,b3`: attention, MLP, or a whole block.
///
/// A dropped block is stored as both of its sublayers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DroppedSublayers {
    dropped: BTreeSet<Sublayer>,
}

/// A part of the text form that cannot be parsed.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("`{part}` is not a sublayer: write a7 for attention 7, m17 for MLP 17, b3 for block 3")]
pub struct DroppedError {
    /// The part, cut to 40 characters.
    pub part: String,
}

/// Highest layer that is parsed; no model that this program can hold has more.
pub(super) const MAX_LAYER: usize = 9_999;

impl DroppedSublayers {
    /// The set of these sublayers.
    pub fn of(dropped: impl IntoIterator<Item = Sublayer>) -> Self {
        Self { dropped: dropped.into_iter().collect() }
    }

    /// Whether nothing is dropped.
    pub fn is_empty(&self) -> bool {
        self.dropped.is_empty()
    }

    /// Whether a sublayer is dropped.
    pub fn drops(&self, sublayer: Sublayer) -> bool {
        self.dropped.contains(&sublayer)
    }

    /// The dropped sublayers, in the order of the forward pass.
    pub fn dropped(&self) -> impl Iterator<Item = Sublayer> + '_ {
        self.dropped.iter().copied()
    }

    /// How many sublayers of a kind are dropped.
    pub fn count(&self, kind: SublayerKind) -> usize {
        self.dropped.iter().filter(|sublayer| sublayer.kind == kind).count()
    }

    /// Adds a sublayer to the set or removes it.
    pub fn set(&mut self, sublayer: Sublayer, drop: bool) {
        if drop {
            self.dropped.insert(sublayer);
        } else {
            self.dropped.remove(&sublayer);
        }
    }

    /// The sublayers that one of two sets drops and the other does not, in the order of the forward pass.
    pub fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Sublayer> + 'a {
        self.dropped.symmetric_difference(&other.dropped).copied()
    }

    /// Splits the set into sublayers that a model with `layers` blocks has, and the others.
    pub fn within(&self, layers: usize) -> (Self, Self) {
        let (inside, outside) = self.dropped.iter().copied().partition(|sublayer| sublayer.layer < layers);
        (Self { dropped: inside }, Self { dropped: outside })
    }

    /// Parses the text form; returns the parts that cannot be parsed as errors.
    pub fn parse_lenient(text: &str) -> (Self, Vec<DroppedError>) {
        let mut dropped = Self::default();
        let mut errors = vec![];
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || DroppedError { part: part.chars().take(40).collect() };
            let layer =
                part.get(1..).and_then(|digits| digits.parse::<usize>().ok()).filter(|layer| *layer <= MAX_LAYER);
            match (part.as_bytes()[0], layer) {
                (b'a', Some(layer)) => dropped.set(Sublayer::attention(layer), true),
                (b'm', Some(layer)) => dropped.set(Sublayer::mlp(layer), true),
                (b'b', Some(layer)) => {
                    dropped.set(Sublayer::attention(layer), true);
                    dropped.set(Sublayer::mlp(layer), true);
                }
                _ => errors.push(wrong()),
            }
        }
        (dropped, errors)
    }
}

impl fmt::Display for DroppedSublayers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![];
        for sublayer in &self.dropped {
            let layer = sublayer.layer;
            let whole = self.drops(Sublayer::attention(layer)) && self.drops(Sublayer::mlp(layer));
            match (whole, sublayer.kind) {
                (true, SublayerKind::Attention) => parts.push(format!("b{layer}")),
                (true, SublayerKind::Mlp) => {}
                (false, SublayerKind::Attention) => parts.push(format!("a{layer}")),
                (false, SublayerKind::Mlp) => parts.push(format!("m{layer}")),
            }
        }
        out.write_str(&parts.join(","))
    }
}

impl FromStr for DroppedSublayers {
    type Err = DroppedError;

    fn from_str(text: &str) -> Result<Self, DroppedError> {
        let (dropped, errors) = Self::parse_lenient(text);
        errors.into_iter().next().map_or(Ok(dropped), Err)
    }
}

impl Serialize for DroppedSublayers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for DroppedSublayers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DroppedSublayers".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for DroppedSublayers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_writes_the_link_form() {
        let plan: DroppedSublayers = "m17, a7,b3,a26".parse().unwrap();
        assert_eq!(plan.to_string(), "b3,a7,m17,a26");
        assert!(plan.drops(Sublayer::mlp(3)) && plan.drops(Sublayer::attention(3)));
        assert_eq!((plan.count(SublayerKind::Attention), plan.count(SublayerKind::Mlp)), (3, 2));
        assert_eq!(plan.within(10).1.to_string(), "m17,a26");
    }

    #[test]
    fn names_the_part_that_means_nothing() {
        let (dropped, errors) = DroppedSublayers::parse_lenient("a7,x3,a,m99999999,ä1,,");
        assert_eq!(dropped.to_string(), "a7");
        assert_eq!(errors.iter().map(|e| e.part.as_str()).collect::<Vec<_>>(), ["x3", "a", "m99999999", "ä1"]);
    }

    proptest! {
        #[test]
        fn writing_and_reading_is_the_identity(indices in proptest::collection::btree_set(0usize..120, 0..40)) {
            let plan = DroppedSublayers::of(indices.into_iter().map(Sublayer::from_index));
            prop_assert_eq!(plan.to_string().parse::<DroppedSublayers>().unwrap(), plan);
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,60}") {
            let _ = DroppedSublayers::parse_lenient(&text);
        }
    }
}
