//! What the repair of a pruned model needed and gained.

use serde::{Deserialize, Serialize};

use super::generation::ComparedPosition;
use super::report::Generation;
use crate::prune::HeadPart;

/// A repair and its effect on the part of the calibration text that was kept out of the fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepairReport {
    /// The form of the maps, in text form: `bias`, `scale`, `rank32`, `full`; empty if only the head is repaired.
    pub repair: String,
    /// Tokens that the maps were fitted on, those of the dense model's own answers included.
    pub fit_tokens: usize,
    /// Number of the dense model's own answers among them.
    #[serde(default)]
    pub fit_answers: usize,
    /// Tokens that were kept out.
    pub held_out_tokens: usize,
    /// Numbers that are kept in place of all dropped sublayers; 0 if the maps are not applied.
    pub numbers: usize,
    /// Mean KL(p ‖ p̃) of the pruned model on the tokens kept out, in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_pruned: f32,
    /// The same with the maps; of the pruned model if there are none.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_repaired: f32,
    /// Whether the maps are applied: only if they lower that KL.
    pub applied: bool,
    /// What was fitted at the head, in order; each part on top of the maps and the parts before it that are applied.
    #[serde(default)]
    pub head: Vec<HeadStep>,
}

/// One part of the head's repair, and its effect on the tokens that were kept out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeadStep {
    /// The part.
    pub part: HeadPart,
    /// The temperature τ of the logits, or the length of the offset of h in lengths of the pruned model's mean h.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub value: f32,
    /// Numbers that are kept for it; 0 if it is not applied.
    pub numbers: usize,
    /// Mean KL(p ‖ p̃) on the tokens kept out, without it.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_before: f32,
    /// The same with it.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_after: f32,
    /// Whether it is applied: only if it lowers that KL.
    pub applied: bool,
}

/// The full map in place of a smaller repair: what each leaves of the divergence on tokens that neither fit has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FullRepair {
    /// Number of those tokens.
    pub tokens: usize,
    /// Mean KL(p ‖ p̃) with the plan's repair, in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_present: f32,
    /// The same with the full map.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_full: f32,
}

impl FullRepair {
    /// Whether the full map is better.
    pub fn is_better(&self) -> bool {
        self.kl_full < self.kl_present
    }
}

impl RepairReport {
    /// Memory of everything that is applied, in half precision.
    pub fn bytes(&self) -> u64 {
        2 * (self.numbers + self.head.iter().map(|step| step.numbers).sum::<usize>()) as u64
    }

    /// Whether anything is applied.
    pub fn changes_the_model(&self) -> bool {
        self.applied || self.head.iter().any(|step| step.applied)
    }

    /// Mean KL(p ‖ p̃) with everything that is applied, on the tokens kept out.
    pub fn kl(&self) -> f32 {
        let of_maps = if self.applied { self.kl_repaired } else { self.kl_pruned };
        self.head.iter().rfind(|step| step.applied).map_or(of_maps, |step| step.kl_after)
    }
}

/// The repaired model beside the dense one, at a prompt. In `next_token` and `generation`, "pruned" is the repaired
/// model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepairedResult {
    /// The repair.
    #[serde(flatten)]
    pub report: RepairReport,
    /// The first position after the prompt.
    pub next_token: ComparedPosition,
    /// Its text, step by step.
    pub generation: Generation,
}
