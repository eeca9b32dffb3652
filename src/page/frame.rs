//! What the page does in a frame of another page: it tells its height, starts its engine when it is touched, and gives it back when another
//! frame of the same site is touched, so that several on one page take the memory of one.

use gloo::events::EventListener;
use js_sys::{Object, Reflect};
use leptos::html::Div;
use leptos::prelude::*;
use leptos_use_element_size::{UseElementSizeReturn, use_element_size};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

use super::state::{AppState, EngineStatus};

/// The channel on which a frame says that it takes the engine.
const CHANNEL: &str = "prunescope-engine";

/// Tells the embedding page how high the page is, now and whenever that changes: `{prunescope: "height", height}` in CSS pixels.
pub(super) fn tell_height(state: AppState, page: NodeRef<Div>) {
    let Some(parent) = window().parent().ok().flatten().filter(|parent| state.embedded && *parent != window()) else {
        return;
    };
    let UseElementSizeReturn { height, .. } = use_element_size(page);
    Effect::new(move |_| {
        let (_, Some(page)) = (height.get(), page.get()) else { return };
        let message = Object::new();
        let _ = Reflect::set(&message, &"prunescope".into(), &"height".into());
        // With its padding.
        let _ = Reflect::set(&message, &"height".into(), &page.offset_height().into());
        let _ = parent.post_message(&message, "*");
    });
}

impl AppState {
    /// Loads the model of a frame, unless a recorded run answers: then the first touch does.
    pub(super) fn load_or_wait(self) {
        let answered = self.recorded.with_untracked(Option::is_some) && !untrack(|| self.is_stale());
        if answered && self.embedded {
            self.engine.set(EngineStatus::Down);
            self.waits_for_touch.set_value(true);
        } else {
            self.load_model();
        }
    }

    /// Ends the engine for another frame's. What is shown stays, and the next touch starts the engine again.
    fn rest(&self) {
        let complete = !self.running.get_untracked() && !untrack(|| self.is_stale());
        self.end_engine("another figure took the engine");
        if complete {
            self.results.run().set(self.newest_run.get_untracked());
        }
        self.waits_for_touch.set_value(true);
    }
}

/// Follows touches of this frame, and what other frames say.
pub(super) fn share_engine(state: AppState) {
    if !state.embedded {
        return;
    }
    let channel = BroadcastChannel::new(CHANNEL).ok();
    if let Some(channel) = &channel {
        let taken = Closure::<dyn FnMut(MessageEvent)>::new(move |_| {
            if state.engine.get_untracked() != EngineStatus::Down {
                state.rest();
            }
        });
        channel.set_onmessage(Some(taken.as_ref().unchecked_ref()));
        taken.forget();
    }
    for touch in ["pointerdown", "keydown"] {
        let channel = channel.clone();
        EventListener::new(&window(), touch, move |_| {
            if let Some(channel) = &channel {
                let _ = channel.post_message(&JsValue::TRUE);
            }
            if state.waits_for_touch.get_value() {
                state.waits_for_touch.set_value(false);
                state.load_model();
            }
        })
        .forget();
    }
}
