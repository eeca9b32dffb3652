//! Questions put to the dense and the pruned model, answered in plain numbers.
//!
//! Experiments are asynchronous so that one thread can stop them: between steps they pass a [`Control::checkpoint`].

pub mod activations;
pub mod cross_check;
pub mod dense;
pub mod finite;
pub mod forward;
pub mod generation;
pub mod importance;
pub mod layerwise;
pub mod task_runner;
pub mod weights;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use thiserror::Error;

use prunescope_formats::chat::ChatError;
use prunescope_formats::tokenizer::TokenizerError;

/// Why an experiment ended without an answer.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ExperimentError {
    /// A newer request took its place, or the visitor stopped it.
    #[error("stopped")]
    Stopped,
    /// The device failed while computing.
    #[error("the device failed while computing ({why}); it may have been lost: try again, or switch to the CPU")]
    Device {
        /// What the device says.
        why: String,
    },
    /// A state that cannot be: a logic error of this program.
    #[error("an error of Prunescope itself ({what}): please report it, and load the model again")]
    Internal {
        /// What was wrong.
        what: &'static str,
    },
    /// The chat template.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Nothing to read.
    #[error("the prompt is empty: write something for the model to read")]
    EmptyPrompt,
    /// More tokens than the model can read.
    #[error(
        "the prompt is {got} tokens and {tokens} more are to be written, but this model reads at most {most}: shorten the prompt or write fewer tokens"
    )]
    PromptTooLong {
        /// Tokens in the prompt.
        got: usize,
        /// Tokens to write.
        tokens: usize,
        /// The model's context, or the program's limit.
        most: usize,
    },
    /// The plan names layers that the model does not have.
    #[error(
        "the plan {plan} names layers that this model does not have; it has layers 0 to {last}: remove them from the plan"
    )]
    NoSuchLayer {
        /// The plan, written.
        plan: String,
        /// The last layer.
        last: usize,
    },
}

impl ExperimentError {
    /// A failure of the device, from what its library says: the innermost cause, without a backtrace.
    pub fn device(error: impl ToString) -> Self {
        let text = error.to_string();
        let causes = text.split("Backtrace:").next().unwrap_or_default();
        let why = causes.lines().map(str::trim).rfind(|line| !line.is_empty() && *line != "Caused by:");
        Self::Device { why: why.unwrap_or("it gives no reason").into() }
    }
}

/// A future that may not leave its thread.
pub type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;

/// Lets a running experiment be stopped, and lets other work in between its steps.
#[derive(Clone)]
pub struct Control {
    newest: Rc<Cell<u64>>,
    mine: u64,
    pause: Rc<dyn Fn() -> LocalFuture>,
}

impl Control {
    /// A control that is never stopped and does not pause, for programs without a page.
    pub fn unstoppable() -> Self {
        Self { newest: Rc::default(), mine: 0, pause: Rc::new(|| Box::pin(async {})) }
    }

    /// A control for job number `mine`, stopped as soon as `newest` holds another number.
    ///
    /// * `pause` — gives way to other work on this thread, such as messages.
    pub fn new(newest: Rc<Cell<u64>>, mine: u64, pause: Rc<dyn Fn() -> LocalFuture>) -> Self {
        Self { newest, mine, pause }
    }

    /// Gives way to other work, then says whether to go on.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`] where a newer job has come.
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
