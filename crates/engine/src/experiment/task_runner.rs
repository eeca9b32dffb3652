//! Runs the tasks of the task sets on one model, dense or pruned.

use burn::tensor::{Tensor, Transaction, activation::log_softmax};

use super::forward::{Pass, last_outputs, without_first};
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::KeyValueCache;
use crate::compute::{Compute, read_back};
use crate::model::LoadedModel;
use prunescope_formats::{ChatTemplate, ModelTokenizer};
use prunescope_protocol::results::ChoiceAnswer;
use prunescope_protocol::tasks::generative::MAX_NEW_TOKENS;
use prunescope_protocol::tasks::{GenerativeSet, GenerativeTask, Question};

/// Longest text of a task, in tokens; longer ones lose their beginning.
const MAX_TASK_TOKENS: usize = 512;

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

/// State after a forward pass: the residual stream after the last sublayer, `[new tokens, hidden]`, the KV cache, and
/// the number of tokens in it.
struct Read<C: Compute> {
    last: Tensor<2>,
    cache: KeyValueCache<C>,
    tokens: usize,
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

    async fn read(&self, ids: &[u32], before: Option<&Read<C>>, control: &Control) -> Result<Read<C>, ExperimentError> {
        let decoder = &self.model.decoder;
        let start = before.map_or(0, |read| read.tokens);
        let mut cache = before.map_or_else(|| KeyValueCache::new(decoder.config.layers), |read| read.cache.clone());
        let pass = Pass::pruned(self.model, 0, start);
        let last = pass.last(decoder.embed(ids, start), &mut cache, control).await?;
        Ok(Read { last, cache, tokens: start + ids.len() })
    }

    /// Answers a multiple-choice question by letter and by cloze.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn answer(&self, question: &Question, control: &Control) -> Result<ChoiceScores, ExperimentError> {
        let read = self.read(&self.ids(&question.letter_prompt())?, None, control).await?;
        let logits = last_outputs(&self.model.decoder, &read.last).logits;
        let logits = read_back(logits).await.map_err(ExperimentError::device)?;
        let of_letters: Vec<f32> =
            self.letter_ids(question.choices.len())?.iter().map(|id| logits[*id as usize]).collect();
        let letters = crate::metrics::subspace::softmax(&of_letters, 1.0).into_iter().map(|p| p as f32).collect();
        let cloze = self.cloze(question, control).await?;
        Ok(ChoiceScores { answer: ChoiceAnswer { letters, cloze }, logits })
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

    /// Mean log-probability of each option's tokens after the question.
    async fn cloze(&self, question: &Question, control: &Control) -> Result<Vec<f32>, ExperimentError> {
        let decoder = &self.model.decoder;
        let prefix = self.read(&self.ids(&question.cloze_prompt())?, None, control).await?;
        let first = log_softmax(last_outputs(decoder, &prefix.last).logits, 1);
        let mut transaction = Transaction::default();
        for choice in &question.choices {
            let ids = self.ids(&format!(" {choice}"))?;
            let mut parts = vec![first.clone().narrow(1, ids[0] as usize, 1)];
            if let Some((_, read)) = ids.split_last().filter(|(_, read)| !read.is_empty()) {
                let rows = self.read(read, Some(&prefix), control).await?;
                let log_p = log_softmax(decoder.logits(decoder.final_norm(rows.last)), 1);
                for (row, id) in ids[1..].iter().enumerate() {
                    parts.push(log_p.clone().narrow(0, row, 1).narrow(1, *id as usize, 1));
                }
            }
            transaction = transaction.register(Tensor::cat(parts, 0).mean());
        }
        let data = transaction.execute_async().await.map_err(ExperimentError::device)?;
        let mut out = vec![];
        for data in data {
            out.extend(data.try_into_vec_as::<f32>().map_err(ExperimentError::device)?);
        }
        Ok(out)
    }

    /// Embeds a text.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn embed(&self, text: &str, control: &Control) -> Result<Embedding, ExperimentError> {
        let ids = self.ids(text)?;
        let read = self.read(&ids, None, control).await?;
        let hidden = self.model.decoder.final_norm(read.last);
        let mean = without_first(&hidden).mean_dim(0);
        let both = Tensor::cat(vec![mean, hidden.narrow(0, ids.len() - 1, 1)], 0);
        let mut mean = read_back(both).await.map_err(ExperimentError::device)?;
        let last = mean.split_off(mean.len() / 2);
        Ok(Embedding { mean, last })
    }

    /// A greedy answer through the chat template, of at most `most` tokens: the prompt's and the answer's token ids.
    /// `None` if the model has no working template, or too short a context.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn chat(
        &self,
        question: &str,
        most: usize,
        control: &Control,
    ) -> Result<Option<(Vec<u32>, Vec<u32>)>, ExperimentError> {
        let Some(Ok(text)) = self.chat.map(|chat| chat.render(question, &self.tokenizer.special)) else {
            return Ok(None);
        };
        let prompt = self.tokenizer.encode(&text, true)?;
        if prompt.is_empty() || prompt.len() + most > self.model.decoder.config.context {
            return Ok(None);
        }
        let read = self.read(&prompt, None, control).await?;
        let answer = self.continue_greedily(read, most, control, |_| false).await?;
        Ok(Some((prompt, answer)))
    }

    /// The likeliest tokens one after the other, at most `most`, until a stop token or until `is_done` with those so
    /// far.
    async fn continue_greedily(
        &self,
        mut read: Read<C>,
        most: usize,
        control: &Control,
        is_done: impl Fn(&[u32]) -> bool,
    ) -> Result<Vec<u32>, ExperimentError> {
        let mut ids = vec![];
        while ids.len() < most {
            let likeliest = last_outputs(&self.model.decoder, &read.last).logits.argmax(1);
            let data = likeliest.into_data_async().await.map_err(ExperimentError::device)?;
            let token: Vec<u32> = data.try_into_vec_as().map_err(ExperimentError::device)?;
            let Some(token) = token.first().copied().filter(|token| !self.tokenizer.stop.contains(token)) else {
                break;
            };
            ids.push(token);
            if is_done(&ids) {
                break;
            }
            read = self.read(&[token], Some(&read), control).await?;
        }
        Ok(ids)
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
        let shared = common_prefix(&prompts);
        let prefix = if shared > 0 { Some(self.read(&prompts[0][..shared], None, control).await?) } else { None };
        for ((place, task), prompt) in tasks.iter().zip(&prompts) {
            let read = self.read(&prompt[shared..], prefix.as_ref(), control).await?;
            let is_done = |ids: &[u32]| set.is_decided(task, &self.tokenizer.decode(ids));
            let ids = self.continue_greedily(read, set.new_tokens(), control, is_done).await?;
            on_text(*place, self.tokenizer.decode(&ids));
        }
        Ok(())
    }
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
    fn what_prompts_share() {
        assert_eq!(common_prefix(&[vec![1, 2, 3, 4], vec![1, 2, 5]]), 2);
        assert_eq!(common_prefix(&[vec![1, 2], vec![1, 2, 3]]), 1, "one token is left to read");
        assert_eq!(common_prefix(&[vec![1, 2, 3]]), 2);
        assert_eq!(common_prefix(&[]), 0);
    }
}
