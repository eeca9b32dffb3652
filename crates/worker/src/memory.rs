//! This program's memory.

use wasm_bindgen::JsCast;

/// Whether this program's memory may be given to other workers.
pub(crate) fn is_shared() -> bool {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    // A page that is not isolated has no name for the other kind.
    !memory.buffer().is_instance_of::<js_sys::ArrayBuffer>()
}

/// Bytes of this program's memory.
pub(super) fn bytes() -> u64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    u64::from(memory.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length())
}
