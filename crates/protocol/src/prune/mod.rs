//! The pruning plan as data: what is removed from a model or rounded.

pub mod dropped;
pub mod footprint;
pub mod importance;
mod part_error;
pub mod plan;
pub mod quantization;
pub mod repair;
pub mod sparsity;

pub use dropped::{DroppedError, DroppedSublayers};
pub use footprint::{FileFootprint, Footprint, StoredBytes};
pub use importance::{DropKind, Importance, SublayerImportance};
pub use part_error::PartError;
pub use plan::{LayerRange, MatrixGroup, PlanError, PruningPlan};
pub use quantization::{Quantization, QuantizationMethod};
pub use repair::Repair;
pub use sparsity::{Pattern, Sparsity, SparsityMethod};
