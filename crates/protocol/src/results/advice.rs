//! Verdicts on the use of the pruned model, limited to what was measured.

use serde::{Deserialize, Serialize};

use super::sweep::Proportion;

/// Largest loss of accuracy (as a share of the items) that counts as safe.
pub const SAFE_LOSS: f64 = 0.05;
/// A pruned model with surely less than this share of the dense model's score is broken.
pub const BROKEN_SHARE: f64 = 0.5;
/// Least items for the verdict [`Verdict::Safe`].
pub const FEWEST_ITEMS: usize = 20;

/// The verdict that a measurement supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// At most [`SAFE_LOSS`] is lost.
    Safe,
    /// More is lost, or too few items were measured.
    Risky,
    /// Less than [`BROKEN_SHARE`] of the dense score is left, even at the upper end of the 95 % interval.
    Broken,
    /// The dense model itself cannot do the task, so pruning cannot be judged by it.
    Unclear,
}

/// A verdict with the numbers it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The purpose: retrieval, classification or generation.
    pub purpose: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The reason, with the numbers.
    pub because: String,
}

impl Verdict {
    /// Compares both models' scores on the same items.
    pub fn of(dense: Proportion, pruned: Proportion) -> Self {
        let (dense_low, _) = dense.interval();
        let (_, pruned_high) = pruned.interval();
        if dense.of == 0 || dense_low < 0.1 {
            Self::Unclear
        } else if pruned_high < BROKEN_SHARE * dense.share() {
            Self::Broken
        } else if dense.of >= FEWEST_ITEMS && pruned.share() >= dense.share() - SAFE_LOSS {
            Self::Safe
        } else {
            Self::Risky
        }
    }

    /// The verdict as a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Risky => "risky",
            Self::Broken => "broken",
            Self::Unclear => "not measurable here",
        }
    }
}

impl Advice {
    /// For one purpose, from both models' scores on the same items.
    pub fn new(purpose: &str, measure: &str, dense: Proportion, pruned: Proportion) -> Self {
        let verdict = Verdict::of(dense, pruned);
        let (low, high) = pruned.interval();
        let numbers = format!(
            "{measure}: dense {} of {}, pruned {} of {} (95 % interval {:.0} to {:.0} %)",
            dense.right,
            dense.of,
            pruned.right,
            pruned.of,
            100.0 * low,
            100.0 * high
        );
        let rule = match verdict {
            Verdict::Safe => format!(
                "at most {:.0} points are lost on these items, and the interval says how far that carries",
                100.0 * SAFE_LOSS
            ),
            Verdict::Risky if dense.of < FEWEST_ITEMS => format!("fewer than {FEWEST_ITEMS} items cannot show safety"),
            Verdict::Risky => format!(
                "more than {:.0} points are lost, but not surely more than half of the dense score",
                100.0 * SAFE_LOSS
            ),
            Verdict::Broken => format!("surely less than {:.0} % of the dense score is left", 100.0 * BROKEN_SHARE),
            Verdict::Unclear => "the dense model itself hardly manages it".into(),
        };
        Self { purpose: purpose.into(), verdict, because: format!("{numbers}; {rule}.") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_follow_their_thresholds() {
        let of = |dense, pruned, all| {
            Verdict::of(Proportion { right: dense, of: all }, Proportion { right: pruned, of: all })
        };
        assert_eq!(of(50, 49, 60), Verdict::Safe);
        assert_eq!(of(50, 40, 60), Verdict::Risky);
        assert_eq!(of(50, 5, 60), Verdict::Broken);
        assert_eq!(of(10, 10, 12), Verdict::Risky, "twelve items cannot show safety");
        assert_eq!(of(2, 2, 60), Verdict::Unclear);
        assert_eq!(of(0, 0, 0), Verdict::Unclear);
        let advice = Advice::new(
            "generation",
            "exact answers",
            Proportion { right: 30, of: 40 },
            Proportion { right: 2, of: 40 },
        );
        assert!(advice.because.contains("dense 30 of 40, pruned 2 of 40"), "{}", advice.because);
    }
}
