//! Importance of sublayers: 1 − cosine between the residual stream before and after.
//!
//! Source: the paper's layer dropping (`importance = 1 − cos(x, x + f(x))` averaged over calibration tokens) and, for
//! blocks, ShortGPT's block influence.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::dropped::DroppedSublayers;
use crate::model::{Sublayer, SublayerKind};

/// The text on which importance is measured: plain English on several subjects, written for this project.
pub const IMPORTANCE_TEXT: &str = "The river rises in the hills north of the town and runs for ninety miles before it meets the sea. \
In spring, when the snow melts, it floods the low fields, and farmers move their animals to higher ground. \
A cell divides by copying its chromosomes and pulling the two copies apart. \
To make the bread, mix flour, water, salt and yeast, knead the dough for ten minutes, and let it rest until it doubles in size. \
\"I did not expect you so early,\" said Anna, and she put the letter back into the drawer. \
def area(width, height): return width * height";

/// The built-in calibration text, on whose activations weights are chosen: some 2,000 tokens of prose, dialogue,
/// instructions, numbers and code, written for this project.
pub const DEFAULT_CALIBRATION_TEXT: &str = include_str!("../../../../public/sets/calibration.txt");

/// What the importance of a sublayer f with norm N compares (the flag `drop_norm` of the paper's programs). Whole blocks
/// are always compared by the residual stream.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ImportanceInput {
    /// Before the norm: the residual stream x with x + f(N(x)).
    #[default]
    Residual,
    /// After the norm: N(x) with f(N(x)).
    Normed,
}

/// Importance of one sublayer or block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SublayerImportance {
    /// 1 − cos of what [`ImportanceInput`] says, averaged over calibration tokens; 0 means no change of direction.
    #[serde(with = "crate::results::number")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::results::number::Number"))]
    pub importance: f32,
    /// Its rank among its kind; 0 is the least important, dropped first.
    pub rank: usize,
}

/// Importance of every attention sublayer, MLP sublayer and block of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Importance {
    /// What was compared.
    #[serde(default)]
    pub input: ImportanceInput,
    /// By layer.
    pub attention: Vec<SublayerImportance>,
    /// By layer.
    pub mlp: Vec<SublayerImportance>,
    /// By layer (ShortGPT's block influence).
    pub block: Vec<SublayerImportance>,
    /// Number of calibration tokens.
    pub tokens: usize,
}

/// The kind of parts that "drop the n least important" drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DropKind {
    /// Attention sublayers (the paper's Drop-nA).
    Attention,
    /// MLP sublayers (Drop-nM).
    Mlp,
    /// Whole blocks (ShortGPT).
    Block,
}

impl DropKind {
    /// Whether dropping parts of this kind may drop a sublayer.
    pub fn touches(self, sublayer: Sublayer) -> bool {
        match self {
            Self::Attention => sublayer.kind == SublayerKind::Attention,
            Self::Mlp => sublayer.kind == SublayerKind::Mlp,
            Self::Block => true,
        }
    }

    /// The sublayers of one block that are dropped with this kind.
    pub fn sublayers(self, layer: usize) -> impl Iterator<Item = Sublayer> {
        let both = [Sublayer::attention(layer), Sublayer::mlp(layer)];
        both.into_iter().filter(move |sublayer| self.touches(*sublayer))
    }
}

/// Ranks values from the lowest; equal values keep their order.
fn ranked(values: &[f32]) -> Vec<SublayerImportance> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut out: Vec<_> =
        values.iter().map(|importance| SublayerImportance { importance: *importance, rank: 0 }).collect();
    for (rank, layer) in order.into_iter().enumerate() {
        out[layer].rank = rank;
    }
    out
}

impl Importance {
    /// From the measured values by layer, over a number of tokens.
    pub fn new(input: ImportanceInput, attention: &[f32], mlp: &[f32], block: &[f32], tokens: usize) -> Self {
        Self { input, attention: ranked(attention), mlp: ranked(mlp), block: ranked(block), tokens }
    }

    /// Importance of one kind, by layer.
    pub fn of(&self, kind: DropKind) -> &[SublayerImportance] {
        match kind {
            DropKind::Attention => &self.attention,
            DropKind::Mlp => &self.mlp,
            DropKind::Block => &self.block,
        }
    }

    /// `dropped` with its sublayers of this kind replaced by the `count` least important ones.
    pub fn drop_least(&self, dropped: &DroppedSublayers, kind: DropKind, count: usize) -> DroppedSublayers {
        let mut out = DroppedSublayers::of(dropped.dropped().filter(|sublayer| !kind.touches(*sublayer)));
        for (layer, _) in self.of(kind).iter().enumerate().filter(|(_, of)| of.rank < count) {
            for sublayer in kind.sublayers(layer) {
                out.set(sublayer, true);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_important_go_first_and_other_kinds_stay() {
        let importance =
            Importance::new(ImportanceInput::Residual, &[0.3, 0.1, 0.2], &[0.1, 0.2, 0.3], &[0.5, 0.4, 0.6], 10);
        let plan: DroppedSublayers = "m2,a0".parse().unwrap();
        assert_eq!(importance.drop_least(&plan, DropKind::Attention, 2).to_string(), "a1,b2");
        assert_eq!(importance.drop_least(&plan, DropKind::Mlp, 1).to_string(), "b0");
        assert_eq!(importance.drop_least(&plan, DropKind::Block, 1).to_string(), "b1");
        assert_eq!(importance.drop_least(&plan, DropKind::Attention, 0).to_string(), "m2");
    }
}
