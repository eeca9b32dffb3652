//! All metrics of a dense and a pruned model's outputs at one position, computed on the host in a few passes over the
//! logits.

use wide::f32x4;

use prunescope_kernels::elementwise::{exponentials, largest_of};
use prunescope_protocol::results::Metrics;

/// Number of top-k tokens reported per model.
pub const TOP: usize = 10;

/// A top-k token of one model, with its probabilities in both models and the parts of its Δz.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopToken {
    /// Token id.
    pub id: u32,
    /// Its probability in the dense model.
    pub dense: f32,
    /// Its probability in the pruned model.
    pub pruned: f32,
    /// z, its dense logit.
    pub z: f32,
    /// Its entry of Δz∥ = α z.
    pub parallel: f32,
    /// Its entry of Δz⊥ = Δz − Δz∥.
    pub orthogonal: f32,
}

/// The comparison of both models at one position.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The metrics.
    pub metrics: Metrics,
    /// The dense model's top-k tokens, likeliest first; empty if not requested.
    pub dense_top: Vec<TopToken>,
    /// The pruned model's top-k tokens, likeliest first; empty if not requested.
    pub pruned_top: Vec<TopToken>,
}

/// Numbers summed in f32 before the partial sum is added in f64.
const CHUNK: usize = 512;
/// Added to denominators so that all-zero rows give finite results.
const TINY: f64 = 1e-30;

/// One model's outputs at one position.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// h, `[hidden]`.
    pub hidden: &'a [f32],
    /// z, `[vocabulary]`.
    pub logits: &'a [f32],
}

/// `N` sums of terms over two rows of equal length, in one pass: f32 within a chunk, f64 between chunks.
#[inline(always)]
fn sums<const N: usize>(a: &[f32], b: &[f32], term: impl Fn(f32x4, f32x4) -> [f32x4; N]) -> [f64; N] {
    let mut totals = [0f64; N];
    let mut add =
        |part: [f32x4; N]| totals.iter_mut().zip(part).for_each(|(total, x)| *total += f64::from(x.reduce_add()));
    for (a, b) in a.chunks(CHUNK).zip(b.chunks(CHUNK)) {
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
        let mut part = [f32x4::ZERO; N];
        for (a, b) in a.iter().zip(b) {
            for (part, x) in part.iter_mut().zip(term(f32x4::new(*a), f32x4::new(*b))) {
                *part += x;
            }
        }
        add(part);
        for (a, b) in a_rest.iter().zip(b_rest) {
            // Count one lane only; padding with zeros would be wrong, since term(0, 0) need not be 0.
            add(term(f32x4::splat(*a), f32x4::splat(*b)).map(|x| x * f32x4::new([1.0, 0.0, 0.0, 0.0])));
        }
    }
    totals
}

/// Geometry of two vectors x and x + Δ: cos(x, x + Δ), α of Δ∥ = α x, ‖Δ∥‖/‖x‖ and ‖Δ⊥‖/‖x‖ (parts of Δ parallel and
/// orthogonal to x).
struct PairStats {
    cosine: f64,
    alpha: f64,
    parallel: f64,
    orthogonal: f64,
}

impl PairStats {
    /// Compares x with x + Δ = `scale` · y.
    fn between(x: &[f32], y: &[f32], scale: f32) -> Self {
        // Divided by the largest entry, so that no square underflows or overflows in f32.
        let largest = |x: &[f32]| largest_of(x, f32x4::abs).max(1e-30);
        let (x_size, y_size) = (largest(x), largest(y));
        let (x_unit, y_unit, scale) = (f32x4::splat(1.0 / x_size), f32x4::splat(1.0 / y_size), f32x4::splat(scale));
        let [xx, yy, xy, dx] = sums(x, y, |x, y| {
            let (a, b) = (x * x_unit, y * y_unit);
            [a * a, b * b, a * b, (y * scale - x) * x_unit * a]
        });
        let share = dx / (xx + TINY);
        let part = f32x4::splat(share as f32);
        let [across] = sums(x, y, |x, y| {
            let across = ((y * scale - x) - part * x) * x_unit;
            [across * across]
        });
        Self::of([xx, yy, xy, dx, across])
    }

    /// From Σx², Σy², Σxy, ΣΔx and Σ(Δ − share · x)² with share = ΣΔx / Σx². Scaling x and Δ, or y in Σy² and Σxy,
    /// changes nothing.
    fn of([xx, yy, xy, dx, across]: [f64; 5]) -> Self {
        let (length, share) = ((xx + TINY).sqrt(), dx / (xx + TINY));
        Self {
            cosine: xy / ((xx * yy).sqrt() + TINY),
            alpha: share,
            parallel: share.abs() * xx.sqrt() / length,
            orthogonal: across.sqrt() / length,
        }
    }

    fn ratio(&self) -> f64 {
        self.orthogonal / (self.parallel + TINY)
    }

    fn theorem1(&self) -> f64 {
        self.orthogonal * self.orthogonal / 2.0
    }
}

/// softmax(z / T), unnormalized.
struct Softmax {
    /// exp((z − max z) / T).
    e: Vec<f32>,
    total: f64,
    /// log Σ exp(z / T).
    log_total: f64,
}

impl Softmax {
    fn of(z: &[f32], temperature: f32) -> Self {
        let mut e = z.to_vec();
        let largest = exponentials(&mut e, temperature);
        let [total] = sums(&e, &e, |e, _| [e]);
        Self { e, total, log_total: f64::from(largest) / f64::from(temperature) + total.ln() }
    }
}

/// α of Δx∥ = α x: ⟨Δx, x⟩/‖x‖² of x and x + Δx = y.
pub fn alpha(x: &[f32], y: &[f32]) -> f64 {
    PairStats::between(x, y, 1.0).alpha
}

/// A token's entries of Δz∥ = α z and Δz⊥ = Δz − Δz∥, from its logits in the dense and the pruned model.
pub fn delta_parts([z, z_pruned]: [f64; 2], alpha: f64) -> [f64; 2] {
    let parallel = alpha * z;
    [parallel, z_pruned - z - parallel]
}

/// Indices of the `count` largest numbers, largest first; ties by lower index.
pub fn largest(z: &[f32], count: usize) -> Vec<usize> {
    let mut best: Vec<usize> = Vec::with_capacity(count + 1);
    let mut least = f32::NEG_INFINITY;
    for (at, value) in z.iter().enumerate() {
        if best.len() < count || *value > least {
            let place = best.partition_point(|other| z[*other] >= *value);
            best.insert(place, at);
            best.truncate(count);
            least = best.last().map_or(least, |last| z[*last]);
        }
    }
    best
}

/// All metrics of `dense` and `pruned` at one position.
///
/// * `temperature`: analysis temperature T > 0.
/// * `with_top`: also report both models' top-k tokens.
pub fn compare_rows(dense: Row<'_>, pruned: Row<'_>, temperature: f32, with_top: bool) -> Comparison {
    let (z, y) = (dense.logits, pruned.logits);
    let count = z.len() as f64;
    let t = f64::from(temperature);
    let hidden = PairStats::between(dense.hidden, pruned.hidden, 1.0);
    let logits = PairStats::between(z, y, 1.0);
    let (p, q) = (Softmax::of(z, temperature), Softmax::of(y, temperature));
    // Both unnormalized with largest entry 1; the scale p.total / q.total makes them comparable.
    let probabilities = PairStats::between(&p.e, &q.e, (p.total / q.total) as f32);
    let [delta, absolute, squared] = sums(z, y, |z, y| [y - z, (y - z).abs(), (y - z) * (y - z)]);
    let (variance_p, variance_r) = weighted_variances(z, y, &p.e);
    let shift = f32x4::splat((delta / count) as f32);
    let [uniform] = sums(z, y, |z, y| {
        let x = y - z - shift;
        [x * x]
    });
    let (kl_dense_pruned, kl_pruned_dense) = divergences(z, y, &p, &q, t);
    let sums = Sums {
        hidden,
        logits,
        probabilities,
        absolute,
        squared,
        uniform,
        variance_p,
        variance_r,
        kl_dense_pruned,
        kl_pruned_dense,
        log_totals: [p.log_total, q.log_total],
    };
    let likeliest = |of: &[f32]| -> Vec<TopLogit> {
        let places = largest(of, TOP.min(of.len()));
        places.into_iter().map(|at| TopLogit { id: at as u32, logits: [z[at], y[at]].map(f64::from) }).collect()
    };
    let pruned_top = if with_top { likeliest(y) } else { vec![] };
    sums.comparison(count, t, &likeliest(z), &pruned_top, with_top)
}

/// Sums over both models' rows at one position, from which all metrics follow. Δz = z̃ − z, r = p² / ‖p‖².
struct Sums {
    /// h and h̃.
    hidden: PairStats,
    /// z and z̃.
    logits: PairStats,
    /// p and p̃.
    probabilities: PairStats,
    /// Σ|Δz|.
    absolute: f64,
    /// ΣΔz².
    squared: f64,
    /// Σ(Δz − mean)².
    uniform: f64,
    /// Var_p(Δz).
    variance_p: f64,
    /// Var_r(Δz).
    variance_r: f64,
    /// KL(p ‖ p̃).
    kl_dense_pruned: f64,
    /// KL(p̃ ‖ p).
    kl_pruned_dense: f64,
    /// log Σ exp(z / T) of the dense and the pruned model.
    log_totals: [f64; 2],
}

/// A top-k token.
struct TopLogit {
    id: u32,
    /// Logits in the dense and the pruned model.
    logits: [f64; 2],
}

impl Sums {
    /// Computes the metrics.
    ///
    /// * `count`: vocabulary size.
    /// * `t`: analysis temperature.
    /// * `dense_top`, `pruned_top`: each model's top-k tokens, likeliest first.
    /// * `with_top`: whether to report them.
    fn comparison(
        &self,
        count: f64,
        t: f64,
        dense_top: &[TopLogit],
        pruned_top: &[TopLogit],
        with_top: bool,
    ) -> Comparison {
        let top = |most: usize| {
            let tokens = &dense_top[..most.min(dense_top.len())];
            let highest = tokens.first().map_or(0.0, |token| token.logits[0]);
            let weight = |token: &TopLogit| ((token.logits[0] - highest) / t).exp();
            let total: f64 = tokens.iter().map(weight).sum();
            let terms = || tokens.iter().map(|token| (weight(token) / total, token.logits[1] - token.logits[0]));
            let mean: f64 = terms().map(|(weight, x)| weight * x).sum();
            let variance: f64 = terms().map(|(weight, x)| weight * (x - mean) * (x - mean)).sum();
            let count = tokens.len().max(1) as f64;
            let l1 = terms().map(|(_, x)| x.abs()).sum::<f64>() / count;
            (variance, l1, (terms().map(|(_, x)| x * x).sum::<f64>() / count).sqrt())
        };
        let ((variance_top5, delta_l1_top5, delta_l2_top5), (variance_top10, ..)) = (top(5), top(10));
        let second_order = |variance: f64| variance / (2.0 * t * t);
        let Self { hidden, logits, probabilities, .. } = self;
        let metrics = Metrics {
            cos_h: hidden.cosine as f32,
            cos_z: logits.cosine as f32,
            cos_p: probabilities.cosine as f32,
            kl_dense_pruned: self.kl_dense_pruned as f32,
            kl_pruned_dense: self.kl_pruned_dense as f32,
            theorem1_h: hidden.theorem1() as f32,
            theorem1_z: logits.theorem1() as f32,
            theorem1_p: probabilities.theorem1() as f32,
            theorem2: second_order(self.variance_r) as f32,
            theorem3: second_order(self.variance_p) as f32,
            alpha_h: hidden.alpha as f32,
            ratio_h: hidden.ratio() as f32,
            parallel_h: hidden.parallel as f32,
            orthogonal_h: hidden.orthogonal as f32,
            alpha_z: logits.alpha as f32,
            ratio_z: logits.ratio() as f32,
            parallel_z: logits.parallel as f32,
            orthogonal_z: logits.orthogonal as f32,
            variance_uniform: (self.uniform / count) as f32,
            variance_p: self.variance_p as f32,
            variance_r: self.variance_r as f32,
            variance_top5: variance_top5 as f32,
            variance_top10: variance_top10 as f32,
            delta_l1: (self.absolute / count) as f32,
            delta_l2: (self.squared / count).sqrt() as f32,
            delta_l1_top5: delta_l1_top5 as f32,
            delta_l2_top5: delta_l2_top5 as f32,
        };
        let tokens = |likely: &[TopLogit]| -> Vec<TopToken> {
            let likely = if with_top { likely } else { &[] };
            let share =
                |token: &TopLogit, model: usize| (token.logits[model] / t - self.log_totals[model]).exp() as f32;
            let token = |token: &TopLogit| {
                let [parallel, orthogonal] = delta_parts(token.logits, logits.alpha);
                TopToken {
                    id: token.id,
                    dense: share(token, 0),
                    pruned: share(token, 1),
                    z: token.logits[0] as f32,
                    parallel: parallel as f32,
                    orthogonal: orthogonal as f32,
                }
            };
            likely.iter().map(token).collect()
        };
        Comparison { metrics, dense_top: tokens(dense_top), pruned_top: tokens(pruned_top) }
    }
}

/// The comparison from sums that the GPU kernel computed.
///
/// * `count`: vocabulary size.
#[cfg(feature = "gpu")]
pub fn compared_on_gpu(
    row: prunescope_gpu::compare::ComparedRow<'_>,
    count: usize,
    temperature: f32,
    with_top: bool,
) -> Comparison {
    use prunescope_gpu::compare::Slot;
    let angle = |slot| PairStats::of(row.pair(slot));
    let sums = Sums {
        hidden: angle(Slot::HIDDEN),
        logits: angle(Slot::LOGITS),
        probabilities: angle(Slot::PROBABILITIES),
        absolute: row.at(Slot::ABSOLUTE),
        squared: row.at(Slot::SQUARED),
        uniform: row.at(Slot::UNIFORM),
        variance_p: row.at(Slot::VARIANCE_P),
        variance_r: row.at(Slot::VARIANCE_R),
        kl_dense_pruned: row.at(Slot::KL_DENSE_PRUNED).max(0.0),
        kl_pruned_dense: row.at(Slot::KL_PRUNED_DENSE).max(0.0),
        log_totals: [row.at(Slot::LOG_TOTALS), row.at(Slot::LOG_TOTALS + 1)],
    };
    let tokens: Vec<TopLogit> = row.tokens().map(|(id, logits)| TopLogit { id, logits }).collect();
    let (dense, pruned) = tokens.split_at(tokens.len() / 2);
    sums.comparison(count as f64, f64::from(temperature), dense, pruned, with_top)
}

/// Var_p(Δz) and Var_r(Δz) with r = p²/‖p‖².
///
/// * `e`: p, unnormalized.
fn weighted_variances(z: &[f32], y: &[f32], e: &[f32]) -> (f64, f64) {
    let delta: Vec<f32> = z.iter().zip(y).map(|(z, y)| y - z).collect();
    let [total, squares, of_p, of_r] = sums(e, &delta, |e, d| [e, e * e, e * d, e * e * d]);
    let (mean_p, mean_r) = (f32x4::splat((of_p / total) as f32), f32x4::splat((of_r / squares) as f32));
    let [var_p, var_r] = sums(e, &delta, |e, d| {
        let (from_p, from_r) = (d - mean_p, d - mean_r);
        [e * from_p * from_p, e * e * from_r * from_r]
    });
    (var_p / total, var_r / squares)
}

/// KL(p ‖ q) and KL(q ‖ p), in nats.
///
/// * `z`, `y`: logits of p and q.
/// * `t`: temperature.
fn divergences(z: &[f32], y: &[f32], p: &Softmax, q: &Softmax, t: f64) -> (f64, f64) {
    let inverse = f32x4::splat((1.0 / t) as f32);
    let shift = f32x4::splat((q.log_total - p.log_total) as f32);
    // log p − log q of every token.
    let mut ratio = vec![0f32; z.len()];
    let (ratios, rest) = ratio.as_chunks_mut::<4>();
    let (zs, ys) = (z.as_chunks::<4>().0, y.as_chunks::<4>().0);
    for ((ratio, z), y) in ratios.iter_mut().zip(zs).zip(ys) {
        *ratio = ((f32x4::new(*z) - f32x4::new(*y)) * inverse + shift).to_array();
    }
    let from = z.len() - rest.len();
    for (at, ratio) in rest.iter_mut().enumerate() {
        *ratio = (f64::from(z[from + at] - y[from + at]) / t + q.log_total - p.log_total) as f32;
    }
    let [forward] = sums(&p.e, &ratio, |e, ratio| [e * ratio]);
    let [backward] = sums(&q.e, &ratio, |e, ratio| [e * ratio]);
    ((forward / p.total).max(0.0), (-backward / q.total).max(0.0))
}

/// KL(p ‖ q) at T = 1, in nats; NaN if a logit is not finite. Much cheaper than [`compare_rows`].
///
/// * `z`, `y`: logits of p and q.
pub fn divergence(z: &[f32], y: &[f32]) -> f64 {
    let (p, q) = (Softmax::of(z, 1.0), Softmax::of(y, 1.0));
    let shift = (q.log_total - p.log_total) as f32;
    // log p − log q of every token.
    let ratio: Vec<f32> = z.iter().zip(y).map(|(z, y)| z - y + shift).collect();
    // The second sum is NaN if a number is not finite, which the fast exponentials hide.
    let [forward, not_finite] = sums(&p.e, &ratio, |e, ratio| [e * ratio, ratio * f32x4::ZERO]);
    let found = forward / p.total + not_finite;
    if found < 0.0 { 0.0 } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::definitions::{self, check};
    use crate::metrics::subspace::softmax;
    use proptest::prelude::*;

    #[test]
    fn the_largest_come_first_and_of_equal_ones_the_first() {
        assert_eq!(largest(&[1.0, 5.0, 3.0, 5.0, 0.0], 3), [1, 3, 2]);
        assert_eq!(largest(&[1.0], 3), [0]);
    }

    #[test]
    fn a_divergence_of_what_is_not_finite_is_not_a_number() {
        let z = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(divergence(&z, &z), 0.0);
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in 0..z.len() {
                let mut y = z;
                y[at] = wrong;
                assert!(divergence(&z, &y).is_nan() && divergence(&y, &z).is_nan(), "{wrong} at {at}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn as_the_definitions_say(
            z in proptest::collection::vec(-8f32..8.0, 1031),
            d in proptest::collection::vec(-2f32..2.0, 1031),
            temperature in 0.3f32..3.0,
        ) {
            let y: Vec<f32> = z.iter().zip(&d).map(|(z, d)| z + d).collect();
            let [dense, pruned] = [&z, &y].map(|x| Row { hidden: &x[..100], logits: x });
            let found = compare_rows(dense, pruned, temperature, true);
            let wanted = definitions::metrics(dense, pruned, temperature);
            prop_assert_eq!(check(&found.metrics, &wanted, 2e-4, 1e-6), Ok(()));
            let alone = definitions::metrics(dense, pruned, 1.0).kl_dense_pruned;
            prop_assert!((divergence(&z, &y) as f32 - alone).abs() <= 2e-4 * alone + 1e-6, "{alone}");
            let shares = [&z, &y].map(|z| softmax(z, temperature));
            for (top, logits) in [(&found.dense_top, &z), (&found.pruned_top, &y)] {
                let ids: Vec<usize> = top.iter().map(|token| token.id as usize).collect();
                prop_assert_eq!(&ids, &definitions::largest(logits, TOP));
                for (token, id) in top.iter().zip(ids) {
                    for (found, share) in [(token.dense, shares[0][id]), (token.pruned, shares[1][id])] {
                        prop_assert!((f64::from(found) - share).abs() < 1e-6, "{found} {share}");
                    }
                    // The parts of the whole vector Δz, at this token.
                    let along = wanted.alpha_z * z[id];
                    for (found, part) in [(token.z, z[id]), (token.parallel, along), (token.orthogonal, y[id] - z[id] - along)] {
                        prop_assert!((found - part).abs() < 1e-4, "{found} {part}");
                    }
                }
            }
        }
    }

    #[cfg(feature = "gpu")]
    mod on_a_gpu {
        use super::*;
        use crate::metrics::comparison::{ModelOutputs, compare_on_gpu, read_all};
        use burn::tensor::{Tensor, TensorData};

        /// Pseudorandom numbers in −1..1 (xorshift).
        fn numbers(count: usize, salt: u32) -> Vec<f32> {
            let mut state = salt.wrapping_mul(0x9e37_79b9) | 1;
            let mut next = || {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            };
            (0..count).map(|_| next()).collect()
        }

        /// Vocabularies around the workgroup size, tied logits, several temperatures, and identical models.
        #[test]
        fn compares_as_the_host_does() {
            let device = &crate::compute::test_device();
            let rows = 5;
            for (vocabulary, temperature, change) in
                [(7, 1.0, 1.0), (256, 0.5, 0.01), (1031, 1.7, 3.0), (600, 1.0, 0.0)]
            {
                let moved = |x: &[f32], by: f32, salt| -> Vec<f32> {
                    x.iter().zip(numbers(x.len(), salt)).map(|(x, d)| x + by * d).collect()
                };
                let hidden = numbers(rows * 48, 31);
                // Coarse values, so that some logits are tied.
                let logits: Vec<f32> =
                    numbers(rows * vocabulary, 32).iter().map(|x| (x * 40.0).round() / 4.0).collect();
                let pruned = [moved(&hidden, change, 33), moved(&logits, change, 34)];
                let on = |x: &[f32]| Tensor::from_data(TensorData::new(x.to_vec(), [rows, x.len() / rows]), device);
                let spaces = |hidden: &[f32], logits: &[f32]| ModelOutputs { hidden: on(hidden), logits: on(logits) };
                let (dense, other) = (spaces(&hidden, &logits), spaces(&pruned[0], &pruned[1]));
                let pending = compare_on_gpu(&dense, &other, temperature, true);
                let found = futures::executor::block_on(read_all(vec![pending])).unwrap();
                let row = |x: &[f32], y: &[f32], at: usize| {
                    compare_rows(
                        Row {
                            hidden: &hidden[48 * at..48 * (at + 1)],
                            logits: &logits[vocabulary * at..vocabulary * (at + 1)],
                        },
                        Row { hidden: &x[48 * at..48 * (at + 1)], logits: &y[vocabulary * at..vocabulary * (at + 1)] },
                        temperature,
                        true,
                    )
                };
                let wanted: Vec<Comparison> = (0..rows).map(|at| row(&pruned[0], &pruned[1], at)).collect();
                assert_eq!(found.len(), rows);
                for (found, wanted) in found.iter().zip(&wanted) {
                    check(&found.metrics, &wanted.metrics, 1e-3, 2e-6)
                        .unwrap_or_else(|why| panic!("{why}, of {vocabulary} tokens, change {change}"));
                    for (found, wanted) in
                        [(&found.dense_top, &wanted.dense_top), (&found.pruned_top, &wanted.pruned_top)]
                    {
                        let ids = |top: &[TopToken]| top.iter().map(|token| token.id).collect::<Vec<_>>();
                        assert_eq!(ids(found), ids(wanted));
                        for (a, b) in found.iter().zip(wanted) {
                            let pairs = [
                                (a.dense, b.dense),
                                (a.pruned, b.pruned),
                                (a.z, b.z),
                                (a.parallel, b.parallel),
                                (a.orthogonal, b.orthogonal),
                            ];
                            assert!(pairs.iter().all(|(a, b)| (a - b).abs() < 1e-5 * (1.0 + b.abs())), "{a:?} {b:?}");
                        }
                    }
                }
            }
        }
    }
}
