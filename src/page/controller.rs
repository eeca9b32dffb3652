//! The only place that changes the settings, the engine's status and runs, for the visitor, links, scripts and the worker.

use std::collections::BTreeMap;
use std::time::Duration;

use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::address::{self, HistoryEntry};
use super::client::{EngineClient, EnginePlace, Word};
use super::models::Models;
use super::state::{AppState, EngineStatus, Failure, StepsTold};
use super::{device, lookup, offline};
use crate::consent::{self, Asker, Decision, Left, Part, Question, decide};
use crate::engine_start::StartFailure;
use crate::notices::Notices;
use crate::pace::DownloadPace;
use crate::run_results::{Changed, RunResults, RunResultsStoreFields};
use prunescope_localization::tr;
use prunescope_protocol::messages::{
    Backend, DeviceChoice, Excess, ModelFiles, ModelOrder, Request, RunEvent, Stage, WorkerEvent,
};
use prunescope_protocol::model::source::PICKED;
use prunescope_protocol::results::ModelInfo;
use prunescope_protocol::settings::{BackendChoice, Change, ModelChoice, Precision, Settings};

/// How long an engine may take to stop, in milliseconds: some steps of pruning methods take seconds.
const STOPS_WITHIN_MS: u32 = 15_000;
/// The least time between two pictures of a text that is being written: a fast engine writes a hundred tokens a second, nobody sees more
/// pictures than these, and drawing each token would take what the engine computes with.
const BETWEEN_STEPS: Duration = Duration::from_millis(40);

impl AppState {
    /// Changes the settings on the visitor's behalf, updates the address bar, and starts what the change requires.
    pub(super) fn change(&self, entry: HistoryEntry, how: impl FnOnce(&mut Settings)) {
        self.change_for(Asker::Visitor, entry, how);
    }

    /// Like [`Self::change`], for the visitor or for a link; returns the kind of change.
    pub(super) fn change_for(&self, asker: Asker, entry: HistoryEntry, how: impl FnOnce(&mut Settings)) -> Change {
        let before = self.settings.get_untracked();
        let mut settings = before.clone();
        how(&mut settings);
        let (settings, corrected) = settings.checked();
        self.notices.update(|notices| notices.extend(corrected));
        let change = settings.change_from(&before);
        if change == Change::Nothing {
            return change;
        }
        self.claims.update(|claims| match asker {
            Asker::Link => claims.link_changed(&before, &settings),
            Asker::Visitor | Asker::Agreed => claims.visitor_changed(&before, &settings),
        });
        self.settings.set(settings.clone());
        if settings.run.importance != before.run.importance {
            // The points of the sweep, and of some searches, drop what was least important.
            self.results.update(RunResults::forget_sweep);
            self.results.update(RunResults::forget_search);
        }
        if settings.run.plan.repair != before.run.plan.repair {
            self.page_chooses_form.set(false);
        }
        match change {
            Change::Nothing => {}
            Change::Load => {
                self.cpu_reason.set(None);
                self.load_model();
            }
            Change::Run => {
                if self.failure.with_untracked(|failure| failure.as_ref().is_some_and(|it| it.stage == Stage::Load)) {
                    let sentence = tr!(controller_no_model);
                    self.of_model.update_value(|known| known.push(sentence.clone()));
                    self.notices.update(|notices| notices.push(sentence));
                }
                self.start_run();
                match self.engine.get_untracked() {
                    EngineStatus::Ready => {}
                    EngineStatus::Down if self.waits_for_touch.get_untracked() => self.answer_or_load(),
                    EngineStatus::Down => {
                        // What is shown belongs to other settings, and no run will take its place.
                        self.newest_run.update(|run| *run += 1);
                        self.answer_from_trace();
                    }
                    _ => self.answer_from_trace(),
                }
            }
            Change::Explore => self.measure_after_change(&before, &settings),
        }
        // Last, since the browser takes milliseconds for it, in which the engine computes already.
        self.write_address(entry);
        change
    }

    /// Writes what is shown into the address bar.
    pub(super) fn write_address(&self, entry: HistoryEntry) {
        let chapter = self.chapter.get_untracked();
        self.presentation.with_untracked(|presentation| {
            let engine = self.attached.get_untracked();
            self.settings
                .with_untracked(|settings| address::write(settings, presentation, chapter, engine.as_ref(), entry));
        });
    }

    /// Replaces the loaded models by those that the settings name, or asks the visitor first.
    pub(super) fn load_model(&self) {
        let settings = self.settings.get_untracked();
        self.waits_for_touch.set(false);
        self.clear_engine();
        self.download_pace.set_value(DownloadPace::default());
        // What the switches did was this engine's model's.
        if self.recorded.with_untracked(Option::is_none) || untrack(|| self.is_stale()) {
            self.results.switches().set(BTreeMap::new());
        }
        // An engine outside the browser fetches nothing for a page.
        if lookup::is_plain(&settings) || self.attached.with_untracked(Option::is_some) {
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

    /// The visitor agrees to the question: load the models.
    pub(super) fn agree(&self) {
        if let Some(question) = self.question.get_untracked() {
            self.claims.update(|claims| {
                self.settings.with_untracked(|settings| claims.agree(settings, question.allowances()))
            });
        }
        self.load_model();
    }

    /// The visitor prefers the default model to those of the settings.
    pub(super) fn use_default(&self) {
        self.waiting.update_value(|waiting| waiting.reject("the visitor took the default model instead"));
        self.claims.update(|claims| claims.visitor_named(""));
        self.change(HistoryEntry::New, |settings| {
            settings.models.model.clear();
            settings.models.other.clear();
        });
    }

    /// Asks about a model that was allowed to load and then turned out larger, or elsewhere, than stated.
    fn ask_first(&self, model: String, left: Left) {
        self.client.with_value(EngineClient::stop);
        self.engine.set(EngineStatus::Down);
        let place = self.settings.with_untracked(|settings| lookup::place(settings, &model));
        self.question.set(Some(Question::again(Part { model, place, asker: Asker::Link, left })));
    }

    /// Starts a worker that loads the settings' models.
    ///
    /// * `parts`: what was found about them, if that was looked up.
    fn fetch_model(&self, parts: &[Part]) {
        let settings = self.settings.get_untracked();
        let order = |model: &str| {
            // An engine outside the browser has its model, and needs no address and no access token.
            if self.attached.with_untracked(Option::is_some) {
                let files = ModelFiles::Address { address: String::new() };
                return Ok(ModelOrder { source: model.into(), files, allowance: None });
            }
            let agreed = self.claims.with_untracked(|claims| claims.agreed(&settings, model));
            let allowance = agreed.or_else(|| consent::allowance(model, parts, lookup::saves_data()));
            self.models.order(&settings, model, allowance)
        };
        let orders = order(&settings.models.model).and_then(|model| {
            let other = Some(&settings.models.other).filter(|other| !other.is_empty());
            Ok((model, other.map(|other| order(other)).transpose()?))
        });
        match orders {
            Ok((model, other)) => {
                self.engine.set(EngineStatus::Starting);
                let precision = settings.models.precision;
                let request = move |device| Request::Load { model, other, precision, device };
                spawn_local(self.start_engine(request, settings));
            }
            Err(message) => self.fail(Stage::Load, message),
        }
    }

    /// Starts the worker for the chosen device, unless the visitor has changed the request by the time the device is known.
    async fn start_engine(self, request: impl FnOnce(DeviceChoice) -> Request, settings: Settings) {
        let load = self.newest_run.get_untracked();
        if let Some(address) = self.attached.get_untracked() {
            let place = EnginePlace::Attached(address);
            let request = request(device::cpu(String::new()));
            return self
                .client
                .with_value(|client| client.start(place.clone(), request, move |word| self.hear(&place, word)));
        }
        let device = match self.cpu_reason.get_untracked() {
            Some(reason) => Ok(device::cpu(reason)),
            None => device::choose(settings.models.backend, &settings.models.model).await,
        };
        if self.newest_run.get_untracked() != load || self.engine.get_untracked() != EngineStatus::Starting {
            return;
        }
        match device {
            Ok(device) => self.client.with_value(|client| {
                let place = EnginePlace::Worker(device.backend);
                client.start(place.clone(), request(device), move |word| self.hear(&place, word));
            }),
            Err(message) => self.fail(Stage::Device, message),
        }
    }

    /// Uses the CPU for the rest of this visit, without changing the link.
    ///
    /// * `reason` — why, as a sentence.
    pub(super) fn use_cpu(&self, reason: &str) {
        self.cpu_reason.set(Some(reason.into()));
        self.load_model();
    }

    /// Computes in this browser from now on, and no longer by an engine outside it.
    pub(super) fn detach(&self) {
        self.attached.set(None);
        // The engine's model is not this browser's.
        let forget = |settings: &mut Settings| settings.models = ModelChoice::default();
        if self.change_for(Asker::Visitor, HistoryEntry::New, forget) == Change::Nothing {
            self.write_address(HistoryEntry::New);
            self.load_model();
        }
    }

    /// Runs the settings, replacing the current run.
    pub(super) fn start_run(&self) {
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
        self.send(Request::Run { run, settings: settings.run });
    }

    /// Sends a request to the engine.
    pub(super) fn send(&self, request: Request) {
        self.client.with_value(|client| client.send(request));
    }

    /// Stops loading or running.
    pub(super) fn stop(&self) {
        if self.engine.get_untracked() == EngineStatus::Ready {
            self.send(Request::Stop);
            self.running.set(false);
            self.end_unless_it_stops();
        } else if self.engine.get_untracked() != EngineStatus::Down {
            self.client.with_value(EngineClient::stop);
            self.fail(Stage::Load, tr!(controller_loading_stopped));
        }
        self.stop_measuring();
        self.waiting.update_value(|waiting| waiting.reject("it was stopped"));
    }

    /// Terminates an engine that does not stop in time: one of the model's own files may keep it busy for hours.
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
                state.fail(Stage::Run, tr!(controller_did_not_stop, seconds = STOPS_WITHIN_MS / 1000));
            }
        })
        .forget();
    }

    /// Marks that no measurement is wanted any more.
    fn stop_measuring(&self) {
        self.measurements.wanted.set(None);
        self.results.working().set(None);
    }

    /// Restores the first visit's example, on the same model and device.
    pub(super) fn reset(&self) {
        self.notices.set(Notices::default());
        let loaded = self.model.get_untracked();
        self.change(HistoryEntry::New, |settings| {
            *settings = Settings { models: settings.models.clone(), ..Settings::example() };
            // The example is made for the default model; other models may have fewer layers, or no chat template.
            if let Some(loaded) = loaded {
                settings.fit(loaded.config.layers, loaded.has_chat_template);
            }
        });
    }

    /// Reports a failure that the page itself found; scripts receive it like the engine's own failures.
    fn fail(&self, stage: Stage, message: String) {
        let message = self.for_visitor(message);
        self.end(stage, message.clone());
        let failed = WorkerEvent::Failed { stage, message, fatal: true };
        let calls = self.waiting.try_update_value(|waiting| waiting.tell_of_worker(&failed));
        calls.unwrap_or_default().call();
    }

    fn end(&self, stage: Stage, message: String) {
        self.engine.set(EngineStatus::Down);
        self.running.set(false);
        self.stop_measuring();
        self.waiting.update_value(|waiting| waiting.reject(&message));
        self.failure.set(Some(Failure::new(stage, message)));
    }

    /// Ends the engine and whatever waits for it.
    ///
    /// * `why`: told to scripts that wait for a result.
    pub(super) fn end_engine(&self, why: &str) {
        self.clear_engine();
        self.stop_measuring();
        self.waiting.update_value(|waiting| waiting.reject(why));
        self.engine.set(EngineStatus::Down);
    }

    /// Ends the engine with its run, and forgets what was said of it. From here on, the results still shown belong to no current run.
    fn clear_engine(&self) {
        self.client.with_value(EngineClient::stop);
        self.newest_run.update(|run| *run += 1);
        self.stopping.set_value(None);
        self.running.set(false);
        self.results.working().set(None);
        self.failure.set(None);
        self.question.set(None);
        self.program.set(None);
        self.device.set(None);
        self.usage.set(None);
    }

    /// Reloads the model with weights rounded to 8 bits.
    pub(super) fn round_to_eight_bits(&self) {
        self.change(HistoryEntry::New, |settings| settings.models.precision = Precision::Eight);
    }

    /// Handles what is heard from the engine at a place.
    fn hear(&self, place: &EnginePlace, word: Word) {
        match word {
            Word::Event(event) => self.receive(event),
            Word::Listens => {
                self.program.set(None);
                if self.engine.get_untracked() == EngineStatus::Down {
                    // The page had given it up.
                    self.failure.set(None);
                    self.engine.set(EngineStatus::Starting);
                }
                if let Some(backend) = place.backend() {
                    let manifest = self.settings.with_untracked(|settings| Models::manifest(&settings.models.model));
                    spawn_local(offline::keep(backend, manifest));
                }
            }
            Word::NotStarted(failure) => {
                if failure != StartFailure::Silent {
                    self.client.with_value(EngineClient::stop);
                }
                self.fail(Stage::Device, sentence(&failure.to_string()));
                self.failure.update(|known| {
                    if let Some(known) = known {
                        known.offers_cpu = place.backend() == Some(Backend::WebGpu);
                        known.offers_reload = failure == StartFailure::Updated;
                    }
                });
            }
        }
    }

    /// Handles a worker's event. Events of superseded runs are dropped here, so that numbers of two plans never mix.
    fn receive(&self, event: WorkerEvent) {
        match event {
            WorkerEvent::Run { run, event } if run == self.newest_run.get_untracked() => {
                let settings = self.settings.get_untracked();
                let calls = self.waiting.try_update_value(|waiting| waiting.tell_of_run(run, &event, settings));
                self.apply_run_event(run, event);
                calls.unwrap_or_default().call();
            }
            WorkerEvent::Run { event: RunEvent::Failed { message, fatal: true }, .. } => {
                self.replace_engine(Stage::Run, message);
            }
            WorkerEvent::Run { event, .. } => {
                if matches!(event, RunEvent::Stopped) {
                    self.stopping.set_value(None);
                }
            }
            event => {
                let calls = self.waiting.try_update_value(|waiting| waiting.tell_of_worker(&event));
                self.apply_worker_event(event);
                calls.unwrap_or_default().call();
            }
        }
    }

    /// Applies an event of the newest run.
    fn apply_run_event(&self, run: u64, event: RunEvent) {
        match &event {
            RunEvent::NotFinite { found } => {
                let sentence = found.to_string();
                self.of_model.update_value(|known| known.push(sentence.clone()));
                self.notices.update(|notices| notices.push(sentence));
            }
            RunEvent::Stopped => {
                self.stopping.set_value(None);
                self.running.set(false);
            }
            RunEvent::Failed { message, fatal } => {
                self.stopping.set_value(None);
                if *fatal {
                    return self.replace_engine(Stage::Run, message.clone());
                }
                self.running.set(false);
                self.stop_measuring();
                self.failure.set(Some(Failure::new(Stage::Run, self.for_visitor(sentence(message)))));
            }
            RunEvent::Done { .. } => self.running.set(false),
            _ => {}
        }
        let (done, measured) = (matches!(event, RunEvent::Done { .. }), matches!(event, RunEvent::Measured { .. }));
        let settings = self.settings.with_untracked(|settings| settings.run.clone());
        if matches!(event, RunEvent::NextToken { .. }) {
            self.replace_recorded();
        }
        let Some(changed) = self.results.try_update_untracked(|results| results.apply(run, &settings, event)) else {
            return;
        };
        self.notify(changed);
        let progress = match changed {
            // The early picture's points count as none.
            Changed::Sweep => Some(self.results.sweep_progress().get_untracked()).filter(|(done, _)| *done > 0),
            Changed::Search => Some(self.results.search_progress().get_untracked()),
            _ => None,
        };
        if let Some((done, total)) = progress {
            self.keep_pace(done, total);
        }
        if changed == Changed::FullRepair {
            self.take_full_repair();
        }
        if done {
            self.measure_after_run();
        }
        if measured {
            self.measure_after_measurement();
        }
    }

    /// Notifies everything that shows a changed part of the results. Written steps wait for their next picture, or for another change, which
    /// is never shown without them.
    fn notify(&self, changed: Changed) {
        let told = self.steps_told.get_value();
        if let StepsTold::Waiting(steps) = told
            && steps != changed
        {
            self.steps_told.set_value(StepsTold::JustNow);
            self.notify_now(steps);
        }
        if !matches!(changed, Changed::Steps | Changed::RepairedSteps) {
            self.notify_now(changed);
        } else if told == StepsTold::LongAgo {
            self.notify_now(changed);
            self.let_steps_wait();
        } else {
            self.steps_told.set_value(StepsTold::Waiting(changed));
        }
    }

    /// Further steps wait for a moment; those that wait then are told.
    fn let_steps_wait(&self) {
        self.steps_told.set_value(StepsTold::JustNow);
        let state = *self;
        let tell = move || match state.steps_told.try_get_value() {
            Some(StepsTold::Waiting(steps)) => {
                state.notify_now(steps);
                state.let_steps_wait();
            }
            Some(_) => state.steps_told.set_value(StepsTold::LongAgo),
            // The page is gone.
            None => {}
        };
        set_timeout(tell, BETWEEN_STEPS);
    }

    fn notify_now(&self, changed: Changed) {
        let results = self.results;
        match changed {
            Changed::Run => results.notify(),
            Changed::NotFinite => results.not_finite().notify(),
            Changed::Steps => results.steps().notify(),
            Changed::FixedTrajectory => results.fixed_trajectory().notify(),
            Changed::Quality => results.quality().notify(),
            Changed::Layers => results.layers().notify(),
            Changed::EditedLayers => results.edited_layers().notify(),
            Changed::Damage => results.damage().notify(),
            Changed::Nothing => {}
            Changed::Weights => results.weights().notify(),
            Changed::Report => {
                results.report().notify();
                results.importance().notify();
            }
            Changed::Working => results.working().notify(),
            Changed::Repair => {
                results.repair().notify();
                results.repaired_next_token().notify();
            }
            Changed::RepairedSteps => results.repaired_steps().notify(),
            Changed::FullRepair => results.full_repair().notify(),
            Changed::OwnAnswers => results.own_answers().notify(),
            Changed::Repaired => {
                results.repaired_fixed_trajectory().notify();
                results.repaired_quality().notify();
            }
            Changed::Fidelity => results.fidelity().notify(),
            Changed::Speed => {
                results.speed().notify();
                results.compared_plans().notify();
            }
            Changed::TextFidelity => {
                results.text_fidelity().notify();
                results.compared_plans().notify();
            }
            Changed::Switches => results.switches().notify(),
            Changed::Variants => results.variants().notify(),
            Changed::Choice => results.choice().notify(),
            Changed::Retrieval => results.retrieval().notify(),
            Changed::Written => results.written().notify(),
            Changed::Judgement => {
                results.judgement().notify();
                results.judged().notify();
            }
            Changed::Picture => results.picture().notify(),
            Changed::Sweep => {
                results.sweep().notify();
                results.sweep_progress().notify();
            }
            Changed::Search => {
                results.search().notify();
                results.search_progress().notify();
            }
            Changed::Importance => results.importance().notify(),
        }
    }

    /// Applies an event of the worker itself.
    fn apply_worker_event(&self, event: WorkerEvent) {
        match event {
            WorkerEvent::Hello | WorkerEvent::Pong | WorkerEvent::NotStarted { .. } | WorkerEvent::Run { .. } => {}
            WorkerEvent::Starting { received, total } => self.program.set(Some((received, total))),
            WorkerEvent::Device { backend, reason } => self.device.set(Some((backend, reason))),
            WorkerEvent::NotThisDevice { reason, lasting } => {
                if lasting {
                    let model = self.settings.with_untracked(|settings| settings.models.model.clone());
                    spawn_local(device::remember_slower(model, reason.clone()));
                } else {
                    self.notices.update(|notices| notices.push(reason.clone()));
                }
                self.use_cpu(&reason);
            }
            WorkerEvent::Progress { received, total, kept, file } => {
                let now = window().performance().map_or(0.0, |performance| performance.now());
                let pace = self.download_pace.try_update_value(|pace| pace.of(now, received, total, kept)).flatten();
                self.engine.set(EngineStatus::Loading { received, total, file, pace });
            }
            WorkerEvent::Notice { message } => {
                let message = self.for_visitor(message);
                self.notices.update(|notices| notices.push(message));
            }
            WorkerEvent::AskFirst { model, excess } => {
                let left = match excess {
                    Excess::Bytes(bytes) => Left::Bytes(bytes),
                    Excess::Redirect => Left::Redirect,
                    Excess::Unknown => Left::Unknown,
                };
                self.ask_first(model, left);
            }
            WorkerEvent::TooBig { message, fits_in_eight_bits } => {
                self.client.with_value(EngineClient::stop);
                self.fail(Stage::Load, sentence(&message));
                self.failure.update(|failure| {
                    if let Some(failure) = failure {
                        failure.offers_eight_bits = fits_in_eight_bits;
                    }
                });
            }
            WorkerEvent::Ready { model } => {
                let model = *model;
                let compare = |old: &ModelInfo| (*old == model, old.is_same_dense(&model));
                let (same, same_dense) = self.model.with_untracked(|old| old.as_ref().map_or((false, false), compare));
                if !same {
                    self.results.importance().set(None);
                    self.results.own_answers().set(Default::default());
                    let other = model.other.as_ref().map_or("", |other| other.source.as_str());
                    self.results.update(|results| results.change_models(same_dense, other));
                }
                if self.attached.with_untracked(Option::is_some) {
                    self.name_attached_model(&model.source);
                }
                self.send_sets();
                self.keep_plan_within(model.config.layers);
                self.keep_chat_possible(&model);
                self.tell_of_model(model.notices.clone());
                self.models.refresh_cached();
                self.model.set(Some(model));
                self.engine.set(EngineStatus::Ready);
                self.start_run();
            }
            WorkerEvent::Stopped => self.stopping.set_value(None),
            WorkerEvent::Usage { memory, threads } => self.usage.set(Some((memory, threads))),
            WorkerEvent::Failed { stage: Stage::Run, message, fatal: false } => {
                self.stopping.set_value(None);
                self.running.set(false);
                self.stop_measuring();
                self.failure.set(Some(Failure::new(Stage::Run, self.for_visitor(sentence(&message)))));
            }
            WorkerEvent::Failed { stage, message, fatal } => {
                self.stopping.set_value(None);
                if fatal { self.replace_engine(stage, message) } else { self.fail_without_engine(stage, message) }
            }
        }
    }

    /// Names the model of an engine outside the browser in the settings, as a file that was picked: links and traces are of that model.
    fn name_attached_model(&self, source: &str) {
        self.settings.update(|settings| {
            settings.models = ModelChoice { model: format!("{PICKED}{source}"), ..ModelChoice::default() };
        });
        self.write_address(HistoryEntry::Same);
    }

    /// Shows the notices of a loaded model in place of the previous model's.
    pub(super) fn tell_of_model(&self, sentences: Vec<String>) {
        let before = self.of_model.try_update_value(|known| std::mem::replace(known, sentences.clone()));
        self.notices.update(|notices| {
            before.iter().flatten().for_each(|sentence| notices.dismiss(sentence));
            notices.extend(sentences);
        });
    }

    /// Completes a message for an embedded page, which has no place to choose a model.
    fn for_visitor(&self, message: String) -> String {
        // The engine's own messages are English.
        let names_model = ["under Model", &tr!(controller_under_model)].iter().any(|words| message.contains(words));
        if self.embedded && names_model { format!("{message} {}", tr!(controller_no_model_in_frame)) } else { message }
    }

    /// Handles a fatal failure: on a GPU that the visitor did not ask for, the CPU takes over; otherwise the failure is shown.
    fn replace_engine(&self, stage: Stage, message: String) {
        self.client.with_value(EngineClient::stop);
        let on_gpu = self.device.with_untracked(|device| matches!(device, Some((Backend::WebGpu, _))));
        let may_choose = self.settings.with_untracked(|settings| settings.models.backend == BackendChoice::Auto);
        if on_gpu && may_choose && self.attached.with_untracked(Option::is_none) {
            let notice = format!("{} {}", sentence(&message), tr!(controller_went_on_with_cpu));
            self.notices.update(|notices| notices.push(notice));
            self.use_cpu(&tr!(controller_gpu_failed));
            return;
        }
        // The engine's own messages are English.
        let has_advice = ["again", &tr!(controller_again)].iter().any(|word| message.to_lowercase().contains(word));
        let message = match stage {
            Stage::Run if !has_advice => format!("{} {}", sentence(&message), tr!(controller_advice)),
            _ => sentence(&message),
        };
        self.end(stage, self.for_visitor(message));
    }

    /// Stops the engine and shows the failure: there is no model, or no device.
    fn fail_without_engine(&self, stage: Stage, message: String) {
        self.client.with_value(EngineClient::stop);
        self.end(stage, self.for_visitor(sentence(&message)));
    }

    /// Reads the prompt as plain text if the model has no usable chat template, and says so.
    fn keep_chat_possible(&self, model: &ModelInfo) {
        if !model.has_chat_template && self.settings.with_untracked(|settings| settings.run.chat) {
            let notice = match &model.chat_template_fault {
                None => tr!(controller_no_template),
                Some(fault) => format!("{} {}", sentence(fault), tr!(controller_template_off)),
            };
            self.notices.update(|notices| notices.push(notice));
            self.change(HistoryEntry::Same, |settings| settings.run.chat = false);
        }
    }

    /// Removes layers that the model does not have from the plans, and says so.
    fn keep_plan_within(&self, layers: usize) {
        let settings = self.settings.get_untracked();
        let (plan, mut notices) = settings.run.plan.within(layers);
        let mut compare = settings.measure.compare.clone();
        for variant in &mut compare {
            let (inside, more) = variant.plan.within(layers);
            variant.plan = inside;
            notices.extend(more);
        }
        if plan != settings.run.plan || compare != settings.measure.compare {
            self.notices.update(|known| known.extend(notices));
            self.change(HistoryEntry::Same, |settings| {
                settings.run.plan = plan;
                settings.measure.compare = compare;
            });
        }
    }
}

/// Turns an engine's message into a sentence.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first: String = chars.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// Applies the address bar's settings when the visitor goes back or forward.
pub(super) fn follow_history(state: AppState) {
    EventListener::new(&window(), "popstate", move |_| {
        let query = address::query();
        let (settings, presentation, notices) = address::read(&query);
        state.presentation.set(presentation);
        // A link to a trace has that trace's settings.
        let settings = address::trace(&query).and_then(|_| state.settings_of_trace()).unwrap_or(settings);
        state.notices.set(notices.into());
        state.chapter_sets.set_value(false);
        state.chapter.set(address::chapter(&query).filter(|_| !state.embedded));
        state.change_for(Asker::Link, HistoryEntry::None, |current| *current = settings);
        if address::engine(&query).is_some() != state.attached.with_untracked(Option::is_some) {
            // An entry from before the page was detached.
            state.write_address(HistoryEntry::Same);
        }
    })
    .forget();
}
