//! The pruning plan: describes everything that is removed or rounded.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::dropped::MAX_LAYER;
use super::part_error::PartError;
use super::{
    DroppedError, DroppedSublayers, HeadRepair, Pattern, Quantization, Repair, Repairs, Sparsity, SparsityMethod,
};
use crate::model::{Sublayer, SublayerKind};

/// The matrices that sparsity and quantization apply to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatrixGroup {
    /// Query, key, value, output.
    Attention,
    /// Gate (if the family has one), up, down.
    Mlp,
    /// All matrices.
    #[default]
    All,
}

impl MatrixGroup {
    /// All groups, each with its name in the link and for people.
    pub const ALL: [(Self, &'static str, &'static str); 3] =
        [(Self::All, "all", "attention and MLP"), (Self::Attention, "attn", "attention"), (Self::Mlp, "mlp", "MLP")];

    /// Whether it contains the matrices of a kind of sublayer.
    pub fn holds(self, kind: SublayerKind) -> bool {
        match self {
            Self::Attention => kind == SublayerKind::Attention,
            Self::Mlp => kind == SublayerKind::Mlp,
            Self::All => true,
        }
    }
}

impl fmt::Display for MatrixGroup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(Self::ALL.iter().find(|(group, ..)| group == self).map_or("all", |(_, key, _)| key))
    }
}

impl FromStr for MatrixGroup {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        let found = Self::ALL.into_iter().find(|(_, key, _)| *key == text).map(|(group, ..)| group);
        found.ok_or_else(|| PartError::new(text, "a group of matrices", "write attn, mlp or all"))
    }
}

/// A range of layers, both ends included; its text form is `4-20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerRange {
    /// The first layer.
    pub first: usize,
    /// The last layer, at least `first`.
    pub last: usize,
}

impl fmt::Display for LayerRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.first, self.last)
    }
}

impl FromStr for LayerRange {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        let wrong = || PartError::new(text, "a range of layers", "write the first and the last layer, such as 4-20");
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let layer = |text: &str| text.parse().ok().filter(|layer| *layer <= MAX_LAYER).ok_or_else(wrong);
        let (first, last) = (layer(first)?, layer(last)?);
        if first <= last { Ok(Self { first, last }) } else { Err(wrong()) }
    }
}

/// What is removed from a model or rounded (dropped sublayers, sparsity and quantization), and how it is repaired.
///
/// The text form joins its parts with `_`: `a7,a26_repair-scale_head-both_wanda-0.5_awq4-g64_on-mlp_layers-4-20`; the
/// empty plan is `dense`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PruningPlan {
    /// The dropped sublayers.
    pub drop: DroppedSublayers,
    /// What replaces each dropped sublayer; `None` is nothing.
    #[serde(with = "optional_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub repair: Option<Repair>,
    /// What is repaired at the head, whatever is pruned; `None` is nothing.
    #[serde(with = "optional_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub head: Option<HeadRepair>,
    /// How weights within matrices are removed, if at all.
    #[serde(with = "optional_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub sparse: Option<Sparsity>,
    /// How the remaining weights are rounded, if at all.
    #[serde(with = "optional_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub quant: Option<Quantization>,
    /// The matrices that sparsity and quantization apply to.
    #[serde(with = "text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub on: MatrixGroup,
    /// The layers that they apply to; `None` is all.
    #[serde(with = "optional_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub layers: Option<LayerRange>,
}

impl PruningPlan {
    /// The plan that drops these sublayers and nothing else.
    pub fn dropping(drop: DroppedSublayers) -> Self {
        Self { drop, ..Self::default() }
    }

    /// Whether nothing is removed or rounded.
    pub fn is_dense(&self) -> bool {
        self.drop.is_empty() && !self.edits_weights()
    }

    /// Whether a sublayer is dropped.
    pub fn drops(&self, sublayer: Sublayer) -> bool {
        self.drop.drops(sublayer)
    }

    /// Whether sparsity or quantization changes any weights.
    pub fn edits_weights(&self) -> bool {
        self.sparse.is_some_and(Sparsity::removes_any) || self.quant.is_some()
    }

    /// Whether all that is done to weights is to set some to 0.
    pub fn only_removes_weights(&self) -> bool {
        self.quant.is_none() && self.sparse.is_none_or(|sparse| sparse.method != SparsityMethod::SparseGpt)
    }

    /// Whether sparsity or quantization changes the weights of a sublayer.
    pub fn edits(&self, sublayer: Sublayer) -> bool {
        let inside = self.layers.is_none_or(|range| (range.first..=range.last).contains(&sublayer.layer));
        self.edits_weights() && inside && self.on.holds(sublayer.kind)
    }

    /// The plan without its dropped sublayers and its repairs; it determines the weights.
    pub fn weights_only(&self) -> Self {
        Self { drop: DroppedSublayers::default(), ..self.unrepaired() }
    }

    /// The plan without its repairs.
    pub fn unrepaired(&self) -> Self {
        Self { repair: None, head: None, ..self.clone() }
    }

    /// How it is repaired: dropped sublayers if it drops any, and the head if it prunes anything. `None` if neither.
    pub fn repairs(&self) -> Option<Repairs> {
        let sublayers = self.repair.filter(|_| !self.drop.is_empty());
        Repairs::new(sublayers, self.head.filter(|_| !self.is_dense()))
    }

    /// Index of the first of the sublayers of `layers` blocks at which this plan differs from the dense model, in the
    /// order of the forward pass. Before it, the residual stream equals the dense model's.
    pub fn first_change(&self, layers: usize) -> Option<usize> {
        (0..2 * layers).find(|index| {
            let sublayer = Sublayer::from_index(*index);
            self.drops(sublayer) || self.edits(sublayer)
        })
    }

    /// The plan restricted to a model with `layers` blocks, and a sentence for each part that was changed.
    pub fn within(&self, layers: usize) -> (Self, Vec<String>) {
        let mut plan = self.clone();
        let mut notices = vec![];
        let (inside, outside) = self.drop.within(layers);
        if !outside.is_empty() {
            notices.push(format!("This model has layers 0 to {}: {outside} is ignored.", layers - 1));
            plan.drop = inside;
        }
        if let Some(range) = self.layers.filter(|range| range.last >= layers) {
            notices.push(format!("This model has layers 0 to {}: the range {range} is cut there.", layers - 1));
            plan.layers = (range.first < layers).then(|| LayerRange { first: range.first, last: layers - 1 });
        }
        (plan, notices)
    }

    /// A short name, such as `Drop-2A`, `Wanda 50 %` or `AWQ 4-bit`.
    pub fn name(&self) -> String {
        let mut parts = vec![];
        for (kind, letter) in [(SublayerKind::Attention, 'A'), (SublayerKind::Mlp, 'M')] {
            let count = self.drop.count(kind);
            if count > 0 {
                parts.push(format!("Drop-{count}{letter}"));
            }
        }
        if let Some(repair) = self.repairs().and_then(|repairs| repairs.sublayers) {
            parts.push(format!("repair ({repair})"));
        }
        if let Some(sparse) = self.sparse {
            let pattern = match sparse.pattern {
                Pattern::Percent(percent) => format!("{percent} %"),
                Pattern::OutlierWeighed(percent) => format!("{percent} % OWL"),
                other => other.to_string(),
            };
            parts.push(format!("{} {pattern}", sparse.method.name()));
        }
        if let Some(quant) = self.quant {
            parts.push(format!("{} {}-bit", quant.method.key().to_uppercase(), quant.bits));
        }
        if let Some(head) = self.repairs().and_then(|repairs| repairs.head) {
            parts.push(format!("head ({head})"));
        }
        if parts.is_empty() { "Dense".into() } else { parts.join(" + ") }
    }
}

const REPAIR: &str = "repair-";
const HEAD: &str = "head-";
const ON: &str = "on-";
const LAYERS: &str = "layers-";
const DENSE: &str = "dense";

impl fmt::Display for PruningPlan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![];
        if !self.drop.is_empty() {
            parts.push(self.drop.to_string());
        }
        parts.extend(self.repair.map(|repair| format!("{REPAIR}{repair}")));
        parts.extend(self.head.map(|head| format!("{HEAD}{head}")));
        parts.extend(self.sparse.map(|sparse| sparse.to_string()));
        parts.extend(self.quant.map(|quant| quant.to_string()));
        if self.on != MatrixGroup::All {
            parts.push(format!("{ON}{}", self.on));
        }
        parts.extend(self.layers.map(|layers| format!("{LAYERS}{layers}")));
        out.write_str(if parts.is_empty() { DENSE.into() } else { parts.join("_") }.as_str())
    }
}

impl FromStr for PruningPlan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        for part in text.split('_').filter(|part| !part.is_empty() && *part != DENSE) {
            if let Some(repair) = part.strip_prefix(REPAIR) {
                plan.repair = Some(repair.parse()?);
            } else if let Some(head) = part.strip_prefix(HEAD) {
                plan.head = Some(head.parse()?);
            } else if let Some(on) = part.strip_prefix(ON) {
                plan.on = on.parse()?;
            } else if let Some(layers) = part.strip_prefix(LAYERS) {
                plan.layers = Some(layers.parse()?);
            } else if part.contains("-g") {
                plan.quant = Some(part.parse()?);
            } else if part.contains('-') {
                plan.sparse = Some(part.parse()?);
            } else {
                plan.drop = part.parse()?;
            }
        }
        Ok(plan)
    }
}

/// Why a plan's text form cannot be parsed.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PlanError {
    /// A part that should be a list of dropped sublayers.
    #[error(transparent)]
    Dropped(#[from] DroppedError),
    /// Any other part.
    #[error(transparent)]
    Part(#[from] PartError),
}

/// Serializes a value in its text form.
pub(crate) mod text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub(crate) fn deserialize<'de, T: std::str::FromStr<Err: std::fmt::Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Serializes an optional value in its text form; `None` is the empty text.
mod optional_text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: ToString, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.as_ref().map(T::to_string).unwrap_or_default())
    }

    pub(super) fn deserialize<'de, T: std::str::FromStr<Err: std::fmt::Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::prune::quantization::tests::any_quantization;
    use crate::prune::repair::tests::{any_head_repair, any_repair};
    use crate::prune::sparsity::tests::any_sparsity;
    use proptest::prelude::*;

    /// A strategy for arbitrary plans.
    pub(crate) fn any_plan() -> impl Strategy<Value = PruningPlan> {
        let range = (0usize..40, 0usize..40).prop_map(|(first, more)| LayerRange { first, last: first + more });
        (
            proptest::collection::btree_set(0usize..60, 0..20),
            proptest::option::of(any_repair()),
            proptest::option::of(any_head_repair()),
            proptest::option::of(any_sparsity()),
            proptest::option::of(any_quantization()),
            0usize..3,
            proptest::option::of(range),
        )
            .prop_map(|(drop, repair, head, sparse, quant, on, layers)| PruningPlan {
                drop: DroppedSublayers::of(drop.into_iter().map(Sublayer::from_index)),
                repair,
                head,
                sparse,
                quant,
                on: MatrixGroup::ALL[on].0,
                layers,
            })
    }

    #[test]
    fn plans_have_short_names() {
        let name = |text: &str| text.parse::<PruningPlan>().unwrap().name();
        assert_eq!(name(""), "Dense");
        assert_eq!(name("a7,a26,m3"), "Drop-2A + Drop-1M");
        assert_eq!(name("a7,a26_repair-scale"), "Drop-2A + repair (scale)");
        assert_eq!(name("repair-full"), "Dense", "nothing is dropped, so nothing is repaired");
        assert_eq!(name("head-both"), "Dense", "nothing is pruned, so nothing is repaired");
        assert_eq!(name("wanda-0.5"), "Wanda 50 %");
        assert_eq!(name("wanda-0.5-owl_gptq3-g64"), "Wanda 50 % OWL + GPTQ 3-bit");
        assert_eq!(name("wanda-0.5_repair-scale_head-bias"), "Wanda 50 % + head (bias)");
        assert_eq!(name("sparsegpt-2:4_on-mlp"), "SparseGPT 2:4");
        assert_eq!(name("awq4-g64_layers-4-20"), "AWQ 4-bit");
    }

    #[test]
    fn what_a_plan_touches() {
        let plan: PruningPlan = "a7_magnitude-0.3_on-mlp_layers-4-20".parse().unwrap();
        assert!(plan.edits(Sublayer::mlp(4)) && plan.edits(Sublayer::mlp(20)));
        assert!(!plan.edits(Sublayer::mlp(3)) && !plan.edits(Sublayer::attention(4)));
        assert_eq!(plan.first_change(30), Some(Sublayer::mlp(4).index()));
        assert_eq!("a2,m9".parse::<PruningPlan>().unwrap().first_change(30), Some(4));
        assert_eq!("wanda-0".parse::<PruningPlan>().unwrap().first_change(30), None);
        assert_eq!("wanda-0-owl".parse::<PruningPlan>().unwrap().first_change(30), None);
        let (cut, notices) = plan.within(6);
        assert_eq!((cut.to_string().as_str(), notices.len()), ("magnitude-0.3_on-mlp_layers-4-5", 2));
    }

    #[test]
    fn what_a_plan_repairs() {
        let plan = |text: &str| text.parse::<PruningPlan>().unwrap();
        let both = Repairs { sublayers: Some(Repair::Scale), head: Some(HeadRepair::Both) };
        assert_eq!(plan("a7_repair-scale_head-both").repairs(), Some(both));
        let head = Repairs { sublayers: None, head: Some(HeadRepair::Bias) };
        assert_eq!(plan("repair-scale_head-bias_rtn3-g64").repairs(), Some(head));
        assert_eq!(plan("repair-scale_head-bias").repairs(), None);
        let plan = plan("a7_repair-scale_head-both_wanda-0.5");
        assert_eq!(
            (plan.unrepaired().to_string(), plan.weights_only().to_string()),
            ("a7_wanda-0.5".into(), "wanda-0.5".into())
        );
    }

    #[test]
    fn parts_that_mean_nothing_say_how_they_are_written() {
        for text in [
            "wanda-0.95",
            "wanda-x",
            "gpt4-g64",
            "wanda-4:8-owl",
            "awq5-g64",
            "awq4-g63",
            "layers-9-4",
            "on-heads",
            "a7_q3",
            "repair-",
            "repair-x",
            "head-x",
        ] {
            let message = text.parse::<PruningPlan>().unwrap_err().to_string();
            assert!(message.contains("write"), "{message}");
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_is_the_identity(plan in any_plan()) {
            prop_assert_eq!(plan.to_string().parse::<PruningPlan>().unwrap(), plan.clone());
            let json = serde_json::to_string(&plan).unwrap();
            prop_assert_eq!(serde_json::from_str::<PruningPlan>(&json).unwrap(), plan);
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,60}") {
            let _ = text.parse::<PruningPlan>();
        }
    }
}
