//! Random numbers for every crate in this program: getrandom's custom backend. Its browser backend writes directly into
//! the program's memory, which browsers refuse if that is shared.

use std::mem::MaybeUninit;

use getrandom::Error;
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

/// Most random bytes per call. Source: W3C Web Cryptography API, "getRandomValues".
const AT_ONCE: usize = 65_536;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues, catch)]
    fn get_random_values(buffer: &Uint8Array) -> Result<JsValue, JsValue>;
}

/// Versions 0.3 and 0.4 of getrandom call the same symbol; both have a nonzero number as error.
///
/// # Safety
/// `dest` must be valid for writes of `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(dest: *mut u8, len: usize) -> Result<(), Error> {
    // SAFETY: the caller guarantees that the bytes can be written; `MaybeUninit` need not be initialized.
    let bytes = unsafe { std::slice::from_raw_parts_mut(dest.cast::<MaybeUninit<u8>>(), len) };
    for chunk in bytes.chunks_mut(AT_ONCE) {
        let random = Uint8Array::new_with_length(chunk.len() as u32);
        get_random_values(&random).map_err(|_| Error::UNSUPPORTED)?;
        random.copy_to_uninit(chunk);
    }
    Ok(())
}
