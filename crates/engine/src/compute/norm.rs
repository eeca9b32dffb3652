//! RMSNorm (Zhang and Sennrich, 2019) and LayerNorm (Ba et al., 2016).

use burn::tensor::Tensor;

use crate::compute::Compute;

/// `x · w / √(mean(x²) + ε)` over the last dimension. LayerNorm subtracts the mean first and adds a bias at the end.
#[derive(Clone, Debug)]
pub struct Norm<C: Compute> {
    /// w, `[width]`.
    pub weight: C::Vector,
    /// Bias, `[width]`; LayerNorm only, `None` if there is none.
    pub bias: Option<C::Vector>,
    /// ε.
    pub epsilon: f64,
    /// Whether the mean is subtracted (LayerNorm).
    pub centred: bool,
}

impl<C: Compute> Norm<C> {
    /// Normalizes each row of `x`, `[rows, width]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        C::norm(self, x)
    }

    /// Normalizes each head of `x`, `[tokens, heads · head_dim]`.
    pub fn per_head(&self, x: Tensor<2>, head_dim: usize) -> Tensor<2> {
        let [tokens, all] = x.dims();
        self.forward(x.reshape([tokens * all / head_dim, head_dim])).reshape([tokens, all])
    }
}
