//! The state behind the protocol: a loaded model and what is already known about the current prompt.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::compute::Compute;
use crate::experiment::cross_check::{CrossCheckError, cross_check};
use crate::experiment::dense::DenseRun;
use crate::experiment::finite::first_not_finite;
use crate::experiment::generation::{PrunedRun, damage, next_token};
use crate::experiment::importance::measure_importance;
use crate::experiment::layerwise::{edited_outputs, edited_transitions, layer_transitions};
use crate::experiment::weights::{Calibration, PrunedDecoder, Which};
use crate::experiment::{Control, ExperimentError};
use crate::model::cross_check::CrossCheck;
use crate::model::{Decoder, LoadedModel};
use crate::task_book::TaskBook;
use crate::writing::{Part, write_texts};
use prunescope_formats::chat::ChatError;
use prunescope_protocol::messages::{Event, Stage};
use prunescope_protocol::model::DecoderConfig;
use prunescope_protocol::prune::importance::CALIBRATION_LONG;
use prunescope_protocol::prune::{Importance, PruningPlan};
use prunescope_protocol::results::{
    ComparedModel, DeviceCheck, LayerTransition, ModelInfo, NotFinite, OtherModel, Report, VariantResult,
};
use prunescope_protocol::settings::Settings;
use prunescope_protocol::tasks::{Question, RetrievalSet};

/// Most calibration tokens that are read.
pub const MAX_CALIBRATION_TOKENS: usize = 4096;
/// Most generation steps at which measurement 1 is repeated for the band of the chart.
const BAND_STEPS: usize = 8;
/// Longest context of one run: the residual stream of every sublayer is kept for it.
const MAX_CONTEXT: usize = 1024;

/// Milliseconds since some fixed moment; the host says, since clocks differ between a browser and a native program.
pub type Clock = fn() -> f64;

/// Two models that cannot be compared.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ModelsDiffer {
    /// Another shape.
    #[error(
        "the second model, {name}, has {} layers of width {} and {} tokens, where the dense model has {}, {} and {}: it must be a version of the first",
        found[0], found[1], found[2], wanted[0], wanted[1], wanted[2]
    )]
    Shape {
        /// The second model's name.
        name: String,
        /// Its layers, width and tokens.
        found: [usize; 3],
        /// Those of the dense model.
        wanted: [usize; 3],
    },
    /// Other tokens.
    #[error(
        "the second model, {name}, has another token number {id} than the dense model: it must have the same tokenizer"
    )]
    Tokens {
        /// The second model's name.
        name: String,
        /// The first token that differs.
        id: usize,
    },
}

/// A loaded model and what is already known about the current prompt.
pub struct Session<C: Compute> {
    pub(super) model: LoadedModel<C>,
    /// A second model of the same shape, to which plans apply in place of the dense one.
    other: Option<Decoder<C>>,
    /// Parts of it on the CPU, where the device is to be held to them.
    other_check: Option<CrossCheck>,
    info: ModelInfo,
    clock: Clock,
    pub(super) dense: Option<DenseRun<C>>,
    /// The newest plan's run beside `dense`.
    pub(super) pruned: Option<PrunedRun<C>>,
    /// Measurement 1 by dense step, for the current dense run and temperature.
    layers: BTreeMap<usize, Vec<LayerTransition>>,
    layers_temperature: f32,
    pub(super) importance: Option<Importance>,
    pub(super) calibration: Option<Calibration>,
    calibration_text: Option<String>,
    /// The newest plan's edited weights; plans that differ only in what they drop share them.
    edited: Option<PrunedDecoder<C>>,
    /// What variants wrote beside the current dense run, at the current temperature.
    pub(super) variants: Vec<Known>,
    pub(super) tasks: TaskBook,
}

/// What a plan wrote.
pub(super) struct Known {
    pub plan: PruningPlan,
    pub tokens: usize,
    pub result: VariantResult,
}

/// Names the parts of a run that are timed, and keeps the times.
struct Timer {
    clock: Clock,
    since: f64,
    parts: BTreeMap<String, f64>,
}

impl Timer {
    fn new(clock: Clock) -> Self {
        Self { clock, since: clock(), parts: BTreeMap::new() }
    }

    fn lap(&mut self, part: &str) {
        let now = (self.clock)();
        self.parts.insert(part.into(), now - self.since);
        self.since = now;
    }
}

impl<C: Compute> Session<C> {
    /// A session on a loaded model.
    pub fn new(model: LoadedModel<C>, source: &str, clock: Clock) -> Self {
        Self {
            info: describe(&model, source),
            model,
            other: None,
            other_check: None,
            clock,
            dense: None,
            pruned: None,
            layers: BTreeMap::new(),
            layers_temperature: 1.0,
            importance: None,
            calibration: None,
            calibration_text: None,
            edited: None,
            variants: vec![],
            tasks: TaskBook::default(),
        }
    }

    /// What the model is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Applies plans to a second model from now on, and compares that with the dense one.
    ///
    /// # Errors
    /// A model of another shape, or with other tokens.
    pub fn compare_with(&mut self, other: LoadedModel<C>, source: &str) -> Result<(), ModelsDiffer> {
        let (ours, theirs) = (&self.model.decoder.config, &other.decoder.config);
        let shape = |config: &DecoderConfig| [config.layers, config.hidden, config.vocabulary];
        if shape(ours) != shape(theirs) {
            return Err(ModelsDiffer::Shape { name: theirs.name.clone(), found: shape(theirs), wanted: shape(ours) });
        }
        if let Some(id) = self.model.tokenizer.first_difference(&other.tokenizer) {
            return Err(ModelsDiffer::Tokens { name: theirs.name.clone(), id });
        }
        let of_other = |notice: &String| format!("Of the second model, {}: {notice}", theirs.name);
        self.info.notices.extend(other.notices.iter().map(of_other));
        self.info.other =
            Some(OtherModel { source: source.into(), name: theirs.name.clone(), stored_as: other.stored_as });
        self.other = Some(other.decoder);
        self.other_check = other.cross_check;
        Ok(())
    }

    /// Holds the device to the CPU, where another computes; what it found stands in [`Session::info`].
    ///
    /// # Errors
    /// A device that is not to be used.
    pub async fn check_device(&mut self) -> Result<Option<&DeviceCheck>, CrossCheckError> {
        let models = [(Some(&self.model.decoder), &self.model.cross_check), (self.other.as_ref(), &self.other_check)];
        for (decoder, check) in models {
            let (Some(decoder), Some(check)) = (decoder, check) else { continue };
            let found = cross_check(decoder, check, self.clock).await?;
            // Of two models the one that agrees less.
            let known = self.info.device_check.take().filter(|known| known.largest_error > found.largest_error);
            self.info.device_check = Some(known.unwrap_or(found));
        }
        (self.model.cross_check, self.other_check) = (None, None);
        Ok(self.info.device_check.as_ref())
    }

    /// Which model a plan leaves.
    pub(super) fn which(&self, plan: &PruningPlan) -> Which {
        Which { other: self.other.is_some(), plan: plan.clone() }
    }

    /// The prompt of some settings as token ids.
    ///
    /// # Errors
    /// A chat template that is missing or fails, an empty prompt, one that is too long, a plan for other layers.
    pub fn prompt_ids(&self, settings: &Settings) -> Result<Vec<u32>, ExperimentError> {
        let tokenizer = &self.model.tokenizer;
        let layers = self.model.decoder.config.layers;
        for plan in std::iter::once(&settings.plan).chain(settings.compare.iter().map(|variant| &variant.plan)) {
            if plan.within(layers).0 != *plan {
                return Err(ExperimentError::NoSuchLayer { plan: plan.to_string(), last: layers - 1 });
            }
        }
        let ids = if settings.chat {
            let template = self.model.chat.as_ref().map_err(Clone::clone)?;
            let text = template.render(&settings.prompt, &tokenizer.special)?;
            tokenizer.encode(&text, true)?
        } else {
            tokenizer.encode(&settings.prompt, false)?
        };
        let decoders = std::iter::once(&self.model.decoder).chain(&self.other);
        let most = decoders.map(|decoder| decoder.config.context).fold(MAX_CONTEXT, usize::min);
        if ids.is_empty() {
            return Err(ExperimentError::EmptyPrompt);
        }
        if ids.len() + settings.tokens > most {
            return Err(ExperimentError::PromptTooLong { got: ids.len(), tokens: settings.tokens, most });
        }
        Ok(ids)
    }

    /// Takes another calibration text; the empty one stands for the built-in text.
    pub fn calibrate(&mut self, text: &str) {
        let text = Some(text.trim().to_string()).filter(|text| !text.is_empty());
        if text != self.calibration_text {
            self.calibration_text = text;
            self.calibration = None;
            self.edited = None;
            self.pruned = None;
            self.variants.clear();
            self.tasks.forget_plans();
        }
    }

    /// The decoder that a plan leaves; edits weights only where no earlier plan had the same.
    pub(super) async fn prune(
        &mut self,
        plan: &PruningPlan,
        keep: bool,
        run: u64,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<PrunedDecoder<C>, ExperimentError> {
        let base = self.other.as_ref().unwrap_or(&self.model.decoder);
        let unedited = PrunedDecoder { other: self.other.is_some(), ..PrunedDecoder::unedited(base, plan) };
        if !plan.edits_weights() {
            return Ok(unedited);
        }
        if let Some(known) = self.edited.as_ref().filter(|known| known.plan.weights_only() == plan.weights_only()) {
            return Ok(known.with_plan(plan));
        }
        if keep {
            // Two edited copies at once would take a third more memory.
            self.edited = None;
            self.pruned = None;
        }
        if self.calibration.is_none() {
            let text = self.calibration_text.as_deref().unwrap_or(CALIBRATION_LONG.trim());
            let mut ids = self.model.tokenizer.encode(text, false)?;
            ids.truncate(MAX_CALIBRATION_TOKENS);
            self.calibration = Some(Calibration::new(ids));
        }
        let Some(calibration) = &mut self.calibration else { return Err(ExperimentError::Stopped) };
        let mut progress = |what: &str, done, total| tell(Event::Working { run, what: what.into(), done, total });
        let edited = calibration.edit(unedited, control, &mut progress).await?;
        if keep {
            self.edited = Some(edited.clone());
        }
        Ok(edited)
    }

    /// Runs every measurement for `settings` and tells each result as it is known.
    ///
    /// What an earlier run knows is used again: the dense model's reading and text while prompt and sampling stay, the
    /// pruned model's while its plan stays too (another temperature of the analysis runs no model), the importance while
    /// the model stays.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], a prompt that cannot be used, or a failing device.
    pub async fn run(
        &mut self,
        run: u64,
        settings: &Settings,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Report, ExperimentError> {
        let mut timer = Timer::new(self.clock);
        let prompt_ids = self.prompt_ids(settings)?;
        tell(Event::Prompt { run, ids: prompt_ids.clone() });
        let temperature = settings.analysis_temperature();
        let decoder = self.model.decoder.clone();
        self.read_prompt(prompt_ids.clone(), settings, control).await?;
        timer.lap("dense_prompt");
        if self.layers_temperature != temperature {
            self.layers.clear();
            self.variants.clear();
            self.layers_temperature = temperature;
        }
        if self.pruned.as_ref().is_none_or(|pruned| pruned.model.plan != settings.plan) {
            let model = self.prune(&settings.plan, true, run, control, tell).await?;
            let Some(dense) = &self.dense else { return Err(ExperimentError::Stopped) };
            self.pruned = Some(PrunedRun::read(model, dense, control).await?);
        }
        let (Some(dense), Some(pruned)) = (&mut self.dense, &mut self.pruned) else {
            return Err(ExperimentError::Stopped);
        };
        let next = next_token(dense, pruned, temperature, &self.model.tokenizer).await?;
        timer.lap("toggle_to_next_token");
        tell(Event::NextToken { run, compared: Box::new(next.clone()) });
        let mut not_finite = None;
        if next.metrics.values().iter().any(|x| !x.is_finite()) {
            let models = [
                (ComparedModel::Dense, &decoder, &PruningPlan::default()),
                (ComparedModel::Pruned, &pruned.model.decoder, &pruned.model.plan),
            ];
            for (model, decoder, plan) in models {
                if let Some(place) = first_not_finite(decoder, plan, &prompt_ids, control).await? {
                    let found = NotFinite { model, place };
                    tell(Event::NotFinite { run, found });
                    not_finite = Some(found);
                    break;
                }
            }
        }
        tell(Event::Weights { run, weights: Box::new(pruned.model.report.clone()) });
        for (step, layers) in self.layers.range(..settings.tokens) {
            tell(Event::Layers { run, step: *step, edited: false, layers: layers.clone() });
        }
        let damage = damage(dense, pruned, temperature, &self.model.tokenizer).await?;
        tell(Event::Damage { run, tokens: damage.clone() });
        let generation = write_texts(&self.model, dense, pruned, settings, control, &mut |part| match part {
            Part::Step(step) => tell(Event::Step { run, step: Box::new(step.clone()) }),
            Part::FixedTrajectory(steps) => tell(Event::FixedTrajectory { run, steps: steps.to_vec() }),
            Part::Quality(quality) => tell(Event::Quality { run, quality: Box::new(quality.clone()) }),
        })
        .await?;
        timer.lap("generation");
        let mut layers = self.layers.get(&0).cloned();
        if layers.is_none() {
            let found = layer_transitions(&decoder, &dense.steps[0].stream, temperature, control).await?;
            timer.lap("layers");
            tell(Event::Layers { run, step: 0, edited: false, layers: found.clone() });
            self.layers.insert(0, found.clone());
            layers = Some(found);
        }
        let mut edited_layers = vec![];
        if pruned.model.edits_weights() {
            let outputs = edited_outputs(&pruned.model, dense, 1, control).await?;
            let stream = &dense.steps[0].stream;
            edited_layers = edited_transitions(&decoder, stream, &outputs, 0, temperature, control).await?;
            timer.lap("edited_layers");
            tell(Event::Layers { run, step: 0, edited: true, layers: edited_layers.clone() });
        }
        let weights = pruned.model.report.clone();
        let importance = self.importance(control, tell).await?;
        timer.lap("importance");
        let report = Report {
            model: self.info.clone(),
            backend: C::BACKEND.name().into(),
            settings: settings.clone(),
            prompt_ids,
            next_token: next,
            not_finite,
            layers: layers.unwrap_or_default(),
            edited_layers,
            damage,
            weights,
            generation,
            importance: Some(importance),
            timings_ms: timer.parts,
        };
        tell(Event::Done { run, report: Box::new(report.clone()) });
        Ok(report)
    }

    /// Makes the dense run that of these settings.
    pub(super) async fn read_prompt(
        &mut self,
        prompt_ids: Vec<u32>,
        settings: &Settings,
        control: &Control,
    ) -> Result<(), ExperimentError> {
        let sampling = settings.sampling();
        let known =
            self.dense.as_ref().is_some_and(|dense| dense.prompt_ids == prompt_ids && dense.sampling == sampling);
        if !known {
            self.dense = None;
            self.pruned = None;
            self.layers.clear();
            self.variants.clear();
            self.dense = Some(DenseRun::read(&self.model.decoder, prompt_ids, sampling, control).await?);
        }
        Ok(())
    }

    /// The importance of every sublayer, measured once a model.
    pub(super) async fn importance(
        &mut self,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Importance, ExperimentError> {
        if let Some(known) = &self.importance {
            return Ok(known.clone());
        }
        let importance = measure_importance(&self.model.decoder, &self.model.tokenizer, control).await?;
        tell(Event::Importance { importance: Box::new(importance.clone()) });
        self.importance = Some(importance.clone());
        Ok(importance)
    }

    /// Repeats measurement 1 at more steps of the dense text's first `tokens` tokens, for the band of the chart.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn widen_band(
        &mut self,
        run: u64,
        tokens: usize,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), ExperimentError> {
        let (Some(dense), Some(pruned)) = (&self.dense, &self.pruned) else { return Ok(()) };
        let decoder = &self.model.decoder;
        let count = dense.steps.len().min(tokens);
        let wanted = count.min(BAND_STEPS);
        let steps: Vec<usize> = (0..wanted).map(|i| i * count / wanted).collect();
        for step in &steps {
            if !self.layers.contains_key(step) {
                let stream = &dense.steps[*step].stream;
                let layers = layer_transitions(decoder, stream, self.layers_temperature, control).await?;
                tell(Event::Layers { run, step: *step, edited: false, layers: layers.clone() });
                self.layers.insert(*step, layers);
            }
        }
        if pruned.model.edits_weights() {
            let outputs = edited_outputs(&pruned.model, dense, count, control).await?;
            for step in steps.into_iter().filter(|step| *step > 0) {
                let stream = &dense.steps[step].stream;
                let layers =
                    edited_transitions(decoder, stream, &outputs, step, self.layers_temperature, control).await?;
                tell(Event::Layers { run, step, edited: true, layers });
            }
        }
        Ok(())
    }

    /// Takes other questions for multiple choice; none stands for the built-in ones.
    pub fn use_questions(&mut self, questions: Vec<Question>) {
        self.tasks.use_questions(questions);
    }

    /// Takes another retrieval set; an empty one stands for the built-in one.
    pub fn use_retrieval_set(&mut self, set: RetrievalSet) {
        self.tasks.use_retrieval_set(set);
    }

    /// An [`Event`] for a run that ended with an error.
    pub fn failure(run: u64, error: &ExperimentError) -> Event {
        match error {
            ExperimentError::Stopped => Event::Stopped { run: Some(run) },
            other => Event::Failed {
                stage: Stage::Run,
                run: Some(run),
                message: other.to_string(),
                fatal: matches!(other, ExperimentError::Device { .. }),
            },
        }
    }
}

/// What a loaded model is, for results.
fn describe<C: Compute>(model: &LoadedModel<C>, source: &str) -> ModelInfo {
    ModelInfo {
        source: source.into(),
        config: model.decoder.config.clone(),
        stored_as: model.stored_as.clone(),
        has_chat_template: model.chat.is_ok(),
        chat_template_fault: match &model.chat {
            Ok(_) | Err(ChatError::Missing) => None,
            Err(fault) => Some(fault.to_string()),
        },
        notices: model.notices.clone(),
        device_check: None,
        other: None,
    }
}
