//! What flipping each switch would do: the next token's distribution after dropping one more sublayer, or restoring one.

use burn::tensor::Tensor;

use super::dense::DenseRun;
use super::forward::{Pass, last_outputs};
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::{Compute, KeyValueCache};
use crate::metrics::read_all;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::results::SwitchEffect;

/// A model's residual stream on a text, from which the model with one sublayer flipped is computed: before that
/// sublayer, the stream stays as it is.
pub struct KeptStream<'a, C: Compute> {
    model: &'a PrunedDecoder<C>,
    /// Before each sublayer and after the last, `[tokens, hidden]`.
    stream: Vec<Tensor<2>>,
}

impl<'a, C: Compute> KeptStream<'a, C> {
    /// Reads a text.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn read(model: &'a PrunedDecoder<C>, ids: &[u32], control: &Control) -> Result<Self, ExperimentError> {
        let mut cache = KeyValueCache::new(model.decoder.config.layers);
        let x = model.decoder.embed(ids, 0);
        let stream = Pass::pruned(model, 0, 0).stream(x, &mut cache, control).await?;
        Ok(Self { model, stream })
    }

    /// Whether flipping a sublayer drops it, and the residual stream behind the last sublayer of the model in which it
    /// is flipped: dropped without replacement, or restored.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn flipped(&self, at: Sublayer, control: &Control) -> Result<(bool, Tensor<2>), ExperimentError> {
        let mut flipped = self.model.clone();
        let drops = !flipped.plan().drops(at);
        flipped.key.plan.drop.set(at, drops);
        let decoder = &flipped.decoder;
        let first = decoder.residual_input(at);
        let mut cache = KeyValueCache::new(decoder.config.layers);
        let last = Pass::pruned(&flipped, first, 0).last(self.stream[first].clone(), &mut cache, control).await?;
        Ok((drops, last))
    }
}

/// Measures, for every sublayer, the plan with that sublayer flipped, at the end of the prompt. One that the page announces comes first, then
/// the last sublayers, since they take the shortest pass.
///
/// * `model`: the pruned decoder, without replacements.
/// * `known`: sublayers that need not be measured.
/// * `each`: gets each result once it is complete.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn switch_effects<C: Compute>(
    model: &PrunedDecoder<C>,
    dense: &DenseRun<C>,
    temperature: f32,
    known: &[Sublayer],
    control: &Control,
    each: &mut dyn FnMut(SwitchEffect),
) -> Result<(), ExperimentError> {
    let decoder = &model.decoder;
    let all = (0..decoder.config.sublayers()).map(Sublayer::from_index);
    let mut left: Vec<Sublayer> = all.filter(|at| !known.contains(at)).collect();
    let kept = KeptStream::read(model, &dense.prompt_ids, control).await?;
    while let Some(at) = take_next(&mut left, control.take_announced()) {
        let (drops, last) = kept.flipped(at, control).await?;
        let outputs = last_outputs(decoder, &last);
        let pending = C::compare(&dense.steps[0].spaces, &outputs, temperature, false);
        let read = read_all(vec![pending]).await.map_err(ExperimentError::device)?;
        let metrics = read.first().map(|one| one.metrics).unwrap_or_default();
        each(SwitchEffect {
            layer: at.layer,
            sublayer: at.kind,
            drops,
            cos_p: metrics.cos_p,
            kl_dense_pruned: metrics.kl_dense_pruned,
        });
    }
    Ok(())
}

/// Takes the sublayer to measure next: the announced one if it is left, else the last.
fn take_next(left: &mut Vec<Sublayer>, announced: Option<Sublayer>) -> Option<Sublayer> {
    let place = announced.and_then(|at| left.iter().position(|one| *one == at));
    match place {
        Some(place) => Some(left.remove(place)),
        None => left.pop(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_switch_comes_first_and_each_once() {
        let of = |indices: &[usize]| indices.iter().map(|index| Sublayer::from_index(*index)).collect::<Vec<_>>();
        let mut left = of(&[0, 1, 2, 3, 4]);
        let announced = [None, Some(1), Some(1), Some(9), Some(0), None];
        let next = |at: Option<usize>| take_next(&mut left, at.map(Sublayer::from_index));
        let order: Vec<_> = announced.into_iter().map_while(next).collect();
        assert_eq!(order, of(&[4, 1, 3, 2, 0]));
    }
}
