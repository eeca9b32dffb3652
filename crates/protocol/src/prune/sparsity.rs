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
    /// A percentage on average over the layers, 0 to [`MAX_PERCENT`]: less than that where a layer has many outliers
    /// (OWL; Yin et al., 2024).
    OutlierWeighed(u8),
    /// Two of every four neighbours in a row.
    TwoOfFour,
    /// Four of every eight neighbours in a row.
    FourOfEight,
}

/// Largest unstructured percentage.
pub const MAX_PERCENT: u8 = 90;

/// Behind a percentage in text form: uneven over the layers.
const OUTLIER_WEIGHED: &str = "-owl";

/// A method with its pattern; its text form is `wanda-0.5`, `wanda-0.5-owl` or `sparsegpt-2:4`.
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
            Self::Percent(_) | Self::OutlierWeighed(_) => None,
            Self::TwoOfFour => Some((2, 4)),
            Self::FourOfEight => Some((4, 8)),
        }
    }

    /// The percentage, on average over the layers; `None` for an N:M pattern.
    pub fn percent(self) -> Option<u8> {
        match self {
            Self::Percent(percent) | Self::OutlierWeighed(percent) => Some(percent),
            Self::TwoOfFour | Self::FourOfEight => None,
        }
    }

    /// Whether the layers' ratios differ by their outliers.
    pub fn is_outlier_weighed(self) -> bool {
        matches!(self, Self::OutlierWeighed(_))
    }

    /// The pattern of a percentage, the same in every layer or weighed by outliers.
    pub fn of_percent(percent: u8, outlier_weighed: bool) -> Self {
        if outlier_weighed { Self::OutlierWeighed(percent) } else { Self::Percent(percent) }
    }

    /// The share of weights that are removed, 0 to 1, on average over the layers.
    pub fn ratio(self) -> f64 {
        self.percent().map_or(0.5, |percent| f64::from(percent) / 100.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(out, "{}", f64::from(*percent) / 100.0),
            Self::OutlierWeighed(percent) => write!(out, "{}{OUTLIER_WEIGHED}", f64::from(*percent) / 100.0),
            Self::TwoOfFour => out.write_str("2:4"),
            Self::FourOfEight => out.write_str("4:8"),
        }
    }
}

impl Sparsity {
    /// Whether it removes any weights.
    pub fn removes_any(self) -> bool {
        self.pattern.percent() != Some(0)
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
                "write magnitude, wanda or sparsegpt, then a ratio from 0 to 0.9 (with -owl behind it: uneven over the layers), 2:4 or 4:8, such as wanda-0.5, wanda-0.5-owl or sparsegpt-2:4",
            )
        };
        let (method, pattern) = text.split_once('-').ok_or_else(wrong)?;
        let (method, ..) = SparsityMethod::ALL.into_iter().find(|(_, key, _)| *key == method).ok_or_else(wrong)?;
        let pattern = match pattern {
            "2:4" => Pattern::TwoOfFour,
            "4:8" => Pattern::FourOfEight,
            ratio => {
                let uneven = ratio.strip_suffix(OUTLIER_WEIGHED);
                let ratio = uneven.unwrap_or(ratio);
                let ratio: f64 = ratio.parse().map_err(|_| wrong())?;
                let percent = (ratio * 100.0).round();
                if !(0.0..=f64::from(MAX_PERCENT)).contains(&percent) {
                    return Err(wrong());
                }
                Pattern::of_percent(percent as u8, uneven.is_some())
            }
        };
        Ok(Self { method, pattern })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A strategy for arbitrary sparsities.
    pub(crate) fn any_sparsity() -> impl Strategy<Value = Sparsity> {
        let pattern = prop_oneof![
            (0..=MAX_PERCENT).prop_map(Pattern::Percent),
            (0..=MAX_PERCENT).prop_map(Pattern::OutlierWeighed),
            Just(Pattern::TwoOfFour),
            Just(Pattern::FourOfEight),
        ];
        (0..SparsityMethod::ALL.len(), pattern)
            .prop_map(|(method, pattern)| Sparsity { method: SparsityMethod::ALL[method].0, pattern })
    }

    #[test]
    fn only_a_ratio_can_be_uneven_over_the_layers() {
        let read = |text: &str| text.parse::<Sparsity>().map(|sparse| sparse.pattern);
        assert_eq!(read("wanda-0.37-owl"), Ok(Pattern::OutlierWeighed(37)));
        assert_eq!(read("wanda-0.37"), Ok(Pattern::Percent(37)));
        for text in ["wanda-2:4-owl", "wanda-owl", "wanda-0.5-OWL", "wanda-0.5-owl-owl", "wanda-0.95-owl", "wanda-0.5-"]
        {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains("write magnitude"), "{message}");
        }
    }

    #[test]
    fn none_of_the_weights_is_nothing() {
        let removes = |text: &str| text.parse::<Sparsity>().unwrap().removes_any();
        assert!(!removes("magnitude-0") && !removes("magnitude-0-owl"));
        assert!(removes("magnitude-0.01-owl") && removes("magnitude-2:4"));
    }

    proptest! {
        #[test]
        fn writing_and_reading_is_the_identity(sparse in any_sparsity()) {
            prop_assert_eq!(sparse.to_string().parse::<Sparsity>().unwrap(), sparse);
        }
    }
}
