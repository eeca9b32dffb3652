//! Metrics that compare a dense with a pruned model, position by position.
//!
//! A row is one position. h `[rows, hidden]` is the hidden state after the final norm, z `[rows, vocabulary]` the
//! logits, p = softmax(z / T). A tilde marks the pruned model: h̃ = h + Δh, z̃ = z + Δz, p̃.

pub mod comparison;
#[cfg(test)]
mod definitions;
pub mod host;
pub mod ranking;
pub mod similarity;
pub mod subspace;
pub mod text_distance;

pub use comparison::{Comparison, ModelOutputs, TopToken, read_all};
