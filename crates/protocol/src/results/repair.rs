//! What the repair of a pruned model needed and gained.

use serde::{Deserialize, Serialize};

use super::generation::ComparedPosition;
use super::report::Generation;

/// A repair and its effect on the part of the calibration text that was kept out of the fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RepairReport {
    /// The form of the maps, in text form: `bias`, `scale`, `rank32`, `full`.
    pub repair: String,
    /// Tokens that the maps were fitted on, those of the dense model's own answers included.
    pub fit_tokens: usize,
    /// Number of the dense model's own answers among them.
    #[serde(default)]
    pub fit_answers: usize,
    /// Tokens that were kept out.
    pub held_out_tokens: usize,
    /// Numbers that are kept in place of all dropped sublayers; 0 if the repair is not applied.
    pub numbers: usize,
    /// Mean KL(p ‖ p̃) of the pruned model on the tokens kept out, in nats.
    #[serde(with = "super::number")]
    pub kl_pruned: f32,
    /// The same of the repaired model.
    #[serde(with = "super::number")]
    pub kl_repaired: f32,
    /// Whether the repair is applied: only if it lowers that KL.
    pub applied: bool,
}

/// The full map in place of a smaller repair: what each leaves of the divergence on tokens that neither fit has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FullRepair {
    /// Number of those tokens.
    pub tokens: usize,
    /// Mean KL(p ‖ p̃) with the plan's repair, in nats.
    #[serde(with = "super::number")]
    pub kl_present: f32,
    /// The same with the full map.
    #[serde(with = "super::number")]
    pub kl_full: f32,
}

impl FullRepair {
    /// Whether the full map is better.
    pub fn is_better(&self) -> bool {
        self.kl_full < self.kl_present
    }
}

impl RepairReport {
    /// Memory of the maps in half precision.
    pub fn bytes(&self) -> u64 {
        2 * self.numbers as u64
    }
}

/// The repaired model beside the dense one, at a prompt. In `next_token` and `generation`, "pruned" is the repaired
/// model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RepairedResult {
    /// The repair.
    #[serde(flatten)]
    pub report: RepairReport,
    /// The first position after the prompt.
    pub next_token: ComparedPosition,
    /// Its text, step by step.
    pub generation: Generation,
}
