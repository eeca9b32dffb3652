//! The source of random numbers of every crate in this program: getrandom's custom backend. Its own for browsers has the browser write into the
//! program's memory, which browsers refuse where that is shared.

use getrandom::Error;
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

/// What a browser gives at once, in bytes. Source: W3C Web Cryptography API, "getRandomValues".
const AT_ONCE: usize = 65_536;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues, catch)]
    fn get_random_values(buffer: &Uint8Array) -> Result<JsValue, JsValue>;
}

/// Versions 0.3 and 0.4 of getrandom call the same symbol; the error of both is a number that is not 0.
///
/// # Safety
/// `len` bytes can be written at `dest`.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(dest: *mut u8, len: usize) -> Result<(), Error> {
    // SAFETY: the caller says that so many bytes can be written there; they need not be set, since they are only written.
    let bytes = unsafe { std::slice::from_raw_parts_mut(dest, len) };
    for chunk in bytes.chunks_mut(AT_ONCE) {
        let random = Uint8Array::new_with_length(chunk.len() as u32);
        get_random_values(&random).map_err(|_| Error::UNSUPPORTED)?;
        random.copy_to(chunk);
    }
    Ok(())
}
