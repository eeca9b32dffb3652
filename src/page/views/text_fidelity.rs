//! How far the pruned and the repaired model are from the dense one on texts of several kinds, and all plans so compared.

use leptos::prelude::*;

use super::super::export::save_text;
use super::super::given_files::pick_texts;
use super::super::plan_link::PlanLink;
use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::text_fidelity::{
    ComparedRow, columns, compared, compared_columns, rows, summary, table_csv,
};
use prunescope_localization::tr;
use prunescope_protocol::messages::Measurement;
use prunescope_protocol::prune::PruningPlan;

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
            let row = |(text, cells): (String, [String; 11])| {
                view! { <tr><th scope="row">{text}</th>{cells.map(|cell| view! { <td>{cell}</td> }).collect_view()}</tr> }
            };
            Some(view! {
                <p class="sentence" id="texts-summary">{summary(report)}</p>
                <div class="scroll" tabindex="0" role="region" aria-label=tr!(texts_table)>
                    <table id="texts-table">
                        <thead><tr><th></th>{columns().map(|column| view! { <th scope="col">{column}</th> }).collect_view()}</tr></thead>
                        <tbody>{rows(report).into_iter().map(row).collect_view()}</tbody>
                    </table>
                </div>
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

/// The plans compared in this visit, each with a link that restores it.
#[component]
fn ComparedPlans() -> impl IntoView {
    let state = expect_context::<AppState>();
    let rows = move || {
        let row = |row: ComparedRow| {
            let plan = row.plan.parse::<PruningPlan>().unwrap_or_default();
            view! {
                <tr>
                    <th scope="row">{row.on_frontier.then_some("★ ")}<PlanLink plan text=row.name title=row.plan/></th>
                    {row.numbers.map(|number| view! { <td>{number}</td> }).collect_view()}
                </tr>
            }
        };
        state.results.compared_plans().with(|reports| compared(reports)).into_iter().map(row).collect_view()
    };
    view! {
        <Show when=move || state.results.compared_plans().with(|reports| !reports.is_empty())>
            <h2>{tr!(texts_plans)}</h2>
            <p class="hint">{tr!(texts_plans_hint)}</p>
            <div class="scroll" tabindex="0" role="region" aria-label=tr!(texts_plans)>
                <table id="texts-plans">
                    <thead><tr>{compared_columns().map(|name| view! { <th scope="col">{name}</th> }).collect_view()}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </Show>
    }
}
