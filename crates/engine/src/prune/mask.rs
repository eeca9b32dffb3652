//! Pruning masks from weight scores: magnitude and Wanda, unstructured or N:M.
//!
//! Matrices are `[rows, columns]` in row-major order. The score of W_ij is |W_ij| · ‖X_j‖₂ (Wanda; Sun et al., 2024,
//! eq. 1), or |W_ij| (magnitude, the same with all norms 1). Of equal scores the first is pruned first, so that counts
//! are exact and results the same on every platform.

use prunescope_protocol::prune::sparsity::MAX_PERCENT;

/// A share of weights in millionths, so that counts are whole numbers without rounding errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    const WHOLE: u32 = 1_000_000;

    /// A whole percentage, at most 100.
    pub fn percent(percent: u8) -> Self {
        Self(Self::WHOLE / 100 * u32::from(percent.min(100)))
    }

    /// The share nearest to a ratio from 0 to 1.
    pub fn nearest(ratio: f64) -> Self {
        Self((ratio.clamp(0.0, 1.0) * f64::from(Self::WHOLE)).round() as u32)
    }

    /// The number of weights to prune of a number of them, rounded down.
    pub fn count(self, of: usize) -> usize {
        (of as u64 * u64::from(self.0) / u64::from(Self::WHOLE)) as usize
    }
}

/// What is pruned within a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A share, anywhere in a line.
    Share(Share),
    /// N of every M consecutive weights in a row.
    NOfM(usize, usize),
}

/// Pruning thresholds for every line and every whole percent. Sorting is done once; another ratio only compares.
///
/// A line is the set of weights that are ranked together: a row for Wanda, the whole matrix for magnitude.
#[derive(Clone, Debug)]
pub struct Thresholds {
    line: usize,
    /// `[lines, STEPS]`: for 0 to [`MAX_PERCENT`] percent the largest pruned score, −1 if none is pruned.
    values: Vec<f32>,
}

const STEPS: usize = MAX_PERCENT as usize + 1;

impl Thresholds {
    /// Sorts the scores of every line of `line` weights.
    ///
    /// * `norms`: ‖X_j‖₂ of each input column; `line` is a multiple of their number.
    pub fn new(weights: &[f32], norms: &[f32], line: usize) -> Self {
        let mut sorted = vec![0u32; line];
        let mut values = Vec::with_capacity(weights.len() / line.max(1) * STEPS);
        for weights in weights.chunks_exact(line) {
            write_scores(weights, norms, &mut sorted);
            sorted.sort_unstable();
            values.extend((0..=MAX_PERCENT).map(|percent| match Share::percent(percent).count(line) {
                0 => -1.0,
                count => f32::from_bits(sorted[count - 1]),
            }));
        }
        Self { line, values }
    }

    /// The weights with the lowest `percent` of each line set to 0; `percent` is clamped to [`MAX_PERCENT`].
    ///
    /// * `weights`, `norms`: those that the thresholds were computed from.
    pub fn prune(&self, weights: &[f32], norms: &[f32], percent: u8) -> Vec<f32> {
        let percent = percent.min(MAX_PERCENT);
        let thresholds = self.values.chunks_exact(STEPS).map(|of_line| of_line[usize::from(percent)]);
        prune_below(weights, norms, self.line, Share::percent(percent), thresholds)
    }
}

/// The weights with the lowest-scored share of each line set to 0, whatever the share: nothing is sorted for others.
///
/// * `norms`: ‖X_j‖₂ of each input column; `line` is a multiple of their number.
pub fn prune_share(weights: &[f32], norms: &[f32], line: usize, share: Share) -> Vec<f32> {
    let mut scores = vec![0u32; line];
    let thresholds = weights.chunks_exact(line).map(|weights| match share.count(line) {
        0 => -1.0,
        count => {
            write_scores(weights, norms, &mut scores);
            let (_, threshold, _) = scores.select_nth_unstable(count - 1);
            f32::from_bits(*threshold)
        }
    });
    prune_below(weights, norms, line, share, thresholds)
}

/// Writes the scores of a line as bits; nonnegative floats compare like their bit patterns.
fn write_scores(weights: &[f32], norms: &[f32], out: &mut [u32]) {
    for (out, row) in out.chunks_exact_mut(norms.len()).zip(weights.chunks_exact(norms.len())) {
        for (bits, (weight, norm)) in out.iter_mut().zip(row.iter().zip(norms)) {
            *bits = (weight.abs() * norm).to_bits();
        }
    }
}

/// Sets a share of each line to 0: the weights with scores below its threshold, and the first of those that equal it.
///
/// * `thresholds`: of each line the largest score to prune, −1 if none is.
fn prune_below(
    weights: &[f32],
    norms: &[f32],
    line: usize,
    share: Share,
    thresholds: impl Iterator<Item = f32>,
) -> Vec<f32> {
    let mut out = vec![0f32; weights.len()];
    let lines = weights.chunks_exact(line).zip(out.chunks_exact_mut(line));
    for ((weights, out), threshold) in lines.zip(thresholds) {
        let rows = || weights.chunks_exact(norms.len());
        let scores = |row: &'_ [f32], is: fn(f32, f32) -> bool| -> usize {
            row.iter().zip(norms).map(|(w, norm)| u32::from(is(w.abs() * norm, threshold))).sum::<u32>() as usize
        };
        let below: usize = rows().map(|row| scores(row, |score, threshold| score < threshold)).sum();
        let mut ties = share.count(line).saturating_sub(below);
        for (row, out) in rows().zip(out.chunks_exact_mut(norms.len())) {
            let equal = scores(row, |score, threshold| score == threshold);
            let all = row.iter().zip(norms).zip(out);
            // Branch-free selects, since the outcome is unpredictable. Rows in which only some of the tied weights
            // are pruned are rare.
            if equal <= ties {
                ties -= equal;
                all.for_each(|((w, norm), out)| *out = if w.abs() * norm <= threshold { 0.0 } else { *w });
            } else if ties == 0 {
                all.for_each(|((w, norm), out)| *out = if w.abs() * norm < threshold { 0.0 } else { *w });
            } else {
                for ((weight, norm), out) in all {
                    let score = weight.abs() * norm;
                    *out = if score < threshold { 0.0 } else { *weight };
                    if score == threshold && ties > 0 {
                        ties -= 1;
                        *out = 0.0;
                    }
                }
            }
        }
    }
    out
}

/// N:M pruning: sets the `n` lowest-scored of every `m` consecutive weights in a row to 0. A remainder shorter than `m`
/// at a row's end is kept.
///
/// * `norms`: ‖X_j‖₂ of each input column, `[columns]`.
pub fn prune_n_of_m(weights: &[f32], norms: &[f32], n: usize, m: usize) -> Vec<f32> {
    let mut out = weights.to_vec();
    let mut scores = vec![0f32; m];
    for row in out.chunks_exact_mut(norms.len()) {
        for (weights, norms) in row.chunks_exact_mut(m).zip(norms.chunks_exact(m)) {
            scores.iter_mut().zip(weights.iter().zip(norms)).for_each(|(score, (w, norm))| *score = w.abs() * norm);
            for at in lowest(&scores, n) {
                weights[at] = 0.0;
            }
        }
    }
    out
}

/// Indices of the `n` lowest of at most 64 scores, in ascending order; ties by lower index.
pub(super) fn lowest(scores: &[f32], n: usize) -> impl Iterator<Item = usize> {
    let mut gone = 0u64;
    for _ in 0..n.min(scores.len()) {
        let left = scores.iter().enumerate().filter(|(at, _)| gone & 1 << at == 0);
        let least = left.min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(at, _)| at);
        gone |= 1 << least;
    }
    (0..scores.len()).filter(move |at| gone & 1 << at != 0)
}

/// The effect of an edit on a matrix: (share of zeros in `after`, ‖after − before‖ / ‖before‖ in the Frobenius norm).
pub fn effect(before: &[f32], after: &[f32]) -> (f32, f32) {
    // Independent partial sums, which compilers vectorize, over chunks short enough for f32.
    const LANES: usize = 8;
    const SHORT: usize = 4096;
    let (mut zeros, mut change, mut size) = (0usize, 0f64, 0f64);
    for (before, after) in before.chunks(SHORT).zip(after.chunks(SHORT)) {
        zeros += after.iter().map(|weight| u32::from(*weight == 0.0)).sum::<u32>() as usize;
        let (mut changes, mut sizes) = ([0f32; LANES], [0f32; LANES]);
        for (before, after) in before.chunks(LANES).zip(after.chunks(LANES)) {
            for (lane, (before, after)) in before.iter().zip(after).enumerate() {
                changes[lane] += (after - before) * (after - before);
                sizes[lane] += before * before;
            }
        }
        change += changes.iter().map(|x| f64::from(*x)).sum::<f64>();
        size += sizes.iter().map(|x| f64::from(*x)).sum::<f64>();
    }
    (zeros as f32 / before.len().max(1) as f32, (change / size.max(f64::MIN_POSITIVE)).sqrt() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Nonzero weights with many ties, like low-bit quantized weights.
    fn weights(length: usize) -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec((1u8..9, any::<bool>()), length).prop_map(|all| {
            all.into_iter().map(|(x, negative)| f32::from(x) / if negative { -4.0 } else { 4.0 }).collect()
        })
    }

    fn gone(weights: &[f32]) -> usize {
        weights.iter().filter(|weight| **weight == 0.0).count()
    }

    #[test]
    fn wanda_weighs_by_the_input_and_compares_in_a_row() {
        let (weights, norms) = ([1.0, -2.0, 3.0, 0.5], [10.0, 1.0]);
        assert_eq!(Thresholds::new(&weights, &norms, 2).prune(&weights, &norms, 50), [1.0, 0.0, 3.0, 0.0]);
        let ones = [1.0; 2];
        assert_eq!(Thresholds::new(&weights, &ones, 4).prune(&weights, &ones, 50), [0.0, -2.0, 3.0, 0.0]);
    }

    #[test]
    fn of_equal_scores_the_first_goes() {
        let same = [1.0f32; 4];
        assert_eq!(Thresholds::new(&same, &same, 4).prune(&same, &same, 50), [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(prune_n_of_m(&same, &same, 2, 4), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn scores_that_are_nearly_equal_are_told_apart() {
        let weights: Vec<f32> = (0..200u16).map(|at| 1.0 + f32::from(at * 73 % 200) * 1e-5).collect();
        let pruned = Thresholds::new(&weights, &[1.0; 40], 200).prune(&weights, &[1.0; 40], 30);
        for (before, after) in weights.iter().zip(pruned) {
            assert_eq!(after, if *before < 1.000_595 { 0.0 } else { *before });
        }
    }

    #[test]
    fn shares_count_without_rounding_errors() {
        for percent in 0..=100 {
            assert_eq!(Share::nearest(f64::from(percent) / 100.0), Share::percent(percent));
            assert_eq!(Share::percent(percent).count(1_300_000_000), 13_000_000 * usize::from(percent));
        }
        assert_eq!((Share::nearest(-0.1), Share::nearest(1.2)), (Share::percent(0), Share::percent(100)));
        assert_eq!(Share::nearest(0.58).count(100), 58, "0.58 · 100 is less than 58 in floating point");
    }

    #[test]
    fn an_effect_in_numbers() {
        assert_eq!(effect(&[3.0, 4.0], &[3.0, 0.0]), (0.5, 0.8));
        assert_eq!(effect(&[1.0; 9000], &[1.0; 9000]), (0.0, 0.0));
    }

    proptest! {
        #[test]
        fn the_ratio_is_exact_in_every_line(weights in weights(60), percent in 0u8..=90) {
            let norms = [1.0, 2.0, 0.5, 1.0].repeat(5);
            let pruned = Thresholds::new(&weights, &norms, 20).prune(&weights, &norms, percent);
            for (before, after) in weights.chunks(20).zip(pruned.chunks(20)) {
                prop_assert_eq!(gone(after), 20 * usize::from(percent) / 100);
                let score = |at: usize| before[at].abs() * norms[at];
                let worst = (0..20).filter(|at| after[*at] == 0.0).map(score).fold(0.0, f32::max);
                prop_assert!((0..20).all(|at| after[at] == 0.0 || (after[at] == before[at] && score(at) >= worst)));
            }
        }

        #[test]
        fn a_share_of_whole_percent_prunes_like_its_threshold(weights in weights(60), percent in 0u8..=90) {
            let norms = [1.0, 2.0, 0.5, 1.0].repeat(5);
            for line in [20, 60] {
                let pruned = Thresholds::new(&weights, &norms, line).prune(&weights, &norms, percent);
                prop_assert_eq!(prune_share(&weights, &norms, line, Share::percent(percent)), pruned);
            }
        }

        #[test]
        fn any_share_has_its_exact_count(weights in weights(60), ratio in 0f64..=1.0) {
            let share = Share::nearest(ratio);
            let pruned = prune_share(&weights, &[1.0; 20], 20, share);
            prop_assert!((share.count(20) as f64 - 20.0 * ratio).abs() < 1.0 + 1e-4);
            prop_assert!(pruned.chunks(20).all(|line| gone(line) == share.count(20)));
        }

        #[test]
        fn a_higher_ratio_takes_more_of_the_same(weights in weights(40), low in 0u8..=90, more in 0u8..=90) {
            let norms = [1.0; 40];
            let thresholds = Thresholds::new(&weights, &norms, 40);
            let (low, high) = (low.min(more), low.max(more));
            let (few, many) = (thresholds.prune(&weights, &norms, low), thresholds.prune(&weights, &norms, high));
            prop_assert!(few.iter().zip(&many).all(|(few, many)| *few != 0.0 || *many == 0.0));
        }

        #[test]
        fn n_of_m_takes_exactly_the_n_lowest_of_every_m(weights in weights(48)) {
            for (n, m) in [(2, 4), (4, 8)] {
                let pruned = prune_n_of_m(&weights, &[1.0; 24], n, m);
                for (before, after) in weights.chunks(m).zip(pruned.chunks(m)) {
                    prop_assert_eq!(gone(after), n);
                    let largest_gone = (0..m).filter(|at| after[*at] == 0.0).map(|at| before[at].abs()).fold(0.0, f32::max);
                    prop_assert!(after.iter().all(|w| *w == 0.0 || w.abs() >= largest_gone));
                }
            }
        }

        #[test]
        fn pruning_twice_is_pruning_once(weights in proptest::collection::vec(-2f32..2.0, 40), percent in 0u8..=90) {
            let norms = [1.0; 40];
            let prune = |weights: &[f32]| Thresholds::new(weights, &norms, 40).prune(weights, &norms, percent);
            let once = prune(&weights);
            prop_assert_eq!(prune(&once), once.clone());
            prop_assert!(percent != 0 || once == weights);
        }
    }
}
