//! HTTP requests with the browser's `fetch`. What to request, and what an answer means, is decided in [`server`].
//!
//! [`server`]: prunescope_downloads::server

use futures::StreamExt;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_streams::ReadableStream;
use wasm_streams::readable::IntoStream;
use web_sys::{Headers, RequestInit, RequestRedirect, Response};

use super::scope;
use prunescope_downloads::{Answer, Request};

/// An answer whose body is still being received. Dropping it cancels the rest of the transfer.
pub(crate) struct Fetched {
    response: Response,
    /// `None` if the answer has no body.
    body: Option<IntoStream<'static>>,
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
    let body = response.body().map(|body| ReadableStream::from_raw(body.unchecked_into()).into_stream());
    Ok(Fetched { response, body })
}

impl Answer for Fetched {
    fn status(&self) -> u16 {
        self.response.status()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.response.headers().get(name).ok().flatten()
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        let Some(body) = &mut self.body else { return Ok(None) };
        while let Some(read) = body.next().await {
            let bytes: Uint8Array = read.map_err(|error| text_of(&error))?.unchecked_into();
            if bytes.length() > 0 {
                return Ok(Some(bytes.to_vec()));
            }
        }
        Ok(None)
    }
}

/// The message of a JavaScript error.
fn text_of(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}
