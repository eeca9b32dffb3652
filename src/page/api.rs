//! `window.prunescope` for scripts on the page, and the same over `postMessage` for a page that embeds this one.
//!
//! The README documents both; settings and results are JSON of [`prunescope_protocol::settings::Settings`] and
//! [`prunescope_protocol::results::Report`].

use js_sys::{Function, Object, Promise, Reflect};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{MessageEvent, Window};

use super::address::HistoryEntry;
use super::pending::to_js;
use super::state::{AppState, EngineStatus};
use crate::consent::{Asker, Claims};
use prunescope_protocol::messages::script_events;
use prunescope_protocol::settings::{Change, Settings, link};

/// Puts `prunescope` on the window; if the page is embedded, also listens to the embedding page.
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

/// `run(settings)`: changes the page's settings by the given object or link, and returns a promise of the results.
///
/// * `asker`: a script of this page acts for the visitor, the embedding page counts as a link.
fn run(state: AppState, given: &JsValue, asker: Asker) -> Promise {
    match settings_from(&state.settings.get_untracked(), given) {
        Err(why) => Promise::reject(&js_sys::Error::new(&why)),
        Ok(settings) => {
            state.waiting.update_value(|waiting| waiting.reject("a newer run took its place"));
            let promise = Promise::new(&mut |resolve, reject| {
                state.waiting.update_value(|waiting| waiting.results.push((resolve, reject)));
            });
            if asker == Asker::Visitor {
                state.claims.update(|claims| claim_named(claims, &settings, given));
            }
            let change = state.change_for(asker, HistoryEntry::New, |current| *current = settings);
            match (change, state.engine.get_untracked()) {
                // The change has started it.
                (Change::Load, _) | (Change::Run, EngineStatus::Ready) => {}
                (_, EngineStatus::Ready) => state.start_run(),
                (_, EngineStatus::Down) => state.load_model(),
                // The run starts when the model is loaded.
                (_, EngineStatus::Looking | EngineStatus::Starting | EngineStatus::Loading { .. }) => {}
            }
            promise
        }
    }
}

/// Models or a hub that a script of this page names, even the current ones, count as the visitor's choice.
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

/// The current settings, changed by an object or a link.
fn settings_from(current: &Settings, given: &JsValue) -> Result<Settings, String> {
    if let Some(query) = given.as_string() {
        let query = query.split_once('?').map_or(query.as_str(), |(_, query)| query);
        let (settings, notices) = link::from_query(query);
        return if notices.is_empty() { Ok(settings) } else { Err(notices.join(" ")) };
    }
    let text = js_sys::JSON::stringify(given).ok().and_then(|text| text.as_string()).unwrap_or_else(|| "{}".into());
    let given: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).map_err(|_| "settings must be an object or a link".to_string())?;
    // Through a text, as everything else: other ways to read and write settings would make the page larger.
    let text = serde_json::to_string(current).unwrap_or_default();
    let mut merged: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
    if let Some(unknown) = given.keys().find(|key| !merged.contains_key(*key)) {
        return Err(format!(
            "there is no setting {unknown}: use some of {}",
            merged.keys().cloned().collect::<Vec<_>>().join(", ")
        ));
    }
    merged.extend(given);
    let text = serde_json::Value::from(merged).to_string();
    let settings: Settings =
        serde_json::from_str(&text).map_err(|error| format!("these settings cannot be used: {error}"))?;
    let (settings, notices) = settings.checked();
    if notices.is_empty() { Ok(settings) } else { Err(notices.join("; ")) }
}

/// `on(name, callback)`: registers a callback; returns a function that removes it.
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

/// Answers `{prunescope: "run" | "settings" | "on", id, …}` from the embedding page. That page can read everything that is set and
/// found here, prompts included. So this is done with `embed=1` only, the page says so, and no access token is used then.
fn listen_to_parent(state: AppState, ready: Promise) {
    let Some(parent) = embedding_page() else { return };
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

/// The page that shows this one in a frame.
pub(super) fn embedding_page() -> Option<Window> {
    window().parent().ok().flatten().filter(|parent| **parent != *window())
}

/// Sends an object to the embedding page, whatever its origin: before its first message its origin is unknown, and any page may
/// embed this one. The README says what it can read.
pub(super) fn post(parent: &Window, members: &[(&str, JsValue)]) {
    let message = Object::new();
    for (key, value) in members {
        let _ = Reflect::set(&message, &(*key).into(), value);
    }
    let _ = parent.post_message(&message, "*");
}
