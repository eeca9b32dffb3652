//! Fig. 7, left: the most likely tokens after the prompt in both models.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::tokens::next;

/// Bars of both models' most likely tokens.
#[component]
pub(super) fn Tokens() -> impl IntoView {
    let state = expect_context::<AppState>();
    let figure = Signal::derive(move || {
        state
            .results
            .next_token()
            .with(|compared| compared.as_ref().and_then(|compared| next(&compared.top, &compared.metrics)))
    });
    view! {
        <p class="lead">"The tokens that either model finds likeliest right after the prompt, with the probability that each gives them."</p>
        <ChartView id="chart-tokens" title="Next token: dense against pruned" figure height=380.0/>
    }
}
