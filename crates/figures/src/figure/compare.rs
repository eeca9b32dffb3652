//! Fig. 9: metrics over generation steps, one line a variant.

use prunescope_localization::tr;
use prunescope_protocol::results::VariantResult;

use super::{Figure, Pick, line, mean, over_steps, x_range};
use crate::chart::{Chart, Ink, LineChart, Series, short_number};

/// One panel: id, title, unit, minimal vertical range, and metric.
pub struct Panel {
    /// Id of the figure.
    pub id: &'static str,
    title: fn() -> String,
    unit: fn() -> String,
    at_least: (f64, f64),
    pick: Pick,
    /// Whether both models read the dense text (teacher-forced).
    fixed: bool,
}

impl Panel {
    /// Its title.
    pub fn title(&self) -> String {
        (self.title)()
    }
}

/// The six panels of the paper's figure.
pub const PANELS: [Panel; 6] = [
    panel("compare-h", || tr!(figure_compare_h), cosine, (0.0, 1.0), |m| m.cos_h as f64),
    panel("compare-z", || tr!(figure_compare_z), cosine, (0.0, 1.0), |m| m.cos_z as f64),
    panel("compare-p", || tr!(figure_compare_p), cosine, (0.0, 1.0), |m| m.cos_p as f64),
    panel("compare-dz", || tr!(figure_compare_dz), || tr!(figure_unit_logits), (0.0, 0.5), |m| m.delta_l2 as f64),
    panel(
        "compare-var",
        || "Var(Δz)".into(),
        || tr!(figure_unit_logits_squared),
        (0.0, 0.5),
        |m| m.variance_uniform as f64,
    ),
    panel("compare-kl", || tr!(figure_compare_kl), nats, (0.0, 0.1), |m| m.kl_dense_pruned as f64),
];

/// Six further panels: teacher-forced metrics, the theorems' estimates, and how far vectors turn.
pub const MORE: [Panel; 6] = [
    Panel {
        fixed: true,
        ..panel("compare-fixed-p", || tr!(figure_compare_fixed_p), cosine, (0.0, 1.0), |m| m.cos_p as f64)
    },
    Panel {
        fixed: true,
        ..panel("compare-fixed-kl", || tr!(figure_compare_fixed_kl), nats, (0.0, 0.1), |m| m.kl_dense_pruned as f64)
    },
    panel("compare-theorem3", || tr!(figure_compare_theorem_3), nats, (0.0, 0.1), |m| m.theorem3 as f64),
    panel(
        "compare-theorem2",
        || tr!(figure_compare_theorem_2),
        || "1 − cos p".into(),
        (0.0, 0.1),
        |m| m.theorem2 as f64,
    ),
    panel(
        "compare-turn-h",
        || tr!(figure_compare_turn_h),
        || tr!(figure_unit_share_of_h),
        (0.0, 0.5),
        |m| m.orthogonal_h as f64,
    ),
    panel(
        "compare-turn-z",
        || tr!(figure_compare_turn_z),
        || tr!(figure_unit_share_of_z),
        (0.0, 0.5),
        |m| m.orthogonal_z as f64,
    ),
];

const fn panel(
    id: &'static str,
    title: fn() -> String,
    unit: fn() -> String,
    at_least: (f64, f64),
    pick: Pick,
) -> Panel {
    Panel { id, title, unit, at_least, pick, fixed: false }
}

fn cosine() -> String {
    tr!(figure_unit_cosine)
}

fn nats() -> String {
    tr!(figure_unit_nats)
}

/// One panel with a line for each variant, in its colour.
pub fn panel_of<'a>(panel: &Panel, variants: impl Iterator<Item = (usize, &'a VariantResult)>) -> Option<Figure> {
    let series: Vec<Series> = variants
        .map(|(at, variant)| {
            let generation = &variant.generation;
            let points = if panel.fixed {
                let steps = generation.fixed_trajectory.iter().enumerate();
                steps.map(|(step, metrics)| (step as f64, (panel.pick)(metrics))).collect()
            } else {
                over_steps(&generation.steps, panel.pick)
            };
            line(&variant.name, Ink::Variant(at), points)
        })
        .collect();
    let x = x_range(&series)?;
    let means = series.iter().filter_map(|line| Some(format!("{} {}", line.name, short_number(mean(&line.points)?))));
    let sentence = tr!(figure_compare_mean, means = means.collect::<Vec<_>>().join(", "));
    let chart = LineChart {
        x_label: tr!(figure_axis_generated_token),
        y_label: (panel.unit)(),
        x,
        y: LineChart::range_of(&series, panel.at_least),
        series,
        shaded: vec![],
    };
    Some(Figure { chart: Chart::Lines(chart), sentence })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::steps;
    use prunescope_protocol::results::{ComparedPosition, Generation, Metrics, TopTokens};

    #[test]
    fn variants_lie_over_another_figure() {
        let text = steps(&[(1.0, 0.5), (3.0, 0.1)]);
        let own = steps(&[(0.5, 0.9)]);
        let course = crate::figure::steps::Course { steps: &own, fixed: &[] };
        let own = crate::figure::steps::kl(course, crate::figure::steps::Course::default(), None);
        let variant = VariantResult {
            name: "drop".into(),
            plan: String::new(),
            next_token: ComparedPosition { metrics: Metrics::default(), top: TopTokens::default() },
            generation: Generation { steps: text, ..Generation::default() },
        };
        let over = [variant];
        let both = crate::figure::overlaid(own, over.iter().enumerate(), |variant| {
            crate::figure::of_variant(variant, |metrics| metrics.kl_dense_pruned.into())
        });
        let Some(Figure { chart: Chart::Lines(chart), .. }) = both else { panic!("lines") };
        assert_eq!((chart.series.len(), chart.x), (2, (0.0, 1.0)));
        assert!(chart.y.1 >= 3.0 && chart.series[1].name == "drop");
    }

    #[test]
    fn a_panel_has_a_line_for_each_variant() {
        let variant = |name: &str, values: &[(f32, f32)]| VariantResult {
            name: name.into(),
            plan: String::new(),
            next_token: ComparedPosition { metrics: Metrics::default(), top: TopTokens::default() },
            generation: Generation {
                steps: steps(values),
                fixed_trajectory: vec![Metrics { kl_dense_pruned: 0.25, ..Metrics::default() }],
                ..Generation::default()
            },
        };
        let both = [variant("drop", &[(1.0, 0.5), (3.0, 0.1)]), variant("four bits", &[(0.1, 0.9)])];
        let figure = panel_of(&PANELS[5], both.iter().enumerate()).unwrap();
        assert_eq!(figure.sentence, "Mean: drop 2.0000, four bits 0.1000.");
        let Chart::Lines(chart) = &figure.chart else { panic!("lines") };
        assert_eq!((chart.series.len(), chart.x), (2, (0.0, 1.0)));
        assert_eq!(
            panel_of(&MORE[1], both.iter().enumerate()).unwrap().sentence,
            "Mean: drop 0.2500, four bits 0.2500."
        );
        assert_eq!(panel_of(&PANELS[0], [].into_iter()), None);
    }
}
