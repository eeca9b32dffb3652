//! Which sublayers to drop: plans that searches find, with their distance from the dense model and a link for each.

use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::super::address::HistoryEntry;
use super::super::chart_view::ChartView;
use super::super::plan_link::PlanLink;
use super::super::state::AppState;
use super::{progress_of, start_label};
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::chart::short_number;
use prunescope_figures::figure::search::{distances, plans};
use prunescope_figures::names;
use prunescope_localization::tr;
use prunescope_protocol::messages::Measurement;
use prunescope_protocol::prune::{MatrixGroup, PruningPlan, Repair};
use prunescope_protocol::results::SearchPoint;
use prunescope_protocol::settings::{MAX_BUDGET, View};

/// The searches and what they find.
#[component]
pub(super) fn Search() -> impl IntoView {
    let state = expect_context::<AppState>();
    let measurements = state.measurements;
    let figure = Signal::derive(move || state.results.search().with(distances));
    let running = move || measurements.wanted.get() == Some(Measurement::Search);
    let among = move || state.settings.with(|settings| settings.measure.search);
    let choose = move |event: leptos::ev::Event| {
        if let Ok(among) = event_target_value(&event).parse() {
            state.change(HistoryEntry::New, |settings| settings.measure.search = among);
        }
    };
    let set_budget = move |event: leptos::ev::Event| {
        let input = event_target::<HtmlInputElement>(&event);
        if let Ok(budget) = input.value().parse::<usize>() {
            state.change(HistoryEntry::New, |settings| settings.measure.budget = budget.clamp(1, MAX_BUDGET));
        }
        input.set_value(&state.settings.with_untracked(|settings| settings.measure.budget).to_string());
    };
    let progress = move || {
        let left = measurements.time_left.get().filter(|_| running());
        progress_of(state.results.search_progress().get(), "plans", left)
    };
    let begin = move || start_label(state.results.search_progress().get(), tr!(search_start));
    let waiting = Signal::stored(Some(tr!(search_waiting)));
    let among_name = |group: MatrixGroup, name: String| {
        view! { <option value=group.to_string() prop:selected=move || among() == group>{name}</option> }
    };
    view! {
        <p class="lead">{tr!(search_lead)}</p>
        <div class="options">
            <label>
                {tr!(search_drop)}" "
                <select id="search-among" on:change=choose>
                    {among_name(MatrixGroup::All, tr!(search_among_both))}
                    {among_name(MatrixGroup::Attention, tr!(search_among_attention))}
                    {among_name(MatrixGroup::Mlp, tr!(search_among_mlp))}
                </select>
            </label>
            <label>
                {tr!(search_budget)}" "
                <input id="budget" class="layer-number" type="number" min="1" max=MAX_BUDGET.to_string() prop:value=move || state.settings.with(|settings| settings.measure.budget.to_string()) on:change=set_budget/>
            </label>
            <button id="search-start" class="primary" disabled=running on:click=move |_| state.start_measurement(Measurement::Search)>{begin}</button>
            <span id="search-progress" role="status">{progress}</span>
        </div>
        <ChartView id="chart-search" title=tr!(search_distance) figure waiting height=330.0/>
        <Show when=move || state.results.search().with(|found| !found.is_empty())><Plans/></Show>
    }
}

/// The plans found: a number is the link to its plan.
#[component]
fn Plans() -> impl IntoView {
    let state = expect_context::<AppState>();
    let rows = move || {
        state
            .results
            .search()
            .with(|found| plans(found).into_iter().cloned().map(|point| view! { <Plan point/> }).collect_view())
    };
    view! {
        <h2>{tr!(search_plans)}</h2>
        <p class="hint">{tr!(search_hint)}</p>
        <div class="scroll" tabindex="0" role="region" aria-label=tr!(search_found)>
            <table class="answers" id="plans">
                <thead><tr><th scope="col">{tr!(search_method)}</th><th scope="col">{tr!(search_dropped)}</th><th scope="col" class="answer">{tr!(search_plan)}</th>
                    <th scope="col">{tr!(search_kl)}</th><th scope="col">{tr!(search_kl_repaired)}</th><th scope="col">{tr!(search_scores)}</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

/// One plan.
#[component]
fn Plan(point: SearchPoint) -> impl IntoView {
    let state = expect_context::<AppState>();
    let plan: PruningPlan = point.plan.parse().unwrap_or_default();
    let repaired = PruningPlan { repair: Some(Repair::Scale), ..plan.clone() };
    let judged = repaired.clone();
    let judge = move |_| {
        state.change(HistoryEntry::New, |settings| {
            settings.run.plan = judged.clone();
            settings.view = View::Sweep;
        });
        state.start_measurement(Measurement::Judge);
    };
    let linked = |plan: PruningPlan, kl: f32| {
        let text = short_number(kl.into());
        let label = tr!(search_set, kl = text.as_str(), plan = plan.to_string());
        view! { <PlanLink plan text label/> }
    };
    view! {
        <tr>
            <th scope="row">{names::search(point.method)}</th>
            <td>{point.dropped}</td>
            <td class="answer"><code>{point.plan}</code></td>
            <td>{linked(plan, point.kl)}</td>
            <td>{linked(repaired, point.kl_repaired)}</td>
            <td><button class="chip" on:click=judge>{tr!(search_judge)}</button></td>
        </tr>
    }
}
