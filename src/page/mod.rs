//! The page: Leptos components over one [`state::AppState`]. Knows the protocol and plain numbers, never a tensor.
//!
//! * [`state`]: the signals; [`controller`]: the one place that changes them.
//! * [`client`]: the worker that runs the engine; [`engine_files`]: its files.
//! * [`device`]: the choice between WebGPU and the CPU.
//! * [`models`]: where models come from, and which are stored on this device.
//! * [`lookup`]: a model's size, for the decision whether to ask the visitor (`crate::consent`).
//! * [`measurements`]: signals of the measurements outside the main run; [`measuring`]: when they start and stop.
//! * [`views`]: the views below the first screen, one module each.
//! * [`address`]: the link in the address bar, history, copying.
//! * [`frame`]: what the page does in a frame of another page; [`turn`]: which of several frames may have an engine.
//! * [`part`]: shows, locks or hides a part of the page as its link asks; [`sharing`]: makes such links, and frames for other pages.
//! * [`language`]: the language of the page's words.
//! * [`recorded`]: recorded runs, shown while no engine answers; [`shown_trace`]: the one that is.
//! * [`session`]: what is shown, as one HTML file.
//! * [`offline`]: visits without a network.
//! * [`api`]: `window.prunescope` and `postMessage`; [`pending`]: what scripts wait for.
//! * [`story`]: the chapters that lead through the page; [`terms`]: words explained where they stand; [`experiments`]: what to try;
//!   [`site_text`]: their texts, files of the site.
//! * Every other module is one part of the page.

#![allow(unreachable_pub, reason = "a component expands to public items")]

mod address;
mod api;
mod chart_view;
mod client;
mod compression_controls;
mod controller;
mod controls;
mod copy_button;
mod device;
mod engine_files;
mod experiments;
mod export;
mod frame;
mod given_files;
mod header;
mod isolation;
mod language;
mod layer_grid;
mod lookup;
mod measurements;
mod measuring;
mod model_picker;
mod models;
mod offline;
mod part;
mod pending;
mod pipeline;
mod plan_link;
mod recorded;
mod repair;
mod session;
mod sharing;
mod shown_trace;
mod site_text;
mod state;
mod status;
mod story;
mod terms;
mod texts;
mod turn;
mod views;

use std::time::Duration;

use futures::future::join3;
use leptos::html;
use leptos::mount::mount_to_body;
use leptos::prelude::*;
use prunescope_localization::tr;
use wasm_bindgen_futures::spawn_local;

use crate::presentation::{PagePart, Presentation};
use crate::run_results::RunResultsStoreFields;
use part::Part;
use shown_trace::TraceOrigin;
use state::AppState;

/// Starts the page.
pub fn start() {
    console_error_panic_hook::set_once();
    spawn_local(async {
        let (notice, example, ()) = join3(language::choose(), recorded::example_ahead(), isolation::settled()).await;
        mount_to_body(move || view! { <App notice example/> });
    });
}

/// The whole page.
#[component]
fn App(
    /// What to tell the visitor from the start.
    notice: Option<String>,
    /// The trace of the recorded example, if it is there already: then it is on the first picture.
    example: Option<String>,
) -> impl IntoView {
    let state = AppState::new();
    state.notices.update(|notices| notice.into_iter().for_each(|text| notices.push(text)));
    provide_context(state);
    api::install(state);
    controller::follow_history(state);
    given_files::follow_drops(state);
    frame::share_engine(state);
    let trace = address::trace(&address::query());
    if let Some(text) = example.filter(|_| trace.is_none()) {
        state.add_trace_text(TraceOrigin::Example, &text);
    }
    // What is below the first screen is made once that is painted, unless the link is about it.
    let has_views = RwSignal::new(state.embedded || trace.is_some() || state.chapter.with_untracked(Option::is_some));
    let show_views = move || {
        has_views.try_set(true);
    };
    set_timeout(show_views, FIRST_SCREEN);
    Effect::new(move |_| {
        if state.results.next_token().with(Option::is_some) && !has_views.get_untracked() {
            after_paint(show_views);
        }
    });
    spawn_local(async move {
        if trace.is_none() && state.embedded {
            // What is recorded may answer a frame's link, which then needs no engine yet.
            state.show_recorded_in_frame().await;
        } else if trace.is_none() {
            spawn_local(state.show_recorded_example());
        }
        if let Some(address) = trace
            && state.open_trace_at(address).await
        {
            return;
        }
        offline::prepare().await;
        state.load_or_wait();
    });
    remove_placeholder();
    let embedded = state.embedded;
    // An embedded page shows what its link is about; compression controls only if the link names them or edits weights.
    let has_compression = Memo::new(move |_| {
        !embedded
            || state.presentation.with(Presentation::names_parts)
            || state.settings.with(|settings| settings.run.plan.edits_weights())
    });
    Effect::new(move |_| {
        let theme = state.presentation.with(|presentation| presentation.theme.to_string());
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-theme", &theme);
        }
    });
    // Whether a text under the prompt is unfolded, so that the panel beside it does not grow with it.
    let unfolded = RwSignal::new(false);
    let toggled = move |_| unfolded.set(document().query_selector(".mores [open]").is_ok_and(|open| open.is_some()));
    let page = NodeRef::<html::Div>::new();
    frame::tell_height(state, page);
    view! {
        <div class="page" class:embedded=embedded class:told=move || state.chapter.with(Option::is_some) node_ref=page>
            <header::Header/>
            <status::Notices/>
            <pipeline::Strip/>
            <main id="main">
                <status::Asking/>
                <status::LoadingOrFailure/>
                <status::AskingForTrace/>
                <status::RecordedOnly/>
                <status::Resting/>
                <status::Stopped/>
                <part::Task/>
                <section class="ask" aria-label=tr!(page_ask) class:alone=move || state.hides(PagePart::Prompt) || state.hides(PagePart::Pipeline)
                    class:unfolded=move || unfolded.get() on:toggle:capture=toggled
                    hidden=move || state.hides(PagePart::Prompt) && state.hides(PagePart::Pipeline)>
                    <Part part=PagePart::Prompt><controls::PromptPanel/></Part>
                    <Part part=PagePart::Pipeline><pipeline::Pipeline/></Part>
                </section>
                <section class="panel layers" aria-labelledby="layers-title" hidden=move || state.hides(PagePart::Grid) && (state.hides(PagePart::Compression) || !has_compression.get())>
                    <Part part=PagePart::Grid><layer_grid::LayerGrid/></Part>
                    <Show when=move || has_compression.get()>
                        <Part part=PagePart::Compression><compression_controls::CompressionControls/></Part>
                    </Show>
                </section>
                // An embedded page whose link names a view shows that view first.
                {if state.view_first {
                    view! { <Part part=PagePart::Charts><views::Views/></Part><Part part=PagePart::Texts><texts::Texts/></Part> }.into_any()
                } else {
                    view! {
                        <Part part=PagePart::Texts><texts::Texts/></Part>
                        <Part part=PagePart::Charts><Show when=move || has_views.get()><views::Views/></Show></Part>
                    }.into_any()
                }}
            </main>
            <status::StatusLine/>
            <Show when=move || state.chapter.with(Option::is_some)><story::Story/></Show>
            <terms::Explanation/>
        </div>
    }
}

/// Longest time that the views wait for the first numbers.
const FIRST_SCREEN: Duration = Duration::from_millis(400);

/// Does something once what has changed is painted. In a tab in the background, where nothing is, it waits for that.
fn after_paint(then: impl FnOnce() + 'static) {
    // The frame is painted before the next task.
    request_animation_frame(move || set_timeout(then, Duration::ZERO));
}

/// Removes the placeholder of `index.html`.
fn remove_placeholder() {
    if let Some(placeholder) = document().get_element_by_id("starting") {
        placeholder.remove();
    }
}
