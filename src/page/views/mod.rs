//! The views below the first screen: one module each, each with its own link.

mod choice;
mod compare;
mod fidelity;
mod layers;
mod measured_table;
mod plans;
mod retrieval;
mod search;
mod speed;
mod steps;
mod sweep;
mod text_fidelity;
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
use prunescope_localization::{language, tr};
use prunescope_protocol::settings::{ANALYSIS_RANGE, View};

/// The views in the order of their tabs.
const VIEWS: [View; 10] = [
    View::Layers,
    View::Steps,
    View::Theorems,
    View::Tokens,
    View::Choice,
    View::Retrieval,
    View::Compare,
    View::Sweep,
    View::Search,
    View::Weights,
];

/// The name of a view.
fn name_of(view: View) -> String {
    match view {
        View::Layers => tr!(views_layers),
        View::Steps => tr!(views_steps),
        View::Theorems => tr!(views_theorems),
        View::Tokens => tr!(views_tokens),
        View::Choice => tr!(views_choice),
        View::Retrieval => tr!(views_retrieval),
        View::Compare => tr!(views_compare),
        View::Sweep => tr!(views_sweep),
        View::Search => tr!(views_search),
        View::Weights => tr!(views_weights),
    }
}

/// How far a measurement of many points is, in words; `None` before it is started.
///
/// * `things`: what its points are, `plans` or `points`.
/// * `left`: estimated seconds that it still needs, while it runs.
fn progress_of((done, total): (usize, usize), things: &str, left: Option<f64>) -> Option<String> {
    (total > 0).then(|| match left.filter(|_| done < total) {
        Some(left) => tr!(views_progress_left, things = things, done = done, total = total, left = duration(left)),
        None => tr!(views_progress, things = things, done = done, total = total),
    })
}

/// The label of the button that starts it.
///
/// * `first`: the label before it is started.
fn start_label((done, total): (usize, usize), first: String) -> String {
    match done {
        0 => first,
        _ if done < total => tr!(views_go_on),
        _ => tr!(views_show_again),
    }
}

/// What a view shows.
fn content(view: View) -> AnyView {
    match view {
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
    }
}

/// Every view, one below the other, for a file.
#[component]
pub(super) fn AllViews() -> impl IntoView {
    VIEWS
        .map(|view| view! { <section class="panel explore"><h2>{name_of(view)}</h2>{content(view)}</section> })
        .collect_view()
}

/// The tabs and the open view.
#[component]
pub(super) fn Views() -> impl IntoView {
    let state = expect_context::<AppState>();
    let open = Memo::new(move |_| state.settings.with(|settings| settings.view));
    let choose = move |view: View| state.change(HistoryEntry::New, |settings| settings.view = view);
    let key = move |event: KeyboardEvent| {
        let at = VIEWS.iter().position(|view| *view == open.get_untracked()).unwrap_or(0);
        let (forward, back) = match language().right_to_left {
            false => ("ArrowRight", "ArrowLeft"),
            true => ("ArrowLeft", "ArrowRight"),
        };
        let next = match event.key() {
            key if key == forward => (at + 1) % VIEWS.len(),
            key if key == back => (at + VIEWS.len() - 1) % VIEWS.len(),
            _ => return,
        };
        event.prevent_default();
        choose(VIEWS[next]);
        let tab = document().get_element_by_id(&format!("tab-{}", VIEWS[next]));
        if let Some(tab) = tab {
            let _ = tab.unchecked_into::<web_sys::HtmlElement>().focus();
        }
    };
    let tabs = move || {
        let tab = move |view: View| {
            view! {
                <button role="tab" id=format!("tab-{view}") aria-controls="view"
                    aria-selected=move || (open.get() == view).to_string() tabindex=move || if open.get() == view { "0" } else { "-1" }
                    on:click=move |_| choose(view)>{name_of(view)}</button>
            }
        };
        view! {
            <div class="tabs" role="tablist" aria-label=tr!(views_charts) on:keydown=key>{VIEWS.map(tab).collect_view()}</div>
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
                    {tr!(views_menu)}" "
                    <select id="view-menu" on:change=pick>
                        {VIEWS.map(|view| view! {
                            <option value=view.to_string() prop:selected=move || open.get() == view>{name_of(view)}</option>
                        }).collect_view()}
                    </select>
                </label>
                <Progress of_run=false id="measure-progress"/>
            </div>
        }
    };
    let name = move || state.embedded.then(|| name_of(open.get()));
    let role = if state.embedded { "region" } else { "tabpanel" };
    let tab = move || (!state.embedded).then(|| format!("tab-{}", open.get()));
    view! {
        <section class="panel explore" aria-label=tr!(views_charts) class:stale=move || state.is_stale()>
            {if state.embedded { menu().into_any() } else { tabs().into_any() }}
            <div id="view" role=role aria-labelledby=tab aria-label=name>
                {move || content(open.get())}
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
            <label for="analysis">{tr!(views_temperature)}</label>
            <input id="analysis" type="range" min=ANALYSIS_RANGE.0.to_string() max="3" step="0.1" prop:value=move || value().to_string()
                on:input=slide on:change=move |_| dragging.set_value(false)/>
            <output for="analysis">{move || format!("{:.1}", value())}</output>
            <Show when=is_set>
                <button class="chip" on:click=move |_| state.change(HistoryEntry::New, |settings| settings.run.analysis = 0.0)>{tr!(views_as_decoding)}</button>
            </Show>
        </span>
    }
}
