//! Second-order estimates of what a perturbation does (the paper's Theorems 1 to 3).

use burn::tensor::Tensor;

/// Theorem 1: 1 − cos(x, x + Δx) ≈ ‖Δx⊥‖² / (2‖x‖²), from ‖Δx⊥‖/‖x‖.
pub fn one_minus_cosine(orthogonal_share: Tensor<2>) -> Tensor<2> {
    orthogonal_share.square().div_scalar(2.0)
}

/// Var_w(Δz) = Σ w_i (Δz_i − Σ w_j Δz_j)², for weights that sum to 1.
pub fn weighted_variance(weights: Tensor<2>, delta: Tensor<2>) -> Tensor<2> {
    let mean = weights.clone().mul(delta.clone()).sum_dim(1);
    weights.mul(delta.sub(mean).square()).sum_dim(1)
}

/// The weights of Theorem 2: r_i = p_i² / ‖p‖².
pub fn squared_weights(p: Tensor<2>) -> Tensor<2> {
    let largest = p.clone().max_dim(1);
    let squared = p.div(largest).square();
    let total = squared.clone().sum_dim(1);
    squared.div(total)
}

/// Theorem 2 with r-weights: 1 − cos(p, p̃) ≈ Var_r(Δz) / (2T²). Theorem 3 with p-weights: KL(p ‖ p̃) ≈ Var_p(Δz) / (2T²).
pub fn from_variance(variance: Tensor<2>, temperature: f32) -> Tensor<2> {
    variance.div_scalar(2.0 * temperature * temperature)
}
