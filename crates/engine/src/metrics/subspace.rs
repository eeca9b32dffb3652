//! Metrics on a subset of tokens (categorical subspace), and each token's contribution to the variance of Δz. On the
//! host.

use prunescope_protocol::results::SubspaceMetrics;

/// softmax(z / T) over the given logits, in f64.
pub fn softmax(logits: &[f32], temperature: f32) -> Vec<f64> {
    let scaled: Vec<f64> = logits.iter().map(|z| f64::from(*z) / f64::from(temperature)).collect();
    let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scaled.iter().map(|z| (z - largest).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

fn cosine(a: impl Iterator<Item = f64> + Clone, b: impl Iterator<Item = f64> + Clone) -> f64 {
    let dot: f64 = a.clone().zip(b.clone()).map(|(a, b)| a * b).sum();
    let square = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>();
    dot / (square(&mut a.clone()) * square(&mut b.clone())).sqrt().max(f64::MIN_POSITIVE)
}

/// cos z, cos p and KL(p ‖ p̃) (nats) on a subset of tokens, with p renormalized on the subset.
///
/// * `dense`, `pruned`: these tokens' logits in both models. The whole vocabulary gives the global metrics.
pub fn subspace(dense: &[f32], pruned: &[f32], temperature: f32) -> SubspaceMetrics {
    let (p, q) = (softmax(dense, temperature), softmax(pruned, temperature));
    let kl: f64 =
        p.iter().zip(&q).filter(|(p, _)| **p > 0.0).map(|(p, q)| p * (p / q.max(f64::MIN_POSITIVE)).ln()).sum();
    let wide = |z: &[f32]| z.iter().map(|z| f64::from(*z)).collect::<Vec<_>>();
    let (z, z_pruned) = (wide(dense), wide(pruned));
    SubspaceMetrics {
        cos_z: cosine(z.iter().copied(), z_pruned.iter().copied()) as f32,
        cos_p: cosine(p.iter().copied(), q.iter().copied()) as f32,
        kl_dense_pruned: kl.max(0.0) as f32,
    }
}

/// A token's contribution to the weighted variances of Theorems 2 and 3; see
/// [`prunescope_protocol::results::TokenWeight`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight {
    /// Token id.
    pub id: u32,
    /// Dense probability p.
    pub p: f64,
    /// r = p²/‖p‖².
    pub r: f64,
    /// Δz minus its p-weighted mean.
    pub delta_z: f64,
    /// Share of Var_p(Δz).
    pub share_p: f64,
    /// Share of Var_r(Δz).
    pub share_r: f64,
}

/// The `count` tokens with the largest share of Var_p(Δz) or Var_r(Δz), largest first.
///
/// * `dense`, `pruned`: z and z̃ of one position, `[vocabulary]`.
pub fn token_weights(dense: &[f32], pruned: &[f32], temperature: f32, count: usize) -> Vec<Weight> {
    let p = softmax(dense, temperature);
    let square: f64 = p.iter().map(|p| p * p).sum();
    let r: Vec<f64> = p.iter().map(|p| p * p / square).collect();
    let delta: Vec<f64> = dense.iter().zip(pruned).map(|(z, other)| f64::from(*other) - f64::from(*z)).collect();
    let mean = |weights: &[f64]| weights.iter().zip(&delta).map(|(w, d)| w * d).sum::<f64>();
    let (mean_p, mean_r) = (mean(&p), mean(&r));
    let part = |weight: f64, delta: f64, mean: f64| weight * (delta - mean).powi(2);
    let variance = |weights: &[f64], mean: f64| {
        weights.iter().zip(&delta).map(|(w, d)| part(*w, *d, mean)).sum::<f64>().max(f64::MIN_POSITIVE)
    };
    let (variance_p, variance_r) = (variance(&p, mean_p), variance(&r, mean_r));
    let mut all: Vec<Weight> = (0..dense.len())
        .map(|at| Weight {
            id: at as u32,
            p: p[at],
            r: r[at],
            delta_z: delta[at] - mean_p,
            share_p: part(p[at], delta[at], mean_p) / variance_p,
            share_r: part(r[at], delta[at], mean_r) / variance_r,
        })
        .collect();
    let size = |weight: &Weight| weight.share_p.max(weight.share_r);
    let count = count.min(all.len());
    if count > 0 && count < all.len() {
        all.select_nth_unstable_by(count - 1, |a, b| size(b).total_cmp(&size(a)));
        all.truncate(count);
    }
    all.sort_by(|a, b| size(b).total_cmp(&size(a)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::host::{Row, compare_rows};
    use proptest::prelude::*;

    #[test]
    fn options_alone_are_renormalised() {
        let found = subspace(&[1.0, 2.0], &[3.0, 4.0], 1.0);
        assert!(found.kl_dense_pruned < 1e-12 && (found.cos_p - 1.0).abs() < 1e-6, "a shift changes no probability");
        let found = subspace(&[0.0, 0.0], &[3f32.ln(), 0.0], 1.0);
        // p = (1/2, 1/2), q = (3/4, 1/4).
        assert!((found.kl_dense_pruned - (0.5 * (2.0f32 / 3.0).ln() + 0.5 * 2f32.ln())).abs() < 1e-6);
    }

    #[test]
    fn shares_add_up_to_one() {
        let (z, other) = ([0.3, 1.0, -2.0, 0.5], [0.1, 1.5, -1.0, 0.4]);
        let weights = token_weights(&z, &other, 0.8, 4);
        for share in [|w: &Weight| w.share_p, |w: &Weight| w.share_r, |w: &Weight| w.p, |w: &Weight| w.r] {
            assert!((weights.iter().map(share).sum::<f64>() - 1.0).abs() < 1e-9);
        }
        let few = token_weights(&z, &other, 0.8, 2);
        assert_eq!(few, weights[..2]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// On the whole vocabulary the metrics equal the global ones, and dividing logits by T equals temperature T.
        #[test]
        fn the_whole_vocabulary_is_global(
            z in proptest::collection::vec(-6f32..6.0, 16),
            d in proptest::collection::vec(-2f32..2.0, 16),
            temperature in 0.4f32..2.5,
        ) {
            let moved: Vec<f32> = z.iter().zip(&d).map(|(z, d)| z + d).collect();
            let found = subspace(&z, &moved, temperature);
            let row = |z| Row { hidden: z, logits: z };
            let global = compare_rows(row(&z), row(&moved), temperature, false).metrics;
            prop_assert!((found.cos_z - global.cos_z).abs() < 1e-4);
            prop_assert!((found.cos_p - global.cos_p).abs() < 1e-4);
            prop_assert!((found.kl_dense_pruned - global.kl_dense_pruned).abs() < 1e-4 * (1.0 + global.kl_dense_pruned));
            let divided: Vec<Vec<f32>> = [&z, &moved].iter().map(|z| z.iter().map(|z| z / temperature).collect()).collect();
            let at_one = subspace(&divided[0], &divided[1], 1.0);
            prop_assert!((found.cos_p - at_one.cos_p).abs() < 1e-5);
            prop_assert!((found.kl_dense_pruned - at_one.kl_dense_pruned).abs() < 1e-5 * (1.0 + found.kl_dense_pruned));
        }
    }
}
