//! Task scores against the amount removed (figs. 3 and 4 of the paper).

use serde::{Deserialize, Serialize};

/// A number of right items out of all items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proportion {
    /// Right items.
    pub right: usize,
    /// All items.
    pub of: usize,
}

/// Standard normal quantile of a two-sided 95 % interval.
const TWO_SIDED_95: f64 = 1.96;
/// Standard normal quantile of a one-sided 95 % bound.
const ONE_SIDED_95: f64 = 1.645;

impl Proportion {
    /// Counts the true flags.
    pub fn of(flags: impl IntoIterator<Item = bool>) -> Self {
        flags
            .into_iter()
            .fold(Self::default(), |sum, right| Self { right: sum.right + usize::from(right), of: sum.of + 1 })
    }

    /// The share, 0 to 1; NaN if there are no items.
    pub fn share(self) -> f64 {
        self.right as f64 / self.of as f64
    }

    /// Wilson's 95 % score interval (1927) of the share.
    pub fn interval(self) -> (f64, f64) {
        self.wilson(TWO_SIDED_95)
    }

    /// The share that is not exceeded with 95 % confidence, by the same method.
    pub fn upper_bound(self) -> f64 {
        self.wilson(ONE_SIDED_95).1
    }

    fn wilson(self, z: f64) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, p, z2) = (self.of as f64, self.share(), z * z);
        let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }
}

/// The quantity that varies along one line of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SweepLine {
    /// Attention sublayers dropped, the least important first.
    Attention,
    /// MLP sublayers dropped, the least important first.
    Mlp,
    /// Blocks dropped (ShortGPT).
    Block,
    /// Unstructured magnitude sparsity of all matrices, in percent.
    Magnitude,
    /// Unstructured Wanda sparsity of all matrices, in percent.
    Wanda,
    /// Round to nearest with groups of 64, by bits.
    RoundToNearest,
    /// AWQ with groups of 64, by bits.
    ActivationAware,
    /// GPTQ with groups of 64, by bits.
    Gptq,
    /// As [`Self::Attention`], repaired by scale.
    RepairedAttention,
    /// As [`Self::Mlp`], repaired by scale.
    RepairedMlp,
}

impl SweepLine {
    /// Its name in a legend.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Mlp => "MLP",
            Self::Block => "blocks (ShortGPT)",
            Self::Magnitude => "magnitude",
            Self::Wanda => "Wanda",
            Self::RoundToNearest => "round to nearest",
            Self::ActivationAware => "AWQ",
            Self::Gptq => "GPTQ",
            Self::RepairedAttention => "attention, repaired",
            Self::RepairedMlp => "MLP, repaired",
        }
    }

    /// The line without repair, for a repaired one.
    pub fn unrepaired(self) -> Option<Self> {
        match self {
            Self::RepairedAttention => Some(Self::Attention),
            Self::RepairedMlp => Some(Self::Mlp),
            _ => None,
        }
    }
}

/// One measured point of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SweepPoint {
    /// The line it is on.
    pub line: SweepLine,
    /// The number dropped, the percentage, or the bits (16: not rounded).
    pub x: usize,
    /// The plan in text form.
    pub plan: String,
    /// Multiple choice by cloze scoring.
    pub choice: Proportion,
    /// Multiple choice by letter scoring.
    pub letters: Proportion,
    /// Retrieval with mean pooling: queries whose passage ranks first.
    pub recall_1: Proportion,
    /// Retrieval with mean pooling: queries whose passage ranks among the first five.
    pub recall_5: Proportion,
    /// Generative tasks whose text contains the exact answer.
    pub generation: Proportion,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_known_interval() {
        // 15 of 20: Wilson 95 % is 0.531 to 0.888.
        let (low, high) = Proportion { right: 15, of: 20 }.interval();
        assert!((low - 0.531).abs() < 1e-3 && (high - 0.888).abs() < 1e-3, "{low} {high}");
        assert_eq!(Proportion::default().interval(), (0.0, 1.0));
        assert_eq!(Proportion::of([true, false, true]), Proportion { right: 2, of: 3 });
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share(of in 1usize..200, part in 0f64..=1.0) {
            let proportion = Proportion { right: (part * of as f64) as usize, of };
            let (low, high) = proportion.interval();
            let share = proportion.share();
            prop_assert!(0.0 <= low && low <= share + 1e-12 && share <= high + 1e-12 && high <= 1.0);
        }
    }
}
