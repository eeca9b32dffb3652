//! A decoder under a plan: edited weights, dropped sublayers, and what replaces them.

use std::sync::Arc;

use burn::tensor::Tensor;

use super::fit_size::FitSize;
use crate::compute::Compute;
use crate::model::Decoder;
use crate::model::replacement::{HeadMap, Replacements};
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::{Footprint, PruningPlan};
use prunescope_protocol::results::{RepairReport, WeightReport};

/// Identifies a model variant: everything that its numbers depend on. Used as a cache key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VariantKey {
    /// Whether it is made from the second model.
    pub other: bool,
    /// The plan.
    pub plan: PruningPlan,
    /// The calibration text; `None` for the built-in one, or if the plan neither edits weights nor repairs.
    pub calibration: Option<Arc<str>>,
    /// How much a repair is fitted on.
    pub fit_size: FitSize,
}

impl VariantKey {
    /// The dense model itself.
    pub fn dense() -> Self {
        Self::default()
    }

    /// Whether it is the dense model itself.
    pub fn is_dense(&self) -> bool {
        !self.other && self.plan.is_dense()
    }

    /// The key without dropped sublayers and repairs: variants that agree in it share their weights.
    pub fn weights_only(&self) -> Self {
        Self { plan: self.plan.weights_only(), fit_size: FitSize::default(), ..self.clone() }
    }
}

/// A decoder pruned by a plan. Matrices that the plan does not edit are shared with the original decoder.
#[derive(Clone, Debug)]
pub struct PrunedDecoder<C: Compute> {
    /// The variant. One made from the second model shares nothing with the dense model.
    pub key: VariantKey,
    /// The decoder with edited weights. It still contains the dropped sublayers, which forward passes skip.
    pub decoder: Decoder<C>,
    /// What replaces dropped sublayers. Its map of the head is in the decoder, too.
    pub replacements: Replacements<C>,
    /// Sparsity and change of each edited matrix, and the memory footprint.
    pub report: WeightReport,
}

impl<C: Compute> PrunedDecoder<C> {
    /// A decoder under a plan, with the original weights; edits of the plan are not applied yet.
    pub fn unedited(decoder: &Decoder<C>, key: VariantKey) -> Self {
        let footprint = Footprint::of(&key.plan, &decoder.config);
        let report = WeightReport { footprint, ..WeightReport::default() };
        Self { key, decoder: decoder.clone(), replacements: Replacements::default(), report }
    }

    /// The dense decoder itself.
    pub fn dense(decoder: &Decoder<C>) -> Self {
        Self::dropping(decoder, &PruningPlan::default())
    }

    /// A decoder under a plan that only drops sublayers.
    pub fn dropping(decoder: &Decoder<C>, plan: &PruningPlan) -> Self {
        Self::unedited(decoder, VariantKey { plan: plan.clone(), ..VariantKey::default() })
    }

    /// The same weights under a variant that differs only in the sublayers it drops; nothing is repaired.
    pub fn with_key(&self, key: VariantKey) -> Self {
        let mut out = self.clone();
        out.report.footprint = Footprint::of(&key.plan, &self.decoder.config);
        out.replacements = Replacements::default();
        out.decoder.head_map = HeadMap::default();
        out.report.repair = None;
        out.key = key;
        out
    }

    /// The same model with replacements of its dropped sublayers and a map of its head, and what is known of them.
    pub fn with_replacements(&self, replacements: Replacements<C>, repair: RepairReport) -> Self {
        let mut out = self.clone();
        out.decoder.head_map = replacements.head().clone();
        out.replacements = replacements;
        out.report.footprint.plan_bytes += repair.bytes();
        out.report.repair = Some(repair);
        out
    }

    /// The residual stream after a dropped sublayer, `[rows, hidden]`: unchanged, or what its replacement makes of it.
    ///
    /// * `x`: the residual stream at [`Decoder::residual_input`], `[rows, hidden]`.
    /// * `residual`: the residual stream just before the sublayer, `[rows, hidden]`.
    pub fn in_place_of(&self, at: Sublayer, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        match self.replacements.get(at) {
            Some(replacement) => replacement.forward(self.decoder.normed_input(at, x), residual),
            None => residual,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &PruningPlan {
        &self.key.plan
    }

    /// Whether the weights of a sublayer differ from the dense decoder's.
    pub fn edits(&self, at: Sublayer) -> bool {
        self.key.other || self.key.plan.edits(at)
    }

    /// Whether the weights of any sublayer differ from the dense decoder's.
    pub fn edits_weights(&self) -> bool {
        self.key.other || self.key.plan.edits_weights()
    }

    /// The residual stream before sublayer [`first_change`](Self::first_change) of tokens that the dense decoder has
    /// processed: the dense decoder's, or this decoder's embedding if it is the second model (whose first change is 0).
    ///
    /// * `ids`: the tokens.
    /// * `start`: number of tokens before these.
    /// * `dense`: gives the dense decoder's stream there, `[tokens, hidden]`.
    pub fn begin(&self, ids: &[u32], start: usize, dense: impl FnOnce() -> Tensor<2>) -> Tensor<2> {
        if self.key.other { self.decoder.embed(ids, start) } else { dense() }
    }

    /// The sublayer from which on outputs differ from the dense decoder's: the first changed one, or with parallel
    /// sublayers the first of its block. `None` if nothing is changed.
    pub fn first_change(&self) -> Option<usize> {
        if self.key.other {
            return Some(0);
        }
        let first = self.key.plan.first_change(self.decoder.config.layers)?;
        Some(self.decoder.residual_input(Sublayer::from_index(first)))
    }
}
