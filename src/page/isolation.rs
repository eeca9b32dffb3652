//! Cross-origin isolation: only a page that no other origin's can reach may share memory between threads. A host says so with
//! two headers of its answers; where it does not, the service worker adds them (`public/sw.js`).

use js_sys::Reflect;
use leptos::prelude::window;
use wasm_bindgen::JsValue;

/// Threads in all that are worth having: more wait for each other, and for memory.
const MOST_THREADS: usize = 8;
/// Where a tab keeps that it was loaded anew to be isolated.
const TRIED: &str = "prunescope-isolated";

/// Threads that may compute on the CPU.
pub(super) fn threads() -> usize {
    if is_isolated() { worthwhile_threads() } else { 1 }
}

/// How many threads would compute on this machine: a core is left to the page where there are more than two.
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

/// Loads the page anew, once, where it would be isolated then and that would make it faster; whether it does.
///
/// So a first visit to a host without the headers has threads too: the service worker has only begun to watch.
///
/// * `on_cpu` — whether the CPU is what computes; asked last, since it takes time.
pub(super) async fn reload_for_threads(on_cpu: impl Future<Output = bool>) -> bool {
    let window = window();
    let in_frame = window.parent().ok().flatten().is_none_or(|parent| parent != window);
    // A frame is as isolated as the page around it.
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
