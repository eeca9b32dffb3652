//! The pruned model compared with the dense one: next token, free-running generation (measurement 3), and
//! teacher-forced on the dense text (measurement 4).

use std::ops::Range;

use burn::tensor::{Tensor, TensorData, Transaction, activation::log_softmax};

use super::dense::{DenseRun, DenseStep};
use super::forward::{Pass, forward_pair, last_outputs, outputs_at};
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::Compute;
use crate::compute::KeyValueCache;
use crate::compute::read_back;
use crate::metrics::subspace::token_weights;
use crate::metrics::{ModelOutputs, TopToken, read_all};
use crate::model::Decoder;
use crate::model::sampling::{Sampler, Sampling};
use prunescope_formats::ModelTokenizer;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::results::{
    ComparedPosition, GenerationStep, Metrics, TokenText, TokenWeight, TopTokenText, TopTokens,
};

/// Rows of logits that are computed at once on a given text; bounds memory and the time between checkpoints.
const ROWS_AT_ONCE: usize = 8;
/// Number of tokens reported by [`token_contributions`].
const DAMAGE_TOKENS: usize = 12;

/// The pruned model's outputs at one step of its free-running text.
#[derive(Clone, Debug)]
pub struct PrunedStep {
    /// h and z of the last position, one row each.
    pub spaces: ModelOutputs,
    /// The token sampled from these logits; `None` until it is.
    pub chosen: Option<u32>,
}

/// The pruned model's state after a prompt and the tokens generated so far.
pub struct PrunedRun<C: Compute> {
    /// The pruned model.
    pub model: PrunedDecoder<C>,
    prompt_cache: KeyValueCache<C>,
    cache: KeyValueCache<C>,
    prompt_tokens: usize,
    /// One entry per step of its free-running text; the first is at the end of the prompt.
    pub steps: Vec<PrunedStep>,
    sampler: Sampler,
    /// Its teacher-forced outputs on the dense model's text; `None` until they are computed.
    fixed: Option<TeacherForcedOutputs>,
}

/// A model's outputs on a given continuation of the prompt. Only h is kept; z is large and computed a few rows at a
/// time.
struct TeacherForcedOutputs {
    /// h and z at the end of the prompt.
    prompt: ModelOutputs,
    /// h of each token of the continuation, `[tokens, hidden]`; `None` if there are none.
    behind: Option<Tensor<2>>,
}

impl TeacherForcedOutputs {
    /// Number of positions: the end of the prompt and each token of the continuation.
    fn positions(&self) -> usize {
        1 + self.behind.as_ref().map_or(0, |hidden| hidden.dims()[0])
    }

    /// h and z of some positions, one row each; position 0 is the end of the prompt.
    fn spaces<C: Compute>(&self, decoder: &Decoder<C>, positions: Range<usize>) -> ModelOutputs {
        let known = (positions.start == 0).then(|| self.prompt.clone());
        let first = positions.start.saturating_sub(1);
        let behind = self.behind.as_ref().filter(|_| positions.end > first + 1);
        let behind = behind.map(|hidden| outputs_at(decoder, hidden, first..positions.end - 1));
        let (hidden, logits) = known.into_iter().chain(behind).map(|spaces| (spaces.hidden, spaces.logits)).unzip();
        ModelOutputs { hidden: Tensor::cat(hidden, 0), logits: Tensor::cat(logits, 0) }
    }
}

impl<C: Compute> PrunedRun<C> {
    /// Processes the prompt, starting from the dense run at the first sublayer that the plan changes.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn read(
        model: PrunedDecoder<C>,
        dense: &DenseRun<C>,
        control: &Control,
    ) -> Result<Self, ExperimentError> {
        let (spaces, cache) = match model.first_change() {
            None => (dense.steps[0].spaces.clone(), dense.prompt_cache.clone()),
            Some(first) => {
                let mut cache = dense.prompt_cache.fork_below(layers_below(first));
                let x = model.begin(&dense.prompt_ids, 0, || dense.prompt_before(Sublayer::from_index(first)));
                let last = Pass::pruned(&model, first, 0).last(x, &mut cache, control).await?;
                (last_outputs(&model.decoder, &last), cache)
            }
        };
        Ok(Self {
            model,
            prompt_cache: cache.clone(),
            cache,
            prompt_tokens: dense.prompt_ids.len(),
            steps: vec![PrunedStep { spaces, chosen: None }],
            sampler: Sampler::new(dense.sampling),
            fixed: None,
        })
    }

    /// Number of positions computed so far, free-running and teacher-forced.
    pub fn positions_read(&self) -> usize {
        self.steps.len() + self.fixed.as_ref().map_or(0, TeacherForcedOutputs::positions)
    }

    /// Decodes the token chosen at the last step, which adds the next step.
    ///
    /// * `beside`: the dense run, if its text is the same so far. Then sublayers below the first change are not
    ///   computed again, since both models agree there.
    async fn advance(
        &mut self,
        token: u32,
        beside: Option<&DenseRun<C>>,
        control: &Control,
    ) -> Result<(), ExperimentError> {
        let decoder = &self.model.decoder;
        let step = self.steps.len();
        let start = self.prompt_tokens + step - 1;
        // Remove entries that a stopped pass may have appended.
        self.cache.truncate(start);
        let spaces = match (beside.and_then(|dense| Some((dense, dense.steps.get(step)?))), self.model.first_change()) {
            (Some((_, same)), None) => same.spaces.clone(),
            (beside, first) => {
                let first = first.unwrap_or(0);
                let (x, first) = match beside {
                    Some((dense, same)) => {
                        self.cache.append_from(&dense.cache, layers_below(first), start);
                        (self.model.begin(&[token], start, || same.stream[first].clone()), first)
                    }
                    None => (decoder.embed(&[token], start), 0),
                };
                let last = Pass::pruned(&self.model, first, start).last(x, &mut self.cache, control).await?;
                last_outputs(decoder, &last)
            }
        };
        self.steps.push(PrunedStep { spaces, chosen: None });
        Ok(())
    }

    /// Whether it differs from the dense decoder only by dropped sublayers, so that [`forward_pair`] applies.
    fn shares_weights(&self) -> bool {
        !self.model.edits_weights() && self.model.first_change().is_some()
    }

    /// Decodes the tokens that both models chose at the last step in one pass, which adds the next step of both.
    ///
    /// * `token`: the dense model's token.
    /// * `own`: this model's token; `None` if both texts are the same so far.
    async fn advance_pair(
        &mut self,
        dense: &mut DenseRun<C>,
        token: u32,
        own: Option<u32>,
        control: &Control,
    ) -> Result<(), ExperimentError> {
        let decoder = &self.model.decoder;
        let start = self.prompt_tokens + self.steps.len() - 1;
        // Remove entries that a stopped pass may have appended.
        dense.cache.truncate(start);
        self.cache.truncate(start);
        let first = self.model.first_change().filter(|_| own.is_none()).unwrap_or(0);
        let x = (decoder.embed(&[token], start), own.map(|own| decoder.embed(&[own], start)));
        let caches = [&mut dense.cache, &mut self.cache];
        let (stream, [spaces, pruned]) = forward_pair(&self.model, x, first, start, caches, control).await?;
        self.cache.append_from(&dense.cache, layers_below(first), start);
        dense.push(stream, spaces);
        self.steps.push(PrunedStep { spaces: pruned, chosen: None });
        Ok(())
    }
}

/// Number of layers whose attention is before sublayer `first`: their keys and values equal the dense model's.
fn layers_below(first: usize) -> usize {
    Sublayer::from_index(first + 1).layer
}

/// Compares both models' distributions of the first token after the prompt.
///
/// # Errors
/// A failing device.
pub async fn next_token<C: Compute>(
    dense: &DenseRun<C>,
    pruned: &PrunedRun<C>,
    temperature: f32,
    tokenizer: &ModelTokenizer,
) -> Result<ComparedPosition, ExperimentError> {
    let pending = C::compare(&dense.steps[0].spaces, &pruned.steps[0].spaces, temperature, true);
    let read = read_all(vec![pending]).await.map_err(ExperimentError::device)?;
    Ok(position(read, tokenizer))
}

/// The first comparison of `read`, with the texts of its tokens.
fn position(read: Vec<crate::metrics::Comparison>, tokenizer: &ModelTokenizer) -> ComparedPosition {
    let texts = |top: &[TopToken]| {
        let text = |token: &TopToken| TopTokenText {
            id: token.id,
            text: tokenizer.piece(token.id).to_string(),
            dense: token.dense,
            pruned: token.pruned,
            z: token.z,
            delta_z_parallel: token.parallel,
            delta_z_orthogonal: token.orthogonal,
        };
        top.iter().map(text).collect()
    };
    let metrics = read.first().map(|one| one.metrics).unwrap_or_default();
    let top = read.first().map(|one| TopTokens { dense: texts(&one.dense_top), pruned: texts(&one.pruned_top) });
    ComparedPosition { metrics, top: top.unwrap_or_default() }
}

/// Measurement 3: free-running generation by both models, up to `tokens` tokens. `on_step` gets each step once it is
/// complete.
///
/// Steps that the runs already have are not recomputed, only compared.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn generate<C: Compute>(
    tokenizer: &ModelTokenizer,
    dense: &mut DenseRun<C>,
    pruned: &mut PrunedRun<C>,
    tokens: usize,
    temperature: f32,
    control: &Control,
    on_step: &mut dyn FnMut(&GenerationStep),
) -> Result<Vec<GenerationStep>, ExperimentError> {
    let mut steps: Vec<GenerationStep> = vec![];
    let (mut dense_goes_on, mut pruned_goes_on) = (true, true);
    let mut same_text = true;
    for step in 0..tokens {
        control.checkpoint().await?;
        let dense_spaces = dense_goes_on.then(|| dense.steps[step].spaces.clone());
        let pruned_spaces = pruned_goes_on.then(|| pruned.steps[step].spaces.clone());
        let (a, b) = match (&dense_spaces, &pruned_spaces) {
            (Some(a), Some(b)) => (a, b),
            // One text has ended: compare the other model with itself to get its likeliest token.
            (Some(one), None) | (None, Some(one)) => (one, one),
            (None, None) => break,
        };
        let read = read_all(vec![C::compare(a, b, temperature, true)]).await.map_err(ExperimentError::device)?;
        let compared = position(read, tokenizer);
        let likeliest = |top: &[TopTokenText]| top.first().map_or(0, |token| token.id);
        let mut dense_token = None;
        if let Some(spaces) = &dense_spaces {
            let token = match dense.steps[step].chosen {
                Some(token) => token,
                None => choose(dense.sampling, &mut dense.sampler, spaces, likeliest(&compared.top.dense)).await?,
            };
            dense.steps[step].chosen = Some(token);
            dense_token = Some(token);
        }
        let mut pruned_token = None;
        if let Some(spaces) = &pruned_spaces {
            let token = match pruned.steps[step].chosen {
                Some(token) => token,
                None => choose(dense.sampling, &mut pruned.sampler, spaces, likeliest(&compared.top.pruned)).await?,
            };
            pruned.steps[step].chosen = Some(token);
            pruned_token = Some(token);
        }
        let text = |id: u32| TokenText { id, text: tokenizer.piece(id).to_string() };
        let both = dense_goes_on && pruned_goes_on;
        same_text &= dense_token == pruned_token;
        let this = GenerationStep {
            step,
            dense: dense_token.map(text),
            pruned: pruned_token.map(text),
            compared: both.then_some(compared),
        };
        on_step(&this);
        steps.push(this);
        let ends = |token: Option<u32>| token.is_none_or(|token| tokenizer.stop.contains(&token));
        (dense_goes_on, pruned_goes_on) = (!ends(dense_token), !ends(pruned_token));
        if step + 1 == tokens {
            break;
        }
        let dense_token = dense_token.filter(|_| dense_goes_on && dense.steps.len() == step + 1);
        let pruned_token = pruned_token.filter(|_| pruned_goes_on && pruned.steps.len() == step + 1);
        if let (Some(token), Some(other), true) = (dense_token, pruned_token, pruned.shares_weights()) {
            pruned.advance_pair(dense, token, (!same_text).then_some(other), control).await?;
            continue;
        }
        if let Some(token) = dense_token {
            dense.advance(token, control).await?;
        }
        if let Some(token) = pruned_token {
            pruned.advance(token, same_text.then_some(&*dense), control).await?;
        }
    }
    Ok(steps)
}

/// The next token: the likeliest one if greedy, else a sample, for which the logits are read back.
async fn choose(
    sampling: Sampling,
    sampler: &mut Sampler,
    spaces: &ModelOutputs,
    likeliest: u32,
) -> Result<u32, ExperimentError> {
    if sampling.is_greedy() {
        return Ok(likeliest);
    }
    let logits = read_back(spaces.logits.clone()).await.map_err(ExperimentError::device)?;
    Ok(sampler.choose(&logits))
}

/// Measurement 4: the pruned model is teacher-forced on the first `tokens` tokens of the dense model's text. Returns
/// one [`Metrics`] per step.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn fixed_trajectory<C: Compute>(
    dense: &DenseRun<C>,
    pruned: &mut PrunedRun<C>,
    tokens: usize,
    temperature: f32,
    control: &Control,
) -> Result<Vec<Metrics>, ExperimentError> {
    let steps: Vec<_> = dense.steps.iter().filter(|step| step.chosen.is_some()).take(tokens).collect();
    let known = pruned.fixed.as_ref().map_or(0, TeacherForcedOutputs::positions);
    if let Some(first) = pruned.model.first_change().filter(|_| known < steps.len()) {
        // Below the first change the dense run's residual stream is reused. The last token is only predicted, never an
        // input.
        let start = dense.prompt_ids.len();
        let read: Vec<u32> = steps[..steps.len() - 1].iter().filter_map(|step| step.chosen).collect();
        let x = (!read.is_empty()).then(|| {
            let stream = || Tensor::cat(steps[1..].iter().map(|step| step.stream[first].clone()).collect(), 0);
            pruned.model.begin(&read, start, stream)
        });
        let prompt = pruned.steps[0].spaces.clone();
        pruned.fixed =
            Some(forward_continuation(&pruned.model, prompt, &pruned.prompt_cache, start, x, first, control).await?);
    }
    let mut out = vec![];
    for begin in (0..steps.len()).step_by(ROWS_AT_ONCE) {
        control.checkpoint().await?;
        let some = begin..(begin + ROWS_AT_ONCE).min(steps.len());
        let dense_spaces = dense_rows(&steps[some.clone()]);
        let pruned_spaces = match &pruned.fixed {
            Some(fixed) => fixed.spaces(&pruned.model.decoder, some),
            // The plan changes nothing: the outputs are the dense model's.
            None => dense_spaces.clone(),
        };
        let pending = C::compare(&dense_spaces, &pruned_spaces, temperature, false);
        let read = read_all(vec![pending]).await.map_err(ExperimentError::device)?;
        out.extend(read.into_iter().map(|one| one.metrics));
    }
    Ok(out)
}

/// The dense model's h and z at some steps, one row each.
fn dense_rows(steps: &[&DenseStep]) -> ModelOutputs {
    ModelOutputs {
        hidden: Tensor::cat(steps.iter().map(|step| step.spaces.hidden.clone()).collect(), 0),
        logits: Tensor::cat(steps.iter().map(|step| step.spaces.logits.clone()).collect(), 0),
    }
}

/// Runs a model on a given continuation of the prompt.
///
/// * `prompt`: h and z at the end of the prompt.
/// * `cache`: KV cache of the prompt's `start` tokens.
/// * `x`: the residual stream of the continuation before sublayer `first`, `[tokens, hidden]`; `None` if it is empty.
async fn forward_continuation<C: Compute>(
    model: &PrunedDecoder<C>,
    prompt: ModelOutputs,
    cache: &KeyValueCache<C>,
    start: usize,
    x: Option<Tensor<2>>,
    first: usize,
    control: &Control,
) -> Result<TeacherForcedOutputs, ExperimentError> {
    let Some(x) = x else { return Ok(TeacherForcedOutputs { prompt, behind: None }) };
    let mut cache = cache.clone();
    let last = Pass::pruned(model, first, start).last(x, &mut cache, control).await?;
    Ok(TeacherForcedOutputs { prompt, behind: Some(model.decoder.final_norm(last)) })
}

/// The dense model's loss −log p(token) of each token of a text after the prompt, in nats at T = 1. Measures how far a
/// pruned model's text has degenerated, without labels.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn dense_losses<C: Compute>(
    dense: &DenseRun<C>,
    ids: &[u32],
    control: &Control,
) -> Result<Vec<f32>, ExperimentError> {
    let Some((_, read)) = ids.split_last() else { return Ok(vec![]) };
    // The dense model's outputs on its own text are already in `dense.steps`.
    let known = dense.steps.iter().map_while(|step| step.chosen).zip(ids).take_while(|(own, id)| own == *id).count();
    let reading = if known >= read.len() && dense.steps.len() >= ids.len() {
        None
    } else {
        let model = PrunedDecoder::dense(&dense.decoder);
        let prompt = dense.steps[0].spaces.clone();
        let (start, x) = (dense.prompt_ids.len(), dense.decoder.embed(read, dense.prompt_ids.len()));
        Some(forward_continuation(&model, prompt, &dense.prompt_cache, start, Some(x), 0, control).await?)
    };
    let mut losses = vec![];
    for begin in (0..ids.len()).step_by(ROWS_AT_ONCE) {
        control.checkpoint().await?;
        let some = begin..(begin + ROWS_AT_ONCE).min(ids.len());
        let logits = match &reading {
            Some(reading) => reading.spaces(&dense.decoder, some.clone()).logits,
            None => dense_rows(&dense.steps[some.clone()].iter().collect::<Vec<_>>()).logits,
        };
        losses.push(token_losses(logits, &ids[some]));
    }
    read_back(Tensor::cat(losses, 0)).await.map_err(ExperimentError::device)
}

/// −log p(id) at T = 1 for one id per row of logits. Returns `[rows, 1]`.
pub(super) fn token_losses(logits: Tensor<2>, ids: &[u32]) -> Tensor<2> {
    let places = TensorData::new(ids.iter().map(|id| *id as i32).collect(), [ids.len(), 1]);
    let places = Tensor::from_data(places, &logits.device());
    log_softmax(logits, 1).gather(1, places).neg()
}

/// The `DAMAGE_TOKENS` tokens that contribute most to the weighted variances of Δz at a step that both texts have, each model after its own
/// text (Theorems 2, 3).
///
/// # Errors
/// A failing device.
pub async fn token_contributions<C: Compute>(
    dense: &DenseRun<C>,
    pruned: &PrunedRun<C>,
    step: usize,
    temperature: f32,
    tokenizer: &ModelTokenizer,
) -> Result<Vec<TokenWeight>, ExperimentError> {
    let both = [&dense.steps[step].spaces.logits, &pruned.steps[step].spaces.logits];
    let both = both.into_iter().fold(Transaction::default(), |all, logits| all.register(logits.clone()));
    let mut rows = vec![];
    for data in both.execute_async().await.map_err(ExperimentError::device)? {
        rows.push(data.try_into_vec_as::<f32>().map_err(ExperimentError::device)?);
    }
    let [z, z_pruned] = &rows[..] else {
        return Err(ExperimentError::Internal { what: "a device gave another number of results than were asked for" });
    };
    let weights = token_weights(z, z_pruned, temperature, DAMAGE_TOKENS);
    Ok(weights
        .into_iter()
        .map(|weight| TokenWeight {
            id: weight.id,
            text: tokenizer.piece(weight.id).to_string(),
            p: weight.p as f32,
            r: weight.r as f32,
            delta_z: weight.delta_z as f32,
            share_p: weight.share_p as f32,
            share_r: weight.share_r as f32,
        })
        .collect())
}
