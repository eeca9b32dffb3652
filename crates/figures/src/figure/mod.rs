//! The paper's figures, made from results: a chart, and an explanation with the measured numbers filled in.
//!
//! Pure functions from [`prunescope_protocol::results`]; the page only displays their output.

pub mod choice;
pub mod compare;
pub mod fidelity;
pub mod judged;
pub mod layers;
pub mod pareto;
pub mod repair;
pub mod retrieval;
pub mod search;
pub mod speed;
pub mod steps;
pub mod sweep;
pub mod text_change;
pub mod text_fidelity;
pub mod theorems;
pub mod tokens;
pub mod verdict;
pub mod weights;

use prunescope_protocol::results::{GenerationStep, Metrics, VariantResult};

use crate::chart::{Chart, Ink, LineChart, Series};

/// A chart with its explanation.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The chart.
    pub chart: Chart,
    /// One or two sentences with the measured numbers.
    pub sentence: String,
}

/// Selects one number of the metrics.
pub type Pick = fn(&Metrics) -> f64;

/// A solid line without a band.
fn line(name: impl Into<String>, ink: Ink, points: Vec<(f64, f64)>) -> Series {
    Series { name: name.into(), ink, dashed: false, points, band: None }
}

/// A dashed line without a band.
fn dashed(name: impl Into<String>, ink: Ink, points: Vec<(f64, f64)>) -> Series {
    Series { dashed: true, ..line(name, ink, points) }
}

/// One metric over generation steps; NaN at a step that compares nothing.
fn over_steps(steps: &[GenerationStep], pick: Pick) -> Vec<(f64, f64)> {
    let value = |step: &GenerationStep| step.compared.as_ref().map_or(f64::NAN, |compared| pick(&compared.metrics));
    steps.iter().map(|step| (step.step as f64, value(step))).collect()
}

/// A figure over generation steps with an added line for each variant, in the variant's colour.
///
/// * `points` — gives a variant's line.
pub fn overlaid<'a>(
    figure: Option<Figure>,
    variants: impl Iterator<Item = (usize, &'a VariantResult)>,
    points: impl Fn(&VariantResult) -> Vec<(f64, f64)>,
) -> Option<Figure> {
    let mut figure = figure?;
    if let Chart::Lines(chart) = &mut figure.chart {
        let at_least = chart.y;
        chart.series.extend(variants.map(|(at, variant)| line(&variant.name, Ink::Variant(at), points(variant))));
        let (first, last) = x_range(&chart.series).unwrap_or(chart.x);
        chart.x = (chart.x.0.min(first), chart.x.1.max(last));
        chart.y = LineChart::range_of(&chart.series, at_least);
    }
    Some(figure)
}

/// One metric of a variant over its own (free-running) text.
pub fn of_variant(variant: &VariantResult, pick: Pick) -> Vec<(f64, f64)> {
    over_steps(&variant.generation.steps, pick)
}

/// One metric of a variant over the dense model's text (teacher-forced).
pub fn of_variant_on_dense_text(variant: &VariantResult, pick: Pick) -> Vec<(f64, f64)> {
    variant.generation.fixed_trajectory.iter().enumerate().map(|(step, metrics)| (step as f64, pick(metrics))).collect()
}

/// Mean of the finite values.
fn mean(points: &[(f64, f64)]) -> Option<f64> {
    let values: Vec<f64> = points.iter().map(|(_, y)| *y).filter(|y| y.is_finite()).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The range of x over all points of all series.
fn x_range(series: &[Series]) -> Option<(f64, f64)> {
    let values = || series.iter().flat_map(|line| line.points.iter().filter(|(_, y)| y.is_finite()));
    let places = || values().map(|(x, _)| *x);
    places().next()?;
    Some((places().fold(f64::INFINITY, f64::min), places().fold(f64::NEG_INFINITY, f64::max)))
}

/// A token's text with visible white space.
pub fn visible(text: &str) -> String {
    let white = text.trim().is_empty();
    text.replace('\n', "⏎").replace(if white { " " } else { "\t" }, if white { "␣" } else { "⇥" })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use prunescope_protocol::results::{ComparedPosition, TopTokens};

    /// Steps with these values of KL and cosine, and made-up estimates.
    pub(crate) fn steps(values: &[(f32, f32)]) -> Vec<GenerationStep> {
        let compared = |(kl, cos): &(f32, f32)| ComparedPosition {
            metrics: Metrics {
                kl_dense_pruned: *kl,
                theorem3: 0.9 * kl,
                cos_p: *cos,
                cos_h: 0.5 + 0.5 * cos,
                cos_z: 0.9 + 0.1 * cos,
                ..Metrics::default()
            },
            top: TopTokens::default(),
        };
        let step = |(step, one): (usize, &(f32, f32))| GenerationStep {
            step,
            dense: None,
            pruned: None,
            compared: Some(compared(one)),
        };
        values.iter().enumerate().map(step).collect()
    }

    #[test]
    fn white_space_is_shown() {
        assert_eq!([visible("\n"), visible("  "), visible("a\n")], ["⏎", "␣␣", "a⏎"]);
    }
}
