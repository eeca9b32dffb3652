//! Task sets, built in or a visitor's own: multiple-choice questions, retrieval passages and queries, prompts with
//! exact answers.
//!
//! A set is a file of JSON lines; lines that cannot be used are skipped and reported by number.

pub mod choice;
pub mod generative;
pub mod retrieval;
pub mod texts;

pub use choice::Question;
pub use generative::{GenerativeSet, GenerativeTask};
pub use retrieval::RetrievalSet;
pub use texts::KindText;

use serde::de::DeserializeOwned;
use thiserror::Error;

/// Longest line that is read, in bytes.
const MAX_LINE: usize = 100_000;
/// Most lines that are read.
pub const MAX_LINES: usize = 2_000;

/// A line that was skipped.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("line {line} is skipped: {why}")]
pub struct LineError {
    /// Its number, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Parses JSON lines; returns each item with its line number. Skips empty lines and a byte order mark.
pub fn read_lines<L: DeserializeOwned, T>(
    text: &str,
    convert: impl Fn(L) -> Result<T, String>,
) -> (Vec<(usize, T)>, Vec<LineError>) {
    let (mut items, mut errors) = (vec![], vec![]);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let read = if at >= MAX_LINES {
            errors.push(LineError { line: at + 1, why: format!("only {MAX_LINES} lines are read") });
            break;
        } else if line.len() > MAX_LINE {
            Err(format!("it is longer than {MAX_LINE} bytes"))
        } else {
            serde_json::from_str::<L>(line).map_err(|error| format!("it is not such JSON ({error})")).and_then(&convert)
        };
        match read {
            Ok(item) => items.push((at + 1, item)),
            Err(why) => errors.push(LineError { line: at + 1, why }),
        }
    }
    (items, errors)
}

/// `count` indices spread evenly over `0..all`, so that a sample covers every topic; 0, or at least `all`, gives all.
pub fn sample(all: usize, count: usize) -> Vec<usize> {
    if count == 0 || count >= all { (0..all).collect() } else { (0..count).map(|i| i * all / count).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread() {
        assert_eq!(sample(6, 3), [0, 2, 4]);
        assert_eq!(sample(3, 0), [0, 1, 2]);
        assert_eq!(sample(3, 9), [0, 1, 2]);
    }

    #[test]
    fn too_many_lines_are_cut_with_a_word() {
        let text = "1\n".repeat(MAX_LINES + 5);
        let (items, errors) = read_lines(&text, |n: u32| Ok(n));
        assert_eq!((items.len(), errors.len()), (MAX_LINES, 1));
    }
}
