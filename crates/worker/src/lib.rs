//! The engine's home in the browser: a dedicated worker that runs a [`Session`]. Receives requests, keeps at most one job
//! running, and tells the page what happens.
//!
//! Messages are JSON texts: [`Request`] in, [`Event`] out. Two programs start it: `worker` computes on the CPU only and is a
//! fraction of the size, `worker_webgpu` on WebGPU too; the page chooses ([`DeviceChoice`]).
//!
//! [`DeviceChoice`]: prunescope_protocol::messages::DeviceChoice

#![cfg(target_arch = "wasm32")]
#![warn(missing_docs)]

mod device;
mod download;
mod fetch;
mod fused;
mod helpers;
mod store;

use std::cell::{Cell, RefCell};
use std::panic;
use std::rc::Rc;

use burn::tensor::Device;
use download::{Failure, Holding};
use fused::Fused;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use prunescope_engine::experiment::{Control, LocalFuture};
use prunescope_engine::model::loader::Limits;
use prunescope_engine::session::{Session, storage};
use prunescope_kernels::threads::{self, POOL};
use prunescope_protocol::messages::TAB_HOLDS_BYTES;
use prunescope_protocol::messages::{Backend, Event, ModelOrder, Request, Stage};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DedicatedWorkerGlobalScope, MessageChannel, MessageEvent};

/// Work goes on at least this long between two pauses, in milliseconds.
const SLICE_MS: f64 = 8.0;

/// The worker's global scope.
fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Milliseconds since the worker began.
fn now() -> f64 {
    scope().performance().map_or(0.0, |performance| performance.now())
}

/// Sends an event to the page.
fn tell(event: &Event) {
    if let Ok(text) = serde_json::to_string(event) {
        // Posting a text to a live page cannot fail; a page that is gone needs no answer.
        let _ = scope().post_message(&JsValue::from_str(&text));
    }
}

/// Reports a failure.
fn tell_failure(stage: Stage, message: String, fatal: bool) {
    tell(&Event::Failed { stage, run: None, message, fatal });
}

unsafe extern "C" {
    /// Runs what must run before `main`, such as the registration of burn's kernels. Made by the linker.
    fn __wasm_call_ctors();
}

/// A request with its number; the newest number is the only one that may run.
struct Job {
    number: u64,
    request: Request,
}

/// Installs the message handler and serves requests until the page ends the worker. Called once, by the program's `main`.
pub fn start() {
    // SAFETY: nothing ran before. Because it is called here, the linker does not put a call in front of every exported
    // function, which cost a fifth of the engine's time.
    unsafe { __wasm_call_ctors() };
    panic::set_hook(Box::new(|info| {
        if helpers::is_helper() {
            // It may not allocate, so it can say nothing here; its script tells that it failed.
            core::arch::wasm32::unreachable();
        }
        console_error_panic_hook::hook(info);
        let message = format!("the engine crashed, which is an error of Prunescope itself ({info})");
        tell_failure(Stage::Run, message, true);
    }));
    threads::tell_failure(|| {
        tell_failure(Stage::Run, "the engine stopped, since a thread that helps it failed: try again".into(), true);
    });
    let fused = fused::install();
    let newest = Rc::new(Cell::new(0));
    let (sender, receiver) = unbounded();
    listen(newest.clone(), sender);
    spawn_local(serve(newest, receiver, fused));
    tell(&Event::Hello);
}

/// Numbers every request on arrival, so that what runs sees at once that it is superseded.
fn listen(newest: Rc<Cell<u64>>, sender: UnboundedSender<Job>) {
    let handler = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
        let text = message.data().as_string().unwrap_or_default();
        match serde_json::from_str(&text) {
            Ok(Request::Ping) => tell(&Event::Pong),
            Ok(request) => {
                newest.set(newest.get() + 1);
                // The receiver lives as long as the worker.
                let _ = sender.unbounded_send(Job { number: newest.get(), request });
            }
            Err(error) => {
                tell_failure(Stage::Run, format!("the page sent a message that the engine cannot read: {error}"), false)
            }
        }
    });
    scope().set_onmessage(Some(handler.as_ref().unchecked_ref()));
    handler.forget();
}

async fn serve(newest: Rc<Cell<u64>>, mut jobs: UnboundedReceiver<Job>, fused: Option<Fused>) {
    let session: RefCell<Option<Session>> = RefCell::new(None);
    while let Some(Job { number, request }) = jobs.next().await {
        match request {
            Request::Stop => tell(&Event::Stopped { run: None }),
            // Answered on arrival.
            Request::Ping => {}
            Request::Load { model, other, precision, device } => {
                let (largest_binding, required) = (device.largest_binding, device.required);
                helpers::start(device.threads, fused.as_ref());
                let Some((device, kind)) = device::open(device).await else { continue };
                let holding = Holding { storage: storage(kind), precision, limits: limits(kind, largest_binding) };
                match load(&model, other.as_ref(), &device, kind, holding).await {
                    Ok(mut loaded) => {
                        if let Some((reason, lasting)) = device::reason_against(&mut loaded, required).await {
                            tell(&Event::NotThisDevice { reason, lasting });
                            continue;
                        }
                        tell(&Event::Ready { model: Box::new(loaded.info().clone()) });
                        session.replace(Some(loaded));
                    }
                    Err((_, Failure::Message(message))) => tell_failure(Stage::Load, message, false),
                    Err((_, Failure::TooBig { message, fits_in_eight_bits })) => {
                        tell(&Event::TooBig { message, fits_in_eight_bits });
                    }
                    Err((model, Failure::AskFirst { excess })) => tell(&Event::AskFirst { model, excess }),
                }
            }
            Request::Run { run, settings } => {
                let Some(mut current) = session.take() else {
                    tell(&Event::Stopped { run: Some(run) });
                    continue;
                };
                let control = Control::new(newest.clone(), number, Rc::new(pause));
                let done = if newest.get() == number {
                    current.run(run, &settings, &control, &mut |event| tell(&event)).await.map(|_| ())
                } else {
                    Ok(())
                };
                let done = match done {
                    Ok(()) => {
                        tell_usage();
                        current.widen_band(run, settings.tokens, &control, &mut |event| tell(&event)).await
                    }
                    error => error,
                };
                if let Err(error) = done {
                    tell(&Session::failure(run, &error));
                }
                session.replace(Some(current));
            }
            Request::Measure { run, settings, what } => {
                let Some(mut current) = session.take() else {
                    tell(&Event::Stopped { run: Some(run) });
                    continue;
                };
                let control = Control::new(newest.clone(), number, Rc::new(pause));
                let done = current.measure(run, &settings, what, &control, &mut |event| tell(&event)).await;
                if let Err(error) = done {
                    tell(&Session::failure(run, &error));
                }
                session.replace(Some(current));
            }
            Request::Calibrate { text } => change(&session, |current| current.calibrate(&text)),
            Request::UseQuestions { questions } => change(&session, |current| current.use_questions(questions)),
            Request::UseRetrievalSet { set } => change(&session, |current| current.use_retrieval_set(set)),
        }
        tell_usage();
    }
}

/// What a device can hold.
///
/// * `largest_binding` — bytes that a GPU's adapter binds at once.
fn limits(kind: Backend, largest_binding: Option<u64>) -> Limits {
    match kind {
        Backend::Cpu => Limits { total: TAB_HOLDS_BYTES, ..Limits::default() },
        // How much a GPU holds, no browser says.
        Backend::WebGpu => Limits { binding: largest_binding.unwrap_or(u64::MAX), ..Limits::default() },
    }
}

/// Loads one or two models. The error names the one that does not come.
async fn load(
    model: &ModelOrder,
    other: Option<&ModelOrder>,
    device: &Device,
    kind: Backend,
    mut holding: Holding,
) -> Result<Session, (String, Failure)> {
    let of = |order: &ModelOrder| {
        let model = order.source.clone();
        move |failure| (model, failure)
    };
    let first = download::model(model, device, holding).await.map_err(of(model))?;
    let mut session = Session::new(first, &model.source, kind, now);
    if let Some(order) = other {
        holding.limits.total = holding.limits.total.saturating_sub(memory());
        let second = download::model(order, device, holding).await.map_err(of(order))?;
        let compared = session.compare_with(second, &order.source);
        compared.map_err(|error| Failure::Message(format!("{error}."))).map_err(of(order))?;
    }
    Ok(session)
}

/// Changes a session that is idle; without one there is nothing to change.
fn change(session: &RefCell<Option<Session>>, how: impl FnOnce(&mut Session)) {
    if let Some(current) = session.borrow_mut().as_mut() {
        how(current);
    }
}

/// Bytes of this program's memory.
fn memory() -> u64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    u64::from(memory.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length())
}

fn tell_usage() {
    tell(&Event::Usage { memory: memory(), threads: POOL.threads() });
}

thread_local! {
    static LAST_PAUSE: Cell<f64> = const { Cell::new(0.0) };
}

/// Lets waiting messages be handled, unless that was done a moment ago.
///
/// A message to oneself comes back at once; a timer would wait 4 ms each time.
fn pause() -> LocalFuture {
    if now() - LAST_PAUSE.get() < SLICE_MS {
        return Box::pin(async {});
    }
    Box::pin(async {
        if let Ok(channel) = MessageChannel::new() {
            let came = js_sys::Promise::new(&mut |resolve, _| {
                channel.port1().set_onmessage(Some(&resolve));
                let _ = channel.port2().post_message(&JsValue::NULL);
            });
            let _ = JsFuture::from(came).await;
            channel.port1().close();
        }
        LAST_PAUSE.set(now());
    })
}
