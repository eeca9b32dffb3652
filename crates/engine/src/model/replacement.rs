//! What repairs a pruned decoder: a small map of the normed input in place of each dropped sublayer, and a map at the head.

use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::Tensor;
use prunescope_protocol::model::Sublayer;

use crate::compute::{Compute, Linear};

/// The map g of one dropped sublayer: y ← y + g(u), where u is the sublayer's normed input.
#[derive(Clone, Debug)]
pub enum Replacement<C: Compute> {
    /// g(u) = b, `[1, hidden]`.
    Bias(Box<Tensor<2>>),
    /// g(u) = a ⊙ u + b.
    Scale(Box<Scale>),
    /// g(u) = A u + b, with A and b in one layer.
    Full(Box<Linear<C>>),
    /// g(u) = A₂ A₁ u + b.
    LowRank {
        /// A₁, `[rank, hidden]`.
        down: Box<Linear<C>>,
        /// A₂ and b, `[hidden, rank]`.
        up: Box<Linear<C>>,
    },
}

/// A factor and an offset per channel.
#[derive(Clone, Debug)]
pub struct Scale {
    /// a, `[1, hidden]`.
    pub factor: Tensor<2>,
    /// b, `[1, hidden]`.
    pub bias: Tensor<2>,
}

impl<C: Compute> Replacement<C> {
    /// y + g(u), `[rows, hidden]`.
    ///
    /// * `u`: the sublayer's normed input, `[rows, hidden]`.
    /// * `y`: the residual stream before the sublayer, `[rows, hidden]`.
    pub fn forward(&self, u: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Bias(bias) => y.add((**bias).clone()),
            Self::Scale(map) => y.add(u.mul(map.factor.clone())).add(map.bias.clone()),
            Self::Full(map) => C::linear_residual(map, u, y),
            Self::LowRank { down, up } => C::linear_residual(up, down.forward(u), y),
        }
    }
}

/// What repairs a decoder's head: h ← h + b, and z = W h / τ. It applies to whatever was pruned before.
#[derive(Clone, Debug)]
pub struct HeadMap {
    /// b, `[1, hidden]`; `None` is 0.
    pub bias: Option<Tensor<2>>,
    /// τ.
    pub temperature: f32,
}

impl Default for HeadMap {
    /// The map that changes nothing.
    fn default() -> Self {
        Self { bias: None, temperature: 1.0 }
    }
}

impl HeadMap {
    /// h + b, `[rows, hidden]`.
    pub fn hidden(&self, h: Tensor<2>) -> Tensor<2> {
        match &self.bias {
            Some(bias) => h.add(bias.clone()),
            None => h,
        }
    }

    /// z / τ, `[rows, vocabulary]`.
    pub fn logits(&self, z: Tensor<2>) -> Tensor<2> {
        if self.temperature == 1.0 { z } else { z.mul_scalar(1.0 / self.temperature) }
    }
}

/// Replacements of a decoder's dropped sublayers, and the map of its head. Clones share them.
#[derive(Clone, Debug)]
pub struct Replacements<C: Compute> {
    sublayers: Rc<BTreeMap<Sublayer, Replacement<C>>>,
    head: HeadMap,
}

impl<C: Compute> Default for Replacements<C> {
    fn default() -> Self {
        Self { sublayers: Rc::default(), head: HeadMap::default() }
    }
}

impl<C: Compute> Replacements<C> {
    /// Replacements by sublayer.
    pub fn new(replacements: BTreeMap<Sublayer, Replacement<C>>) -> Self {
        Self { sublayers: Rc::new(replacements), head: HeadMap::default() }
    }

    /// The same replacements with a map of the head.
    pub fn with_head(self, head: HeadMap) -> Self {
        Self { head, ..self }
    }

    /// What replaces a sublayer; `None` if nothing does.
    pub fn get(&self, at: Sublayer) -> Option<&Replacement<C>> {
        self.sublayers.get(&at)
    }

    /// The map of the head.
    pub fn head(&self) -> &HeadMap {
        &self.head
    }
}
