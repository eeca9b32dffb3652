//! The worker that runs the engine: started, spoken to, and replaced.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo::timers::callback::Interval;
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, MessageEvent, Worker};

use crate::engine::protocol::{Backend, Event, Request, Stage};

/// The worker's script for a backend, beside the page (`public/engine.js`, or made by Trunk).
fn script(backend: Backend) -> &'static str {
    match backend {
        Backend::Cpu => "engine.js",
        Backend::WebGpu => "worker_webgpu_loader.js",
    }
}

/// The page's end of the protocol. At most one worker runs.
#[derive(Clone, Default)]
pub struct EngineClient {
    running: Rc<RefCell<Option<Running>>>,
}

/// How often the worker is asked whether it is alive, in milliseconds.
const PING_EVERY_MS: u32 = 5000;
/// Pings without any word from the worker after which it is taken for dead. A browser that halts the page halts these too.
const PINGS_UNANSWERED: u32 = 24;

struct Running {
    worker: Worker,
    /// Pings since the worker's last word.
    unanswered: Rc<Cell<u32>>,
    _pings: Interval,
    /// Requests that wait until the worker listens.
    waiting: Option<Vec<Request>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl EngineClient {
    /// Starts a fresh worker with a first request, in place of the one there is.
    ///
    /// * `backend` — where it will compute.
    /// * `receive` — takes the worker's events.
    pub fn start(&self, backend: Backend, first: Request, receive: impl Fn(Event) + Clone + 'static) {
        self.stop();
        let failed = |why: String| Event::Failed {
            stage: Stage::Device,
            run: None,
            message: format!("the engine could not start ({why}): use a current browser, or reload the page"),
            fatal: true,
        };
        let worker = match Worker::new(script(backend)) {
            Ok(worker) => worker,
            Err(error) => return receive(failed(format!("{error:?}"))),
        };
        let client = self.clone();
        let tell = receive.clone();
        let unanswered = Rc::new(Cell::new(0));
        let heard = unanswered.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
            heard.set(0);
            let text = message.data().as_string().unwrap_or_default();
            match serde_json::from_str(&text) {
                Ok(Event::Hello) => client.listens(),
                Ok(Event::Pong) => {}
                Ok(event) => tell(event),
                Err(error) => tell(failed(error.to_string())),
            }
        });
        let (client, on_death) = (self.clone(), receive.clone());
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(move |error: ErrorEvent| {
            error.prevent_default();
            let why = error.message();
            if client.has_begun() {
                receive(ended(&format!("the engine stopped ({why}); it may have run out of memory")));
            } else {
                receive(failed(if why.is_empty() { "its files did not load".into() } else { why }));
            }
        });
        let client = self.clone();
        let pings = Interval::new(PING_EVERY_MS, move || {
            if client.ping() >= PINGS_UNANSWERED {
                on_death(ended("the engine does not answer any more; the browser may have ended it"));
            }
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        let running = Running {
            worker,
            unanswered,
            _pings: pings,
            waiting: Some(vec![first]),
            _on_message: on_message,
            _on_error: on_error,
        };
        self.running.replace(Some(running));
    }

    /// Sends a request; without a worker it is dropped.
    pub fn send(&self, request: Request) {
        if let Some(running) = self.running.borrow_mut().as_mut() {
            match &mut running.waiting {
                Some(waiting) => waiting.push(request),
                None => post(&running.worker, &request),
            }
        }
    }

    /// Ends the worker at once, whatever it does.
    pub fn stop(&self) {
        let ended = self.running.take();
        if let Some(running) = ended {
            running.worker.set_onmessage(None);
            running.worker.set_onerror(None);
            running.worker.terminate();
            // This may be called from one of its closures, which must outlive the call.
            gloo::timers::callback::Timeout::new(0, move || drop(running)).forget();
        }
    }

    /// Whether the worker has said something.
    fn has_begun(&self) -> bool {
        self.running.borrow().as_ref().is_some_and(|running| running.waiting.is_none())
    }

    /// Asks whether the worker is alive; how many questions are unanswered. Before its first word nothing is asked: its files
    /// may come slowly.
    fn ping(&self) -> u32 {
        let running = self.running.borrow();
        let Some(running) = running.as_ref().filter(|running| running.waiting.is_none()) else { return 0 };
        post(&running.worker, &Request::Ping);
        running.unanswered.set(running.unanswered.get() + 1);
        running.unanswered.get()
    }

    fn listens(&self) {
        if let Some(running) = self.running.borrow_mut().as_mut() {
            for request in running.waiting.take().into_iter().flatten() {
                post(&running.worker, &request);
            }
        }
    }
}

/// A worker that is gone.
fn ended(what: &str) -> Event {
    let message = format!("{what}: choose a smaller model or round its weights to 8 bits under Model, or try again");
    Event::Failed { stage: Stage::Run, run: None, message, fatal: true }
}

fn post(worker: &Worker, request: &Request) {
    if let Ok(text) = serde_json::to_string(request) {
        // Posting a text to a live worker cannot fail.
        let _ = worker.post_message(&JsValue::from_str(&text));
    }
}
