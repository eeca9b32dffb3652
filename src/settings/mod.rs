//! Everything a visitor can set: the one truth that the page shows and the engine runs. Its written form is the [`link`].

pub mod link;

use serde::{Deserialize, Serialize};

use crate::model::sampling::Sampling;
use crate::prune::PruningPlan;

/// Most tokens that one run may generate.
pub const MAX_TOKENS: usize = 256;
/// Highest sampling temperature.
pub const MAX_TEMPERATURE: f32 = 5.0;
/// Longest prompt in characters; a longer one is refused before it is split into tokens.
pub const MAX_PROMPT_CHARS: usize = 20_000;
/// The prompt of the first visit.
pub const EXAMPLE_PROMPT: &str = "What is the capital of France?";
/// The plan of the first visit: two MLP sublayers of thirty, after which the default model babbles.
pub const EXAMPLE_PLAN: &str = "m16,m17";

/// Where the engine should compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    /// WebGPU where there is a real adapter, else the CPU.
    #[default]
    Auto,
    /// The CPU with SIMD.
    Cpu,
    /// WebGPU, even on a software adapter.
    WebGpu,
}

/// Which chart is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// Cosine by layer (paper fig. 2).
    #[default]
    Layers,
    /// Metrics over generation steps (fig. 8).
    Steps,
    /// Top tokens, dense against pruned (fig. 7).
    Tokens,
}

/// Everything a visitor can set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address of a GGUF file or of a manifest; empty is the default model.
    pub model: String,
    /// What the visitor asks.
    pub prompt: String,
    /// Whether the prompt goes through the model's chat template.
    pub chat: bool,
    /// What is removed.
    pub drop: PruningPlan,
    /// How many tokens each model writes.
    pub tokens: usize,
    /// Sampling temperature; 0 is greedy.
    pub temp: f32,
    /// Only the k likeliest tokens; 0 is all.
    pub top_k: usize,
    /// Only the likeliest tokens up to this probability; 1 is all.
    pub top_p: f32,
    /// Seed of sampling.
    pub seed: u64,
    /// Where to compute.
    pub backend: BackendChoice,
    /// Which chart is open.
    pub view: View,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: String::new(),
            prompt: EXAMPLE_PROMPT.into(),
            chat: true,
            drop: PruningPlan::default(),
            tokens: 32,
            temp: 0.0,
            top_k: 0,
            top_p: 1.0,
            seed: 1,
            backend: BackendChoice::Auto,
            view: View::Layers,
        }
    }
}

impl Settings {
    /// What a first visit shows: the example prompt with two sublayers dropped.
    pub fn example() -> Self {
        let (drop, _) = PruningPlan::parse_lenient(EXAMPLE_PLAN);
        Self { drop, ..Self::default() }
    }

    /// How tokens are chosen.
    pub fn sampling(&self) -> Sampling {
        Sampling { temperature: self.temp, top_k: self.top_k, top_p: self.top_p, seed: self.seed }
    }

    /// The temperature of the analysis: the decoding temperature, or 1 where decoding is greedy.
    pub fn analysis_temperature(&self) -> f32 {
        if self.sampling().is_greedy() { 1.0 } else { self.temp }
    }

    /// Whether these settings ask the engine for the same numbers as `other`; the open chart does not matter.
    pub fn same_run(&self, other: &Self) -> bool {
        Self { view: View::default(), ..self.clone() } == Self { view: View::default(), ..other.clone() }
    }

    /// These settings with every value inside its limits, and a sentence for each that was not.
    pub fn checked(mut self) -> (Self, Vec<String>) {
        let mut notices = vec![];
        if self.tokens < 1 || self.tokens > MAX_TOKENS {
            notices.push(format!("tokens was {}, outside 1 to {MAX_TOKENS}: the nearest is used", self.tokens));
            self.tokens = self.tokens.clamp(1, MAX_TOKENS);
        }
        if !(0.0..=MAX_TEMPERATURE).contains(&self.temp) {
            notices.push(format!("temp was {}, outside 0 to {MAX_TEMPERATURE}: the nearest is used", self.temp));
            self.temp = if self.temp > 0.0 { MAX_TEMPERATURE } else { 0.0 };
        }
        if !(0.0..=1.0).contains(&self.top_p) || self.top_p == 0.0 {
            notices.push(format!("top_p was {}, outside 0 to 1: 1 is used", self.top_p));
            self.top_p = 1.0;
        }
        if let Some((end, _)) = self.prompt.char_indices().nth(MAX_PROMPT_CHARS) {
            notices.push(format!("the prompt was longer than {MAX_PROMPT_CHARS} characters: the rest is cut off"));
            self.prompt.truncate(end);
        }
        (self, notices)
    }
}
