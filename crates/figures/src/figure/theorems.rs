//! Fig. 6: ground truth against the second-order estimates, where they break down, and which tokens' Δz contributes most.

use prunescope_localization::tr;
use prunescope_protocol::model::SublayerKind;
use prunescope_protocol::results::{GenerationStep, LayerTransition, Metrics, TokenWeight};
use std::collections::BTreeMap;

use super::{Figure, Pick, dashed, line, x_range};
use crate::chart::{BarChart, BarRow, Chart, Ink, LineChart, Series, short_number};

/// Relative error above which an estimate counts as broken down.
pub const OFF: f64 = 0.5;
/// Truth below this value is too small to judge an estimate's relative error.
const SMALL: f64 = 1e-4;
/// Number of tokens in the bar chart.
const BARS: usize = 10;

/// One of the theorems, for one space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimate {
    /// Theorem 1 for the hidden states.
    Hidden,
    /// Theorem 1 for the logits.
    Logits,
    /// Theorem 2: 1 − cos p.
    Probabilities,
    /// Theorem 3: KL.
    Divergence,
}

impl Estimate {
    /// The measured value that the theorem estimates.
    pub fn measured(self) -> Pick {
        self.truth().2
    }

    fn truth(self) -> (&'static str, Ink, Pick, Pick) {
        match self {
            Self::Hidden => ("1 − cos h", Ink::Hidden, |m| 1.0 - f64::from(m.cos_h), |m| m.theorem1_h.into()),
            Self::Logits => ("1 − cos z", Ink::Logits, |m| 1.0 - f64::from(m.cos_z), |m| m.theorem1_z.into()),
            Self::Probabilities => {
                ("1 − cos p", Ink::Probabilities, |m| 1.0 - f64::from(m.cos_p), |m| m.theorem2.into())
            }
            Self::Divergence => ("KL", Ink::Probabilities, |m| m.kl_dense_pruned.into(), |m| m.theorem3.into()),
        }
    }
}

/// Metrics at points along an axis.
pub struct Places<'a> {
    /// Name of the axis.
    pub x_label: String,
    /// Position on the axis, and metrics there.
    pub at: Vec<(f64, &'a Metrics)>,
}

/// Generation steps as the axis.
pub fn along_steps(steps: &[GenerationStep]) -> Places<'_> {
    let at = steps.iter().filter_map(|step| Some((step.step as f64, &step.compared.as_ref()?.metrics))).collect();
    Places { x_label: tr!(figure_axis_generated_token), at }
}

/// Generation steps as the axis, with both models on the dense text, so that they differ by the plan alone.
pub fn along_dense_text(fixed: &[Metrics]) -> Places<'_> {
    let at = fixed.iter().enumerate().map(|(step, metrics)| (step as f64, metrics)).collect();
    Places { x_label: tr!(figure_theorems_axis_dense_text), at }
}

/// Layers as the axis: each sublayer alone, at the end of the prompt.
pub fn along_layers(layers: &BTreeMap<usize, Vec<LayerTransition>>, kind: SublayerKind) -> Places<'_> {
    let first = layers.get(&0).map_or(&[][..], Vec::as_slice);
    let of_kind = first.iter().filter(|transition| transition.sublayer == kind);
    let at = of_kind.map(|transition| (transition.layer as f64, &transition.raw)).collect();
    Places { x_label: tr!(figure_theorems_axis_layer), at }
}

/// Truth (solid) and estimate (dashed), shaded where the relative error exceeds [`OFF`].
pub fn estimate(places: &Places<'_>, which: Estimate) -> Option<Figure> {
    let (name, ink, truth, estimate) = which.truth();
    let points = |pick: Pick| places.at.iter().map(|(x, metrics)| (*x, pick(metrics))).collect::<Vec<_>>();
    let (truths, estimates) = (points(truth), points(estimate));
    let off: Vec<f64> = truths
        .iter()
        .zip(&estimates)
        .filter(|((_, truth), (_, estimate))| *truth > SMALL && (estimate - truth).abs() > OFF * truth)
        .map(|((x, _), _)| *x)
        .collect();
    let failing = truths.iter().filter(|(x, _)| off.contains(x)).map(|(_, truth)| *truth);
    let smallest = failing.fold(f64::INFINITY, f64::min);
    let percent = format!("{:.0}", 100.0 * OFF);
    let sentence = match (off.len(), truths.len()) {
        (0, _) => tr!(figure_theorems_holds, percent = percent),
        (n, all) if n == all => tr!(figure_theorems_fails, percent = percent),
        (n, all) => tr!(
            figure_theorems_fails_in_places,
            percent = percent,
            places = n,
            all = all,
            smallest = short_number(smallest),
        ),
    };
    let series = vec![line(name, ink, truths), dashed(tr!(figure_theorems_estimate, name = name), ink, estimates)];
    lines(series, places, name.into(), off, sentence)
}

fn lines(series: Vec<Series>, places: &Places<'_>, y_label: String, off: Vec<f64>, sentence: String) -> Option<Figure> {
    let x = x_range(&series)?;
    let chart = LineChart {
        x_label: places.x_label.clone(),
        y_label,
        x,
        y: LineChart::range_of(&series, (0.0, 0.01)),
        series,
        shaded: off.into_iter().map(|x| (x - 0.5, x + 0.5)).collect(),
    };
    Some(Figure { chart: Chart::Lines(chart), sentence })
}

/// Parallel and orthogonal parts of Δh and Δz; only the orthogonal part turns the vector. The parallel part has its sign: below 0 it
/// shrinks the vector.
pub fn parts(places: &Places<'_>) -> Option<Figure> {
    let points = |pick: Pick| places.at.iter().map(|(x, metrics)| (*x, pick(metrics))).collect::<Vec<_>>();
    let series = vec![
        line("Δh⊥", Ink::Hidden, points(|m| m.orthogonal_h.into())),
        dashed("Δh∥", Ink::Hidden, points(|m| m.alpha_h.into())),
        line("Δz⊥", Ink::Logits, points(|m| m.orthogonal_z.into())),
        dashed("Δz∥", Ink::Logits, points(|m| m.alpha_z.into())),
    ];
    let mean = |pick: Pick| super::mean(&points(pick));
    let h = mean(|m| m.orthogonal_h.into())? / mean(|m| m.parallel_h.into())?.max(1e-9);
    let z = mean(|m| m.orthogonal_z.into())? / mean(|m| m.parallel_z.into())?.max(1e-9);
    let (along_h, along_z) = (mean(|m| m.alpha_h.into())?, mean(|m| m.alpha_z.into())?);
    let change = match (along_h < 0.0, along_z < 0.0) {
        (true, true) => "shrink",
        (true, false) => "h-shrinks",
        (false, true) => "z-shrinks",
        (false, false) => "grow",
    };
    let sentence = tr!(
        figure_theorems_parts,
        change = change,
        h = format!("{h:.1}"),
        z = format!("{z:.1}"),
        along_h = format!("{:.1}", 100.0 * along_h.abs()),
        along_z = format!("{:.1}", 100.0 * along_z.abs()),
    );
    lines(series, places, tr!(figure_theorems_axis_share), vec![], sentence)
}

/// The tokens with the largest shares of the weighted variances of Δz at one token of the texts.
///
/// * `step` — that token's step, from 0.
pub fn damage(tokens: &[TokenWeight], step: usize) -> Option<Figure> {
    let first = tokens.first()?;
    let rows = tokens.iter().take(BARS).map(|token| BarRow {
        name: super::visible(&token.text),
        values: vec![token.share_p.into(), token.share_r.into()],
    });
    let rows: Vec<BarRow> = rows.collect();
    let share: f32 = tokens.iter().take(3).map(|token| token.share_p).sum();
    let sentence = tr!(
        figure_theorems_damage,
        token = step + 1,
        percent = format!("{:.0}", 100.0 * share),
        largest = super::visible(&first.text),
        p = format!("{:.3}", first.p),
        r = format!("{:.3}", first.r),
        delta = format!("{:+.2}", first.delta_z),
    );
    let bars = vec![(tr!(figure_theorems_share_p), Ink::Hidden), (tr!(figure_theorems_share_r), Ink::Pruned)];
    let x_label = tr!(figure_theorems_axis_variance);
    Some(Figure { chart: Chart::Bars(BarChart { x_label, bars, rows }), sentence })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::steps;

    #[test]
    fn places_where_the_estimate_fails_are_shaded() {
        let mut steps = steps(&[(0.01, 0.99), (4.0, 0.1)]);
        steps[1].compared.as_mut().unwrap().metrics.theorem3 = 40.0;
        let figure = estimate(&along_steps(&steps), Estimate::Divergence).unwrap();
        let Chart::Lines(chart) = &figure.chart else { panic!("lines") };
        assert_eq!(chart.shaded, [(0.5, 1.5)]);
        assert!(
            figure.sentence.contains("1 of 2") && figure.sentence.contains("4.0000 or more"),
            "{}",
            figure.sentence
        );
    }

    #[test]
    fn the_parallel_part_shrinks_or_grows() {
        let mut steps = steps(&[(0.1, 0.9), (0.2, 0.8)]);
        for (step, alpha) in steps.iter_mut().zip([-0.5f32, -0.25]) {
            let metrics = &mut step.compared.as_mut().unwrap().metrics;
            (metrics.alpha_h, metrics.parallel_h, metrics.orthogonal_h) = (alpha, alpha.abs(), 0.75);
            (metrics.alpha_z, metrics.parallel_z, metrics.orthogonal_z) = (0.125, 0.125, 0.25);
        }
        let figure = parts(&along_steps(&steps)).unwrap();
        assert!(
            figure.sentence.ends_with("2.0 times the parallel part in h and 2.0 times in z; along itself h shrinks by 37.5 % and z grows by 12.5 %."),
            "{}",
            figure.sentence
        );
        let Chart::Lines(chart) = &figure.chart else { panic!("lines") };
        assert_eq!(chart.series[1].points, [(0.0, -0.5), (1.0, -0.25)]);
        assert!(chart.y.0 < -0.5, "the chart reaches below 0");
    }

    #[test]
    fn the_damage_names_its_largest_token() {
        let token = |text: &str, share_p: f32| TokenWeight {
            id: 0,
            text: text.into(),
            p: 0.5,
            r: 0.7,
            delta_z: -1.5,
            share_p,
            share_r: 0.1,
        };
        let figure = damage(&[token("The", 0.6), token("La", 0.2), token("x", 0.1)], 6).unwrap();
        assert!(figure.sentence.contains("90 %") && figure.sentence.contains("“The”"), "{}", figure.sentence);
        assert_eq!(damage(&[], 0), None);
    }
}
