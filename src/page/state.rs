//! The page's one state: signals, and what is read from them. Only `controller` changes it.

use leptos::prelude::*;
use reactive_stores::Store;

use super::address;
use super::client::EngineClient;
use super::measurements::Measurements;
use super::models::Models;
use super::pending::Pending;
use crate::consent::{Claims, Question};
use crate::notices::Notices;
use crate::pace::{DownloadPace, Pace};
use crate::run_results::{RunResults, RunResultsStoreFields};
use prunescope_protocol::messages::{Backend, Stage};
use prunescope_protocol::results::ModelInfo;
use prunescope_protocol::settings::{Settings, link};

/// Layers of the default model, for a grid before it is loaded.
const DEFAULT_LAYERS: usize = 30;
/// How far the engine is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum EngineStatus {
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
pub(super) struct Failure {
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
    pub(super) fn new(stage: Stage, message: String) -> Self {
        let offers_cpu = stage == Stage::Device;
        Self { message, stage, offers_eight_bits: false, offers_cpu, offers_reload: false }
    }
}

/// The page's state: signals, cheap to copy.
#[derive(Clone, Copy)]
pub(super) struct AppState {
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
    /// What runs, and measurements beside them, have found.
    pub results: Store<RunResults>,
    /// What is measured beside the main run.
    pub measurements: Measurements,
    /// Bytes of the worker's wasm memory, and threads that compute.
    pub usage: RwSignal<Option<(u64, usize)>>,
    /// Notices that are of the loaded model alone.
    pub of_model: StoredValue<Vec<String>>,
    /// Whether another page shows this one in a frame.
    pub embedded: bool,
    /// Whether the view stands before the texts.
    pub view_first: bool,
    /// Why the CPU computes in this visit, whatever the settings say: the GPU failed, computed wrong numbers or was slower, or
    /// the visitor pressed the button.
    pub cpu_reason: RwSignal<Option<String>>,
    pub client: StoredValue<EngineClient, LocalStorage>,
    /// Where models come from: picked files, the access token, what is kept on this device.
    pub models: Models,
    /// How fast the model comes from the network.
    pub download_pace: StoredValue<DownloadPace>,
    /// The number of a request to stop that the engine has not answered yet.
    pub stopping: StoredValue<Option<u32>>,
    /// Promises of results.
    pub waiting: StoredValue<Pending, LocalStorage>,
}

impl AppState {
    /// The state that the address bar asks for.
    pub(super) fn new() -> Self {
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
            results: Store::new(RunResults::default()),
            measurements: Measurements::new(),
            usage: RwSignal::new(None),
            of_model: StoredValue::new(vec![]),
            embedded,
            view_first: embedded && address::names_view(&query),
            cpu_reason: RwSignal::new(None),
            client: StoredValue::new_local(EngineClient::default()),
            models: Models::new(embedded),
            download_pace: StoredValue::new(DownloadPace::default()),
            stopping: StoredValue::new(None),
            waiting: StoredValue::new_local(Pending::default()),
        }
    }

    /// The number of layers of the model, or of the default model before one is loaded.
    pub(super) fn layer_count(&self) -> usize {
        self.model.with(|model| model.as_ref().map_or(DEFAULT_LAYERS, |model| model.config.layers))
    }

    /// Whether what is shown belongs to an older run than the newest.
    pub(super) fn is_stale(&self) -> bool {
        self.results.run().get() != self.newest_run.get()
    }

    /// The same without following the signals.
    pub(super) fn is_stale_untracked(&self) -> bool {
        self.results.run().get_untracked() != self.newest_run.get_untracked()
    }

    /// The first step at which the shown texts differ.
    pub(super) fn first_divergence(&self) -> Option<usize> {
        self.results.steps().track();
        self.results.with_untracked(RunResults::first_divergence)
    }
}
