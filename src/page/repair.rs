//! The switch that repairs a pruned model, the form of its maps, and what they gain.

use leptos::prelude::*;

use super::address::HistoryEntry;
use super::state::AppState;
use super::status::Progress;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::repair::summary;
use prunescope_protocol::prune::Repair;

/// The form that the button chooses.
const FIRST_FORM: Repair = Repair::Scale;

/// Offers to repair, if sublayers are dropped and nothing replaces them.
#[component]
pub(super) fn OfferRepair() -> impl IntoView {
    let state = expect_context::<AppState>();
    let is_offered = Memo::new(move |_| {
        state.settings.with(|settings| !settings.run.plan.drop.is_empty() && settings.run.plan.repair.is_none())
    });
    let repair = move |_| state.change(HistoryEntry::New, |settings| settings.run.plan.repair = Some(FIRST_FORM));
    view! {
        <Show when=move || is_offered.get()>
            <p class="offer">
                <button id="repair" class="primary" on:click=repair>"Repair"</button>
                <span>"puts a factor and an offset per channel in place of what is switched off. It takes seconds, no training."</span>
            </p>
        </Show>
    }
}

/// The form of the repair, a way back, and what it gains.
#[component]
pub(super) fn RepairControls() -> impl IntoView {
    let state = expect_context::<AppState>();
    let form = move || state.settings.with(|settings| settings.run.plan.repair);
    let choose = move |event| {
        let form = event_target_value(&event).parse::<Repair>().ok();
        state.change(HistoryEntry::New, |settings| settings.run.plan.repair = form);
    };
    let forms = move || {
        // A form that came with a link may be none of those that are offered.
        let own = form().filter(|form| !Repair::OFFERED.contains(form));
        let options = Repair::OFFERED.into_iter().chain(own).map(|offered| {
            let text = match offered {
                Repair::Bias => "offset".into(),
                Repair::Scale => "factor and offset".into(),
                Repair::Rank(rank) => format!("map of rank {rank}"),
                Repair::Full => "full map".to_string(),
            };
            view! { <option value=offered.to_string() selected=form() == Some(offered)>{text}</option> }
        });
        options.collect_view()
    };
    let undo = move |_| state.change(HistoryEntry::New, |settings| settings.run.plan.repair = None);
    view! {
        <p class="repair-controls">
            <select id="repair-form" aria-label="What replaces each dropped sublayer" on:change=choose>{forms}</select>
            <button id="no-repair" class="chip" on:click=undo>"Without repair"</button>
            <Progress of_run=true id="repair-progress"/>
        </p>
        <p class="hint" id="repair-summary">
            {move || state.results.repair().with(|repair| repair.as_ref().map_or_else(|| "\u{a0}".into(), summary))}
        </p>
    }
}
