//! Fig. 8: metrics over generation steps, and how far the texts collapse.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use super::super::terms::Term;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::steps::Course;
use prunescope_figures::figure::text_change::TextChange;
use prunescope_figures::figure::{Figure, Pick, of_variant, overlaid, steps};
use prunescope_protocol::results::VariantResult;

/// Four charts over generation steps.
#[component]
pub(super) fn Steps() -> impl IntoView {
    let state = expect_context::<AppState>();
    let results = state.results;
    let variants = results.variants();
    type Drawn = fn(Course<'_>, Course<'_>, Option<TextChange>) -> Option<Figure>;
    let figure = move |of: Drawn, pick: Pick| {
        Signal::derive(move || {
            let change = state.text_change();
            let own = results.steps().with(|steps| {
                results.fixed_trajectory().with(|fixed| {
                    results.repaired_steps().with(|repaired| {
                        results.repaired_fixed_trajectory().with(|repaired_fixed| {
                            of(Course { steps, fixed }, Course { steps: repaired, fixed: repaired_fixed }, change)
                        })
                    })
                })
            });
            let line = |variant: &VariantResult| of_variant(variant, pick);
            variants.with(|known| overlaid(own, known.iter().map(|(at, variant)| (*at, variant)), line))
        })
    };
    let collapse = Signal::derive(move || {
        let own = results.quality().with(|quality| {
            results.repaired_quality().with(|repaired| steps::collapse(quality.as_ref()?, repaired.as_ref()))
        });
        let line = |variant: &VariantResult| steps::losses(&variant.generation.quality.pruned);
        variants.with(|known| overlaid(own, known.iter().map(|(at, variant)| (*at, variant)), line))
    });
    view! {
        <p class="lead">
            "Solid: each model reads its own text, so errors feed back. Dashed: both read the dense model's text. The area between the two is what the feedback adds. The repaired model has lines in a colour of its own. Variants of “Compare” lie over it by name (in the first chart their h). The last chart shows the dense model's "
            <Term term="loss">"surprise"</Term>" at each word."
        </p>
        <div class="charts two">
            <ChartView id="chart-hidden-logits" title="Hidden state and logits" figure=figure(|pruned, repaired, _| steps::hidden_and_logits(pruned, repaired), |metrics| metrics.cos_h.into())/>
            <ChartView id="chart-probabilities" title="Probabilities" figure=figure(|pruned, repaired, _| steps::probabilities(pruned, repaired), |metrics| metrics.cos_p.into())/>
            <ChartView id="chart-kl" title="KL(dense ‖ pruned)" figure=figure(steps::kl, |metrics| metrics.kl_dense_pruned.into())/>
            <ChartView id="chart-collapse" title="Collapse of the text" figure=collapse/>
        </div>
    }
}
