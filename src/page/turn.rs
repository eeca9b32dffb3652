//! Turns: of several figures on one page, one has an engine at a time (Web Locks). The next waits until that one is done or another is
//! touched.

use futures::channel::oneshot;
use futures::future::{Either, select};
use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::prelude::window;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

// web-sys counts these as unstable; where a browser or a sandboxed frame has none, nobody waits.
#[wasm_bindgen]
extern "C" {
    type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(this: &LockManager, name: &str, options: &Object, granted: &Function) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn query(this: &LockManager) -> Result<Promise, JsValue>;
}

/// The lock of the figure that has the engine.
const LOCK: &str = "prunescope-engine";

/// The right to have the engine, until it is dropped.
pub(super) struct Turn {
    release: Function,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.release.call0(&JsValue::NULL);
    }
}

/// The browser's locks for this page.
fn locks() -> Option<LockManager> {
    let locks = Reflect::get(&window().navigator(), &"locks".into()).ok()?;
    locks.is_object().then(|| locks.unchecked_into())
}

/// Whether another figure waits for its turn.
pub(super) async fn is_awaited() -> bool {
    let Some(Ok(query)) = locks().map(|locks| locks.query()) else { return false };
    let Ok(state) = JsFuture::from(query).await else { return false };
    let waiting = Reflect::get(&state, &"pending".into()).map(|waiting| Array::from(&waiting));
    let name = |lock: JsValue| Reflect::get(&lock, &"name".into()).ok()?.as_string();
    waiting.is_ok_and(|waiting| waiting.iter().any(|lock| name(lock).as_deref() == Some(LOCK)))
}

/// Waits for this figure's turn. None if the browser has no locks for this page, so that nobody waits.
///
/// * `takes`: takes it from the figure that has it, which must end its engine when it hears so.
pub(super) async fn turn(takes: bool) -> Option<Turn> {
    let locks = locks()?;
    let (tell, told) = oneshot::channel();
    let granted = Closure::once_into_js(move |_: JsValue| {
        let mut tell = Some(tell);
        Promise::new(&mut |release, _| {
            if let Some(tell) = tell.take() {
                // The lock is free again once this is called; whoever no longer waits does so at once.
                let _ = tell.send(Turn { release });
            }
        })
    });
    let options = Object::new();
    let _ = Reflect::set(&options, &"steal".into(), &takes.into());
    let request = locks.request(LOCK, &options, granted.unchecked_ref()).ok()?;
    match select(told, JsFuture::from(request)).await {
        Either::Left((turn, _)) => turn.ok(),
        // Refused: in a sandboxed frame, for example.
        Either::Right(_) => None,
    }
}
