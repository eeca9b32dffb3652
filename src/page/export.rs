//! Saves what the page shows as files on the visitor's computer.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement};

use super::state::AppState;

/// Offers a text as a file; a browser that refuses is told in a notice.
pub fn save_text(state: &AppState, name: &str, media_type: &str, text: &str) {
    let made = (|| -> Result<String, JsValue> {
        let options = BlobPropertyBag::new();
        options.set_type(media_type);
        let blob = Blob::new_with_str_sequence_and_options(&js_sys::Array::of1(&text.into()), &options)?;
        web_sys::Url::create_object_url_with_blob(&blob)
    })();
    match made {
        Ok(address) => {
            save_address(state, name, &address);
            // Safari reads it after this turn, and a slow disk takes its time.
            gloo::timers::callback::Timeout::new(60_000, move || {
                let _ = web_sys::Url::revoke_object_url(&address);
            })
            .forget();
        }
        Err(_) => refused(state),
    }
}

/// Offers what is at an address, such as a picture's data.
pub fn save_address(state: &AppState, name: &str, address: &str) {
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
    state.notices.update(|notices| notices.push("This browser did not let the page save a file.".into()));
}

/// Reads a text file that the visitor picked, then hands it on with its name.
pub fn read_text(state: AppState, event: &leptos::ev::Event, then: impl FnOnce(String, String) + 'static) {
    let input = event_target::<web_sys::HtmlInputElement>(event);
    let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
    // The same file may be picked again after it was mended.
    input.set_value("");
    let name = file.name();
    leptos::task::spawn_local(async move {
        match wasm_bindgen_futures::JsFuture::from(file.text()).await.map(|text| text.as_string()) {
            Ok(Some(text)) => then(name, text),
            _ => state
                .notices
                .update(|notices| notices.push(format!("The file {name} could not be read: choose it again."))),
        }
    });
}
