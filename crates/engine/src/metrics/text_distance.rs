//! Statistics of a model's distance from the dense one over the positions of a text, as `llama-perplexity --kl-divergence` defines them.

use prunescope_protocol::results::{Estimate, TextDistance};

/// What is known of one position, where both models predict the text's next token (T = 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredPosition {
    /// KL(p ‖ p̃), in nats.
    pub kl: f32,
    /// Whether both models find the same token likeliest.
    pub same_top: bool,
    /// −log p of the next token, in nats.
    pub dense_loss: f32,
    /// −log p̃ of the next token, in nats.
    pub loss: f32,
}

impl ScoredPosition {
    /// Δp = p̃ − p of the text's next token.
    fn delta_p(&self) -> f64 {
        f64::from(-self.loss).exp() - f64::from(-self.dense_loss).exp()
    }
}

/// The distance over some positions; all zeros if there are none.
pub fn distance(positions: &[ScoredPosition]) -> TextDistance {
    let mut divergences: Vec<f32> = positions.iter().map(|position| position.kl).collect();
    divergences.sort_by(f32::total_cmp);
    let of = |value: fn(&ScoredPosition) -> f64| Moments::of(positions.iter().map(value));
    let same_top = of(|position| f64::from(u8::from(position.same_top)));
    let squared = of(|position| position.delta_p().powi(2));
    let rms = squared.mean.sqrt();
    // The error of a root, to first order.
    let rms_error = if rms > 0.0 { squared.error / (2.0 * rms) } else { 0.0 };
    TextDistance {
        kl_mean: of(|position| f64::from(position.kl)).estimate(),
        kl_median: percentile(&divergences, 0.5),
        kl_90: percentile(&divergences, 0.9),
        kl_99: percentile(&divergences, 0.99),
        kl_999: percentile(&divergences, 0.999),
        kl_max: percentile(&divergences, 1.0),
        same_top: same_top.estimate(),
        delta_p_mean: of(ScoredPosition::delta_p).estimate(),
        delta_p_rms: estimate(rms, rms_error),
        perplexity: of(|position| f64::from(position.loss)).exponential(),
        // The losses at a position are alike, so the error of their difference is that of the ratio's logarithm.
        perplexity_ratio: of(|position| f64::from(position.loss) - f64::from(position.dense_loss)).exponential(),
    }
}

/// The dense model's perplexity over some positions; 1 if there are none.
pub fn dense_perplexity(positions: &[ScoredPosition]) -> Estimate {
    Moments::of(positions.iter().map(|position| f64::from(position.dense_loss))).exponential()
}

/// A mean and its standard error.
struct Moments {
    mean: f64,
    error: f64,
}

impl Moments {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        if count == 0.0 {
            return Self { mean: 0.0, error: 0.0 };
        }
        let mean = values.clone().sum::<f64>() / count;
        let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        Self { mean, error: if count > 1.0 { (variance / (count - 1.0)).sqrt() } else { 0.0 } }
    }

    fn estimate(&self) -> Estimate {
        estimate(self.mean, self.error)
    }

    /// Of the exponential, to first order.
    fn exponential(&self) -> Estimate {
        estimate(self.mean.exp(), self.mean.exp() * self.error)
    }
}

fn estimate(value: f64, error: f64) -> Estimate {
    Estimate { value: value as f32, error: error as f32 }
}

/// A percentile of sorted values, linear between two of them; 0 if there are none.
fn percentile(sorted: &[f32], share: f64) -> f32 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = share * last as f64;
    let (below, part) = (place as usize, place.fract() as f32);
    let above = sorted[(below + 1).min(last)];
    if part == 0.0 { sorted[below] } else { (1.0 - part) * sorted[below] + part * above }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(kl: f32, same_top: bool, dense_p: f32, p: f32) -> ScoredPosition {
        ScoredPosition { kl, same_top, dense_loss: -dense_p.ln(), loss: -p.ln() }
    }

    fn close(found: f32, expected: f32) {
        assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{found} in place of {expected}");
    }

    #[test]
    fn the_statistics_of_three_positions() {
        let positions = [position(0.0, true, 0.5, 0.5), position(1.0, false, 0.8, 0.2), position(2.0, true, 0.1, 0.4)];
        let found = distance(&positions);
        close(found.kl_mean.value, 1.0);
        // The variance, 2 / 3, over one position less than there are.
        close(found.kl_mean.error, (1.0f32 / 3.0).sqrt());
        close(found.kl_median, 1.0);
        close(found.kl_90, 1.8);
        close(found.kl_max, 2.0);
        close(found.same_top.value, 2.0 / 3.0);
        // √(p (1 − p) / (n − 1))
        close(found.same_top.error, (2.0f32 / 9.0 / 2.0).sqrt());
        close(found.delta_p_mean.value, -0.1);
        close(found.delta_p_rms.value, (0.45f32 / 3.0).sqrt());
        close(found.perplexity.value, (0.5f32 * 0.2 * 0.4).powf(-1.0 / 3.0));
        close(dense_perplexity(&positions).value, (0.5f32 * 0.8 * 0.1).powf(-1.0 / 3.0));
        close(found.perplexity_ratio.value, found.perplexity.value / dense_perplexity(&positions).value);
    }

    #[test]
    fn equal_models_are_at_no_distance_and_without_error() {
        let found = distance(&[position(0.0, true, 0.5, 0.5), position(0.0, true, 0.25, 0.25)]);
        let none = Estimate::default();
        assert_eq!((found.kl_mean, found.kl_max, found.delta_p_mean, found.delta_p_rms), (none, 0.0, none, none));
        assert_eq!((found.same_top, found.perplexity_ratio), (estimate(1.0, 0.0), estimate(1.0, 0.0)));
        assert_eq!(distance(&[]).kl_mean, none);
    }

    #[test]
    fn numbers_that_are_not_finite_are_not_hidden() {
        let found = distance(&[position(f32::NAN, false, 0.5, 0.5), position(1.0, true, 0.5, 0.5)]);
        assert!(found.kl_mean.value.is_nan() && found.kl_max.is_nan());
    }
}
