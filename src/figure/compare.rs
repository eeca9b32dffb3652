//! Fig. 9: six metrics over generation steps, one line a variant.

use super::{Figure, Pick, line, mean, over_steps, x_range};
use crate::chart::{Chart, Ink, LineChart, Series, short_number};
use crate::results::VariantResult;

/// One panel: id, title, unit, range that is always shown, and the metric.
pub struct Panel {
    /// Id of the figure.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    unit: &'static str,
    at_least: (f64, f64),
    pick: Pick,
}

/// The six panels of the figure.
pub const PANELS: [Panel; 6] = [
    panel("compare-h", "Cosine of hidden states", "cosine", (0.0, 1.0), |m| m.cos_h as f64),
    panel("compare-z", "Cosine of logits", "cosine", (0.0, 1.0), |m| m.cos_z as f64),
    panel("compare-p", "Cosine of probabilities", "cosine", (0.0, 1.0), |m| m.cos_p as f64),
    panel("compare-dz", "√mean(Δz²)", "logits", (0.0, 0.5), |m| m.delta_l2 as f64),
    panel("compare-var", "Var(Δz)", "logits²", (0.0, 0.5), |m| m.variance_uniform as f64),
    panel("compare-kl", "KL(dense ‖ pruned)", "nats", (0.0, 0.1), |m| m.kl_dense_pruned as f64),
];

const fn panel(id: &'static str, title: &'static str, unit: &'static str, at_least: (f64, f64), pick: Pick) -> Panel {
    Panel { id, title, unit, at_least, pick }
}

/// One panel with a line for each variant, in the variant's colour.
pub fn panel_of<'a>(panel: &Panel, variants: impl Iterator<Item = (usize, &'a VariantResult)>) -> Option<Figure> {
    let series: Vec<Series> = variants
        .map(|(at, variant)| line(&variant.name, Ink::Variant(at), over_steps(&variant.generation.steps, panel.pick)))
        .collect();
    let x = x_range(&series)?;
    let means = series.iter().filter_map(|line| Some(format!("{} {}", line.name, short_number(mean(&line.points)?))));
    let sentence = format!("Mean: {}.", means.collect::<Vec<_>>().join(", "));
    let chart = LineChart {
        x_label: "generated token".into(),
        y_label: panel.unit.into(),
        x,
        y: LineChart::range_of(&series, panel.at_least),
        series,
        shaded: vec![],
    };
    Some(Figure { chart: Chart::Lines(chart), sentence })
}
