//! Least-squares fits of the maps that replace dropped sublayers.
//!
//! u `[tokens, hidden]` are the sublayer's normed inputs and t `[tokens, hidden]` what the map should add. A bar marks
//! the mean over tokens; covariances are population covariances.

use burn::tensor::Tensor;
use prunescope_formats::tensor::StoredMatrix;
use prunescope_protocol::prune::Repair;
use prunescope_quant::TensorType;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::compute::{Compute, Linear, on_device, read_back};
use crate::experiment::{Control, ExperimentError};
use crate::model::replacement::{Replacement, Scale};
use crate::prune::sparsegpt::Factorization;

/// Share of a channel's variance that is added to it, which draws its factor towards 0.
const RIDGE: f32 = 0.01;
/// Steps of the subspace iteration that finds the leading eigenvectors of a low-rank map.
const ITERATIONS: usize = 64;
/// Seed of the subspace iteration's start.
const SEED: u64 = 1;

/// Fits the map of a form that comes closest to g(u) = t.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn fit<C: Compute>(
    repair: Repair,
    u: Tensor<2>,
    t: Tensor<2>,
    compute: &C,
    control: &Control,
) -> Result<Replacement<C>, ExperimentError> {
    let target_mean = t.clone().mean_dim(0);
    if repair == Repair::Bias {
        return Ok(Replacement::Bias(Box::new(target_mean)));
    }
    let input_mean = u.clone().mean_dim(0);
    let (u, t) = (u.sub(input_mean.clone()), t.sub(target_mean.clone()));
    match repair {
        Repair::Bias | Repair::Scale => {
            // a = cov(u, t) / (var(u) · (1 + RIDGE)), channel by channel. A channel that never varies keeps a = 0.
            let covariance = u.clone().mul(t).mean_dim(0);
            let variance = u.square().mean_dim(0).mul_scalar(1.0 + RIDGE).add_scalar(f32::MIN_POSITIVE);
            let factor = covariance.div(variance);
            let bias = target_mean.sub(factor.clone().mul(input_mean));
            Ok(Replacement::Scale(Box::new(Scale { factor, bias })))
        }
        Repair::Full => {
            let weights = least_squares::<C>(u, t, compute, control).await?.weights;
            let bias = bias::<C>(&weights, input_mean, target_mean).await?;
            Ok(Replacement::Full(Box::new(linear(weights, Some(bias), compute).await?)))
        }
        Repair::Rank(rank) => {
            let solution = least_squares::<C>(u, t, compute, control).await?;
            let [width, _] = solution.weights.dims();
            let up =
                leading_eigenvectors::<C>(solution.explained::<C>(), usize::from(rank).min(width), compute, control)
                    .await?;
            // A = V Vᵀ W, the best map of this rank by the error of its output (reduced-rank regression).
            let down = C::product(up.clone().transpose(), solution.weights.transpose());
            let both = C::product(up.clone(), down.clone().transpose());
            let bias = bias::<C>(&both, input_mean, target_mean).await?;
            Ok(Replacement::LowRank {
                down: Box::new(linear(down, None, compute).await?),
                up: Box::new(linear(up, Some(bias), compute).await?),
            })
        }
    }
}

/// The full least-squares map, without its bias.
struct Solution {
    /// W = Cov(t, u) (Cov(u) + λI)⁻¹, `[out, in]`, with λ a hundredth of the mean variance of u's channels.
    weights: Tensor<2>,
    /// Cov(t, u), `[out, in]`.
    covariance: Tensor<2>,
}

impl Solution {
    /// W Cov(u, t), `[out, out]`: the covariance of the outputs (with the ridge), whose leading eigenvectors span the
    /// best outputs of a low rank.
    fn explained<C: Compute>(&self) -> Tensor<2> {
        C::product(self.weights.clone(), self.covariance.clone())
    }
}

/// Solves for the full map of centred inputs and targets.
async fn least_squares<C: Compute>(
    u: Tensor<2>,
    t: Tensor<2>,
    compute: &C,
    control: &Control,
) -> Result<Solution, ExperimentError> {
    let [tokens, width] = u.dims();
    let (u, t) = (u.transpose(), t.transpose());
    let mean = 1.0 / tokens as f32;
    let inputs = C::product(u.clone(), u.clone()).mul_scalar(mean);
    let covariance = C::product(t, u).mul_scalar(mean);
    let mut work =
        Factorization::new(read_back(inputs).await.map_err(ExperimentError::device)?, width, f64::from(RIDGE));
    while work.row() {
        control.checkpoint().await?;
    }
    // (Cov(u) + λI)⁻¹ = Uᵀ U, so W = (Cov(t, u) Uᵀ) U.
    let factor = on_device(work.finish().dense(), [width, width], &compute.device());
    let half = C::product(covariance.clone(), factor.clone());
    Ok(Solution { weights: C::product(half, factor.transpose()), covariance })
}

/// b = t̄ − W ū.
async fn bias<C: Compute>(
    weights: &Tensor<2>,
    input_mean: Tensor<2>,
    target_mean: Tensor<2>,
) -> Result<Vec<f32>, ExperimentError> {
    let bias = target_mean.sub(C::product(input_mean, weights.clone()));
    read_back(bias).await.map_err(ExperimentError::device)
}

/// A linear layer with weights `[out, in]` in f32.
async fn linear<C: Compute>(
    weights: Tensor<2>,
    bias: Option<Vec<f32>>,
    compute: &C,
) -> Result<Linear<C>, ExperimentError> {
    let shape = weights.dims();
    let values = read_back(weights).await.map_err(ExperimentError::device)?;
    let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into();
    let stored = StoredMatrix { tensor_type: TensorType::F32, bytes, shape };
    Ok(Linear { weights: compute.matrix(&stored, false), bias: bias.map(|bias| compute.vector(bias)) })
}

/// The eigenvectors of the `count` largest eigenvalues of a symmetric positive matrix `[n, n]`, up to a rotation among
/// themselves; `[n, count]` with orthonormal columns. By subspace iteration.
async fn leading_eigenvectors<C: Compute>(
    matrix: Tensor<2>,
    count: usize,
    compute: &C,
    control: &Control,
) -> Result<Tensor<2>, ExperimentError> {
    let [n, _] = matrix.dims();
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    // One vector a row.
    let mut rows: Vec<f32> = (0..count * n).map(|_| random.next_u32() as f32 / u32::MAX as f32 - 0.5).collect();
    for _ in 0..ITERATIONS {
        control.checkpoint().await?;
        let product = C::product(on_device(rows, [count, n], &compute.device()), matrix.clone());
        rows = read_back(product).await.map_err(ExperimentError::device)?;
        orthonormalize(&mut rows, n);
    }
    Ok(on_device(rows, [count, n], &compute.device()).transpose())
}

/// Makes the rows of a matrix with `width` columns orthonormal (modified Gram–Schmidt, twice for accuracy). A row that
/// depends on those before it becomes 0.
fn orthonormalize(rows: &mut [f32], width: usize) {
    for at in 0..rows.len() / width {
        let (before, row) = rows.split_at_mut(at * width);
        let row = &mut row[..width];
        let length = |row: &[f32]| row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let original = length(row);
        for _ in 0..2 {
            for other in before.chunks_exact(width) {
                let along: f64 = other.iter().zip(row.iter()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                row.iter_mut().zip(other).for_each(|(x, other)| *x -= (along * f64::from(*other)) as f32);
            }
        }
        let left = length(row);
        let scale = if left > 1e-6 * original { 1.0 / left } else { 0.0 };
        row.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::Cpu;
    use futures::executor::block_on;
    use proptest::prelude::*;

    const WIDTH: usize = 8;
    const TOKENS: usize = 40;

    fn tensor(values: &[f32]) -> Tensor<2> {
        on_device(values.to_vec(), [values.len() / WIDTH, WIDTH], &Cpu.device())
    }

    /// Σ ‖t − g(u)‖².
    fn error(repair: Repair, u: &[f32], t: &[f32]) -> f32 {
        let map = block_on(fit(repair, tensor(u), tensor(t), &Cpu, &Control::unstoppable())).unwrap();
        let off = map.forward(tensor(u), tensor(t).neg()).square().sum();
        off.into_data().try_into_vec_as::<f32>().unwrap()[0]
    }

    #[test]
    fn a_constant_is_found_by_every_form() {
        let u: Vec<f32> = (0..TOKENS * WIDTH).map(|i| ((i * 37 % 19) as f32 - 9.0) / 5.0).collect();
        let t: Vec<f32> = (0..TOKENS * WIDTH).map(|i| (i % WIDTH) as f32).collect();
        for repair in [Repair::Bias, Repair::Scale, Repair::Rank(2), Repair::Full] {
            assert!(error(repair, &u, &t) < 1e-6, "{repair}");
        }
    }

    #[test]
    fn a_channel_that_never_varies_gives_no_nan() {
        let t: Vec<f32> = (0..TOKENS * WIDTH).map(|i| (i * 7 % 5) as f32).collect();
        for repair in [Repair::Scale, Repair::Rank(2), Repair::Full] {
            assert!(error(repair, &[0.5; TOKENS * WIDTH], &t).is_finite(), "{repair}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// A form that contains another fits at least as well, but for the ridge; of a map of full rank, rank and full
        /// are the same.
        #[test]
        fn a_larger_form_fits_better(
            u in proptest::collection::vec(-1f32..1.0, TOKENS * WIDTH),
            t in proptest::collection::vec(-1f32..1.0, TOKENS * WIDTH),
        ) {
            let errors: Vec<f32> = [Repair::Bias, Repair::Scale, Repair::Full].map(|form| error(form, &u, &t)).into();
            prop_assert!(errors[1] <= errors[0] * 1.001 && errors[2] <= errors[1] * 1.001, "{errors:?}");
            let ranks: Vec<f32> = [1, 3, 5, 8].map(|rank| error(Repair::Rank(rank), &u, &t)).into();
            prop_assert!(ranks.windows(2).all(|pair| pair[1] <= pair[0] * 1.01), "{ranks:?}");
            prop_assert!((ranks[3] - errors[2]).abs() <= 1e-3 * errors[2] + 1e-4, "{ranks:?} {errors:?}");
        }

        /// Targets that are a map of rank 2 are found by rank 2.
        #[test]
        fn a_low_rank_is_found(
            u in proptest::collection::vec(-1f32..1.0, TOKENS * WIDTH),
            a in proptest::collection::vec(-1f32..1.0, 2 * WIDTH),
            b in proptest::collection::vec(-1f32..1.0, 2 * WIDTH),
        ) {
            let mut t = vec![];
            for row in u.chunks_exact(WIDTH) {
                let inner: Vec<f32> = a.chunks_exact(WIDTH).map(|a| a.iter().zip(row).map(|(a, u)| a * u).sum()).collect();
                t.extend((0..WIDTH).map(|j| inner[0] * b[j] + inner[1] * b[WIDTH + j]));
            }
            let (low, full) = (error(Repair::Rank(2), &u, &t), error(Repair::Full, &u, &t));
            prop_assert!(low <= full * 1.05 + 1e-3, "{low} {full}");
        }
    }
}
