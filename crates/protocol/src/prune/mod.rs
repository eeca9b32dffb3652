//! What is removed from a model or rounded: a plan, as data.

pub mod dropped;
pub mod footprint;
pub mod importance;
pub mod plan;
pub mod quantization;
pub mod sparsity;

pub use dropped::{DroppedError, DroppedSublayers};
pub use footprint::Footprint;
pub use importance::{DropKind, Importance, SublayerImportance};
pub use plan::{LayerRange, MatrixGroup, PartError, PlanError, PruningPlan};
pub use quantization::{Quantization, QuantizationMethod};
pub use sparsity::{Pattern, Sparsity, SparsityMethod};
