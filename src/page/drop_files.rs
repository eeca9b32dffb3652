//! Files dropped anywhere on the page become the model.

use gloo::events::{EventListener, EventListenerOptions};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::DragEvent;

use super::models::picked_files;
use super::state::AppState;

/// Takes files that are dropped on the page.
pub fn follow(state: AppState) {
    // A browser opens what is dropped unless both events are refused.
    let options = EventListenerOptions::enable_prevent_default();
    let has_files =
        |event: &DragEvent| event.data_transfer().is_some_and(|data| data.types().includes(&"Files".into(), 0));
    EventListener::new_with_options(&window(), "dragover", options, move |event| {
        let event: &DragEvent = event.unchecked_ref();
        if has_files(event) {
            event.prevent_default();
        }
    })
    .forget();
    EventListener::new_with_options(&window(), "drop", options, move |event| {
        let event: &DragEvent = event.unchecked_ref();
        if !has_files(event) {
            return;
        }
        event.prevent_default();
        if let Some(files) = event.data_transfer().and_then(|data| data.files()) {
            state.use_files(picked_files(&files));
        }
    })
    .forget();
}
