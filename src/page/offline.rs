//! Visits without network: the service worker `public/sw.js` keeps the page and its engine.

use futures::future::select;
use gloo::timers::future::TimeoutFuture;
use js_sys::{Array, Object, Reflect};
use leptos::prelude::window;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ServiceWorkerContainer, ServiceWorkerRegistration};

use super::engine_files::EngineFiles;
use prunescope_protocol::messages::Backend;

/// Longest wait for the service worker, in milliseconds: an older browser's visit must not begin later than without one.
const PATIENCE_MS: u32 = 1000;

/// Lets the service worker watch this page, so that what is loaded from here on passes it.
///
/// Where there is none (no https, a private window, a sandboxed frame, an old browser), the page works the same, but only with
/// network.
pub(super) async fn prepare() {
    if let Some(container) = container() {
        let watched = Box::pin(watched(&container));
        select(watched, TimeoutFuture::new(PATIENCE_MS)).await;
    }
}

/// Lets the service worker keep this page with all its files, now that its engine for a backend runs.
pub(super) async fn keep(backend: Backend) {
    let Some(ready) = container().and_then(|container| container.ready().ok()) else { return };
    let Ok(Ok(addresses)) = EngineFiles::of(backend).map(|files| files.addresses()) else { return };
    let Ok(registration) = JsFuture::from(ready).await else { return };
    let Some(worker) = registration.unchecked_into::<ServiceWorkerRegistration>().active() else { return };
    let engine: Array = addresses.iter().map(|address| JsValue::from(address.as_str())).collect();
    let message = Object::new();
    if Reflect::set(&message, &"engine".into(), &engine).is_ok() {
        // A worker that is gone keeps nothing; the page goes on.
        let _ = worker.post_message(&message);
    }
}

/// The browser's service workers, where this page may have one.
fn container() -> Option<ServiceWorkerContainer> {
    // In a sandboxed frame a browser may throw where it is only asked.
    let container = Reflect::get(&window().navigator(), &"serviceWorker".into()).ok()?;
    container.is_object().then(|| container.unchecked_into())
}

/// Registers the service worker and waits until it watches this page.
async fn watched(container: &ServiceWorkerContainer) -> Result<(), JsValue> {
    if JsFuture::from(container.register("sw.js")).await?.is_undefined() {
        return Err("service workers are blocked".into());
    }
    JsFuture::from(container.ready()?).await?;
    if container.controller().is_none() {
        let claimed = js_sys::Promise::new(&mut |resolve, _| {
            container.set_oncontrollerchange(Some(&resolve));
        });
        // It may have come between the two.
        if container.controller().is_none() {
            JsFuture::from(claimed).await?;
        }
    }
    Ok(())
}
