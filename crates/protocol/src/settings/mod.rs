//! Everything a visitor can set; the page shows it and the engine runs it. Its text form is the [`link`].

pub mod link;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::model::sampling::Sampling;
use crate::model::source::{DEFAULT_HUB, is_hub};
use crate::prune::{DroppedSublayers, ImportanceInput, MatrixGroup, PruningPlan};

/// Most tokens that one run may generate.
pub const MAX_TOKENS: usize = 256;
/// Highest sampling temperature.
pub const MAX_TEMPERATURE: f32 = 5.0;
/// Longest prompt in characters; the rest of a longer one is cut off.
pub const MAX_PROMPT_CHARS: usize = 20_000;
/// Most variants that are compared at once.
pub const MAX_VARIANTS: usize = 4;
/// Longest name of a variant in characters.
pub const MAX_NAME_CHARS: usize = 40;
/// Most sublayers that a search drops.
pub const MAX_BUDGET: usize = 24;
/// Lowest and highest temperature of the analysis.
pub const ANALYSIS_RANGE: (f32, f32) = (0.1, 5.0);
/// The prompt of a link that names none.
pub const DEFAULT_PROMPT: &str = "What is the capital of France?";
/// The prompt of the first visit.
pub const EXAMPLE_PROMPT: &str = "What is the opposite of hot?";
/// The plan of the first visit: drops four of the default model's thirty blocks, after which it answers "hot".
pub const EXAMPLE_PLAN: &str = "b13,b14,b17,b25";

/// Where the engine should compute.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum BackendChoice {
    /// WebGPU where there is a real adapter, else the CPU.
    #[default]
    Auto,
    /// The CPU with SIMD.
    Cpu,
    /// WebGPU, even on a software adapter.
    WebGpu,
}

/// The precision in which a model's weights are held.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Precision {
    /// As the model's files store them.
    #[default]
    Stored,
    /// Floats are rounded to 8 bits, with one scale per 32 neighbours, so that a larger model fits.
    #[serde(rename = "8")]
    #[strum(serialize = "8")]
    Eight,
}

/// The open view.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum View {
    /// Cosine by layer (paper fig. 2).
    #[default]
    Layers,
    /// Metrics over generation steps (fig. 8).
    Steps,
    /// Ground truth against the estimates of the theorems (fig. 6).
    Theorems,
    /// Top tokens, dense against pruned (fig. 7, left).
    Tokens,
    /// Multiple choice: the categorical subspace (fig. 7, right).
    Choice,
    /// Retrieval from the final hidden state.
    Retrieval,
    /// Several plans side by side (figs. 5 and 9).
    Compare,
    /// Task scores against the amount removed (figs. 3 and 4), and verdicts.
    Sweep,
    /// Which sublayers to drop: plans that searches find.
    Search,
    /// What the plan did to the weights.
    Weights,
}

/// What a sweep varies.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SweepAxis {
    /// Number of dropped sublayers or blocks.
    #[default]
    Layers,
    /// Share of weights removed.
    Sparsity,
    /// Bits per weight.
    Bits,
}

/// A named plan to compare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// The plan.
    #[serde(flatten)]
    pub plan: PruningPlan,
}

/// Everything a visitor can set, in parts. In JSON and in the link all parts are one flat list of names.
///
/// A change of `models` loads models, one of `run` starts a new run; the other parts only measure or redraw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Settings {
    /// The models.
    #[serde(flatten)]
    pub models: ModelChoice,
    /// The main run.
    #[serde(flatten)]
    pub run: RunSettings,
    /// The measurements besides the run.
    #[serde(flatten)]
    pub measure: MeasureSettings,
    /// The open view.
    #[serde(default)]
    pub view: View,
    /// The token of the text whose numbers are shown, counted from 1; 0 is the deciding token, the first at which the texts differ.
    #[serde(default)]
    pub token: usize,
}

/// The work that a change of settings requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// None.
    Nothing,
    /// Measuring or showing something else.
    Explore,
    /// A new main run.
    Run,
    /// Loading other models.
    Load,
}

/// The models and how they are held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ModelChoice {
    /// The model, in the form that [`ModelSource`](crate::model::ModelSource) parses; empty is the default model.
    pub model: String,
    /// A second model of the same shape, which the plan applies to and which is compared with the dense model; empty is
    /// the dense model itself.
    pub other: String,
    /// The hub of repositories; empty is [`DEFAULT_HUB`].
    pub hub: String,
    /// The precision in which weights are held.
    pub precision: Precision,
    /// Where to compute.
    pub backend: BackendChoice,
}

impl ModelChoice {
    /// The hub of repositories.
    pub fn hub(&self) -> &str {
        if self.hub.is_empty() { DEFAULT_HUB } else { &self.hub }
    }
}

/// Settings of the main run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RunSettings {
    /// The prompt.
    pub prompt: String,
    /// Whether the prompt goes through the model's chat template.
    pub chat: bool,
    /// The plan: `drop`, `repair`, `head`, `sparse`, `on`, `layers`, `quant`.
    #[serde(flatten)]
    pub plan: PruningPlan,
    /// Tokens that each model generates.
    pub tokens: usize,
    /// Sampling temperature; 0 is greedy.
    pub temp: f32,
    /// Sample from the k likeliest tokens only; 0 is all.
    pub top_k: usize,
    /// Sample from the likeliest tokens that together reach this probability; 1 is all.
    pub top_p: f32,
    /// Seed of sampling.
    pub seed: u64,
    /// Temperature of the analysis; 0 is the decoding temperature, or 1 if decoding is greedy.
    pub analysis: f32,
    /// What the importance of sublayers compares.
    pub importance: ImportanceInput,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            prompt: DEFAULT_PROMPT.into(),
            chat: true,
            plan: PruningPlan::default(),
            tokens: 32,
            temp: 0.0,
            top_k: 0,
            top_p: 1.0,
            seed: 1,
            analysis: 0.0,
            importance: ImportanceInput::default(),
        }
    }
}

impl RunSettings {
    /// How tokens are chosen.
    pub fn sampling(&self) -> Sampling {
        Sampling { temperature: self.temp, top_k: self.top_k, top_p: self.top_p, seed: self.seed }
    }

    /// The temperature of the analysis: as set, else the decoding temperature, or 1 if decoding is greedy.
    pub fn analysis_temperature(&self) -> f32 {
        if self.analysis > 0.0 {
            self.analysis
        } else if self.sampling().is_greedy() {
            1.0
        } else {
            self.temp
        }
    }
}

/// Settings of the measurements besides the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MeasureSettings {
    /// Plans to compare with, at most [`MAX_VARIANTS`].
    pub compare: Vec<Variant>,
    /// What the sweep varies.
    pub sweep: SweepAxis,
    /// Items of each task set that a verdict and a sweep use; 0 is all.
    pub sample: usize,
    /// The kinds of sublayers that a search may drop.
    #[serde(with = "crate::prune::plan::text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub search: MatrixGroup,
    /// How many sublayers a search drops at most, 1 to [`MAX_BUDGET`].
    pub budget: usize,
}

impl Default for MeasureSettings {
    fn default() -> Self {
        Self { compare: vec![], sweep: SweepAxis::Layers, sample: 20, search: MatrixGroup::All, budget: 8 }
    }
}

impl Settings {
    /// The settings of a first visit: the example prompt with four blocks dropped.
    pub fn example() -> Self {
        let (drop, _) = DroppedSublayers::parse_lenient(EXAMPLE_PLAN);
        let plan = PruningPlan::dropping(drop);
        Self { run: RunSettings { prompt: EXAMPLE_PROMPT.into(), plan, ..RunSettings::default() }, ..Self::default() }
    }

    /// Leaves out what a model does not have: sublayers of later layers, and a chat template.
    pub fn fit(&mut self, layers: usize, has_chat_template: bool) {
        self.run.plan = self.run.plan.within(layers).0;
        self.run.chat &= has_chat_template;
    }

    /// The work that a change from the settings `before` to these requires.
    pub fn change_from(&self, before: &Self) -> Change {
        if self.models != before.models {
            Change::Load
        } else if self.run != before.run {
            Change::Run
        } else if self != before {
            Change::Explore
        } else {
            Change::Nothing
        }
    }

    /// These settings with every value clamped to its limits, and a sentence for each value that was changed.
    pub fn checked(mut self) -> (Self, Vec<String>) {
        let mut notices = vec![];
        if self.run.tokens < 1 || self.run.tokens > MAX_TOKENS {
            notices.push(format!("tokens was {}, outside 1 to {MAX_TOKENS}: the nearest is used", self.run.tokens));
            self.run.tokens = self.run.tokens.clamp(1, MAX_TOKENS);
        }
        if self.token > MAX_TOKENS {
            notices.push(format!("token was {}, beyond {MAX_TOKENS}: the nearest is used", self.token));
            self.token = MAX_TOKENS;
        }
        if !(0.0..=MAX_TEMPERATURE).contains(&self.run.temp) {
            notices.push(format!("temp was {}, outside 0 to {MAX_TEMPERATURE}: the nearest is used", self.run.temp));
            self.run.temp = if self.run.temp > 0.0 { MAX_TEMPERATURE } else { 0.0 };
        }
        if !(0.0..=1.0).contains(&self.run.top_p) || self.run.top_p == 0.0 {
            notices.push(format!("top_p was {}, outside 0 to 1: 1 is used", self.run.top_p));
            self.run.top_p = 1.0;
        }
        if self.run.analysis != 0.0 && !(ANALYSIS_RANGE.0..=ANALYSIS_RANGE.1).contains(&self.run.analysis) {
            let (low, high) = ANALYSIS_RANGE;
            notices.push(format!("analysis was {}, outside {low} to {high}: the nearest is used", self.run.analysis));
            self.run.analysis = if self.run.analysis > high { high } else { low };
        }
        if !self.models.hub.is_empty() && !is_hub(&self.models.hub) {
            notices.push(format!(
                "hub was {:?}, which is not the address of a hub: {DEFAULT_HUB} is used",
                self.models.hub
            ));
            self.models.hub.clear();
        }
        if self.measure.compare.len() > MAX_VARIANTS {
            notices.push(format!(
                "{} plans to compare are more than {MAX_VARIANTS}: the first are used",
                self.measure.compare.len()
            ));
            self.measure.compare.truncate(MAX_VARIANTS);
        }
        for variant in &mut self.measure.compare {
            if let Some((end, _)) = variant.name.char_indices().nth(MAX_NAME_CHARS) {
                variant.name.truncate(end);
            }
        }
        if self.measure.budget < 1 || self.measure.budget > MAX_BUDGET {
            notices.push(format!("budget was {}, outside 1 to {MAX_BUDGET}: the nearest is used", self.measure.budget));
            self.measure.budget = self.measure.budget.clamp(1, MAX_BUDGET);
        }
        if let Some((end, _)) = self.run.prompt.char_indices().nth(MAX_PROMPT_CHARS) {
            notices.push(format!("the prompt was longer than {MAX_PROMPT_CHARS} characters: the rest is cut off"));
            self.run.prompt.truncate(end);
        }
        (self, notices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every setting belongs to one part, which determines the work that a change of it requires.
    #[test]
    fn a_change_of_each_setting_asks_for_what_its_part_says() {
        let before = Settings::default();
        let json = serde_json::to_value(&before).unwrap();
        for (name, value) in json.as_object().unwrap() {
            let other = match name.as_str() {
                "precision" => "8".into(),
                "backend" => "cpu".into(),
                "view" => "sweep".into(),
                "sweep" => "bits".into(),
                "hub" => "https://hub.example".into(),
                "drop" => "a1".into(),
                "repair" => "scale".into(),
                "head" => "both".into(),
                "sparse" => "wanda-0.5".into(),
                "quant" => "rtn4-g64".into(),
                "layers" => "1-2".into(),
                "on" | "search" => "mlp".into(),
                "importance" => "normed".into(),
                "compare" => serde_json::json!([{ "name": "x", "drop": "a1" }]),
                _ => match value {
                    serde_json::Value::Bool(value) => (!value).into(),
                    serde_json::Value::Number(_) => 3.into(),
                    _ => "x".into(),
                },
            };
            let mut changed = json.clone();
            changed[name] = other;
            let after: Settings = serde_json::from_value(changed).unwrap();
            let expected = match name.as_str() {
                "model" | "other" | "hub" | "precision" | "backend" => Change::Load,
                "view" | "token" | "compare" | "sweep" | "sample" | "search" | "budget" => Change::Explore,
                _ => Change::Run,
            };
            assert_eq!(after.change_from(&before), expected, "{name}");
            assert_eq!(before.change_from(&after), expected, "{name} back");
        }
        assert_eq!(before.change_from(&before.clone()), Change::Nothing);
    }
}
