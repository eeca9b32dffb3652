//! The switch that repairs a pruned model, the form of its maps, the repair of its head, and what they gain.

use leptos::prelude::*;

use super::address::HistoryEntry;
use super::state::AppState;
use super::status::Progress;
use super::terms::Term;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::repair::{full_map, summary};
use prunescope_figures::names;
use prunescope_localization::{PLACE, around, tr};
use prunescope_protocol::prune::{HeadRepair, Repair};

/// The form that the button chooses: it takes seconds.
const FIRST_FORM: Repair = Repair::Scale;

impl AppState {
    /// Called when it is known what the full map would leave: it takes over if it is better and the form is the page's choice.
    pub(super) fn take_full_repair(&self) {
        let is_better = self.results.full_repair().with_untracked(|full| full.is_some_and(|full| full.is_better()));
        let is_first = self.settings.with_untracked(|settings| settings.run.plan.repair == Some(FIRST_FORM));
        if is_better && is_first && self.page_chooses_form.get_untracked() {
            self.change(HistoryEntry::Same, |settings| settings.run.plan.repair = Some(Repair::Full));
        }
    }
}

/// Offers to repair: dropped sublayers if nothing replaces them, the head if only weights are pruned.
#[component]
pub(super) fn OfferRepair() -> impl IntoView {
    let state = expect_context::<AppState>();
    let is_offered = Memo::new(move |_| {
        state.settings.with(|settings| !settings.run.plan.drop.is_empty() && settings.run.plan.repair.is_none())
    });
    let form = state.repair_form;
    let offers_head = Memo::new(move |_| {
        state.settings.with(|settings| {
            let plan = &settings.run.plan;
            plan.drop.is_empty() && plan.edits_weights() && plan.head.is_none()
        })
    });
    let repair_head =
        move |_| state.change(HistoryEntry::New, |settings| settings.run.plan.head = Some(HeadRepair::Both));
    let repair = move |_| {
        let chosen = form.get_untracked();
        state.change(HistoryEntry::New, |settings| settings.run.plan.repair = Some(chosen.unwrap_or(FIRST_FORM)));
        state.page_chooses_form.set(chosen.is_none());
        // What the full map leaves may be known already.
        state.take_full_repair();
    };
    // What stands before and behind the form.
    let offer = || around(&tr!(repair_offer, form = PLACE));
    view! {
        <Show when=move || is_offered.get()>
            <p class="offer">
                <button id="repair" class="primary" on:click=repair>{tr!(repair_sublayers)}</button>
                <span>{offer().0}<Term term="repair">{move || names::repair(form.get().unwrap_or(FIRST_FORM))}</Term>{offer().1}</span>
            </p>
        </Show>
        <Show when=move || offers_head.get()>
            <p class="offer">
                <button id="repair-head" on:click=repair_head>{tr!(repair_head)}</button>
                <span>{tr!(repair_offer_head)}</span>
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
        state.repair_form.set(form);
        state.change(HistoryEntry::New, |settings| settings.run.plan.repair = form);
    };
    let drops = Memo::new(move |_| state.settings.with(|settings| !settings.run.plan.drop.is_empty()));
    let head = move || state.settings.with(|settings| settings.run.plan.head);
    let choose_head = move |event| {
        let head = event_target_value(&event).parse::<HeadRepair>().ok();
        state.change(HistoryEntry::New, |settings| settings.run.plan.head = head);
    };
    let heads = move || {
        let options = HeadRepair::ALL.into_iter().map(|(offered, key, _)| {
            view! { <option value=key selected=head() == Some(offered)>{tr!(repair_head_form, form = names::head(offered))}</option> }
        });
        let as_it_is = view! { <option value="" selected=head().is_none()>{tr!(repair_head_as_it_is)}</option> };
        (as_it_is, options.collect_view())
    };
    let forms = move || {
        // A form that came with a link may be none of those that are offered.
        let own = form().filter(|form| !Repair::OFFERED.contains(form));
        let options = Repair::OFFERED.into_iter().chain(own).map(|offered| {
            view! { <option value=offered.to_string() selected=form() == Some(offered)>{names::repair(offered)}</option> }
        });
        // With a repair of the head alone, dropped sublayers stay out.
        let nothing = form().is_none().then(|| view! { <option value="" selected=true>{tr!(repair_nothing)}</option> });
        (nothing, options.collect_view())
    };
    let undo = move |_| {
        state.change(HistoryEntry::New, |settings| settings.run.plan = settings.run.plan.unrepaired());
    };
    let shown_form = move || state.results.settings().with(|settings| settings.plan.repair);
    let full = move || state.results.full_repair().get().zip(shown_form());
    let awaits_full = move || {
        state.page_chooses_form.get()
            && shown_form() == Some(FIRST_FORM)
            && state.results.repair().with(Option::is_some)
            && state.recorded.with(Option::is_none)
    };
    let is_offered = move || full().is_some_and(|(full, form)| full.is_better() && form != Repair::Full);
    let use_full = move |_| {
        state.repair_form.set(Some(Repair::Full));
        state.change(HistoryEntry::New, |settings| settings.run.plan.repair = Some(Repair::Full));
    };
    let answers = move || state.results.own_answers().with(|answers| answers.values().cloned().collect::<Vec<_>>());
    view! {
        <p class="repair-controls">
            <Show when=move || drops.get()>
                <select id="repair-form" aria-label=tr!(repair_forms) on:change=choose>{forms}</select>
            </Show>
            <select id="head-form" aria-label=tr!(repair_head_forms) on:change=choose_head>{heads}</select>
            <button id="no-repair" class="chip" on:click=undo>{tr!(repair_undo)}</button>
            <Progress of_run=true id="repair-progress"/>
        </p>
        <p class="hint" id="repair-summary">
            {move || state.results.repair().with(|repair| repair.as_ref().map_or_else(|| "\u{a0}".into(), summary))}
        </p>
        <p class="hint" id="full-repair">
            {move || match full() {
                Some((full, form)) => full_map(&full, form),
                None if awaits_full() => tr!(repair_awaits_full),
                None => "\u{a0}".into(),
            }}
            " "<Show when=is_offered><button id="use-full" class="chip" on:click=use_full>{tr!(repair_use_full)}</button></Show>
        </p>
        <Show when=move || !answers().is_empty()>
            <details id="own-answers">
                <summary>{move || tr!(repair_own_answers, count = answers().len())}</summary>
                <p class="hint">{tr!(repair_own_answers_hint)}</p>
                <dl>{move || answers().into_iter().map(|own| view! { <dt>{own.question}</dt><dd>{own.answer}</dd> }).collect_view()}</dl>
            </details>
        </Show>
    }
}
