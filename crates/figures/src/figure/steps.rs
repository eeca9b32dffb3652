//! Fig. 8: metrics over generation steps, free-running and teacher-forced on the dense text, and how far the texts collapse.

use prunescope_protocol::results::{GenerationStep, Metrics, Quality, TextQuality};

use super::{Figure, Pick, dashed, line, mean, over_steps, x_range};
use crate::chart::{Band, Chart, Ink, LineChart, Series};

/// One metric's line with both models free-running, and dashed with both teacher-forced on the dense text.
fn both(name: &str, ink: Ink, steps: &[GenerationStep], fixed: &[Metrics], pick: Pick) -> Vec<Series> {
    let mut out = vec![line(name, ink, over_steps(steps, pick))];
    if !fixed.is_empty() {
        let points = fixed.iter().enumerate().map(|(step, metrics)| (step as f64, pick(metrics))).collect();
        out.push(dashed(&format!("{name} on the dense text"), ink, points));
    }
    out
}

fn figure(series: Vec<Series>, y_label: &str, at_least: (f64, f64), sentence: String) -> Option<Figure> {
    let x = x_range(&series)?;
    let chart = LineChart {
        x_label: "generated token".into(),
        y_label: y_label.into(),
        x,
        y: LineChart::range_of(&series, at_least),
        series,
        shaded: vec![],
    };
    Some(Figure { chart: Chart::Lines(chart), sentence })
}

/// Cosine of hidden states and logits.
pub fn hidden_and_logits(steps: &[GenerationStep], fixed: &[Metrics]) -> Option<Figure> {
    let hidden = both("h", Ink::Hidden, steps, fixed, |metrics| metrics.cos_h.into());
    let logits = both("z", Ink::Logits, steps, fixed, |metrics| metrics.cos_z.into());
    let (h, z) = (mean(&hidden[0].points)?, mean(&logits[0].points)?);
    let sentence = format!("Over the text the hidden states keep a cosine of {h:.2} on average, the logits {z:.2}.");
    figure([hidden, logits].concat(), "cosine similarity", (0.0, 1.0), sentence)
}

/// Cosine of probabilities.
pub fn probabilities(steps: &[GenerationStep], fixed: &[Metrics]) -> Option<Figure> {
    let series = both("p", Ink::Probabilities, steps, fixed, |metrics| metrics.cos_p.into());
    let p = mean(&series[0].points)?;
    let sentence = match series.get(1).and_then(|fixed| mean(&fixed.points)) {
        Some(fixed) => format!(
            "The probabilities keep {p:.2} on average on the pruned model's own text, {fixed:.2} when it reads the dense text."
        ),
        None => format!("The probabilities keep {p:.2} on average so far."),
    };
    figure(series, "cosine similarity", (0.0, 1.0), sentence)
}

/// KL with both models free-running; what exceeds the dashed teacher-forced line is added by the feedback.
pub fn kl(steps: &[GenerationStep], fixed: &[Metrics]) -> Option<Figure> {
    let mut series = both("KL", Ink::Probabilities, steps, fixed, |metrics| metrics.kl_dense_pruned.into());
    let own = mean(&series[0].points)?;
    let sentence = match series.get(1) {
        Some(fixed) => {
            let at = |step: usize| fixed.points.get(step).map_or(f64::NAN, |(_, y)| *y);
            let pairs: Vec<(f64, f64)> =
                series[0].points.iter().enumerate().map(|(step, (_, y))| (*y, at(step))).collect();
            let shared: Vec<_> = pairs.iter().filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
            let (a, b) = shared.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
            let steps = shared.len().max(1) as f64;
            let fixed_mean = b / steps;
            let own_mean = a / steps;
            let edge = |pick: fn(f64, f64) -> f64| {
                pairs.iter().map(|(a, b)| if b.is_finite() { pick(*a, *b) } else { *a }).collect::<Vec<_>>()
            };
            let band = Band { low: edge(f64::min), high: edge(f64::max) };
            series[0].band = Some(band);
            if own_mean > fixed_mean {
                let share = 100.0 * (own_mean - fixed_mean) / own_mean.max(f64::MIN_POSITIVE);
                format!(
                    "Mean KL is {own_mean:.2} nats on its own text, {fixed_mean:.2} on the dense text: the shaded feedback is {share:.0} % of it."
                )
            } else {
                format!(
                    "Mean KL is {own_mean:.2} nats on its own text and {fixed_mean:.2} on the dense text: here the feedback adds nothing."
                )
            }
        }
        None => format!("Mean KL is {own:.2} nats so far."),
    };
    figure(series, "nats", (0.0, 0.1), sentence)
}

/// The dense model's loss −log p at each token of one text, in nats.
pub fn losses(text: &TextQuality) -> Vec<(f64, f64)> {
    text.dense_losses.iter().enumerate().map(|(at, loss)| (at as f64, f64::from(*loss))).collect()
}

/// The dense model's loss at each token of both texts: a measure of collapse that needs no label.
pub fn collapse(quality: &Quality) -> Option<Figure> {
    let series = vec![
        line("dense text", Ink::Dense, losses(&quality.dense)),
        line("pruned text", Ink::Pruned, losses(&quality.pruned)),
    ];
    let (dense, pruned) = (quality.dense.dense_loss?, quality.pruned.dense_loss?);
    let sentence = format!(
        "The dense model is surprised by {dense:.2} nats a token of its own text and by {pruned:.2} of the pruned text, of whose token pairs {:.0} % are different (dense {:.0} %) and whose runs of three repeat in {:.0} % (dense {:.0} %).",
        100.0 * quality.pruned.distinct_2,
        100.0 * quality.dense.distinct_2,
        100.0 * quality.pruned.repeated_3,
        100.0 * quality.dense.repeated_3,
    );
    figure(series, "−log p of the dense model", (0.0, 1.0), sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::steps;

    #[test]
    fn the_feedback_is_the_area_between_both_lines() {
        let fixed: Vec<Metrics> =
            [1.0, 1.0].map(|kl_dense_pruned| Metrics { kl_dense_pruned, ..Metrics::default() }).to_vec();
        let figure = kl(&steps(&[(1.0, 0.5), (3.0, 0.2)]), &fixed).unwrap();
        assert!(figure.sentence.contains("2.00 nats") && figure.sentence.contains("50 %"), "{}", figure.sentence);
        let Chart::Lines(chart) = &figure.chart else { panic!("lines") };
        let band = chart.series[0].band.as_ref().unwrap();
        assert_eq!((band.low.clone(), band.high.clone()), (vec![1.0, 1.0], vec![1.0, 3.0]));
        assert!(kl(&steps(&[(1.0, 0.5)]), &[]).unwrap().sentence.contains("so far"));
        assert_eq!(kl(&[], &[]), None);
    }
}
