//! The traces that the page may show from, and what it says of the run that it shows.

use prunescope_protocol::settings::ModelChoice;
use prunescope_protocol::trace::Trace;

/// Where a trace comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TraceOrigin {
    /// The visitor or the link opened it.
    Opened,
    /// The site's example.
    Example,
    /// The plans around that of the example.
    Neighbours,
    /// The site's other runs of the story.
    Story,
}

/// A trace whose runs may be shown.
pub(super) struct ShownTrace {
    /// Where it comes from.
    pub origin: TraceOrigin,
    /// The trace.
    pub trace: Trace,
    /// As [`Recorded::opened`].
    pub opened: bool,
}

/// What is shown of a recorded run beside its results.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recorded {
    /// The model's name.
    pub model: String,
    /// The day, as YYYY-MM-DD.
    pub day: String,
    /// The version of the program that recorded it.
    pub program: String,
    /// The models as in a link.
    pub models: ModelChoice,
    /// Whether the visitor or the link opened it, so that no engine is loaded unless the visitor asks.
    pub opened: bool,
}
