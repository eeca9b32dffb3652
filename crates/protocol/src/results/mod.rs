//! The engine's results as plain numbers and texts: everything that the page shows, and the documented JSON.

pub mod advice;
pub mod device_check;
pub mod fidelity;
pub mod generation;
pub mod judgement;
pub mod metrics;
pub mod not_finite;
pub mod number;
pub mod quality;
pub mod repair;
pub mod report;
pub mod search;
pub mod speed;
pub mod sweep;
pub mod tasks;
pub mod text_fidelity;
pub mod theorems;
pub mod weights;

pub use advice::{Advice, PairedScores, Purpose, Verdict};
pub use device_check::DeviceCheck;
pub use fidelity::{Fidelity, FidelityReport};
pub use generation::{ComparedPosition, GenerationStep, TokenText, TopTokenText, TopTokens, written_ids};
pub use judgement::Judgement;
pub use metrics::Metrics;
pub use not_finite::{ComparedModel, NotFinite, Place};
pub use quality::TextQuality;
pub use repair::{FullRepair, HeadStep, RepairReport, RepairedResult};
pub use report::{
    Generation, LayerTransition, ModelInfo, OtherModel, Quality, Report, RunReport, SwitchEffect, VariantResult,
    Written, first_divergence,
};
pub use search::{SearchMethod, SearchPoint};
pub use speed::{ModelSpeed, SpeedReport};
pub use sweep::{Proportion, SweepLine, SweepPoint};
pub use tasks::{ChoiceAnswer, ChoiceResult, Flips, GenerativeResult, RetrievalReport, SubspaceMetrics};
pub use text_fidelity::{Estimate, KindFidelity, TextDistance, TextFidelity};
pub use theorems::TokenWeight;
pub use weights::{MaskPicture, MatrixReport, WeightReport};
