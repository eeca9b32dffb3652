//! Fits of the head's repair: an offset of h and a temperature of the logits.
//!
//! Both minimise the mean of KL(p ‖ softmax(z̃)) at T = 1 on the tokens of the fit, along a line: z̃ + t z̃ for the
//! temperature τ = 1 / (1 + t), and z̃ + t W d for the offset b = t d, where d is the mean of h − h̃. Along a line the
//! divergence is convex, and its derivatives need only the mean and the variance of the direction under softmax.

use burn::tensor::{Tensor, activation::softmax};

use super::{MAX_HEAD_TOKENS, ROWS_AT_ONCE};
use crate::compute::{Compute, read_back};
use crate::experiment::forward::outputs_at;
use crate::experiment::{Control, ExperimentError};
use crate::model::Decoder;
use crate::model::replacement::HeadMap;
use prunescope_protocol::prune::HeadPart;

/// Most logits that are kept during a fit: 64 MB.
const MAX_LOGITS: usize = 1 << 24;
/// Lowest and highest t for the temperature: τ is between 5 and 0.2.
const TEMPERATURE_RANGE: (f32, f32) = (-0.8, 4.0);
/// The same for the offset.
const BIAS_RANGE: (f32, f32) = (0.0, 2.0);
/// Largest number of Newton's steps; it usually takes four.
const STEPS: usize = 20;
/// Change of t at which they end.
const PRECISION: f32 = 1e-4;

/// Fits a part of the head's repair, on top of what the pruned model's decoder has of it.
///
/// * `dense`, `pruned`: each model's decoder and its h on the tokens of the fit, `[tokens, hidden]`.
///
/// Returns the map with this part, and the part's value for the report: τ, or the length of b in lengths of the pruned
/// model's mean h.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn fit<C: Compute>(
    part: HeadPart,
    dense: (&Decoder<C>, &Tensor<2>),
    pruned: (&Decoder<C>, &Tensor<2>),
    control: &Control,
) -> Result<(HeadMap, f32), ExperimentError> {
    let map = pruned.0.head_map.clone();
    let (h, pruned_h) = (dense.1, pruned.1);
    match part {
        HeadPart::Temperature => {
            let line = Line::through(dense, pruned, None, control).await?;
            let temperature = 1.0 / (1.0 + line.least(TEMPERATURE_RANGE, control).await?);
            Ok((HeadMap { temperature: map.temperature * temperature, ..map }, temperature))
        }
        HeadPart::Bias => {
            let direction = h.clone().sub(pruned_h.clone()).mean_dim(0);
            // A head with a bias of its own has it in both, so that it is not in their difference.
            let of_mean = |h: &Tensor<2>| pruned.0.unrepaired_logits(h.clone().mean_dim(0));
            let logits = map.logits(of_mean(h).sub(of_mean(pruned_h)));
            let line = Line::through(dense, pruned, Some(logits), control).await?;
            let bias = direction.mul_scalar(line.least(BIAS_RANGE, control).await?);
            let length = |x: Tensor<2>| x.square().sum_dim(1).sqrt();
            let value = length(bias.clone()).div(length(pruned_h.clone().mean_dim(0)));
            let value = read_back(value).await.map_err(ExperimentError::device)?;
            let bias = map.hidden(bias);
            Ok((HeadMap { bias: Some(bias), ..map }, value.first().copied().unwrap_or_default()))
        }
    }
}

/// Logits on a line: z + t v, for some tokens.
struct Line {
    /// z, a few rows `[rows, vocabulary]` each.
    logits: Vec<Tensor<2>>,
    /// v for all tokens, `[1, vocabulary]`; `None` if it is z.
    direction: Option<Tensor<2>>,
    /// The mean of v under the dense model's p, `[rows, 1]` for each of `logits`.
    targets: Vec<Tensor<2>>,
}

impl Line {
    /// The line through the pruned model's logits.
    ///
    /// * `dense`, `pruned`, as in [`fit`].
    async fn through<C: Compute>(
        (dense, h): (&Decoder<C>, &Tensor<2>),
        (pruned, pruned_h): (&Decoder<C>, &Tensor<2>),
        direction: Option<Tensor<2>>,
        control: &Control,
    ) -> Result<Self, ExperimentError> {
        let mut line = Self { logits: vec![], direction, targets: vec![] };
        let [rows, _] = h.dims();
        for some in chosen(rows, dense.config.vocabulary) {
            control.checkpoint().await?;
            line.add(outputs_at(dense, h, some.clone()).logits, outputs_at(pruned, pruned_h, some).logits);
        }
        Ok(line)
    }

    /// Adds tokens.
    ///
    /// * `dense`, `pruned`: their logits, `[rows, vocabulary]`.
    fn add(&mut self, dense: Tensor<2>, pruned: Tensor<2>) {
        let v = self.direction.clone().unwrap_or_else(|| pruned.clone());
        self.targets.push(softmax(dense, 1).mul(v).sum_dim(1));
        self.logits.push(pruned);
    }

    /// The t in a range that minimises the mean of KL(p ‖ softmax(z + t v)), by Newton's method; a step that would
    /// leave the bracket of the minimum halves it instead.
    async fn least(&self, (mut low, mut high): (f32, f32), control: &Control) -> Result<f32, ExperimentError> {
        let mut t = 0.0;
        for _ in 0..STEPS {
            let (slope, curvature) = self.derivatives(t, control).await?;
            if slope > 0.0 {
                high = t;
            } else {
                low = t;
            }
            let newton = t - slope / curvature;
            let next = if newton > low && newton < high { newton } else { (low + high) / 2.0 };
            let change = (next - t).abs();
            t = next;
            if change < PRECISION {
                break;
            }
        }
        Ok(t)
    }

    /// The first and second derivative by t: the means over tokens of E_q[v] − E_p[v] and of the variance of v under
    /// q = softmax(z + t v).
    async fn derivatives(&self, t: f32, control: &Control) -> Result<(f32, f32), ExperimentError> {
        let mut columns = vec![];
        for (z, target) in self.logits.iter().zip(&self.targets) {
            control.checkpoint().await?;
            let v = self.direction.as_ref().unwrap_or(z);
            let weighted = softmax(z.clone().add(v.clone().mul_scalar(t)), 1).mul(v.clone());
            let mean = weighted.clone().sum_dim(1);
            let variance = weighted.mul(v.clone()).sum_dim(1).sub(mean.clone().square());
            columns.push(Tensor::cat(vec![mean.sub(target.clone()), variance], 1));
        }
        let values = read_back(Tensor::cat(columns, 0).mean_dim(0)).await.map_err(ExperimentError::device)?;
        Ok((values[0], values[1]))
    }
}

/// The rows of a fit, a few at a time: all, or evenly spaced ones up to the limits.
fn chosen(rows: usize, vocabulary: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let most = MAX_HEAD_TOKENS.min(MAX_LOGITS / vocabulary.max(1)).max(ROWS_AT_ONCE);
    let count = if rows > most { most / ROWS_AT_ONCE } else { rows.div_ceil(ROWS_AT_ONCE) };
    (0..count).map(move |at| {
        let begin = if rows > most { at * rows / count } else { at * ROWS_AT_ONCE };
        begin..(begin + ROWS_AT_ONCE).min(rows)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::{Cpu, on_device};
    use futures::executor::block_on;
    use proptest::prelude::*;

    const VOCABULARY: usize = 12;
    const TOKENS: usize = 16;

    fn rows(values: &[f32]) -> Tensor<2> {
        on_device(values.to_vec(), [values.len() / VOCABULARY, VOCABULARY], &Cpu.device())
    }

    fn least(line: &Line, range: (f32, f32)) -> f32 {
        block_on(line.least(range, &Control::unstoppable())).unwrap()
    }

    #[test]
    fn many_rows_are_evenly_spaced() {
        let taken = |rows, vocabulary| chosen(rows, vocabulary).collect::<Vec<_>>();
        assert_eq!(taken(11, 49_152), [0..8, 8..11]);
        let all = taken(1535, 49_152);
        assert_eq!((all.len(), all[0].clone(), all[31].clone()), (32, 0..8, 1487..1495));
        assert_eq!(taken(255, 262_144).len(), 8, "fewer tokens of a large vocabulary");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// If the pruned logits are τ times the dense ones, the temperature is τ, or the nearest in range.
        #[test]
        fn a_known_temperature_is_found(
            z in proptest::collection::vec(-4f32..4.0, TOKENS * VOCABULARY),
            temperature in 0.1f32..6.0,
        ) {
            let mut line = Line { logits: vec![], direction: None, targets: vec![] };
            for z in z.chunks(TOKENS * VOCABULARY / 2) {
                line.add(rows(z), rows(z).mul_scalar(temperature));
            }
            let found = 1.0 / (1.0 + least(&line, TEMPERATURE_RANGE));
            let wanted = temperature.clamp(0.2, 5.0);
            prop_assert!((found - wanted).abs() < 2e-3 * wanted, "{found} for {temperature}");
        }

        /// If the pruned logits lack a multiple of a vector, that multiple is found.
        #[test]
        fn a_known_offset_is_found(
            z in proptest::collection::vec(-4f32..4.0, TOKENS * VOCABULARY),
            v in proptest::collection::vec(-2f32..2.0, VOCABULARY),
            share in 0f32..2.0,
        ) {
            let mut line = Line { logits: vec![], direction: Some(rows(&v)), targets: vec![] };
            line.add(rows(&z).add(rows(&v).mul_scalar(share)), rows(&z));
            let found = least(&line, BIAS_RANGE);
            prop_assert!((found - share).abs() < 2e-2, "{found} for {share}");
        }
    }
}
