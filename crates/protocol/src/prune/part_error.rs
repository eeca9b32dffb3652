//! The error for a part of a plan that cannot be parsed.

use thiserror::Error;

/// A part of a plan's text form that cannot be parsed.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("`{part}` is not {kind}: {how}")]
pub struct PartError {
    /// The part, cut to 40 characters.
    pub part: String,
    /// The kind of part that was expected.
    kind: &'static str,
    /// How it should be written.
    how: &'static str,
}

impl PartError {
    pub(super) fn new(part: &str, kind: &'static str, how: &'static str) -> Self {
        Self { part: part.chars().take(40).collect(), kind, how }
    }
}
