//! Runs the tasks of the task sets on one model, dense or pruned.

use std::ops::Range;

use burn::tensor::{Tensor, activation::log_softmax};

use super::forward::{Pass, without_first};
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::attention::Text;
use crate::compute::{Compute, KeyValueCache, read_back};
use crate::metrics::subspace::softmax;
use crate::model::LoadedModel;
use prunescope_formats::{ChatTemplate, ModelTokenizer};
use prunescope_protocol::results::ChoiceAnswer;
use prunescope_protocol::tasks::generative::MAX_NEW_TOKENS;
use prunescope_protocol::tasks::{GenerativeSet, GenerativeTask, Question};

/// Longest text of a task, in tokens; longer ones lose their beginning.
const MAX_TASK_TOKENS: usize = 512;
/// Most texts that are read in one pass, each with its own copy of the cache.
const MOST_TEXTS: usize = 16;
/// Most rows (tokens of all texts) that are read in one pass: so many that each weight is read for many of them, and so few that a run stops
/// soon. A text of more tokens is read alone.
const MOST_ROWS: usize = 128;

/// A model with its tokenizer and chat template.
pub struct TaskRunner<'a, C: Compute> {
    /// The model.
    pub model: &'a PrunedDecoder<C>,
    /// The tokenizer.
    pub tokenizer: &'a ModelTokenizer,
    chat: Option<&'a ChatTemplate>,
}

/// Scores of a multiple-choice question, and the logits at the position of the answer's letter.
#[derive(Clone, Debug)]
pub struct ChoiceScores {
    /// Scores of the options.
    pub answer: ChoiceAnswer,
    /// z, `[vocabulary]`.
    pub logits: Vec<f32>,
}

/// Embedding vectors of a text from the final hidden states, `[hidden]` each.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// Mean over all tokens but the first (over that one if it is the only token).
    pub mean: Vec<f32>,
    /// The last token's.
    pub last: Vec<f32>,
}

/// What a model has read of a text.
#[derive(Clone)]
struct Context<C: Compute> {
    cache: KeyValueCache<C>,
    /// Number of tokens in the cache.
    tokens: usize,
}

/// State after a forward pass: the residual stream after the last sublayer, `[new tokens, hidden]`, and all that was
/// read of the text.
struct Read<C: Compute> {
    last: Tensor<2>,
    context: Context<C>,
}

impl<'a, C: Compute> TaskRunner<'a, C> {
    /// Runs tasks on a decoder, pruned or dense, with the tokenizer and chat template of the loaded model.
    pub fn new(model: &'a PrunedDecoder<C>, loaded: &'a LoadedModel<C>) -> Self {
        Self { model, tokenizer: &loaded.tokenizer, chat: loaded.chat.as_ref().ok() }
    }

    fn ids(&self, text: &str) -> Result<Vec<u32>, ExperimentError> {
        let mut ids = self.tokenizer.encode(text, false)?;
        let most = MAX_TASK_TOKENS.min(self.model.decoder.config.context.saturating_sub(MAX_NEW_TOKENS));
        if ids.len() > most {
            ids.drain(..ids.len() - most);
        }
        if ids.is_empty() { Err(ExperimentError::EmptyPrompt) } else { Ok(ids) }
    }

    /// Nothing read yet.
    fn nothing(&self) -> Context<C> {
        Context { cache: KeyValueCache::new(self.model.decoder.config.layers), tokens: 0 }
    }

    /// Reads some tokens of each text, in one pass that reads each weight once for all.
    async fn read(&self, texts: Vec<(&[u32], Context<C>)>, control: &Control) -> Result<Vec<Read<C>>, ExperimentError> {
        let decoder = &self.model.decoder;
        let rows = texts.iter().map(|(ids, context)| decoder.embed(ids, context.tokens)).collect();
        let positions: Vec<_> =
            texts.iter().map(|(ids, context)| decoder.positions(context.tokens, ids.len())).collect();
        let mut contexts: Vec<_> = texts.into_iter().map(|(_, context)| context).collect();
        let mut batch: Vec<_> = contexts
            .iter_mut()
            .zip(&positions)
            .map(|(context, positions)| Text::new(positions, &mut context.cache))
            .collect();
        let last = Pass::pruned(self.model, 0, 0).texts(Tensor::cat(rows, 0), &mut batch, control).await?;
        let mut first = 0;
        let reads = contexts.into_iter().zip(&positions).map(|(context, positions)| {
            let tokens = positions.tokens;
            first += tokens;
            let last = last.clone().narrow(0, first - tokens, tokens);
            Read { last, context: Context { tokens: context.tokens + tokens, ..context } }
        });
        Ok(reads.collect())
    }

    /// What all texts begin with, read once; at least one token of each is left.
    async fn beginning(&self, texts: &[Vec<u32>], control: &Control) -> Result<Context<C>, ExperimentError> {
        let shared = common_prefix(texts);
        if texts.len() < 2 || shared == 0 {
            return Ok(self.nothing());
        }
        let read = self.read(vec![(&texts[0][..shared], self.nothing())], control).await?;
        Ok(read.into_iter().next().map_or_else(|| self.nothing(), |read| read.context))
    }

    /// Reads what is left of some texts behind their common beginning.
    async fn read_rest(
        &self,
        texts: &[Vec<u32>],
        beginning: &Context<C>,
        control: &Control,
    ) -> Result<Vec<Read<C>>, ExperimentError> {
        self.read(texts.iter().map(|ids| (&ids[beginning.tokens..], beginning.clone())).collect(), control).await
    }

    /// z behind the last token of each text, `[texts, vocabulary]`.
    fn logits<'r>(&self, reads: impl IntoIterator<Item = &'r Read<C>>) -> Tensor<2> {
        let decoder = &self.model.decoder;
        let ends = reads.into_iter().map(|Read { last, .. }| last.clone().narrow(0, last.dims()[0] - 1, 1)).collect();
        decoder.logits(decoder.final_norm(Tensor::cat(ends, 0)))
    }

    /// Answers multiple-choice questions by letter and by cloze; `each` gets every answer with the question's index.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn answer(
        &self,
        questions: &[&Question],
        control: &Control,
        each: &mut dyn FnMut(usize, ChoiceScores),
    ) -> Result<(), ExperimentError> {
        let ids = |of: fn(&Question) -> String| -> Result<Vec<_>, _> {
            questions.iter().map(|question| self.ids(&of(question))).collect()
        };
        let (letters, clozes) = (ids(Question::letter_prompt)?, ids(Question::cloze_prompt)?);
        let begun = [self.beginning(&letters, control).await?, self.beginning(&clozes, control).await?];
        // The longer prompts decide how many go together.
        for batch in batches(letters.iter().map(|ids| ids.len() - begun[0].tokens)) {
            let reads = self.read_rest(&letters[batch.clone()], &begun[0], control).await?;
            let logits = read_back(self.logits(&reads)).await.map_err(ExperimentError::device)?;
            let of_questions = &questions[batch.clone()];
            let clozes = self.clozes(of_questions, &clozes[batch.clone()], &begun[1], control).await?;
            let vocabulary = logits.len() / of_questions.len();
            for (((at, question), logits), cloze) in
                batch.zip(of_questions).zip(logits.chunks_exact(vocabulary)).zip(clozes)
            {
                let ids = self.letter_ids(question.choices.len())?;
                let of_letters: Vec<f32> = ids.iter().map(|id| logits[*id as usize]).collect();
                let letters = softmax(&of_letters, 1.0).into_iter().map(|p| p as f32).collect();
                each(at, ChoiceScores { answer: ChoiceAnswer { letters, cloze }, logits: logits.to_vec() });
            }
        }
        Ok(())
    }

    /// Token ids of the option letters: the last token of " a", " b", …
    ///
    /// # Errors
    /// A tokenizer that fails.
    pub fn letter_ids(&self, options: usize) -> Result<Vec<u32>, ExperimentError> {
        (0..options)
            .map(|option| {
                let ids = self.tokenizer.encode(&format!(" {}", Question::letter(option)), false)?;
                ids.last().copied().ok_or(ExperimentError::EmptyPrompt)
            })
            .collect()
    }

    /// Mean log-probability of each option's tokens after each question.
    ///
    /// * `prompts`: the questions' cloze prompts.
    async fn clozes(
        &self,
        questions: &[&Question],
        prompts: &[Vec<u32>],
        beginning: &Context<C>,
        control: &Control,
    ) -> Result<Vec<Vec<f32>>, ExperimentError> {
        let decoder = &self.model.decoder;
        let prefixes = self.read_rest(prompts, beginning, control).await?;
        let first = log_softmax(self.logits(&prefixes), 1);
        // Every option by its question and its tokens.
        let mut options = vec![];
        for (at, question) in questions.iter().enumerate() {
            for choice in &question.choices {
                options.push((at, self.ids(&format!(" {choice}"))?));
            }
        }
        let cell = |log_p: &Tensor<2>, row, id: u32| log_p.clone().narrow(0, row, 1).narrow(1, id as usize, 1);
        let mut log_p: Vec<_> = options.iter().map(|(at, ids)| vec![cell(&first, *at, ids[0])]).collect();
        // What follows an option's first token needs the model again.
        let longer: Vec<_> = (0..options.len()).filter(|at| options[*at].1.len() > 1).collect();
        for batch in batches(longer.iter().map(|at| options[*at].1.len() - 1)) {
            let of_batch = &longer[batch];
            let texts = of_batch.iter().map(|at| {
                let (question, ids) = &options[*at];
                (&ids[..ids.len() - 1], prefixes[*question].context.clone())
            });
            for (at, read) in of_batch.iter().zip(self.read(texts.collect(), control).await?) {
                let rows = log_softmax(decoder.logits(decoder.final_norm(read.last)), 1);
                log_p[*at].extend(options[*at].1[1..].iter().enumerate().map(|(row, id)| cell(&rows, row, *id)));
            }
        }
        let means = log_p.into_iter().map(|parts| Tensor::cat(parts, 0).mean().reshape([1, 1])).collect();
        let means = read_back(Tensor::cat(means, 0)).await.map_err(ExperimentError::device)?;
        let mut means = means.into_iter();
        Ok(questions.iter().map(|question| means.by_ref().take(question.choices.len()).collect()).collect())
    }

    /// Embeds texts; `each` gets every embedding with the text's index.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn embed(
        &self,
        texts: &[&str],
        control: &Control,
        each: &mut dyn FnMut(usize, Embedding),
    ) -> Result<(), ExperimentError> {
        let texts: Result<Vec<_>, _> = texts.iter().map(|text| self.ids(text)).collect();
        let texts = texts?;
        let nothing = self.nothing();
        for batch in batches(texts.iter().map(Vec::len)) {
            let reads = self.read_rest(&texts[batch.clone()], &nothing, control).await?;
            let rows = reads.into_iter().flat_map(|read| {
                let last = read.context.tokens - 1;
                let hidden = self.model.decoder.final_norm(read.last);
                [without_first(&hidden).mean_dim(0), hidden.narrow(0, last, 1)]
            });
            let rows = Tensor::cat(rows.collect(), 0);
            let [_, width] = rows.dims();
            let values = read_back(rows).await.map_err(ExperimentError::device)?;
            for (at, both) in batch.zip(values.chunks_exact(2 * width)) {
                let (mean, last) = both.split_at(width);
                each(at, Embedding { mean: mean.to_vec(), last: last.to_vec() });
            }
        }
        Ok(())
    }

    /// Greedy answers through the chat template, of at most `most` tokens each: the prompts' and the answers' token ids.
    /// `None` if the model has no working template, or too short a context.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn chat(
        &self,
        questions: &[&str],
        most: usize,
        control: &Control,
    ) -> Result<Option<Vec<(Vec<u32>, Vec<u32>)>>, ExperimentError> {
        let mut prompts = vec![];
        for question in questions {
            let Some(Ok(text)) = self.chat.map(|chat| chat.render(question, &self.tokenizer.special)) else {
                return Ok(None);
            };
            prompts.push(self.tokenizer.encode(&text, true)?);
        }
        let fits = |ids: &Vec<u32>| !ids.is_empty() && ids.len() + most <= self.model.decoder.config.context;
        if !prompts.iter().all(fits) {
            return Ok(None);
        }
        let beginning = self.beginning(&prompts, control).await?;
        let mut answers = vec![];
        for batch in batches(prompts.iter().map(|ids| ids.len() - beginning.tokens)) {
            let reads = self.read_rest(&prompts[batch], &beginning, control).await?;
            answers.extend(self.continue_greedily(reads, most, control, |_, _| false).await?);
        }
        Ok(Some(prompts.into_iter().zip(answers).collect()))
    }

    /// The likeliest tokens of each text one after the other, at most `most`, until a stop token or until `is_done`
    /// with the text's index and its tokens so far.
    async fn continue_greedily(
        &self,
        reads: Vec<Read<C>>,
        most: usize,
        control: &Control,
        is_done: impl Fn(usize, &[u32]) -> bool,
    ) -> Result<Vec<Vec<u32>>, ExperimentError> {
        let mut written = vec![vec![]; reads.len()];
        let mut open: Vec<_> = reads.into_iter().enumerate().collect();
        loop {
            let likeliest = self.logits(open.iter().map(|(_, read)| read)).argmax(1);
            let data = likeliest.into_data_async().await.map_err(ExperimentError::device)?;
            let tokens: Vec<u32> = data.try_into_vec_as().map_err(ExperimentError::device)?;
            let mut going_on = vec![];
            for ((text, read), token) in open.into_iter().zip(tokens) {
                let ids: &mut Vec<u32> = &mut written[text];
                if self.tokenizer.stop.contains(&token) {
                    continue;
                }
                ids.push(token);
                if ids.len() < most && !is_done(text, ids) {
                    going_on.push((text, [token], read.context));
                }
            }
            if going_on.is_empty() {
                return Ok(written);
            }
            let (places, tokens): (Vec<_>, Vec<_>) = going_on.iter().map(|(text, token, _)| (*text, *token)).unzip();
            // Each cache is handed on, since a copy of it would take as long as the pass.
            let contexts = going_on.into_iter().map(|(.., context)| context);
            let reads = self.read(tokens.iter().map(<[u32; 1]>::as_slice).zip(contexts).collect(), control).await?;
            open = places.into_iter().zip(reads).collect();
        }
    }

    /// The prompt of a generative task: after the set's examples, or in the chat template if the model has a working one.
    fn prompt_ids(&self, set: GenerativeSet, task: &GenerativeTask) -> Result<Vec<u32>, ExperimentError> {
        if let Some(text) = set.plain_prompt(task) {
            return self.ids(&text);
        }
        match self.chat.map(|chat| chat.render(&task.prompt, &self.tokenizer.special)) {
            Some(Ok(text)) => Ok(self.tokenizer.encode(&text, true)?),
            // Without a template, or if it fails, use a plain prompt.
            None | Some(Err(_)) => self.ids(&format!("Question: {}\nAnswer:", task.prompt)),
        }
    }

    /// Greedy generation after the prompt of each of these tasks of a set. Stops where the answer is decided, at a stop
    /// token, or after [`GenerativeSet::new_tokens`].
    ///
    /// The common prefix of all prompts is processed once. `on_text` gets each text with its index, as given in
    /// `tasks`.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn write(
        &self,
        set: GenerativeSet,
        tasks: &[(usize, &GenerativeTask)],
        control: &Control,
        on_text: &mut dyn FnMut(usize, String),
    ) -> Result<(), ExperimentError> {
        let prompts: Result<Vec<_>, _> = tasks.iter().map(|(_, task)| self.prompt_ids(set, task)).collect();
        let prompts = prompts?;
        let beginning = self.beginning(&prompts, control).await?;
        for batch in batches(prompts.iter().map(|ids| ids.len() - beginning.tokens)) {
            let reads = self.read_rest(&prompts[batch.clone()], &beginning, control).await?;
            let tasks = &tasks[batch];
            let is_done = |text: usize, ids: &[u32]| set.is_decided(tasks[text].1, &self.tokenizer.decode(ids));
            let written = self.continue_greedily(reads, set.new_tokens(), control, is_done).await?;
            tasks.iter().zip(written).for_each(|((place, _), ids)| on_text(*place, self.tokenizer.decode(&ids)));
        }
        Ok(())
    }
}

/// Divides texts into batches of at most [`MOST_TEXTS`] texts and [`MOST_ROWS`] rows; a longer text goes alone.
///
/// * `lengths`: rows of each text.
fn batches(lengths: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = vec![];
    let mut rows = 0;
    for (at, length) in lengths.enumerate() {
        rows += length;
        match out.last_mut().filter(|batch| batch.len() < MOST_TEXTS && rows <= MOST_ROWS) {
            Some(batch) => batch.end = at + 1,
            None => {
                out.push(at..at + 1);
                rows = length;
            }
        }
    }
    out
}

/// Length of the longest common prefix of all prompts, at most the shortest prompt's length minus one.
fn common_prefix(prompts: &[Vec<u32>]) -> usize {
    let Some((first, others)) = prompts.split_first() else { return 0 };
    let same = |other: &Vec<u32>| first.iter().zip(other).take_while(|(a, b)| a == b).count();
    let shortest = prompts.iter().map(Vec::len).min().unwrap_or(0);
    others.iter().map(same).min().unwrap_or(first.len()).min(shortest.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_few_texts_and_rows() {
        assert_eq!(batches([100, 28, 1, 200, 1].into_iter()), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(batches([1; 40].into_iter()), [0..16, 16..32, 32..40]);
        assert!(batches(std::iter::empty()).is_empty());
    }

    #[test]
    fn what_prompts_share() {
        assert_eq!(common_prefix(&[vec![1, 2, 3, 4], vec![1, 2, 5]]), 2);
        assert_eq!(common_prefix(&[vec![1, 2], vec![1, 2, 3]]), 1, "one token is left to read");
        assert_eq!(common_prefix(&[vec![1, 2, 3]]), 2);
        assert_eq!(common_prefix(&[]), 0);
    }
}
