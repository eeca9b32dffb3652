//! The measurements on a dense and a pruned model. Results are plain numbers.
//!
//! Experiments are asynchronous, so that they can be cancelled on a single thread: between steps they await
//! [`Control::checkpoint`].

pub mod activations;
pub mod cross_check;
pub mod dense;
pub mod fidelity;
pub mod finite;
pub mod fit_size;
pub mod forward;
pub mod generation;
pub mod importance;
pub mod layerwise;
pub mod own_answers;
pub mod pruned_decoder;
pub mod repair;
pub mod search;
pub mod speed;
pub mod switches;
pub mod task_runner;
pub mod text_fidelity;
pub mod weights;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use thiserror::Error;

use prunescope_formats::chat::ChatError;
use prunescope_formats::tokenizer::TokenizerError;
use prunescope_protocol::model::Sublayer;

/// Why an experiment ended without a result.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ExperimentError {
    /// Superseded by a newer request, or stopped by the visitor.
    #[error("stopped")]
    Stopped,
    /// The device failed while computing.
    #[error("the device failed while computing ({why}); it may have been lost: try again, or switch to the CPU")]
    Device {
        /// The device's error message.
        why: String,
    },
    /// A state that should be impossible: a bug in this program.
    #[error("an error of Prunescope itself ({what}): please report it, and load the model again")]
    Internal {
        /// What was wrong.
        what: &'static str,
    },
    /// The chat template is missing or failed.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The prompt has no tokens.
    #[error("the prompt is empty: write something for the model to read")]
    EmptyPrompt,
    /// Prompt and generated tokens exceed the context.
    #[error(
        "the prompt is {got} tokens and {tokens} more are to be written, but this model reads at most {most}: shorten the prompt or write fewer tokens"
    )]
    PromptTooLong {
        /// Tokens in the prompt.
        got: usize,
        /// Tokens to write.
        tokens: usize,
        /// The smaller of the model's context and this program's limit, in tokens.
        most: usize,
    },
    /// The calibration text is too short for a repair.
    #[error(
        "the calibration text has {got} tokens, but a repair is fitted on at least {least}: give a longer text, or the built-in one"
    )]
    CalibrationTooShort {
        /// Tokens in the text.
        got: usize,
        /// Fewest tokens.
        least: usize,
    },
    /// No text of a comparison is long enough.
    #[error("the text has too few tokens to compare models on: give one of a few hundred words")]
    TextTooShort,
    /// The plan names layers that the model does not have.
    #[error(
        "the plan {plan} names layers that this model does not have; it has layers 0 to {last}: remove them from the plan"
    )]
    NoSuchLayer {
        /// The plan as text.
        plan: String,
        /// Index of the last layer.
        last: usize,
    },
}

impl ExperimentError {
    /// [`Self::Device`] with the innermost cause of a library's error text, without its backtrace.
    pub fn device(error: impl ToString) -> Self {
        let text = error.to_string();
        let causes = text.split("Backtrace:").next().unwrap_or_default();
        let why = causes.lines().map(str::trim).rfind(|line| !line.is_empty() && *line != "Caused by:");
        Self::Device { why: why.unwrap_or("it gives no reason").into() }
    }
}

/// A boxed future that is not `Send`.
pub type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;

/// Cancels a running experiment and yields to other work between its steps.
#[derive(Clone)]
pub struct Control {
    newest: Rc<Cell<u64>>,
    mine: u64,
    pause: Rc<dyn Fn() -> LocalFuture>,
    announced: Rc<Cell<Option<Sublayer>>>,
}

impl Control {
    /// A control that never stops and does not yield, for native programs and checks.
    pub fn unstoppable() -> Self {
        Self::new(Rc::default(), 0, Rc::new(|| Box::pin(async {})))
    }

    /// A control for job number `mine`, which stops once `newest` holds another number.
    ///
    /// * `pause`: yields to other work on this thread, such as incoming messages.
    pub fn new(newest: Rc<Cell<u64>>, mine: u64, pause: Rc<dyn Fn() -> LocalFuture>) -> Self {
        Self { newest, mine, pause, announced: Rc::default() }
    }

    /// The same control, which measures the effect of the switch in `announced` before that of others.
    pub fn with_announced(self, announced: Rc<Cell<Option<Sublayer>>>) -> Self {
        Self { announced, ..self }
    }

    /// Takes the switch that the page announced since the last call, if any.
    pub(crate) fn take_announced(&self) -> Option<Sublayer> {
        self.announced.take()
    }

    /// Yields to other work, then checks whether the job was superseded.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`] if there is a newer job.
    pub async fn checkpoint(&self) -> Result<(), ExperimentError> {
        (self.pause)().await;
        if self.newest.get() == self.mine { Ok(()) } else { Err(ExperimentError::Stopped) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_error_is_its_innermost_cause() {
        let text =
            "An error happened\nCaused by:\n  the buffer could not be mapped\nBacktrace:\nNo backtrace available";
        assert_eq!(
            ExperimentError::device(text),
            ExperimentError::Device { why: "the buffer could not be mapped".into() }
        );
    }
}
