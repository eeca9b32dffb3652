//! Several plans side by side: six metrics over the text (fig. 9) and the table of answers (fig. 5).

use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::super::address::HistoryEntry;
use super::super::chart_view::ChartView;
use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::chart::{Ink, short_number};
use prunescope_figures::figure::compare::{MORE, PANELS, Panel, panel_of};
use prunescope_localization::tr;
use prunescope_protocol::prune::{DropKind, DroppedSublayers, Footprint, PruningPlan};
use prunescope_protocol::settings::{MAX_VARIANTS, Variant};

/// The plans of the paper's figs. 5 and 9 that need no importance.
const PRESET: [&str; 3] = ["awq4-g64", "wanda-0.5", "wanda-4:8"];

/// The variants, their charts and their texts.
#[component]
pub(super) fn Compare() -> impl IntoView {
    let state = expect_context::<AppState>();
    let variants = Memo::new(move |_| state.settings.with(|settings| settings.measure.compare.clone()));
    let full = move || variants.with(|variants| variants.len() >= MAX_VARIANTS);
    let add = move |_| {
        let plan = state.settings.with_untracked(|settings| settings.run.plan.clone());
        state.change(HistoryEntry::New, |settings| settings.measure.compare.push(Variant { name: plan.name(), plan }));
    };
    let preset = move |plans: Vec<PruningPlan>| {
        state.change(HistoryEntry::New, |settings| {
            settings.measure.compare = plans.into_iter().map(|plan| Variant { name: plan.name(), plan }).collect();
        });
    };
    let drop_least = move |kind: DropKind, count: usize| {
        let none = DroppedSublayers::default();
        state
            .results
            .importance()
            .get_untracked()
            .map(|importance| PruningPlan::dropping(importance.drop_least(&none, kind, count)))
    };
    let methods = move |_| {
        let edits = PRESET.iter().filter_map(|text| text.parse().ok());
        preset(drop_least(DropKind::Attention, 8).into_iter().chain(edits).collect());
    };
    let drops = move |_| {
        let wanted = [(DropKind::Attention, 4), (DropKind::Attention, 8), (DropKind::Mlp, 4), (DropKind::Mlp, 8)];
        preset(wanted.into_iter().filter_map(|(kind, count)| drop_least(kind, count)).collect());
    };
    let none = move || variants.with(Vec::is_empty);
    let waiting = Signal::derive(move || none().then(|| tr!(compare_waiting)));
    let more = RwSignal::new(false);
    let panels = move |some: &'static [Panel]| {
        let view = |panel: &'static Panel| {
            let figure = Signal::derive(move || {
                state.results.variants().with(|known| panel_of(panel, known.iter().map(|(at, variant)| (*at, variant))))
            });
            view! { <ChartView id=panel.id title=panel.title() figure waiting height=200.0/> }
        };
        some.iter().map(view).collect_view()
    };
    let unmeasured = move || state.results.importance().with(Option::is_none);
    view! {
        <p class="lead">{tr!(compare_lead)}</p>
        <div class="options">
            <button id="compare-add" disabled=full on:click=add>{tr!(compare_add)}</button>
            <button id="compare-methods" disabled=unmeasured on:click=methods>{tr!(compare_methods)}</button>
            <button id="compare-drops" disabled=unmeasured on:click=drops>{tr!(compare_drops)}</button>
        </div>
        <div class="variants" id="variants">
            {move || variants.get().into_iter().enumerate().map(|(at, variant)| view! { <Chip at variant/> }).collect_view()}
        </div>
        <div class="charts three">{panels(&PANELS)}</div>
        <label class="check">
            <input type="checkbox" id="compare-more" prop:checked=move || more.get() on:change=move |event| more.set(event_target_checked(&event))/>
            {tr!(compare_more)}
        </label>
        <Show when=move || more.get()><div class="charts three">{panels(&MORE)}</div></Show>
        <h2>{tr!(compare_texts)}</h2>
        <Answers/>
    }
}

/// One variant: its name and buttons.
#[component]
fn Chip(at: usize, variant: Variant) -> impl IntoView {
    let state = expect_context::<AppState>();
    let plan = variant.plan.clone();
    let shown = variant.plan.to_string();
    let rename = move |event: leptos::ev::Event| {
        let name = event_target::<HtmlInputElement>(&event).value();
        state.change(HistoryEntry::New, |settings| {
            if let Some(variant) = settings.measure.compare.get_mut(at) {
                variant.name = if name.trim().is_empty() { variant.plan.name() } else { name };
            }
        });
    };
    let edit = move |_| state.change(HistoryEntry::New, |settings| settings.run.plan = plan.clone());
    let remove = move |_| {
        state.change(HistoryEntry::New, |settings| {
            if at < settings.measure.compare.len() {
                settings.measure.compare.remove(at);
            }
        });
    };
    view! {
        <span class=format!("variant {}", Ink::Variant(at).class())>
            <input class="key" type="text" aria-label=tr!(compare_name) prop:value=variant.name on:change=rename/>
            <code title=shown.clone()>{shown.clone()}</code>
            <button class="chip" on:click=edit>{tr!(compare_edit)}</button>
            <button class="chip" aria-label=tr!(compare_remove) on:click=remove>"×"</button>
        </span>
    }
}

/// Fig. 5: the text that each plan generates.
#[component]
fn Answers() -> impl IntoView {
    let state = expect_context::<AppState>();
    let rows = move || {
        let known = state.results.variants().get();
        let config = state.model.get().map(|model| model.config);
        let compare = state.settings.with(|settings| settings.measure.compare.clone());
        let dense = known.values().next().map(|variant| {
            view! { <tr><th scope="row">{tr!(compare_dense)}</th><td class="answer">{variant.generation.dense.text.clone()}</td><td>"1"</td><td>"0"</td><td>"0 %"</td></tr> }
        });
        let of_variant = known.into_iter().filter_map(|(at, variant)| {
            let footprint = Footprint::of(&compare.get(at)?.plan, config.as_ref()?);
            let saved = 100.0 * (1.0 - footprint.plan_bytes as f64 / footprint.dense_bytes.max(1) as f64);
            let metrics = variant.next_token.metrics;
            Some(view! {
                <tr>
                    <th scope="row">{variant.name}</th>
                    <td class="answer">{variant.generation.pruned.text}</td>
                    <td>{short_number(metrics.cos_p.into())}</td>
                    <td>{short_number(metrics.kl_dense_pruned.into())}</td>
                    <td>{format!("{saved:.0} %")}</td>
                </tr>
            })
        });
        view! { {dense}{of_variant.collect_view()} }
    };
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label=tr!(compare_answers)>
            <table class="answers" id="answers">
                <thead><tr><th scope="col">{tr!(compare_plan)}</th><th scope="col" class="answer">{tr!(compare_writes)}</th><th scope="col">{tr!(compare_cosine)}</th><th scope="col">{tr!(compare_kl)}</th><th scope="col">{tr!(compare_saved)}</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}
