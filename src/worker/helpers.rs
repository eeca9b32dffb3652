//! Starts the threads that help the CPU's engine, where the page may share memory (cross-origin isolation).

use js_sys::WebAssembly::Module;
use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Worker;

use super::fused::Fused;
use super::scope;
use crate::kernel::threads::POOL;

/// Threads in all that are worth having: more wait for each other, and for memory.
const MOST_THREADS: usize = 8;
/// Bytes of a helper's stack.
const STACK: usize = 1 << 18;

/// What a helper runs; never returns.
#[unsafe(no_mangle)]
pub extern "C" fn engine_help() {
    POOL.help();
}

/// Starts as many helpers as there are cores beside the engine's own; none where memory cannot be shared.
///
/// A helper that does not start is missed by nobody.
///
/// * `fused` — the program that the engine uses for products of many rows, if it does.
pub fn start(fused: Option<&Fused>) {
    let global = js_sys::global();
    let isolated = Reflect::get(&global, &"crossOriginIsolated".into()).is_ok_and(|isolated| isolated.is_truthy());
    if !isolated || !is_shared() {
        return;
    }
    let cores = scope().navigator().hardware_concurrency() as usize;
    for _ in 1..cores.min(MOST_THREADS) {
        if start_one(fused).is_err() {
            return;
        }
    }
}

/// Whether this program's memory may be given to other workers.
pub fn is_shared() -> bool {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    memory.buffer().is_instance_of::<js_sys::SharedArrayBuffer>()
}

fn start_one(fused: Option<&Fused>) -> Result<(), JsValue> {
    let worker = Worker::new("helper.js")?;
    // It is never freed: a helper ends with the engine.
    let stack = Box::leak(vec![0u128; STACK / 16].into_boxed_slice()).as_mut_ptr_range().end;
    let order = Object::new();
    let set = |key: &str, value: &JsValue| Reflect::set(&order, &key.into(), value);
    set("module", &wasm_bindgen::module().unchecked_into::<Module>())?;
    set("memory", &wasm_bindgen::memory())?;
    set("stack", &(stack as usize).into())?;
    set("failed", &(POOL.failed() as usize).into())?;
    if let Some(fused) = fused {
        set("fused", &fused.program)?;
        set("table", &fused.table)?;
        set("place", &fused.place.into())?;
    }
    worker.post_message(&order)
}
