//! One visitor's session, on a thread of its own: what `crates/worker` is in the browser.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use futures::executor::block_on;
use prunescope_engine::compute::Compute;
use prunescope_engine::experiment::{Control, ExperimentError};
use prunescope_engine::model::LoadedModel;
use prunescope_engine::session::Session;
use prunescope_kernels::threads::POOL;
use prunescope_protocol::messages::{Measurement, ModelOrder, Request, RunEvent, Stage, WorkerEvent};
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::model::source::PICKED;
use prunescope_protocol::settings::{MeasureSettings, Precision, RunSettings, Settings};
use tokio::sync::mpsc::Sender;

use super::turns::Turns;
use crate::milliseconds;

/// Least time of work between two looks at whether another visitor waits, in milliseconds.
const SLICE_MS: f64 = 20.0;

/// A model that is served.
pub(super) struct Served<C: Compute> {
    /// The model.
    pub(super) model: LoadedModel<C>,
    /// Its file's name.
    pub(super) name: String,
    /// The processor or GPU, as a sentence.
    pub(super) device: String,
    /// Whose turn it is.
    pub(super) turns: Turns,
}

/// A request with its number; only the newest one may run.
pub(super) struct Job {
    number: u64,
    request: Request,
}

/// What a visitor's connection tells its session while that computes.
#[derive(Default)]
pub(super) struct Heard {
    newest: AtomicU64,
    has_left: AtomicBool,
    announced: Mutex<Option<Sublayer>>,
}

impl Heard {
    /// Hears a request: answers it at once, or passes it on to the session.
    pub(super) fn request(&self, text: &str, jobs: &mpsc::SyncSender<Job>, events: &Events) {
        match serde_json::from_str(text) {
            Ok(Request::Ping) => events.tell(WorkerEvent::Pong),
            Ok(Request::MeasureFirst { sublayer }) => {
                *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = Some(sublayer);
            }
            Ok(request) => {
                let number = self.newest.fetch_add(1, Ordering::SeqCst) + 1;
                // A session that has ended ends the connection, too.
                if let Err(mpsc::TrySendError::Full(_)) = jobs.try_send(Job { number, request: limited(request) }) {
                    let message = "the page sends more requests than the engine can hold".into();
                    events.tell(WorkerEvent::Failed { stage: Stage::Run, message, fatal: true });
                }
            }
            Err(error) => {
                let message = format!("the page sent a message that the engine cannot read: {error}");
                events.tell(WorkerEvent::Failed { stage: Stage::Run, message, fatal: false });
            }
        }
    }

    /// Stops whatever runs: the visitor is gone.
    pub(super) fn leave(&self) {
        self.has_left.store(true, Ordering::SeqCst);
        self.newest.fetch_add(1, Ordering::SeqCst);
    }
}

/// A request with the limits that a page keeps to.
fn limited(request: Request) -> Request {
    let checked = |run: RunSettings, measure: MeasureSettings| {
        let (settings, _) = Settings { run, measure, ..Settings::default() }.checked();
        (settings.run, settings.measure)
    };
    match request {
        Request::Run { run, settings } => {
            Request::Run { run, settings: checked(settings, MeasureSettings::default()).0 }
        }
        Request::Measure { run, settings, measure, what } => {
            let (settings, measure) = checked(settings, measure);
            Request::Measure { run, settings, measure, what }
        }
        other => other,
    }
}

/// The way of events to the page.
#[derive(Clone)]
pub(super) struct Events {
    sender: Sender<WorkerEvent>,
    heard: Arc<Heard>,
}

impl Events {
    /// Events to the page that `heard` hears.
    pub(super) fn new(sender: Sender<WorkerEvent>, heard: Arc<Heard>) -> Self {
        Self { sender, heard }
    }

    /// Tells an event. If the visitor is gone, or reads so slowly that too many events wait, the next checkpoint stops the work.
    pub(super) fn tell(&self, event: WorkerEvent) {
        if self.sender.try_send(event).is_err() {
            self.heard.leave();
        }
    }
}

/// Serves a visitor until the connection ends; a panic is told as the worker tells it.
pub(super) fn serve<C: Compute>(
    served: &Arc<Served<C>>,
    heard: &Arc<Heard>,
    jobs: &mpsc::Receiver<Job>,
    events: &Events,
) {
    let mut session = Visit { served: served.clone(), heard: heard.clone(), events: events.clone(), session: None };
    while let Ok(Job { number, request }) = jobs.recv() {
        if heard.has_left.load(Ordering::SeqCst) {
            return;
        }
        // What was superseded while it waited needs no turn.
        let is_newest = heard.newest.load(Ordering::SeqCst) == number;
        match request {
            Request::Stop => session.tell(WorkerEvent::Stopped),
            Request::Run { run, .. } | Request::Measure { run, .. } if !is_newest => {
                session.teller(run)(RunEvent::Stopped)
            }
            request => {
                served.turns.take();
                let done = catch_unwind(AssertUnwindSafe(|| session.answer(number, request)));
                served.turns.give();
                if done.is_err() {
                    let message =
                        "the engine crashed, which is an error of Prunescope itself; its terminal says more".into();
                    session.tell(WorkerEvent::Failed { stage: Stage::Run, message, fatal: true });
                    return;
                }
            }
        }
    }
}

struct Visit<C: Compute> {
    served: Arc<Served<C>>,
    heard: Arc<Heard>,
    events: Events,
    session: Option<Session<C>>,
}

impl<C: Compute> Visit<C> {
    fn tell(&self, event: WorkerEvent) {
        self.events.tell(event);
    }

    /// Tells an event of a run.
    fn teller(&self, run: u64) -> impl FnMut(RunEvent) + use<C> {
        let events = self.events.clone();
        move |event| events.tell(WorkerEvent::Run { run, event })
    }

    /// Stops once there is a newer request, measures announced switches first, and lets other visitors compute in between.
    ///
    /// * `shares`: whether it does the last, without which a measurement of speed would time the others.
    fn control(&self, number: u64, shares: bool) -> Control {
        let (newest, announced) = (Rc::new(Cell::new(number)), Rc::new(Cell::new(None)));
        let (served, heard) = (self.served.clone(), self.heard.clone());
        let (copy, switch, last) = (newest.clone(), announced.clone(), Cell::new(milliseconds()));
        let pause = move || {
            copy.set(heard.newest.load(Ordering::SeqCst));
            if let Some(sublayer) = heard.announced.lock().unwrap_or_else(PoisonError::into_inner).take() {
                switch.set(Some(sublayer));
            }
            if shares && milliseconds() - last.get() >= SLICE_MS {
                if served.turns.is_awaited() {
                    served.turns.give();
                    served.turns.take();
                    copy.set(heard.newest.load(Ordering::SeqCst));
                }
                last.set(milliseconds());
            }
            Box::pin(async {}) as prunescope_engine::experiment::LocalFuture
        };
        Control::new(newest, number, Rc::new(pause)).with_announced(announced)
    }

    fn answer(&mut self, number: u64, request: Request) {
        let shares = !matches!(request, Request::Measure { what: Measurement::Speed, .. });
        let control = self.control(number, shares);
        match (request, &mut self.session) {
            // Answered before.
            (Request::Stop | Request::Ping | Request::MeasureFirst { .. }, _) => {}
            (Request::Load { model, other, precision, .. }, _) => self.load(&model, other.is_some(), precision),
            (Request::Run { run, .. } | Request::Measure { run, .. }, None) => self.teller(run)(RunEvent::Stopped),
            (Request::Run { run, settings }, Some(_)) => {
                let mut tell = self.teller(run);
                let done = self.run(&settings, &control, &mut tell);
                if let Err(error) = done {
                    tell(Session::<C>::failure(&error));
                }
            }
            (Request::Measure { run, settings, measure, what }, Some(_)) => {
                let mut tell = self.teller(run);
                let Some(session) = &mut self.session else { return };
                let done = block_on(async {
                    session.measure(&settings, &measure, what, &control, &mut tell).await?;
                    session.work_ahead(&settings, &control, &mut tell).await
                });
                if let Err(error) = done {
                    tell(Session::<C>::failure(&error));
                }
            }
            (Request::Calibrate { text }, Some(session)) => session.calibrate(&text),
            (Request::UseQuestions { questions }, Some(session)) => session.use_questions(questions),
            (Request::UseRetrievalSet { set }, Some(session)) => session.use_retrieval_set(set),
            (Request::UseTexts { texts }, Some(session)) => session.use_texts(texts),
            // The page sends these again once a model is loaded.
            (
                Request::Calibrate { .. }
                | Request::UseQuestions { .. }
                | Request::UseRetrievalSet { .. }
                | Request::UseTexts { .. },
                None,
            ) => {}
        }
        self.tell(WorkerEvent::Usage { memory: resident_bytes(), threads: POOL.threads() });
    }

    /// Gives the visitor the model that is served, whatever the page asks for: nothing is fetched for a visitor.
    fn load(&mut self, order: &ModelOrder, with_other: bool, precision: Precision) {
        let Served { model, name, device, .. } = &*self.served;
        if with_other {
            let message =
                "this engine has one model: a second one to compare with can be loaded in the browser only".into();
            return self.tell(WorkerEvent::Failed { stage: Stage::Load, message, fatal: false });
        }
        self.tell(WorkerEvent::Device { backend: C::BACKEND, reason: device.clone() });
        let asked = order.source.strip_prefix(PICKED).unwrap_or(&order.source);
        if !asked.is_empty() && asked != name {
            let message =
                format!("{asked} was asked for, but this engine has {name}: the numbers are those of {name}.");
            self.tell(WorkerEvent::Notice { message });
        }
        if precision != Precision::Stored {
            let message = "This engine computes with the weights as the file stores them, not with 8 bits.".into();
            self.tell(WorkerEvent::Notice { message });
        }
        let mut session = Session::new(model.clone(), name, milliseconds);
        if let Err(wrong) = block_on(session.check_device()) {
            let message =
                format!("the engine's device must not be used, because {wrong}: start the engine with --backend cpu");
            return self.tell(WorkerEvent::Failed { stage: Stage::Device, message, fatal: false });
        }
        self.tell(WorkerEvent::Ready { model: Box::new(session.info().clone()) });
        self.session = Some(session);
    }

    /// Makes a run, measures it at further steps, and works ahead.
    fn run(
        &mut self,
        settings: &RunSettings,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(), ExperimentError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        block_on(async {
            control.checkpoint().await?;
            session.run(settings, control, tell).await?;
            session.measure_damage_along(settings, control, tell).await?;
            session.measure_layer_band(settings, control, tell).await?;
            session.work_ahead(settings, control, tell).await
        })
    }
}

/// Bytes of memory that this program holds; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    // Pages of 4 KiB on the systems that have this file.
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * 4096)
}
