//! What the engine finds, as plain numbers and texts: all that the page sees, and the documented JSON.

pub mod generation;
pub mod metrics;
pub mod report;

pub use generation::{ComparedPosition, GenerationStep, TokenText, TopTokenText, TopTokens, written_ids};
pub use metrics::Metrics;
pub use report::{Generation, LayerTransition, ModelInfo, Report, Written, first_divergence};
