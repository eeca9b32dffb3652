//! Messages between page and worker, as JSON: [`Request`] to the worker, [`WorkerEvent`] to the page.
//!
//! Every run has a number. A newer run supersedes an older one; the page drops events of superseded runs.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::model::{Matrix, RepositoryName, Sublayer};
use crate::prune::{Importance, OwnAnswer};
use crate::results::{
    ChoiceResult, ComparedPosition, FidelityReport, FullRepair, GenerationStep, GenerativeResult, Judgement,
    LayerTransition, MaskPicture, Metrics, ModelInfo, NotFinite, Quality, RepairReport, RepairedResult,
    RetrievalReport, RunReport, SearchPoint, SpeedReport, SweepPoint, SwitchEffect, TextFidelity, TokenWeight,
    VariantResult, WeightReport,
};
use crate::settings::{MeasureSettings, Precision, RunSettings};
use crate::tagged::tagged;
use crate::tasks::{KindText, Question, RetrievalSet};

/// Most bytes of weights that the engine loads on the CPU: the 4 GiB of a 32-bit WebAssembly memory less room for
/// activations, caches and a second copy of a matrix.
pub const TAB_HOLDS_BYTES: u64 = 3_200_000_000;

tagged! {
    "type", "Request", RequestReader,
    /// A request of the page to the worker.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Request {
        /// Opens the device and loads one or two models. Sent once to a fresh worker.
        Load {
            /// The model.
            model: ModelOrder,
            /// The model that replaces the pruned one, if there is one.
            other: Option<ModelOrder>,
            /// The precision in which weights are held.
            precision: Precision,
            /// The device to compute on.
            device: DeviceChoice,
        },
        /// Runs every measurement for these settings; replaces the running work.
        Run {
            /// Number of the run.
            run: u64,
            /// The settings to run.
            settings: RunSettings,
        },
        /// Makes one measurement besides the main run; replaces the running work. Parts already measured are sent again at
        /// once, so a stopped measurement resumes.
        Measure {
            /// Number of the run.
            run: u64,
            /// The settings of the main run.
            settings: RunSettings,
            /// Plans to compare, the sweep's axis, the sample size, what a search may drop.
            measure: MeasureSettings,
            /// The measurement.
            what: Measurement,
        },
        /// Uses another calibration text from the next run on.
        Calibrate {
            /// The text; empty is the built-in one.
            text: String,
        },
        /// Uses other multiple-choice questions.
        UseQuestions {
            /// The questions; an empty list is the built-in set.
            questions: Vec<Question>,
        },
        /// Uses other passages and queries.
        UseRetrievalSet {
            /// The set; an empty one is the built-in set.
            set: RetrievalSet,
        },
        /// Uses other texts for the comparison by kind.
        UseTexts {
            /// The texts; an empty list is the built-in ones.
            texts: Vec<KindText>,
        },
        /// The pointer or the focus is on a switch: what flipping it would do is measured before that of the others. Stops nothing.
        MeasureFirst {
            /// The switch's sublayer.
            sublayer: Sublayer,
        },
        /// Stops what is running.
        Stop,
        /// Asks whether the worker is alive; stops nothing.
        Ping,
    }
}

/// A model to load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelOrder {
    /// Its name in results; empty for the default model.
    pub source: String,
    /// Where its files are.
    pub files: ModelFiles,
    /// Limit for the download, if there is one: a link asks for the model, or the visitor agreed to a size.
    pub allowance: Option<Allowance>,
}

/// Limit for the download of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Most bytes from the network. If 0, only the requests that tell whether a kept model is still current.
    pub bytes: u64,
    /// Whether bytes that are sent again after a broken connection count.
    pub counts_resent: bool,
    /// Whether redirects may be followed.
    pub follows_redirects: bool,
}

/// How a download goes beyond its [`Allowance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excess {
    /// The number of bytes that are still to be downloaded.
    Bytes(u64),
    /// Its host redirects to another address.
    Redirect,
    /// An unknown number of bytes.
    Unknown,
}

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum ModelFiles {
    /// At an address: a GGUF file or a manifest.
    Address {
        /// The absolute URL.
        address: String,
    },
    /// Picked by the visitor: a GGUF file, all files of a split one, or the files of a repository.
    Picked {
        /// The files.
        files: Vec<PickedFile>,
    },
    /// In a repository of a hub.
    Repository {
        /// The repository.
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
    /// The URL at which the worker can read it.
    pub address: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A measurement besides the main run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "measure", rename_all = "snake_case")]
pub enum Measurement {
    /// Each variant of the settings writes its text.
    Compare,
    /// Both models answer the multiple-choice questions.
    Choice,
    /// Both models retrieve passages.
    Retrieval,
    /// Both models do a sample of every task set; a verdict follows.
    Judge,
    /// A sample of every task set at every point of a sweep.
    Sweep,
    /// Which sublayers to drop, by several methods.
    Search,
    /// How far the pruned and the repaired model are from the dense one on a text that no fit has seen.
    Fidelity,
    /// The same on texts of several kinds, with what quantizers report.
    TextFidelity,
    /// How fast the dense, the pruned and the repaired model are, each alone, and what they take.
    Speed,
    /// What flipping each switch would do at the prompt.
    Switches,
    /// The dense model's own answers to everyday questions, on which larger repairs are fitted.
    OwnAnswers,
    /// Whether the full map would repair the plan better than its smaller repair does.
    FullRepair,
    /// A picture of one matrix under the plan.
    Picture {
        /// The block.
        layer: usize,
        /// The matrix in the block.
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
    /// Its name in results.
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
    /// The backend.
    pub backend: Backend,
    /// Why it was chosen, as a sentence.
    pub reason: String,
    /// Whether the visitor chose it, so that no other backend may replace it.
    pub required: bool,
    /// Largest buffer that a GPU program can bind, in bytes, if known.
    pub largest_binding: Option<u64>,
    /// Threads that may compute on the CPU; 1 if memory cannot be shared.
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

tagged! {
    "type", "WorkerEvent", WorkerEventReader,
    /// An event that the worker sends to the page, about itself or about a run.
    #[derive(Clone, Debug, PartialEq)]
    pub enum WorkerEvent {
        /// The worker listens; requests sent before this are lost.
        Hello,
        /// The engine's program is being downloaded, or compiled (then once a second). Sent by
        /// `crates/worker/src/start.js`, before [`WorkerEvent::Hello`].
        Starting {
            /// Bytes so far.
            received: u64,
            /// Bytes in total.
            total: u64,
        },
        /// The engine does not start (`StartFailure::of`). Sent by `crates/worker/src/start.js`.
        NotStarted {
            /// The file of the engine that failed.
            file: String,
            /// HTTP status of the file's answer; 0 if there was none, or it was incomplete.
            status: u16,
            /// The browser's error message.
            why: String,
        },
        /// The worker is alive.
        Pong,
        /// The device is open.
        Device {
            /// The backend in use.
            backend: Backend,
            /// Why the other backend is not used, as a sentence.
            reason: String,
        },
        /// The opened device must not be used; the page restarts the engine for the CPU.
        NotThisDevice {
            /// Why, as a sentence.
            reason: String,
            /// Whether that also holds at the next visit.
            lasting: bool,
        },
        /// Progress of loading the model.
        Progress {
            /// Bytes read so far, from the network or from this device.
            received: u64,
            /// Bytes in total.
            total: u64,
            /// How many of the bytes read were kept on this device.
            kept: u64,
            /// The file that is being read.
            file: String,
        },
        /// Something that the visitor should know, though the work goes on.
        Notice {
            /// A sentence.
            message: String,
        },
        /// The download of a link's model goes beyond its allowance; nothing more is downloaded until the visitor agrees.
        AskFirst {
            /// The model as written in the settings.
            model: String,
            /// How it goes beyond the allowance.
            excess: Excess,
        },
        /// The model is too big for this tab in its stored precision.
        TooBig {
            /// The sizes and what to do, as a sentence.
            message: String,
            /// Whether it would fit with weights rounded to 8 bits.
            fits_in_eight_bits: bool,
        },
        /// The model is loaded.
        Ready {
            /// The model's description.
            model: Box<ModelInfo>,
        },
        /// Answers [`Request::Stop`]: nothing is running any more.
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
        /// The engine's use of the machine.
        Usage {
            /// Bytes of the worker's wasm memory.
            memory: u64,
            /// Threads that compute.
            threads: usize,
        },
        /// An event of a run or measurement.
        Run {
            /// The run's number.
            run: u64,
            /// The event.
            event: RunEvent,
        },
    }
}

tagged! {
    "type", "RunEvent", RunEventReader,
    /// An event of a run or measurement.
    ///
    /// Scripts of the page receive each by its name in snake case.
    #[derive(Clone, Debug, PartialEq, IntoStaticStr, VariantNames)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[strum(serialize_all = "snake_case")]
    pub enum RunEvent {
        /// The first position after the prompt.
        NextToken {
            /// Both models compared.
            compared: Box<ComparedPosition>,
        },
        /// NaN or infinite numbers at the end of the prompt.
        NotFinite {
            /// Where they first appear.
            found: NotFinite,
        },
        /// One more step of generation.
        Step {
            /// The step.
            step: Box<GenerationStep>,
        },
        /// All of measurement 4.
        FixedTrajectory {
            /// One entry per step of the dense text.
            steps: Vec<Metrics>,
        },
        /// Measurement 1 at one generation step of the dense text; step 0 is the end of the prompt.
        Layers {
            /// The step.
            step: usize,
            /// Whether the sublayers' weights are pruned as in the plan; otherwise each is dropped.
            edited: bool,
            /// One entry per sublayer.
            layers: Vec<LayerTransition>,
        },
        /// Progress of a long computation.
        Working {
            /// Name of the computation.
            what: String,
            /// Parts done.
            done: usize,
            /// Parts in total.
            total: usize,
        },
        /// What the plan did to the weights.
        Weights {
            /// Every edited matrix.
            weights: Box<WeightReport>,
        },
        /// The tokens whose Δz does the most damage at one step of the texts.
        Damage {
            /// The step; traces of earlier versions have the first only.
            #[serde(default)]
            step: usize,
            /// The largest share first.
            tokens: Vec<TokenWeight>,
        },
        /// Measures of collapse of both texts.
        Quality {
            /// The measures of each text.
            quality: Box<Quality>,
        },
        /// The first position after the prompt, by the repaired model in place of the pruned one.
        RepairedNextToken {
            /// Both models compared.
            compared: Box<ComparedPosition>,
            /// The repair.
            repair: Box<RepairReport>,
        },
        /// One more step of generation, by the repaired model in place of the pruned one.
        RepairedStep {
            /// The step.
            step: Box<GenerationStep>,
        },
        /// All results of the repaired model.
        Repaired {
            /// The results.
            result: Box<RepairedResult>,
        },
        /// One variant has written its text.
        Variant {
            /// Its index among the variants.
            at: usize,
            /// Its text and comparison.
            result: Box<VariantResult>,
        },
        /// One question answered by both models.
        Choice {
            /// The answers.
            result: Box<ChoiceResult>,
        },
        /// Retrieval by both models.
        Retrieval {
            /// The rankings.
            report: Box<RetrievalReport>,
        },
        /// One generative task done by both models.
        Written {
            /// The texts.
            result: Box<GenerativeResult>,
        },
        /// How far the pruned and the repaired model are from the dense one on a text that no fit has seen.
        Fidelity {
            /// The distances.
            report: Box<FidelityReport>,
        },
        /// The same on texts of several kinds, so far as they are read.
        TextFidelity {
            /// The distances.
            report: Box<TextFidelity>,
        },
        /// How fast the dense, the pruned and the repaired model are, each alone, and what they take.
        Speed {
            /// The speeds.
            report: SpeedReport,
        },
        /// What flipping some switches would do.
        Switches {
            /// The effects measured since the last event.
            effects: Vec<SwitchEffect>,
        },
        /// One more of the dense model's own answers, on which larger repairs are fitted.
        OwnAnswer {
            /// Its index.
            at: usize,
            /// The question and the answer.
            answer: OwnAnswer,
        },
        /// The full map in place of the plan's smaller repair.
        FullRepair {
            /// What both leave of the divergence.
            report: FullRepair,
        },
        /// Verdicts on the plan, and what to do next.
        Judged {
            /// What was judged.
            #[serde(flatten)]
            judgement: Box<Judgement>,
        },
        /// One point of a sweep.
        SweepPoint {
            /// The scores.
            point: Box<SweepPoint>,
            /// Points measured, including this one.
            done: usize,
            /// Points of the sweep.
            total: usize,
        },
        /// One plan that a search has found.
        SearchPoint {
            /// The plan and its distance from the dense model.
            point: Box<SearchPoint>,
            /// Plans found, including this one.
            done: usize,
            /// Plans to find.
            total: usize,
        },
        /// A picture of one matrix.
        Picture {
            /// The picture.
            picture: Box<MaskPicture>,
        },
        /// A measurement is complete.
        Measured {
            /// The measurement.
            what: Measurement,
        },
        /// Importance of every sublayer, sent once per model.
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
}

impl RunEvent {
    /// Its name for scripts.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

/// The names of all events that scripts of the page can listen to: three of the page and the worker, and all
/// [`RunEvent`]s.
pub fn script_events() -> Vec<&'static str> {
    ["settings", "progress", "ready"].into_iter().chain(RunEvent::VARIANTS.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The README lists the events for `on(name, callback)` in the order of their declaration.
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
