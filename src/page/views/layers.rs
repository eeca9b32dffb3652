//! Fig. 2: what pruning each sublayer alone does to the dense residual stream.

use leptos::prelude::*;

use super::super::chart_view::{COMPUTING, ChartView};
use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::layers::cosines;
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
            let action = if edited() { "Pruning the weights of" } else { "Dropping" };
            shown().with(|steps| cosines(steps, kind, with_norm.get(), action))
        })
    };
    let untouched = Signal::derive(move || {
        if edited() { "The plan edits no such matrices, or they are being computed." } else { COMPUTING }.to_string()
    });
    let measured = move || shown().with(|layers| layers.len());
    view! {
        <p class="lead">
            "If this one sublayer alone were pruned, how similar would the dense model stay right there? Logits hardly notice; probabilities do. "
            {move || format!("Lines: mean over {} generated token(s); bands: lowest to highest.", measured())}
        </p>
        <div class="options">
            <Show when=move || can_edit.get()>
                <label class="check">
                    <input type="checkbox" id="layers-drop" prop:checked=move || drops.get() on:change=move |event| drops.set(event_target_checked(&event))/>
                    "drop the sublayer in place of pruning its weights as the plan does"
                </label>
            </Show>
            <label class="check">
                <input type="checkbox" id="with-norm" prop:checked=move || with_norm.get() on:change=move |event| with_norm.set(event_target_checked(&event))/>
                "with the final norm before the LM head (“logit lens”); the paper's script leaves it out"
            </label>
        </div>
        <div class="charts two">
            <ChartView id="chart-attention" title="One attention sublayer" figure=figure(SublayerKind::Attention) waiting=untouched/>
            <ChartView id="chart-mlp" title="One MLP sublayer" figure=figure(SublayerKind::Mlp) waiting=untouched/>
        </div>
    }
}
