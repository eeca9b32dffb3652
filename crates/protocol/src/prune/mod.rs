//! The pruning plan as data: what is removed from a model or rounded.

pub mod dropped;
pub mod footprint;
pub mod importance;
pub mod own_answers;
mod part_error;
pub mod plan;
pub mod plan_file;
pub mod quantization;
pub mod recipe;
pub mod repair;
pub mod sparsity;

pub use dropped::{DroppedError, DroppedSublayers};
pub use footprint::{FileFootprint, Footprint, StoredBytes};
pub use importance::{DropKind, Importance, ImportanceInput, SublayerImportance};
pub use own_answers::OwnAnswer;
pub use part_error::PartError;
pub use plan::{LayerRange, MatrixGroup, PlanError, PruningPlan};
pub use plan_file::{PlanFile, PlanFileError};
pub use quantization::{Quantization, QuantizationMethod};
pub use repair::{HeadPart, HeadRepair, Repair, Repairs};
pub use sparsity::{Pattern, Sparsity, SparsityMethod};
