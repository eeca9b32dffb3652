//! Repair: a small map in place of each dropped sublayer, fitted in closed form.
//!
//! A dropped sublayer f is replaced by a map of its normed input u = N(y), where y is the pruned model's residual
//! stream: y ← y + g(u). The forms of g are from LinearPatch (NeurIPS 2025, channel scaling) and ReplaceMe
//! (arXiv 2505.02819, a least-squares map).
//!
//! Whatever was pruned, the head can be repaired too, with or without these maps: h ← h + b and z ← z / τ, which
//! calibrates softmax on the dense model's probabilities.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::part_error::PartError;
use crate::model::DecoderConfig;

/// The form of the map that replaces each dropped sublayer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Repair {
    /// g(u) = b.
    Bias,
    /// g(u) = a ⊙ u + b, one factor per channel.
    Scale,
    /// g(u) = A u + b with a matrix A of at most this rank.
    Rank(u16),
    /// g(u) = A u + b.
    Full,
}

/// Ranks that can be chosen.
pub const RANKS: std::ops::RangeInclusive<u16> = 1..=256;
/// The rank that the page offers.
pub const DEFAULT_RANK: u16 = 32;

impl Repair {
    /// The forms that the page offers, from the smallest to the largest.
    pub const OFFERED: [Self; 4] = [Self::Bias, Self::Scale, Self::Rank(DEFAULT_RANK), Self::Full];

    /// Numbers kept for each dropped sublayer.
    pub fn numbers(self, config: &DecoderConfig) -> usize {
        let width = config.hidden;
        match self {
            Self::Bias => width,
            Self::Scale => 2 * width,
            Self::Rank(rank) => 2 * width * usize::from(rank).min(width) + width,
            Self::Full => width * width + width,
        }
    }

    /// Its name for people, as it follows "repaired by".
    pub fn name(self) -> String {
        match self {
            Self::Bias => "a bias".into(),
            Self::Scale => "a scale and a bias".into(),
            Self::Rank(rank) => format!("a map of rank {rank}"),
            Self::Full => "a full map".into(),
        }
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bias => out.write_str("bias"),
            Self::Scale => out.write_str("scale"),
            Self::Rank(rank) => write!(out, "rank{rank}"),
            Self::Full => out.write_str("full"),
        }
    }
}

impl FromStr for Repair {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        match text {
            "bias" => Ok(Self::Bias),
            "scale" => Ok(Self::Scale),
            "full" => Ok(Self::Full),
            _ => {
                let digits = text.strip_prefix("rank").filter(|digits| !digits.starts_with(['0', '+']));
                let rank = digits.and_then(|digits| digits.parse().ok()).filter(|rank| RANKS.contains(rank));
                rank.map(Self::Rank).ok_or_else(|| {
                    PartError::new(
                        text,
                        "a repair",
                        "write bias, scale, full, or rank and a number up to 256, such as rank32",
                    )
                })
            }
        }
    }
}

/// What is repaired at the head of a pruned model: h ← h + b, and z = W h / τ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeadRepair {
    /// A temperature τ of the logits.
    Temperature,
    /// An offset b of the hidden state.
    Bias,
    /// First the offset, then the temperature.
    Both,
}

impl HeadRepair {
    /// All of them, each with its name in the link and for people.
    pub const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Temperature, "temperature", "temperature of the logits"),
        (Self::Bias, "bias", "offset of h"),
        (Self::Both, "both", "offset of h and temperature"),
    ];

    /// Its parts, in the order in which they are fitted.
    pub fn parts(self) -> &'static [HeadPart] {
        match self {
            Self::Temperature => &[HeadPart::Temperature],
            Self::Bias => &[HeadPart::Bias],
            Self::Both => &[HeadPart::Bias, HeadPart::Temperature],
        }
    }
}

/// A part of the head that is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum HeadPart {
    /// A temperature τ of the logits.
    Temperature,
    /// An offset b of the hidden state.
    Bias,
}

impl HeadPart {
    /// Numbers kept for it.
    pub fn numbers(self, config: &DecoderConfig) -> usize {
        match self {
            Self::Temperature => 1,
            Self::Bias => config.hidden,
        }
    }
}

impl fmt::Display for HeadRepair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(Self::ALL.iter().find(|(part, ..)| part == self).map_or("both", |(_, key, _)| key))
    }
}

impl FromStr for HeadRepair {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        let found = Self::ALL.into_iter().find(|(_, key, _)| *key == text).map(|(part, ..)| part);
        found.ok_or_else(|| PartError::new(text, "a repair of the head", "write temperature, bias or both"))
    }
}

/// Everything that repairs a pruned model; at least one part is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repairs {
    /// What replaces each dropped sublayer.
    pub sublayers: Option<Repair>,
    /// What is repaired at the head.
    pub head: Option<HeadRepair>,
}

impl Repairs {
    /// These parts; `None` if both are missing.
    pub fn new(sublayers: Option<Repair>, head: Option<HeadRepair>) -> Option<Self> {
        (sublayers.is_some() || head.is_some()).then_some(Self { sublayers, head })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A strategy for arbitrary repairs of the head.
    pub(crate) fn any_head_repair() -> impl Strategy<Value = HeadRepair> {
        (0..HeadRepair::ALL.len()).prop_map(|at| HeadRepair::ALL[at].0)
    }

    /// A strategy for arbitrary repairs.
    pub(crate) fn any_repair() -> impl Strategy<Value = Repair> {
        prop_oneof![Just(Repair::Bias), Just(Repair::Scale), Just(Repair::Full), RANKS.prop_map(Repair::Rank)]
    }

    #[test]
    fn what_is_no_repair_says_how_it_is_written() {
        for text in ["", "Scale", "rank", "rank0", "rank257", "rank+3", "rank032", "rank-1", "rank3.5", "full2"] {
            let message = text.parse::<Repair>().unwrap_err().to_string();
            assert!(message.contains("write"), "{message}");
        }
        for text in ["", "Bias", "temperature0.9", "scale"] {
            let message = text.parse::<HeadRepair>().unwrap_err().to_string();
            assert!(message.contains("write"), "{message}");
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_is_the_identity(repair in any_repair(), head in any_head_repair()) {
            prop_assert_eq!(repair.to_string().parse::<Repair>().unwrap(), repair);
            prop_assert_eq!(head.to_string().parse::<HeadRepair>().unwrap(), head);
        }
    }
}
