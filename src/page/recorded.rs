//! Recorded runs ([`Trace`]): fetched from the site, from a link's address, or from a file, and shown in place of an engine's results.

use futures::StreamExt;
use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::{Promise, Reflect};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ReadableStream, RequestInit, Response};

use super::export::save_text;
use super::shown_trace::{Recorded, ShownTrace, TraceOrigin};
use super::state::{AppState, EngineStatus};
use super::{address, after_paint};
use crate::run_results::{RunResults, RunResultsStoreFields};
use crate::session_file::trace_in;
use prunescope_localization::tr;
use prunescope_protocol::settings::{ModelChoice, Settings};
use prunescope_protocol::trace::{RecordedRun, Trace, VERSION};

// web-sys counts these as unstable; every browser that the page runs in has them.
#[wasm_bindgen]
extern "C" {
    type DecompressionStream;
    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<DecompressionStream, JsValue>;

    #[wasm_bindgen(extends = ReadableStream)]
    type PipedStream;
    #[wasm_bindgen(method, js_name = pipeThrough)]
    fn pipe_through(this: &PipedStream, through: &DecompressionStream) -> ReadableStream;
}

/// The trace of the first visit's example, made by `make traces`.
const EXAMPLE: &str = "traces/example.json.gz";
/// The trace of the plans around the example's, which are many: it comes after the first picture.
const NEIGHBOURS: &str = "traces/neighbours.json.gz";
/// The trace of the story's other runs.
const STORY: &str = "traces/story.json.gz";
/// Longest wait of the page for the recorded example, in milliseconds.
const PATIENCE_MS: u32 = 300;
/// Most bytes of a trace, as it arrives and uncompressed, so that no address can fill the memory.
const MAX_BYTES: usize = 64 << 20;
/// Most sentences of a trace about its model that are shown.
const MOST_NOTICES: usize = 4;

impl AppState {
    /// Shows the recorded example until an engine answers, if it answers these settings. A frame shows any of the site's recorded runs.
    pub(super) async fn show_recorded_example(self) {
        // It answers for the default model only.
        let is_default = |models: &ModelChoice| models.model.is_empty() && models.other.is_empty();
        if !self.settings.with_untracked(|settings| is_default(&settings.models)) {
            return;
        }
        self.add_trace(TraceOrigin::Example, EXAMPLE).await;
        let around = self.add_trace(TraceOrigin::Neighbours, NEIGHBOURS);
        if self.recorded.with_untracked(Option::is_some) {
            // What is asked for is shown, and painted before the rest is read.
            return after_paint(move || spawn_local(around));
        }
        around.await;
        if self.embedded && self.recorded.with_untracked(Option::is_none) {
            self.add_recorded_story().await;
        }
    }

    /// Fetches the story's recorded runs, which answer beside those of the example while no engine does.
    pub(super) async fn add_recorded_story(self) {
        self.add_trace(TraceOrigin::Story, STORY).await;
    }

    /// Fetches one of the site's traces, and shows from it what no engine has shown. A site without it, or no network: the page goes on as
    /// before.
    async fn add_trace(self, origin: TraceOrigin, address: &str) {
        let is_known = || self.traces.with_value(|traces| traces.iter().any(|known| known.origin == origin));
        if is_known() {
            return;
        }
        let ahead = ahead().filter(|_| origin == TraceOrigin::Example);
        let text = match ahead {
            Some(ahead) => text_ahead(ahead).await,
            None => match address::absolute(address) {
                Ok(address) => fetched(&address).await.ok(),
                Err(_) => None,
            },
        };
        let Some(text) = text else { return };
        // It may have been asked for twice meanwhile.
        if !is_known() {
            self.add_trace_text(origin, &text);
        }
    }

    /// Shows from one of the site's traces what no engine has shown.
    pub(super) fn add_trace_text(self, origin: TraceOrigin, text: &str) {
        let Ok(trace) = Trace::read(text) else { return };
        self.traces.update_value(|traces| traces.push(ShownTrace { origin, trace, opened: false }));
        let has_live_results = self.recorded.with_untracked(Option::is_none)
            && self.results.with_untracked(|results| results.next_token.is_some());
        let is_shown = self.recorded.with_untracked(Option::is_some) && !untrack(|| self.is_stale());
        if !has_live_results && !is_shown && self.engine.get_untracked() != EngineStatus::Ready {
            self.answer_from_trace();
        }
    }

    /// Opens the trace at an address that the link gives. Returns whether it is shown; otherwise a notice says why, or the visitor is asked:
    /// a link alone makes the page fetch nothing from other hosts.
    pub(super) async fn open_trace_at(self, address: String) -> bool {
        let read = match address::absolute_url(&address) {
            Err(why) => Err(why.trim_end_matches('.').to_string()),
            Ok(url) if address::is_elsewhere(&url) => {
                self.trace_question.set(Some(url));
                return false;
            }
            Ok(url) => fetched(url.as_str()).await,
        };
        self.open_trace(&address, read)
    }

    /// Answers the question about a trace on another host.
    pub(super) async fn answer_trace_question(self, agrees: bool) {
        let Some(url) = self.trace_question.get_untracked() else { return };
        self.trace_question.set(None);
        if agrees {
            let read = fetched(url.as_str()).await;
            self.open_trace(url.as_str(), read.map_err(|why| tr!(recorded_elsewhere, why = why)));
        }
    }

    /// Opens a trace in place of the engine. Returns whether it is shown; otherwise a notice says why.
    ///
    /// * `name`: of the file or address.
    /// * `read`: its text, or why it could not be read.
    pub(super) fn open_trace(self, name: &str, read: Result<String, String>) -> bool {
        let trace = read.and_then(|text| Trace::read(trace_in(&text)).map_err(|error| error.to_string()));
        let trace = trace.and_then(|trace| trace.settings().cloned().map(|of| (trace, of)).ok_or_else(String::new));
        match trace {
            Err(why) => {
                self.notices.update(|notices| notices.push(tr!(recorded_not_shown, name = name, why = why)));
                false
            }
            Ok((trace, settings)) => {
                let (settings, corrected) = settings.checked();
                self.end_engine("a recorded run took the engine's place");
                self.notices.set(corrected.into());
                // What its program said of the model, such as how exact its numbers are.
                self.tell_of_model(trace.model.notices.iter().take(MOST_NOTICES).cloned().collect());
                let before = self.settings.get_untracked();
                self.claims.update(|claims| claims.link_changed(&before, &settings));
                self.model.set(Some(trace.model.clone()));
                self.settings.set(settings);
                self.results.set(RunResults::default());
                self.traces.update_value(|traces| {
                    traces.retain(|known| known.origin != TraceOrigin::Opened);
                    traces.insert(0, ShownTrace { origin: TraceOrigin::Opened, trace, opened: true });
                });
                self.answer_from_trace();
                true
            }
        }
    }

    /// Shows the recorded run of the current settings, if the trace has one. What is shown otherwise stays, dimmed.
    pub(super) fn answer_from_trace(&self) {
        let settings = self.settings.get_untracked();
        let run = self.newest_run.get_untracked();
        let shown = self.traces.with_value(|traces| {
            let mut answers = traces
                .iter()
                .filter_map(|ShownTrace { trace, .. }| Some((trace, trace.find(&settings.models, &settings.run)?)));
            let (trace, found) = answers.next()?;
            let mut results = RunResults::default();
            for event in found.events.iter().chain(trace.importance()) {
                results.apply(run, &settings.run, event.clone());
            }
            let recorded = Recorded {
                model: trace.model.shown_name().to_string(),
                day: trace.recorded.clone(),
                program: trace.program.clone(),
                models: found.settings.models.clone(),
                // No engine is on its way while the visitor looks at a trace of their own.
                opened: traces.iter().any(|known| known.opened),
            };
            Some((results, recorded, trace.model.clone()))
        });
        if let Some((results, recorded, model)) = shown {
            self.results.set(results);
            self.recorded.set(Some(recorded));
            if self.model.with_untracked(Option::is_none) {
                self.model.set(Some(model));
            }
        }
    }

    /// Called before an engine's first result: it takes the place of recorded results, of which nothing may mix with the engine's own.
    pub(super) fn replace_recorded(&self) {
        if self.recorded.with_untracked(Option::is_some) {
            self.results.try_update_untracked(|results| *results = RunResults::default());
            self.recorded.set(None);
        }
    }

    /// Whether there is no run with its results that could be saved.
    pub(super) fn lacks_run(&self) -> bool {
        self.is_stale() || self.results.report().with(Option::is_none) && self.recorded.with(Option::is_none)
    }

    /// The newest run and its measurements as a trace, once there is a model.
    pub(super) fn trace(&self) -> Option<Trace> {
        let (model, settings) = (self.model.get_untracked()?, self.settings.get_untracked());
        let now = js_sys::Date::new_0().to_iso_string().as_string().unwrap_or_default();
        let events = self.results.with_untracked(RunResults::events);
        let now = (env!("CARGO_PKG_VERSION").into(), now.chars().take_while(|letter| *letter != 'T').collect());
        // What was recorded stays as old as it is.
        let recorded = self.recorded.get_untracked().map(|recorded| (recorded.program, recorded.day));
        let (program, recorded) = recorded.unwrap_or(now);
        Some(Trace { version: VERSION, program, recorded, model, runs: vec![RecordedRun { settings, events }] })
    }

    /// Saves the newest run and its measurements as a trace.
    pub(super) fn save_trace(&self) {
        let Some(trace) = self.trace() else { return };
        match serde_json::to_string(&trace) {
            Ok(text) => save_text(self, "prunescope-trace.json", "application/json", &text),
            Err(why) => self.notices.update(|notices| notices.push(tr!(recorded_not_written, why = why.to_string()))),
        }
    }

    /// The settings of the trace that was opened, if one was.
    pub(super) fn settings_of_trace(&self) -> Option<Settings> {
        self.traces.with_value(|traces| {
            traces.iter().find(|known| known.origin == TraceOrigin::Opened)?.trace.settings().cloned()
        })
    }

    /// Loads the model of a trace that is shown without one.
    pub(super) fn load_for_trace(&self) {
        self.traces.update_value(|traces| traces.iter_mut().for_each(|shown| shown.opened = false));
        self.recorded.update(|recorded| {
            if let Some(recorded) = recorded {
                recorded.opened = false;
            }
        });
        self.load_model();
    }
}

/// The text of the recorded example, which the first script has asked for (`public/opening.js`), if it comes in time.
pub(super) async fn example_ahead() -> Option<String> {
    match select(Box::pin(text_ahead(ahead()?)), TimeoutFuture::new(PATIENCE_MS)).await {
        Either::Left((text, _)) => text,
        Either::Right(_) => None,
    }
}

/// What the first script has asked for, if it has.
fn ahead() -> Option<Promise> {
    Reflect::get(&window(), &"example".into()).ok()?.dyn_into().ok()
}

/// The text that it is; none if it is not to be had.
async fn text_ahead(ahead: Promise) -> Option<String> {
    JsFuture::from(ahead).await.ok()?.as_string()
}

/// Fetches a text, such as a trace, at most [`MAX_BYTES`] of it. The error says why it cannot be had.
pub(super) async fn fetched(address: &str) -> Result<String, String> {
    let cut = |_: JsValue| tr!(recorded_not_fetched);
    let options = RequestInit::new();
    // A redirect is refused: it may lead to a host that nobody agreed to.
    let _ = Reflect::set(&options, &"redirect".into(), &"error".into());
    let fetched = window().fetch_with_str_and_init(address, &options);
    let response: Response = JsFuture::from(fetched).await.map_err(cut)?.unchecked_into();
    if !response.ok() {
        return Err(tr!(recorded_status, status = response.status().to_string()));
    }
    match response.body() {
        Some(body) => text_of(bytes_of(body, cut).await?).await,
        None => Ok(String::new()),
    }
}

/// The bytes of a stream, unless they are more than [`MAX_BYTES`].
///
/// * `failed`: what to say if it breaks.
async fn bytes_of(stream: ReadableStream, failed: impl Fn(JsValue) -> String) -> Result<Vec<u8>, String> {
    let mut chunks = wasm_streams::ReadableStream::from_raw(stream.unchecked_into()).into_stream();
    let mut bytes = vec![];
    while let Some(chunk) = chunks.next().await {
        bytes.extend(js_sys::Uint8Array::new(&chunk.map_err(&failed)?).to_vec());
        if bytes.len() > MAX_BYTES {
            return Err(tr!(recorded_too_large, megabytes = MAX_BYTES >> 20));
        }
    }
    Ok(bytes)
}

/// Reads a trace, which may be compressed by gzip. The error says why it cannot be read.
pub(super) async fn read(blob: &Blob) -> Result<String, String> {
    text_of(bytes_of(blob.stream(), unreadable).await?).await
}

/// The text that bytes are, which may be compressed by gzip.
async fn text_of(mut bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(&bytes[..]));
        let compressed = Blob::new_with_u8_array_sequence(&parts).map_err(unreadable)?.stream();
        let unzip = DecompressionStream::new("gzip").map_err(unreadable)?;
        bytes = bytes_of(compressed.unchecked_ref::<PipedStream>().pipe_through(&unzip), unreadable).await?;
    }
    String::from_utf8(bytes).map_err(|_| tr!(recorded_no_text))
}

/// What is said of bytes that cannot be read.
fn unreadable(_: JsValue) -> String {
    tr!(recorded_unreadable)
}
