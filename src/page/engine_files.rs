//! The files of the engines: where they are, and how the script of one is fetched.
//!
//! They are in a folder named after their content (`scripts/finish-site.py`), so that a page never gets those of another version.
//! A worker is made from a script that the page fetched, not from an address. This tells exactly which file arrived and which did not,
//! applies the page's policy to the worker whatever the host sends, and works in a sandboxed frame, too, where every address counts as
//! cross-origin.

use futures::StreamExt;
use gloo::timers::future::TimeoutFuture;
use js_sys::Array;
use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_streams::ReadableStream;
use web_sys::{RequestCache, RequestInit, Response};

use super::address;
use crate::engine_start::{StartFailure, engine_folder, is_engine_folder};
use prunescope_localization::tr;
use prunescope_protocol::messages::Backend;

/// Longest wait for the answer whether the page has been updated, in milliseconds.
const PATIENCE_MS: u32 = 5000;

/// The files of an engine.
pub(super) struct EngineFiles {
    folder: String,
    name: &'static str,
}

impl EngineFiles {
    /// Files of this page version's engine for a backend.
    pub(super) fn of(backend: Backend) -> Result<Self, StartFailure> {
        let name = match backend {
            Backend::Cpu => "worker",
            Backend::WebGpu => "worker_webgpu",
        };
        let meta = document().query_selector("meta[name=engine]").ok().flatten();
        let folder = meta.and_then(|meta| meta.get_attribute("content")).filter(|folder| is_engine_folder(folder));
        let folder = folder.ok_or_else(|| StartFailure::Broken { why: tr!(engine_no_folder) })?;
        Ok(Self { folder, name })
    }

    /// The addresses of its script and of its wasm program.
    pub(super) fn addresses(&self) -> Result<[String; 2], StartFailure> {
        let address = |file: String| {
            address::absolute(&format!("{}/{file}", self.folder)).map_err(|why| StartFailure::Broken { why })
        };
        Ok([address(self.script_name())?, address(format!("{}_bg.wasm", self.name))?])
    }

    /// Fetches its script, as pieces for a blob. `heard` is called whenever some of it has arrived.
    pub(super) async fn script(&self, heard: impl Fn()) -> Result<Array, StartFailure> {
        let [script, program] = self.addresses()?;
        let failed = |status| StartFailure::of(&self.script_name(), status, "");
        let cut = |_: JsValue| failed(0);
        let response: Response = JsFuture::from(window().fetch_with_str(&script)).await.map_err(cut)?.unchecked_into();
        heard();
        let content = response.headers().get("Content-Type").ok().flatten().unwrap_or_default();
        match response.status() {
            // Some hosts answer with an HTML page where a file is missing.
            200 if content.starts_with("text/html") => return Err(failed(404)),
            200 => {}
            status => return Err(failed(status)),
        }
        let pieces = Array::of1(
            &format!("const PROGRAM = {};\n", js_sys::JSON::stringify(&program.into()).map_err(cut)?).into(),
        );
        let Some(body) = response.body() else { return Err(failed(0)) };
        let mut body = ReadableStream::from_raw(body.unchecked_into()).into_stream();
        while let Some(piece) = body.next().await {
            pieces.push(&piece.map_err(cut)?);
            heard();
        }
        Ok(pieces)
    }

    /// Replaces a failure by [`StartFailure::Updated`] where a file is missing because the host has a newer version of the page.
    pub(super) async fn explain(&self, failure: StartFailure) -> StartFailure {
        if !matches!(failure, StartFailure::Missing { .. }) {
            return failure;
        }
        match newest_page().await {
            Some(page) if engine_folder(&page).is_some_and(|newest| newest != self.folder) => StartFailure::Updated,
            _ => failure,
        }
    }

    fn script_name(&self) -> String {
        format!("{}.js", self.name)
    }
}

/// The HTML of the page as the host serves it now.
async fn newest_page() -> Option<String> {
    let location = window().location();
    let options = RequestInit::new();
    options.set_cache(RequestCache::NoStore);
    let address = format!("{}{}", location.origin().ok()?, location.pathname().ok()?);
    let fetched = async {
        let response = JsFuture::from(window().fetch_with_str_and_init(&address, &options)).await.ok()?;
        let text = JsFuture::from(response.unchecked_into::<Response>().text().ok()?).await.ok()?;
        text.as_string()
    };
    let late = TimeoutFuture::new(PATIENCE_MS);
    futures::pin_mut!(fetched);
    match futures::future::select(fetched, late).await {
        futures::future::Either::Left((text, _)) => text,
        futures::future::Either::Right(_) => None,
    }
}
