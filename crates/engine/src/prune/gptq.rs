//! GPTQ: rounds weights column by column and updates the later columns to compensate for the error.
//!
//! Source: Frantar et al., *GPTQ* (2023), algorithm 1, with groups and the columns in their own order.

use super::quantize::Grid;
use super::sparsegpt::{BLOCK, InverseFactor};

/// Incremental rounding of one matrix, one [`Gptq::block`] of columns at a time, so that it can be interrupted.
///
/// Step size and zero point of a group are those of [`super::quantize::round_to_nearest`], from the group's weights at its
/// first column, all updates included. (The authors' program leaves out the updates of the block that it works on.)
///
/// Weights that are 0 before stay 0: they are not rounded, and what updates have put there is an error like that of
/// rounding, for which the later columns compensate.
pub struct Gptq<'a> {
    weights: &'a mut [f32],
    factor: &'a InverseFactor,
    bits: u8,
    group: usize,
    /// Weights that stay 0, `[rows, n]`.
    removed: Vec<bool>,
    /// Grid of each group, `[rows, groups]`.
    grids: Vec<Grid>,
    next: usize,
}

impl<'a> Gptq<'a> {
    /// Starts rounding `weights`, `[rows, n]` with the n of `factor`, in place.
    ///
    /// * `group`: weights of a row that share a grid; divides [`BLOCK`].
    pub fn new(weights: &'a mut [f32], factor: &'a InverseFactor, bits: u8, group: usize) -> Self {
        factor.clear_dead(weights);
        let removed = weights.iter().map(|weight| *weight == 0.0).collect();
        let n = factor.inputs();
        let grids = vec![Grid::default(); weights.len() / n.max(1) * n.div_ceil(group)];
        Self { weights, factor, bits, group, removed, grids, next: 0 }
    }

    /// Rounds the next block of columns and updates the later ones. Returns whether there are more.
    pub fn block(&mut self) -> bool {
        let (n, begin, group) = (self.factor.inputs(), self.next, self.group);
        let end = (begin + BLOCK).min(n);
        let rows = self.weights.chunks_exact_mut(n).zip(self.removed.chunks_exact(n));
        for ((row, removed), grids) in rows.zip(self.grids.chunks_exact_mut(n.div_ceil(group))) {
            self.factor.replace(row, begin..end, |row, column| {
                let grid = &mut grids[column / group];
                if column % group == 0 {
                    let of_group = column..(column + group).min(n);
                    let kept = row[of_group.clone()].iter().zip(&removed[of_group]).filter(|(_, removed)| !**removed);
                    *grid = Grid::of(kept.map(|(weight, _)| *weight), self.bits);
                }
                if removed[column] { 0.0 } else { grid.round(row[column]) }
            });
        }
        self.next = end;
        end < n
    }

    /// The grid on which the rounded weights are, for storage in blocks: `[step, lowest value]` of each block of `block`
    /// consecutive weights.
    pub fn grid(&self, block: usize) -> Vec<[f32; 2]> {
        let n = self.factor.inputs();
        let blocks_of_row = |grids: &[Grid]| {
            let starts = (0..n).step_by(self.group).map(|start| self.group.min(n - start).div_ceil(block));
            grids
                .iter()
                .zip(starts)
                .flat_map(|(grid, blocks)| std::iter::repeat_n(grid.stored(), blocks))
                .collect::<Vec<_>>()
        };
        self.grids.chunks_exact(n.div_ceil(self.group)).flat_map(blocks_of_row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::quantize::round_to_nearest;
    use super::super::sparsegpt::tests::{hessian, output_error};
    use super::super::sparsegpt::{DAMPING, Factorization};
    use super::*;
    use proptest::prelude::*;
    use prunescope_kernels::PackedMatrix;
    use prunescope_protocol::prune::quantization::{BITS, GROUPS};

    fn rounded(weights: &[f32], factor: &InverseFactor, bits: u8, group: usize) -> (Vec<f32>, Vec<[f32; 2]>) {
        let mut weights = weights.to_vec();
        let mut work = Gptq::new(&mut weights, factor, bits, group);
        while work.block() {}
        let grid = work.grid(prunescope_kernels::BLOCK);
        (weights, grid)
    }

    #[test]
    fn without_correlations_it_rounds_to_nearest() {
        let weights: Vec<f32> = (0..400).map(|i| ((i * 37 % 101) as f32 - 50.0) / 30.0).collect();
        let mut identity = vec![0.0; 200 * 200];
        identity.iter_mut().step_by(201).for_each(|entry| *entry = 1.0);
        let factor = Factorization::new(identity, 200, DAMPING).finish();
        let mut nearest = weights.clone();
        round_to_nearest(&mut nearest, 200, 3, 64);
        assert_eq!(rounded(&weights, &factor, 3, 64).0, nearest);
    }

    #[test]
    fn the_next_column_takes_over_the_error() {
        // Two inputs that are nearly equal: what rounding adds to the first weight, the second gives back.
        let factor = Factorization::new(vec![1.0, 0.999, 0.999, 1.0], 2, DAMPING).finish();
        let (weights, grid) = rounded(&[0.45, 1.0], &factor, 1, 32);
        // One bit, range 0 to 1: 0.45 becomes 0, and the second weight grows to about 1.44 before it is rounded to 1.
        assert_eq!((weights, grid), (vec![0.0, 1.0], vec![[1.0, 0.0]]));
        let (weights, _) = rounded(&[0.4, 0.45, 1.0], &all_alike(), 1, 32);
        // 0.4 becomes 0, so 0.45 grows to about 0.64 and becomes 1, where rounding to nearest gives 0.
        assert_eq!(weights[..2], [0.0, 1.0]);
    }

    /// The factor of three inputs that are nearly equal.
    fn all_alike() -> InverseFactor {
        Factorization::new(vec![1.0, 0.99, 0.99, 0.99, 1.0, 0.99, 0.99, 0.99, 1.0], 3, DAMPING).finish()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn zeros_stay_and_the_error_of_the_output_is_smaller(
            inputs in proptest::collection::vec(-1f32..1.0, 200 * 8),
            mixing in proptest::collection::vec(-1f32..1.0, 8 * 160),
            weights in proptest::collection::vec(-1f32..1.0, 160 * 6),
            removed in proptest::collection::vec(any::<bool>(), 160 * 6),
            bits in 2usize..4,
            group in 0usize..3,
        ) {
            // Inputs of 160 channels that are combinations of 8, so that they are correlated.
            let (n, rank) = (160, 8);
            let x: Vec<f32> = inputs.chunks(rank)
                .flat_map(|of| (0..n).map(|j| (0..rank).map(|k| of[k] * mixing[k * n + j]).sum::<f32>()).collect::<Vec<_>>())
                .collect();
            let factor = Factorization::new(hessian(&x, n), n, DAMPING).finish();
            let (bits, group) = (BITS[bits], usize::from(GROUPS[group]));
            let before: Vec<f32> = weights.iter().zip(&removed).map(|(w, removed)| if *removed { 0.0 } else { *w }).collect();
            let (after, grid) = rounded(&before, &factor, bits, group);
            prop_assert!(before.iter().zip(&after).all(|(before, after)| *before != 0.0 || *after == 0.0));
            let mut nearest = before.clone();
            round_to_nearest(&mut nearest, n, bits, group);
            let (ours, theirs) = (output_error(&x, &before, &after, n), output_error(&x, &before, &nearest, n));
            prop_assert!(ours < theirs, "{ours} with updates, {theirs} without");
            // Its values lie on its grid: they are unchanged when stored as 4-bit codes, zeros exactly.
            prop_assert_eq!(grid.len(), after.len() / prunescope_kernels::BLOCK);
            let held = PackedMatrix::on_grid(&after, n, &grid).values();
            for (held, weight) in held.iter().zip(&after) {
                prop_assert!((held - weight).abs() <= 2e-6 * weight.abs().max(1.0), "{held} for {weight}");
                prop_assert!(*weight != 0.0 || *held == 0.0);
            }
        }
    }
}
