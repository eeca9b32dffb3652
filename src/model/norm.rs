//! Root-mean-square normalization (Zhang and Sennrich, 2019).

use burn::tensor::Tensor;

use super::linear::{Scale, host_tensor, host_values};
use crate::kernel::elementwise::rms_norm;

/// `x · w / √(mean(x²) + ε)` over the last dimension.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    /// w.
    pub weight: Scale,
    /// ε, added under the root.
    pub epsilon: f64,
}

impl RmsNorm {
    /// Normalizes each row of `x`, `[tokens, hidden]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.weight {
            Scale::Packed(weight) => {
                let [rows, _] = x.dims();
                host_tensor(rms_norm(&host_values(x), weight, self.epsilon as f32), rows)
            }
            #[cfg(feature = "gpu")]
            Scale::Blocks(weight) => crate::gpu::ops::rms_norm(x, weight.as_ref().clone(), self.epsilon as f32),
            Scale::Tensor(weight) => {
                let scale = x.clone().square().mean_dim(1).add_scalar(self.epsilon).sqrt().recip();
                x.mul(scale).mul(weight.as_ref().clone())
            }
        }
    }
}
