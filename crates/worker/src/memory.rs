//! The program's WebAssembly memory.

use wasm_bindgen::JsCast;

/// Whether the memory is shared, so that other workers can use it.
pub(crate) fn is_shared() -> bool {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    // `SharedArrayBuffer` is undefined in a page that is not cross-origin isolated, so compare with `ArrayBuffer`.
    !memory.buffer().is_instance_of::<js_sys::ArrayBuffer>()
}

/// Size of the memory in bytes.
pub(super) fn bytes() -> u64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    u64::from(memory.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length())
}
