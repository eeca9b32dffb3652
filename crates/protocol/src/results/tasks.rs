//! Results of both models on the task sets.

use serde::{Deserialize, Serialize};

use super::TopTokens;
use super::sweep::Proportion;
use crate::tasks::GenerativeSet;

/// Similarity of two models on a subset of the vocabulary; p is renormalised on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubspaceMetrics {
    /// cos(z, z̃).
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub cos_z: f32,
    /// cos(p, p̃).
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub cos_p: f32,
    /// KL(p ‖ p̃) in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_dense_pruned: f32,
}

/// One model's answer to a multiple-choice question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChoiceAnswer {
    /// Probability of each option's letter, renormalised on the letters.
    #[serde(with = "super::number::list")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<super::number::Number>"))]
    pub letters: Vec<f32>,
    /// Mean log-probability of each option's own tokens after the question without options.
    #[serde(with = "super::number::list")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<super::number::Number>"))]
    pub cloze: Vec<f32>,
}

/// The index of the highest value, and its lead over the second.
pub fn best(scores: &[f32]) -> (usize, f32) {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    match order[..] {
        [] => (0, 0.0),
        [only] => (only, 0.0),
        [first, second, ..] => (first, scores[first] - scores[second]),
    }
}

/// Which of the dense model's answers another model changes, right or wrong: the flips of Dutta et al. (*Accuracy is Not All You Need*, 2024).
/// Scores that stay equal hide them, since answers that become wrong and answers that become right cancel out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flips {
    /// Items that both models answered.
    pub of: usize,
    /// The dense model's answer is right, the other model's wrong.
    pub to_wrong: usize,
    /// The dense model's answer is wrong, the other model's right.
    pub to_right: usize,
    /// Both answers are wrong, and not the same. No flip.
    pub to_other_wrong: usize,
}

impl Flips {
    /// Counts the flips of items answered with one of several choices.
    ///
    /// * `answers`: of each item the dense model's choice, the other model's, and the right one.
    pub fn count<T: PartialEq>(answers: impl IntoIterator<Item = [T; 3]>) -> Self {
        let mut flips = Self::default();
        for [dense, other, right] in answers {
            flips.of += 1;
            match (dense == right, other == right) {
                (true, false) => flips.to_wrong += 1,
                (false, true) => flips.to_right += 1,
                (false, false) if dense != other => flips.to_other_wrong += 1,
                _ => {}
            }
        }
        flips
    }

    /// Counts the flips of a retrieval: an answer is right if the right passage ranks first. Ranks do not tell which passage is first instead.
    pub fn of_ranks(dense: &[usize], other: &[usize]) -> Self {
        Self::count(dense.iter().zip(other).map(|(dense, other)| [*dense == 1, *other == 1, true]))
    }

    /// Answers that change between right and wrong.
    pub fn flipped(self) -> Proportion {
        Proportion { right: self.to_wrong + self.to_right, of: self.of }
    }
}

/// One question answered by both models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChoiceResult {
    /// Its index in the set.
    pub index: usize,
    /// The dense model's answer.
    pub dense: ChoiceAnswer,
    /// The pruned model's answer.
    pub pruned: ChoiceAnswer,
    /// The repaired model's answer, if the plan repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<ChoiceAnswer>,
    /// Similarity at the letter's position, on the whole vocabulary.
    pub global: SubspaceMetrics,
    /// Similarity on the options' letters alone: the categorical subspace.
    pub categorical: SubspaceMetrics,
    /// The likeliest tokens at that position.
    pub top: TopTokens,
}

/// How a query and a passage become one vector from the final hidden states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over all tokens except the first, whose state is an attention sink.
    Mean,
    /// The last token.
    Last,
}

/// One model's retrieval with one pooling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ranking {
    /// By query, the rank of the passage that answers it; 1 is the best.
    pub ranks: Vec<usize>,
    /// Queries whose passage ranks first.
    pub recall_1: Proportion,
    /// Queries whose passage ranks among the first five.
    pub recall_5: Proportion,
}

/// Dense against pruned with one pooling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PoolingReport {
    /// The pooling.
    pub pooling: Pooling,
    /// The dense model's ranking.
    pub dense: Ranking,
    /// The pruned model's ranking.
    pub pruned: Ranking,
    /// The repaired model's ranking, if the plan repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Ranking>,
    /// Kendall's τ between both models' orders of all passages, averaged over queries; 1 is the same order.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kendall_tau: f32,
    /// Mean cosine between a text's vectors in both models.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub cosine: f32,
}

/// Retrieval by both models.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetrievalReport {
    /// Passages in the set.
    pub passages: usize,
    /// One entry per pooling.
    pub poolings: Vec<PoolingReport>,
}

/// One generative task done by both models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GenerativeResult {
    /// Its set.
    #[serde(default)]
    pub set: GenerativeSet,
    /// Its index in the set.
    pub index: usize,
    /// What the dense model wrote.
    pub dense: String,
    /// Whether it is right.
    pub dense_right: bool,
    /// What the pruned model wrote.
    pub pruned: String,
    /// Whether it is right.
    pub pruned_right: bool,
    /// What the repaired model wrote, if the plan repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<String>,
    /// Whether it is right.
    #[serde(default)]
    pub repaired_right: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_its_set_is_of_the_first_one() {
        let old = r#"{"index":3,"dense":"a","dense_right":true,"pruned":"b","pruned_right":false}"#;
        let read: GenerativeResult = serde_json::from_str(old).unwrap();
        assert_eq!((read.set, read.index), (GenerativeSet::Answers, 3));
        let json = serde_json::to_value(GenerativeResult { set: GenerativeSet::Structure, ..read }).unwrap();
        assert_eq!(json["set"], "structure");
    }

    #[test]
    fn flips_are_counted_by_where_they_lead() {
        // Right stays right, right to wrong, wrong to right, wrong to another wrong, wrong stays wrong.
        let answers = [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 2, 0], [1, 1, 0]];
        let flips = Flips::count(answers);
        assert_eq!(flips, Flips { of: 5, to_wrong: 1, to_right: 1, to_other_wrong: 1 });
        assert_eq!(flips.flipped(), Proportion { right: 2, of: 5 });
        let ranks = Flips::of_ranks(&[1, 1, 3, 7], &[1, 2, 1, 4]);
        assert_eq!(ranks, Flips { of: 4, to_wrong: 1, to_right: 1, to_other_wrong: 0 });
    }

    #[test]
    fn the_best_and_its_margin() {
        assert_eq!(best(&[0.25, 0.75, 0.0]), (1, 0.5));
        assert_eq!(best(&[3.0]), (0, 0.0));
        assert_eq!(best(&[]), (0, 0.0));
    }
}
