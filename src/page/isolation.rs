//! Cross-origin isolation: browsers let only a page isolated from other origins share memory between threads. A host isolates it with
//! headers (`scripts/finish-site.py`); where it does not send them, the service worker adds them (`public/sw.js`).

use futures::future::{pending, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::{Promise, Reflect};
use leptos::prelude::window;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

/// Greatest useful number of threads: more of them wait for each other and for memory.
const MOST_THREADS: usize = 8;
/// Longest wait for the load that isolates the page, in milliseconds.
const PATIENCE_MS: u32 = 1000;

/// Number of threads that may compute on the CPU.
pub(super) fn threads() -> usize {
    if is_isolated() { worthwhile_threads() } else { 1 }
}

/// Number of threads worth using on this machine: with more than two cores, one is left to the page.
fn worthwhile_threads() -> usize {
    match window().navigator().hardware_concurrency() as usize {
        cores @ ..=2 => cores.max(1),
        cores => (cores - 1).min(MOST_THREADS),
    }
}

fn is_isolated() -> bool {
    Reflect::get(&window(), &"crossOriginIsolated".into()).is_ok_and(|value| value.is_truthy())
}

/// Waits while the page may be loaded anew to become isolated, which the first script does (`public/opening.js`), but not for long.
pub(super) async fn settled() {
    let isolating =
        Reflect::get(&window(), &"isolating".into()).ok().and_then(|value| value.dyn_into::<Promise>().ok());
    if let Some(isolating) = isolating {
        select(JsFuture::from(isolating), TimeoutFuture::new(PATIENCE_MS)).await;
        if Reflect::get(&window(), &"isLeaving".into()).is_ok_and(|value| value.is_truthy()) {
            // The new load ends this page.
            pending::<()>().await;
        }
    }
}
