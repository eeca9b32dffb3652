//! Numbers that compare a dense with a pruned model, computed on the device, row by row.
//!
//! A row is one position: h `[rows, hidden]` after the final norm, z `[rows, vocabulary]`, p = softmax(z / T).
//! The dense model's are h, z, p; the pruned model's h̃ = h + Δh, z̃ = z + Δz, p̃. Every function returns `[rows, 1]`.

pub mod comparison;
pub mod divergence;
pub mod estimate;
pub mod host;
pub mod ranking;
pub mod similarity;
pub mod subspace;

pub use comparison::{Comparison, Spaces, TopToken, compare, read_all};
