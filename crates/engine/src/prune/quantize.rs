//! Simulated quantization: rounds weights to few bits and back to f32.
//!
//! Source: AWQ (Lin et al., 2024): its asymmetric group-wise rounding and its search for per-channel scales, without
//! its weight clipping.

/// Number of exponents α that AWQ's search tries: 0, 1/20, … 19/20. α = 0 is plain round-to-nearest.
pub const SEARCH_STEPS: usize = 20;

/// Rounds each group of `group` consecutive weights in a row to at most `2^bits` evenly spaced values over its range,
/// which is extended to include 0.
///
/// w ≈ (q − zero) · step with step = (max − min) / (2ᵇ − 1), zero = −round(min / step), both q and zero in 0..=2ᵇ − 1.
pub fn round_to_nearest(weights: &mut [f32], columns: usize, bits: u8, group: usize) {
    for row in weights.chunks_exact_mut(columns) {
        for group in row.chunks_mut(group) {
            let grid = Grid::of(group.iter().copied(), bits);
            group.iter_mut().for_each(|weight| *weight = grid.round(*weight));
        }
    }
}

/// The evenly spaced values to which a group of weights is rounded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grid {
    step: f32,
    /// The code of the value 0.
    zero: f32,
    /// The largest code.
    top: f32,
}

impl Grid {
    /// The grid over the range of these weights and 0.
    pub(super) fn of(weights: impl Iterator<Item = f32>, bits: u8) -> Self {
        let top = f32::from((1u16 << bits) - 1);
        // The range includes 0; otherwise clamping the zero point would cut off groups of one sign.
        let (low, high) = weights.fold((0f32, 0f32), |(low, high), w| (low.min(w), high.max(w)));
        let step = (high - low).max(1e-5) / top;
        Self { step, zero: (-(low / step).round_ties_even()).clamp(0.0, top), top }
    }

    /// The nearest value of the grid.
    pub(super) fn round(self, weight: f32) -> f32 {
        (((weight / self.step).round_ties_even() + self.zero).clamp(0.0, self.top) - self.zero) * self.step
    }

    /// `[step, lowest value]`, for storage in blocks.
    pub(super) fn stored(self) -> [f32; 2] {
        [self.step, -self.zero * self.step]
    }
}

/// The grid on which [`round_to_nearest`] puts these weights, for storage in blocks: `[step, lowest value]` of each
/// block of `block` consecutive weights. `weights` are the values before rounding.
pub fn grid(weights: &[f32], columns: usize, bits: u8, group: usize, block: usize) -> Vec<[f32; 2]> {
    let of_group = |group: &[f32]| {
        let grid = Grid::of(group.iter().copied(), bits).stored();
        std::iter::repeat_n(grid, group.len().div_ceil(block))
    };
    weights.chunks_exact(columns).flat_map(|row| row.chunks(group).flat_map(of_group)).collect()
}

/// AWQ's scale of each input channel: s_j = mean|X_j|^α, divided by √(max s · min s). Returns `[columns]`.
pub fn channel_scales(mean_abs: &[f32], alpha: f32) -> Vec<f32> {
    let scales: Vec<f32> = mean_abs.iter().map(|mean| mean.powf(alpha).max(1e-4)).collect();
    let (low, high) = scales.iter().fold((f32::INFINITY, 0f32), |(low, high), s| (low.min(*s), high.max(*s)));
    let middle = (low * high).sqrt();
    scales.into_iter().map(|scale| scale / middle).collect()
}

/// Rounds W · diag(s) and divides the columns by s again, which is equivalent to scaling the model's inputs by 1/s.
///
/// * `weights`: `[rows, columns]`, edited in place.
/// * `scales`: s, `[columns]`.
pub fn round_scaled(weights: &mut [f32], scales: &[f32], bits: u8, group: usize) {
    let columns = scales.len();
    for row in weights.chunks_exact_mut(columns) {
        row.iter_mut().zip(scales).for_each(|(weight, scale)| *weight *= scale);
    }
    round_to_nearest(weights, columns, bits, group);
    for row in weights.chunks_exact_mut(columns) {
        row.iter_mut().zip(scales).for_each(|(weight, scale)| *weight /= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_bits_have_four_values() {
        let mut weights = [-1.0, -0.4, 0.4, 2.0];
        round_to_nearest(&mut weights, 4, 2, 4);
        assert_eq!(weights, [-1.0, 0.0, 0.0, 2.0]);
    }

    #[test]
    fn a_scaled_channel_keeps_more_of_its_value() {
        let before = [0.11f32, 0.9, -0.7, 0.5];
        let error = |scales: &[f32]| {
            let mut weights = before;
            round_scaled(&mut weights, scales, 3, 4);
            (weights[0] - before[0]).abs()
        };
        assert!(error(&[4.0, 1.0, 1.0, 1.0]) < error(&[1.0; 4]));
    }

    #[test]
    fn scales_are_around_one() {
        let scales = channel_scales(&[0.01, 1.0, 100.0], 0.5);
        assert!((scales[0] * scales[2] - 1.0).abs() < 1e-5 && scales[0] < scales[1] && scales[1] < scales[2]);
        assert_eq!(channel_scales(&[0.3, 5.0], 0.0), [1.0, 1.0]);
    }

    proptest! {
        #[test]
        fn no_weight_moves_by_more_than_a_step(
            weights in proptest::collection::vec(-3f32..3.0, 96),
            bits in 0usize..4,
            group in 0usize..3,
        ) {
            let (bits, group) = (prunescope_protocol::prune::quantization::BITS[bits], [16, 32, 20][group]);
            let mut rounded = weights.clone();
            round_to_nearest(&mut rounded, 48, bits, group);
            for (row, row_rounded) in weights.chunks(48).zip(rounded.chunks(48)) {
                for (before, after) in row.chunks(group).zip(row_rounded.chunks(group)) {
                    let low = before.iter().copied().fold(0.0, f32::min);
                    let high = before.iter().copied().fold(0.0, f32::max);
                    let step = (high - low) / f32::from((1u16 << bits) - 1);
                    for (a, b) in before.iter().zip(after) {
                        prop_assert!((a - b).abs() <= step * 1.01 + 1e-5, "{a} became {b}, step {step}");
                    }
                    let mut values: Vec<u32> = after.iter().map(|w| w.to_bits()).collect();
                    values.sort_unstable();
                    values.dedup();
                    prop_assert!(values.len() <= 1 << bits);
                }
            }
        }

        /// Rounded weights are unchanged when stored as 4-bit codes; zeros exactly.
        #[test]
        fn rounded_weights_lie_on_their_grid(
            mut weights in proptest::collection::vec(-3f32..3.0, 2 * 160),
            bits in 1usize..4,
            group in 0usize..3,
        ) {
            use prunescope_kernels::{BLOCK, PackedMatrix};
            let (bits, group) = (prunescope_protocol::prune::quantization::BITS[bits], usize::from(prunescope_protocol::prune::quantization::GROUPS[group]));
            weights[5] = 0.0;
            let grid = grid(&weights, 160, bits, group, BLOCK);
            prop_assert_eq!(grid.len(), weights.len() / BLOCK);
            round_to_nearest(&mut weights, 160, bits, group);
            let held = PackedMatrix::on_grid(&weights, 160, &grid).values();
            for (held, weight) in held.iter().zip(&weights) {
                prop_assert!((held - weight).abs() <= 2e-6 && (*weight != 0.0 || *held == 0.0), "{held} for {weight}");
            }
        }
    }
}
