//! A model against the dense one over texts of several kinds, window by window, as `llama-perplexity --kl-divergence` reads a file.

use burn::tensor::Tensor;

use super::fidelity::hidden_states;
use super::forward::outputs_at;
use super::generation::token_losses;
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::{Compute, read_back};
use crate::metrics::read_all;
use crate::metrics::text_distance::{ScoredPosition, dense_perplexity, distance};
use prunescope_protocol::results::KindFidelity;

/// Tokens of a window; fewer if the model's context is shorter.
pub const WINDOW: usize = 512;
/// Rows of logits that are compared at once; bounds memory and the time between checkpoints.
const ROWS_AT_ONCE: usize = 16;
/// Shortest text that is read, in tokens: two that give a context, one to predict, and one more for a second half.
const SHORTEST: usize = 4;

/// A part of a text that is read on its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The index of the text's kind.
    pub kind: usize,
    /// Token ids.
    pub ids: Vec<u32>,
}

impl Window {
    /// The positions whose predictions are scored: from the middle on, and not the last, which predicts nothing of the window.
    fn scored(&self) -> std::ops::Range<usize> {
        self.ids.len() / 2..self.ids.len() - 1
    }
}

/// The windows of some texts: the first of each, then the second of each, and so on, so that every kind is known early. What is left of a text
/// after its last whole window is not read, unless it is all that there is.
///
/// * `texts`: token ids of each kind, without leading tokens.
/// * `begin`: the leading tokens, such as a beginning of sequence; they take the place of each window's first.
/// * `most`: largest number of tokens of a window.
pub fn windows(texts: &[Vec<u32>], begin: &[u32], most: usize) -> Vec<Window> {
    let size = |text: &Vec<u32>| WINDOW.min(most).min(text.len());
    let at = |kind: usize, place: usize| {
        let size = size(&texts[kind]);
        let ids = texts[kind]
            .get(place * size..(place + 1) * size)
            .filter(|ids| ids.len() >= SHORTEST.max(2 * begin.len()))?;
        let ids = begin.iter().chain(&ids[begin.len()..]).copied().collect();
        Some(Window { kind, ids })
    };
    let count = texts.iter().map(|text| text.len() / size(text).max(1)).max().unwrap_or(0);
    (0..count).flat_map(|place| (0..texts.len()).filter_map(move |kind| at(kind, place))).collect()
}

/// Scores each model on a window; `models` has the dense one first. Returns the positions of each other model.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn score<C: Compute>(
    models: &[&PrunedDecoder<C>],
    window: &Window,
    control: &Control,
) -> Result<Vec<Vec<ScoredPosition>>, ExperimentError> {
    let mut hidden: Vec<Tensor<2>> = vec![];
    for model in models {
        hidden.push(hidden_states(model, &window.ids, control).await?);
    }
    let scored = window.scored();
    let mut found = vec![vec![]; models.len() - 1];
    for begin in scored.clone().step_by(ROWS_AT_ONCE) {
        control.checkpoint().await?;
        let rows = begin..(begin + ROWS_AT_ONCE).min(scored.end);
        let next = &window.ids[rows.start + 1..rows.end + 1];
        let outputs: Vec<_> = models
            .iter()
            .zip(&hidden)
            .map(|(model, hidden)| outputs_at(&model.decoder, hidden, rows.clone()))
            .collect();
        // One reading back for the losses of all models.
        let losses = outputs.iter().map(|outputs| token_losses(outputs.logits.clone(), next)).collect();
        let losses = read_back(Tensor::cat(losses, 0)).await.map_err(ExperimentError::device)?;
        let losses: Vec<&[f32]> = losses.chunks(rows.len()).collect();
        let pending = outputs[1..].iter().map(|other| C::compare(&outputs[0], other, 1.0, true)).collect();
        let compared = read_all(pending).await.map_err(ExperimentError::device)?;
        for (model, compared) in compared.chunks(rows.len()).enumerate() {
            found[model].extend(compared.iter().enumerate().map(|(row, compared)| {
                let likeliest =
                    [&compared.dense_top, &compared.pruned_top].map(|top| top.first().map(|token| token.id));
                let metrics = &compared.metrics;
                ScoredPosition {
                    // A divergence below 0 is taken as 0, even NaN; the cosine of logits is NaN if one of them is not finite.
                    kl: if metrics.cos_z.is_nan() { f32::NAN } else { metrics.kl_dense_pruned },
                    same_top: likeliest[0] == likeliest[1],
                    dense_loss: losses[0][row],
                    loss: losses[model + 1][row],
                }
            }));
        }
    }
    Ok(found)
}

/// What is said of one kind of text.
///
/// * `models`: the scored positions of the pruned model, and of the repaired one if there is one.
pub fn summary<'a>(kind: &str, models: impl IntoIterator<Item = &'a [ScoredPosition]>) -> KindFidelity {
    let mut models = models.into_iter();
    let pruned = models.next().unwrap_or_default();
    KindFidelity {
        kind: kind.into(),
        tokens: pruned.len(),
        dense_perplexity: dense_perplexity(pruned),
        pruned: distance(pruned),
        repaired: models.next().map(distance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_take_turns_and_begin_as_the_model_expects() {
        let texts =
            [(0..1030).collect::<Vec<u32>>(), (2000..2600).collect(), (5000..5010).collect(), vec![1, 2, 3], vec![]];
        let found = windows(&texts, &[9999], 4096);
        let shape: Vec<_> = found.iter().map(|window| (window.kind, window.ids.len(), window.ids[1])).collect();
        assert_eq!(shape, [(0, 512, 1), (1, 512, 2001), (2, 10, 5001), (0, 512, 513)]);
        assert!(found.iter().all(|window| window.ids[0] == 9999));
        assert_eq!(found[0].scored(), 256..511);
        assert_eq!(windows(&texts, &[], 64).len(), 16 + 9 + 1);
        assert_eq!(windows(&[], &[], 64), []);
    }
}
