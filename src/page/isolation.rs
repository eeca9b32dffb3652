//! Cross-origin isolation: browsers let only a page isolated from other origins share memory between threads. A host isolates it with
//! two headers; where the host does not send them, the service worker adds them (`public/sw.js`).

use js_sys::Reflect;
use leptos::prelude::window;
use wasm_bindgen::JsValue;

/// Greatest useful number of threads: more of them wait for each other and for memory.
const MOST_THREADS: usize = 8;
/// Session storage key: set once this tab was reloaded to become isolated.
const TRIED: &str = "prunescope-isolated";

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
    has(&window(), "crossOriginIsolated")
}

fn has(of: &JsValue, key: &str) -> bool {
    Reflect::get(of, &key.into()).is_ok_and(|value| value.is_truthy())
}

/// Reloads the page once, if that would isolate it and make it faster; returns whether it does.
///
/// This gives a first visit to a host without the headers its threads: the service worker controls the page only after a reload.
///
/// * `on_cpu` — whether the CPU computes; awaited last, since it takes time.
pub(super) async fn reload_for_threads(on_cpu: impl Future<Output = bool>) -> bool {
    let window = window();
    let in_frame = window.parent().ok().flatten().is_none_or(|parent| parent != window);
    // A frame is only as isolated as the page around it.
    if is_isolated() || in_frame || worthwhile_threads() == 1 {
        return false;
    }
    let navigator: JsValue = window.navigator().into();
    let watched = Reflect::get(&navigator, &"serviceWorker".into()).is_ok_and(|workers| has(&workers, "controller"));
    let Ok(Some(tab)) = window.session_storage() else { return false };
    if !watched || tab.get_item(TRIED).ok().flatten().is_some() {
        return false;
    }
    on_cpu.await && tab.set_item(TRIED, "1").is_ok() && window.location().reload().is_ok()
}
