//! How far the pruned and the repaired model are from the dense one on a text, measured on demand.

use leptos::prelude::*;

use super::super::state::AppState;
use super::measured_table::MeasuredTable;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::fidelity::{columns, rows, summary};
use prunescope_localization::tr;
use prunescope_protocol::messages::Measurement;

/// The button, the table and what it is of.
#[component]
pub(super) fn Fidelity() -> impl IntoView {
    let state = expect_context::<AppState>();
    let running = move || state.measurements.wanted.get() == Some(Measurement::Fidelity);
    let table = move || {
        state.results.fidelity().with(|report| {
            let report = report.as_ref()?;
            let rows = rows(report).into_iter().map(|[model, numbers @ ..]| (model.into_any(), numbers.into()));
            Some(view! {
                <p class="sentence" id="fidelity-summary">{summary(report)}</p>
                <MeasuredTable id="fidelity-table" name=tr!(fidelity_table) head=columns().into() rows=rows.collect()/>
            })
        })
    };
    view! {
        <div class="options">
            <button id="fidelity" disabled=running on:click=move |_| state.start_measurement(Measurement::Fidelity)>
                {tr!(fidelity_start)}
            </button>
            <span class="hint">{tr!(fidelity_hint)}</span>
        </div>
        {table}
    }
}
