//! Fig. 8: the metrics as generation goes on, and how far the texts collapse.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use crate::figure::{Figure, steps};
use crate::results::{GenerationStep, Metrics};

/// Four charts over generation steps.
#[component]
pub fn Steps() -> impl IntoView {
    let state = expect_context::<AppState>();
    let figure = move |of: fn(&[GenerationStep], &[Metrics]) -> Option<Figure>| {
        Signal::derive(move || state.steps.with(|steps| state.fixed_trajectory.with(|fixed| of(steps, fixed))))
    };
    let collapse = Signal::derive(move || state.quality.with(|quality| quality.as_ref().and_then(steps::collapse)));
    view! {
        <p class="lead">
            "Solid: each model reads its own text, so errors feed back. Dashed: both read the dense model's text. The area between the two is what the feedback adds."
        </p>
        <div class="charts two">
            <ChartView id="chart-hidden-logits" title="Hidden state and logits" figure=figure(steps::hidden_and_logits)/>
            <ChartView id="chart-probabilities" title="Probabilities" figure=figure(steps::probabilities)/>
            <ChartView id="chart-kl" title="KL(dense ‖ pruned)" figure=figure(steps::kl)/>
            <ChartView id="chart-collapse" title="Collapse of the text" figure=collapse/>
        </div>
    }
}
