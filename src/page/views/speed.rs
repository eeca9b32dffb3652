//! What the plan saves, measured on demand.

use leptos::prelude::*;

use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::speed::{columns, rows, summary};
use prunescope_localization::tr;
use prunescope_protocol::messages::Measurement;

/// The button and the table.
#[component]
pub(super) fn Speed() -> impl IntoView {
    let state = expect_context::<AppState>();
    let running = move || state.measurements.wanted.get() == Some(Measurement::Speed);
    let table = move || {
        state.results.speed().with(|report| {
            let report = report.as_ref()?;
            let body = rows(report).into_iter().map(|[model, numbers @ ..]| {
                view! { <tr><th scope="row">{model}</th>{numbers.map(|number| view! { <td>{number}</td> }).collect_view()}</tr> }
            });
            Some(view! {
                <p class="sentence" id="speed-summary">{summary(report)}</p>
                <div class="scroll" tabindex="0" role="region" aria-label=tr!(speed_table)>
                    <table id="speed-table">
                        <thead><tr>{columns().map(|column| view! { <th scope="col">{column}</th> }).collect_view()}</tr></thead>
                        <tbody>{body.collect_view()}</tbody>
                    </table>
                </div>
            })
        })
    };
    view! {
        <div class="options">
            <button id="speed" disabled=running on:click=move |_| state.start_measurement(Measurement::Speed)>{tr!(speed_start)}</button>
            <span class="hint">{tr!(speed_hint)}</span>
        </div>
        {table}
    }
}
