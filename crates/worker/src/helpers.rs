//! Asks the page to start helper threads for the CPU engine, if memory can be shared (cross-origin isolation). The page
//! starts them because in Firefox 153 about one worker in a hundred hangs forever when it starts another (seen in
//! `tests/e2e/browsers.test.mjs`).

use std::cell::Cell;

use js_sys::WebAssembly::Module;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, Url};

use super::memory::is_shared;
use super::relaxed_simd::RelaxedSimdProgram;
use super::scope;
use prunescope_kernels::threads::POOL;

/// Bytes of a helper's stack.
const STACK: usize = 1 << 18;
/// The script of a helper's worker. Embedded, so that it cannot be missing and inherits the content security policy of
/// the page that made the engine's worker.
const SCRIPT: &str = include_str!("helper.js");

/// Registers the calling helper thread; called once by each.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn engine_join() {
    POOL.worker_join();
}

/// Computes until there has been no work for a while; returns the pool's state, whose change the helper then waits for.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn engine_help() -> u32 {
    POOL.worker_run()
}

/// Asks for helpers, so that `threads` threads compute in total; does nothing if memory cannot be shared.
///
/// Starting helpers is best-effort: the engine computes with those that start.
///
/// * `relaxed_simd` — the program that the engine uses for matrix products, if it does.
pub(crate) fn start(threads: usize, relaxed_simd: Option<&RelaxedSimdProgram>) {
    thread_local! {
        static STARTED: Cell<usize> = const { Cell::new(1) };
    }
    if !is_shared() || STARTED.get() >= threads {
        return;
    }
    let Ok(script) = script_address() else { return };
    while STARTED.get() < threads && ask_for_one(&script, relaxed_simd).is_ok() {
        STARTED.set(STARTED.get() + 1);
    }
}

/// Whether the caller is a helper, whose stack is in the engine's heap.
pub(crate) fn is_helper() -> bool {
    unsafe extern "C" {
        /// Start of the heap, after the engine's own stack. Defined by the linker.
        static __heap_base: u8;
    }
    let on_stack = 0u8;
    &raw const on_stack >= &raw const __heap_base
}

/// Creates a blob URL of [`SCRIPT`].
fn script_address() -> Result<String, JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type("text/javascript");
    let script = Blob::new_with_str_sequence_and_options(&Array::of1(&SCRIPT.into()), &options)?;
    Url::create_object_url_with_blob(&script)
}

fn ask_for_one(script: &str, relaxed_simd: Option<&RelaxedSimdProgram>) -> Result<(), JsValue> {
    let mut stack = vec![0u128; STACK / 16].into_boxed_slice();
    let top = stack.as_mut_ptr_range().end as usize;
    let (help, order) = (Object::new(), order(top, relaxed_simd)?);
    Reflect::set(&help, &"script".into(), &script.into())?;
    Reflect::set(&help, &"order".into(), &order)?;
    // If sending fails, the stack is unused and is freed.
    scope().post_message(&help)?;
    // Otherwise it is never freed: a helper lives as long as the engine.
    Box::leak(stack);
    Ok(())
}

/// The message that starts a helper; `stack` is the upper end of its stack.
fn order(stack: usize, relaxed_simd: Option<&RelaxedSimdProgram>) -> Result<Object, JsValue> {
    let order = Object::new();
    let set = |key: &str, value: &JsValue| Reflect::set(&order, &key.into(), value);
    set("module", &wasm_bindgen::module().unchecked_into::<Module>())?;
    set("memory", &wasm_bindgen::memory())?;
    set("stack", &stack.into())?;
    set("state", &(POOL.state() as usize).into())?;
    set("failed", &(POOL.failed() as usize).into())?;
    if let Some(relaxed_simd) = relaxed_simd {
        set("relaxed_simd", &relaxed_simd.module)?;
        set("table", &relaxed_simd.table)?;
        let places = Object::new();
        for (name, place) in relaxed_simd.places {
            Reflect::set(&places, &name.into(), &place.into())?;
        }
        set("places", &places)?;
    }
    Ok(order)
}
