//! `window.prunescope` for scripts on the page, and the same over `postMessage` for a page that embeds this one.
//!
//! The README documents both; settings and results are JSON of [`prunescope_protocol::settings::Settings`] and
//! [`prunescope_protocol::results::Report`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::{Function, Object, Promise, Reflect};
use leptos::prelude::*;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{MessageEvent, Window};

use super::state::{AppState, EngineStatus, HistoryEntry};
use crate::consent::{Asker, Claims};
use prunescope_protocol::messages::{RunEvent, WorkerEvent, script_events};
use prunescope_protocol::results::Report;
use prunescope_protocol::settings::{Settings, link};

/// Promises of results that are not there yet, and callbacks.
#[derive(Default)]
pub(super) struct Waiting {
    results: Vec<(Function, Function)>,
    ready: Vec<Function>,
    callbacks: Rc<RefCell<BTreeMap<u32, (String, Function)>>>,
    next_callback: u32,
}

impl Waiting {
    /// Settles promises that what a worker tells of itself answers; returns the callbacks to call, once nothing is borrowed any more.
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

    /// The same for what the newest run tells.
    ///
    /// * `settings` — what was asked.
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

    /// Rejects all promises of results.
    pub(super) fn reject(&mut self, why: &str) {
        for (_, reject) in self.results.drain(..) {
            let _ = reject.call1(&JsValue::UNDEFINED, &js_sys::Error::new(why));
        }
    }

    fn calls(&self, name: &str, detail: impl FnOnce() -> JsValue) -> Calls {
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

/// What a run tells, as scripts get it.
#[derive(Serialize)]
struct Told<'a> {
    run: u64,
    #[serde(flatten)]
    event: &'a RunEvent,
}

/// Callbacks to call with a detail. A callback may use the whole interface, so nothing may be borrowed then.
#[derive(Default)]
#[must_use]
pub(super) struct Calls {
    callbacks: Vec<Function>,
    detail: JsValue,
}

impl Calls {
    /// Calls them; one that fails does not keep the others from being called.
    pub(super) fn call(self) {
        for callback in self.callbacks {
            if let Err(error) = callback.call1(&JsValue::UNDEFINED, &self.detail) {
                leptos::logging::warn!("a callback of window.prunescope failed: {error:?}");
            }
        }
    }
}

/// Puts `prunescope` on the window; where this page is embedded, listens to the page around it.
pub(super) fn install(state: AppState) {
    let api = Object::new();
    let ready = Promise::new(&mut |resolve, _| {
        if state.engine.get_untracked() == EngineStatus::Ready {
            let _ = resolve.call1(&JsValue::UNDEFINED, &to_js(&state.model.get_untracked()));
        } else {
            state.waiting.update_value(|waiting| waiting.ready.push(resolve));
        }
    });
    let run = Closure::<dyn FnMut(JsValue) -> Promise>::new(move |settings| run(state, &settings, Asker::Visitor));
    let settings = Closure::<dyn FnMut() -> JsValue>::new(move || to_js(&state.settings.get_untracked()));
    let on = Closure::<dyn FnMut(String, Function) -> Result<JsValue, JsValue>>::new(move |name, callback| {
        on(state, name, callback)
    });
    let members: [(&str, &JsValue); 4] =
        [("ready", &ready), ("run", run.as_ref()), ("settings", settings.as_ref()), ("on", on.as_ref())];
    for (name, value) in members {
        let _ = Reflect::set(&api, &name.into(), value);
    }
    let _ = Reflect::set(&window(), &"prunescope".into(), &api);
    run.forget();
    settings.forget();
    on.forget();
    Effect::new(move |_| {
        let settings = state.settings.get();
        let calls = state.waiting.with_value(|waiting| waiting.calls("settings", || to_js(&settings)));
        calls.call();
    });
    if state.embedded {
        listen_to_parent(state, ready);
    }
}

/// `run(settings)`: settings are those of the page, changed by the given object or link; a promise of the results.
///
/// * `asker`: a script of this page stands for the visitor, the page around a frame for a link.
fn run(state: AppState, given: &JsValue, asker: Asker) -> Promise {
    match settings_from(&state.settings.get_untracked(), given) {
        Err(why) => Promise::reject(&js_sys::Error::new(&why)),
        Ok(settings) => {
            state.waiting.update_value(|waiting| waiting.reject("a newer run took its place"));
            let promise = Promise::new(&mut |resolve, reject| {
                state.waiting.update_value(|waiting| waiting.results.push((resolve, reject)));
            });
            let before = state.newest_run.get_untracked();
            if asker == Asker::Visitor {
                state.claims.update(|claims| claim_named(claims, &settings, given));
            }
            state.change_for(asker, HistoryEntry::New, |current| *current = settings);
            let started = state.newest_run.get_untracked() != before;
            if !started {
                match state.engine.get_untracked() {
                    EngineStatus::Ready => state.start_run(),
                    EngineStatus::Down => state.load_model(),
                    // The run starts when the model is there.
                    EngineStatus::Looking | EngineStatus::Starting | EngineStatus::Loading { .. } => {}
                }
            }
            promise
        }
    }
}

/// A script of this page names models or a hub, perhaps those that are set already: they are the visitor's choice.
fn claim_named(claims: &mut Claims, settings: &Settings, given: &JsValue) {
    let names = |key: &str| given.is_string() || Reflect::has(given, &key.into()).unwrap_or(false);
    if names("model") {
        claims.visitor_named(&settings.models.model);
    }
    if names("other") {
        claims.visitor_named(&settings.models.other);
    }
    if names("hub") {
        claims.visitor_named_hub(settings.models.hub());
    }
}

/// The current settings with what an object or a link gives.
fn settings_from(current: &Settings, given: &JsValue) -> Result<Settings, String> {
    if let Some(query) = given.as_string() {
        let query = query.split_once('?').map_or(query.as_str(), |(_, query)| query);
        let (settings, notices) = link::from_query(query);
        return if notices.is_empty() { Ok(settings) } else { Err(notices.join(" ")) };
    }
    let text = js_sys::JSON::stringify(given).ok().and_then(|text| text.as_string()).unwrap_or_else(|| "{}".into());
    let given: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).map_err(|_| "settings must be an object or a link".to_string())?;
    let Ok(serde_json::Value::Object(mut merged)) = serde_json::to_value(current) else {
        return Err("no settings".into());
    };
    if let Some(unknown) = given.keys().find(|key| !merged.contains_key(*key)) {
        return Err(format!(
            "there is no setting {unknown}: use some of {}",
            merged.keys().cloned().collect::<Vec<_>>().join(", ")
        ));
    }
    merged.extend(given);
    let settings: Settings =
        serde_json::from_value(merged.into()).map_err(|error| format!("these settings cannot be used: {error}"))?;
    let (settings, notices) = settings.checked();
    if notices.is_empty() { Ok(settings) } else { Err(notices.join("; ")) }
}

/// `on(name, callback)`: returns a function that ends it.
fn on(state: AppState, name: String, callback: Function) -> Result<JsValue, JsValue> {
    let names = script_events();
    if !names.contains(&name.as_str()) {
        return Err(js_sys::Error::new(&format!("there is no event {name}: use one of {}", names.join(", "))).into());
    }
    let mut off = JsValue::UNDEFINED;
    state.waiting.update_value(|waiting| {
        let number = waiting.next_callback;
        waiting.next_callback += 1;
        let callbacks = waiting.callbacks.clone();
        callbacks.borrow_mut().insert(number, (name, callback));
        off = Closure::once_into_js(move || {
            callbacks.borrow_mut().remove(&number);
        });
    });
    Ok(off)
}

/// Answers `{prunescope: "run" | "settings" | "on", id, …}` from the page that embeds this one. It can read everything that is
/// set and found here, prompts too: so this is done with `embed=1` only, the page says so, and no access token is used then.
fn listen_to_parent(state: AppState, ready: Promise) {
    let Some(parent) = window().parent().ok().flatten().filter(|parent| **parent != *window()) else { return };
    let announce = parent.clone();
    spawn_local(async move {
        if let Ok(model) = JsFuture::from(ready).await {
            post(&announce, &[("prunescope", "ready".into()), ("detail", model)]);
        }
    });
    let handler = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
        let data = message.data();
        if !data.is_object() || message.source().is_none_or(|source| *source != ***parent) {
            return;
        }
        let get = |key: &str| Reflect::get(&data, &key.into()).unwrap_or(JsValue::UNDEFINED);
        let (id, parent) = (get("id"), parent.clone());
        match get("prunescope").as_string().as_deref() {
            Some("run") => {
                let promise = run(state, &get("settings"), Asker::Link);
                spawn_local(async move {
                    match JsFuture::from(promise).await {
                        Ok(result) => post(&parent, &[("prunescope", "result".into()), ("id", id), ("detail", result)]),
                        Err(error) => {
                            let why = Reflect::get(&error, &"message".into()).unwrap_or(error);
                            post(&parent, &[("prunescope", "error".into()), ("id", id), ("message", why)]);
                        }
                    }
                });
            }
            Some("settings") => {
                let settings = to_js(&state.settings.get_untracked());
                post(&parent, &[("prunescope", "result".into()), ("id", id), ("detail", settings)]);
            }
            Some("on") => {
                let name = get("name").as_string().unwrap_or_default();
                let told = name.clone();
                let to = parent.clone();
                let callback = Closure::<dyn FnMut(JsValue)>::new(move |detail| {
                    post(&to, &[("prunescope", "event".into()), ("name", told.as_str().into()), ("detail", detail)]);
                });
                if let Err(error) = on(state, name, callback.into_js_value().unchecked_into()) {
                    let why = Reflect::get(&error, &"message".into()).unwrap_or(error);
                    post(&parent, &[("prunescope", "error".into()), ("id", id), ("message", why)]);
                }
            }
            _ => {}
        }
    });
    window().set_onmessage(Some(handler.as_ref().unchecked_ref()));
    handler.forget();
}

/// Sends an object to the embedding page, whoever that is: before its first message nothing here can tell its origin, and any
/// page may embed this one. The README says what it can read.
fn post(parent: &Window, members: &[(&str, JsValue)]) {
    let message = Object::new();
    for (key, value) in members {
        let _ = Reflect::set(&message, &(*key).into(), value);
    }
    let _ = parent.post_message(&message, "*");
}

/// A value as a plain JavaScript object.
fn to_js(value: &impl Serialize) -> JsValue {
    serde_json::to_string(value).ok().and_then(|text| js_sys::JSON::parse(&text).ok()).unwrap_or(JsValue::NULL)
}
