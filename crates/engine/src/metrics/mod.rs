//! Numbers that compare a dense with a pruned model, position by position.
//!
//! A row is one position: h `[rows, hidden]` after the final norm, z `[rows, vocabulary]`, p = softmax(z / T).
//! The dense model's are h, z, p; the pruned model's h̃ = h + Δh, z̃ = z + Δz, p̃.

pub mod comparison;
#[cfg(test)]
mod definitions;
pub mod host;
pub mod ranking;
pub mod similarity;
pub mod subspace;

pub use comparison::{Comparison, ModelOutputs, TopToken, read_all};
