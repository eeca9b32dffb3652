//! Cosine similarity on a device.

use burn::tensor::Tensor;

/// Added to denominators so that all-zero rows give finite results.
const TINY: f64 = 1e-30;

/// ‖x‖₂ of each row, `[rows, 1]`.
fn norm(x: Tensor<2>) -> Tensor<2> {
    x.square().sum_dim(1).sqrt()
}

/// cos(x, y) = ⟨x, y⟩ / (‖x‖‖y‖) of each pair of rows. Returns `[rows, 1]`.
pub fn cosine(x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
    // Divided by the largest entry first, so that squares of numbers below 1e-19 do not underflow in f32.
    let scaled = |x: Tensor<2>| {
        let largest = x.clone().abs().max_dim(1).add_scalar(TINY);
        x.div(largest)
    };
    let (x, y) = (scaled(x), scaled(y));
    let norms = norm(x.clone()).mul(norm(y.clone())).add_scalar(TINY);
    x.mul(y).sum_dim(1).div(norms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn row(values: [f32; 2]) -> Tensor<2> {
        Tensor::from_data([values], &Device::flex())
    }

    fn value(x: Tensor<2>) -> f32 {
        x.into_scalar()
    }

    #[test]
    fn cosine_of_known_angles() {
        assert!((value(cosine(row([1.0, 0.0]), row([3.0, 3.0]))) - 0.5f32.sqrt()).abs() < 1e-6);
        assert!((value(cosine(row([1e-25, 0.0]), row([1e-25, 1e-25]))) - 0.5f32.sqrt()).abs() < 1e-6);
        assert!(value(cosine(row([0.0, 0.0]), row([1.0, 0.0]))).abs() < 1e-6);
    }
}
