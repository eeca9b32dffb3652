//! Root-mean-square normalization (Zhang and Sennrich, 2019).

use burn::tensor::Tensor;

/// `x · w / √(mean(x²) + ε)` over the last dimension.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    /// Scale, `[1, hidden]`.
    pub weight: Tensor<2>,
    /// ε, added under the root.
    pub epsilon: f64,
}

impl RmsNorm {
    /// Normalizes each row of `x`, `[tokens, hidden]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let scale = x.clone().square().mean_dim(1).add_scalar(self.epsilon).sqrt().recip();
        x.mul(scale).mul(self.weight.clone())
    }
}
