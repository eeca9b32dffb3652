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

/// Measures, for every sublayer, the plan with that sublayer flipped, at the end of the prompt. The last sublayers come
/// first, since they take the shortest pass.
///
/// * `model`: the pruned decoder, without replacements.
/// * `each`: gets each result once it is complete.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn switch_effects<C: Compute>(
    model: &PrunedDecoder<C>,
    dense: &DenseRun<C>,
    temperature: f32,
    control: &Control,
    each: &mut dyn FnMut(SwitchEffect),
) -> Result<(), ExperimentError> {
    let decoder = &model.decoder;
    let kept = KeptStream::read(model, &dense.prompt_ids, control).await?;
    for index in (0..decoder.config.sublayers()).rev() {
        let at = Sublayer::from_index(index);
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
