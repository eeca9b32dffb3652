//! Saves what the page shows as files on the visitor's computer.

use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use prunescope_localization::tr;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement};

use super::state::AppState;

/// How long a saved file's blob URL is kept for the browser to read, in milliseconds.
const REVOKED_AFTER_MS: u32 = 120_000;

/// Offers a text as a file to save; if the browser refuses, a notice says so.
pub(super) fn save_text(state: &AppState, name: &str, media_type: &str, text: &str) {
    let made = (|| -> Result<String, JsValue> {
        let options = BlobPropertyBag::new();
        options.set_type(media_type);
        let blob = Blob::new_with_str_sequence_and_options(&js_sys::Array::of1(&text.into()), &options)?;
        web_sys::Url::create_object_url_with_blob(&blob)
    })();
    match made {
        Ok(address) => {
            save_address(state, name, &address);
            // Some browsers read it only later, for example after the visitor chose a folder.
            Timeout::new(REVOKED_AFTER_MS, move || {
                let _ = web_sys::Url::revoke_object_url(&address);
            })
            .forget();
        }
        Err(_) => refused(state),
    }
}

/// Offers the content of an address, such as a picture's data URL, as a file to save.
pub(super) fn save_address(state: &AppState, name: &str, address: &str) {
    let anchor = document().create_element("a").ok().and_then(|anchor| anchor.dyn_into::<HtmlAnchorElement>().ok());
    match anchor {
        Some(anchor) => {
            anchor.set_href(address);
            anchor.set_download(name);
            anchor.click();
        }
        None => refused(state),
    }
}

fn refused(state: &AppState) {
    state.notices.update(|notices| notices.push(tr!(export_refused)));
}
