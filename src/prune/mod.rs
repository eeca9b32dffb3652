//! What is removed from a model, and which parts matter least.

pub mod importance;
pub mod plan;

pub use importance::{DropKind, Importance, SublayerImportance};
pub use plan::{PlanError, PruningPlan};
