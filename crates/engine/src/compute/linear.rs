//! A linear layer.

use burn::tensor::Tensor;

use super::norm::Norm;
use crate::compute::Compute;

/// A matrix `[out, in]`, and what is added to its product. Clones share the weights.
#[derive(Clone, Debug)]
pub struct Linear<C: Compute> {
    /// The matrix.
    pub weights: C::Matrix,
    /// Added to every row of outputs, where there is something to add.
    pub bias: Option<C::Vector>,
}

impl<C: Compute> Linear<C> {
    /// The same bias with other weights of the same shape, row after row.
    pub fn with_values(&self, values: Vec<f32>) -> Self {
        self.with(C::with_values(&self.weights, values))
    }

    /// The same bias with other weights on a grid: see [`Compute::with_grid`].
    pub fn with_grid(&self, values: Vec<f32>, grid: &[[f32; 2]]) -> Self {
        self.with(C::with_grid(&self.weights, values, grid))
    }

    /// The same without the weights that are 0 in `values`, which is otherwise the same.
    pub fn with_mask_from(&self, values: Vec<f32>) -> Self {
        self.with(C::with_mask_from(&self.weights, values))
    }

    fn with(&self, weights: C::Matrix) -> Self {
        Self { weights, bias: self.bias.clone() }
    }

    /// x Wᵀ + bias for `x`, `[rows, in]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        C::linear(self, x)
    }

    /// residual + x Wᵀ + bias; with a norm after it, residual + norm(x Wᵀ + bias).
    pub(super) fn forward_residual(&self, x: Tensor<2>, residual: Tensor<2>, post_norm: Option<&Norm<C>>) -> Tensor<2> {
        match post_norm {
            Some(norm) => residual.add(norm.forward(self.forward(x))),
            None => C::linear_residual(self, x, residual),
        }
    }
}
