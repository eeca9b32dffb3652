//! One pass through the decoder's sublayers under a plan, recording the residual stream.

use std::ops::Range;

use burn::tensor::Tensor;

use super::{Control, ExperimentError};
use crate::metrics::Spaces;
use crate::model::attention::Positions;
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
    pass(decoder, plan, x, first..decoder.config.sublayers(), &positions, cache, control).await
}

/// Passes `x` through some sublayers.
async fn pass(
    decoder: &Decoder,
    plan: &PruningPlan,
    x: Tensor<2>,
    sublayers: Range<usize>,
    positions: &Positions,
    cache: &mut KeyValueCache,
    control: &Control,
) -> Result<ResidualStream, ExperimentError> {
    let [tokens, _] = x.dims();
    let first = sublayers.start;
    let mut stream = vec![x];
    for index in sublayers {
        pause(index, tokens, control).await?;
        let at = Sublayer::from_index(index);
        let x = stream[index - first].clone();
        stream.push(if plan.drops(at) {
            x
        } else {
            let input = stream[decoder.reads(at) - first].clone();
            decoder.sublayer(at, input, x, positions, &mut [&mut *cache])
        });
    }
    Ok(stream)
}

/// Pauses now and then: a pause costs little beside a block of many tokens; with one token a few a pass are enough.
async fn pause(index: usize, tokens: usize, control: &Control) -> Result<(), ExperimentError> {
    let every = if tokens > 4 { 2 } else { 20 };
    if index.is_multiple_of(every) { control.checkpoint().await } else { Ok(()) }
}

/// Passes one token through the dense decoder and, beside it, one through the same decoder under a plan that drops sublayers: each
/// matrix is read once for both.
///
/// * `x` — the dense model's residual stream before the first sublayer, `[1, hidden]`, and the other's before sublayer `first`;
///   none where that is the dense model's.
/// * `first` — the sublayer from which on the other is computed; it drops none below.
/// * `start` — how many tokens are in each of the caches, the dense model's and the other's, before these.
///
/// Returns the dense model's residual stream, and h and z of both.
///
/// # Errors
/// [`ExperimentError::Stopped`].
pub async fn forward_beside(
    decoder: &Decoder,
    plan: &PruningPlan,
    (x, own): (Tensor<2>, Option<Tensor<2>>),
    first: usize,
    start: usize,
    [dense, pruned]: [&mut KeyValueCache; 2],
    control: &Control,
) -> Result<(ResidualStream, [Spaces; 2]), ExperimentError> {
    let positions = decoder.positions(start, 1);
    let row = |both: &Tensor<2>, row: usize| both.clone().narrow(0, row, 1);
    let mut stream = pass(decoder, &PruningPlan::default(), x, 0..first, &positions, dense, control).await?;
    let x = stream.remove(first);
    // Both rows, from `first` on.
    let mut both = vec![Tensor::cat(vec![x.clone(), own.unwrap_or(x)], 0)];
    for index in first..decoder.config.sublayers() {
        pause(index, 1, control).await?;
        let at = Sublayer::from_index(index);
        let x = both[index - first].clone();
        let input = &both[decoder.reads(at) - first];
        both.push(if plan.drops(at) {
            let after = decoder.sublayer(at, row(input, 0), row(&x, 0), &positions, &mut [&mut *dense]);
            Tensor::cat(vec![after, row(&x, 1)], 0)
        } else {
            decoder.sublayer(at, input.clone(), x, &positions, &mut [&mut *dense, &mut *pruned])
        });
    }
    stream.extend(both.iter().map(|both| row(both, 0)));
    let hidden = decoder.final_norm(both[both.len() - 1].clone());
    let logits = decoder.logits(hidden.clone());
    let spaces = [0, 1].map(|at| Spaces { hidden: row(&hidden, at), logits: row(&logits, at) });
    Ok((stream, spaces))
}

/// h and z of the last of the rows `x`, the residual stream after the last sublayer.
pub fn last_spaces(decoder: &Decoder, x: &Tensor<2>) -> Spaces {
    let [rows, _] = x.dims();
    let hidden = decoder.final_norm(x.clone().narrow(0, rows - 1, 1));
    Spaces { logits: decoder.logits(hidden.clone()), hidden }
}
