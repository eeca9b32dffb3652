//! The gated feed-forward network, SwiGLU (Shazeer, 2020).

use burn::tensor::{Tensor, activation::silu};

use super::norm::RmsNorm;

/// An MLP sublayer; matrices are `[out, in]` as the file stores them.
#[derive(Clone, Debug)]
pub struct Mlp {
    /// Norm before the projections.
    pub norm: RmsNorm,
    /// `[feed_forward, hidden]`.
    pub gate: Tensor<2>,
    /// `[feed_forward, hidden]`.
    pub up: Tensor<2>,
    /// `[hidden, feed_forward]`.
    pub down: Tensor<2>,
}

impl Mlp {
    /// f(x) = W_down (silu(W_gate x̂) ∘ W_up x̂) with x̂ the normed `x`, `[tokens, hidden]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.project(self.inner(self.norm.forward(x)))
    }

    /// The inner layer silu(W_gate x̂) ∘ W_up x̂, `[tokens, feed_forward]`, for the normed x̂.
    pub fn inner(&self, x: Tensor<2>) -> Tensor<2> {
        let gate = silu(x.clone().matmul(self.gate.clone().transpose()));
        gate.mul(x.matmul(self.up.clone().transpose()))
    }

    /// W_down of the inner layer, `[tokens, hidden]`.
    pub fn project(&self, inner: Tensor<2>) -> Tensor<2> {
        inner.matmul(self.down.clone().transpose())
    }
}
