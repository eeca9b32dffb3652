//! How far the pruned and the repaired model are from the dense one on texts of several kinds, and all plans so compared.

use leptos::prelude::*;

use super::super::export::save_text;
use super::super::given_files::pick_texts;
use super::super::state::AppState;
use super::measured_table::MeasuredTable;
use super::plans::ComparedPlans;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::text_fidelity::{columns, rows, summary, table_csv};
use prunescope_localization::tr;
use prunescope_protocol::messages::Measurement;

/// The button, the texts, and the tables.
#[component]
pub(super) fn TextFidelity() -> impl IntoView {
    let state = expect_context::<AppState>();
    let texts = state.measurements.texts;
    let running = move || state.measurements.wanted.get() == Some(Measurement::TextFidelity);
    let begin = move || {
        texts.with(|texts| match &texts[..] {
            [] => tr!(texts_start),
            [first, ..] => tr!(texts_start_own, count = texts.len(), name = first.kind),
        })
    };
    let table = move || {
        state.results.text_fidelity().with(|report| {
            let report = report.as_ref()?;
            let rows = rows(report).into_iter().map(|(text, cells)| (text.into_any(), cells.into()));
            let head = std::iter::once(String::new()).chain(columns()).collect();
            Some(view! {
                <p class="sentence" id="texts-summary">{summary(report)}</p>
                <MeasuredTable id="texts-table" name=tr!(texts_table) head rows=rows.collect()/>
            })
        })
    };
    let save = move |_| {
        let text = state.results.text_fidelity().with_untracked(|report| report.as_ref().map(table_csv));
        save_text(&state, "texts.csv", "text/csv", &text.unwrap_or_default());
    };
    view! {
        <div class="options">
            <button id="texts" disabled=running on:click=move |_| state.compare_on_texts()>{begin}</button>
            <span class="hint">{tr!(texts_hint)}</span>
        </div>
        <div class="options">
            <label class="own-file">
                {tr!(texts_own)}" "
                <input id="texts-file" type="file" multiple accept=".txt,.md,.text" on:change=move |event| pick_texts(state, &event)/>
            </label>
            <Show when=move || texts.with(|texts| !texts.is_empty())>
                <button class="chip" on:click=move |_| state.use_texts(vec![])>{tr!(texts_built_in)}</button>
            </Show>
        </div>
        {table}
        <Show when=move || !state.embedded && state.results.text_fidelity().with(Option::is_some)>
            <span class="save" role="group" aria-label=tr!(texts_table)><button data-save="csv" on:click=save>"CSV"</button></span>
        </Show>
        <ComparedPlans/>
    }
}
