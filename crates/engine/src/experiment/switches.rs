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
    let layers = decoder.config.layers;
    // The pruned model's residual stream before each sublayer: below the flipped one it stays as it is.
    let mut stream: Vec<Tensor<2>> = vec![];
    let x = decoder.embed(&dense.prompt_ids, 0);
    let mut cache = KeyValueCache::new(layers);
    Pass::pruned(model, 0, 0).visit(x, &mut cache, control, |_, x| stream.push(x.clone())).await?;
    for index in (0..decoder.config.sublayers()).rev() {
        let at = Sublayer::from_index(index);
        let mut key = model.key.clone();
        let drops = !key.plan.drops(at);
        key.plan.drop.set(at, drops);
        let flipped = model.with_key(key);
        let first = decoder.residual_input(at);
        let mut cache = KeyValueCache::new(layers);
        let last = Pass::pruned(&flipped, first, 0).last(stream[first].clone(), &mut cache, control).await?;
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
