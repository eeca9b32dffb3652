//! Repair of a pruned model: small maps in place of its dropped sublayers and at its head, fitted on the calibration
//! text.
//!
//! The dense model's residual stream x and the pruned model's y go through the sublayers together. At a dropped one with
//! norm N, a map g is fitted so that y + g(N(y)) comes closest to x behind the sublayer; y goes on with it, so later
//! fits see earlier repairs. The head is fitted last. A quarter of the text is kept out of the fits: the maps, and each
//! part of the head's repair, are applied only if they lower the KL divergence there.

pub mod fit;
pub mod head;

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use super::forward::{Pass, outputs_at, without_first};
use super::pruned_decoder::PrunedDecoder;
use super::weights::Progress;
use super::{Control, ExperimentError};
use crate::compute::attention::{Positions, Text};
use crate::compute::{Compute, KeyValueCache};
use crate::metrics::read_all;
use crate::model::Decoder;
use crate::model::replacement::{HeadMap, Replacement, Replacements};
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::{HeadRepair, Repair, Repairs};
use prunescope_protocol::results::{HeadStep, RepairReport};

/// Longest sequence that is read at once, in tokens; bounds the time between checkpoints.
const MAX_SEQUENCE: usize = 512;
/// Largest number of tokens of which the dense model's residual stream is kept for the next plan: 61 tensors of
/// `[tokens, hidden]` in the default model, 72 MB.
const MAX_KEPT: usize = 512;
/// Rows of logits that are compared at once; bounds memory and the time between checkpoints.
const ROWS_AT_ONCE: usize = 8;
/// Most tokens that the head is fitted on: it keeps few numbers, and every token costs two rows of logits.
const MAX_HEAD_TOKENS: usize = 256;
/// Fewest tokens of a calibration text on which a repair can be fitted and checked.
pub const MIN_TOKENS: usize = 16;

/// The texts that a repair is fitted on, and those it is checked on, with the dense model's residual stream.
#[derive(Clone)]
pub struct FitText {
    /// Sequences of token ids.
    pieces: Vec<Vec<u32>>,
    /// How many of them, the first, are fitted on; the others are kept out.
    fit: usize,
    /// Number of own answers that are fitted on.
    answers: usize,
    /// The dense model's residual stream before each sublayer and after the last, piece by piece; empty unless known.
    dense: Vec<Vec<Tensor<2>>>,
}

impl FitText {
    /// Divides a calibration text.
    ///
    /// * `tokens`: number of tokens to fit on. A third as many after them are kept out; of a shorter text, the last
    ///   quarter.
    /// * `answers`: the dense model's own answers as token ids, with their prompts; the last quarter of them is kept
    ///   out.
    /// * `context`: the model's longest sequence.
    ///
    /// # Errors
    /// [`ExperimentError::CalibrationTooShort`].
    pub fn new(ids: &[u32], tokens: usize, answers: &[Vec<u32>], context: usize) -> Result<Self, ExperimentError> {
        if ids.len() < MIN_TOKENS {
            return Err(ExperimentError::CalibrationTooShort { got: ids.len(), least: MIN_TOKENS });
        }
        let longest = MAX_SEQUENCE.min(context);
        let fit = tokens.min(ids.len() * 3 / 4);
        let held_out = (fit / 3).clamp(1, longest).min(ids.len() - fit);
        let held_out_ids = ids[fit..fit + held_out].to_vec();
        let mut pieces: Vec<Vec<u32>> = ids[..fit].chunks(longest).map(<[u32]>::to_vec).collect();
        let (own, own_held_out) = answers.split_at(answers.len() - answers.len() / 4);
        pieces.extend_from_slice(own);
        // A sequence of one token has nothing but the first position, which is left out.
        pieces.retain(|piece| piece.len() > 1);
        let fit = pieces.len();
        pieces.push(held_out_ids);
        pieces.extend_from_slice(own_held_out);
        Ok(Self { pieces, fit, answers: own.len(), dense: vec![] })
    }

    /// Number of tokens that are fitted on, and that are kept out.
    fn tokens(&self) -> (usize, usize) {
        let count = |pieces: &[Vec<u32>]| pieces.iter().map(Vec::len).sum();
        (count(&self.pieces[..self.fit]), count(self.held_out()))
    }

    /// Whether the dense model's residual stream is known.
    pub fn keeps_stream(&self) -> bool {
        !self.dense.is_empty()
    }

    /// The sequences that are kept out of the fits.
    pub fn held_out(&self) -> &[Vec<u32>] {
        &self.pieces[self.fit..]
    }
}

/// The residual streams of several sequences on their way through a decoder.
struct Streams<'a, C: Compute> {
    decoder: &'a Decoder<C>,
    positions: Vec<Positions<C>>,
    /// The streams, `[tokens, hidden]` each.
    x: Vec<Tensor<2>>,
    /// The inputs of the next sublayer; with parallel sublayers both read the stream before the block.
    input: Vec<Tensor<2>>,
}

impl<'a, C: Compute> Streams<'a, C> {
    fn new(decoder: &'a Decoder<C>, pieces: &[Vec<u32>]) -> Self {
        let x: Vec<_> = pieces.iter().map(|ids| decoder.embed(ids, 0)).collect();
        let positions = pieces.iter().map(|ids| decoder.positions(0, ids.len())).collect();
        Self { decoder, positions, input: x.clone(), x }
    }

    /// Sets the inputs of a sublayer.
    fn enter(&mut self, at: Sublayer) {
        if self.decoder.residual_input(at) == at.index() {
            self.input.clone_from(&self.x);
        }
    }

    /// Goes through a sublayer, after [`Self::enter`].
    async fn pass(&mut self, at: Sublayer, control: &Control) -> Result<(), ExperimentError> {
        for ((x, input), positions) in self.x.iter_mut().zip(&self.input).zip(&self.positions) {
            control.checkpoint().await?;
            let mut cache = KeyValueCache::new(self.decoder.config.layers);
            *x = self.decoder.sublayer(at, input.clone(), x.clone(), &mut [Text::new(positions, &mut cache)]);
        }
        Ok(())
    }
}

/// All positions of some sequences but the first of each.
fn joined(pieces: &[Tensor<2>]) -> Tensor<2> {
    Tensor::cat(pieces.iter().map(without_first).collect(), 0)
}

/// A decoder and residual streams behind its last sublayer, or a part of them.
type Behind<'a, C, X> = (&'a Decoder<C>, X);

/// Both models' residual streams behind the last sublayer, piece by piece, and what was fitted on the way.
struct Walked<C: Compute> {
    /// The dense model's.
    x: Vec<Tensor<2>>,
    /// The pruned model's, with replacements.
    y: Vec<Tensor<2>>,
    /// The pruned model's before its first change.
    before: Vec<Tensor<2>>,
    replacements: BTreeMap<Sublayer, Replacement<C>>,
}

/// Takes both models through the text, and fits the replacements of the dropped sublayers on the way.
///
/// * `repair`: their form; `None` leaves the dropped sublayers out.
async fn walk<C: Compute>(
    dense: &Decoder<C>,
    model: &PrunedDecoder<C>,
    repair: Option<Repair>,
    text: &mut FitText,
    control: &Control,
    progress: Progress<'_>,
) -> Result<Walked<C>, ExperimentError> {
    let sublayers = dense.config.sublayers();
    let first = model.first_change().unwrap_or(sublayers);
    let (fit_tokens, held_out_tokens) = text.tokens();
    let fitted = text.fit;
    let known = text.dense.clone();
    let is_known = known.len() == sublayers + 1;
    let keeps = fit_tokens + held_out_tokens <= MAX_KEPT;
    let mut x = Streams::new(dense, &text.pieces);
    let mut y = Streams::new(&model.decoder, &text.pieces);
    let mut stream = if is_known { known } else { vec![x.x.clone()] };
    let mut before = y.x.clone();
    let mut replacements = BTreeMap::new();
    for index in 0..sublayers {
        progress("Fitting the repair", index, sublayers);
        let at = Sublayer::from_index(index);
        y.enter(at);
        if is_known {
            x.x.clone_from(&stream[index + 1]);
        } else {
            x.enter(at);
            x.pass(at, control).await?;
            if keeps {
                stream.push(x.x.clone());
            }
        }
        if index < first {
            // Both models are the same so far.
            y.x.clone_from(&x.x);
            before.clone_from(&x.x);
        } else if !model.plan().drops(at) {
            y.pass(at, control).await?;
        } else if let Some(repair) = repair {
            let u: Vec<_> = y.input.iter().map(|input| model.decoder.normed_input(at, input.clone())).collect();
            let target = joined(&x.x[..fitted]).sub(joined(&y.x[..fitted]));
            let map = fit::fit(repair, joined(&u[..fitted]), target, &dense.compute, control).await?;
            y.x.iter_mut().zip(u).for_each(|(y, u)| *y = map.forward(u, y.clone()));
            replacements.insert(at, map);
        }
    }
    if keeps {
        text.dense = stream;
    }
    progress("Fitting the repair", sublayers, sublayers);
    Ok(Walked { x: x.x, y: y.x, before, replacements })
}

/// Fits the repairs of a pruned model.
///
/// * `dense`: the dense decoder.
/// * `model`: the pruned one, without repairs.
/// * `text`: keeps the dense model's residual stream for the next fit, unless it is large.
///
/// Returns what helps, and what was measured.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn fit_repair<C: Compute>(
    dense: &Decoder<C>,
    model: &PrunedDecoder<C>,
    repairs: Repairs,
    text: &mut FitText,
    control: &Control,
    progress: Progress<'_>,
) -> Result<(Replacements<C>, RepairReport), ExperimentError> {
    let Walked { x, mut y, before, replacements } =
        walk(dense, model, repairs.sublayers, text, control, progress).await?;
    let (fit_tokens, held_out_tokens) = text.tokens();
    let fitted = text.fit;
    let first = model.first_change().unwrap_or(dense.config.sublayers());
    let pass = Pass::pruned(model, first, 0);
    let mut report = RepairReport { fit_tokens, fit_answers: text.answers, held_out_tokens, ..RepairReport::default() };
    let mut found = Replacements::default();
    if let Some(repair) = repairs.sublayers {
        let unrepaired = behind(&pass, &before[fitted..], control).await?;
        let versions = [&unrepaired[..], &y[fitted..]];
        let [before, after] = mean_kl((dense, &x[fitted..]), (&model.decoder, versions), control).await?;
        let numbers = replacements.len() * repair.numbers(&dense.config);
        report = RepairReport { repair: repair.to_string(), kl_pruned: before, kl_repaired: after, ..report };
        report.applied = after < before;
        if report.applied {
            (found, report.numbers) = (Replacements::new(replacements), numbers);
        }
    } else {
        let [kl] = mean_kl((dense, &x[fitted..]), (&model.decoder, [&y[fitted..]]), control).await?;
        (report.kl_pruned, report.kl_repaired) = (kl, kl);
    }
    if let Some(head) = repairs.head {
        if repairs.sublayers.is_some() && !report.applied {
            // The head is fitted to the model as it will be.
            y = behind(&pass, &before, control).await?;
        }
        let (map, steps) =
            fit_head(head, (dense, &x), (&model.decoder, &y), (fitted, report.kl()), control, progress).await?;
        found = found.with_head(map);
        report.head = steps;
    }
    Ok((found, report))
}

/// The residual streams behind the last sublayer of a pass, piece by piece.
///
/// * `before`: those before its first sublayer.
async fn behind<C: Compute>(
    pass: &Pass<'_, C>,
    before: &[Tensor<2>],
    control: &Control,
) -> Result<Vec<Tensor<2>>, ExperimentError> {
    let mut behind = vec![];
    for before in before {
        let mut cache = KeyValueCache::new(pass.decoder.config.layers);
        behind.push(pass.last(before.clone(), &mut cache, control).await?);
    }
    Ok(behind)
}

/// Fits the parts of the head's repair, each on top of those before it that help.
///
/// * `dense`, `pruned`: each decoder with its residual streams behind the last sublayer, piece by piece.
/// * `fitted`: how many pieces, the first, are fitted on.
/// * `kl`: the divergence on the other pieces so far.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
async fn fit_head<C: Compute>(
    head: HeadRepair,
    (dense, x): Behind<'_, C, &[Tensor<2>]>,
    (pruned, y): Behind<'_, C, &[Tensor<2>]>,
    (fitted, mut kl): (usize, f32),
    control: &Control,
    progress: Progress<'_>,
) -> Result<(HeadMap, Vec<HeadStep>), ExperimentError> {
    let (mut map, mut steps) = (HeadMap::default(), vec![]);
    let h = dense.final_norm(joined(&x[..fitted]));
    let parts = head.parts();
    for (at, part) in parts.iter().enumerate() {
        progress("Fitting the head", at, parts.len());
        let decoder = pruned.with_head_map(map.clone());
        let pruned_h = decoder.final_norm(joined(&y[..fitted]));
        let (candidate, value) = head::fit(*part, (dense, &h), (&decoder, &pruned_h), control).await?;
        let decoder = pruned.with_head_map(candidate.clone());
        let [after] = mean_kl((dense, &x[fitted..]), (&decoder, [&y[fitted..]]), control).await?;
        let applied = after < kl;
        let numbers = if applied { part.numbers(&dense.config) } else { 0 };
        steps.push(HeadStep { part: *part, value, numbers, kl_before: kl, kl_after: after, applied });
        if applied {
            (map, kl) = (candidate, after);
        }
    }
    progress("Fitting the head", parts.len(), parts.len());
    Ok((map, steps))
}

/// The mean over positions of KL(p ‖ p̃) at T = 1, in nats, of some versions of a pruned model.
///
/// * `dense`, `pruned`: each decoder with its residual streams behind the last sublayer, piece by piece.
async fn mean_kl<C: Compute, const VERSIONS: usize>(
    (dense, x): Behind<'_, C, &[Tensor<2>]>,
    (pruned, versions): Behind<'_, C, [&[Tensor<2>]; VERSIONS]>,
    control: &Control,
) -> Result<[f32; VERSIONS], ExperimentError> {
    let (mut sums, mut positions) = ([0.0; VERSIONS], 0);
    for (at, x) in x.iter().enumerate() {
        let [rows, _] = x.dims();
        let h = dense.final_norm(x.clone());
        let pruned_h = versions.map(|streams| pruned.final_norm(streams[at].clone()));
        for begin in (0..rows).step_by(ROWS_AT_ONCE) {
            let some = begin..(begin + ROWS_AT_ONCE).min(rows);
            let outputs = outputs_at(dense, &h, some.clone());
            for (sum, h) in sums.iter_mut().zip(&pruned_h) {
                control.checkpoint().await?;
                let pending = C::compare(&outputs, &outputs_at(pruned, h, some.clone()), 1.0, false);
                let read = read_all(vec![pending]).await.map_err(ExperimentError::device)?;
                *sum += read.iter().map(|one| f64::from(one.metrics.kl_dense_pruned)).sum::<f64>();
            }
        }
        positions += rows;
    }
    Ok(sums.map(|sum| (sum / positions.max(1) as f64) as f32))
}

/// The mean KL(p ‖ p̃) of a model, in nats, on the tokens that a text keeps out of fits.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn held_out_kl<C: Compute>(
    dense: &Decoder<C>,
    model: &PrunedDecoder<C>,
    text: &FitText,
    control: &Control,
) -> Result<f32, ExperimentError> {
    let embedded = |decoder: &Decoder<C>| text.held_out().iter().map(|ids| decoder.embed(ids, 0)).collect::<Vec<_>>();
    let x = behind(&Pass::dense(dense, 0), &embedded(dense), control).await?;
    let y = behind(&Pass::pruned(model, 0, 0), &embedded(&model.decoder), control).await?;
    let [kl] = mean_kl((dense, &x), (&model.decoder, [&y]), control).await?;
    Ok(kl)
}
