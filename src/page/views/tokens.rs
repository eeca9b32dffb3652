//! Fig. 7, left: the most likely tokens of the models at the chosen token.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use prunescope_figures::figure::tokens::{next, parts};
use prunescope_localization::tr;

/// Bars of the models' most likely tokens.
#[component]
pub(super) fn Tokens() -> impl IntoView {
    let state = expect_context::<AppState>();
    let positions = Memo::new(move |_| Some((state.position()?, state.repaired_position())));
    let figure = Signal::derive(move || {
        positions.with(|positions| positions.as_ref().and_then(|(pruned, repaired)| next(pruned, repaired.as_ref())))
    });
    let changes = move || {
        let found = positions.with(|of| of.as_ref().map(|(pruned, repaired)| parts(pruned, repaired.as_ref())));
        found.map(|(columns, rows, sentence)| {
            let row = |cells: Vec<String>| {
                let mut cells = cells.into_iter();
                let token = cells.next();
                view! { <tr><th scope="row"><code>{token}</code></th>{cells.map(|cell| view! { <td>{cell}</td> }).collect_view()}</tr> }
            };
            view! {
                <div class="scroll" tabindex="0" role="region" aria-label=tr!(tokens_parts)>
                    <table id="token-parts">
                        <thead><tr>{columns.into_iter().map(|column| view! { <th scope="col">{column}</th> }).collect_view()}</tr></thead>
                        <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
                    </table>
                </div>
                <p class="sentence">{sentence}</p>
            }
        })
    };
    view! {
        <p class="lead">{move || tr!(tokens_lead, token = state.chosen_step.get() + 1)}</p>
        <ChartView id="chart-tokens" title=tr!(tokens_next) figure height=380.0/>
        <h2>{tr!(tokens_logits)}</h2>
        {changes}
    }
}
