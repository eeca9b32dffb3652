//! Fig. 2: what pruning each sublayer alone does to the dense residual stream.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::layers::{Change, cosines};
use prunescope_localization::tr;
use prunescope_protocol::model::SublayerKind;

/// Two charts: attention and MLP.
#[component]
pub(super) fn Layers() -> impl IntoView {
    let state = expect_context::<AppState>();
    let with_norm = RwSignal::new(false);
    let drops = RwSignal::new(false);
    let can_edit = Memo::new(move |_| state.results.settings().with(|settings| settings.plan.edits_weights()));
    let edited = move || can_edit.get() && !drops.get();
    let shown = move || if edited() { state.results.edited_layers() } else { state.results.layers() };
    let figure = move |kind: SublayerKind| {
        Signal::derive(move || {
            let change = if edited() { Change::Weights } else { Change::Drop };
            shown().with(|steps| cosines(steps, kind, with_norm.get(), change))
        })
    };
    let untouched = Signal::derive(move || edited().then(|| tr!(layers_waiting)));
    let measured = move || shown().with(|layers| layers.len());
    view! {
        <p class="lead">{tr!(layers_lead)}" "{move || tr!(layers_lines, count = measured())}</p>
        <div class="options">
            <Show when=move || can_edit.get()>
                <label class="check">
                    <input type="checkbox" id="layers-drop" prop:checked=move || drops.get() on:change=move |event| drops.set(event_target_checked(&event))/>
                    {tr!(layers_drop)}
                </label>
            </Show>
            <label class="check">
                <input type="checkbox" id="with-norm" prop:checked=move || with_norm.get() on:change=move |event| with_norm.set(event_target_checked(&event))/>
                {tr!(layers_with_norm)}
            </label>
        </div>
        <div class="charts two">
            <ChartView id="chart-attention" title=tr!(layers_attention) figure=figure(SublayerKind::Attention) waiting=untouched/>
            <ChartView id="chart-mlp" title=tr!(layers_mlp) figure=figure(SublayerKind::Mlp) waiting=untouched/>
        </div>
    }
}
