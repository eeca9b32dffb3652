//! HTTP requests with the browser's `fetch`. What to request, and what an answer means, is decided in [`server`].
//!
//! [`server`]: prunescope_downloads::server

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, ReadableStreamDefaultReader, RequestInit, RequestRedirect, Response};

use super::scope;
use prunescope_downloads::{Answer, Request};

/// An answer whose body is still being received.
pub(crate) struct Fetched {
    response: Response,
    /// `None` if the answer has no body.
    reader: Option<ReadableStreamDefaultReader>,
}

/// Sends a request.
///
/// The error is the browser's message.
pub(crate) async fn fetch(request: &Request<'_>) -> Result<Fetched, String> {
    let init = RequestInit::new();
    if let Ok(headers) = Headers::new() {
        if let Some(from) = request.from {
            let _ = headers.set("Range", &format!("bytes={from}-"));
        }
        if let Some(token) = request.token {
            let _ = headers.set("Authorization", &format!("Bearer {token}"));
        }
        init.set_headers(&headers);
    }
    if !request.follows {
        init.set_redirect(RequestRedirect::Manual);
    }
    let fetched = JsFuture::from(scope().fetch_with_str_and_init(request.address, &init)).await;
    let response: Response = fetched.map_err(|error| text_of(&error))?.unchecked_into();
    let reader = response.body().map(|body| body.get_reader().unchecked_into());
    Ok(Fetched { response, reader })
}

impl Answer for Fetched {
    fn status(&self) -> u16 {
        self.response.status()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.response.headers().get(name).ok().flatten()
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        let Some(reader) = &self.reader else { return Ok(None) };
        loop {
            let read = JsFuture::from(reader.read()).await.map_err(|error| text_of(&error))?;
            if Reflect::get(&read, &"done".into()).is_ok_and(|done| done.is_truthy()) {
                return Ok(None);
            }
            let bytes: Uint8Array = Reflect::get(&read, &"value".into()).unwrap_or_default().unchecked_into();
            if bytes.length() > 0 {
                return Ok(Some(bytes.to_vec()));
            }
        }
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            // Cancels the rest of the download. For an answer that has ended or failed this does nothing or fails.
            let cancelled = JsFuture::from(reader.cancel());
            wasm_bindgen_futures::spawn_local(async move { drop(cancelled.await) });
        }
    }
}

/// The message of a JavaScript error.
fn text_of(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}
