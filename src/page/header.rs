//! The bar at the top: title, and actions on the whole page.

use crate::run_results::RunResultsStoreFields;
use leptos::prelude::*;
use prunescope_localization::tr;
use prunescope_protocol::results::Report;

use super::address;
use super::copy_button::CopyButton;
use super::export::save_text;
use super::language::LanguageChoice;
use super::sharing::Sharing;
use super::state::{AppState, EngineStatus};

/// The bar at the top.
#[component]
pub(super) fn Header() -> impl IntoView {
    let state = expect_context::<AppState>();
    let sharing = RwSignal::new(false);
    // On a small screen the rarer actions are behind a button.
    let more = RwSignal::new(false);
    let busy = move || {
        state.running.get()
            || state.measurements.wanted.get().is_some()
            || !matches!(state.engine.get(), EngineStatus::Ready | EngineStatus::Down)
    };
    let home = state.presentation.with_untracked(|presentation| {
        presentation.language.map_or("./".to_string(), |language| format!("./?lang={}", language.tag))
    });
    let lacks_results = move || state.is_stale() || state.results.report().with(Option::is_none);
    let fold = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            more.set(false);
        }
    };
    let in_tab = move || state.settings.with(address::link_to);
    view! {
        <header class="top">
            {if state.embedded {
                view! { <h1><a target="_blank" rel="noopener" href=in_tab title=tr!(header_open)>"Prunescope"</a></h1> }.into_any()
            } else {
                view! {
                    <h1><a href=home rel="home">"Prunescope"</a></h1>
                    <p class="tagline">{tr!(header_tagline)}</p>
                }.into_any()
            }}
            <div class="actions" on:keydown=fold>
                <button id="stop" on:click=move |_| state.stop() disabled=move || !busy() aria-label=tr!(header_stop_hint)>{tr!(header_stop)}</button>
                {if state.embedded {
                    view! { <a class="button" id="open" target="_blank" rel="noopener" href=in_tab>{tr!(header_open)}</a> }.into_any()
                } else {
                    view! {
                        <button id="story-open" class="primary" on:click=move |_| state.open_chapter(Some(1))>{tr!(header_story)}</button>
                        <CopyButton id="copy-link" label=tr!(header_copy) copied=tr!(header_copied) refused=tr!(header_copy_refused) primary=true
                            text=Signal::derive(in_tab)/>
                        <button id="more" aria-expanded=move || more.get().to_string() aria-controls="more-actions" on:click=move |_| more.update(|open| *open = !*open)>{tr!(header_more)}</button>
                        <div class="actions" id="more-actions" class:open=move || more.get()>
                        <button id="reset" on:click=move |_| state.reset()>{tr!(header_reset)}</button>
                        <button id="export" on:click=move |_| export(state) disabled=lacks_results>
                            {tr!(header_export)}
                        </button>
                        <button id="save-trace" on:click=move |_| state.save_trace() disabled=move || state.lacks_run()
                            title=tr!(header_save_trace_hint)>
                            {tr!(header_save_trace)}
                        </button>
                        <button id="share" on:click=move |_| sharing.set(true)>{tr!(header_share)}</button>
                        <LanguageChoice/>
                        </div>
                    }.into_any()
                }}
            </div>
            <Show when=move || sharing.get()><Sharing close=move || sharing.set(false)/></Show>
        </header>
    }
}

/// Saves the results as a file.
fn export(state: AppState) {
    let Some(found) = state.results.report().get_untracked() else { return };
    let report = Report { settings: state.settings.get_untracked(), found };
    // Without line breaks, as for scripts: a second way to write JSON would make the page larger.
    if let Ok(text) = serde_json::to_string(&report) {
        save_text(&state, "prunescope.json", "application/json", &text);
    }
}
