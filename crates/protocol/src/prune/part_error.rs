//! A part of a plan that means nothing.

use thiserror::Error;

/// A part of a written plan that means nothing.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("`{part}` is not {kind}: {how}")]
pub struct PartError {
    /// The part as it was written, cut short.
    pub part: String,
    /// What it should have been.
    kind: &'static str,
    /// How it is written.
    how: &'static str,
}

impl PartError {
    pub(super) fn new(part: &str, kind: &'static str, how: &'static str) -> Self {
        Self { part: part.chars().take(40).collect(), kind, how }
    }
}
