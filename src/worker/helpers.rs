//! Starts the threads that help the CPU's engine, where the page may share memory (cross-origin isolation).

use std::cell::Cell;

use js_sys::WebAssembly::Module;
use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Worker;

use super::fused::Fused;
use crate::kernel::threads::POOL;

/// Bytes of a helper's stack.
const STACK: usize = 1 << 18;

/// Called once by a helper.
#[unsafe(no_mangle)]
pub extern "C" fn engine_join() {
    POOL.join();
}

/// What a helper runs; the state that it is to sleep in.
#[unsafe(no_mangle)]
pub extern "C" fn engine_help() -> u32 {
    POOL.help()
}

/// Starts helpers, so many that `threads` compute in all; none where memory cannot be shared.
///
/// A helper that does not start is missed by nobody.
///
/// * `fused` — the program that the engine uses for products, if it does.
pub fn start(threads: usize, fused: Option<&Fused>) {
    thread_local! {
        static STARTED: Cell<usize> = const { Cell::new(1) };
    }
    while is_shared() && STARTED.get() < threads {
        if start_one(fused).is_err() {
            return;
        }
        STARTED.set(STARTED.get() + 1);
    }
}

/// Whether this program's memory may be given to other workers.
pub fn is_shared() -> bool {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    // A page that is not isolated has no name for the other kind.
    !memory.buffer().is_instance_of::<js_sys::ArrayBuffer>()
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
    set("state", &(POOL.state() as usize).into())?;
    set("failed", &(POOL.failed() as usize).into())?;
    if let Some(fused) = fused {
        set("fused", &fused.program)?;
        set("table", &fused.table)?;
        let places = Object::new();
        for (name, place) in fused.places {
            Reflect::set(&places, &name.into(), &place.into())?;
        }
        set("places", &places)?;
    }
    worker.post_message(&order)
}
