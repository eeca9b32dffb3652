//! The plans compared on texts: their distance from the dense model against memory and speed, as a picture and as a table of links.

use leptos::prelude::*;

use super::super::address::HistoryEntry;
use super::super::chart_view::ChartView;
use super::super::plan_link::{PlanLink, set_plan};
use super::super::state::AppState;
use super::measured_table::MeasuredTable;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::pareto::{Axis, ComparedPlan, columns, picture, pictured, plans, rows};
use prunescope_localization::tr;
use prunescope_protocol::prune::PruningPlan;

/// The plan of a compared model; the dense one if it cannot be read, as in a trace of a newer version.
fn plan_of(compared: &ComparedPlan) -> PruningPlan {
    compared.plan().parse().unwrap_or_default()
}

/// The picture, the menu of its axis, and the table.
#[component]
pub(super) fn ComparedPlans() -> impl IntoView {
    let state = expect_context::<AppState>();
    let axis = RwSignal::new(Axis::default());
    let compared = Memo::new(move |_| {
        // Results of other second models change together with these.
        state.results.compared_plans().track();
        plans(&state.results.with_untracked(|results| results.all_compared()))
    });
    let figure = Signal::derive(move || compared.with(|plans| picture(plans, axis.get())));
    let choose = Callback::new(move |row: usize| {
        let chosen = compared.with_untracked(|plans| pictured(plans, axis.get_untracked()).get(row).cloned());
        if let Some(chosen) = chosen {
            state.change(HistoryEntry::New, |settings| set_plan(settings, &plan_of(&chosen), Some(chosen.other())));
        }
    });
    let pick = move |event: leptos::ev::Event| {
        let key = event_target_value(&event);
        axis.set(Axis::ALL.into_iter().find(|(_, known)| *known == key).map(|(axis, _)| axis).unwrap_or_default());
    };
    let table = move || {
        compared.with(|plans| {
            let link = |plan: &ComparedPlan, is_on: bool| {
                let link =
                    view! { <PlanLink plan=plan_of(plan) other=plan.other() text=plan.name() title=plan.plan()/> };
                view! { {is_on.then_some("★ ")}{link} }.into_any()
            };
            let rows =
                plans.iter().zip(rows(plans)).map(|(plan, (is_on, numbers))| (link(plan, is_on), numbers.into()));
            view! { <MeasuredTable id="texts-plans" name=tr!(texts_plans) head=columns().into() rows=rows.collect()/> }
        })
    };
    view! {
        <Show when=move || compared.with(|plans| !plans.is_empty())>
            <h2>{tr!(texts_plans)}</h2>
            <p class="hint">{tr!(texts_plans_hint)}</p>
            <div class="options">
                <label>
                    {tr!(texts_axis)}" "
                    <select id="plans-axis" on:change=pick>
                        {Axis::ALL.map(|(axis, key)| view! { <option value=key>{axis.name()}</option> }).collect_view()}
                    </select>
                </label>
            </div>
            <ChartView id="chart-plans" title=tr!(texts_picture) figure height=300.0 waiting=Signal::stored(Some(tr!(texts_no_speed))) choose/>
            {table}
        </Show>
    }
}
