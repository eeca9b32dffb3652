//! The page: Leptos components over one [`state::AppState`]. Knows the protocol and plain numbers, never a tensor.
//!
//! * [`state`]: the signals; [`controller`]: the one place that changes them.
//! * [`client`]: the worker that runs the engine; [`engine_files`]: what it is made of.
//! * [`device`]: WebGPU or the CPU.
//! * [`models`]: where models come from, and what of them is kept on this device.
//! * [`lookup`]: how large a model is, before it is decided whether the visitor is asked (`crate::consent`).
//! * [`measurements`]: signals of what is measured beside the main run; [`measuring`]: when that starts and stops.
//! * [`views`]: below the first screen, one module a view.
//! * [`address`]: the link in the address bar, history, copying.
//! * [`offline`]: visits without network.
//! * [`api`]: `window.prunescope` and `postMessage`; [`pending`]: what scripts wait for.
//! * The rest: one module a part of the page.

#![allow(unreachable_pub, reason = "a component expands to public items")]

mod address;
mod api;
mod chart_view;
mod client;
mod compression_controls;
mod controller;
mod controls;
mod device;
mod engine_files;
mod export;
mod given_files;
mod header;
mod isolation;
mod layer_grid;
mod lookup;
mod measurements;
mod measuring;
mod model_picker;
mod models;
mod offline;
mod pending;
mod pipeline;
mod state;
mod status;
mod texts;
mod views;

use leptos::mount::mount_to_body;
use leptos::prelude::*;
use prunescope_protocol::messages::Backend;

use state::AppState;

/// Starts the page.
pub fn start() {
    console_error_panic_hook::set_once();
    mount_to_body(App);
}

/// The whole page.
#[component]
fn App() -> impl IntoView {
    let state = AppState::new();
    provide_context(state);
    api::install(state);
    controller::follow_history(state);
    given_files::follow_drops(state);
    wasm_bindgen_futures::spawn_local(async move {
        offline::prepare().await;
        let models = state.settings.with_untracked(|settings| settings.models.clone());
        let on_cpu = async {
            let chosen = device::choose(models.backend, &models.model).await;
            chosen.is_ok_and(|chosen| chosen.backend == Backend::Cpu)
        };
        if !isolation::reload_for_threads(on_cpu).await {
            state.load_model();
        }
    });
    remove_placeholder();
    let embedded = state.embedded;
    let edits = Memo::new(move |_| state.settings.with(|settings| settings.run.plan.edits_weights()));
    view! {
        <div class="page" class:embedded=embedded>
            <header::Header/>
            <status::Notices/>
            <main id="main">
                <status::Asking/>
                <status::LoadingOrFailure/>
                <section class="ask" aria-label="Prompt and settings">
                    <controls::PromptPanel/>
                    <pipeline::Pipeline/>
                </section>
                <section class="panel layers" aria-labelledby="layers-title">
                    <layer_grid::LayerGrid/>
                    // A frame is about what its link shows; where that edits weights, readers may turn the screw.
                    <Show when=move || !embedded || edits.get()>
                        <compression_controls::CompressionControls/>
                    </Show>
                </section>
                // A frame whose link names a view is about that view.
                {if state.view_first {
                    view! { <views::Views/><texts::Texts/> }.into_any()
                } else {
                    view! { <texts::Texts/><views::Views/> }.into_any()
                }}
            </main>
            <status::StatusLine/>
        </div>
    }
}

/// Takes away what `index.html` shows until the page is there.
fn remove_placeholder() {
    if let Some(placeholder) = document().get_element_by_id("starting") {
        placeholder.remove();
    }
}
