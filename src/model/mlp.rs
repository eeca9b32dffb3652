//! The gated feed-forward network, SwiGLU (Shazeer, 2020).

use burn::tensor::{Tensor, activation::silu};

use super::linear::{Linear, host_tensor, host_values, multiply};
use super::norm::RmsNorm;
use crate::kernel::Inputs;
use crate::kernel::elementwise::silu_times;

/// An MLP sublayer; matrices are `[out, in]` as the file stores them.
#[derive(Clone, Debug)]
pub struct Mlp {
    /// Norm before the projections.
    pub norm: RmsNorm,
    /// `[feed_forward, hidden]`.
    pub gate: Linear,
    /// `[feed_forward, hidden]`.
    pub up: Linear,
    /// `[hidden, feed_forward]`.
    pub down: Linear,
}

impl Mlp {
    /// f(x) = W_down (silu(W_gate x̂) ∘ W_up x̂) with x̂ the normed `x`, `[tokens, hidden]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.project(self.inner(self.norm.forward(x)))
    }

    /// The inner layer silu(W_gate x̂) ∘ W_up x̂, `[tokens, feed_forward]`, for the normed x̂.
    pub fn inner(&self, x: Tensor<2>) -> Tensor<2> {
        if let (Linear::Packed(gate), Linear::Packed(up)) = (&self.gate, &self.up) {
            let [rows, columns] = x.dims();
            let inputs = Inputs::new(host_values(x), columns);
            let mut inner = multiply(gate, &inputs);
            silu_times(&mut inner, &multiply(up, &inputs));
            return host_tensor(inner, rows);
        }
        #[cfg(feature = "gpu")]
        if let Linear::Blocks(up) = &self.up {
            return up.apply_gated(x.clone(), self.gate.apply(x));
        }
        silu(self.gate.apply(x.clone())).mul(self.up.apply(x))
    }

    /// W_down of the inner layer, `[tokens, hidden]`.
    pub fn project(&self, inner: Tensor<2>) -> Tensor<2> {
        self.down.apply(inner)
    }
}
