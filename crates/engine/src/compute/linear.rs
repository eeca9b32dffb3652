//! A linear layer.

use burn::tensor::Tensor;

use super::norm::Norm;
use crate::compute::Compute;

/// x Wᵀ + bias with W `[out, in]`. Clones share the weights.
#[derive(Clone, Debug)]
pub struct Linear<C: Compute> {
    /// W, `[out, in]`.
    pub weights: C::Matrix,
    /// Bias, `[out]`; `None` if the layer has none.
    pub bias: Option<C::Vector>,
}

impl<C: Compute> Linear<C> {
    /// The layer with other weights of the same shape, row-major.
    pub fn with_values(&self, values: Vec<f32>) -> Self {
        self.with(C::with_values(&self.weights, values))
    }

    /// The layer with other weights on a grid; see [`Compute::with_grid`].
    pub fn with_grid(&self, values: Vec<f32>, grid: &[[f32; 2]]) -> Self {
        self.with(C::with_grid(&self.weights, values, grid))
    }

    /// The layer without the weights that are 0 in `values`; see [`Compute::with_mask_from`].
    pub fn with_mask_from(&self, values: Vec<f32>) -> Self {
        self.with(C::with_mask_from(&self.weights, values))
    }

    fn with(&self, weights: C::Matrix) -> Self {
        Self { weights, bias: self.bias.clone() }
    }

    /// x Wᵀ + bias for `x` `[rows, in]`. Returns `[rows, out]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        C::linear(self, x)
    }

    /// residual + x Wᵀ + bias, or residual + norm(x Wᵀ + bias) with a post-norm. Returns `[rows, out]`.
    pub(super) fn forward_residual(&self, x: Tensor<2>, residual: Tensor<2>, post_norm: Option<&Norm<C>>) -> Tensor<2> {
        match post_norm {
            Some(norm) => residual.add(norm.forward(self.forward(x))),
            None => C::linear_residual(self, x, residual),
        }
    }
}
