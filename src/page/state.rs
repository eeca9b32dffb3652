//! The page's one state. Settings change only through [`AppState::change`]; results come only from engine events.

use std::collections::BTreeMap;

use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::address;
use super::api::Waiting;
use super::client::{EngineClient, Word};
use super::device;
use super::lookup;
use super::measurements::Measurements;
use super::models::Models;
use super::offline;
use crate::consent::{self, Asker, Claims, Decision, Left, Part, Question, decide};
use crate::engine_start::StartFailure;
use crate::notices::Notices;
use prunescope_protocol::messages::{Backend, DeviceChoice, Event, Excess, Request, Stage};
use prunescope_protocol::prune::{Importance, PruningPlan};
use prunescope_protocol::results::{
    ComparedPosition, GenerationStep, LayerTransition, Metrics, ModelInfo, NotFinite, Quality, Report, TokenWeight,
    WeightReport, first_divergence, written_ids,
};
use prunescope_protocol::settings::{BackendChoice, Precision, Settings, link};

/// Layers of the default model, for a grid before it is loaded.
const DEFAULT_LAYERS: usize = 30;
/// How long an engine that is asked to stop may take, in milliseconds: some steps of pruning methods take seconds.
const STOPS_WITHIN_MS: u32 = 15_000;

/// How far the engine is.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineStatus {
    /// It is looked up how large the model is.
    Looking,
    /// The worker starts or opens its device.
    Starting,
    /// The model comes in.
    Loading {
        /// Bytes so far.
        received: u64,
        /// Bytes in all.
        total: u64,
        /// The file that is read.
        file: String,
        /// How fast, once that can be said.
        pace: Option<Pace>,
    },
    /// The model can be asked.
    Ready,
    /// There is no model; [`AppState::failure`] says why, or [`AppState::question`] asks.
    Down,
}

/// Something that went wrong, and what the visitor can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// A sentence: what is wrong and what to do.
    pub message: String,
    /// What was running.
    pub stage: Stage,
    /// Whether it would work with weights rounded to 8 bits.
    pub offers_eight_bits: bool,
    /// Whether it may work on the CPU.
    pub offers_cpu: bool,
    /// Whether only a new version of the page can go on.
    pub offers_reload: bool,
}

impl Failure {
    /// With the ways on that every failure of its kind has.
    fn new(stage: Stage, message: String) -> Self {
        let offers_cpu = stage == Stage::Device;
        Self { message, stage, offers_eight_bits: false, offers_cpu, offers_reload: false }
    }
}

/// How fast a model comes in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Bytes a second.
    pub speed: f64,
    /// Seconds until the model is there.
    pub left: f64,
}

/// Whether a change makes a new entry in the browser's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryEntry {
    /// Back returns to what was before.
    New,
    /// Part of a change that already has one, such as a drag or typing.
    Same,
    /// The change came from the address bar.
    None,
}

/// The page's state: signals, cheap to copy.
#[derive(Clone, Copy)]
pub struct AppState {
    /// What the visitor has set.
    pub settings: RwSignal<Settings>,
    /// Sentences about malformed links and the like.
    pub notices: RwSignal<Notices>,
    /// How far the engine is.
    pub engine: RwSignal<EngineStatus>,
    /// Bytes of its program so far and in all, while that comes.
    pub program: RwSignal<Option<(u64, u64)>>,
    /// Where it computes, and why there.
    pub device: RwSignal<Option<(Backend, String)>>,
    /// The loaded model.
    pub model: RwSignal<Option<ModelInfo>>,
    /// What went wrong last.
    pub failure: RwSignal<Option<Failure>>,
    /// What the visitor is asked before the settings' models are fetched.
    pub question: RwSignal<Option<Question>>,
    /// What the visitor asked for, beside what links ask for.
    pub claims: RwSignal<Claims>,
    /// The number of the newest run.
    pub newest_run: RwSignal<u64>,
    /// Whether it is still running.
    pub running: RwSignal<bool>,
    /// The number of the run whose results are shown.
    pub shown_run: RwSignal<u64>,
    /// The plan of the run whose results are shown.
    pub shown_plan: RwSignal<PruningPlan>,
    /// How many tokens the prompt has.
    pub prompt_tokens: RwSignal<usize>,
    /// The first position after the prompt.
    pub next_token: RwSignal<Option<ComparedPosition>>,
    /// Generation, step by step.
    pub steps: RwSignal<Vec<GenerationStep>>,
    /// Both models on the dense text.
    pub fixed_trajectory: RwSignal<Vec<Metrics>>,
    /// How far both texts have collapsed.
    pub quality: RwSignal<Option<Quality>>,
    /// Layer transitions by step of the dense text, where each sublayer is dropped.
    pub layers: RwSignal<BTreeMap<usize, Vec<LayerTransition>>>,
    /// The same where each sublayer's weights are those of the plan.
    pub edited_layers: RwSignal<BTreeMap<usize, Vec<LayerTransition>>>,
    /// The tokens whose Δz does the most damage after the prompt.
    pub damage: RwSignal<Vec<TokenWeight>>,
    /// What the plan did to the weights.
    pub weights: RwSignal<WeightReport>,
    /// What is measured beside the main run.
    pub measurements: Measurements,
    /// Importance of the model's sublayers.
    pub importance: RwSignal<Option<Importance>>,
    /// All results of the shown run.
    pub report: RwSignal<Option<Report>>,
    /// Bytes of the worker's wasm memory, and threads that compute.
    pub usage: RwSignal<Option<(u64, usize)>>,
    /// Where numbers of the shown run are none.
    pub not_finite: RwSignal<Option<NotFinite>>,
    /// Notices that are of the loaded model alone.
    of_model: StoredValue<Vec<String>>,
    /// Whether another page shows this one in a frame.
    pub embedded: bool,
    /// Whether the view stands before the texts.
    pub view_first: bool,
    /// Why the CPU computes in this visit, whatever the settings say: the GPU failed, computed wrong numbers or was slower, or
    /// the visitor pressed the button.
    cpu_reason: RwSignal<Option<String>>,
    client: StoredValue<EngineClient, LocalStorage>,
    /// Where models come from: picked files, the access token, what is kept on this device.
    pub models: Models,
    /// When the model began to come from the network, and how much of it was there.
    loading_since: StoredValue<Option<(f64, u64)>>,
    /// The number of a request to stop that the engine has not answered yet.
    stopping: StoredValue<Option<u32>>,
    /// Promises of results.
    pub waiting: StoredValue<Waiting, LocalStorage>,
}

impl AppState {
    /// The state that the address bar asks for.
    pub fn new() -> Self {
        let query = address::query();
        let (settings, notices) = link::from_query(&query);
        let embedded = address::is_embedded(&query);
        Self {
            settings: RwSignal::new(settings),
            notices: RwSignal::new(notices.into()),
            engine: RwSignal::new(EngineStatus::Starting),
            program: RwSignal::new(None),
            device: RwSignal::new(None),
            model: RwSignal::new(None),
            failure: RwSignal::new(None),
            question: RwSignal::new(None),
            claims: RwSignal::new(Claims::default()),
            newest_run: RwSignal::new(0),
            running: RwSignal::new(false),
            shown_run: RwSignal::new(0),
            shown_plan: RwSignal::new(PruningPlan::default()),
            prompt_tokens: RwSignal::new(0),
            next_token: RwSignal::new(None),
            steps: RwSignal::new(vec![]),
            fixed_trajectory: RwSignal::new(vec![]),
            quality: RwSignal::new(None),
            layers: RwSignal::new(BTreeMap::new()),
            edited_layers: RwSignal::new(BTreeMap::new()),
            damage: RwSignal::new(vec![]),
            weights: RwSignal::new(WeightReport::default()),
            measurements: Measurements::new(),
            importance: RwSignal::new(None),
            report: RwSignal::new(None),
            usage: RwSignal::new(None),
            not_finite: RwSignal::new(None),
            of_model: StoredValue::new(vec![]),
            embedded,
            view_first: embedded && address::names_view(&query),
            cpu_reason: RwSignal::new(None),
            client: StoredValue::new_local(EngineClient::default()),
            models: Models::new(embedded),
            loading_since: StoredValue::new(None),
            stopping: StoredValue::new(None),
            waiting: StoredValue::new_local(Waiting::default()),
        }
    }

    /// The number of layers of the model, or of the default model before one is loaded.
    pub fn layer_count(&self) -> usize {
        self.model.with(|model| model.as_ref().map_or(DEFAULT_LAYERS, |model| model.config.layers))
    }

    /// Whether what is shown belongs to an older run than the newest.
    pub fn is_stale(&self) -> bool {
        self.shown_run.get() != self.newest_run.get()
    }

    /// The same without following the signals.
    pub fn is_stale_untracked(&self) -> bool {
        self.shown_run.get_untracked() != self.newest_run.get_untracked()
    }

    /// The first step at which the shown texts differ.
    pub fn first_divergence(&self) -> Option<usize> {
        let (dense, pruned) = self.steps.with(|steps| written_ids(steps));
        first_divergence(&dense, &pruned)
    }

    /// Changes the settings for the visitor, the address bar with them, and starts what that asks for.
    pub fn change(&self, entry: HistoryEntry, how: impl FnOnce(&mut Settings)) {
        self.change_for(Asker::Visitor, entry, how);
    }

    /// [`Self::change`], for the visitor or for a link.
    pub fn change_for(&self, asker: Asker, entry: HistoryEntry, how: impl FnOnce(&mut Settings)) {
        let before = self.settings.get_untracked();
        let mut settings = before.clone();
        how(&mut settings);
        let (settings, corrected) = settings.checked();
        self.notices.update(|notices| notices.extend(corrected));
        if settings == before {
            return;
        }
        self.claims.update(|claims| match asker {
            Asker::Link => claims.link_changed(&before, &settings),
            Asker::Visitor | Asker::Agreed => claims.visitor_changed(&before, &settings),
        });
        self.settings.set(settings.clone());
        address::write(&settings, self.embedded, entry);
        if settings.other_models(&before) {
            self.cpu_reason.set(None);
            self.load_model();
        } else if !settings.same_run(&before) {
            if self.failure.with_untracked(|failure| failure.as_ref().is_some_and(|it| it.stage == Stage::Load)) {
                let sentence =
                    "No model is loaded, so this changes no number yet: see above what went wrong.".to_string();
                self.of_model.update_value(|known| known.push(sentence.clone()));
                self.notices.update(|notices| notices.push(sentence));
            }
            self.start_run();
        } else {
            self.measurements.follow_settings(self, &before, &settings);
        }
    }

    /// Loads the models that the settings name in place of those there are, or asks the visitor first.
    pub fn load_model(&self) {
        let settings = self.settings.get_untracked();
        self.client.with_value(EngineClient::stop);
        self.loading_since.set_value(None);
        self.stopping.set_value(None);
        // What is still shown belongs to no run from here on.
        self.newest_run.update(|run| *run += 1);
        self.running.set(false);
        self.failure.set(None);
        self.program.set(None);
        self.question.set(None);
        // What was measured was stopped with its engine.
        self.measurements.working.set(None);
        self.device.set(None);
        self.usage.set(None);
        if lookup::is_plain(&settings) {
            return self.fetch_model(&[]);
        }
        self.engine.set(EngineStatus::Looking);
        let (state, load, claims) = (*self, self.newest_run.get_untracked(), self.claims.get_untracked());
        spawn_local(async move {
            let parts = lookup::parts(state.models, &settings, &claims).await;
            if state.newest_run.get_untracked() != load || state.engine.get_untracked() != EngineStatus::Looking {
                return;
            }
            match decide(&parts, lookup::saves_data()) {
                Decision::Load => state.fetch_model(&parts),
                Decision::Ask(question) => {
                    state.engine.set(EngineStatus::Down);
                    state.question.set(Some(question));
                }
            }
        });
    }

    /// The visitor agrees to load what was asked about.
    pub fn agree(&self) {
        if let Some(question) = self.question.get_untracked() {
            self.claims.update(|claims| {
                self.settings.with_untracked(|settings| claims.agree(settings, question.allowances()))
            });
        }
        self.load_model();
    }

    /// The visitor wants the default model in place of what the settings name.
    pub fn use_default(&self) {
        self.waiting.update_value(|waiting| waiting.reject("the visitor took the default model instead"));
        self.claims.update(|claims| claims.visitor_named(""));
        self.change(HistoryEntry::New, |settings| {
            settings.model.clear();
            settings.other.clear();
        });
    }

    /// Asks the visitor about a model that was let load, and of which other things were found while it was loaded.
    fn ask_first(&self, model: String, left: Left) {
        self.client.with_value(EngineClient::stop);
        self.engine.set(EngineStatus::Down);
        let place = self.settings.with_untracked(|settings| lookup::place(settings, &model));
        self.question.set(Some(Question::again(Part { model, place, asker: Asker::Link, left })));
    }

    /// Starts a worker with the models that the settings name.
    ///
    /// * `parts`: what was found of them, where that was looked up.
    fn fetch_model(&self, parts: &[Part]) {
        let settings = self.settings.get_untracked();
        let order = |model: &str| {
            let agreed = self.claims.with_untracked(|claims| claims.agreed(&settings, model));
            let allowance = agreed.or_else(|| consent::allowance(model, parts, lookup::saves_data()));
            self.models.order(&settings, model, allowance)
        };
        let orders = order(&settings.model).and_then(|model| {
            let other = Some(&settings.other).filter(|other| !other.is_empty());
            Ok((model, other.map(|other| order(other)).transpose()?))
        });
        match orders {
            Ok((model, other)) => {
                self.engine.set(EngineStatus::Starting);
                let precision = settings.precision;
                let request = move |device| Request::Load { model, other, precision, device };
                spawn_local(self.start_engine(request, settings));
            }
            Err(message) => self.fail(Stage::Load, message),
        }
    }

    /// Starts the worker that fits the device, unless the visitor wants something else by the time the device is known.
    async fn start_engine(self, request: impl FnOnce(DeviceChoice) -> Request, settings: Settings) {
        let load = self.newest_run.get_untracked();
        let device = match self.cpu_reason.get_untracked() {
            Some(reason) => Ok(device::cpu(reason)),
            None => device::choose(settings.backend, &settings.model).await,
        };
        if self.newest_run.get_untracked() != load || self.engine.get_untracked() != EngineStatus::Starting {
            return;
        }
        match device {
            Ok(device) => self.client.with_value(|client| {
                let backend = device.backend;
                client.start(backend, request(device), move |word| self.hear(backend, word));
            }),
            Err(message) => self.fail(Stage::Device, message),
        }
    }

    /// Goes on with the CPU for this visit, without changing the link.
    ///
    /// * `reason` — why, as a sentence.
    pub fn use_cpu(&self, reason: &str) {
        self.cpu_reason.set(Some(reason.into()));
        self.load_model();
    }

    /// Runs the settings, in place of what is running.
    pub fn start_run(&self) {
        if self.engine.get_untracked() != EngineStatus::Ready {
            return;
        }
        let run = self.newest_run.get_untracked() + 1;
        self.newest_run.set(run);
        self.running.set(true);
        if self.failure.with_untracked(|failure| failure.as_ref().is_some_and(|failure| failure.stage == Stage::Run)) {
            self.failure.set(None);
        }
        let settings = self.settings.get_untracked();
        self.send(Request::Run { run, settings });
    }

    /// Sends a request to the engine.
    pub fn send(&self, request: Request) {
        self.client.with_value(|client| client.send(request));
    }

    /// Stops loading or running.
    pub fn stop(&self) {
        if self.engine.get_untracked() == EngineStatus::Ready {
            self.send(Request::Stop);
            self.running.set(false);
            self.end_unless_it_stops();
        } else if self.engine.get_untracked() != EngineStatus::Down {
            self.client.with_value(EngineClient::stop);
            self.fail(Stage::Load, "Loading was stopped. Press Try again to go on where it was.".into());
        }
        self.measurements.stop();
        self.waiting.update_value(|waiting| waiting.reject("it was stopped"));
    }

    /// Ends an engine that does not stop in time: a file of the model's own may keep it at work for hours.
    fn end_unless_it_stops(&self) {
        thread_local! {
            static ASKED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
        }
        let number = ASKED.get().wrapping_add(1);
        ASKED.set(number);
        self.stopping.set_value(Some(number));
        let state = *self;
        Timeout::new(STOPS_WITHIN_MS, move || {
            if state.stopping.get_value() == Some(number) {
                state.stopping.set_value(None);
                state.client.with_value(EngineClient::stop);
                state.fail(
                    Stage::Run,
                    format!(
                        "The engine did not stop within {} seconds, so it was ended. Change what it was computing, or choose another model, then press Try again.",
                        STOPS_WITHIN_MS / 1000
                    ),
                );
            }
        })
        .forget();
    }

    /// Returns to the example of a first visit, on the same model and device.
    pub fn reset(&self) {
        self.notices.set(Notices::default());
        let loaded = self.model.get_untracked();
        self.change(HistoryEntry::New, |settings| {
            let Settings { model, other, hub, precision, backend, .. } = settings.clone();
            *settings = Settings { model, other, hub, precision, backend, ..Settings::example() };
            // The example is made for the default model: others may have fewer layers, or no chat template.
            if let Some(loaded) = loaded {
                settings.plan = settings.plan.within(loaded.config.layers).0;
                settings.chat &= loaded.has_chat_template;
            }
        });
    }

    /// There is no engine, for a reason that the page found; scripts hear of it as of the engine's own failures.
    fn fail(&self, stage: Stage, message: String) {
        let message = self.for_visitor(message);
        self.end(stage, message.clone());
        let failed = Event::Failed { run: None, stage, message, fatal: true };
        let newest = self.newest_run.get_untracked();
        let calls = self.waiting.try_update_value(|waiting| waiting.tell(&failed, newest));
        calls.unwrap_or_default().call();
    }

    fn end(&self, stage: Stage, message: String) {
        self.engine.set(EngineStatus::Down);
        self.running.set(false);
        self.measurements.stop();
        self.waiting.update_value(|waiting| waiting.reject(&message));
        self.failure.set(Some(Failure::new(stage, message)));
    }

    /// Loads the model anew with weights rounded to 8 bits.
    pub fn round_to_eight_bits(&self) {
        self.change(HistoryEntry::New, |settings| settings.precision = Precision::Eight);
    }

    /// Takes over what is heard of the engine for a backend.
    fn hear(&self, backend: Backend, word: Word) {
        match word {
            Word::Event(event) => self.receive(event),
            Word::Listens => {
                self.program.set(None);
                if self.engine.get_untracked() == EngineStatus::Down {
                    // It had been given up.
                    self.failure.set(None);
                    self.engine.set(EngineStatus::Starting);
                }
                spawn_local(offline::keep(backend));
            }
            Word::NotStarted(failure) => {
                if failure != StartFailure::Silent {
                    self.client.with_value(EngineClient::stop);
                }
                self.fail(Stage::Device, sentence(&failure.to_string()));
                self.failure.update(|known| {
                    if let Some(known) = known {
                        known.offers_cpu = backend == Backend::WebGpu;
                        known.offers_reload = failure == StartFailure::Updated;
                    }
                });
            }
        }
    }

    /// Takes over what the engine tells. Events of superseded runs are dropped, so numbers never mix two plans.
    fn receive(&self, event: Event) {
        let newest = self.newest_run.get_untracked();
        let calls = self.waiting.try_update_value(|waiting| waiting.tell(&event, newest));
        self.take_over(event, newest);
        calls.unwrap_or_default().call();
    }

    fn take_over(&self, event: Event, newest: u64) {
        if matches!(event, Event::Stopped { .. } | Event::Failed { .. }) {
            self.stopping.set_value(None);
        }
        match event {
            Event::Hello | Event::Pong | Event::NotStarted { .. } => {}
            Event::Starting { received, total } => self.program.set(Some((received, total))),
            Event::Device { backend, reason } => self.device.set(Some((backend, reason))),
            Event::NotThisDevice { reason, lasting } => {
                if lasting {
                    let model = self.settings.with_untracked(|settings| settings.model.clone());
                    spawn_local(device::remember_slower(model, reason.clone()));
                } else {
                    self.notices.update(|notices| notices.push(reason.clone()));
                }
                self.use_cpu(&reason);
            }
            Event::Progress { received, total, kept, file } => {
                let pace = self.pace(received, total, kept);
                self.engine.set(EngineStatus::Loading { received, total, file, pace });
            }
            Event::Notice { message } => {
                let message = self.for_visitor(message);
                self.notices.update(|notices| notices.push(message));
            }
            Event::AskFirst { model, excess } => {
                let left = match excess {
                    Excess::Bytes(bytes) => Left::Bytes(bytes),
                    Excess::Redirect => Left::Redirect,
                    Excess::Unknown => Left::Unknown,
                };
                self.ask_first(model, left);
            }
            Event::TooBig { message, fits_in_eight_bits } => {
                self.client.with_value(EngineClient::stop);
                self.fail(Stage::Load, sentence(&message));
                self.failure.update(|failure| {
                    if let Some(failure) = failure {
                        failure.offers_eight_bits = fits_in_eight_bits;
                    }
                });
            }
            Event::Ready { model } => {
                let model = *model;
                if self.model.with_untracked(|old| old.as_ref().is_none_or(|old| *old != model)) {
                    self.importance.set(None);
                    self.measurements.forget();
                }
                self.measurements.send_sets(self);
                self.keep_plan_within(model.config.layers);
                self.keep_chat_possible(&model);
                self.tell_of_model(model.notices.clone());
                self.models.look_again();
                self.model.set(Some(model));
                self.engine.set(EngineStatus::Ready);
                self.start_run();
            }
            Event::Prompt { run, ids } if run == newest => self.prompt_tokens.set(ids.len()),
            Event::NextToken { run, compared } if run == newest => {
                self.shown_run.set(run);
                self.shown_plan.set(self.settings.with_untracked(|settings| settings.plan.clone()));
                self.quality.set(None);
                self.edited_layers.set(BTreeMap::new());
                self.damage.set(vec![]);
                self.measurements.begin_run(self);
                self.steps.set(vec![]);
                self.fixed_trajectory.set(vec![]);
                self.layers.set(BTreeMap::new());
                self.report.set(None);
                self.not_finite.set(None);
                self.next_token.set(Some(*compared));
            }
            Event::NotFinite { run, found } if run == newest => {
                self.not_finite.set(Some(found));
                self.of_model.update_value(|known| known.push(found.to_string()));
                self.notices.update(|notices| notices.push(found.to_string()));
            }
            Event::Step { run, step } if run == newest => self.steps.update(|steps| steps.push(*step)),
            Event::FixedTrajectory { run, steps } if run == newest => self.fixed_trajectory.set(steps),
            Event::Layers { run, step, edited, layers } if run == newest => {
                let place = if edited { self.edited_layers } else { self.layers };
                place.update(|known| {
                    known.insert(step, layers);
                });
            }
            Event::Quality { run, quality } if run == newest => self.quality.set(Some(*quality)),
            Event::Damage { run, tokens } if run == newest => self.damage.set(tokens),
            Event::Weights { run, weights } if run == newest => self.weights.set(*weights),
            Event::Importance { importance } => self.importance.set(Some(*importance)),
            Event::Done { run, report } if run == newest => {
                self.running.set(false);
                self.report.set(Some(*report));
                self.measurements.end_run(self);
            }
            Event::Stopped { run } if run == Some(newest) => {
                self.running.set(false);
                self.measurements.working.set(None);
            }
            Event::Usage { memory, threads } => self.usage.set(Some((memory, threads))),
            Event::Failed { stage, message, fatal, run } => self.receive_failure(stage, message, fatal, run, newest),
            event => self.measurements.receive(self, event, newest),
        }
    }

    /// Shows notices of a model that was loaded, in place of those of the one before.
    fn tell_of_model(&self, sentences: Vec<String>) {
        let before = self.of_model.try_update_value(|known| std::mem::replace(known, sentences.clone()));
        self.notices.update(|notices| {
            before.iter().flatten().for_each(|sentence| notices.dismiss(sentence));
            notices.extend(sentences);
        });
    }

    /// A sentence as it helps here: a frame has no place to choose a model.
    fn for_visitor(&self, message: String) -> String {
        if self.embedded && message.contains("under Model") {
            format!("{message} This frame has no Model: open it in a tab for that.")
        } else {
            message
        }
    }

    fn receive_failure(&self, stage: Stage, message: String, fatal: bool, run: Option<u64>, newest: u64) {
        if !fatal && stage == Stage::Run {
            if run.is_none_or(|run| run == newest) {
                self.running.set(false);
                self.measurements.stop();
                self.failure.set(Some(Failure::new(stage, self.for_visitor(sentence(&message)))));
            }
            return;
        }
        self.client.with_value(EngineClient::stop);
        let on_gpu = self.device.with_untracked(|device| matches!(device, Some((Backend::WebGpu, _))));
        let may_choose = self.settings.with_untracked(|settings| settings.backend == BackendChoice::Auto);
        if fatal && on_gpu && may_choose {
            self.notices
                .update(|notices| notices.push(format!("{} Prunescope went on with the CPU.", sentence(&message))));
            self.use_cpu("The GPU failed in this visit.");
        } else {
            let advice = if fatal && stage == Stage::Run && !message.contains("again") {
                " Press Try again; if it happens again, choose another model or device under Model."
            } else {
                ""
            };
            self.end(stage, self.for_visitor(sentence(&message) + advice));
        }
    }

    /// How fast the model comes from the network, once some of it has come.
    fn pace(&self, received: u64, total: u64, kept: u64) -> Option<Pace> {
        let now = window().performance()?.now();
        let (since, had) = match self.loading_since.get_value().filter(|(_, had)| (kept..=received).contains(had)) {
            Some(begun) => begun,
            None => {
                self.loading_since.set_value(Some((now, received)));
                return None;
            }
        };
        let seconds = (now - since) / 1000.0;
        let speed = (received - had) as f64 / seconds.max(1e-3);
        (seconds > 1.0 && speed > 0.0).then(|| Pace { speed, left: (total - received) as f64 / speed })
    }

    /// Reads the prompt as plain text where the model has no chat template that can be used, and says so.
    fn keep_chat_possible(&self, model: &ModelInfo) {
        if !model.has_chat_template && self.settings.with_untracked(|settings| settings.chat) {
            let notice = match &model.chat_template_fault {
                None => "This model has no chat template, so the prompt is read as plain text.".into(),
                Some(fault) => format!("{} It is off now, so the prompt is read as plain text.", sentence(fault)),
            };
            self.notices.update(|notices| notices.push(notice));
            self.change(HistoryEntry::Same, |settings| settings.chat = false);
        }
    }

    /// Takes layers out of the plans that the model does not have, and says so.
    fn keep_plan_within(&self, layers: usize) {
        let settings = self.settings.get_untracked();
        let (plan, mut notices) = settings.plan.within(layers);
        let mut compare = settings.compare.clone();
        for variant in &mut compare {
            let (inside, more) = variant.plan.within(layers);
            variant.plan = inside;
            notices.extend(more);
        }
        if plan != settings.plan || compare != settings.compare {
            self.notices.update(|known| known.extend(notices));
            self.change(HistoryEntry::Same, |settings| {
                settings.plan = plan;
                settings.compare = compare;
            });
        }
    }
}

/// A message of the engine as a sentence.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first: String = chars.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
