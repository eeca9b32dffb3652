//! The dense model's own answers to everyday questions: calibration text of the kind that a chat model writes.

use super::task_runner::TaskRunner;
use super::{Control, ExperimentError};
use crate::compute::Compute;
use prunescope_protocol::prune::OwnAnswer;

/// Most tokens of an answer.
const MAX_ANSWER_TOKENS: usize = 60;

/// A conversation of one question and one answer.
#[derive(Clone, Debug)]
pub struct OwnChat {
    /// Token ids of the prompt, as the chat template writes it, and of the answer.
    pub ids: Vec<u32>,
    /// Question and answer as texts.
    pub answer: OwnAnswer,
}

/// The model's own answers to some questions, which are written together; `None` if it has no working chat template.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn own_chats<C: Compute>(
    dense: &TaskRunner<'_, C>,
    questions: &[&str],
    control: &Control,
) -> Result<Option<Vec<OwnChat>>, ExperimentError> {
    let Some(chats) = dense.chat(questions, MAX_ANSWER_TOKENS, control).await? else { return Ok(None) };
    let own = questions.iter().zip(chats).map(|(question, (mut ids, answer))| {
        let text = dense.tokenizer.decode(&answer);
        ids.extend(answer);
        OwnChat { ids, answer: OwnAnswer { question: (*question).into(), answer: text } }
    });
    Ok(Some(own.collect()))
}
