//! Which weights of a matrix go: exact counts, from scores of worth.
//!
//! Matrices are `[rows, columns]` in row-major order. A mask holds `true` where a weight stays. Among equal scores the one
//! that comes first goes first, so that the counts are exact and the same everywhere.

use super::sparsity::MAX_PERCENT;

/// |W_ij| of each weight.
pub fn magnitude_scores(weights: &[f32]) -> Vec<f32> {
    weights.iter().map(|weight| weight.abs()).collect()
}

/// Wanda's |W_ij| · ‖X_j‖₂ of each weight (Sun et al., 2024, eq. 1).
///
/// * `norms` — ‖X_j‖₂ of each column's input over the calibration tokens.
pub fn wanda_scores(weights: &[f32], norms: &[f32]) -> Vec<f32> {
    weights.chunks_exact(norms.len()).flat_map(|row| row.iter().zip(norms).map(|(w, norm)| w.abs() * norm)).collect()
}

/// For every line of scores and every whole percent, the score below which weights go: computed once, so that another
/// ratio only compares.
///
/// A line is what is compared: a row for Wanda, the whole matrix for magnitude.
#[derive(Clone, Debug)]
pub struct Thresholds {
    line: usize,
    /// By line, the `count`-th lowest score for 0 to [`MAX_PERCENT`] percent.
    values: Vec<f32>,
}

/// How many of a line's weights go.
fn count(line: usize, percent: u8) -> usize {
    line * usize::from(percent) / 100
}

const STEPS: usize = MAX_PERCENT as usize + 1;

impl Thresholds {
    /// Sorts every line of `line` scores; scores are not negative.
    pub fn new(scores: &[f32], line: usize) -> Self {
        // Floats that are not negative are ordered like their bits.
        let mut sorted = vec![0u32; line];
        let mut values = Vec::with_capacity(scores.len() / line.max(1) * STEPS);
        for scores in scores.chunks_exact(line) {
            sorted.iter_mut().zip(scores).for_each(|(bits, score)| *bits = score.abs().to_bits());
            sorted.sort_unstable();
            values.extend((0..=MAX_PERCENT).map(|percent| match count(line, percent) {
                0 => -1.0,
                count => f32::from_bits(sorted[count - 1]),
            }));
        }
        Self { line, values }
    }

    /// The mask at a whole percent, at most [`MAX_PERCENT`].
    ///
    /// * `scores` — those that the thresholds were made from.
    pub fn mask(&self, scores: &[f32], percent: u8) -> Vec<bool> {
        let mut mask = vec![true; scores.len()];
        let lines = scores.chunks_exact(self.line).zip(mask.chunks_exact_mut(self.line));
        for ((scores, mask), thresholds) in lines.zip(self.values.chunks_exact(STEPS)) {
            let threshold = thresholds[usize::from(percent.min(MAX_PERCENT))];
            let below = scores.iter().filter(|score| **score < threshold).count();
            let mut ties = count(self.line, percent).saturating_sub(below);
            for (stays, score) in mask.iter_mut().zip(scores) {
                if *score < threshold {
                    *stays = false;
                } else if *score == threshold && ties > 0 {
                    ties -= 1;
                    *stays = false;
                }
            }
        }
        mask
    }
}

/// The N:M mask: of every `m` neighbours in a row the `n` with the lowest scores go. A rest shorter than `m` at a row's
/// end stays.
pub fn n_of_m_mask(scores: &[f32], columns: usize, n: usize, m: usize) -> Vec<bool> {
    let mut mask = vec![true; scores.len()];
    for (scores, mask) in scores.chunks_exact(columns).zip(mask.chunks_exact_mut(columns)) {
        for (scores, mask) in scores.chunks_exact(m).zip(mask.chunks_exact_mut(m)) {
            for at in lowest(scores, n) {
                mask[at] = false;
            }
        }
    }
    mask
}

/// The places of the `n` lowest scores; of equal ones the first.
pub(super) fn lowest(scores: &[f32], n: usize) -> impl Iterator<Item = usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    order.truncate(n);
    order.into_iter()
}

/// Sets the weights that go to zero.
pub fn apply(weights: &mut [f32], mask: &[bool]) {
    for (weight, stays) in weights.iter_mut().zip(mask) {
        if !stays {
            *weight = 0.0;
        }
    }
}

/// The share of zeros, 0 to 1.
pub fn sparsity(weights: &[f32]) -> f64 {
    weights.iter().filter(|weight| **weight == 0.0).count() as f64 / weights.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Scores with many ties, as weights of few bits have them.
    fn scores(length: usize) -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec((0u8..9).prop_map(|x| f32::from(x) / 4.0), length)
    }

    fn gone(mask: &[bool]) -> usize {
        mask.iter().filter(|stays| !**stays).count()
    }

    #[test]
    fn wanda_weighs_by_the_input() {
        let scores = wanda_scores(&[1.0, -2.0, 3.0, 0.5], &[10.0, 1.0]);
        assert_eq!(scores, [10.0, 2.0, 30.0, 0.5]);
        assert_eq!(Thresholds::new(&scores, 2).mask(&scores, 50), [true, false, true, false]);
        assert_eq!(Thresholds::new(&scores, 4).mask(&scores, 25), [true, true, true, false]);
    }

    #[test]
    fn of_equal_scores_the_first_goes() {
        let same = [1.0f32; 4];
        assert_eq!(Thresholds::new(&same, 4).mask(&same, 50), [false, false, true, true]);
        assert_eq!(n_of_m_mask(&same, 4, 2, 4), [false, false, true, true]);
    }

    proptest! {
        #[test]
        fn the_ratio_is_exact_in_every_line(scores in scores(60), percent in 0u8..=90) {
            let mask = Thresholds::new(&scores, 20).mask(&scores, percent);
            for (scores, mask) in scores.chunks(20).zip(mask.chunks(20)) {
                prop_assert_eq!(gone(mask), 20 * usize::from(percent) / 100);
                let worst = scores.iter().zip(mask).filter(|(_, stays)| !**stays).map(|(s, _)| *s).fold(0.0, f32::max);
                prop_assert!(scores.iter().zip(mask).all(|(score, stays)| !*stays || *score >= worst));
            }
        }

        #[test]
        fn a_higher_ratio_takes_more_of_the_same(scores in scores(40), low in 0u8..=90, more in 0u8..=90) {
            let thresholds = Thresholds::new(&scores, 40);
            let (low, high) = (low.min(more), low.max(more));
            let (few, many) = (thresholds.mask(&scores, low), thresholds.mask(&scores, high));
            prop_assert!(few.iter().zip(&many).all(|(few, many)| *few || !*many));
        }

        #[test]
        fn n_of_m_takes_exactly_n_of_every_m(scores in scores(48)) {
            for (n, m) in [(2, 4), (4, 8)] {
                for mask in n_of_m_mask(&scores, 24, n, m).chunks(m) {
                    prop_assert_eq!(gone(mask), n);
                }
            }
        }

        #[test]
        fn masking_twice_is_masking_once(weights in proptest::collection::vec(-2f32..2.0, 40), percent in 0u8..=90) {
            let once = |weights: &[f32]| {
                let scores = magnitude_scores(weights);
                let mut weights = weights.to_vec();
                apply(&mut weights, &Thresholds::new(&scores, 40).mask(&scores, percent));
                weights
            };
            prop_assert_eq!(once(&once(&weights)), once(&weights));
            prop_assert!(percent != 0 || once(&weights) == weights);
        }
    }
}
