//! Normalization of rows: by the root mean square (Zhang and Sennrich, 2019), or LayerNorm (Ba et al., 2016).

use burn::tensor::Tensor;

use super::linear::{RowWeights, host_tensor, host_values};
#[cfg(feature = "gpu")]
use crate::model::Storage;
use prunescope_kernels::elementwise::{layer_norm, rms_norm};

/// `x · w / √(mean(x²) + ε)` over the last dimension; LayerNorm takes the mean away before and adds a bias after.
#[derive(Clone, Debug)]
pub struct Norm {
    /// w.
    pub weight: RowWeights,
    /// What is added, where there is something; LayerNorm only.
    pub bias: Option<RowWeights>,
    /// ε, added under the root.
    pub epsilon: f64,
    /// Whether the mean is taken away.
    pub centred: bool,
    /// Whether a GPU's kernels do it.
    #[cfg(feature = "gpu")]
    pub storage: Storage,
}

impl Norm {
    /// Normalizes each row of `x`, `[rows, width]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.weight {
            RowWeights::Host(_) => {
                let [rows, _] = x.dims();
                host_tensor(self.host_rows(&host_values(x)), rows)
            }
            RowWeights::Device(weight) => self.on_device(x, weight),
        }
    }

    /// The same of each head of `x`, `[tokens, heads · width]`.
    pub fn by_head(&self, x: Tensor<2>) -> Tensor<2> {
        let [tokens, all] = x.dims();
        let width = self.weight.columns();
        self.forward(x.reshape([tokens * all / width, width])).reshape([tokens, all])
    }

    /// The same of rows on the host, of as many numbers as the weights.
    pub fn host_rows(&self, x: &[f32]) -> Vec<f32> {
        let RowWeights::Host(weight) = &self.weight else { return x.to_vec() };
        let bias = match &self.bias {
            Some(RowWeights::Host(bias)) => bias,
            _ => &[][..],
        };
        if self.centred {
            layer_norm(x, weight, bias, self.epsilon as f32)
        } else {
            rms_norm(x, weight, self.epsilon as f32)
        }
    }

    fn on_device(&self, x: Tensor<2>, weight: &Tensor<2>) -> Tensor<2> {
        #[cfg(feature = "gpu")]
        if self.storage == Storage::Blocks && !self.centred {
            return prunescope_gpu::ops::rms_norm(x, weight.clone(), self.epsilon as f32);
        }
        let x = if self.centred { x.clone().sub(x.mean_dim(1)) } else { x };
        let scale = x.clone().square().mean_dim(1).add_scalar(self.epsilon).sqrt().recip();
        let normed = x.mul(scale).mul(weight.clone());
        match &self.bias {
            Some(RowWeights::Device(bias)) => normed.add(bias.as_ref().clone()),
            _ => normed,
        }
    }
}
