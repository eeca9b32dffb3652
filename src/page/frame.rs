//! What the page does in a frame of another page: it tells its height, starts its engine when it is touched, and gives it back when another
//! frame of the same site is touched, so that several on one page take the memory of one.

use futures::future::select;
use gloo::events::EventListener;
use gloo::timers::future::TimeoutFuture;
use leptos::html::Div;
use leptos::prelude::*;
use leptos_use_element_size::{UseElementSizeReturn, use_element_size};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

use super::api::{embedding_page, post};
use super::state::{AppState, EngineStatus};
use crate::automatic::is_missing;
use crate::run_results::RunResultsStoreFields;

/// The channel on which a frame says that it takes the engine.
const CHANNEL: &str = "prunescope-engine";
/// How long a frame waits for recorded runs before it loads its model, in milliseconds.
const PATIENCE_MS: u32 = 2000;

/// Tells the embedding page how high the page is, now and whenever that changes: `{prunescope: "height", height}` in CSS pixels.
pub(super) fn tell_height(state: AppState, page: NodeRef<Div>) {
    let Some(parent) = embedding_page().filter(|_| state.embedded) else { return };
    let UseElementSizeReturn { height, .. } = use_element_size(page);
    Effect::new(move |_| {
        let (_, Some(page)) = (height.get(), page.get()) else { return };
        // With its padding.
        post(&parent, &[("prunescope", "height".into()), ("height", page.offset_height().into())]);
    });
}

impl AppState {
    /// Shows a recorded run in a frame, if one answers its link and comes soon.
    pub(super) async fn show_recorded_in_frame(self) {
        let shown = Box::pin(self.show_recorded_example());
        select(shown, TimeoutFuture::new(PATIENCE_MS)).await;
    }

    /// Loads the model of a frame, unless a recorded run answers all that it shows and no script waits: then the first touch does.
    pub(super) fn load_or_wait(self) {
        if self.embedded && self.is_answered() && self.waiting.with_value(|waiting| waiting.results.is_empty()) {
            self.engine.set(EngineStatus::Down);
            self.waits_for_touch.set(true);
        } else {
            self.load_model();
        }
    }

    /// Answers changed settings from a recorded run, or loads the model.
    pub(super) fn answer_or_load(self) {
        self.answer_from_trace();
        if !self.is_answered() {
            self.load_model();
        }
    }

    /// Whether a recorded run answers the settings and holds what the open view shows.
    fn is_answered(self) -> bool {
        let view = self.settings.with_untracked(|settings| settings.view);
        let lacks_view =
            self.automatic_measurement().is_some() && self.results.with_untracked(|results| is_missing(view, results));
        self.recorded.with_untracked(Option::is_some) && !untrack(|| self.is_stale()) && !lacks_view
    }

    /// Ends the engine for another frame's. What is shown stays, and the next touch starts the engine again.
    fn rest(self) {
        let complete = !self.running.get_untracked() && !untrack(|| self.is_stale());
        self.end_engine("another figure took the engine");
        if complete {
            // It is the newest run's still.
            self.results.run().set(self.newest_run.get_untracked());
        }
        self.waits_for_touch.set(true);
    }
}

/// Follows touches of this frame, and what other frames say.
pub(super) fn share_engine(state: AppState) {
    if !state.embedded {
        return;
    }
    // Whether the other frames have heard that this one has the engine.
    let has_told = StoredValue::new(false);
    let channel = BroadcastChannel::new(CHANNEL).ok();
    if let Some(channel) = &channel {
        let taken = Closure::<dyn FnMut(MessageEvent)>::new(move |_| {
            has_told.set_value(false);
            if state.engine.get_untracked() != EngineStatus::Down {
                state.rest();
            }
        });
        channel.set_onmessage(Some(taken.as_ref().unchecked_ref()));
        taken.forget();
    }
    // Not the beginning of a touch, which may be one that scrolls; keys arrive as one of these, too.
    for touch in ["click", "input"] {
        let channel = channel.clone();
        EventListener::new(&window(), touch, move |_| {
            if let Some(channel) = channel.as_ref().filter(|_| !has_told.get_value()) {
                let _ = channel.post_message(&JsValue::TRUE);
                has_told.set_value(true);
            }
            if state.waits_for_touch.get_untracked() {
                state.load_model();
            }
        })
        .forget();
    }
}
