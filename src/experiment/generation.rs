//! The pruned model beside the dense one: next token, own text (measurement 3), the dense text (measurement 4).

use burn::tensor::Tensor;

use super::dense::DenseRun;
use super::forward::{forward, last_spaces};
use super::{Control, ExperimentError};
use crate::metrics::{Spaces, TopToken, compare, read_all};
use crate::model::sampling::{Sampler, Sampling};
use crate::model::{Decoder, KeyValueCache, ModelTokenizer, Sublayer};
use crate::prune::PruningPlan;
use crate::results::{ComparedPosition, GenerationStep, Metrics, TokenText, TopTokenText, TopTokens};

/// Rows of logits that are computed at once on a fixed text; bounds memory and the time between pauses.
const ROWS_AT_ONCE: usize = 8;

/// The pruned model's reading of a prompt and of what it has written.
pub struct PrunedRun {
    /// What it lacks.
    pub plan: PruningPlan,
    prompt_cache: KeyValueCache,
    cache: KeyValueCache,
    prompt_tokens: usize,
    written: usize,
    /// h and z at the last position read.
    pub spaces: Spaces,
    prompt_spaces: Spaces,
    sampler: Sampler,
}

impl PrunedRun {
    /// Reads the prompt, from the first sublayer where the plan differs from the dense run.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn read(
        decoder: &Decoder,
        dense: &DenseRun,
        plan: &PruningPlan,
        control: &Control,
    ) -> Result<Self, ExperimentError> {
        let prompt_tokens = dense.prompt_ids.len();
        let (spaces, cache) = match plan.first_change() {
            None => (dense.steps[0].spaces.clone(), dense.prompt_cache.clone()),
            Some(first) => {
                let mut cache = dense.prompt_cache.fork_below(Sublayer::from_index(first + 1).layer);
                let x = dense.prompt_stream[first].clone();
                let stream = forward(decoder, plan, x, first, 0, &mut cache, control).await?;
                (last_spaces(decoder, &stream[stream.len() - 1]), cache)
            }
        };
        Ok(Self {
            plan: plan.clone(),
            prompt_cache: cache.clone(),
            cache,
            prompt_tokens,
            written: 0,
            prompt_spaces: spaces.clone(),
            spaces,
            sampler: Sampler::new(dense.sampling),
        })
    }

    /// Reads one more token of its own text.
    async fn advance(&mut self, decoder: &Decoder, token: u32, control: &Control) -> Result<(), ExperimentError> {
        let x = decoder.embed(&[token]);
        let start = self.prompt_tokens + self.written;
        let stream = forward(decoder, &self.plan, x, 0, start, &mut self.cache, control).await?;
        self.written += 1;
        self.spaces = last_spaces(decoder, &stream[stream.len() - 1]);
        Ok(())
    }
}

/// The next token after the prompt, compared.
///
/// # Errors
/// A failing device.
pub async fn next_token(
    dense: &DenseRun,
    pruned: &PrunedRun,
    temperature: f32,
    tokenizer: &ModelTokenizer,
) -> Result<ComparedPosition, ExperimentError> {
    let pending = compare(&dense.steps[0].spaces, &pruned.spaces, temperature, true);
    let read = read_all(vec![pending]).await.map_err(ExperimentError::device)?;
    Ok(position(read, tokenizer))
}

/// The one comparison that was read, with texts.
fn position(read: Vec<crate::metrics::Comparison>, tokenizer: &ModelTokenizer) -> ComparedPosition {
    let texts = |top: &[TopToken]| {
        let text = |token: &TopToken| TopTokenText {
            id: token.id,
            text: tokenizer.piece(token.id).to_string(),
            dense: token.dense,
            pruned: token.pruned,
        };
        top.iter().map(text).collect()
    };
    let metrics = read.first().map(|one| one.metrics).unwrap_or_default();
    let top = read.first().map(|one| TopTokens { dense: texts(&one.dense_top), pruned: texts(&one.pruned_top) });
    ComparedPosition { metrics, top: top.unwrap_or_default() }
}

/// Measurement 3: both models write on their own text; `on_step` gets each step as it is known.
///
/// Steps that the dense run already has are not computed again.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
#[allow(clippy::too_many_arguments)]
pub async fn generate(
    decoder: &Decoder,
    tokenizer: &ModelTokenizer,
    dense: &mut DenseRun,
    pruned: &mut PrunedRun,
    tokens: usize,
    temperature: f32,
    control: &Control,
    on_step: &mut dyn FnMut(&GenerationStep),
) -> Result<Vec<GenerationStep>, ExperimentError> {
    let mut steps: Vec<GenerationStep> = vec![];
    let (mut dense_goes_on, mut pruned_goes_on) = (true, true);
    for step in 0..tokens {
        control.checkpoint().await?;
        let dense_spaces = dense_goes_on.then(|| dense.steps[step].spaces.clone());
        let pruned_spaces = pruned_goes_on.then(|| pruned.spaces.clone());
        let (a, b) = match (&dense_spaces, &pruned_spaces) {
            (Some(a), Some(b)) => (a, b),
            // One has ended: the other is compared with itself, only to learn its likeliest token.
            (Some(one), None) | (None, Some(one)) => (one, one),
            (None, None) => break,
        };
        let read = read_all(vec![compare(a, b, temperature, true)]).await.map_err(ExperimentError::device)?;
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
            let sampling = dense.sampling;
            pruned_token = Some(choose(sampling, &mut pruned.sampler, spaces, likeliest(&compared.top.pruned)).await?);
        }
        let text = |id: u32| TokenText { id, text: tokenizer.piece(id).to_string() };
        let both = dense_goes_on && pruned_goes_on;
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
        if let (true, Some(token)) = (dense_goes_on && dense.steps.len() == step + 1, dense_token) {
            dense.advance(decoder, token, control).await?;
        }
        if let (true, Some(token)) = (pruned_goes_on, pruned_token) {
            pruned.advance(decoder, token, control).await?;
        }
    }
    Ok(steps)
}

/// The next token: the likeliest one, or a draw, for which the logits are read back.
async fn choose(
    sampling: Sampling,
    sampler: &mut Sampler,
    spaces: &Spaces,
    likeliest: u32,
) -> Result<u32, ExperimentError> {
    if sampling.is_greedy() {
        return Ok(likeliest);
    }
    let data = spaces.logits.clone().into_data_async().await.map_err(ExperimentError::device)?;
    let logits: Vec<f32> = data.try_into_vec_as().map_err(ExperimentError::device)?;
    Ok(sampler.choose(&logits))
}

/// Measurement 4: the pruned model reads the dense model's text; one [`Metrics`] a step of its first `tokens` tokens.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn fixed_trajectory(
    decoder: &Decoder,
    dense: &DenseRun,
    pruned: &PrunedRun,
    tokens: usize,
    temperature: f32,
    control: &Control,
) -> Result<Vec<Metrics>, ExperimentError> {
    // An earlier run may have written more.
    let mut read = dense.written();
    read.truncate(tokens);
    read.pop();
    let mut pruned_rows = vec![pruned.prompt_spaces.hidden.clone()];
    if !read.is_empty() {
        let mut cache = pruned.prompt_cache.clone();
        let x = decoder.embed(&read);
        let start = dense.prompt_ids.len();
        let stream = forward(decoder, &pruned.plan, x, 0, start, &mut cache, control).await?;
        pruned_rows.push(decoder.final_norm(stream[stream.len() - 1].clone()));
    }
    let hidden = Tensor::cat(pruned_rows, 0);
    let steps: Vec<_> = dense.steps.iter().filter(|step| step.chosen.is_some()).take(tokens).collect();
    let mut out = vec![];
    for begin in (0..steps.len()).step_by(ROWS_AT_ONCE) {
        control.checkpoint().await?;
        let some = &steps[begin..(begin + ROWS_AT_ONCE).min(steps.len())];
        let dense_spaces = Spaces {
            hidden: Tensor::cat(some.iter().map(|step| step.spaces.hidden.clone()).collect(), 0),
            logits: Tensor::cat(some.iter().map(|step| step.spaces.logits.clone()).collect(), 0),
        };
        let hidden = hidden.clone().narrow(0, begin, some.len());
        let pruned_spaces = Spaces { logits: decoder.logits(hidden.clone()), hidden };
        let pending = compare(&dense_spaces, &pruned_spaces, temperature, false);
        let read = read_all(vec![pending]).await.map_err(ExperimentError::device)?;
        out.extend(read.into_iter().map(|one| one.metrics));
    }
    Ok(out)
}
