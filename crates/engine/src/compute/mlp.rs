//! The MLP: gated, as SwiGLU (Shazeer, 2020), or one up and one down projection.

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
    /// `[feed_forward, hidden]`; `None` for an ungated MLP.
    pub gate: Option<Linear<C>>,
    /// `[feed_forward, hidden]`.
    pub up: Linear<C>,
    /// `[hidden, feed_forward]`.
    pub down: Linear<C>,
    /// Activation function σ.
    pub activation: Activation,
    /// Norm of the output before the residual addition; `None` if the family has none.
    pub post_norm: Option<Norm<C>>,
}

impl<C: Compute> Mlp<C> {
    /// residual + f(x), `[rows, hidden]`, where f(x) = W_down (σ(W_gate x̂) ∘ W_up x̂), or W_down σ(W_up x̂) without a
    /// gate, and x̂ is the normed `x`. A post-norm, if any, is applied to f(x).
    pub fn forward(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        self.down_proj(self.intermediate(self.norm.forward(x)), residual)
    }

    /// The intermediate activations, `[rows, feed_forward]`, for the normed input `[rows, hidden]`.
    pub fn intermediate(&self, x: Tensor<2>) -> Tensor<2> {
        C::mlp_intermediate(self, x)
    }

    /// residual + W_down · intermediate (after the post-norm, if any), `[rows, hidden]`.
    pub fn down_proj(&self, intermediate: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        self.down.forward_residual(intermediate, residual, self.post_norm.as_ref())
    }
}
