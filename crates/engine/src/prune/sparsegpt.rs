//! SparseGPT: prunes weights column by column and updates the later columns to compensate for the error.
//!
//! Source: Frantar and Alistarh, *SparseGPT* (2023), algorithm 1, with masks chosen in blocks of 128 columns.

use std::ops::Range;

use prunescope_protocol::prune::{Quantization, QuantizationMethod, Sparsity, SparsityMethod};

use super::mask::{Removal, lowest};

/// Columns whose mask is chosen together, and whose errors reach the columns behind them together (the paper's B_s and B).
pub const BLOCK: usize = 128;
/// The authors' damping λ as a share of the mean of H's diagonal, for H of a hundred thousand inputs and more.
pub(super) const DAMPING: f64 = 0.01;

/// How large the damping λ is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Damping {
    /// As the authors have it, for SparseGPT: with more, the pruned model diverged more (`docs/decisions.md`).
    Least,
    /// As large as H's own error, for GPTQ: with less, its updates learn a short calibration text by heart.
    ByLength,
}

impl Damping {
    /// λ as a share of the mean of H's diagonal, for H of some inputs.
    pub fn share(self, inputs: usize, columns: usize) -> f64 {
        match self {
            Self::Least => DAMPING,
            Self::ByLength => (columns as f64 / inputs.max(1) as f64).max(DAMPING),
        }
    }

    /// Those that a plan's methods need.
    pub fn of(sparse: Option<Sparsity>, quant: Option<Quantization>) -> impl Iterator<Item = Self> {
        let least = sparse.is_some_and(|sparse| sparse.method == SparsityMethod::SparseGpt);
        let by_length = quant.is_some_and(|quant| quant.method == QuantizationMethod::Gptq);
        least.then_some(Self::Least).into_iter().chain(by_length.then_some(Self::ByLength))
    }
}

/// The upper triangular U with Uᵀ U = (H + λI)⁻¹ for one input site. Independent of the sparsity.
#[derive(Clone, Debug)]
pub struct InverseFactor {
    n: usize,
    /// The upper triangle, row-major: row i has n − i entries.
    rows: Vec<f32>,
    /// Inputs that are always zero. Their weights have no effect and are set to 0 first.
    dead: Vec<bool>,
}

/// Dot product in independent partial sums, which compilers vectorize.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0f64; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Incremental computation of an [`InverseFactor`], one [`Factorization::row`] at a time, so that it can be
/// interrupted.
pub struct Factorization {
    n: usize,
    hessian: Vec<f32>,
    /// Diagonal of H + λI, where dead inputs count as 1 in H.
    diagonal: Vec<f64>,
    dead: Vec<bool>,
    /// A lower triangle, row-major. First L, the Cholesky factor of H + λI with rows and columns reversed; then its
    /// rows are overwritten by those of L⁻¹, which is U with rows and columns reversed.
    triangle: Vec<f64>,
    /// Finished rows of both passes, 0 to 2n.
    done: usize,
}

impl Factorization {
    /// Starts the factorization.
    ///
    /// * `hessian`: H = XᵀX of the calibration inputs, `[n, n]`, up to a positive factor.
    /// * `damping`: λ as a share of the mean of H's diagonal.
    pub fn new(hessian: Vec<f32>, n: usize, damping: f64) -> Self {
        let dead: Vec<bool> = (0..n).map(|i| hessian[i * n + i] == 0.0).collect();
        let own = |i: usize| if dead[i] { 1.0 } else { f64::from(hessian[i * n + i]) };
        let damping = damping * (0..n).map(own).sum::<f64>() / n.max(1) as f64;
        let diagonal = (0..n).map(|i| own(i) + damping).collect();
        Self { n, hessian, diagonal, dead, triangle: Vec::with_capacity(start(n)), done: 0 }
    }

    /// Computes the next row. Returns whether there are more.
    pub fn row(&mut self) -> bool {
        if self.done < self.n {
            self.lower(self.done);
        } else if self.done < 2 * self.n {
            self.invert(self.done - self.n);
        }
        self.done += 1;
        self.done < 2 * self.n
    }

    /// Entry (i, j) of H + λI with rows and columns reversed.
    fn reversed(&self, i: usize, j: usize) -> f64 {
        let (i, j) = (self.n - 1 - i, self.n - 1 - j);
        if i == j { self.diagonal[i] } else { f64::from(self.hessian[i * self.n + j]) }
    }

    /// Computes row i of L.
    fn lower(&mut self, i: usize) {
        let begin = self.triangle.len();
        for j in 0..=i {
            let rest = self.reversed(i, j);
            let (above, row) = self.triangle.split_at(begin);
            let other = if j < i { &above[start(j)..start(j) + j] } else { &row[..i] };
            let rest = rest - dot(&row[..j], other);
            let entry = if j < i { rest / above[start(j) + j] } else { rest.max(f64::MIN_POSITIVE).sqrt() };
            self.triangle.push(entry);
        }
    }

    /// Replaces row i of L by that of L⁻¹; the rows above are those of L⁻¹ already.
    fn invert(&mut self, i: usize) {
        let (above, row) = self.triangle.split_at_mut(start(i));
        let row = &mut row[..=i];
        let scale = 1.0 / row[i];
        let factors: Vec<f64> = row[..i].iter().map(|entry| -entry * scale).collect();
        row.fill(0.0);
        for (k, factor) in factors.into_iter().enumerate() {
            row[..=k].iter_mut().zip(&above[start(k)..]).for_each(|(x, known)| *x += factor * known);
        }
        row[i] = scale;
    }

    /// The factor; computes rows that are not finished yet.
    pub fn finish(mut self) -> InverseFactor {
        while self.done < 2 * self.n {
            self.row();
        }
        let n = self.n;
        let rows = (0..n).flat_map(|i| (i..n).map(move |j| (n - 1 - i, n - 1 - j)));
        let rows = rows.map(|(i, j)| self.triangle[start(i) + j] as f32).collect();
        InverseFactor { n, rows, dead: self.dead }
    }
}

/// Index at which row i of a row-major lower triangle begins.
fn start(i: usize) -> usize {
    i * (i + 1) / 2
}

impl InverseFactor {
    /// U as a square matrix, row-major `[n, n]`.
    pub fn dense(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.n * self.n];
        for i in 0..self.n {
            out[i * self.n + i..(i + 1) * self.n].copy_from_slice(self.row(i));
        }
        out
    }

    /// Number of inputs, n.
    pub(super) fn inputs(&self) -> usize {
        self.n
    }

    /// U[i][i..n].
    fn row(&self, i: usize) -> &[f32] {
        let begin = i * self.n - i * i.saturating_sub(1) / 2;
        &self.rows[begin..begin + self.n - i]
    }

    /// Sets the weights of inputs that are always zero to 0.
    ///
    /// * `weights`: `[rows, n]`.
    pub(super) fn clear_dead(&self, weights: &mut [f32]) {
        for row in weights.chunks_exact_mut(self.n) {
            row.iter_mut().zip(&self.dead).filter(|(_, dead)| **dead).for_each(|(weight, _)| *weight = 0.0);
        }
    }

    /// Gives the weights of some columns of a row new values, one after the other, and updates the row's later weights
    /// to compensate for the error of each.
    ///
    /// * `row`: `[n]`.
    /// * `columns`: [`BLOCK`] of them, or the last ones.
    /// * `value_of`: the new weight of a column, from the row with all updates so far.
    pub(super) fn replace(
        &self,
        row: &mut [f32],
        columns: Range<usize>,
        mut value_of: impl FnMut(&[f32], usize) -> f32,
    ) {
        let Range { start: begin, end } = columns;
        let mut errors = [0f32; BLOCK];
        for column in begin..end {
            let value = value_of(row, column);
            let of_column = self.row(column);
            let error = (row[column] - value) / of_column[0];
            row[column] = value;
            errors[column - begin] = error;
            if error != 0.0 {
                row[column + 1..end].iter_mut().zip(&of_column[1..]).for_each(|(weight, u)| *weight -= error * u);
            }
        }
        // A shorter block is the last one, with nothing behind it.
        if end == self.n {
            return;
        }
        // Four columns at once, so that the row is read and written less often.
        let (fours, _) = errors.as_chunks::<4>();
        for (at, [a, b, c, d]) in fours.iter().enumerate().filter(|(_, errors)| **errors != [0.0; 4]) {
            let behind = |offset: usize| {
                let column = begin + 4 * at + offset;
                &self.row(column)[end - column..]
            };
            let updates = behind(0).iter().zip(behind(1)).zip(behind(2)).zip(behind(3));
            for (weight, (((p, q), r), s)) in row[end..].iter_mut().zip(updates) {
                *weight = *weight - a * p - b * q - c * r - d * s;
            }
        }
    }
}

/// Incremental pruning of one matrix, one [`SparseGpt::block`] of columns at a time, so that it can be interrupted.
pub struct SparseGpt<'a> {
    weights: &'a mut [f32],
    factor: &'a InverseFactor,
    removal: Removal,
    next: usize,
}

impl<'a> SparseGpt<'a> {
    /// Starts pruning `weights`, `[rows, n]` with the n of `factor`, in place.
    pub fn new(weights: &'a mut [f32], factor: &'a InverseFactor, removal: Removal) -> Self {
        factor.clear_dead(weights);
        Self { weights, factor, removal, next: 0 }
    }

    /// Prunes the next block of columns and updates the later ones. Returns whether there are more.
    pub fn block(&mut self) -> bool {
        let (n, begin) = (self.factor.n, self.next);
        let end = (begin + BLOCK).min(n);
        let width = end - begin;
        let diagonal: Vec<f32> = (begin..end).map(|i| self.factor.row(i)[0]).collect();
        let error_of = |weight: f32, at: usize| (weight / diagonal[at]).powi(2);
        let stays = match self.removal {
            Removal::Share(share) => {
                let scores: Vec<f32> = self
                    .weights
                    .chunks_exact(n)
                    .flat_map(|row| row[begin..end].iter().enumerate().map(|(at, weight)| error_of(*weight, at)))
                    .collect();
                Some(lowest_mask(&scores, share.count(scores.len())))
            }
            Removal::NOfM(..) => None,
        };
        for (at_row, row) in self.weights.chunks_exact_mut(n).enumerate() {
            let mut group = [true; BLOCK];
            self.factor.replace(row, begin..end, |row, column| {
                let at = column - begin;
                // An N:M mask is chosen from the weights at the start of the group, earlier updates included.
                if let Removal::NOfM(count, m) = self.removal
                    && at % m == 0
                    && at + m <= width
                {
                    let scores: Vec<f32> = (at..at + m).map(|i| error_of(row[begin + i], i)).collect();
                    for gone in lowest(&scores, count) {
                        group[at + gone] = false;
                    }
                }
                let keep = stays.as_ref().map_or(group[at], |mask| mask[at_row * width + at]);
                if keep { row[column] } else { 0.0 }
            });
        }
        self.next = end;
        end < n
    }
}

/// False at the `count` lowest scores (ties by lower index), true elsewhere. Scores are nonnegative.
fn lowest_mask(scores: &[f32], count: usize) -> Vec<bool> {
    if count == 0 {
        return vec![true; scores.len()];
    }
    let mut order: Vec<u32> = scores.iter().map(|score| score.to_bits()).collect();
    let (_, threshold, _) = order.select_nth_unstable(count - 1);
    let threshold = f32::from_bits(*threshold);
    let mut ties = count - scores.iter().filter(|score| **score < threshold).count();
    scores
        .iter()
        .map(|score| {
            let goes = *score < threshold || (*score == threshold && ties > 0);
            if goes && *score == threshold {
                ties -= 1;
            }
            !goes
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::mask::Share;
    use super::*;
    use proptest::prelude::*;

    /// XᵀX of inputs X `[tokens, n]`.
    pub(in super::super) fn hessian(inputs: &[f32], n: usize) -> Vec<f32> {
        let mut out = vec![0f32; n * n];
        for x in inputs.chunks_exact(n) {
            for i in 0..n {
                for j in 0..n {
                    out[i * n + j] += x[i] * x[j];
                }
            }
        }
        out
    }

    fn prune(weights: &[f32], factor: &InverseFactor, removal: Removal) -> Vec<f32> {
        let mut weights = weights.to_vec();
        let mut work = SparseGpt::new(&mut weights, factor, removal);
        while work.block() {}
        weights
    }

    /// ‖X (Ŵ − W)ᵀ‖².
    pub(in super::super) fn output_error(inputs: &[f32], before: &[f32], after: &[f32], n: usize) -> f32 {
        let mut error = 0.0;
        for x in inputs.chunks_exact(n) {
            for (a, b) in before.chunks_exact(n).zip(after.chunks_exact(n)) {
                let off: f32 = x.iter().zip(a.iter().zip(b)).map(|(x, (a, b))| x * (b - a)).sum();
                error += off * off;
            }
        }
        error
    }

    #[test]
    fn the_factor_inverts() {
        let inputs: Vec<f32> = (0..50).map(|i| ((i * 37 % 19) as f32 - 9.0) / 5.0).collect();
        let (n, h) = (5, hessian(&inputs, 5));
        let factor = Factorization::new(h.clone(), n, DAMPING).finish();
        let u = |i: usize, j: usize| if j < i { 0.0 } else { factor.row(i)[j - i] };
        let damping = 0.01 * (0..n).map(|i| h[i * n + i]).sum::<f32>() / n as f32;
        for i in 0..n {
            for j in 0..n {
                // (Uᵀ U) (H + λI) = I
                let product: f32 = (0..n)
                    .map(|k| {
                        let inverse: f32 = (0..n).map(|l| u(l, i) * u(l, k)).sum();
                        inverse * (h[k * n + j] + if k == j { damping } else { 0.0 })
                    })
                    .sum();
                assert!((product - f32::from(u8::from(i == j))).abs() < 1e-3, "{i} {j}: {product}");
            }
        }
    }

    #[test]
    fn damping_is_that_of_the_authors_where_there_is_text_enough() {
        let by_length = |inputs, columns| Damping::ByLength.share(inputs, columns);
        assert_eq!((by_length(262_144, 1536), by_length(2000, 1000), by_length(0, 3)), (DAMPING, 0.5, 3.0));
    }

    #[test]
    fn an_input_that_is_always_zero_loses_its_weights() {
        let factor = Factorization::new(vec![2.0, 0.0, 0.0, 0.0], 2, DAMPING).finish();
        assert_eq!(prune(&[3.0, 4.0], &factor, Removal::Share(Share::percent(0))), [3.0, 0.0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_counts_are_exact_and_the_update_helps(
            inputs in proptest::collection::vec(-1f32..1.0, 24 * 40),
            weights in proptest::collection::vec(-1f32..1.0, 24 * 6),
            share in 0f64..=0.9,
        ) {
            let n = 24;
            let share = Share::nearest(share);
            let factor = Factorization::new(hessian(&inputs, n), n, DAMPING).finish();
            let gone = |weights: &[f32]| weights.iter().filter(|weight| **weight == 0.0).count();
            prop_assert_eq!(gone(&prune(&weights, &factor, Removal::Share(share))), share.count(weights.len()));
            prop_assert_eq!(&prune(&weights, &factor, Removal::Share(Share::percent(0))), &weights);
            for (n_gone, m) in [(2, 4), (4, 8)] {
                let pruned = prune(&weights, &factor, Removal::NOfM(n_gone, m));
                for group in pruned.chunks(m) {
                    prop_assert_eq!(gone(group), n_gone);
                }
                // The same mask without weight updates has a larger output error.
                let masked: Vec<f32> =
                    weights.iter().zip(&pruned).map(|(weight, kept)| if *kept == 0.0 { 0.0 } else { *weight }).collect();
                let (with, without) = (output_error(&inputs, &weights, &pruned, n), output_error(&inputs, &weights, &masked, n));
                prop_assert!(with <= without * 1.05 + 1e-3, "{with} with the update, {without} without");
            }
        }
    }
}
