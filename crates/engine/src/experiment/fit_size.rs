//! How much a repair is fitted on.

use prunescope_protocol::prune::own_answers::QUESTIONS;
use prunescope_protocol::prune::{Repair, Repairs};

/// How much a repair is fitted on; what is not given has its usual size ([`FitSize::of`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FitSize {
    /// Number of tokens of the calibration text to fit on. A third as many after them are kept out.
    pub tokens: Option<usize>,
    /// Number of the dense model's own answers. The last quarter of them is kept out.
    pub answers: Option<usize>,
}

impl FitSize {
    /// Tokens of the calibration text, and own answers, for a repair. A few numbers per channel are known after a few
    /// hundred tokens, a map of all channels needs more; the answers take time to write.
    pub fn of(self, repairs: Repairs) -> (usize, usize) {
        let (tokens, answers) = match repairs.sublayers {
            None | Some(Repair::Bias | Repair::Scale) => (256, 0),
            Some(Repair::Rank(_) | Repair::Full) => (1536, QUESTIONS.len()),
        };
        (self.tokens.unwrap_or(tokens), self.answers.unwrap_or(answers).min(QUESTIONS.len()))
    }
}
