//! The feed-forward network: gated, as SwiGLU (Shazeer, 2020), or one matrix up and one down.

use burn::tensor::Tensor;
use prunescope_protocol::model::family::Activation;

use super::linear::Linear;
use super::norm::Norm;
use crate::compute::Compute;

/// An MLP sublayer; matrices are `[out, in]`.
#[derive(Clone, Debug)]
pub struct Mlp<C: Compute> {
    /// Norm before the projections.
    pub norm: Norm<C>,
    /// `[feed_forward, hidden]`, where the family has it.
    pub gate: Option<Linear<C>>,
    /// `[feed_forward, hidden]`.
    pub up: Linear<C>,
    /// `[hidden, feed_forward]`.
    pub down: Linear<C>,
    /// σ.
    pub activation: Activation,
    /// Norm of the output, where the family has it.
    pub post_norm: Option<Norm<C>>,
}

impl<C: Compute> Mlp<C> {
    /// residual + f(x), `[rows, hidden]`, with f(x) = W_down (σ(W_gate x̂) ∘ W_up x̂), or W_down σ(W_up x̂), and x̂ the
    /// normed `x`.
    pub fn forward(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        self.down_proj(self.intermediate(self.norm.forward(x)), residual)
    }

    /// The intermediate layer, `[rows, feed_forward]`, for the normed x̂.
    pub fn intermediate(&self, x: Tensor<2>) -> Tensor<2> {
        C::mlp_intermediate(self, x)
    }

    /// residual + W_down of the intermediate layer, normed where there is a norm after it, `[rows, hidden]`.
    pub fn down_proj(&self, intermediate: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        self.down.forward_residual(intermediate, residual, self.post_norm.as_ref())
    }
}
