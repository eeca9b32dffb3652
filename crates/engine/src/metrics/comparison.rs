//! All metrics of a pair of models at once: computed on the device, read back in one round trip.

#[cfg(feature = "gpu")]
use super::host::compared_on_gpu;
use super::host::{Row, compare_rows};
use super::{divergence, estimate, similarity};
use crate::model::linear::host_values;
#[cfg(feature = "gpu")]
use burn::tensor::Device;
use burn::tensor::{Int, Tensor, TensorData, Transaction, activation::log_softmax};
use prunescope_protocol::results::Metrics;

/// How many of the likeliest tokens of each model are reported.
pub const TOP: usize = 10;

/// One model's numbers at some positions.
#[derive(Clone, Debug)]
pub struct Spaces {
    /// h, `[rows, hidden]`.
    pub hidden: Tensor<2>,
    /// z, `[rows, vocabulary]`.
    pub logits: Tensor<2>,
}

macro_rules! on_device {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The fields of [`Metrics`] on the device, each `[rows, 1]`.
        struct OnDevice { $($name: Tensor<2>),+ }

        impl OnDevice {
            fn pack(self) -> Tensor<2> {
                Tensor::cat(vec![$(self.$name),+], 1)
            }
        }
    };
}

prunescope_protocol::for_each_metric!(on_device);

/// A likely token of one model, with what both models give it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopToken {
    /// The token.
    pub id: u32,
    /// Its probability in the dense model.
    pub dense: f32,
    /// Its probability in the pruned model.
    pub pruned: f32,
}

/// A comparison at one position, on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The metrics.
    pub metrics: Metrics,
    /// The dense model's likeliest tokens, likeliest first.
    pub dense_top: Vec<TopToken>,
    /// The pruned model's likeliest tokens, likeliest first.
    pub pruned_top: Vec<TopToken>,
}

/// Up to so many rows are read back from a GPU and compared on the host, in a millisecond or two each: the GPU's program takes
/// one cube a row, and a few cubes leave most of a GPU idle.
#[cfg(feature = "gpu")]
const FEW_ROWS: usize = 4;

/// Comparisons, one a row, that may be on the device still.
pub enum Pending {
    /// By plain tensor operations.
    Tensors(Box<OnDeviceRows>),
    /// By one program for all rows.
    #[cfg(feature = "gpu")]
    Sums(Box<SumsToRead>),
    /// To be compared on the host, once h and z of both are there.
    Rows(Box<RowsToRead>),
    /// On the host.
    Known(Vec<Comparison>),
}

/// h and z of a dense and a pruned model on the device.
pub struct RowsToRead {
    spaces: [Spaces; 2],
    temperature: f32,
    with_top: bool,
}

/// What a GPU has computed of each row.
#[cfg(feature = "gpu")]
pub struct SumsToRead {
    sums: Tensor<2>,
    vocabulary: usize,
    temperature: f32,
    with_top: bool,
}

/// h and z on the host, each with its width.
type OnHost = [(Vec<f32>, usize); 2];

/// Results on the device.
pub struct OnDeviceRows {
    metrics: Tensor<2>,
    top: Option<Top>,
}

struct Top {
    /// Dense model's, then pruned model's, `[rows, 2k]`.
    ids: Tensor<2, Int>,
    /// p of those ids, `[rows, 2k]`.
    dense: Tensor<2>,
    /// p̃ of those ids, `[rows, 2k]`.
    pruned: Tensor<2>,
}

/// Computes every metric of `dense` against `pruned`, row by row, where that is cheapest.
///
/// * `temperature` — T > 0 of the analysis.
/// * `with_top` — also the likeliest tokens of both.
pub fn compare(dense: &Spaces, pruned: &Spaces, temperature: f32, with_top: bool) -> Pending {
    #[cfg(feature = "gpu")]
    if dense.logits.device() != Device::flex() {
        let [rows, vocabulary] = dense.logits.dims();
        if rows <= FEW_ROWS {
            return Pending::Rows(Box::new(RowsToRead {
                spaces: [dense.clone(), pruned.clone()],
                temperature,
                with_top,
            }));
        }
        let hidden = [&dense.hidden, &pruned.hidden].map(Clone::clone);
        let logits = [&dense.logits, &pruned.logits].map(Clone::clone);
        let sums = prunescope_gpu::ops::compare(hidden, logits, temperature, TOP.min(vocabulary));
        return Pending::Sums(Box::new(SumsToRead { sums, vocabulary, temperature, with_top }));
    }
    let on_host = |spaces: &Spaces| [&spaces.hidden, &spaces.logits].map(|x| (host_values(x.clone()), x.dims()[1]));
    Pending::Known(compare_on_host(&on_host(dense), &on_host(pruned), temperature, with_top))
}

fn compare_on_host(dense: &OnHost, pruned: &OnHost, temperature: f32, with_top: bool) -> Vec<Comparison> {
    rows(dense).zip(rows(pruned)).map(|(dense, pruned)| compare_rows(dense, pruned, temperature, with_top)).collect()
}

/// The rows of h and z, each with its width.
fn rows([(hidden, hidden_width), (logits, width)]: &OnHost) -> impl Iterator<Item = Row<'_>> {
    let rows = hidden.chunks_exact((*hidden_width).max(1)).zip(logits.chunks_exact((*width).max(1)));
    rows.map(|(hidden, logits)| Row { hidden, logits })
}

/// The same by plain tensor operations, on any device: the readable reference, which tests hold the other ways to.
pub fn compare_tensors(dense: &Spaces, pruned: &Spaces, temperature: f32, with_top: bool) -> Pending {
    let (h, h_pruned) = (dense.hidden.clone(), pruned.hidden.clone());
    let (z, z_pruned) = (dense.logits.clone(), pruned.logits.clone());
    let log_p = log_softmax(z.clone().div_scalar(temperature), 1);
    let log_q = log_softmax(z_pruned.clone().div_scalar(temperature), 1);
    let (p, q) = (log_p.clone().exp(), log_q.clone().exp());
    let delta_h = h_pruned.clone().sub(h.clone());
    let delta_z = z_pruned.clone().sub(z.clone());
    let delta_p = q.clone().sub(p.clone());
    let (parallel_h, orthogonal_h) = similarity::parallel_orthogonal(h.clone(), delta_h);
    let (parallel_z, orthogonal_z) = similarity::parallel_orthogonal(z.clone(), delta_z.clone());
    let (_, orthogonal_p) = similarity::parallel_orthogonal(p.clone(), delta_p);
    let [_, vocabulary] = z.dims();
    let top = TOP.min(vocabulary);
    let (_, dense_ids) = z.clone().topk_with_indices(top, 1);
    let variance_p = estimate::weighted_variance(p.clone(), delta_z.clone());
    let variance_r = estimate::weighted_variance(estimate::squared_weights(p.clone()), delta_z.clone());
    let mean = delta_z.clone().mean_dim(1);
    let top_delta = |count: usize| {
        let ids = dense_ids.clone().narrow(1, 0, count.min(top));
        let weights = p.clone().gather(1, ids.clone());
        let total = weights.clone().sum_dim(1);
        (weights.div(total), delta_z.clone().gather(1, ids))
    };
    let ((weights5, delta5), (weights10, delta10)) = (top_delta(5), top_delta(10));
    let metrics = OnDevice {
        cos_h: similarity::cosine(h, h_pruned),
        cos_z: similarity::cosine(z, z_pruned.clone()),
        cos_p: similarity::cosine(p.clone(), q.clone()),
        kl_dense_pruned: divergence::kl(log_p.clone(), log_q.clone()),
        kl_pruned_dense: divergence::kl(log_q, log_p),
        theorem1_h: estimate::one_minus_cosine(orthogonal_h.clone()),
        theorem1_z: estimate::one_minus_cosine(orthogonal_z.clone()),
        theorem1_p: estimate::one_minus_cosine(orthogonal_p),
        theorem2: estimate::from_variance(variance_r.clone(), temperature),
        theorem3: estimate::from_variance(variance_p.clone(), temperature),
        ratio_h: orthogonal_h.clone().div(parallel_h.clone().add_scalar(1e-30)),
        parallel_h,
        orthogonal_h,
        ratio_z: orthogonal_z.clone().div(parallel_z.clone().add_scalar(1e-30)),
        parallel_z,
        orthogonal_z,
        variance_uniform: delta_z.clone().sub(mean).square().mean_dim(1),
        variance_p,
        variance_r,
        variance_top5: estimate::weighted_variance(weights5, delta5.clone()),
        variance_top10: estimate::weighted_variance(weights10, delta10),
        delta_l1: delta_z.clone().abs().mean_dim(1),
        delta_l2: delta_z.square().mean_dim(1).sqrt(),
        delta_l1_top5: delta5.clone().abs().mean_dim(1),
        delta_l2_top5: delta5.square().mean_dim(1).sqrt(),
    };
    let top = with_top.then(|| {
        let (_, pruned_ids) = z_pruned.topk_with_indices(top, 1);
        let ids = Tensor::cat(vec![dense_ids, pruned_ids], 1);
        Top { dense: p.gather(1, ids.clone()), pruned: q.gather(1, ids.clone()), ids }
    });
    Pending::Tensors(Box::new(OnDeviceRows { metrics: metrics.pack(), top }))
}

/// Reads several comparisons back from the device in one round trip; one [`Comparison`] a row.
///
/// # Errors
/// What the device says where it fails or is lost.
pub async fn read_all(pending: Vec<Pending>) -> Result<Vec<Comparison>, String> {
    let mut transaction = Transaction::default();
    let mut waiting = false;
    for one in &pending {
        waiting |= !matches!(one, Pending::Known(_));
        match one {
            Pending::Known(_) => {}
            Pending::Rows(rows) => {
                for Spaces { hidden, logits } in &rows.spaces {
                    transaction = transaction.register(hidden.clone()).register(logits.clone());
                }
            }
            #[cfg(feature = "gpu")]
            Pending::Sums(one) => transaction = transaction.register(one.sums.clone()),
            Pending::Tensors(one) => {
                transaction = transaction.register(one.metrics.clone());
                if let Some(top) = &one.top {
                    transaction =
                        transaction.register(top.ids.clone()).register(top.dense.clone()).register(top.pruned.clone());
                }
            }
        }
    }
    let read = if waiting { transaction.execute_async().await.map_err(|error| error.to_string())? } else { vec![] };
    let mut data = read.into_iter();
    let mut out = vec![];
    for one in pending {
        let with_top = match one {
            Pending::Known(compared) => {
                out.extend(compared);
                continue;
            }
            Pending::Rows(rows) => {
                let RowsToRead { spaces: [dense, pruned], temperature, with_top } = *rows;
                let mut on_host = |spaces: Spaces| {
                    let [_, hidden] = spaces.hidden.dims();
                    let [_, logits] = spaces.logits.dims();
                    Ok::<_, String>([(floats(data.next())?, hidden), (floats(data.next())?, logits)])
                };
                let (dense, pruned) = (on_host(dense)?, on_host(pruned)?);
                out.extend(compare_on_host(&dense, &pruned, temperature, with_top));
                continue;
            }
            #[cfg(feature = "gpu")]
            Pending::Sums(one) => {
                let (sums, width) = (floats(data.next())?, one.sums.dims()[1]);
                let read = |row| compared_on_gpu(row, one.vocabulary, one.temperature, one.with_top);
                out.extend(sums.chunks_exact(width).map(read));
                continue;
            }
            Pending::Tensors(one) => one.top.is_some(),
        };
        let metrics = floats(data.next())?;
        let width = Metrics::NAMES.len();
        let rows = metrics.len() / width;
        let (ids, dense, pruned) = if with_top {
            (integers(data.next())?, floats(data.next())?, floats(data.next())?)
        } else {
            Default::default()
        };
        let both = ids.len() / rows.max(1);
        let tokens = |row: usize, from: usize, to: usize| {
            let at = |i: usize| row * both + i;
            (from..to).map(|i| TopToken { id: ids[at(i)], dense: dense[at(i)], pruned: pruned[at(i)] }).collect()
        };
        for (row, values) in metrics.chunks_exact(width).enumerate() {
            out.push(Comparison {
                metrics: Metrics::from_values(values),
                dense_top: tokens(row, 0, both / 2),
                pruned_top: tokens(row, both / 2, both),
            });
        }
    }
    Ok(out)
}

fn floats(data: Option<TensorData>) -> Result<Vec<f32>, String> {
    let data = data.ok_or("the device returned too few results")?;
    data.try_into_vec_as().map_err(|error| error.to_string())
}

fn integers(data: Option<TensorData>) -> Result<Vec<u32>, String> {
    let data = data.ok_or("the device returned too few results")?;
    data.try_into_vec_as().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use futures::executor::block_on;
    use proptest::prelude::*;

    fn spaces(hidden: &[f32], logits: &[f32]) -> Spaces {
        let row =
            |values: &[f32]| Tensor::from_data(TensorData::new(values.to_vec(), [1, values.len()]), &Device::flex());
        Spaces { hidden: row(hidden), logits: row(logits) }
    }

    /// By plain tensor operations; by the host's readings it must be the same.
    fn metrics(dense: &[f32], pruned: &[f32], temperature: f32) -> Metrics {
        let (dense, pruned) = (spaces(dense, dense), spaces(pruned, pruned));
        let [by_tensors, by_rows] =
            [compare_tensors, compare].map(|compare| compare(&dense, &pruned, temperature, false));
        let read = block_on(read_all(vec![by_tensors, by_rows])).unwrap();
        for (name, (a, b)) in Metrics::NAMES.iter().zip(read[0].metrics.values().iter().zip(read[1].metrics.values())) {
            // A ratio to a part near 0 is as good as that part.
            let close = (a - b).abs() <= 1e-3 * a.abs() + 2e-6;
            assert!(close || name.starts_with("ratio"), "{name}: {a} by tensors, {b} by rows");
        }
        read[0].metrics
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
        let pending = compare(&spaces(&[1.0], &[0.0, 2.0, 1.0]), &spaces(&[1.0], &[3.0, 2.0, -9.0]), 1.0, true);
        let read = block_on(read_all(vec![pending])).unwrap().remove(0);
        let ids = |top: &[TopToken]| top.iter().map(|token| token.id).collect::<Vec<_>>();
        assert_eq!(ids(&read.dense_top), [1, 2, 0]);
        assert_eq!(ids(&read.pruned_top), [0, 1, 2]);
        let total: f32 = read.dense_top.iter().map(|token| token.dense).sum();
        assert!((total - 1.0).abs() < 1e-6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// KL is not negative, cosines lie in [−1, 1], and adding a constant to every logit changes no probability.
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

        /// For small Δz the estimates of Theorems 1, 2 and 3 meet the truth.
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
