//! Visits without network: the service worker `public/sw.js` keeps what the page and the engine load.

use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::{Array, Reflect};
use leptos::prelude::window;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{PerformanceResourceTiming, ServiceWorkerContainer};

/// Longest wait for the service worker, in milliseconds: an older browser's visit must not begin later than without one.
const PATIENCE_MS: u32 = 1000;

/// Lets the service worker watch this page, so that what is loaded from here on is kept; then tells it what was loaded before.
///
/// Where there is none (no https, a private window, an old browser), the page works the same, but only with network.
pub async fn prepare() {
    let navigator = window().navigator();
    if !Reflect::has(&navigator, &"serviceWorker".into()).unwrap_or(false) {
        return;
    }
    let container = navigator.service_worker();
    let watched = Box::pin(watched(&container));
    if let Either::Left((Ok(()), _)) = select(watched, TimeoutFuture::new(PATIENCE_MS)).await
        && let Some(worker) = container.controller()
    {
        let loaded = Array::of1(&window().location().href().unwrap_or_default().into());
        if let Some(performance) = window().performance() {
            for entry in performance.get_entries_by_type("resource") {
                let entry: PerformanceResourceTiming = entry.unchecked_into();
                loaded.push(&entry.name().into());
            }
        }
        // A worker that is gone keeps nothing; the page goes on.
        let _ = worker.post_message(&loaded);
    }
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
