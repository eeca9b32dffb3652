//! The engine's home in the browser: a dedicated worker that runs a [`Session`]. Receives requests, keeps at most one job
//! running, and tells the page what happens.
//!
//! Messages are JSON texts: [`Request`] in, [`WorkerEvent`] out. There is a program for each backend: `worker` computes on the CPU and is a
//! fraction of the size of `worker_webgpu`; the page chooses ([`DeviceChoice`]).
//!
//! [`DeviceChoice`]: prunescope_protocol::messages::DeviceChoice

#![cfg(target_arch = "wasm32")]
#![warn(missing_docs)]

mod device;
mod download;
mod fetch;
mod helpers;
mod memory;
mod random;
mod relaxed_simd;
mod store;

use std::cell::Cell;
use std::panic;
use std::rc::Rc;

use device::Host;
use download::Failure;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use prunescope_engine::compute::Compute;
pub use prunescope_engine::compute::Cpu;
#[cfg(feature = "webgpu")]
pub use prunescope_engine::compute::Gpu;
use prunescope_engine::experiment::{Control, ExperimentError, LocalFuture};
use prunescope_engine::session::Session;
use prunescope_kernels::threads::{self, POOL};
use prunescope_protocol::messages::{ModelOrder, Request, RunEvent, Stage, WorkerEvent};
use prunescope_protocol::settings::{Precision, RunSettings};
use relaxed_simd::RelaxedSimdProgram;
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
fn tell(event: &WorkerEvent) {
    if let Ok(text) = serde_json::to_string(event) {
        // Posting a text to a live page cannot fail; a page that is gone needs no answer.
        let _ = scope().post_message(&JsValue::from_str(&text));
    }
}

/// Sends what a run tells.
fn tell_of_run(run: u64, event: RunEvent) {
    tell(&WorkerEvent::Run { run, event });
}

/// Reports a failure.
fn tell_failure(stage: Stage, message: String, fatal: bool) {
    tell(&WorkerEvent::Failed { stage, message, fatal });
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
pub fn start<C: Host>() {
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
    let relaxed_simd = relaxed_simd::install();
    let newest = Rc::new(Cell::new(0));
    let (sender, receiver) = unbounded();
    listen(newest.clone(), sender);
    spawn_local(serve::<C>(newest, receiver, relaxed_simd));
    tell(&WorkerEvent::Hello);
}

/// Numbers every request on arrival, so that what runs sees at once that it is superseded.
fn listen(newest: Rc<Cell<u64>>, sender: UnboundedSender<Job>) {
    let handler = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
        let text = message.data().as_string().unwrap_or_default();
        match serde_json::from_str(&text) {
            Ok(Request::Ping) => tell(&WorkerEvent::Pong),
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

async fn serve<C: Host>(
    newest: Rc<Cell<u64>>,
    mut jobs: UnboundedReceiver<Job>,
    relaxed_simd: Option<RelaxedSimdProgram>,
) {
    let mut session: Option<Session<C>> = None;
    while let Some(Job { number, request }) = jobs.next().await {
        let control = Control::new(newest.clone(), number, Rc::new(pause));
        match (request, &mut session) {
            (Request::Stop, _) => tell(&WorkerEvent::Stopped),
            // Answered on arrival.
            (Request::Ping, _) => {}
            (Request::Load { model, other, precision, device }, _) => {
                helpers::start(device.threads, relaxed_simd.as_ref());
                let Some(compute) = C::open(&device).await else { continue };
                match load(&model, other.as_ref(), compute, precision).await {
                    Ok(mut loaded) => {
                        if let Some((reason, lasting)) = device::reason_against(&mut loaded, device.required).await {
                            tell(&WorkerEvent::NotThisDevice { reason, lasting });
                            continue;
                        }
                        tell(&WorkerEvent::Ready { model: Box::new(loaded.info().clone()) });
                        session = Some(loaded);
                    }
                    Err((_, Failure::Message(message))) => tell_failure(Stage::Load, message, false),
                    Err((_, Failure::TooBig { message, fits_in_eight_bits })) => {
                        tell(&WorkerEvent::TooBig { message, fits_in_eight_bits });
                    }
                    Err((model, Failure::AskFirst { excess })) => tell(&WorkerEvent::AskFirst { model, excess }),
                }
            }
            (Request::Run { run, .. } | Request::Measure { run, .. }, None) => tell_of_run(run, RunEvent::Stopped),
            (Request::Run { run, settings }, Some(session)) => {
                if let Err(error) = run_and_measure_band(session, run, &settings, &control).await {
                    tell_of_run(run, Session::<C>::failure(&error));
                }
            }
            (Request::Measure { run, settings, measure, what }, Some(session)) => {
                let done =
                    session.measure(&settings, &measure, what, &control, &mut |event| tell_of_run(run, event)).await;
                if let Err(error) = done {
                    tell_of_run(run, Session::<C>::failure(&error));
                }
            }
            (Request::Calibrate { text }, Some(session)) => session.calibrate(&text),
            (Request::UseQuestions { questions }, Some(session)) => session.use_questions(questions),
            (Request::UseRetrievalSet { set }, Some(session)) => session.use_retrieval_set(set),
            // The page tells them again once a model is there.
            (Request::Calibrate { .. } | Request::UseQuestions { .. } | Request::UseRetrievalSet { .. }, None) => {}
        }
        tell_usage();
    }
}

/// A run, and then the band of its layer chart; a run that was superseded before it began does nothing.
async fn run_and_measure_band<C: Compute>(
    session: &mut Session<C>,
    run: u64,
    settings: &RunSettings,
    control: &Control,
) -> Result<(), ExperimentError> {
    control.checkpoint().await?;
    session.run(settings, control, &mut |event| tell_of_run(run, event)).await?;
    tell_usage();
    session.measure_layer_band(settings, control, &mut |event| tell_of_run(run, event)).await
}

/// Loads one or two models. The error names the one that does not come.
async fn load<C: Host>(
    model: &ModelOrder,
    other: Option<&ModelOrder>,
    compute: C,
    precision: Precision,
) -> Result<Session<C>, (String, Failure)> {
    let of = |order: &ModelOrder| {
        let model = order.source.clone();
        move |failure| (model, failure)
    };
    let mut limits = C::limits();
    let first = download::model(model, compute.clone(), precision, limits).await.map_err(of(model))?;
    let mut session = Session::new(first, &model.source, now);
    if let Some(order) = other {
        limits.total = limits.total.saturating_sub(memory::bytes());
        let second = download::model(order, compute, precision, limits).await.map_err(of(order))?;
        let compared = session.compare_with(second, &order.source);
        compared.map_err(|error| Failure::Message(format!("{error}."))).map_err(of(order))?;
    }
    Ok(session)
}

fn tell_usage() {
    tell(&WorkerEvent::Usage { memory: memory::bytes(), threads: POOL.threads() });
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
