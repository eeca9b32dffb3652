//! The feed-forward network: gated, as SwiGLU (Shazeer, 2020), or one matrix up and one down.

use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, silu};

use super::linear::{Linear, Weights, host_tensor, host_values};
use super::norm::Norm;
use prunescope_kernels::Inputs;
use prunescope_kernels::elementwise::{self, GELU_TANH, times};
use prunescope_protocol::model::family::Activation;

/// An MLP sublayer; matrices are `[out, in]`.
#[derive(Clone, Debug)]
pub struct Mlp {
    /// Norm before the projections.
    pub norm: Norm,
    /// `[feed_forward, hidden]`, where the family has it.
    pub gate: Option<Linear>,
    /// `[feed_forward, hidden]`.
    pub up: Linear,
    /// `[hidden, feed_forward]`.
    pub down: Linear,
    /// σ.
    pub activation: Activation,
    /// Norm of the output, where the family has it.
    pub norm_after: Option<Norm>,
}

impl Mlp {
    /// onto + f(x), `[rows, hidden]`, with f(x) = W_down (σ(W_gate x̂) ∘ W_up x̂), or W_down σ(W_up x̂), and x̂ the normed `x`.
    ///
    /// * `onto` — the residual stream before the sublayer.
    pub fn forward(&self, x: Tensor<2>, onto: Tensor<2>) -> Tensor<2> {
        self.project(self.inner(self.norm.forward(x)), onto)
    }

    /// The inner layer, `[tokens, feed_forward]`, for the normed x̂.
    pub fn inner(&self, x: Tensor<2>) -> Tensor<2> {
        if let Weights::Packed(up) = &self.up.weights {
            let [rows, columns] = x.dims();
            let inputs = Inputs::new(host_values(x), columns);
            let up = self.up.multiply(up, &inputs);
            let inner = match &self.gate {
                Some(gate) => {
                    let Weights::Packed(weights) = &gate.weights else { return host_tensor(up, rows) };
                    let mut inner = gate.multiply(weights, &inputs);
                    self.activate(&mut inner);
                    times(&mut inner, &up);
                    inner
                }
                None => {
                    let mut inner = up;
                    self.activate(&mut inner);
                    inner
                }
            };
            return host_tensor(inner, rows);
        }
        let Some(gate) = &self.gate else { return self.activated(self.up.apply(x)) };
        #[cfg(feature = "gpu")]
        if let (Weights::Blocks(up), Weights::Blocks(weights), Activation::Silu, None, None) =
            (&self.up.weights, &gate.weights, self.activation, &self.up.bias, &gate.bias)
        {
            return up.apply_gated(x, weights);
        }
        let [gate, up] = gate.apply_both(x, &self.up);
        self.activated(gate).mul(up)
    }

    fn activate(&self, x: &mut [f32]) {
        match self.activation {
            Activation::Silu => elementwise::silu(x),
            Activation::Gelu => elementwise::gelu(x),
            Activation::GeluTanh => elementwise::gelu_tanh(x),
        }
    }

    fn activated(&self, x: Tensor<2>) -> Tensor<2> {
        match self.activation {
            Activation::Silu => silu(x),
            Activation::Gelu => gelu(x),
            Activation::GeluTanh => {
                let [a, b] = GELU_TANH.map(f64::from);
                let inner = x.clone().add(x.clone().powi_scalar(3).mul_scalar(b)).mul_scalar(a);
                x.mul_scalar(0.5).mul(inner.tanh().add_scalar(1.0))
            }
        }
    }

    /// onto + W_down of the inner layer, normed where there is a norm after it, `[rows, hidden]`.
    pub fn project(&self, inner: Tensor<2>, onto: Tensor<2>) -> Tensor<2> {
        match &self.norm_after {
            Some(norm) => onto.add(norm.forward(self.down.apply(inner))),
            None => self.down.apply_onto(inner, onto),
        }
    }
}
