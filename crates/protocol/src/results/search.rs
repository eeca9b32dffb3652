//! Searches for the sublayers whose drop changes the model least.

use serde::{Deserialize, Serialize};

use crate::prune::MatrixGroup;

/// How the sublayers to drop are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SearchMethod {
    /// The least important ones, ranked once: attention or MLP sublayers; of both, whole blocks (ShortGPT).
    OneShot,
    /// The least important ones of one list of attention and MLP sublayers, ranked once.
    Joint,
    /// The least important one, again and again: importance is measured anew after each drop.
    Iterative,
    /// One stretch of blocks: the one with the smallest angle between the residual stream before and behind it
    /// (arXiv 2403.17887).
    Contiguous,
    /// In each round the one whose drop leaves the smallest KL on the calibration text (after SLEB, arXiv 2402.09025,
    /// which drops blocks by perplexity).
    Greedy,
    /// The same with everything dropped so far repaired by scale, and the last choice made between a few repaired ones.
    GreedyRepaired,
}

impl SearchMethod {
    /// All methods, those that need no search first.
    pub const ALL: [Self; 6] =
        [Self::OneShot, Self::Joint, Self::Iterative, Self::Contiguous, Self::Greedy, Self::GreedyRepaired];

    /// Its name in a legend.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneShot => "one-shot importance",
            Self::Joint => "joint ranking",
            Self::Iterative => "iterative importance",
            Self::Contiguous => "contiguous stretch",
            Self::Greedy => "greedy by KL",
            Self::GreedyRepaired => "repaired greedy",
        }
    }

    /// How many sublayers each step drops in a search among these: two of a block, otherwise one. `None` if the method
    /// is not for them.
    pub fn step(self, among: MatrixGroup) -> Option<usize> {
        match (self, among) {
            (Self::OneShot | Self::Contiguous, MatrixGroup::All) => Some(2),
            (Self::Joint | Self::Contiguous, MatrixGroup::Attention | MatrixGroup::Mlp) => None,
            _ => Some(1),
        }
    }
}

/// A plan that a search has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchPoint {
    /// The search.
    pub method: SearchMethod,
    /// Number of dropped sublayers.
    pub dropped: usize,
    /// The plan in text form, without repair.
    pub plan: String,
    /// Mean KL(p ‖ p̃) of the pruned model on a text that neither search nor fit has seen, in nats.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl: f32,
    /// The same of the model repaired by scale.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub kl_repaired: f32,
}
