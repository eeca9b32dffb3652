//! What the plan saves, measured on demand.

use leptos::prelude::*;

use super::super::state::AppState;
use super::measured_table::MeasuredTable;
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
            let rows = rows(report).into_iter().map(|[model, numbers @ ..]| (model.into_any(), numbers.into()));
            Some(view! {
                <p class="sentence" id="speed-summary">{summary(report)}</p>
                <MeasuredTable id="speed-table" name=tr!(speed_table) head=columns().into() rows=rows.collect()/>
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
