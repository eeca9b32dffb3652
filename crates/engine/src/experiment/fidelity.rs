//! The distance of a pruned model from the dense one on a text, such as one that no fit has seen.

use burn::tensor::Tensor;

use super::forward::{Pass, outputs_at};
use super::generation::token_losses;
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::{Compute, KeyValueCache, read_back};
use crate::metrics::{ModelOutputs, read_all};
use crate::model::Decoder;
use prunescope_protocol::results::Fidelity;

/// Number of tokens of the text that are read.
pub const MAX_TOKENS: usize = 400;
/// Rows of logits that are compared at once; bounds memory and the time between checkpoints.
const ROWS_AT_ONCE: usize = 8;
/// The same where nothing but the divergence is computed: the head unpacks its weights once for all of them.
const DIVERGENCES_AT_ONCE: usize = 32;
/// Largest number of logits of the dense model that are kept for the next comparison, 64 MB.
const MAX_KEPT_LOGITS: usize = 1 << 24;

/// The hidden states h of a model on a text, `[tokens, hidden]`.
///
/// # Errors
/// [`ExperimentError::Stopped`].
pub async fn hidden_states<C: Compute>(
    model: &PrunedDecoder<C>,
    ids: &[u32],
    control: &Control,
) -> Result<Tensor<2>, ExperimentError> {
    let decoder = &model.decoder;
    let mut cache = KeyValueCache::new(decoder.config.layers);
    let last = Pass::pruned(model, 0, 0).last(decoder.embed(ids, 0), &mut cache, control).await?;
    Ok(decoder.final_norm(last))
}

/// A text as the dense model reads it, with which other models are compared one after the other.
pub struct DenseText<C: Compute> {
    /// The text as token ids.
    pub ids: Vec<u32>,
    decoder: Decoder<C>,
    /// h, `[tokens, hidden]`.
    hidden: Tensor<2>,
    /// h and z of [`DIVERGENCES_AT_ONCE`] positions each; empty if they are too large to keep.
    kept: Vec<ModelOutputs>,
}

impl<C: Compute> DenseText<C> {
    /// Reads a text.
    ///
    /// * `dense`: the dense model.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn read(dense: &PrunedDecoder<C>, ids: Vec<u32>, control: &Control) -> Result<Self, ExperimentError> {
        let hidden = hidden_states(dense, &ids, control).await?;
        let mut text = Self { ids, decoder: dense.decoder.clone(), hidden, kept: vec![] };
        if text.ids.len() * text.decoder.config.vocabulary <= MAX_KEPT_LOGITS {
            for begin in text.begins() {
                control.checkpoint().await?;
                text.kept.push(text.outputs(&text.decoder, &text.hidden, begin));
            }
        }
        Ok(text)
    }

    /// The first positions of the parts that are compared at once.
    fn begins(&self) -> impl Iterator<Item = usize> + use<C> {
        (0..self.ids.len()).step_by(DIVERGENCES_AT_ONCE)
    }

    /// h and z of a model at the positions from `begin` on.
    fn outputs(&self, decoder: &Decoder<C>, hidden: &Tensor<2>, begin: usize) -> ModelOutputs {
        outputs_at(decoder, hidden, begin..(begin + DIVERGENCES_AT_ONCE).min(self.ids.len()))
    }

    /// The mean over positions of KL(p ‖ p̃) at T = 1, in nats; NaN if a number of either model is not finite.
    ///
    /// * `hidden`: the other model's h on this text, `[tokens, hidden]`.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn divergence(
        &self,
        decoder: &Decoder<C>,
        hidden: &Tensor<2>,
        control: &Control,
    ) -> Result<f32, ExperimentError> {
        let mut divergences = vec![];
        for (at, begin) in self.begins().enumerate() {
            control.checkpoint().await?;
            let pruned = self.outputs(decoder, hidden, begin);
            let dense = match self.kept.get(at) {
                Some(known) => known.clone(),
                None => self.outputs(&self.decoder, &self.hidden, begin),
            };
            divergences.extend(C::divergences(&dense, &pruned).await.map_err(ExperimentError::device)?);
        }
        Ok(mean(&divergences))
    }
}

/// Compares a model with the dense one on a text, and gives the dense model's loss too.
///
/// * `dense`, `pruned`: each a decoder and its hidden states on the text.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn fidelity<C: Compute>(
    ids: &[u32],
    dense: (&Decoder<C>, &Tensor<2>),
    pruned: (&Decoder<C>, &Tensor<2>),
    control: &Control,
) -> Result<(f32, Fidelity), ExperimentError> {
    let (mut divergences, mut same_top) = (vec![], 0);
    let (mut dense_losses, mut losses) = (vec![], vec![]);
    for begin in (0..ids.len()).step_by(ROWS_AT_ONCE) {
        control.checkpoint().await?;
        let end = (begin + ROWS_AT_ONCE).min(ids.len());
        let [dense, pruned] = [dense, pruned].map(|(decoder, hidden)| outputs_at(decoder, hidden, begin..end));
        for compared in read_all(vec![C::compare(&dense, &pruned, 1.0, true)]).await.map_err(ExperimentError::device)? {
            divergences.push(compared.metrics.kl_dense_pruned);
            let likeliest = [&compared.dense_top, &compared.pruned_top].map(|top| top.first().map(|token| token.id));
            same_top += usize::from(likeliest[0] == likeliest[1]);
        }
        // The last position predicts no token of the text.
        let next = &ids[begin + 1..(end + 1).min(ids.len())];
        if !next.is_empty() {
            let of = |outputs: ModelOutputs| token_losses(outputs.logits.narrow(0, 0, next.len()), next);
            dense_losses.push(of(dense));
            losses.push(of(pruned));
        }
    }
    let mut mean_loss = vec![];
    for losses in [dense_losses, losses] {
        let mean = if losses.is_empty() { 0.0 } else { mean(&read(Tensor::cat(losses, 0)).await?) };
        mean_loss.push(mean);
    }
    let kl_mean = mean(&divergences);
    divergences.sort_by(f32::total_cmp);
    let same_top = same_top as f32 / ids.len().max(1) as f32;
    let kl_median = median(&divergences);
    Ok((mean_loss[0], Fidelity { kl_mean, kl_median, same_top, loss: mean_loss[1] }))
}

async fn read(x: Tensor<2>) -> Result<Vec<f32>, ExperimentError> {
    read_back(x).await.map_err(ExperimentError::device)
}

fn mean(values: &[f32]) -> f32 {
    (values.iter().map(|x| f64::from(*x)).sum::<f64>() / values.len().max(1) as f64) as f32
}

/// The median of sorted values; 0 if there are none.
fn median(sorted: &[f32]) -> f32 {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_sorted_values() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
    }
}
