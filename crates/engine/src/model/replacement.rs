//! What replaces a dropped sublayer: a small map of its normed input.

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

/// Replacements of a decoder's dropped sublayers. Clones share them.
#[derive(Clone, Debug)]
pub struct Replacements<C: Compute>(Rc<BTreeMap<Sublayer, Replacement<C>>>);

impl<C: Compute> Default for Replacements<C> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<C: Compute> Replacements<C> {
    /// Replacements by sublayer.
    pub fn new(replacements: BTreeMap<Sublayer, Replacement<C>>) -> Self {
        Self(Rc::new(replacements))
    }

    /// What replaces a sublayer; `None` if nothing does.
    pub fn get(&self, at: Sublayer) -> Option<&Replacement<C>> {
        self.0.get(&at)
    }

    /// Whether no sublayer is replaced.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
