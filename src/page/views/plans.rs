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
    compared.plan.parse().unwrap_or_default()
}

/// The compared plans in the order of picture and table. One function, so that its code is in the program once.
#[inline(never)]
fn compared(state: AppState) -> Vec<ComparedPlan> {
    state.results.compared_plans().with(plans)
}

/// The picture, the menu of its axis, and the table.
#[component]
pub(super) fn ComparedPlans() -> impl IntoView {
    let state = expect_context::<AppState>();
    let axis = RwSignal::new(Axis::default());
    let figure = Signal::derive(move || picture(&compared(state), axis.get()));
    // Memory is known of every compared plan: without a point there, only the dense model was compared, or no KL is finite.
    let waiting = Signal::derive(move || {
        Some(if axis.get() == Axis::Memory { tr!(figure_pareto_one) } else { tr!(texts_no_speed) })
    });
    let choose = Callback::new(move |row: usize| {
        let plans = untrack(|| compared(state));
        if let Some(chosen) = pictured(&plans, axis.get_untracked()).get(row).map(|at| &plans[*at]) {
            state.change(HistoryEntry::New, |settings| set_plan(settings, &plan_of(chosen), Some(&chosen.other)));
        }
    });
    let pick = move |event: leptos::ev::Event| {
        let key = event_target_value(&event);
        axis.set(Axis::ALL.into_iter().find(|axis| axis.key() == key).unwrap_or_default());
    };
    let table = move || {
        let plans = compared(state);
        let row = |(plan, (is_on, numbers)): (&ComparedPlan, (bool, Vec<String>))| {
            let (set, other, title) = (plan_of(plan), plan.other.clone(), plan.plan.clone());
            let link = view! { {is_on.then_some("★ ")}<PlanLink plan=set other text=plan.name() title/> };
            (link.into_any(), numbers)
        };
        let rows = plans.iter().zip(rows(&plans)).map(row).collect();
        view! { <MeasuredTable id="texts-plans" name=tr!(texts_plans) head=columns().into() rows/> }
    };
    view! {
        <Show when=move || !compared(state).is_empty()>
            <h2>{tr!(texts_plans)}</h2>
            <p class="hint">{tr!(texts_plans_hint)}</p>
            <div class="options">
                <label>
                    {tr!(texts_axis)}" "
                    <select id="plans-axis" on:change=pick prop:value=move || axis.get().key().to_string()>
                        {Axis::ALL.map(|axis| view! { <option value=axis.key()>{axis.name()}</option> }).collect_view()}
                    </select>
                </label>
            </div>
            <ChartView id="chart-plans" title=tr!(texts_picture) figure height=300.0 waiting choose/>
            {table}
        </Show>
    }
}
