//! All metrics of a dense and a pruned model's outputs, computed on the GPU or the host with one readback.

#[cfg(feature = "gpu")]
use super::host::TOP;
#[cfg(feature = "gpu")]
use super::host::compared_on_gpu;
pub use super::host::{Comparison, TopToken};
use super::host::{Row, compare_rows};
use burn::tensor::{Tensor, TensorData, Transaction};
#[cfg(feature = "gpu")]
use prunescope_gpu::compare::ComparedRow;

/// One model's outputs at some positions, one row each.
#[derive(Clone, Debug)]
pub struct ModelOutputs {
    /// h, `[rows, hidden]`.
    pub hidden: Tensor<2>,
    /// z, `[rows, vocabulary]`.
    pub logits: Tensor<2>,
}

/// Largest number of rows that are read back from a GPU and compared on the host, at 1 to 2 ms each. The GPU kernel has
/// one workgroup per row, so few rows would leave most of the GPU idle.
#[cfg(feature = "gpu")]
const MAX_ROWS_ON_HOST: usize = 4;

/// Comparisons, one per row, that may still be on the device.
pub enum PendingComparison {
    /// Sums that the GPU kernel computes.
    #[cfg(feature = "gpu")]
    Sums(Box<SumsToRead>),
    /// Outputs to be read back and compared on the host.
    Rows(Box<RowsToRead>),
    /// Finished comparisons.
    Known(Vec<Comparison>),
}

/// Outputs of a dense and a pruned model on the device.
pub struct RowsToRead {
    spaces: [ModelOutputs; 2],
    temperature: f32,
    with_top: bool,
}

/// The GPU kernel's result, one [`ComparedRow`] per row.
#[cfg(feature = "gpu")]
pub struct SumsToRead {
    sums: Tensor<2>,
    vocabulary: usize,
    temperature: f32,
    with_top: bool,
}

/// h and z on the host, row-major, each with its width.
pub type OnHost = [(Vec<f32>, usize); 2];

/// Compares outputs on a GPU: by its kernel, or on the host for at most `MAX_ROWS_ON_HOST` rows.
///
/// * `temperature`: analysis temperature T > 0.
/// * `with_top`: also report both models' top-k tokens.
#[cfg(feature = "gpu")]
pub fn compare_on_gpu(
    dense: &ModelOutputs,
    pruned: &ModelOutputs,
    temperature: f32,
    with_top: bool,
) -> PendingComparison {
    let [rows, vocabulary] = dense.logits.dims();
    if rows <= MAX_ROWS_ON_HOST {
        return compare_after_reading(dense, pruned, temperature, with_top);
    }
    let hidden = [&dense.hidden, &pruned.hidden].map(Clone::clone);
    let logits = [&dense.logits, &pruned.logits].map(Clone::clone);
    let sums = prunescope_gpu::compare::compare(hidden, logits, temperature, TOP.min(vocabulary));
    PendingComparison::Sums(Box::new(SumsToRead { sums, vocabulary, temperature, with_top }))
}

/// Compares outputs of any device on the host, after reading them back.
pub fn compare_after_reading(
    dense: &ModelOutputs,
    pruned: &ModelOutputs,
    temperature: f32,
    with_top: bool,
) -> PendingComparison {
    PendingComparison::Rows(Box::new(RowsToRead { spaces: [dense.clone(), pruned.clone()], temperature, with_top }))
}

/// Compares outputs on the host, row by row.
pub fn compare_on_host(dense: &OnHost, pruned: &OnHost, temperature: f32, with_top: bool) -> Vec<Comparison> {
    rows(dense).zip(rows(pruned)).map(|(dense, pruned)| compare_rows(dense, pruned, temperature, with_top)).collect()
}

/// Iterates over the rows of h and z.
fn rows([(hidden, hidden_width), (logits, width)]: &OnHost) -> impl Iterator<Item = Row<'_>> {
    let rows = hidden.chunks_exact((*hidden_width).max(1)).zip(logits.chunks_exact((*width).max(1)));
    rows.map(|(hidden, logits)| Row { hidden, logits })
}

/// Reads several comparisons back from the device in one round trip. Returns one [`Comparison`] per row, in order.
///
/// # Errors
/// The device's message if it fails or is lost.
pub async fn read_all(pending: Vec<PendingComparison>) -> Result<Vec<Comparison>, String> {
    let mut transaction = Transaction::default();
    let mut waiting = false;
    for one in &pending {
        waiting |= !matches!(one, PendingComparison::Known(_));
        match one {
            PendingComparison::Known(_) => {}
            PendingComparison::Rows(rows) => {
                for ModelOutputs { hidden, logits } in &rows.spaces {
                    transaction = transaction.register(hidden.clone()).register(logits.clone());
                }
            }
            #[cfg(feature = "gpu")]
            PendingComparison::Sums(one) => transaction = transaction.register(one.sums.clone()),
        }
    }
    let read = if waiting { transaction.execute_async().await.map_err(|error| error.to_string())? } else { vec![] };
    let mut data = read.into_iter();
    let mut out = vec![];
    for one in pending {
        match one {
            PendingComparison::Known(compared) => {
                out.extend(compared);
            }
            PendingComparison::Rows(rows) => {
                let RowsToRead { spaces: [dense, pruned], temperature, with_top } = *rows;
                let mut on_host = |spaces: ModelOutputs| {
                    let [_, hidden] = spaces.hidden.dims();
                    let [_, logits] = spaces.logits.dims();
                    Ok::<_, String>([(floats(data.next())?, hidden), (floats(data.next())?, logits)])
                };
                let (dense, pruned) = (on_host(dense)?, on_host(pruned)?);
                out.extend(compare_on_host(&dense, &pruned, temperature, with_top));
            }
            #[cfg(feature = "gpu")]
            PendingComparison::Sums(one) => {
                let (sums, width) = (floats(data.next())?, one.sums.dims()[1]);
                let read = |row| compared_on_gpu(ComparedRow(row), one.vocabulary, one.temperature, one.with_top);
                out.extend(sums.chunks_exact(width).map(read));
            }
        }
    }
    Ok(out)
}

fn floats(data: Option<TensorData>) -> Result<Vec<f32>, String> {
    let data = data.ok_or("the device returned too few results")?;
    data.try_into_vec_as().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::definitions::{self, check};
    use proptest::prelude::*;
    use prunescope_protocol::results::Metrics;

    /// Metrics computed on the host, checked against the definitions.
    fn metrics(dense: &[f32], pruned: &[f32], temperature: f32) -> Metrics {
        let [dense, pruned] = [dense, pruned].map(|x| Row { hidden: x, logits: x });
        let found = compare_rows(dense, pruned, temperature, false).metrics;
        check(&found, &definitions::metrics(dense, pruned, temperature), 1e-3, 2e-6).unwrap();
        found
    }

    #[test]
    fn a_model_equals_itself() {
        let same = metrics(&[1.0, -2.0, 0.5, 3.0], &[1.0, -2.0, 0.5, 3.0], 1.0);
        for (name, value) in Metrics::NAMES.iter().zip(same.values()) {
            let want = if name.starts_with("cos") { 1.0 } else { 0.0 };
            assert!((value - want).abs() < 1e-6, "{name} is {value}");
        }
    }

    #[test]
    fn top_tokens_are_those_of_each_model() {
        let dense = Row { hidden: &[1.0], logits: &[0.0, 2.0, 1.0] };
        let read = compare_rows(dense, Row { hidden: &[1.0], logits: &[3.0, 2.0, -9.0] }, 1.0, true);
        let ids = |top: &[TopToken]| top.iter().map(|token| token.id).collect::<Vec<_>>();
        assert_eq!(ids(&read.dense_top), [1, 2, 0]);
        assert_eq!(ids(&read.pruned_top), [0, 1, 2]);
        let total: f32 = read.dense_top.iter().map(|token| token.dense).sum();
        assert!((total - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_sign_of_alpha_tells_shrinking_from_growing() {
        let x = [1.0, -2.0, 0.5, 3.0];
        let scaled = |factor: f32| metrics(&x, &x.map(|x| factor * x), 1.0);
        let (shrunk, grown) = (scaled(0.75), scaled(1.5));
        assert!((shrunk.alpha_h + 0.25).abs() < 1e-6 && (shrunk.parallel_h - 0.25).abs() < 1e-6);
        assert!((grown.alpha_z - 0.5).abs() < 1e-6 && (grown.parallel_z - 0.5).abs() < 1e-6);
        assert!(shrunk.orthogonal_h < 1e-6 && grown.orthogonal_z < 1e-6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// KL ≥ 0, cosines lie in [−1, 1], and adding a constant to every logit changes no probability.
        #[test]
        fn bounds_hold(
            z in proptest::collection::vec(-8f32..8.0, 12),
            d in proptest::collection::vec(-4f32..4.0, 12),
            shift in -3f32..3.0,
            temperature in 0.3f32..3.0,
        ) {
            let moved: Vec<f32> = z.iter().zip(&d).map(|(z, d)| z + d).collect();
            let out = metrics(&z, &moved, temperature);
            prop_assert!(out.kl_dense_pruned >= 0.0 && out.kl_pruned_dense >= 0.0);
            for cosine in [out.cos_h, out.cos_z, out.cos_p] {
                prop_assert!((-1.00001..=1.00001).contains(&cosine));
            }
            let shifted: Vec<f32> = moved.iter().map(|z| z + shift).collect();
            let again = metrics(&z, &shifted, temperature);
            prop_assert!((again.cos_p - out.cos_p).abs() < 1e-4);
            prop_assert!((again.kl_dense_pruned - out.kl_dense_pruned).abs() < 1e-3 * (1.0 + out.kl_dense_pruned));
        }

        /// For small Δz the estimates of Theorems 1, 2 and 3 approach the exact values.
        #[test]
        fn estimates_tend_to_the_truth(
            z in proptest::collection::vec(-3f32..3.0, 12),
            d in proptest::collection::vec(-1f32..1.0, 12),
            temperature in 0.5f32..2.0,
        ) {
            let moved: Vec<f32> = z.iter().zip(&d).map(|(z, d)| z + 0.02 * d).collect();
            let out = metrics(&z, &moved, temperature);
            let near = |estimate: f32, truth: f32| (estimate - truth).abs() <= 0.1 * truth.abs() + 2e-6;
            prop_assert!(near(out.theorem1_z, 1.0 - out.cos_z), "{} {}", out.theorem1_z, 1.0 - out.cos_z);
            prop_assert!(near(out.theorem2, 1.0 - out.cos_p), "{} {}", out.theorem2, 1.0 - out.cos_p);
            prop_assert!(near(out.theorem3, out.kl_dense_pruned), "{} {}", out.theorem3, out.kl_dense_pruned);
        }
    }
}
