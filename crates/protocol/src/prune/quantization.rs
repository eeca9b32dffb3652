//! Quantization: rounding weights to few bits, the paper's contrast to pruning.

use std::fmt;
use std::str::FromStr;

use super::part_error::PartError;

/// How the rounding is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QuantizationMethod {
    /// Rounds each weight to the nearest of 2ᵇ evenly spaced values of its group.
    RoundToNearest,
    /// The same after scaling input channels by their activations (AWQ, Lin et al., 2024).
    ActivationAware,
    /// Column by column, with the row's later weights updated for the error (GPTQ, Frantar et al., 2023).
    Gptq,
}

/// Bits per weight that can be chosen.
pub const BITS: [u8; 4] = [8, 4, 3, 2];
/// Group sizes that can be chosen.
pub const GROUPS: [u16; 3] = [32, 64, 128];

/// A quantization; its text form is `rtn4-g64`, `awq3-g128` or `gptq3-g64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quantization {
    /// How the rounding is chosen.
    pub method: QuantizationMethod,
    /// Bits per weight, one of [`BITS`].
    pub bits: u8,
    /// Neighbours in a row that share a scale and a zero point, one of [`GROUPS`]; a row's last group may be shorter.
    pub group: u16,
}

impl QuantizationMethod {
    /// All methods, each with its name in the link and for people.
    pub const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::RoundToNearest, "rtn", "Round to nearest"),
        (Self::ActivationAware, "awq", "AWQ"),
        (Self::Gptq, "gptq", "GPTQ"),
    ];

    /// Its name in the link.
    pub fn key(self) -> &'static str {
        Self::ALL.iter().find(|(method, ..)| *method == self).map_or("", |(_, key, _)| key)
    }
}

impl fmt::Display for Quantization {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}-g{}", self.method.key(), self.bits, self.group)
    }
}

impl FromStr for Quantization {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        let wrong = || {
            PartError::new(
                text,
                "a quantization",
                "write rtn, awq or gptq, the bits (8, 4, 3 or 2) and the group (32, 64 or 128), such as awq4-g64",
            )
        };
        let (head, group) = text.split_once("-g").ok_or_else(wrong)?;
        let (method, key, _) =
            QuantizationMethod::ALL.into_iter().find(|(_, key, _)| head.starts_with(key)).ok_or_else(wrong)?;
        let bits = head[key.len()..].parse().ok().filter(|bits| BITS.contains(bits)).ok_or_else(wrong)?;
        let group = group.parse().ok().filter(|group| GROUPS.contains(group)).ok_or_else(wrong)?;
        Ok(Self { method, bits, group })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A strategy for arbitrary quantizations.
    pub(crate) fn any_quantization() -> impl Strategy<Value = Quantization> {
        (0..QuantizationMethod::ALL.len(), 0..BITS.len(), 0..GROUPS.len()).prop_map(|(method, bits, group)| {
            Quantization { method: QuantizationMethod::ALL[method].0, bits: BITS[bits], group: GROUPS[group] }
        })
    }

    proptest! {
        #[test]
        fn writing_and_reading_is_the_identity(quant in any_quantization()) {
            prop_assert_eq!(quant.to_string().parse::<Quantization>().unwrap(), quant);
        }
    }
}
