//! The page's only state: signals, and values derived from them. Only `controller` changes it.

use leptos::prelude::*;
use reactive_stores::Store;
use url::Url;

use super::address;
use super::client::EngineClient;
use super::measurements::Measurements;
use super::models::Models;
use super::pending::Pending;
use super::shown_trace::{Recorded, ShownTrace};
use super::turn::Turn;
use crate::attached_engine;
use crate::consent::{Claims, Question};
use crate::notices::Notices;
use crate::pace::{DownloadPace, Pace};
use crate::presentation::Presentation;
use crate::run_results::{Changed, RunResults, RunResultsStoreFields};
use prunescope_figures::figure::text_change::TextChange;
use prunescope_protocol::messages::{Backend, Stage};
use prunescope_protocol::prune::Repair;
use prunescope_protocol::results::{ComparedPosition, ModelInfo, SwitchEffect};
use prunescope_protocol::settings::Settings;
use prunescope_protocol::trace::same_models;

/// Number of layers of the default model, for the grid before a model is loaded.
const DEFAULT_LAYERS: usize = 30;
/// What the engine is doing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum EngineStatus {
    /// The page asks hosts how large the model is.
    Looking,
    /// The worker starts, or opens its device.
    Starting,
    /// The model is being loaded.
    Loading {
        /// Bytes received so far.
        received: u64,
        /// Bytes in total.
        total: u64,
        /// The file that is being read.
        file: String,
        /// Speed, once it is known.
        pace: Option<Pace>,
    },
    /// The model is loaded and accepts requests.
    Ready,
    /// There is no model: [`AppState::failure`] says why, [`AppState::question`] asks, a trace is shown in its place, or a frame
    /// [waits for a touch](AppState::waits_for_touch).
    Down,
}

/// A failure, with the ways out that the page offers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    /// A sentence: what is wrong and what to do.
    pub message: String,
    /// What the engine was doing.
    pub stage: Stage,
    /// Offers to load the weights rounded to 8 bits.
    pub offers_eight_bits: bool,
    /// Offers the CPU.
    pub offers_cpu: bool,
    /// Offers to reload the page, where only its new version can continue.
    pub offers_reload: bool,
}

impl Failure {
    /// A failure with the offers that every failure of its stage has.
    pub(super) fn new(stage: Stage, message: String) -> Self {
        let offers_cpu = stage == Stage::Device;
        Self { message, stage, offers_eight_bits: false, offers_cpu, offers_reload: false }
    }
}

/// When the written steps were last told to what shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StepsTold {
    /// So long ago that the next one is told at once.
    #[default]
    LongAgo,
    /// So that the next one waits.
    JustNow,
    /// There are some that wait, of this kind.
    Waiting(Changed),
}

/// The page's state: signals, cheap to copy.
#[derive(Clone, Copy)]
pub(super) struct AppState {
    /// The visitor's settings.
    pub settings: RwSignal<Settings>,
    /// Sentences about malformed links and the like, until they are dismissed.
    pub notices: RwSignal<Notices>,
    /// What the engine is doing.
    pub engine: RwSignal<EngineStatus>,
    /// Bytes of the engine's program received and in total, while it is fetched.
    pub program: RwSignal<Option<(u64, u64)>>,
    /// The device in use, and why it was chosen.
    pub device: RwSignal<Option<(Backend, String)>>,
    /// The loaded model.
    pub model: RwSignal<Option<ModelInfo>>,
    /// The latest failure.
    pub failure: RwSignal<Option<Failure>>,
    /// The question that the visitor must answer before the settings' models are fetched.
    pub question: RwSignal<Option<Question>>,
    /// The address of a trace on another host that the link wants to show, until the visitor answers.
    pub trace_question: RwSignal<Option<Url>>,
    /// What the visitor asked for, as opposed to links.
    pub claims: RwSignal<Claims>,
    /// The number of the newest run.
    pub newest_run: RwSignal<u64>,
    /// Whether the newest run is still running.
    pub running: RwSignal<bool>,
    /// Results of runs and measurements.
    pub results: Store<RunResults>,
    /// The traces that answer while no engine does, the visitor's first.
    pub traces: StoredValue<Vec<ShownTrace>>,
    /// Where the shown results come from, if they are recorded.
    pub recorded: RwSignal<Option<Recorded>>,
    /// State of the measurements outside the main run.
    pub measurements: Measurements,
    /// Bytes of the worker's wasm memory, and number of computing threads.
    pub usage: RwSignal<Option<(u64, usize)>>,
    /// Notices about the loaded model; they disappear with it.
    pub of_model: StoredValue<Vec<String>>,
    /// The chapter of the story that is open, counted from 1.
    pub chapter: RwSignal<Option<usize>>,
    /// Whether a chapter that is opened sets the page to its own state: where the visitor opened it, or a link that says nothing else.
    pub chapter_sets: StoredValue<bool>,
    /// Whether another page embeds this one in a frame.
    pub embedded: bool,
    /// The engine outside the browser that the page is attached to.
    pub attached: RwSignal<Option<Url>>,
    /// Whether a frame has no engine until it is touched.
    pub waits_for_touch: RwSignal<bool>,
    /// A frame's turn to have the engine, while it has one.
    pub turn: StoredValue<Option<Turn>, LocalStorage>,
    /// Which parts of the page are shown, and how.
    pub presentation: RwSignal<Presentation>,
    /// Whether the view is shown above the texts.
    pub view_first: bool,
    /// The form of repair that the visitor, or the link that opened the page, chose. `None` leaves it to the page.
    pub repair_form: RwSignal<Option<Repair>>,
    /// Whether the page chose the form of the plan's repair, because the visitor pressed Repair without having chosen one: the form that
    /// takes seconds, then the full map if it is better.
    pub page_chooses_form: RwSignal<bool>,
    /// Why this visit uses the CPU whatever the settings say: the GPU failed, computed wrong numbers or was slower, or the visitor
    /// pressed the button.
    pub cpu_reason: RwSignal<Option<String>>,
    /// The worker that runs the engine.
    pub client: StoredValue<EngineClient, LocalStorage>,
    /// Where models come from: picked files, access tokens, models stored on this device.
    pub models: Models,
    /// Measures the speed of the model's download.
    pub download_pace: StoredValue<DownloadPace>,
    /// Number of a stop request that the engine has not answered yet.
    pub stopping: StoredValue<Option<u32>>,
    /// Whether written steps were told a moment ago, so that further ones wait ([`StepsTold`]).
    pub steps_told: StoredValue<StepsTold>,
    /// Promises of results that scripts wait for.
    pub waiting: StoredValue<Pending, LocalStorage>,
    /// The step of the chosen token, whose numbers are shown ([`RunResults::chosen_step`]).
    pub chosen_step: Memo<usize>,
}

impl AppState {
    /// The state for the link in the address bar.
    pub(super) fn new() -> Self {
        let query = address::query();
        let (settings, presentation, notices) = address::read(&query);
        let embedded = presentation.embedded;
        let repair_form = settings.run.plan.repair;
        let mut notices = notices;
        let engine = address::engine(&query).filter(|_| !embedded);
        let attached = engine.map(|engine| attached_engine::address(&engine, address::base().as_ref())).transpose();
        let attached = attached.unwrap_or_else(|sentence| {
            notices.push(sentence);
            None
        });
        let (settings, results) = (RwSignal::new(settings), Store::new(RunResults::default()));
        let chosen_step = Memo::new(move |_| {
            results.steps().track();
            let token = settings.with(|settings| settings.token);
            results.with_untracked(|results| results.chosen_step(token))
        });
        Self {
            settings,
            notices: RwSignal::new(notices.into()),
            engine: RwSignal::new(EngineStatus::Starting),
            program: RwSignal::new(None),
            device: RwSignal::new(None),
            model: RwSignal::new(None),
            failure: RwSignal::new(None),
            question: RwSignal::new(None),
            trace_question: RwSignal::new(None),
            claims: RwSignal::new(Claims::default()),
            newest_run: RwSignal::new(0),
            running: RwSignal::new(false),
            results,
            traces: StoredValue::new(vec![]),
            recorded: RwSignal::new(None),
            measurements: Measurements::new(),
            usage: RwSignal::new(None),
            of_model: StoredValue::new(vec![]),
            chapter: RwSignal::new(address::chapter(&query).filter(|_| !embedded)),
            chapter_sets: StoredValue::new(address::says_nothing_else(&query)),
            embedded,
            attached: RwSignal::new(attached),
            waits_for_touch: RwSignal::new(false),
            turn: StoredValue::new_local(None),
            presentation: RwSignal::new(presentation),
            view_first: embedded && address::names_view(&query),
            repair_form: RwSignal::new(repair_form),
            page_chooses_form: RwSignal::new(false),
            cpu_reason: RwSignal::new(None),
            client: StoredValue::new_local(EngineClient::default()),
            models: Models::new(embedded),
            download_pace: StoredValue::new(DownloadPace::default()),
            stopping: StoredValue::new(None),
            steps_told: StoredValue::new(StepsTold::default()),
            waiting: StoredValue::new_local(Pending::default()),
            chosen_step,
        }
    }

    /// Number of layers of the model, or of the default model before one is loaded.
    pub(super) fn layer_count(&self) -> usize {
        self.model.with(|model| model.as_ref().map_or(DEFAULT_LAYERS, |model| model.config.layers))
    }

    /// Whether the shown results belong to an older run than the newest, or are recorded ones of other settings.
    pub(super) fn is_stale(&self) -> bool {
        if let Some(models) = self.recorded.with(|recorded| recorded.as_ref().map(|recorded| recorded.models.clone())) {
            let shown = self.results.settings().get();
            return self.settings.with(|settings| settings.run != shown || !same_models(&settings.models, &models));
        }
        self.results.run().get() != self.newest_run.get()
    }

    /// The same, without subscribing to the signals.
    pub(super) fn is_stale_untracked(&self) -> bool {
        self.results.run().get_untracked() != self.newest_run.get_untracked()
    }

    /// What the newest run will find at its first token, if a switch with a measured effect was flipped and that run has
    /// no result yet.
    pub(super) fn preview(&self) -> Option<SwitchEffect> {
        if !self.is_stale() {
            return None;
        }
        self.results.switches().track();
        self.settings.with(|settings| self.results.with_untracked(|results| results.preview(&settings.run)))
    }

    /// Dense against pruned at the chosen token.
    pub(super) fn position(&self) -> Option<ComparedPosition> {
        let step = self.chosen_step.get();
        self.results.next_token().track();
        self.results.steps().track();
        self.results.with_untracked(|results| results.position(step).cloned())
    }

    /// Dense against repaired at the chosen token, each on its own text.
    pub(super) fn repaired_position(&self) -> Option<ComparedPosition> {
        let step = self.chosen_step.get();
        self.results.repaired_next_token().track();
        self.results.repaired_steps().track();
        self.results.with_untracked(|results| results.repaired_position(step).cloned())
    }

    /// What became of the pruned text, once it is known.
    pub(super) fn text_change(&self) -> Option<TextChange> {
        let divergence = self.first_divergence();
        self.results.quality().with(|quality| quality.as_ref().map(|quality| TextChange::of(quality, divergence)))
    }

    /// The first step at which the dense and the repaired text differ.
    pub(super) fn repaired_divergence(&self) -> Option<usize> {
        self.results.repaired_steps().track();
        self.results.with_untracked(RunResults::repaired_divergence)
    }

    /// The first step at which the dense and the pruned text differ.
    pub(super) fn first_divergence(&self) -> Option<usize> {
        self.results.steps().track();
        self.results.with_untracked(RunResults::first_divergence)
    }
}
