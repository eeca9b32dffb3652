//! OWL: sparsity that is uneven over the layers. A layer with many outliers keeps more of its weights.
//!
//! Source: Yin et al., *Outlier Weighed Layerwise Sparsity (OWL)* (2024), and the authors' program: a layer is a whole
//! block, and the outlier shares are scaled by their smallest and largest, then shifted to the target.

/// M: a score above this multiple of its layer's mean is an outlier.
const OUTLIER: f64 = 5.0;
/// λ: the ratios of the layers differ by at most 2λ.
const LAMBDA: f64 = 0.08;

/// The share of outliers in a layer (the paper's layerwise outlier distribution, LOD): scores |W_ij| · ‖X_j‖₂ above
/// [`OUTLIER`] times the mean of all scores of the layer.
///
/// * `matrices`: the weights of each matrix, `[rows, columns]` row-major, and ‖X_j‖₂ of its columns, `[columns]`.
pub fn outlier_share(matrices: &[(Vec<f32>, &[f32])]) -> f64 {
    let scores = || {
        matrices.iter().flat_map(|(weights, norms)| {
            weights
                .chunks_exact(norms.len())
                .map(|row| row.iter().zip(*norms).map(|(w, norm)| f64::from(w.abs() * norm)))
        })
    };
    let count = matrices.iter().map(|(weights, _)| weights.len()).sum::<usize>().max(1) as f64;
    let most = OUTLIER * scores().map(Iterator::sum::<f64>).sum::<f64>() / count;
    let outliers = scores().map(|row| row.map(|score| u32::from(score > most)).sum::<u32>());
    outliers.map(f64::from).sum::<f64>() / count
}

/// The ratio to prune of each layer, with the target as their mean: S_i = S + mean(r) − r_i, where
/// r_i = 2λ · (D_i − min D) / (max D − min D) for the outlier shares D.
///
/// Where a ratio would leave 0 to 1, all differences are reduced by the same factor. Equal shares give equal ratios.
///
/// * `outlier_shares`: D, of each layer that is pruned.
/// * `target`: S, 0 to 1.
pub fn layer_ratios(outlier_shares: &[f64], target: f64) -> Vec<f64> {
    let least = outlier_shares.iter().copied().fold(f64::INFINITY, f64::min);
    let range = outlier_shares.iter().copied().fold(0.0, f64::max) - least;
    if range <= 0.0 {
        return vec![target; outlier_shares.len()];
    }
    let scaled: Vec<f64> = outlier_shares.iter().map(|share| 2.0 * LAMBDA * (share - least) / range).collect();
    let mean = scaled.iter().sum::<f64>() / scaled.len() as f64;
    // The layer with the fewest outliers has r = 0, the one with the most 2λ.
    let narrowed = (target / (2.0 * LAMBDA - mean)).min((1.0 - target) / mean).min(1.0);
    scaled.into_iter().map(|r| target + narrowed * (mean - r)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn outliers_are_counted_over_all_matrices_of_a_layer() {
        // Scores 1, 1, 1, 1, 2, 31: their mean is 6.17, and 31 is above five times that.
        let [first, second] = [vec![1.0, -1.0, 1.0, 1.0], vec![1.0, -15.5]];
        assert_eq!(outlier_share(&[(first.clone(), &[1.0, 1.0]), (second.clone(), &[2.0, 2.0])]), 1.0 / 6.0);
        // With all norms 1 the mean is 3.42, and 15.5 is not above five times that.
        assert_eq!(outlier_share(&[(first.clone(), &[1.0, 1.0]), (second.clone(), &[1.0, 1.0])]), 0.0);
        assert_eq!(
            outlier_share(&[(second, &[2.0, 2.0])]),
            0.0,
            "in a matrix of its own it is not above five times the mean"
        );
        assert_eq!(outlier_share(&[(first, &[1.0, 1.0])]), 0.0);
        assert_eq!(outlier_share(&[]), 0.0);
    }

    #[test]
    fn ratios_as_the_authors_program_computes_them() {
        // Outlier shares 1, 2, 5 %: r = 0, 0.04, 0.16, mean 0.0667.
        let ratios = layer_ratios(&[0.01, 0.02, 0.05], 0.5);
        for (found, wanted) in ratios.iter().zip([0.566_667, 0.526_667, 0.406_667]) {
            assert!((found - wanted).abs() < 1e-6, "{ratios:?}");
        }
        assert_eq!(layer_ratios(&[0.01; 4], 0.37), [0.37; 4]);
        assert_eq!(layer_ratios(&[0.3], 0.5), [0.5]);
        assert_eq!(layer_ratios(&[], 0.5), [0f64; 0]);
    }

    proptest! {
        #[test]
        fn the_mean_is_the_target_and_outliers_protect(
            shares in proptest::collection::vec(0f64..0.1, 1..40),
            percent in 0u8..=90,
        ) {
            let target = f64::from(percent) / 100.0;
            let ratios = layer_ratios(&shares, target);
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            prop_assert!((mean - target).abs() < 1e-9, "{mean} for {target}");
            let (low, high) = ratios.iter().fold((1f64, 0f64), |(low, high), r| (low.min(*r), high.max(*r)));
            prop_assert!(low >= -1e-9 && high <= 1.0 + 1e-9 && high - low <= 2.0 * LAMBDA + 1e-9);
            for (a, ratio_a) in shares.iter().zip(&ratios) {
                for (b, ratio_b) in shares.iter().zip(&ratios) {
                    prop_assert!(a <= b || ratio_a <= ratio_b);
                }
            }
        }
    }
}
