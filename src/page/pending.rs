//! Promises and callbacks that scripts wait for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::Function;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use prunescope_protocol::messages::{RunEvent, WorkerEvent};
use prunescope_protocol::results::Report;
use prunescope_protocol::settings::Settings;

/// Promises of results that are not there yet, and event callbacks.
#[derive(Default)]
pub(super) struct Pending {
    /// Promises of results: the functions that resolve and reject each.
    pub results: Vec<(Function, Function)>,
    /// Functions that resolve the promises of a loaded model.
    pub ready: Vec<Function>,
    /// Event callbacks by their number, each with the event's name.
    pub callbacks: Rc<RefCell<BTreeMap<u32, (String, Function)>>>,
    /// Number of the next callback.
    pub next_callback: u32,
}

impl Pending {
    /// Whether a script waits for results, or for events.
    pub(super) fn is_listened_to(&self) -> bool {
        !self.results.is_empty() || !self.callbacks.borrow().is_empty()
    }

    /// Settles the promises that a worker's event answers. Returns the callbacks; call them once nothing is borrowed.
    pub(super) fn tell_of_worker(&mut self, event: &WorkerEvent) -> Calls {
        match event {
            WorkerEvent::Progress { .. } => self.calls("progress", || to_js(event)),
            WorkerEvent::Ready { model } => {
                let described = to_js(model);
                for resolve in self.ready.drain(..) {
                    let _ = resolve.call1(&JsValue::UNDEFINED, &described);
                }
                self.calls("ready", || to_js(event))
            }
            WorkerEvent::Failed { message, fatal, .. } => {
                if !fatal {
                    self.reject(message);
                }
                self.calls("failed", || to_js(event))
            }
            _ => Calls::default(),
        }
    }

    /// The same for an event of the newest run.
    ///
    /// * `settings` — the settings of that run.
    pub(super) fn tell_of_run(&mut self, run: u64, event: &RunEvent, settings: Settings) -> Calls {
        match event {
            RunEvent::Done { report } => {
                let report = Report { settings, found: (**report).clone() };
                let detail = to_js(&report);
                for (resolve, _) in self.results.drain(..) {
                    let _ = resolve.call1(&JsValue::UNDEFINED, &detail);
                }
                return self
                    .calls("done", || to_js(&serde_json::json!({ "type": "done", "run": run, "report": report })));
            }
            RunEvent::Failed { message, fatal: false } => self.reject(message),
            _ => {}
        }
        self.calls(event.name(), || to_js(&Told { run, event }))
    }

    /// Rejects all promises of results with a reason.
    pub(super) fn reject(&mut self, why: &str) {
        for (_, reject) in self.results.drain(..) {
            let _ = reject.call1(&JsValue::UNDEFINED, &js_sys::Error::new(why));
        }
    }

    /// The callbacks registered for an event; `detail` is made only if there are some.
    pub(super) fn calls(&self, name: &str, detail: impl FnOnce() -> JsValue) -> Calls {
        let callbacks: Vec<Function> = self
            .callbacks
            .borrow()
            .values()
            .filter(|(other, _)| other == name)
            .map(|(_, callback)| callback.clone())
            .collect();
        Calls { detail: if callbacks.is_empty() { JsValue::NULL } else { detail() }, callbacks }
    }
}

/// A run's event as scripts receive it.
#[derive(Serialize)]
struct Told<'a> {
    run: u64,
    #[serde(flatten)]
    event: &'a RunEvent,
}

/// Callbacks to call with a detail. A callback may use the whole interface, so nothing may be borrowed while it runs.
#[derive(Default)]
#[must_use]
pub(super) struct Calls {
    callbacks: Vec<Function>,
    detail: JsValue,
}

impl Calls {
    /// Calls them all; an exception in one does not stop the others.
    pub(super) fn call(self) {
        for callback in self.callbacks {
            if let Err(error) = callback.call1(&JsValue::UNDEFINED, &self.detail) {
                leptos::logging::warn!("a callback of window.prunescope failed: {error:?}");
            }
        }
    }
}

/// Converts a value to a plain JavaScript object.
pub(super) fn to_js(value: &impl Serialize) -> JsValue {
    serde_json::to_string(value).ok().and_then(|text| js_sys::JSON::parse(&text).ok()).unwrap_or(JsValue::NULL)
}
