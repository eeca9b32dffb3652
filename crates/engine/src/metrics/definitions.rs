//! The metrics in f64, term by term as the paper defines them: the reference for tests of the fast implementations.

use prunescope_protocol::results::Metrics;

use super::host::Row;
use super::subspace::softmax;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let largest = |x: &[f64]| x.iter().fold(f64::MIN_POSITIVE, |most, x| most.max(x.abs()));
    let [a, b] = [a, b].map(|x| x.iter().map(|y| y / largest(x)).collect::<Vec<_>>());
    dot(&a, &b) / (norm(&a) * norm(&b)).max(f64::MIN_POSITIVE)
}

/// α = ⟨Δx, x⟩/‖x‖², ‖Δx∥‖/‖x‖ and ‖Δx⊥‖/‖x‖, with Δx∥ = α x and Δx⊥ = Δx − Δx∥.
fn parallel_orthogonal(x: &[f64], delta: &[f64]) -> [f64; 3] {
    let share = dot(delta, x) / dot(x, x);
    let orthogonal: Vec<f64> = delta.iter().zip(x).map(|(d, x)| d - share * x).collect();
    [share, share.abs(), norm(&orthogonal) / norm(x)]
}

/// KL(p ‖ q) = Σ p (log p − log q), in nats.
fn kl(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).filter(|(p, _)| **p > 0.0).map(|(p, q)| p * (p.ln() - q.ln())).sum::<f64>().max(0.0)
}

/// Var_w(Δz) = Σ w_i (Δz_i − Σ w_j Δz_j)², for weights that sum to 1.
fn weighted_variance(weights: &[f64], delta: &[f64]) -> f64 {
    let mean = dot(weights, delta);
    weights.iter().zip(delta).map(|(w, d)| w * (d - mean).powi(2)).sum()
}

/// Indices of the `count` largest, largest first; ties by lower index.
pub(super) fn largest(z: &[f32], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..z.len()).collect();
    places.sort_by(|a, b| z[*b].total_cmp(&z[*a]));
    places.truncate(count);
    places
}

/// All metrics at one position.
pub(super) fn metrics(dense: Row<'_>, pruned: Row<'_>, temperature: f32) -> Metrics {
    let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
    let (h, h_pruned) = (wide(dense.hidden), wide(pruned.hidden));
    let (z, z_pruned) = (wide(dense.logits), wide(pruned.logits));
    let (p, q) = (softmax(dense.logits, temperature), softmax(pruned.logits, temperature));
    let delta = minus(&z_pruned, &z);
    let [alpha_h, parallel_h, orthogonal_h] = parallel_orthogonal(&h, &minus(&h_pruned, &h));
    let [alpha_z, parallel_z, orthogonal_z] = parallel_orthogonal(&z, &delta);
    let [.., orthogonal_p] = parallel_orthogonal(&p, &minus(&q, &p));
    let r: Vec<f64> = p.iter().map(|x| x * x / dot(&p, &p)).collect();
    let (variance_p, variance_r) = (weighted_variance(&p, &delta), weighted_variance(&r, &delta));
    let uniform = vec![1.0 / z.len() as f64; z.len()];
    let top = |count: usize| {
        let places = largest(dense.logits, count);
        let total: f64 = places.iter().map(|at| p[*at]).sum();
        let weights: Vec<f64> = places.iter().map(|at| p[*at] / total).collect();
        (weights, places.iter().map(|at| delta[*at]).collect::<Vec<f64>>())
    };
    let ((weights5, delta5), (weights10, delta10)) = (top(5), top(10));
    let mean_abs = |x: &[f64]| x.iter().map(|x| x.abs()).sum::<f64>() / x.len() as f64;
    let root_mean_square = |x: &[f64]| norm(x) / (x.len() as f64).sqrt();
    // Theorem 1: 1 − cos(x, x + Δx) ≈ ‖Δx⊥‖² / (2‖x‖²); Theorems 2 and 3: Var(Δz) / (2T²), with r and p for weights.
    let theorem1 = |orthogonal: f64| orthogonal * orthogonal / 2.0;
    let from_variance = |variance: f64| variance / (2.0 * f64::from(temperature).powi(2));
    Metrics {
        cos_h: cosine(&h, &h_pruned) as f32,
        cos_z: cosine(&z, &z_pruned) as f32,
        cos_p: cosine(&p, &q) as f32,
        kl_dense_pruned: kl(&p, &q) as f32,
        kl_pruned_dense: kl(&q, &p) as f32,
        theorem1_h: theorem1(orthogonal_h) as f32,
        theorem1_z: theorem1(orthogonal_z) as f32,
        theorem1_p: theorem1(orthogonal_p) as f32,
        theorem2: from_variance(variance_r) as f32,
        theorem3: from_variance(variance_p) as f32,
        alpha_h: alpha_h as f32,
        parallel_h: parallel_h as f32,
        orthogonal_h: orthogonal_h as f32,
        ratio_h: (orthogonal_h / parallel_h) as f32,
        alpha_z: alpha_z as f32,
        parallel_z: parallel_z as f32,
        orthogonal_z: orthogonal_z as f32,
        ratio_z: (orthogonal_z / parallel_z) as f32,
        variance_uniform: weighted_variance(&uniform, &delta) as f32,
        variance_p: variance_p as f32,
        variance_r: variance_r as f32,
        variance_top5: weighted_variance(&weights5, &delta5) as f32,
        variance_top10: weighted_variance(&weights10, &delta10) as f32,
        delta_l1: mean_abs(&delta) as f32,
        delta_l2: root_mean_square(&delta) as f32,
        delta_l1_top5: mean_abs(&delta5) as f32,
        delta_l2_top5: root_mean_square(&delta5) as f32,
    }
}

/// Checks metrics against the definitions within relative and absolute errors. A ratio, whose error is unbounded for
/// small denominators, is checked against the found numerator and denominator instead.
pub(super) fn check(found: &Metrics, wanted: &Metrics, relative: f32, absolute: f32) -> Result<(), String> {
    for (name, (a, b)) in Metrics::NAMES.iter().zip(found.values().into_iter().zip(wanted.values())) {
        if !name.starts_with("ratio") && (a - b).abs() > relative * b.abs() + absolute {
            return Err(format!("{name} is {a}, {b} is right"));
        }
    }
    let Metrics { ratio_h, orthogonal_h, parallel_h, ratio_z, orthogonal_z, parallel_z, .. } = *found;
    for (ratio, across, along) in [(ratio_h, orthogonal_h, parallel_h), (ratio_z, orthogonal_z, parallel_z)] {
        if (ratio * along - across).abs() > 1e-4 * across {
            return Err(format!("a ratio is {ratio} of {across} to {along}"));
        }
    }
    Ok(())
}
