//! Checks a device's numbers against the CPU's on the same inputs. Needed because WebGPU in some browsers computes
//! wrong numbers without reporting an error.

use burn::tensor::{Device, Tensor, TensorData, Transaction};
use thiserror::Error;

use super::forward::Pass;
use super::{Control, ExperimentError};
use crate::compute::attention::Text;
use crate::compute::{Compute, Cpu, to_values};
use crate::metrics::comparison::PendingComparison;
use crate::metrics::{ModelOutputs, read_all};
use crate::model::cross_check::CrossCheck;

use crate::compute::KeyValueCache;
use crate::model::Decoder;
use prunescope_protocol::model::{Sublayer, SublayerKind};
use prunescope_protocol::results::{DeviceCheck, Place};

/// Largest relative error (L2 norm) of a row: of a sublayer's output, of h, or of z. Correct kernels differ by about
/// 1e-6, since they sum in another order.
const TOLERANCE: f32 = 1e-3;
/// Largest KL divergence of the next-token distributions, in nats.
const KL_TOLERANCE: f32 = 1e-4;
/// Number of timed repetitions of the last token; the shortest time counts.
const TIMED: usize = 3;

/// Why a device must not be used.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum CrossCheckError {
    /// Its numbers differ from the CPU's.
    #[error(
        "this GPU computes wrong numbers: {what} {place} differs from the CPU's by {error:.1e}, where {limit:.0e} is allowed"
    )]
    Wrong {
        /// What was compared.
        what: &'static str,
        /// Place in the model.
        place: Place,
        /// Relative error of a row; for the distribution its KL divergence in nats.
        error: f32,
        /// Largest permitted error.
        limit: f32,
    },
    /// It gives NaN or infinity. The CPU is not compared in this case and may give them too.
    #[error("this GPU gives numbers that are not finite (NaN or infinite), first after {place}")]
    NotFinite {
        /// Place in the model.
        place: Place,
    },
    /// It failed while computing.
    #[error(transparent)]
    Device(#[from] ExperimentError),
}

/// The largest error so far.
struct Errors {
    largest: f32,
}

impl Errors {
    /// Compares rows of `width` numbers with the CPU's.
    fn add(
        &mut self,
        what: &'static str,
        place: Place,
        [found, wanted]: [&[f32]; 2],
        width: usize,
    ) -> Result<(), CrossCheckError> {
        if !found.iter().all(|x| x.is_finite()) {
            return Err(CrossCheckError::NotFinite { place });
        }
        for (found, wanted) in found.chunks(width).zip(wanted.chunks(width)) {
            let error = relative_error(found, wanted);
            if error.is_nan() || error > TOLERANCE {
                return Err(CrossCheckError::Wrong { what, place, error, limit: TOLERANCE });
            }
            self.largest = self.largest.max(error);
        }
        Ok(())
    }
}

/// ‖found − wanted‖ / ‖wanted‖.
fn relative_error(found: &[f32], wanted: &[f32]) -> f32 {
    let square = |x: f32| f64::from(x) * f64::from(x);
    let difference: f64 = found.iter().zip(wanted).map(|(a, b)| square(a - b)).sum();
    let size: f64 = wanted.iter().map(|x| square(*x)).sum();
    (difference / size.max(1e-30)).sqrt() as f32
}

fn on_host(values: &[f32], columns: usize) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len() / columns, columns]), &Device::flex())
}

async fn read_back(tensors: Vec<Tensor<2>>) -> Result<Vec<Vec<f32>>, ExperimentError> {
    let transaction = tensors.into_iter().fold(Transaction::default(), Transaction::register);
    let data = transaction.execute_async().await.map_err(ExperimentError::device)?;
    data.into_iter().map(|data| data.try_into_vec_as().map_err(ExperimentError::device)).collect()
}

/// The device's outputs for some tokens, read back.
struct Read {
    /// The residual stream, `[tokens, hidden]` each, with the number of sublayers before it; only those to be checked.
    stream: Vec<(usize, Vec<f32>)>,
    /// The residual stream after the last sublayer, `[tokens, hidden]`.
    last: Vec<f32>,
    /// h, `[tokens, hidden]`.
    hidden: Vec<f32>,
    /// z, `[tokens, vocabulary]`.
    logits: Vec<f32>,
}

impl Read {
    fn at(&self, place: usize) -> &[f32] {
        self.stream.iter().find(|(known, _)| *known == place).map_or(&[], |(_, values)| values)
    }
}

/// State of a running check.
struct Probe<'a, C: Compute> {
    decoder: &'a Decoder<C>,
    check: &'a CrossCheck,
    clock: fn() -> f64,
    cache: KeyValueCache<C>,
    host_cache: KeyValueCache<Cpu>,
    errors: Errors,
}

/// Runs the probe text on the device, and on the CPU some layers and the LM head with the device's inputs to them.
///
/// All tokens but the last are processed at once and the last one alone, so that gemm and gemv kernels are both
/// checked.
///
/// * `clock`: milliseconds since an arbitrary fixed moment.
///
/// # Errors
/// [`CrossCheckError`].
pub async fn cross_check<C: Compute>(
    decoder: &Decoder<C>,
    check: &CrossCheck,
    clock: fn() -> f64,
) -> Result<DeviceCheck, CrossCheckError> {
    let mut probe = Probe {
        decoder,
        check,
        clock,
        cache: KeyValueCache::new(decoder.config.layers),
        host_cache: KeyValueCache::new(check.layers.len()),
        errors: Errors { largest: 0.0 },
    };
    let last = check.probe.len() - 1;
    if last > 0 {
        let (spaces, read) = probe.read(0, last).await?;
        probe.compare_places(0, &read)?;
        probe.compare_rows(&spaces, &read).await?;
    }
    let (mut gpu_ms, mut cpu_ms, mut kl) = (f64::INFINITY, f64::INFINITY, 0.0);
    let before = (probe.cache.clone(), probe.host_cache.clone());
    for _ in 0..TIMED {
        (probe.cache, probe.host_cache) = before.clone();
        let began = clock();
        let (_, read) = probe.read(last, last + 1).await?;
        gpu_ms = gpu_ms.min(clock() - began);
        let (took, divergence) = probe.compare_places(last, &read)?;
        cpu_ms = cpu_ms.min(took);
        kl = divergence;
    }
    if f32::is_nan(kl) || kl > KL_TOLERANCE {
        return Err(CrossCheckError::Wrong {
            what: "the distribution after",
            place: Place::Head,
            error: kl,
            limit: KL_TOLERANCE,
        });
    }
    let largest_error = probe.errors.largest;
    Ok(DeviceCheck { tokens: last + 1, layers: check.layers.clone(), largest_error, kl, gpu_ms, cpu_ms })
}

impl<C: Compute> Probe<'_, C> {
    /// Runs the probe's tokens `from..to` on the device and reads the results back.
    async fn read(&mut self, from: usize, to: usize) -> Result<(ModelOutputs, Read), CrossCheckError> {
        let (decoder, layers) = (self.decoder, &self.check.layers);
        let mut stream = vec![];
        let visit = |place: usize, x: &Tensor<2>| {
            if place == 0 || layers.iter().any(|layer| (2 * layer..=2 * layer + 2).contains(&place)) {
                stream.push((place, x.clone()));
            }
        };
        let control = Control::unstoppable();
        let x = decoder.embed(&self.check.probe[from..to], from);
        let last = Pass::dense(decoder, from).visit(x, &mut self.cache, &control, visit).await?;
        let hidden = decoder.final_norm(last.clone());
        let spaces = ModelOutputs { logits: decoder.logits(hidden.clone()), hidden };
        let (places, mut tensors): (Vec<usize>, Vec<Tensor<2>>) = stream.into_iter().unzip();
        tensors.extend([last, spaces.hidden.clone(), spaces.logits.clone()]);
        let mut read = read_back(tensors).await?;
        let ends = read.split_off(places.len().min(read.len()));
        let Ok([last, hidden, logits]) = <[Vec<f32>; 3]>::try_from(ends) else {
            return Err(ExperimentError::Internal {
                what: "a device gave another number of results than were asked for",
            }
            .into());
        };
        Ok((spaces, Read { stream: places.into_iter().zip(read).collect(), last, hidden, logits }))
    }

    /// Compares the device's outputs with the CPU's: embedding, the checked layers' sublayers, final norm, LM head.
    ///
    /// Returns the estimated CPU time of the whole model in milliseconds, and the KL divergence of the last token's
    /// distributions in nats.
    fn compare_places(&mut self, start: usize, read: &Read) -> Result<(f64, f32), CrossCheckError> {
        let Self { decoder, check, errors, host_cache, clock, .. } = self;
        let hidden = decoder.config.hidden;
        let tokens = read.last.len() / hidden;
        let ids: Vec<u32> = (start as u32..(start + tokens) as u32).collect();
        let embedded = to_values(check.decoder.embed(&ids, start));
        errors.add("what comes after", Place::Embedding, [read.at(0), &embedded], hidden)?;
        let positions = check.decoder.positions(start, tokens);
        let mut in_layers = 0.0;
        for (layer, original) in check.layers.iter().enumerate() {
            for kind in [SublayerKind::Attention, SublayerKind::Mlp] {
                let place = Sublayer { layer: *original, kind };
                let before = read.at(place.index());
                let input = on_host(read.at(decoder.residual_input(place)), hidden);
                let began = clock();
                let here = Sublayer { layer, kind };
                let after = check.decoder.sublayer(
                    here,
                    input,
                    on_host(before, hidden),
                    &mut [Text::new(&positions, host_cache)],
                );
                in_layers += clock() - began;
                let added = |after: &[f32]| -> Vec<f32> { after.iter().zip(before).map(|(y, x)| y - x).collect() };
                let both = [added(read.at(place.index() + 1)), added(&to_values(after))];
                let place = Place::Sublayer { layer: *original, kind };
                errors.add("what is added by", place, [&both[0], &both[1]], hidden)?;
            }
        }
        let (vocabulary, rows) = (decoder.config.vocabulary, check.head_rows.len());
        let normed = check.decoder.final_norm(on_host(&read.last, hidden));
        errors.add("the hidden state after", Place::FinalNorm, [&read.hidden, &to_values(normed.clone())], hidden)?;
        let began = clock();
        let wanted = to_values(check.decoder.logits(normed));
        let in_head = clock() - began;
        let in_row = |row: &[f32]| -> Vec<f32> { check.head_rows.iter().map(|id| row[*id as usize]).collect() };
        let found: Vec<f32> = read.logits.chunks(vocabulary).flat_map(in_row).collect();
        errors.add("what comes after", Place::Head, [&found, &wanted], rows)?;
        let layers = in_layers * decoder.config.layers as f64 / check.layers.len() as f64;
        let last = |z: &[f32]| z[z.len() - rows..].to_vec();
        let whole = layers + in_head * vocabulary as f64 / rows as f64;
        Ok((whole, divergence(&last(&wanted), &last(&found))))
    }

    /// Checks the device's kernel for metrics against the CPU's, on neighbouring rows.
    async fn compare_rows(&mut self, spaces: &ModelOutputs, read: &Read) -> Result<(), CrossCheckError> {
        let [count, hidden] = spaces.hidden.dims();
        let [_, vocabulary] = spaces.logits.dims();
        if count < 2 {
            return Ok(());
        }
        let on_host = ModelOutputs { hidden: on_host(&read.hidden, hidden), logits: on_host(&read.logits, vocabulary) };
        let all = read_all(vec![neighbours::<C>(spaces), neighbours::<Cpu>(&on_host)])
            .await
            .map_err(ExperimentError::device)?;
        let values: Vec<f32> = all
            .iter()
            .flat_map(|one| [one.metrics.cos_h, one.metrics.cos_z, one.metrics.cos_p, one.metrics.kl_dense_pruned])
            .collect();
        let (found, wanted) = values.split_at(values.len() / 2);
        self.errors.add("the comparison of rows after", Place::Head, [found, wanted], 4)
    }
}

/// Compares each row with the next one.
fn neighbours<C: Compute>(spaces: &ModelOutputs) -> PendingComparison {
    let [count, _] = spaces.hidden.dims();
    let [first, second] = [0, 1].map(|from| ModelOutputs {
        hidden: spaces.hidden.clone().narrow(0, from, count - 1),
        logits: spaces.logits.clone().narrow(0, from, count - 1),
    });
    C::compare(&first, &second, 1.0, false)
}

/// KL(p ‖ q) in nats of two rows of logits at T = 1.
fn divergence(z: &[f32], other: &[f32]) -> f32 {
    let log_softmax = |z: &[f32]| -> Vec<f64> {
        let most = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = z.iter().map(|z| f64::from(z - most).exp()).sum();
        z.iter().map(|z| f64::from(z - most) - total.ln()).collect()
    };
    let (p, q) = (log_softmax(z), log_softmax(other));
    p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum::<f64>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_row_among_many_is_found() {
        let wanted = [1e4, 1e4, 1.0, 1.0];
        let mut errors = Errors { largest: 0.0 };
        let place = Place::Head;
        assert_eq!(errors.add("z after", place, [&[1e4, 1e4, 1.0, 1.0005], &wanted], 2), Ok(()));
        assert!(errors.largest > 3e-4 && errors.largest < 4e-4);
        let wrong = errors.add("z after", place, [&[1e4, 1e4, 1.0, 1.1], &wanted], 2);
        assert!(matches!(wrong, Err(CrossCheckError::Wrong { .. })), "{wrong:?}");
        let none = errors.add("z after", place, [&[1e4, f32::NAN, 1.0, 1.0], &wanted], 2);
        assert_eq!(none, Err(CrossCheckError::NotFinite { place }));
    }

    #[test]
    fn the_divergence_is_that_of_the_distributions() {
        let [p, q] = [[0.25, 0.75], [0.5, 0.5]].map(|p: [f32; 2]| p.map(f32::ln));
        let wanted = 0.25 * 0.5f32.ln() + 0.75 * 1.5f32.ln();
        assert!((divergence(&p, &q) - wanted).abs() < 1e-6);
    }
}
