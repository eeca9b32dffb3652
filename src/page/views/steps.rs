//! Fig. 8: metrics over generation steps, and how far the texts collapse.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::{Figure, Pick, of_variant, overlaid, steps};
use prunescope_protocol::results::{GenerationStep, Metrics, VariantResult};

/// Four charts over generation steps.
#[component]
pub(super) fn Steps() -> impl IntoView {
    let state = expect_context::<AppState>();
    let variants = state.results.variants();
    let figure = move |of: fn(&[GenerationStep], &[Metrics]) -> Option<Figure>, pick: Pick| {
        Signal::derive(move || {
            let own =
                state.results.steps().with(|steps| state.results.fixed_trajectory().with(|fixed| of(steps, fixed)));
            let line = |variant: &VariantResult| of_variant(variant, pick);
            variants.with(|known| overlaid(own, known.iter().map(|(at, variant)| (*at, variant)), line))
        })
    };
    let collapse = Signal::derive(move || {
        let own = state.results.quality().with(|quality| quality.as_ref().and_then(steps::collapse));
        let line = |variant: &VariantResult| steps::losses(&variant.generation.quality.pruned);
        variants.with(|known| overlaid(own, known.iter().map(|(at, variant)| (*at, variant)), line))
    });
    view! {
        <p class="lead">
            "Solid: each model reads its own text, so errors feed back. Dashed: both read the dense model's text. The area between the two is what the feedback adds. Variants of “Compare” lie over it by name (in the first chart their h)."
        </p>
        <div class="charts two">
            <ChartView id="chart-hidden-logits" title="Hidden state and logits" figure=figure(steps::hidden_and_logits, |metrics| metrics.cos_h.into())/>
            <ChartView id="chart-probabilities" title="Probabilities" figure=figure(steps::probabilities, |metrics| metrics.cos_p.into())/>
            <ChartView id="chart-kl" title="KL(dense ‖ pruned)" figure=figure(steps::kl, |metrics| metrics.kl_dense_pruned.into())/>
            <ChartView id="chart-collapse" title="Collapse of the text" figure=collapse/>
        </div>
    }
}
