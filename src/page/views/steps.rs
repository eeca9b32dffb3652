//! Fig. 8: metrics over generation steps, and how far the texts collapse.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use super::super::terms::Term;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::steps::Course;
use prunescope_figures::figure::text_change::TextChange;
use prunescope_figures::figure::{Figure, Pick, of_variant, overlaid, steps};
use prunescope_localization::{PLACE, around, tr};
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
    let (before, behind) = around(&tr!(steps_lead, surprise = PLACE));
    view! {
        <p class="lead">{before}<Term term="loss">{tr!(steps_surprise)}</Term>{behind}</p>
        <div class="charts two">
            <ChartView id="chart-hidden-logits" title=tr!(steps_hidden_logits) figure=figure(|pruned, repaired, _| steps::hidden_and_logits(pruned, repaired), |metrics| metrics.cos_h.into())/>
            <ChartView id="chart-probabilities" title=tr!(steps_probabilities) figure=figure(|pruned, repaired, _| steps::probabilities(pruned, repaired), |metrics| metrics.cos_p.into())/>
            <ChartView id="chart-kl" title=tr!(steps_kl) figure=figure(steps::kl, |metrics| metrics.kl_dense_pruned.into())/>
            <ChartView id="chart-collapse" title=tr!(steps_collapse) figure=collapse/>
        </div>
    }
}
