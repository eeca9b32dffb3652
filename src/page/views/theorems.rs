//! Fig. 6: ground truth against the estimates of Theorems 1 to 3, over steps or layers.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::theorems::{
    Estimate, Places, along_dense_text, along_layers, along_steps, damage, estimate, parts,
};
use prunescope_figures::figure::{Figure, of_variant, of_variant_on_dense_text, overlaid};
use prunescope_localization::tr;
use prunescope_protocol::model::SublayerKind;
use prunescope_protocol::results::VariantResult;

/// The horizontal axis.
#[derive(Clone, Copy, PartialEq)]
enum Along {
    DenseText,
    Steps,
    Layers(SublayerKind),
}

/// Truth and estimate, parallel and orthogonal parts, and the tokens that contribute most.
#[component]
pub(super) fn Theorems() -> impl IntoView {
    let state = expect_context::<AppState>();
    let along = RwSignal::new(Along::DenseText);
    let at_places = move |of: &dyn Fn(&Places<'_>) -> Option<Figure>| match along.get() {
        Along::DenseText => state.results.fixed_trajectory().with(|fixed| of(&along_dense_text(fixed))),
        Along::Steps => state.results.steps().with(|steps| of(&along_steps(steps))),
        Along::Layers(kind) => {
            let edited = state.results.settings().with(|settings| settings.plan.edits_weights());
            let layers = if edited { state.results.edited_layers() } else { state.results.layers() };
            layers.with(|layers| of(&along_layers(layers, kind)))
        }
    };
    let estimated = move |which: Estimate| {
        Signal::derive(move || {
            let own = at_places(&|places| estimate(places, which));
            let points = match along.get() {
                Along::DenseText => of_variant_on_dense_text,
                Along::Steps => of_variant,
                Along::Layers(_) => return own,
            };
            let line = |variant: &VariantResult| points(variant, which.measured());
            let variants = state.results.variants();
            variants.with(|known| overlaid(own, known.iter().map(|(at, variant)| (*at, variant)), line))
        })
    };
    let turned = Signal::derive(move || at_places(&parts));
    let choose = move |event: leptos::ev::Event| {
        along.set(match event_target_value(&event).as_str() {
            "attention" => Along::Layers(SublayerKind::Attention),
            "mlp" => Along::Layers(SublayerKind::Mlp),
            "own" => Along::Steps,
            _ => Along::DenseText,
        });
    };
    let tokens = Signal::derive(move || {
        let chosen = state.chosen_step.get();
        state.results.damage().with(|damages| {
            // A recorded run may know the first token's only; the sentence says whose it is.
            let step = if damages.contains_key(&chosen) { chosen } else { 0 };
            damage(damages.get(&step)?, step)
        })
    });
    view! {
        <p class="lead">{tr!(theorems_lead)}</p>
        <label class="options">
            {tr!(theorems_along)}" "
            <select id="theorems-along" on:change=choose>
                <option value="dense">{tr!(theorems_along_dense)}</option>
                <option value="own">{tr!(theorems_along_own)}</option>
                <option value="attention">{tr!(theorems_along_attention)}</option>
                <option value="mlp">{tr!(theorems_along_mlp)}</option>
            </select>
        </label>
        <div class="charts two">
            <ChartView id="chart-theorem3" title=tr!(theorems_divergence) figure=estimated(Estimate::Divergence)/>
            <ChartView id="chart-theorem2" title=tr!(theorems_probabilities) figure=estimated(Estimate::Probabilities)/>
            <ChartView id="chart-theorem1-z" title=tr!(theorems_logits) figure=estimated(Estimate::Logits)/>
            <ChartView id="chart-theorem1-h" title=tr!(theorems_hidden) figure=estimated(Estimate::Hidden)/>
            <ChartView id="chart-parts" title=tr!(theorems_parts) figure=turned/>
            <ChartView id="chart-damage" title=tr!(theorems_damage) figure=tokens height=330.0/>
        </div>
    }
}
