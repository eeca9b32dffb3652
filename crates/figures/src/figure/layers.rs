//! Fig. 2: cosine by layer in the three spaces, with each sublayer alone dropped or its weights pruned.

use prunescope_localization::tr;
use prunescope_protocol::model::SublayerKind;
use prunescope_protocol::results::{LayerTransition, Metrics};
use std::collections::BTreeMap;

use super::Figure;
use crate::chart::{Band, Chart, Ink, LineChart, Series};

/// What is done to each sublayer alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is dropped.
    Drop,
    /// Its weights are pruned.
    Weights,
}

/// Three lines with bands (lowest to highest over generation steps); none if there are no results.
///
/// * `with_norm` — whether the final norm is applied before the LM head.
pub fn cosines(
    steps: &BTreeMap<usize, Vec<LayerTransition>>,
    kind: SublayerKind,
    with_norm: bool,
    change: Change,
) -> Option<Figure> {
    // Metrics by layer, one entry a step.
    let mut by_layer = BTreeMap::<usize, Vec<&Metrics>>::new();
    for transition in steps.values().flatten().filter(|transition| transition.sublayer == kind) {
        let metrics = if with_norm { &transition.with_final_norm } else { &transition.raw };
        by_layer.entry(transition.layer).or_default().push(metrics);
    }
    let (first, last) = (*by_layer.keys().next()?, *by_layer.keys().next_back()?);
    let line = |name: &str, ink: Ink, of: fn(&Metrics) -> f32| {
        let values = |metrics: &[&Metrics]| metrics.iter().map(|one| f64::from(of(one))).collect::<Vec<_>>();
        let fold = |pick: fn(f64, f64) -> f64, start: f64| {
            by_layer.values().map(|metrics| values(metrics).into_iter().fold(start, pick)).collect()
        };
        let mean = |metrics: &[&Metrics]| values(metrics).iter().sum::<f64>() / metrics.len() as f64;
        Series {
            name: name.into(),
            ink,
            dashed: false,
            points: by_layer.iter().map(|(layer, metrics)| (*layer as f64, mean(metrics))).collect(),
            band: Some(Band { low: fold(f64::min, f64::INFINITY), high: fold(f64::max, f64::NEG_INFINITY) }),
        }
    };
    let series = vec![
        line("p", Ink::Probabilities, |metrics| metrics.cos_p),
        line("h", Ink::Hidden, |metrics| metrics.cos_h),
        line("z", Ink::Logits, |metrics| metrics.cos_z),
    ];
    let lowest = |line: &Series| line.points.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
    let (at, p) = lowest(&series[0]);
    let (_, z) = lowest(&series[2]);
    let change = if change == Change::Drop { "drop" } else { "weights" };
    let (z, p, layer) = (format!("{z:.2}"), format!("{p:.2}"), format!("{at:.0}"));
    let sentence = match kind {
        SublayerKind::Attention => tr!(figure_layers_attention, change = change, z = z, p = p, layer = layer),
        SublayerKind::Mlp => tr!(figure_layers_mlp, change = change, z = z, p = p, layer = layer),
    };
    let y = LineChart::range_of(&series, (0.0, 1.0));
    let chart = LineChart {
        x_label: tr!(figure_layers_axis),
        y_label: tr!(figure_layers_cosine),
        x: (first as f64, last as f64),
        y,
        series,
        shaded: vec![],
    };
    Some(Figure { chart: Chart::Lines(chart), sentence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_band_spans_the_steps_and_the_sentence_names_the_lowest() {
        let transition = |layer, cos_p| LayerTransition {
            layer,
            sublayer: SublayerKind::Mlp,
            raw: Metrics { cos_p, cos_z: 0.98, ..Metrics::default() },
            with_final_norm: Metrics::default(),
        };
        let steps = BTreeMap::from([
            (0, vec![transition(3, 0.5), transition(4, 0.9)]),
            (2, vec![transition(3, 0.7), transition(4, 0.9)]),
        ]);
        let figure = cosines(&steps, SublayerKind::Mlp, false, Change::Drop).unwrap();
        let Chart::Lines(chart) = &figure.chart else { panic!("lines") };
        assert_eq!(chart.x, (3.0, 4.0));
        assert!((chart.series[0].points[0].1 - 0.6).abs() < 1e-6);
        let band = chart.series[0].band.as_ref().unwrap();
        assert!((band.low[0] - 0.5).abs() < 1e-6 && (band.high[0] - 0.7).abs() < 1e-6);
        assert!(
            figure.sentence.contains("0.60, at layer 3") && figure.sentence.contains("0.98"),
            "{}",
            figure.sentence
        );
        assert_eq!(cosines(&steps, SublayerKind::Attention, false, Change::Drop), None);
    }
}
