//! Fig. 6: ground truth against the estimates of Theorems 1 to 3, over steps or layers.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::theorems::{
    Estimate, Places, along_dense_text, along_layers, along_steps, damage, estimate, parts,
};
use prunescope_figures::figure::{Figure, of_variant, of_variant_on_dense_text, overlaid};
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
        <p class="lead">
            "How well do the paper's estimates hold here? Solid: measured. Dashed: the second-order estimate from Δz. They lie on each other while Δz is small; where they part by more than half, the place is shaded."
        </p>
        <label class="options">
            "Along "
            <select id="theorems-along" on:change=choose>
                <option value="dense">"the dense text, which both models read"</option>
                <option value="own">"the texts that each model writes"</option>
                <option value="attention">"the layers: each attention sublayer alone"</option>
                <option value="mlp">"the layers: each MLP sublayer alone"</option>
            </select>
        </label>
        <div class="charts two">
            <ChartView id="chart-theorem3" title="Theorem 3: KL ≈ Var_p(Δz) / 2T²" figure=estimated(Estimate::Divergence)/>
            <ChartView id="chart-theorem2" title="Theorem 2: 1 − cos p ≈ Var_r(Δz) / 2T²" figure=estimated(Estimate::Probabilities)/>
            <ChartView id="chart-theorem1-z" title="Theorem 1 for the logits" figure=estimated(Estimate::Logits)/>
            <ChartView id="chart-theorem1-h" title="Theorem 1 for the hidden states" figure=estimated(Estimate::Hidden)/>
            <ChartView id="chart-parts" title="Parallel and orthogonal parts" figure=turned/>
            <ChartView id="chart-damage" title="Which tokens' Δz does the damage at the chosen token" figure=tokens height=330.0/>
        </div>
    }
}
