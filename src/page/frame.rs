//! What the page does in a frame of another page: it tells its height, starts its engine when it is touched, and gives it back when another
//! frame of the same site is touched, so that several on one page take the memory of one.

use std::time::Duration;

use futures::future::select;
use gloo::events::EventListener;
use gloo::timers::future::TimeoutFuture;
use leptos::html::Div;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_use_element_size::{UseElementSizeReturn, use_element_size};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

use super::api::{embedding_page, post};
use super::pending::Pending;
use super::state::{AppState, EngineStatus};
use super::turn::{is_awaited, turn};
use crate::automatic::is_missing;
use crate::run_results::RunResultsStoreFields;

thread_local! {
    /// The channel on which a frame says what it does about the engine. None if the browser has none.
    static CHANNEL: Option<BroadcastChannel> = BroadcastChannel::new("prunescope-engine").ok();
}
/// Said by a frame that was touched: it takes the engine.
const TAKES: &str = "takes";
/// Said by a frame that nobody has touched, and that needs an engine for its first picture: it waits for its turn.
const WAITS: &str = "waits";
/// How long a frame without progress keeps its turn.
const STALLED: Duration = Duration::from_secs(10);
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

    /// Loads the model. A frame that no script waits for loads it when it is touched; before that in its turn, if no recorded run answers
    /// all that it shows.
    pub(super) fn load_or_wait(self) {
        if !self.embedded || !self.waiting.with_value(|waiting| waiting.results.is_empty()) {
            return self.load_model();
        }
        self.engine.set(EngineStatus::Down);
        self.waits_for_touch.set(true);
        if self.is_answered() {
            return;
        }
        say(WAITS);
        spawn_local(async move {
            let turn = turn(false).await;
            // Not if it was touched meanwhile, which started its engine.
            if self.waits_for_touch.get_untracked() && self.newest_run.get_untracked() == 0 {
                self.turn.set_value(turn);
                self.load_model();
            }
        });
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
        self.recorded.with_untracked(Option::is_some) && !untrack(|| self.is_stale()) && !self.lacks_view()
    }

    /// Whether the open view shows a measurement that is still to come.
    fn lacks_view(self) -> bool {
        let view = self.settings.with_untracked(|settings| settings.view);
        self.automatic_measurement().is_some() && self.results.with_untracked(|results| is_missing(view, results))
    }

    /// Whether nobody needs the engine: it has done all that is shown, or cannot, and no script listens to it.
    fn is_idle(self) -> bool {
        if self.waiting.with_value(Pending::is_listened_to) {
            return false;
        }
        let has_failed = self.failure.with(Option::is_some) || self.question.with(Option::is_some);
        let has_done = self.results.report().with(Option::is_some)
            && !self.is_stale()
            && !self.running.get()
            && self.measurements.wanted.get().is_none();
        has_failed || has_done && !self.lacks_view()
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
        self.turn.set_value(None);
    }
}

/// Says something to the other frames of the site on the same page, and in other tabs.
fn say(what: &str) {
    CHANNEL.with(|channel| {
        if let Some(channel) = channel {
            let _ = channel.post_message(&what.into());
        }
    });
}

/// Follows touches of this frame, and what other frames say.
pub(super) fn share_engine(state: AppState) {
    if !state.embedded {
        return;
    }
    // Whether the other frames have heard that this one was touched.
    let has_told = StoredValue::new(false);
    let heard_waiting = Trigger::new();
    if let Some(channel) = CHANNEL.with(Option::clone) {
        let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if event.data() == WAITS {
                return heard_waiting.notify();
            }
            has_told.set_value(false);
            if state.engine.get_untracked() != EngineStatus::Down {
                state.rest();
            }
        });
        channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        heard.forget();
    }
    // A frame that has its picture, and that nobody has touched, lets others have theirs.
    // One whose download stands still lets others go first.
    let mut stalled = debounce(STALLED, move |()| {
        if state.engine.get_untracked() != EngineStatus::Ready {
            state.turn.set_value(None);
        }
    });
    Effect::new(move |_| {
        state.engine.track();
        stalled(());
    });
    let is_free = move || state.is_idle() && !has_told.get_value() && state.turn.with_value(Option::is_some);
    Effect::new(move |_| {
        heard_waiting.track();
        if is_free() {
            spawn_local(async move {
                if is_awaited().await && untrack(is_free) {
                    match state.engine.get_untracked() {
                        EngineStatus::Down => state.turn.set_value(None),
                        _ => state.rest(),
                    }
                }
            });
        }
    });
    // Not the beginning of a touch, which may be one that scrolls; keys arrive as one of these, too.
    for touch in ["click", "input"] {
        EventListener::new(&window(), touch, move |_| {
            if !has_told.get_value() {
                say(TAKES);
                has_told.set_value(true);
                spawn_local(async move { state.turn.set_value(turn(true).await) });
            }
            if state.waits_for_touch.get_untracked() {
                state.load_model();
            }
        })
        .forget();
    }
}
