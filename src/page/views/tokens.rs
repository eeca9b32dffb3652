//! Fig. 7, left: the most likely tokens of the models at the chosen token.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use prunescope_figures::figure::tokens::{next, parts};

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
                <div class="scroll" tabindex="0" role="region" aria-label="What pruning did to the logits">
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
        <p class="lead">{move || format!("The tokens that any of the models finds likeliest at token {}, with the probability that each gives them. The slider above chooses the token.", state.chosen_step.get() + 1)}</p>
        <ChartView id="chart-tokens" title="Next token in each model" figure height=380.0/>
        <h2>"What pruning did to their logits"</h2>
        {changes}
    }
}
