//! Kullback-Leibler divergence.

use burn::tensor::Tensor;

/// KL(p ‖ q) = Σ p (log p − log q), in nats, from log-probabilities.
///
/// Rounding can leave a value just below zero; it is set to 0.
pub fn kl(log_p: Tensor<2>, log_q: Tensor<2>) -> Tensor<2> {
    log_p.clone().exp().mul(log_p.sub(log_q)).sum_dim(1).clamp_min(0.0)
}
