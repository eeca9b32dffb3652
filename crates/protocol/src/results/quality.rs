//! Measures of a text's collapse (repetition, loss) that need no reference text.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// Measures of collapse of one text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TextQuality {
    /// Number of different tokens over the number of tokens (distinct-1, Li et al., 2016).
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub distinct_1: f32,
    /// Number of different pairs of neighbours over the number of pairs (distinct-2).
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub distinct_2: f32,
    /// Share of 3-grams that repeat an earlier one.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub repeated_3: f32,
    /// Mean of `dense_losses`; `None` for an empty text.
    #[serde(with = "super::number::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::number::Number>"))]
    pub dense_loss: Option<f32>,
    /// −log p(token) of each token in the dense model, reading this text after the prompt, in nats at T = 1.
    #[serde(with = "super::number::list")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<super::number::Number>"))]
    pub dense_losses: Vec<f32>,
    /// Whether it holds the answer; `None` where the prompt is not one of the built-in set of exact answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<bool>,
}

impl TextQuality {
    /// Measures a text given as token ids and the dense model's loss of each, without [`Self::answered`].
    pub fn of(ids: &[u32], dense_losses: Vec<f32>) -> Self {
        let distinct = |n: usize| {
            let all = ids.len().saturating_sub(n - 1);
            if all == 0 { 1.0 } else { ids.windows(n).collect::<HashSet<_>>().len() as f32 / all as f32 }
        };
        let mean = dense_losses.iter().sum::<f32>() / dense_losses.len() as f32;
        Self {
            distinct_1: distinct(1),
            distinct_2: distinct(2),
            repeated_3: 1.0 - distinct(3),
            dense_loss: (!dense_losses.is_empty()).then_some(mean),
            dense_losses,
            answered: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_seen_and_a_varied_text_is_not() {
        let varied = TextQuality::of(&[1, 2, 3, 4, 5, 6], vec![0.5, 1.5]);
        assert_eq!((varied.distinct_1, varied.distinct_2, varied.repeated_3), (1.0, 1.0, 0.0));
        assert_eq!(varied.dense_loss, Some(1.0));
        let looping = TextQuality::of(&[7, 8, 7, 8, 7, 8], vec![]);
        assert_eq!((looping.distinct_1, looping.distinct_2, looping.repeated_3), (2.0 / 6.0, 2.0 / 5.0, 0.5));
        assert_eq!(looping.dense_loss, None);
        assert_eq!(TextQuality::of(&[3], vec![]).repeated_3, 0.0);
    }
}
