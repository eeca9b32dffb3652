//! Messages between page and worker: [`Request`] one way, [`WorkerEvent`] the other, both JSON.
//!
//! Every run has a number. A newer run supersedes an older one; the page drops events of superseded runs.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::model::{Matrix, RepositoryName};
use crate::prune::Importance;
use crate::results::{
    Advice, ChoiceResult, ComparedPosition, GenerationStep, GenerativeResult, LayerTransition, MaskPicture, Metrics,
    ModelInfo, NotFinite, Quality, RetrievalReport, RunReport, SweepPoint, TokenWeight, VariantResult, WeightReport,
};
use crate::settings::{MeasureSettings, Precision, RunSettings};
use crate::tasks::{Question, RetrievalSet};

/// Most bytes of weights that a tab can hold on the CPU, and the engine takes: of 4 GiB, what activations, caches and a second copy
/// of a matrix leave.
pub const TAB_HOLDS_BYTES: u64 = 3_200_000_000;

/// What the page asks of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Opens the device and loads one or two models. Sent once to a fresh worker.
    Load {
        /// The model.
        model: ModelOrder,
        /// The model that takes the place of the pruned one, where there is one.
        other: Option<ModelOrder>,
        /// How exactly weights are held.
        precision: Precision,
        /// Where to compute.
        device: DeviceChoice,
    },
    /// Runs every measurement for these settings, in place of what is running.
    Run {
        /// Number of the run.
        run: u64,
        /// What to run.
        settings: RunSettings,
    },
    /// Makes one measurement beside the main run, in place of what is running. What was already measured is told again at
    /// once, so a measurement that was stopped goes on where it was.
    Measure {
        /// Number of the run.
        run: u64,
        /// What the main run runs.
        settings: RunSettings,
        /// What to compare, sweep and sample.
        measure: MeasureSettings,
        /// What to measure.
        what: Measurement,
    },
    /// Uses another calibration text from the next run on.
    Calibrate {
        /// The text; empty is the built-in one.
        text: String,
    },
    /// Uses other questions.
    UseQuestions {
        /// The questions; none is the built-in set.
        questions: Vec<Question>,
    },
    /// Uses other passages and queries.
    UseRetrievalSet {
        /// The set; an empty one is the built-in set.
        set: RetrievalSet,
    },
    /// Stops what is running.
    Stop,
    /// Asks whether the worker is alive; stops nothing.
    Ping,
}

/// A model to load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelOrder {
    /// What to call it in results; empty for the default model.
    pub source: String,
    /// Where its files are.
    pub files: ModelFiles,
    /// What may come of it, where that has a limit: a link asks for it, or the visitor agreed to so much.
    pub allowance: Option<Allowance>,
}

/// What may come of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Most bytes from the network. Where it is 0, only what tells whether a kept model is still the same.
    pub bytes: u64,
    /// Whether bytes count that are sent once more after a cut.
    pub counts_resent: bool,
    /// Whether redirects may be followed.
    pub follows_redirects: bool,
}

/// What was found of a model while it was loaded that goes beyond its [`Allowance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excess {
    /// So many bytes are still to come.
    Bytes(u64),
    /// Its host redirects to another address.
    Redirect,
    /// How much more is to come is not known.
    Unknown,
}

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum ModelFiles {
    /// At an address: a GGUF file or a manifest.
    Address {
        /// The address, in full.
        address: String,
    },
    /// Picked by the visitor: one GGUF file or all of one that is split; or the files of a repository.
    Picked {
        /// The files.
        files: Vec<PickedFile>,
    },
    /// In a repository of a hub.
    Repository {
        /// Which.
        repository: RepositoryName,
        /// The hub's address.
        hub: String,
        /// The visitor's access token for this hub.
        token: Option<String>,
    },
}

/// A file that the visitor picked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PickedFile {
    /// Its name.
    pub name: String,
    /// Where the worker can read it.
    pub address: String,
    /// Its length.
    pub bytes: u64,
}

/// A measurement beside the main run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "measure", rename_all = "snake_case")]
pub enum Measurement {
    /// Each variant of the settings writes its text.
    Compare,
    /// Both models answer the multiple-choice questions.
    Choice,
    /// Both models retrieve passages.
    Retrieval,
    /// Both models do a sample of every task set, and a verdict follows.
    Judge,
    /// A sample of every task set at every point of a sweep.
    Sweep,
    /// A picture of one matrix under the plan.
    Picture {
        /// The block.
        layer: usize,
        /// Which of its matrices.
        matrix: Matrix,
    },
}

/// Where the engine computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// CPU with SIMD.
    Cpu,
    /// WebGPU.
    WebGpu,
}

impl Backend {
    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::WebGpu => "webgpu",
        }
    }
}

/// Where the page wants the engine to compute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceChoice {
    /// Where.
    pub backend: Backend,
    /// Why there, as a sentence.
    pub reason: String,
    /// Whether the visitor asked for it, so that another must not take its place.
    pub required: bool,
    /// Bytes of the longest buffer that one of its programs can bind, where it says so.
    pub largest_binding: Option<u64>,
    /// Threads that may compute on the CPU, 1 where memory cannot be shared.
    pub threads: usize,
}

/// What was running when something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Opening the device.
    Device,
    /// Loading the model.
    Load,
    /// Running measurements.
    Run,
}

/// What the worker tells the page: of itself, and of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum WorkerEvent {
    /// The worker listens; requests sent before this are lost.
    Hello,
    /// The engine's program comes in. Told by `crates/worker/src/start.js`, before [`WorkerEvent::Hello`]; and every second while the program is
    /// compiled.
    Starting {
        /// Bytes so far.
        received: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The engine does not start (`StartFailure::of`). Told by `crates/worker/src/start.js`.
    NotStarted {
        /// A file of it.
        file: String,
        /// The status of the answer for the file; 0 where none came, or not to its end.
        status: u16,
        /// What the browser says against it.
        why: String,
    },
    /// The worker is alive.
    Pong,
    /// The device is open.
    Device {
        /// Which.
        backend: Backend,
        /// Why not the other, as a sentence.
        reason: String,
    },
    /// The device that was opened is not to be used: the page starts the engine for the CPU.
    NotThisDevice {
        /// Why, as a sentence.
        reason: String,
        /// Whether that is so at the next visit too.
        lasting: bool,
    },
    /// Bytes of the model so far.
    Progress {
        /// Read, from the network or from this device.
        received: u64,
        /// In all.
        total: u64,
        /// How many of those read were on this device already.
        kept: u64,
        /// The file that is read.
        file: String,
    },
    /// Something that the visitor should know, though the work goes on.
    Notice {
        /// A sentence.
        message: String,
    },
    /// A link's model is more than was found before it was loaded: the visitor is asked before anything more of it comes.
    AskFirst {
        /// The model, as the settings have it.
        model: String,
        /// What was found.
        excess: Excess,
    },
    /// The model is too big for this tab as it is stored.
    TooBig {
        /// The numbers, and what to do, as a sentence.
        message: String,
        /// Whether it would fit in 8 bits.
        fits_in_eight_bits: bool,
    },
    /// The model can be asked.
    Ready {
        /// What it is.
        model: Box<ModelInfo>,
    },
    /// Nothing was running.
    Stopped,
    /// Something failed outside of a run.
    Failed {
        /// What was running.
        stage: Stage,
        /// What is wrong and what to do, as a sentence.
        message: String,
        /// Whether the worker must be replaced.
        fatal: bool,
    },
    /// What the engine takes of the machine.
    Usage {
        /// Bytes of the worker's wasm memory.
        memory: u64,
        /// Threads that compute.
        threads: usize,
    },
    /// A run, or a measurement beside it, tells something.
    Run {
        /// The run's number.
        run: u64,
        /// What it tells.
        event: RunEvent,
    },
}

/// What a run, or a measurement beside it, tells.
///
/// Scripts of the page hear of each by its name in snake case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RunEvent {
    /// The first position after the prompt.
    NextToken {
        /// Both models compared.
        compared: Box<ComparedPosition>,
    },
    /// Numbers that are none at the end of the prompt.
    NotFinite {
        /// Where they come from.
        found: NotFinite,
    },
    /// One more step of generation.
    Step {
        /// The step.
        step: Box<GenerationStep>,
    },
    /// Measurement 4, all of it.
    FixedTrajectory {
        /// One entry a step of the dense text.
        steps: Vec<Metrics>,
    },
    /// Measurement 1 at one generation step of the dense text; step 0 is the end of the prompt.
    Layers {
        /// Which step.
        step: usize,
        /// Whether the sublayers' weights are pruned as in the plan; otherwise each is dropped.
        edited: bool,
        /// Every sublayer that is touched so.
        layers: Vec<LayerTransition>,
    },
    /// How far a long piece of work is.
    Working {
        /// What is done.
        what: String,
        /// How many parts of it are done.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// What the plan did to the weights.
    Weights {
        /// Every edited matrix.
        weights: Box<WeightReport>,
    },
    /// The tokens whose Δz does the most damage after the prompt.
    Damage {
        /// The largest part first.
        tokens: Vec<TokenWeight>,
    },
    /// How far both texts have collapsed.
    Quality {
        /// Of each text.
        quality: Box<Quality>,
    },
    /// One variant has written its text.
    Variant {
        /// Its place among the variants.
        at: usize,
        /// What it wrote.
        result: Box<VariantResult>,
    },
    /// One question answered by both models.
    Choice {
        /// The answers.
        result: Box<ChoiceResult>,
    },
    /// Retrieval by both models.
    Retrieval {
        /// Ranks.
        report: Box<RetrievalReport>,
    },
    /// One generative task done by both models.
    Written {
        /// The texts.
        result: Box<GenerativeResult>,
    },
    /// What the plan is good for.
    Judged {
        /// One verdict a purpose.
        advice: Vec<Advice>,
    },
    /// One point of a sweep.
    SweepPoint {
        /// The scores.
        point: Box<SweepPoint>,
        /// Points measured, with this one.
        done: usize,
        /// Points of the sweep.
        total: usize,
    },
    /// A picture of one matrix.
    Picture {
        /// The picture.
        picture: Box<MaskPicture>,
    },
    /// A measurement is complete.
    Measured {
        /// Which.
        what: Measurement,
    },
    /// Importance of every sublayer, once a model.
    Importance {
        /// By kind and layer.
        importance: Box<Importance>,
    },
    /// The run has all its results (more steps of measurement 1 may follow).
    Done {
        /// The results.
        report: Box<RunReport>,
    },
    /// It ended without all its results.
    Stopped,
    /// It failed.
    Failed {
        /// What is wrong and what to do, as a sentence.
        message: String,
        /// Whether the worker must be replaced.
        fatal: bool,
    },
}

impl RunEvent {
    /// Its name for scripts.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

/// The names of everything that scripts of the page can listen to: what the page sets, what a worker tells of itself, what a run tells.
pub fn script_events() -> Vec<&'static str> {
    ["settings", "progress", "ready"].into_iter().chain(RunEvent::VARIANTS.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the README lists for `on(name, callback)`, it lists in the order in which events are declared.
    #[test]
    fn the_readme_lists_every_event_of_scripts() {
        let readme = include_str!("../../../README.md");
        let row = readme.lines().find(|line| line.starts_with("| `on(name, callback)`")).expect("a row for `on`");
        let (_, list) = row.split_once("calls back on ").expect("a list of events");
        let (list, _) = list.split_once(';').expect("its end");
        let listed: Vec<&str> = list.split(", ").map(|name| name.trim_matches('`')).collect();
        assert_eq!(listed, script_events());
    }

    #[test]
    fn an_event_is_written_under_the_name_that_scripts_know() {
        let event = RunEvent::Working { what: "Sweep".into(), done: 1, total: 2 };
        let json = serde_json::to_value(WorkerEvent::Run { run: 3, event: event.clone() }).unwrap();
        assert_eq!(
            json,
            serde_json::json!({ "type": "run", "run": 3, "event": { "type": event.name(), "what": "Sweep", "done": 1, "total": 2 } })
        );
    }
}
