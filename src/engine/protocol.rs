//! Messages between page and worker: [`Request`] one way, [`Event`] the other, both JSON.
//!
//! Every run has a number. A newer run supersedes an older one; the page drops events of superseded runs.

use serde::{Deserialize, Serialize};

use crate::prune::Importance;
use crate::results::{ComparedPosition, GenerationStep, LayerTransition, Metrics, ModelInfo, Report};
use crate::settings::{BackendChoice, Settings};

/// What the page asks of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Opens the device and loads a model. Sent once to a fresh worker.
    Load {
        /// Address of a GGUF file or a manifest.
        address: String,
        /// What to call it in results; empty for the default model.
        source: String,
        /// Where to compute.
        backend: BackendChoice,
    },
    /// Runs every measurement for these settings, in place of what is running.
    Run {
        /// Number of the run.
        run: u64,
        /// What to run.
        settings: Settings,
    },
    /// Stops what is running.
    Stop,
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

/// What the worker tells the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The worker listens; requests sent before this are lost.
    Hello,
    /// The device is open.
    Device {
        /// Which.
        backend: Backend,
        /// Why not the other, as a sentence.
        reason: String,
    },
    /// Bytes of the model so far.
    Progress {
        /// Received.
        received: u64,
        /// In all.
        total: u64,
    },
    /// The model can be asked.
    Ready {
        /// What it is.
        model: Box<ModelInfo>,
    },
    /// The prompt as the model reads it.
    Prompt {
        /// Number of the run.
        run: u64,
        /// Token ids.
        ids: Vec<u32>,
    },
    /// The first position after the prompt.
    NextToken {
        /// Number of the run.
        run: u64,
        /// Both models compared.
        compared: Box<ComparedPosition>,
    },
    /// One more step of generation.
    Step {
        /// Number of the run.
        run: u64,
        /// The step.
        step: Box<GenerationStep>,
    },
    /// Measurement 4, all of it.
    FixedTrajectory {
        /// Number of the run.
        run: u64,
        /// One entry a step of the dense text.
        steps: Vec<Metrics>,
    },
    /// Measurement 1 at one generation step of the dense text; step 0 is the end of the prompt.
    Layers {
        /// Number of the run.
        run: u64,
        /// Which step.
        step: usize,
        /// Every sublayer.
        layers: Vec<LayerTransition>,
    },
    /// Importance of every sublayer, once a model.
    Importance {
        /// By kind and layer.
        importance: Box<Importance>,
    },
    /// The run has all its results (more steps of measurement 1 may follow).
    Done {
        /// Number of the run.
        run: u64,
        /// The results.
        report: Box<Report>,
    },
    /// A run ended without all its results, or nothing was running.
    Stopped {
        /// Number of the run, where it was a run.
        run: Option<u64>,
    },
    /// Something failed.
    Failed {
        /// What was running.
        stage: Stage,
        /// Number of the run, where it was a run.
        run: Option<u64>,
        /// What is wrong and what to do, as a sentence.
        message: String,
        /// Whether the worker must be replaced.
        fatal: bool,
    },
    /// Memory in use, in bytes.
    Memory {
        /// The worker's wasm memory.
        wasm: u64,
    },
}
