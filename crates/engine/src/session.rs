//! The state behind the protocol: a loaded model and what is already known about the current prompt.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::cached::Cached;
use crate::compute::Compute;
use crate::evaluation_cache::EvaluationCache;
use crate::experiment::cross_check::{CrossCheckError, cross_check};
use crate::experiment::dense::DenseRun;
use crate::experiment::finite::first_not_finite;
use crate::experiment::generation::{PrunedRun, next_token, token_contributions};
use crate::experiment::importance::measure_importance;
use crate::experiment::layerwise::{edited_outputs, edited_transitions, layer_transitions};
use crate::experiment::weights::{Calibration, PrunedDecoder, VariantKey};
use crate::experiment::{Control, ExperimentError};
use crate::model::cross_check::CrossCheck;
use crate::model::{Decoder, LoadedModel};
use crate::writing::{Part, write_texts};
use prunescope_formats::chat::ChatError;
use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::model::DecoderConfig;
use prunescope_protocol::model::sampling::Sampling;
use prunescope_protocol::prune::importance::DEFAULT_CALIBRATION_TEXT;
use prunescope_protocol::prune::{Importance, PruningPlan};
use prunescope_protocol::results::{
    ComparedModel, ComparedPosition, DeviceCheck, LayerTransition, ModelInfo, NotFinite, OtherModel, RunReport,
    VariantResult,
};
use prunescope_protocol::settings::RunSettings;
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

/// A loaded model and what is already known of it. What is known has a key, and is valid while its key is equal.
pub struct Session<C: Compute> {
    pub(crate) model: LoadedModel<C>,
    /// A second model of the same shape, to which plans apply in place of the dense one.
    other: Option<Decoder<C>>,
    /// Parts of it on the CPU, where the device is to be held to them.
    other_check: Option<CrossCheck>,
    info: ModelInfo,
    clock: Clock,
    /// The visitor's calibration text; none is the built-in one.
    calibration_text: Option<Arc<str>>,
    /// What is known of the calibration text, by that text.
    calibration: Cached<Option<Arc<str>>, Calibration>,
    /// The newest plan's edited weights; plans that differ only in what they drop share them.
    edited: Cached<VariantKey, PrunedDecoder<C>>,
    /// The dense model's run on a prompt.
    dense: Cached<DenseKey, DenseRun<C>>,
    /// The newest plan's run beside it.
    pruned: Cached<(DenseKey, VariantKey), PrunedRun<C>>,
    /// Measurement 1 by dense step.
    layers: Cached<AnalysisKey, BTreeMap<usize, Vec<LayerTransition>>>,
    /// What variants wrote beside the dense run.
    pub(crate) variants: Cached<AnalysisKey, Vec<CachedVariant>>,
    pub(crate) importance: Option<Importance>,
    pub(crate) tasks: EvaluationCache,
}

/// What the dense model's run depends on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DenseKey {
    pub prompt_ids: Vec<u32>,
    pub sampling: Sampling,
}

/// What numbers in probability space beside a dense run depend on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AnalysisKey {
    pub dense: DenseKey,
    pub temperature: f32,
}

/// What a variant wrote.
pub(crate) struct CachedVariant {
    pub key: VariantKey,
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

    /// Ends a part.
    ///
    /// * `was_done` — whether anything of it was computed; what was known already is not named.
    fn lap(&mut self, part: &str, was_done: bool) {
        let now = (self.clock)();
        if was_done {
            self.parts.insert(part.into(), now - self.since);
        }
        self.since = now;
    }
}

/// What a run carries along.
struct Reporter<'a> {
    timer: Timer,
    control: &'a Control,
    tell: &'a mut dyn FnMut(RunEvent),
}

impl Reporter<'_> {
    fn tell(&mut self, event: RunEvent) {
        (self.tell)(event);
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
            calibration_text: None,
            calibration: Cached::default(),
            edited: Cached::default(),
            dense: Cached::default(),
            pruned: Cached::default(),
            layers: Cached::default(),
            variants: Cached::default(),
            importance: None,
            tasks: EvaluationCache::default(),
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

    /// The model that a plan leaves.
    pub(crate) fn key(&self, plan: &PruningPlan) -> VariantKey {
        let calibration = self.calibration_text.clone().filter(|_| plan.edits_weights());
        VariantKey { other: self.other.is_some(), plan: plan.clone(), calibration }
    }

    /// The dense run of some settings.
    ///
    /// # Errors
    /// As of [`Session::prompt_ids`].
    pub(crate) fn dense_key(&self, settings: &RunSettings) -> Result<DenseKey, ExperimentError> {
        Ok(DenseKey { prompt_ids: self.prompt_ids(settings)?, sampling: settings.sampling() })
    }

    /// The prompt of some settings as token ids.
    ///
    /// # Errors
    /// A chat template that is missing or fails, an empty prompt, one that is too long, a plan for other layers.
    pub fn prompt_ids(&self, settings: &RunSettings) -> Result<Vec<u32>, ExperimentError> {
        let tokenizer = &self.model.tokenizer;
        self.check_layers(&settings.plan)?;
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

    /// Whether the model has all layers that a plan names.
    ///
    /// # Errors
    /// A plan for other layers.
    pub(crate) fn check_layers(&self, plan: &PruningPlan) -> Result<(), ExperimentError> {
        let layers = self.model.decoder.config.layers;
        if plan.within(layers).0 != *plan {
            return Err(ExperimentError::NoSuchLayer { plan: plan.to_string(), last: layers - 1 });
        }
        Ok(())
    }

    /// Takes another calibration text; the empty one stands for the built-in text.
    pub fn calibrate(&mut self, text: &str) {
        self.calibration_text = Some(text.trim()).filter(|text| !text.is_empty()).map(Arc::from);
    }

    /// The decoder that a plan leaves, for a run: its weights are kept in place of the plan's before, so that two
    /// edited copies, a third more memory, never exist at once.
    pub(crate) async fn prune(
        &mut self,
        plan: &PruningPlan,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<PrunedDecoder<C>, ExperimentError> {
        let key = self.key(plan);
        if plan.edits_weights() && self.edited.get(&key.weights_only()).is_none() {
            self.edited.clear();
            self.pruned.clear();
        }
        let pruned = self.prune_beside(plan, control, tell).await?;
        if plan.edits_weights() {
            self.edited.set(key.weights_only(), pruned.clone());
        }
        Ok(pruned)
    }

    /// The decoder that a plan leaves, for a variant or a point of a sweep; edits weights only where the kept ones are
    /// others.
    pub(crate) async fn prune_beside(
        &mut self,
        plan: &PruningPlan,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<PrunedDecoder<C>, ExperimentError> {
        let key = self.key(plan);
        let unedited = PrunedDecoder::unedited(self.other.as_ref().unwrap_or(&self.model.decoder), key.clone());
        if !plan.edits_weights() {
            return Ok(unedited);
        }
        if let Some(known) = self.edited.get(&key.weights_only()) {
            return Ok(known.with_plan(plan));
        }
        let text = self.calibration_text.clone();
        let mut calibration = match self.calibration.take(&text) {
            Some(known) => known,
            None => {
                let mut ids =
                    self.model.tokenizer.encode(text.as_deref().unwrap_or(DEFAULT_CALIBRATION_TEXT.trim()), false)?;
                ids.truncate(MAX_CALIBRATION_TOKENS);
                Calibration::new(ids)
            }
        };
        let mut progress = |what: &str, done, total| tell(RunEvent::Working { what: what.into(), done, total });
        let edited = calibration.edit(unedited, control, &mut progress).await;
        // What was read and factored until it was stopped is still right.
        self.calibration.set(text, calibration);
        edited
    }

    /// Runs every measurement for `settings` and tells each result as it is known.
    ///
    /// What an earlier run knows is used again: the dense model's reading and text while prompt and sampling stay, the
    /// pruned model's while its plan stays too (another temperature of the analysis runs no model), the importance
    /// while the model stays.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], a prompt that cannot be used, or a failing device.
    pub async fn run(
        &mut self,
        settings: &RunSettings,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<RunReport, ExperimentError> {
        let mut reporter = Reporter { timer: Timer::new(self.clock), control, tell };
        let key = self.dense_key(settings)?;
        let (mut dense, was_read) = self.dense_run(&key, control).await?;
        reporter.timer.lap("dense_prompt", was_read);
        let done = self.run_pruned(&mut dense, &key, settings, &mut reporter).await;
        // What it has written until it was stopped is still right.
        self.keep_dense(key, dense);
        done
    }

    /// The dense model's run of a key, taken out of the cache, and whether the prompt had to be read. The caller puts
    /// it back.
    pub(crate) async fn dense_run(
        &mut self,
        key: &DenseKey,
        control: &Control,
    ) -> Result<(DenseRun<C>, bool), ExperimentError> {
        if let Some(known) = self.dense.take(key) {
            return Ok((known, false));
        }
        // It belongs to another prompt, and its memory is wanted.
        self.pruned.clear();
        let read = DenseRun::read(&self.model.decoder, key.prompt_ids.clone(), key.sampling, control).await?;
        Ok((read, true))
    }

    /// Puts the dense model's run back.
    pub(crate) fn keep_dense(&mut self, key: DenseKey, dense: DenseRun<C>) {
        self.dense.set(key, dense);
    }

    /// The pruned model's part of a run.
    async fn run_pruned(
        &mut self,
        dense: &mut DenseRun<C>,
        dense_key: &DenseKey,
        settings: &RunSettings,
        reporter: &mut Reporter<'_>,
    ) -> Result<RunReport, ExperimentError> {
        let key = (dense_key.clone(), self.key(&settings.plan));
        let known = self.pruned.take(&key);
        let was_read = known.is_none();
        let mut pruned = match known {
            Some(known) => known,
            None => {
                let model = self.prune(&settings.plan, reporter.control, reporter.tell).await?;
                PrunedRun::read(model, dense, reporter.control).await?
            }
        };
        let temperature = settings.analysis_temperature();
        let next = next_token(dense, &pruned, temperature, &self.model.tokenizer).await;
        reporter.timer.lap("toggle_to_next_token", was_read);
        let done = match next {
            Ok(next) => self.measure_run(dense, &mut pruned, dense_key, next, settings, reporter).await,
            Err(error) => Err(error),
        };
        self.pruned.set(key, pruned);
        done
    }

    /// Everything of a run after the first token.
    async fn measure_run(
        &mut self,
        dense: &mut DenseRun<C>,
        pruned: &mut PrunedRun<C>,
        dense_key: &DenseKey,
        next: ComparedPosition,
        settings: &RunSettings,
        reporter: &mut Reporter<'_>,
    ) -> Result<RunReport, ExperimentError> {
        let (temperature, control) = (settings.analysis_temperature(), reporter.control);
        let analysis = AnalysisKey { dense: dense_key.clone(), temperature };
        reporter.tell(RunEvent::NextToken { compared: Box::new(next.clone()) });
        let not_finite = self.find_not_finite(&next, &pruned.model, dense_key, reporter).await?;
        let weights = pruned.model.report.clone();
        reporter.tell(RunEvent::Weights { weights: Box::new(weights.clone()) });
        for (step, layers) in self.layers.get(&analysis).into_iter().flat_map(|known| known.range(..settings.tokens)) {
            reporter.tell(RunEvent::Layers { step: *step, edited: false, layers: layers.clone() });
        }
        let damage = token_contributions(dense, pruned, temperature, &self.model.tokenizer).await?;
        reporter.tell(RunEvent::Damage { tokens: damage.clone() });
        let before = (dense.steps.len(), pruned.positions_read());
        let tell = &mut *reporter.tell;
        let generation = write_texts(&self.model, dense, pruned, settings, control, &mut |part| match part {
            Part::Step(step) => tell(RunEvent::Step { step: Box::new(step.clone()) }),
            Part::FixedTrajectory(steps) => tell(RunEvent::FixedTrajectory { steps: steps.to_vec() }),
            Part::Quality(quality) => tell(RunEvent::Quality { quality: Box::new(quality.clone()) }),
        })
        .await?;
        reporter.timer.lap("generation", (dense.steps.len(), pruned.positions_read()) != before);
        let layers = match self.layers.get(&analysis).and_then(|known| known.get(&0)) {
            Some(known) => known.clone(),
            None => {
                let stream = &dense.steps[0].stream;
                let found = layer_transitions(&self.model.decoder, stream, temperature, control).await?;
                reporter.timer.lap("layers", true);
                reporter.tell(RunEvent::Layers { step: 0, edited: false, layers: found.clone() });
                self.layers.entry(analysis).insert(0, found.clone());
                found
            }
        };
        let mut edited_layers = vec![];
        if pruned.model.edits_weights() {
            let outputs = edited_outputs(&pruned.model, dense, 1, control).await?;
            let stream = &dense.steps[0].stream;
            edited_layers = edited_transitions(&self.model.decoder, stream, &outputs, 0, temperature, control).await?;
            reporter.timer.lap("edited_layers", true);
            reporter.tell(RunEvent::Layers { step: 0, edited: true, layers: edited_layers.clone() });
        }
        let was_known = self.importance.is_some();
        let importance = self.importance(control, reporter.tell).await?;
        reporter.timer.lap("importance", !was_known);
        let report = RunReport {
            model: self.info.clone(),
            backend: C::BACKEND.name().into(),
            prompt_ids: dense_key.prompt_ids.clone(),
            next_token: next,
            not_finite,
            layers,
            edited_layers,
            damage,
            weights,
            generation,
            importance: Some(importance),
            timings_ms: std::mem::take(&mut reporter.timer.parts),
        };
        reporter.tell(RunEvent::Done { report: Box::new(report.clone()) });
        Ok(report)
    }

    /// Where numbers of the first token stop being finite, in the dense model or else in the pruned one.
    async fn find_not_finite(
        &self,
        next: &ComparedPosition,
        pruned: &PrunedDecoder<C>,
        key: &DenseKey,
        reporter: &mut Reporter<'_>,
    ) -> Result<Option<NotFinite>, ExperimentError> {
        if next.metrics.values().iter().all(|x| x.is_finite()) {
            return Ok(None);
        }
        let models = [
            (ComparedModel::Dense, &self.model.decoder, &PruningPlan::default()),
            (ComparedModel::Pruned, &pruned.decoder, pruned.plan()),
        ];
        for (model, decoder, plan) in models {
            if let Some(place) = first_not_finite(decoder, plan, &key.prompt_ids, reporter.control).await? {
                let found = NotFinite { model, place };
                reporter.tell(RunEvent::NotFinite { found });
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The importance of every sublayer, measured once a model.
    pub(crate) async fn importance(
        &mut self,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<Importance, ExperimentError> {
        if let Some(known) = &self.importance {
            return Ok(known.clone());
        }
        let importance = measure_importance(&self.model.decoder, &self.model.tokenizer, control).await?;
        tell(RunEvent::Importance { importance: Box::new(importance.clone()) });
        self.importance = Some(importance.clone());
        Ok(importance)
    }

    /// Repeats measurement 1 at more steps of a run's dense text, for the band of the chart. Where the run is not
    /// known, nothing is measured.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn measure_layer_band(
        &mut self,
        settings: &RunSettings,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(), ExperimentError> {
        let key = self.dense_key(settings)?;
        let pruned_key = (key.clone(), self.key(&settings.plan));
        let (Some(dense), Some(pruned)) = (self.dense.get(&key), self.pruned.get(&pruned_key)) else { return Ok(()) };
        let (decoder, temperature) = (&self.model.decoder, settings.analysis_temperature());
        let known = self.layers.entry(AnalysisKey { dense: key, temperature });
        let count = dense.steps.len().min(settings.tokens);
        let wanted = count.min(BAND_STEPS);
        let steps: Vec<usize> = (0..wanted).map(|i| i * count / wanted).collect();
        for step in &steps {
            if !known.contains_key(step) {
                let layers = layer_transitions(decoder, &dense.steps[*step].stream, temperature, control).await?;
                tell(RunEvent::Layers { step: *step, edited: false, layers: layers.clone() });
                known.insert(*step, layers);
            }
        }
        if pruned.model.edits_weights() {
            let outputs = edited_outputs(&pruned.model, dense, count, control).await?;
            for step in steps.into_iter().filter(|step| *step > 0) {
                let stream = &dense.steps[step].stream;
                let layers = edited_transitions(decoder, stream, &outputs, step, temperature, control).await?;
                tell(RunEvent::Layers { step, edited: true, layers });
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

    /// What is told of a run that ended with an error.
    pub fn failure(error: &ExperimentError) -> RunEvent {
        match error {
            ExperimentError::Stopped => RunEvent::Stopped,
            other => RunEvent::Failed {
                message: other.to_string(),
                fatal: matches!(other, ExperimentError::Device { .. } | ExperimentError::Internal { .. }),
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
