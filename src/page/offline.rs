//! Visits without a network: the service worker `public/sw.js` stores the page and its engine.

use futures::future::select;
use gloo::timers::future::TimeoutFuture;
use js_sys::{Array, Object, Reflect};
use leptos::prelude::window;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ServiceWorkerContainer, ServiceWorkerRegistration};

use super::engine_files::EngineFiles;
use super::language;
use prunescope_protocol::messages::Backend;

/// Longest wait for the service worker, in milliseconds: it must not delay visits in older browsers.
const PATIENCE_MS: u32 = 1000;

/// Registers the service worker, so that everything fetched from here on passes through it.
///
/// Where there is none (no https, a private window, a sandboxed frame, an old browser), the page works the same, but needs a
/// network.
pub(super) async fn prepare() {
    if let Some(container) = container() {
        let watched = Box::pin(watched(&container));
        select(watched, TimeoutFuture::new(PATIENCE_MS)).await;
    }
}

/// Asks the service worker to store this page with all its files, now that its engine for a backend runs.
///
/// * `manifest`: the address of the model's manifest, if it has one on this site.
pub(super) async fn keep(backend: Backend, manifest: Option<String>) {
    let Some(ready) = container().and_then(|container| container.ready().ok()) else { return };
    let Ok(Ok(addresses)) = EngineFiles::of(backend).map(|files| files.addresses()) else { return };
    let Ok(registration) = JsFuture::from(ready).await else { return };
    let Some(worker) = registration.unchecked_into::<ServiceWorkerRegistration>().active() else { return };
    let engine: Array = addresses.iter().map(|address| JsValue::from(address.as_str())).collect();
    let message = Object::new();
    if Reflect::set(&message, &"engine".into(), &engine).is_ok() {
        // A service worker that has ended stores nothing; the page continues.
        let _ = worker.post_message(&message);
    }
    // The words, and on a slow machine the manifest, were fetched before the service worker was there; fetched again, they pass through it
    // and are kept.
    for address in [language::address(prunescope_localization::language()), manifest].into_iter().flatten() {
        let _ = window().fetch_with_str(&address);
    }
}

/// The browser's service worker container, if this page may use it.
fn container() -> Option<ServiceWorkerContainer> {
    // In a sandboxed frame, merely reading the property may throw.
    let container = Reflect::get(&window().navigator(), &"serviceWorker".into()).ok()?;
    container.is_object().then(|| container.unchecked_into())
}

/// Registers the service worker and waits until it controls this page.
async fn watched(container: &ServiceWorkerContainer) -> Result<(), JsValue> {
    if JsFuture::from(container.register("sw.js")).await?.is_undefined() {
        return Err("service workers are blocked".into());
    }
    JsFuture::from(container.ready()?).await?;
    if container.controller().is_none() {
        let claimed = js_sys::Promise::new(&mut |resolve, _| {
            container.set_oncontrollerchange(Some(&resolve));
        });
        // It may have taken control between the two.
        if container.controller().is_none() {
            JsFuture::from(claimed).await?;
        }
    }
    Ok(())
}
