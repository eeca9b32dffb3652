//! What is removed from a model or rounded, and how that is chosen.
//!
//! [`plan`] describes; [`mask`], [`sparsegpt`] and [`quantize`] compute on plain numbers, one matrix at a time.

pub mod dropped;
pub mod footprint;
pub mod importance;
pub mod mask;
pub mod plan;
pub mod quantization;
pub mod quantize;
pub mod sparsegpt;
pub mod sparsity;

pub use dropped::{DroppedError, DroppedSublayers};
pub use footprint::Footprint;
pub use importance::{DropKind, Importance, SublayerImportance};
pub use plan::{LayerRange, MatrixGroup, PartError, PlanError, PruningPlan};
pub use quantization::{Quantization, QuantizationMethod};
pub use sparsity::{Pattern, Sparsity, SparsityMethod};
