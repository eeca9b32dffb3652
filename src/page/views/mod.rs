//! The views below the first screen: one module each, each with its own link.

mod choice;
mod compare;
mod fidelity;
mod layers;
mod retrieval;
mod search;
mod steps;
mod sweep;
mod theorems;
mod tokens;
mod weights;

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::address::HistoryEntry;
use super::experiments::Experiments;
use super::site_text;
use super::state::AppState;
use super::status::{Progress, duration};
use prunescope_protocol::settings::{ANALYSIS_RANGE, View};

/// The views with their names.
const VIEWS: [(View, &str); 10] = [
    (View::Layers, "Layer by layer"),
    (View::Steps, "Token by token"),
    (View::Theorems, "Theorems"),
    (View::Tokens, "Top tokens"),
    (View::Choice, "Multiple choice"),
    (View::Retrieval, "Retrieval"),
    (View::Compare, "Compare"),
    (View::Sweep, "Sweep and advice"),
    (View::Search, "Search"),
    (View::Weights, "Weights"),
];

/// How far a measurement of many points is, in words; `None` before it is started.
///
/// * `things`: what its points are called.
/// * `left`: estimated seconds that it still needs, while it runs.
fn progress_of((done, total): (usize, usize), things: &str, left: Option<f64>) -> Option<String> {
    let left = left.filter(|_| done < total).map_or(String::new(), |left| format!(", about {} left", duration(left)));
    (total > 0).then(|| format!("{done} of {total} {things}{left}"))
}

/// The label of the button that starts it.
///
/// * `first`: the label before it is started.
fn start_label((done, total): (usize, usize), first: &'static str) -> &'static str {
    match done {
        0 => first,
        _ if done < total => "Go on",
        _ => "Show again",
    }
}

/// The tabs and the open view.
#[component]
pub(super) fn Views() -> impl IntoView {
    let state = expect_context::<AppState>();
    let open = Memo::new(move |_| state.settings.with(|settings| settings.view));
    let choose = move |view: View| state.change(HistoryEntry::New, |settings| settings.view = view);
    let key = move |event: KeyboardEvent| {
        let at = VIEWS.iter().position(|(view, _)| *view == open.get_untracked()).unwrap_or(0);
        let next = match event.key().as_str() {
            "ArrowRight" => (at + 1) % VIEWS.len(),
            "ArrowLeft" => (at + VIEWS.len() - 1) % VIEWS.len(),
            _ => return,
        };
        event.prevent_default();
        choose(VIEWS[next].0);
        let tab = document().get_element_by_id(&format!("tab-{}", VIEWS[next].0));
        if let Some(tab) = tab {
            let _ = tab.unchecked_into::<web_sys::HtmlElement>().focus();
        }
    };
    let tabs = move || {
        let tab = move |(view, name): (View, &'static str)| {
            view! {
                <button role="tab" id=format!("tab-{view}") aria-controls="view"
                    aria-selected=move || (open.get() == view).to_string() tabindex=move || if open.get() == view { "0" } else { "-1" }
                    on:click=move |_| choose(view)>{name}</button>
            }
        };
        view! {
            <div class="tabs" role="tablist" aria-label="Charts" on:keydown=key>{VIEWS.map(tab).collect_view()}</div>
            <div class="row between">
                <Temperature/>
                <Progress of_run=false id="measure-progress"/>
            </div>
        }
    };
    // An embedded page shows the view of its link; the other views are in a menu of one line.
    let menu = move || {
        let pick = move |event: leptos::ev::Event| {
            if let Ok(view) = event_target_value(&event).parse() {
                choose(view);
            }
        };
        view! {
            <div class="row">
                <label class="view-menu">
                    "View "
                    <select id="view-menu" on:change=pick>
                        {VIEWS.map(|(view, name)| view! {
                            <option value=view.to_string() prop:selected=move || open.get() == view>{name}</option>
                        }).collect_view()}
                    </select>
                </label>
                <Progress of_run=false id="measure-progress"/>
            </div>
        }
    };
    let name = move || VIEWS.into_iter().find(|(view, _)| *view == open.get()).map(|(_, name)| name);
    let role = if state.embedded { "region" } else { "tabpanel" };
    let tab = move || (!state.embedded).then(|| format!("tab-{}", open.get()));
    view! {
        <section class="panel explore" aria-label="Charts" class:stale=move || state.is_stale()>
            {if state.embedded { menu().into_any() } else { tabs().into_any() }}
            <div id="view" role=role aria-labelledby=tab aria-label=move || name().filter(|_| state.embedded)>
                {move || match open.get() {
                    View::Layers => view! { <layers::Layers/> }.into_any(),
                    View::Steps => view! { <steps::Steps/> }.into_any(),
                    View::Theorems => view! { <theorems::Theorems/> }.into_any(),
                    View::Tokens => view! { <tokens::Tokens/> }.into_any(),
                    View::Choice => view! { <choice::Choice/> }.into_any(),
                    View::Retrieval => view! { <retrieval::Retrieval/> }.into_any(),
                    View::Compare => view! { <compare::Compare/> }.into_any(),
                    View::Sweep => view! { <sweep::Sweep/> }.into_any(),
                    View::Search => view! { <search::Search/> }.into_any(),
                    View::Weights => view! { <weights::Weights/> }.into_any(),
                }}
            </div>
            {(!state.embedded).then(|| view! { <Experiments experiments=site_text::fetch("experiments.json")/> })}
        </section>
    }
}

/// The temperature of the analysis; changing it recomputes every number in probability space.
#[component]
fn Temperature() -> impl IntoView {
    let state = expect_context::<AppState>();
    let dragging = StoredValue::new(false);
    let slide = move |event: leptos::ev::Event| {
        let Ok(value) = event_target_value(&event).parse::<f32>() else { return };
        let entry = if dragging.get_value() { HistoryEntry::Same } else { HistoryEntry::New };
        dragging.set_value(true);
        state.change(entry, |settings| settings.run.analysis = value);
    };
    let value = move || state.settings.with(|settings| settings.run.analysis_temperature());
    let is_set = move || state.settings.with(|settings| settings.run.analysis > 0.0);
    view! {
        <span class="slider">
            <label for="analysis">"Temperature of the analysis"</label>
            <input id="analysis" type="range" min=ANALYSIS_RANGE.0.to_string() max="3" step="0.1" prop:value=move || value().to_string()
                on:input=slide on:change=move |_| dragging.set_value(false)/>
            <output for="analysis">{move || format!("{:.1}", value())}</output>
            <Show when=is_set>
                <button class="chip" on:click=move |_| state.change(HistoryEntry::New, |settings| settings.run.analysis = 0.0)>"as decoding"</button>
            </Show>
        </span>
    }
}
