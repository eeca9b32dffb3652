//! Measurement 1, the layerwise transition: the effect of pruning each sublayer alone, on the dense residual stream x.
//!
//! At each sublayer f, x + f(x) is compared with x (f dropped) or with x + f̃(x) (weights of f edited), with the LM
//! head applied to both. The paper's script applies the head to the raw residual; the "logit lens" applies the final
//! norm first. Both are computed.

use burn::tensor::Tensor;

use super::dense::DenseRun;
use super::forward::ResidualStream;
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::attention::Text;
use crate::compute::{Compute, KeyValueCache};
use crate::metrics::comparison::PendingComparison;
use crate::metrics::{ModelOutputs, read_all};
use crate::model::Decoder;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::results::LayerTransition;

/// Sublayers compared at once; bounds memory and the time between checkpoints.
const ROWS_AT_ONCE: usize = 12;

/// Measures dropping each sublayer alone, at one position.
///
/// * `stream`: the dense residual stream at that position, `[1, hidden]` per entry.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn layer_transitions<C: Compute>(
    decoder: &Decoder<C>,
    stream: &ResidualStream,
    temperature: f32,
    control: &Control,
) -> Result<Vec<LayerTransition>, ExperimentError> {
    let sublayers = decoder.config.sublayers();
    let mut out = vec![];
    for begin in (0..sublayers).step_by(ROWS_AT_ONCE) {
        let rows = ROWS_AT_ONCE.min(sublayers - begin);
        // One row more than sublayers: row i is the input of sublayer `begin + i`, row i + 1 its output.
        let residual = Tensor::cat(stream[begin..=begin + rows].to_vec(), 0);
        let mut pending = vec![];
        for hidden in [residual.clone(), decoder.final_norm(residual)] {
            control.checkpoint().await?;
            let logits = decoder.logits(hidden.clone());
            let part = |from: usize| ModelOutputs {
                hidden: hidden.clone().narrow(0, from, rows),
                logits: logits.clone().narrow(0, from, rows),
            };
            pending.push(C::compare(&part(1), &part(0), temperature, false));
        }
        let sublayers: Vec<_> = (begin..begin + rows).map(Sublayer::from_index).collect();
        out.extend(read(pending, &sublayers).await?);
    }
    Ok(out)
}

/// x + f̃(x) of each sublayer whose weights a plan edits, on the dense residual stream x.
///
/// Returns pairs of a sublayer and `[steps, hidden]`: one row for each of the first `steps` generation steps.
///
/// # Errors
/// [`ExperimentError::Stopped`].
pub async fn edited_outputs<C: Compute>(
    pruned: &PrunedDecoder<C>,
    dense: &DenseRun<C>,
    steps: usize,
    control: &Control,
) -> Result<Vec<(Sublayer, Tensor<2>)>, ExperimentError> {
    let decoder = &pruned.decoder;
    let prompt = dense.prompt_ids.len();
    let all = prompt + steps - 1;
    let positions = decoder.positions(0, all);
    let mut out = vec![];
    for index in 0..decoder.config.sublayers() {
        let at = Sublayer::from_index(index);
        if !pruned.edits(at) {
            continue;
        }
        control.checkpoint().await?;
        let stream_at = |index: usize| {
            let written = dense.steps[1..steps].iter().map(|step| step.stream[index].clone());
            Tensor::cat(std::iter::once(dense.prompt_before(Sublayer::from_index(index))).chain(written).collect(), 0)
        };
        let mut cache = KeyValueCache::new(decoder.config.layers);
        let residual = stream_at(index);
        let read = decoder.residual_input(at);
        let input = if read == index { residual.clone() } else { stream_at(read) };
        let y = decoder.sublayer(at, input, residual, &mut [Text::new(&positions, &mut cache)]);
        out.push((at, y.narrow(0, prompt - 1, steps)));
    }
    Ok(out)
}

/// Measures editing the weights of each sublayer alone, at one position.
///
/// * `stream`: the dense residual stream at that position, `[1, hidden]` per entry.
/// * `edited`: the result of [`edited_outputs`]; row `row` of each tensor is that position.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn edited_transitions<C: Compute>(
    decoder: &Decoder<C>,
    stream: &ResidualStream,
    edited: &[(Sublayer, Tensor<2>)],
    row: usize,
    temperature: f32,
    control: &Control,
) -> Result<Vec<LayerTransition>, ExperimentError> {
    let mut out = vec![];
    for some in edited.chunks(ROWS_AT_ONCE) {
        let dense = Tensor::cat(some.iter().map(|(at, _)| stream[at.index() + 1].clone()).collect(), 0);
        let pruned = Tensor::cat(some.iter().map(|(_, rows)| rows.clone().narrow(0, row, 1)).collect(), 0);
        let mut pending = vec![];
        for with_norm in [false, true] {
            control.checkpoint().await?;
            let spaces = |x: &Tensor<2>| {
                let hidden = if with_norm { decoder.final_norm(x.clone()) } else { x.clone() };
                ModelOutputs { logits: decoder.logits(hidden.clone()), hidden }
            };
            pending.push(C::compare(&spaces(&dense), &spaces(&pruned), temperature, false));
        }
        let sublayers: Vec<_> = some.iter().map(|(at, _)| *at).collect();
        out.extend(read(pending, &sublayers).await?);
    }
    Ok(out)
}

/// Reads back two comparisons, without and with the final norm, each with one row per sublayer.
async fn read(
    pending: Vec<PendingComparison>,
    sublayers: &[Sublayer],
) -> Result<Vec<LayerTransition>, ExperimentError> {
    let read = read_all(pending).await.map_err(ExperimentError::device)?;
    let (raw, normed) = read.split_at(sublayers.len());
    let both = sublayers.iter().zip(raw.iter().zip(normed));
    Ok(both
        .map(|(at, (raw, normed))| LayerTransition {
            layer: at.layer,
            sublayer: at.kind,
            raw: raw.metrics,
            with_final_norm: normed.metrics,
        })
        .collect())
}
