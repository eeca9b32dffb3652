//! Starts, talks to and replaces the worker that runs the engine, or the connection to an engine outside the browser.

use std::cell::RefCell;
use std::rc::Rc;

use gloo::timers::callback::{Interval, Timeout};
use js_sys::Reflect;
use leptos::prelude::window;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, BlobPropertyBag, CloseEvent, ErrorEvent, MessageEvent, Url, WebSocket, Worker};

use super::engine_files::EngineFiles;
use crate::attached_engine;
use crate::engine_start::{Due, StartFailure, Watch};
use prunescope_localization::tr;
use prunescope_protocol::messages::{Backend, Request, Stage, WorkerEvent};

/// What the page hears from an engine.
pub(super) enum Word {
    /// An event of the protocol.
    Event(WorkerEvent),
    /// The engine is ready for requests, even if it was given up before.
    Listens,
    /// The engine does not start. After [`StartFailure::Silent`] it may still become ready.
    NotStarted(StartFailure),
}

/// Where an engine runs.
#[derive(Clone)]
pub(super) enum EnginePlace {
    /// In a worker of this page, on a backend.
    Worker(Backend),
    /// Outside the browser, at this address of a WebSocket.
    Attached(url::Url),
}

impl EnginePlace {
    /// The backend of the worker.
    pub(super) fn backend(&self) -> Option<Backend> {
        match self {
            Self::Worker(backend) => Some(*backend),
            Self::Attached(_) => None,
        }
    }
}

/// The page's end of the protocol. At most one worker or connection is there.
#[derive(Clone, Default)]
pub(super) struct EngineClient {
    running: Rc<RefCell<Option<Running>>>,
}

struct Running {
    /// Number of this start, which distinguishes it from later ones.
    number: u32,
    watch: Watch,
    _seconds: Interval,
    /// Requests that wait until the engine is ready.
    waiting: Option<Vec<Request>>,
    /// None while a worker's script is fetched.
    line: Option<Line>,
    /// Threads that the engine asked for.
    helpers: Vec<Worker>,
}

/// A worker, with the address of its script and its event listeners.
struct Made {
    worker: Worker,
    address: String,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl Made {
    /// Ends the worker. Its listeners must be kept alive, since one of them may be running.
    fn end(&self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
        let _ = Url::revoke_object_url(&self.address);
    }
}

/// A connection to an engine outside the browser, with its event listeners.
struct Attached {
    socket: WebSocket,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

/// What requests are sent through.
enum Line {
    Worker(Made),
    Attached(Attached),
}

impl Line {
    fn end(&self) {
        match self {
            Self::Worker(made) => made.end(),
            Self::Attached(Attached { socket, .. }) => {
                socket.set_onmessage(None);
                socket.set_onclose(None);
                // Only a code that is not allowed would be an error.
                let _ = socket.close();
            }
        }
    }

    fn post(&self, request: &Request) {
        let Ok(text) = serde_json::to_string(request) else { return };
        // Neither fails while it is alive; if it is not, that is heard otherwise.
        let _ = match self {
            Self::Worker(made) => made.worker.post_message(&JsValue::from_str(&text)),
            Self::Attached(attached) => attached.socket.send_with_str(&text),
        };
    }
}

/// Called with everything that is heard.
type Receive = Rc<dyn Fn(Word)>;

impl EngineClient {
    /// Replaces the engine, if any, by a new one with a first request.
    ///
    /// * `place` — where it runs.
    /// * `receive` — is called with everything that is heard from it.
    pub(super) fn start(&self, place: EnginePlace, first: Request, receive: impl Fn(Word) + 'static) {
        thread_local! {
            static STARTS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
        }
        self.stop();
        let number = STARTS.get().wrapping_add(1);
        STARTS.set(number);
        let receive: Receive = Rc::new(receive);
        let (client, tell) = (self.clone(), receive.clone());
        let seconds = Interval::new(1000, move || client.second(&tell));
        self.running.replace(Some(Running {
            number,
            watch: Watch::default(),
            _seconds: seconds,
            waiting: Some(vec![first]),
            line: None,
            helpers: vec![],
        }));
        let backend = match place {
            EnginePlace::Worker(backend) => backend,
            EnginePlace::Attached(address) => {
                if let Err(failure) = self.attach(&address, number, &receive) {
                    receive(Word::NotStarted(failure));
                }
                return;
            }
        };
        let client = self.clone();
        spawn_local(async move {
            if let Err(failure) = client.make(backend, number, &receive).await {
                client.tell_failure(backend, number, failure, receive).await;
            }
        });
    }

    /// Sends a request; it is dropped if there is no worker.
    pub(super) fn send(&self, request: Request) {
        if let Some(running) = self.running.borrow_mut().as_mut() {
            match (&mut running.waiting, &running.line) {
                (Some(waiting), _) => waiting.push(request),
                (None, Some(line)) => line.post(&request),
                (None, None) => {}
            }
        }
    }

    /// Terminates the worker at once, even if it is busy.
    pub(super) fn stop(&self) {
        let ended = self.running.take();
        if let Some(running) = ended {
            if let Some(line) = &running.line {
                line.end();
            }
            running.helpers.iter().for_each(Worker::terminate);
            // One of its closures may be the caller, and must outlive the call.
            Timeout::new(0, move || drop(running)).forget();
        }
    }

    /// Fetches an engine's script and starts its worker, unless a later start replaced this one.
    async fn make(&self, backend: Backend, number: u32, receive: &Receive) -> Result<(), StartFailure> {
        let client = self.clone();
        let script = EngineFiles::of(backend)?.script(move || client.hear(number)).await?;
        if !self.is_current(number) {
            return Ok(());
        }
        let options = BlobPropertyBag::new();
        options.set_type("text/javascript");
        let script = Blob::new_with_u8_array_sequence_and_options(&script, &options).map_err(broken)?;
        let address = Url::create_object_url_with_blob(&script).map_err(broken)?;
        self.begin(backend, number, address, script, receive)
    }

    /// Starts a worker with the script at an address.
    fn begin(
        &self,
        backend: Backend,
        number: u32,
        address: String,
        script: Blob,
        receive: &Receive,
    ) -> Result<(), StartFailure> {
        let worker = Worker::new(&address).map_err(broken)?;
        // In a page with an opaque origin whose host sends Cross-Origin-Embedder-Policy, WebKit refuses a worker from a blob URL, but
        // accepts one from a data URL. (Elsewhere a worker from a data URL could not read files that the visitor picks.)
        let mut in_address = Some(script).filter(|_| is_opaque() && !address.starts_with("data:"));
        let (client, tell) = (self.clone(), receive.clone());
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
            client.hear(number);
            if message.data().is_object() {
                // On failure fewer threads compute.
                let _ = client.help(number, &message.data());
                return;
            }
            let text = message.data().as_string().unwrap_or_default();
            match serde_json::from_str(&text) {
                Ok(WorkerEvent::Hello) => {
                    client.listens();
                    tell(Word::Listens);
                }
                Ok(WorkerEvent::Pong) => {}
                Ok(WorkerEvent::NotStarted { file, status, why }) => {
                    let failure = StartFailure::of(&file, status, &why);
                    let (client, tell) = (client.clone(), tell.clone());
                    spawn_local(async move { client.tell_failure(backend, number, failure, tell).await });
                }
                Ok(event) => tell(Word::Event(event)),
                Err(error) if client.has_begun() => {
                    let message = tr!(client_unreadable, why = error.to_string());
                    tell(Word::Event(WorkerEvent::Failed { stage: Stage::Run, message, fatal: true }));
                }
                Err(error) => tell(Word::NotStarted(StartFailure::Broken { why: error.to_string() })),
            }
        });
        let (client, tell) = (self.clone(), receive.clone());
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(move |error: ErrorEvent| {
            error.prevent_default();
            // The event of a worker that is refused as a whole has no message, although its type says so.
            let why = Reflect::get(&error, &"message".into()).ok().and_then(|why| why.as_string()).unwrap_or_default();
            if let Some(script) = in_address.take().filter(|_| why.is_empty() && !client.has_begun()) {
                let (client, tell) = (client.clone(), tell.clone());
                spawn_local(async move {
                    let made = match data_address(&script).await {
                        Ok(address) if client.is_current(number) => {
                            client.begin(backend, number, address, script, &tell)
                        }
                        other => other.map(|_| ()),
                    };
                    if let Err(failure) = made {
                        client.tell_failure(backend, number, failure, tell).await;
                    }
                });
                return;
            }
            tell(if client.has_begun() {
                ended(cause_of_end(&why))
            } else {
                Word::NotStarted(StartFailure::Broken { why: if why.is_empty() { tr!(client_refused) } else { why } })
            });
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        if let Some(running) = self.running.borrow_mut().as_mut() {
            let made = Made { worker, address, _on_message: on_message, _on_error: on_error };
            if let Some(refused) = running.line.replace(Line::Worker(made)) {
                refused.end();
            }
        }
        Ok(())
    }

    /// Connects to an engine outside the browser.
    fn attach(&self, address: &url::Url, number: u32, receive: &Receive) -> Result<(), StartFailure> {
        // Some browsers let no page of https use an engine without it, even on this machine.
        let unreachable = |_| StartFailure::Unreachable { address: attached_engine::shown(address) };
        let socket = WebSocket::new(address.as_str()).map_err(unreachable)?;
        let (client, tell) = (self.clone(), receive.clone());
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
            client.hear(number);
            match serde_json::from_str(&message.data().as_string().unwrap_or_default()) {
                Ok(WorkerEvent::Hello) => {
                    client.listens();
                    tell(Word::Listens);
                }
                Ok(WorkerEvent::Pong) => {}
                Ok(event) => tell(Word::Event(event)),
                Err(error) => {
                    let message = tr!(attached_unreadable, why = error.to_string());
                    tell(Word::Event(WorkerEvent::Failed { stage: Stage::Run, message, fatal: true }));
                }
            }
        });
        let (client, tell, shown) = (self.clone(), receive.clone(), attached_engine::shown(address));
        // Browsers do not say why; it follows every error.
        let on_close = Closure::<dyn FnMut(CloseEvent)>::new(move |_| {
            tell(if client.has_begun() {
                let message = tr!(attached_lost, address = shown);
                Word::Event(WorkerEvent::Failed { stage: Stage::Run, message, fatal: true })
            } else {
                Word::NotStarted(StartFailure::Unreachable { address: shown.clone() })
            });
        });
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        if let Some(running) = self.running.borrow_mut().as_mut() {
            let attached = Attached { socket, _on_message: on_message, _on_close: on_close };
            running.line = Some(Line::Attached(attached));
        }
        Ok(())
    }

    /// Starts a helper thread that the engine asks for.
    ///
    /// * `help` — `script`: the address of its script; `order`: the message that starts it.
    fn help(&self, number: u32, help: &JsValue) -> Result<(), JsValue> {
        if !self.is_current(number) {
            return Ok(());
        }
        let get = |key: &str| Reflect::get(help, &key.into());
        let worker = Worker::new(&get("script")?.as_string().unwrap_or_default())?;
        // A helper's exceptions are ignored here: if its work fails, the engine reports that.
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(|error: ErrorEvent| error.prevent_default());
        worker.set_onerror(Some(on_error.into_js_value().unchecked_ref()));
        if let Err(refused) = worker.post_message(&get("order")?) {
            worker.terminate();
            return Err(refused);
        }
        if let Some(running) = self.running.borrow_mut().as_mut() {
            running.helpers.push(worker);
        }
        Ok(())
    }

    /// Reports why an engine does not start, unless a later start replaced it.
    async fn tell_failure(&self, backend: Backend, number: u32, failure: StartFailure, receive: Receive) {
        let failure = match EngineFiles::of(backend) {
            Ok(files) => files.explain(failure).await,
            Err(failure) => failure,
        };
        if self.is_current(number) {
            receive(Word::NotStarted(failure));
        }
    }

    /// Called once a second.
    fn second(&self, receive: &Receive) {
        let due = self.running.borrow_mut().as_mut().map_or(Due::Wait, |running| running.watch.second());
        match due {
            Due::Wait => {}
            Due::Ping => self.send(Request::Ping),
            Due::GiveUpStart => receive(Word::NotStarted(StartFailure::Silent)),
            Due::Dead => receive(ended(tr!(client_silent))),
        }
    }

    fn is_current(&self, number: u32) -> bool {
        self.running.borrow().as_ref().is_some_and(|running| running.number == number)
    }

    /// Records that something of a start was heard.
    fn hear(&self, number: u32) {
        if let Some(running) = self.running.borrow_mut().as_mut().filter(|running| running.number == number) {
            running.watch.hear();
        }
    }

    /// Whether the engine has said that it is ready for requests.
    fn has_begun(&self) -> bool {
        self.running.borrow().as_ref().is_some_and(|running| running.watch.has_begun())
    }

    fn listens(&self) {
        if let Some(running) = self.running.borrow_mut().as_mut() {
            running.watch.listens();
            let waiting = running.waiting.take();
            if let Some(line) = &running.line {
                waiting.iter().flatten().for_each(|request| line.post(request));
            }
        }
    }
}

/// The failure for an exception from the browser.
fn broken(error: JsValue) -> StartFailure {
    StartFailure::Broken { why: format!("{error:?}") }
}

/// Whether this page's origin is opaque: in a sandboxed frame it has no storage, and every address counts as cross-origin.
fn is_opaque() -> bool {
    Reflect::get(&window(), &"origin".into()).is_ok_and(|origin| origin == "null")
}

/// A script as a data URL.
async fn data_address(script: &Blob) -> Result<String, StartFailure> {
    let text = JsFuture::from(script.text()).await.map_err(broken)?.as_string().unwrap_or_default();
    Ok(format!("data:text/javascript,{}", String::from(js_sys::encode_uri_component(&text))))
}

/// Why an engine stopped, from the browser's message.
fn cause_of_end(why: &str) -> String {
    let says = |words: &[&str]| words.iter().any(|word| why.to_ascii_lowercase().contains(word));
    if says(&["call stack", "recursion"]) {
        tr!(client_stopped_nested, why = why)
    } else if says(&["memory", "allocation", "unreachable"]) {
        // A crash is reported before the program ends; a program that ends without a report got no memory.
        tr!(client_stopped_memory, why = why)
    } else {
        tr!(client_stopped, why = why)
    }
}

/// The event for a worker that has ended.
fn ended(what: String) -> Word {
    let message = tr!(client_ended, what = what);
    Word::Event(WorkerEvent::Failed { stage: Stage::Run, message, fatal: true })
}
