//! Sparsity: how weights within a matrix are chosen for removal.

use std::fmt;
use std::str::FromStr;

use super::part_error::PartError;

/// The score by which weights are chosen; the lowest are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SparsityMethod {
    /// |W_ij|, compared within the matrix.
    Magnitude,
    /// |W_ij| · ‖X_j‖₂, compared within each output row (Sun et al., 2024).
    Wanda,
    /// The second-order error of the removal, with the row's other weights updated (Frantar and Alistarh, 2023).
    SparseGpt,
}

/// The share of weights that are removed, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// A percentage, anywhere: 0 to [`MAX_PERCENT`].
    Percent(u8),
    /// Two of every four neighbours in a row.
    TwoOfFour,
    /// Four of every eight neighbours in a row.
    FourOfEight,
}

/// Largest unstructured percentage.
pub const MAX_PERCENT: u8 = 90;

/// A method with its pattern; its text form is `wanda-0.5` or `sparsegpt-2:4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sparsity {
    /// The score.
    pub method: SparsityMethod,
    /// The share that is removed.
    pub pattern: Pattern,
}

impl SparsityMethod {
    /// All methods, each with its name in the link and for people.
    pub const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Magnitude, "magnitude", "Magnitude"),
        (Self::Wanda, "wanda", "Wanda"),
        (Self::SparseGpt, "sparsegpt", "SparseGPT"),
    ];

    /// Its name in the link.
    pub fn key(self) -> &'static str {
        Self::ALL.iter().find(|(method, ..)| *method == self).map_or("", |(_, key, _)| key)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(method, ..)| *method == self).map_or("", |(.., name)| name)
    }
}

impl Pattern {
    /// N and M of an N:M pattern: N of every M neighbours in a row are removed.
    pub fn n_of_m(self) -> Option<(usize, usize)> {
        match self {
            Self::Percent(_) => None,
            Self::TwoOfFour => Some((2, 4)),
            Self::FourOfEight => Some((4, 8)),
        }
    }

    /// The share of weights that are removed, 0 to 1.
    pub fn ratio(self) -> f64 {
        match self {
            Self::Percent(percent) => f64::from(percent) / 100.0,
            Self::TwoOfFour | Self::FourOfEight => 0.5,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(out, "{}", f64::from(*percent) / 100.0),
            Self::TwoOfFour => out.write_str("2:4"),
            Self::FourOfEight => out.write_str("4:8"),
        }
    }
}

impl fmt::Display for Sparsity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.method.key(), self.pattern)
    }
}

impl FromStr for Sparsity {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        let wrong = || {
            PartError::new(
                text,
                "a sparsity",
                "write magnitude, wanda or sparsegpt, then a ratio from 0 to 0.9, 2:4 or 4:8, such as wanda-0.5 or sparsegpt-2:4",
            )
        };
        let (method, pattern) = text.split_once('-').ok_or_else(wrong)?;
        let (method, ..) = SparsityMethod::ALL.into_iter().find(|(_, key, _)| *key == method).ok_or_else(wrong)?;
        let pattern = match pattern {
            "2:4" => Pattern::TwoOfFour,
            "4:8" => Pattern::FourOfEight,
            ratio => {
                let ratio: f64 = ratio.parse().map_err(|_| wrong())?;
                let percent = (ratio * 100.0).round();
                if !(0.0..=f64::from(MAX_PERCENT)).contains(&percent) {
                    return Err(wrong());
                }
                Pattern::Percent(percent as u8)
            }
        };
        Ok(Self { method, pattern })
    }
}
