//! One pass through the decoder's sublayers under a plan, recording the residual stream.

use burn::tensor::Tensor;

use super::{Control, ExperimentError};
use crate::metrics::Spaces;
use crate::model::{Decoder, KeyValueCache, Sublayer};
use crate::prune::PruningPlan;

/// The residual stream before each sublayer and after the last: `2 · layers + 1` tensors `[tokens, hidden]`.
///
/// Entries before the sublayer where a pass began are missing from it (the pass did not compute them).
pub type ResidualStream = Vec<Tensor<2>>;

/// Passes `x` through the sublayers from `first` on, skipping what `plan` drops.
///
/// * `x` — the residual stream before sublayer `first`, `[tokens, hidden]`; where a block's sublayers are parallel, `first` is an
///   attention.
/// * `start` — how many tokens are in `cache` before these.
///
/// Returns the residual stream before `first`, after it, and so on to the end.
///
/// # Errors
/// [`ExperimentError::Stopped`].
pub async fn forward(
    decoder: &Decoder,
    plan: &PruningPlan,
    x: Tensor<2>,
    first: usize,
    start: usize,
    cache: &mut KeyValueCache,
    control: &Control,
) -> Result<ResidualStream, ExperimentError> {
    let [tokens, _] = x.dims();
    let positions = decoder.positions(start, tokens);
    // A pause costs little beside a block of many tokens; with one token a few pauses a pass are enough.
    let pause_every = if tokens > 4 { 2 } else { 20 };
    let mut stream = vec![x];
    for index in first..decoder.config.sublayers() {
        if index % pause_every == 0 {
            control.checkpoint().await?;
        }
        let at = Sublayer::from_index(index);
        let x = stream[stream.len() - 1].clone();
        stream.push(if plan.drops(at) {
            x
        } else {
            let input = stream[decoder.reads(at) - first].clone();
            x.add(decoder.sublayer(at, input, &positions, cache))
        });
    }
    Ok(stream)
}

/// h and z of the last of the rows `x`, the residual stream after the last sublayer.
pub fn last_spaces(decoder: &Decoder, x: &Tensor<2>) -> Spaces {
    let [rows, _] = x.dims();
    let hidden = decoder.final_norm(x.clone().narrow(0, rows - 1, 1));
    Spaces { logits: decoder.logits(hidden.clone()), hidden }
}
