//! Verdicts on the use of the pruned and the repaired model, limited to what was measured.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::sweep::Proportion;

/// Largest loss of accuracy (as a share of the items) that counts as safe.
pub const SAFE_LOSS: f64 = 0.05;
/// A pruned model with surely less than this share of the dense model's score has lost a task.
pub const LOST_SHARE: f64 = 0.5;
/// Least items for the verdict [`Verdict::Safe`].
pub const FEWEST_ITEMS: usize = 20;
/// Largest probability, of a difference as large by chance, at which a difference counts as real.
pub const SIGNIFICANT: f64 = 0.05;

/// What a model can be good for, each judged by a task set of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Purpose {
    /// Ranking passages by the hidden state.
    Retrieval,
    /// Choosing among given answers.
    Classification,
    /// Writing short answers.
    Generation,
    /// Writing the results of small sums, differences and products.
    Arithmetic,
    /// Closing brackets and copying lists.
    Structure,
}

impl Purpose {
    /// All purposes, in the order of the page.
    pub const ALL: [Self; 5] =
        [Self::Retrieval, Self::Classification, Self::Generation, Self::Arithmetic, Self::Structure];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retrieval => "Retrieval",
            Self::Classification => "Classification",
            Self::Generation => "Generation",
            Self::Arithmetic => "Arithmetic",
            Self::Structure => "Structure",
        }
    }

    /// What is counted.
    fn measure(self) -> &'static str {
        match self {
            Self::Retrieval => "right passage first",
            Self::Classification => "right choices, cloze",
            Self::Generation => "exact answers",
            Self::Arithmetic => "right results",
            Self::Structure => "right lines",
        }
    }

    /// What one does with a model for this purpose, as it follows "use it for".
    pub(super) fn activity(self) -> &'static str {
        match self {
            Self::Retrieval => "ranking",
            Self::Classification => "choosing among given answers",
            Self::Generation => "writing answers",
            Self::Arithmetic => "arithmetic",
            Self::Structure => "copying and closing brackets",
        }
    }
}

/// The verdict that a measurement supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At most [`SAFE_LOSS`] is lost.
    Safe,
    /// More is lost by pruning, but at most [`SAFE_LOSS`] after the repair, and the gain is significant.
    Repairable,
    /// More is lost, or too few items were measured.
    PartlyLost,
    /// Less than [`LOST_SHARE`] of the dense score is left, even at the upper 95 % bound.
    Lost,
    /// The dense model itself cannot do the task, so pruning cannot be judged by it.
    Unclear,
}

/// Which items each model got right, in the same order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairedScores {
    /// The dense model.
    pub dense: Vec<bool>,
    /// The pruned model.
    pub pruned: Vec<bool>,
    /// The repaired model, if the plan repairs.
    pub repaired: Option<Vec<bool>>,
}

/// How many items each model got right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counts {
    /// The dense model.
    pub dense: Proportion,
    /// The pruned model.
    pub pruned: Proportion,
    /// The repaired model, if the plan repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Proportion>,
}

/// What a repair does to a score, by [`mcnemar`] on the same items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RepairEffect {
    /// Significantly more items are right.
    Gains,
    /// The difference may be chance.
    Unclear,
    /// Significantly fewer items are right.
    Loses,
}

/// A verdict with the numbers it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Advice {
    /// The purpose.
    pub purpose: Purpose,
    /// The verdict.
    pub verdict: Verdict,
    /// How many items each model got right.
    #[serde(default)]
    pub counts: Counts,
    /// What the repair does, if the plan repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairEffect>,
    /// The reason, with the numbers.
    pub because: String,
}

/// Two-sided p-value of the exact McNemar test (McNemar, 1947): the probability of a difference between two models on
/// the same items as large as this by chance.
pub fn mcnemar(first: &[bool], second: &[bool]) -> f64 {
    let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count();
    let (b, c) = (only(first, second), only(second, first));
    let (n, few) = (b + c, b.min(c));
    // P(X <= few) for X binomial(n, 1/2), doubled; terms by their logarithms, since 2ⁿ may overflow.
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let mut sum = log_term.exp();
    for k in 1..=few {
        log_term += ((n - k + 1) as f64 / k as f64).ln();
        sum += log_term.exp();
    }
    (2.0 * sum).min(1.0)
}

impl PairedScores {
    /// How many items each model got right.
    pub fn counts(&self) -> Counts {
        let of = |flags: &[bool]| Proportion::of(flags.iter().copied());
        Counts { dense: of(&self.dense), pruned: of(&self.pruned), repaired: self.repaired.as_deref().map(of) }
    }
}

impl RepairEffect {
    /// Compares the pruned and the repaired model's scores on the same items.
    fn of(pruned: &[bool], repaired: &[bool]) -> Self {
        let count = |flags: &[bool]| flags.iter().filter(|right| **right).count();
        match count(repaired).cmp(&count(pruned)) {
            _ if mcnemar(pruned, repaired) > SIGNIFICANT => Self::Unclear,
            Ordering::Greater => Self::Gains,
            Ordering::Less => Self::Loses,
            Ordering::Equal => Self::Unclear,
        }
    }
}

impl Verdict {
    /// Compares the models' scores on the same items.
    pub fn of(scores: &PairedScores) -> Self {
        let Counts { dense, pruned, repaired } = scores.counts();
        let (dense_low, _) = dense.interval();
        let keeps = |score: Proportion| score.share() >= dense.share() - SAFE_LOSS;
        let gains = |flags: &Vec<bool>| RepairEffect::of(&scores.pruned, flags) == RepairEffect::Gains;
        let repaired = repaired.is_some_and(keeps) && scores.repaired.as_ref().is_some_and(gains);
        if dense.of == 0 || dense_low < 0.1 {
            Self::Unclear
        } else if dense.of >= FEWEST_ITEMS && keeps(pruned) {
            Self::Safe
        } else if dense.of >= FEWEST_ITEMS && repaired {
            Self::Repairable
        } else if pruned.upper_bound() < LOST_SHARE * dense.share() {
            Self::Lost
        } else {
            Self::PartlyLost
        }
    }

    /// The verdict as words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Repairable => "repairable",
            Self::PartlyLost => "partly lost",
            Self::Lost => "lost",
            Self::Unclear => "not measurable here",
        }
    }
}

impl Advice {
    /// For one purpose, from the models' scores on the same items.
    pub fn new(purpose: Purpose, scores: &PairedScores) -> Self {
        let verdict = Verdict::of(scores);
        let counts = scores.counts();
        let Counts { dense, pruned, repaired } = counts;
        let percent = |score: Proportion| {
            let (low, high) = score.interval();
            format!("95 % interval {:.0} to {:.0} %", 100.0 * low, 100.0 * high)
        };
        let loss = 100.0 * SAFE_LOSS;
        let mut because = format!(
            "{}: dense {} of {}, pruned {} of {} ({})",
            purpose.measure(),
            dense.right,
            dense.of,
            pruned.right,
            pruned.of,
            percent(pruned)
        );
        if let Some(score) = repaired {
            because.push_str(&format!(", repaired {} of {} ({})", score.right, score.of, percent(score)));
        }
        because.push_str("; ");
        because.push_str(&match verdict {
            Verdict::Safe => {
                format!("at most {loss:.0} points are lost on these items, and the interval says how far that carries")
            }
            Verdict::Repairable => {
                format!("the repair leaves at most {loss:.0} points lost, and its gain is no chance")
            }
            Verdict::PartlyLost if dense.of < FEWEST_ITEMS => {
                format!("fewer than {FEWEST_ITEMS} items cannot show safety")
            }
            Verdict::PartlyLost => format!(
                "more than {loss:.0} points are lost by pruning, but not surely more than half of the dense score"
            ),
            Verdict::Lost => {
                format!("with 95 % confidence less than {:.0} % of the dense score is left", 100.0 * LOST_SHARE)
            }
            Verdict::Unclear => "the dense model itself hardly manages it".into(),
        });
        if let Some(repaired) = scores.repaired.as_ref().filter(|_| verdict != Verdict::Unclear) {
            because.push_str(&format!("; {}", gain(&scores.pruned, repaired)));
        }
        because.push('.');
        let repair = scores.repaired.as_ref().map(|repaired| RepairEffect::of(&scores.pruned, repaired));
        Self { purpose, verdict, counts, repair, because }
    }
}

/// What a repair gains on the same items, with the test behind the words.
fn gain(pruned: &[bool], repaired: &[bool]) -> String {
    let count = |flags: &[bool]| flags.iter().filter(|right| **right).count() as i64;
    let p = mcnemar(pruned, repaired);
    let test = if p < 0.001 { "p < 0.001".to_string() } else { format!("p = {p:.3}") };
    match count(repaired) - count(pruned) {
        0 => "the repair changes no count".into(),
        more if p > SIGNIFICANT => {
            let word = if more > 0 { "more" } else { "fewer" };
            format!("{} {word} right with the repair may be chance (exact McNemar test, {test})", more.abs())
        }
        more if more > 0 => format!("{more} more right with the repair (exact McNemar test, {test})"),
        fewer => format!("{} fewer right with the repair (exact McNemar test, {test})", -fewer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `right` of `all` items right, the first ones.
    fn flags(right: usize, all: usize) -> Vec<bool> {
        (0..all).map(|at| at < right).collect()
    }

    fn scores(dense: usize, pruned: usize, repaired: Option<usize>, all: usize) -> PairedScores {
        PairedScores {
            dense: flags(dense, all),
            pruned: flags(pruned, all),
            repaired: repaired.map(|right| flags(right, all)),
        }
    }

    #[test]
    fn verdicts_follow_their_thresholds() {
        let of = |dense, pruned, repaired, all| Verdict::of(&scores(dense, pruned, repaired, all));
        assert_eq!(of(50, 49, None, 60), Verdict::Safe);
        assert_eq!(of(50, 40, None, 60), Verdict::PartlyLost);
        assert_eq!(of(50, 5, None, 60), Verdict::Lost);
        assert_eq!(of(10, 10, None, 12), Verdict::PartlyLost, "twelve items cannot show safety");
        assert_eq!(of(2, 2, None, 60), Verdict::Unclear);
        assert_eq!(of(0, 0, None, 0), Verdict::Unclear);
        // 18 to 5 and 18 to 15 of 20 are not the same word.
        assert_eq!((of(18, 5, None, 20), of(18, 15, None, 20)), (Verdict::Lost, Verdict::PartlyLost));
        assert_eq!(of(50, 5, Some(48), 60), Verdict::Repairable);
        assert_eq!(of(50, 5, Some(30), 60), Verdict::Lost, "a repair that brings half back does not change the word");
        assert_eq!(of(50, 46, Some(49), 60), Verdict::PartlyLost, "three more may be chance");
    }

    #[test]
    fn the_reason_has_the_numbers() {
        let because = |dense, pruned, repaired, all| {
            Advice::new(Purpose::Generation, &scores(dense, pruned, repaired, all)).because
        };
        let text = because(30, 2, Some(28), 40);
        assert!(text.contains("dense 30 of 40, pruned 2 of 40 (95 % interval 1 to 17 %), repaired 28 of 40"), "{text}");
        assert!(text.contains("26 more right with the repair (exact McNemar test, p < 0.001)"), "{text}");
        assert!(because(50, 46, Some(49), 60).contains("3 more right with the repair may be chance"));
        assert!(because(50, 46, Some(46), 60).contains("changes no count"));
        assert!(!because(2, 2, Some(2), 60).contains("repair changes"));
    }

    #[test]
    fn what_a_repair_does_is_said_only_if_it_is_no_chance() {
        let effect = |pruned, repaired| RepairEffect::of(&flags(pruned, 60), &flags(repaired, 60));
        assert_eq!([effect(5, 48), effect(48, 5)], [RepairEffect::Gains, RepairEffect::Loses]);
        assert_eq!([effect(46, 49), effect(49, 46), effect(9, 9)], [RepairEffect::Unclear; 3]);
        let advice = Advice::new(Purpose::Structure, &scores(50, 5, Some(30), 60));
        assert_eq!(
            (advice.repair, advice.counts.repaired.map(|score| score.right)),
            (Some(RepairEffect::Gains), Some(30))
        );
        assert_eq!(Advice::new(Purpose::Structure, &scores(50, 5, None, 60)).repair, None);
    }

    #[test]
    fn known_values_of_the_test() {
        // 13 only in one: 2 / 2^13. One and nine: 2 (1 + 10) / 2^10.
        assert!((mcnemar(&flags(18, 20), &flags(5, 20)) - 2.0 / 8192.0).abs() < 1e-12);
        let (mut a, mut b) = (flags(9, 10), flags(0, 10));
        (a[9], b[9]) = (false, true);
        assert!((mcnemar(&a, &b) - 22.0 / 1024.0).abs() < 1e-12);
        assert_eq!(mcnemar(&a, &a), 1.0);
        assert_eq!(mcnemar(&[], &[]), 1.0);
    }

    proptest! {
        #[test]
        fn the_test_is_a_symmetric_probability(
            pairs in proptest::collection::vec(any::<(bool, bool)>(), 0..2000),
        ) {
            let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let p = mcnemar(&a, &b);
            prop_assert!((0.0..=1.0).contains(&p) && (p - mcnemar(&b, &a)).abs() < 1e-12);
        }
    }
}
