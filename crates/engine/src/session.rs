//! The state behind the protocol: a loaded model and cached results for the current prompt.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::cached::{Cached, Recent};
use crate::compute::Compute;
use crate::evaluation_cache::EvaluationCache;
use crate::experiment::cross_check::{CrossCheckError, cross_check};
use crate::experiment::dense::DenseRun;
use crate::experiment::finite::first_not_finite;
use crate::experiment::fit_size::FitSize;
use crate::experiment::generation::{PrunedRun, next_token, token_contributions};
use crate::experiment::importance::measure_importance;
use crate::experiment::layerwise::{edited_outputs, edited_transitions, layer_transitions};
use crate::experiment::own_answers::OwnChat;
use crate::experiment::pruned_decoder::{PrunedDecoder, VariantKey};
use crate::experiment::repair::{FitText, fit_repair};
use crate::experiment::search::{Measured, SearchTokens};
use crate::experiment::weights::Calibration;
use crate::experiment::{Control, ExperimentError};
use crate::model::cross_check::CrossCheck;
use crate::model::replacement::Replacements;
use crate::model::{Decoder, LoadedModel};
use crate::shard::Shard;
use crate::writing::{Part, write_texts};
use prunescope_formats::chat::ChatError;
use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::model::DecoderConfig;
use prunescope_protocol::model::sampling::Sampling;
use prunescope_protocol::prune::importance::DEFAULT_CALIBRATION_TEXT;
use prunescope_protocol::prune::{Importance, ImportanceInput, PruningPlan, Repairs};
use prunescope_protocol::results::{
    ComparedModel, ComparedPosition, DeviceCheck, FullRepair, LayerTransition, ModelInfo, NotFinite, OtherModel,
    RepairReport, RepairedResult, RunReport, SwitchEffect, VariantResult,
};
use prunescope_protocol::settings::RunSettings;
use prunescope_protocol::tasks::{KindText, Question, RetrievalSet};

/// Largest number of calibration tokens; a longer text is truncated.
pub const MAX_CALIBRATION_TOKENS: usize = 4096;
/// Bytes of a long token; all but a few in a vocabulary are shorter.
const LONG_TOKEN: usize = 32;
/// Bytes of a text that are compared on at most, some 250,000 tokens: hours of reading.
const MAX_TEXT: usize = 1 << 20;
/// Largest number of generation steps at which measurement 1 (layerwise transition) is repeated for the chart's band.
const BAND_STEPS: usize = 8;
/// Most fits that are kept; one in full form takes 1.3 MB per dropped sublayer of the default model.
const MAX_REPAIRS: usize = 8;
/// Number of plans for which it is kept what each switch would do.
const PLANS_WITH_SWITCHES: usize = 16;
/// Longest context of one run, in tokens; bounded because the residual streams of all its tokens are kept in memory.
const MAX_CONTEXT: usize = 1024;

/// The first bytes of a text, at most `most`, that are whole characters.
fn beginning(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Milliseconds since an arbitrary fixed moment. The host supplies it: browsers and native programs have different
/// clocks.
pub type Clock = fn() -> f64;

/// Why two models cannot be compared.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ModelsDiffer {
    /// The models differ in shape.
    #[error(
        "the second model, {name}, has {} layers of width {} and {} tokens, where the dense model has {}, {} and {}: it must be a version of the first",
        found[0], found[1], found[2], wanted[0], wanted[1], wanted[2]
    )]
    Shape {
        /// The second model's name.
        name: String,
        /// Its layers, hidden size and vocabulary size.
        found: [usize; 3],
        /// The dense model's layers, hidden size and vocabulary size.
        wanted: [usize; 3],
    },
    /// The vocabularies differ.
    #[error(
        "the second model, {name}, has another token number {id} than the dense model: it must have the same tokenizer"
    )]
    Tokens {
        /// The second model's name.
        name: String,
        /// Id of the first token that differs.
        id: usize,
    },
}

/// A loaded model and cached results. Each cache has a key and is valid while the key is unchanged.
pub struct Session<C: Compute> {
    pub(crate) model: LoadedModel<C>,
    /// A second model of the same shape; if present, plans apply to it instead of to the dense model.
    other: Option<Decoder<C>>,
    /// Parts of the second model on the CPU for the device check; `None` if there is none or it was done.
    other_check: Option<CrossCheck>,
    info: ModelInfo,
    clock: Clock,
    /// The visitor's calibration text; `None` for the built-in one.
    calibration_text: Option<Arc<str>>,
    /// Activations and factors of the calibration text, keyed by that text.
    calibration: Cached<Option<Arc<str>>, Calibration>,
    /// Edited weights of the latest plan, keyed without dropped sublayers: plans that differ only in those share them.
    edited: Cached<VariantKey, PrunedDecoder<C>>,
    /// The dense model's run on the latest prompt.
    dense: Cached<DenseKey, DenseRun<C>>,
    /// The pruned model's run on the same prompt, for the latest plan.
    pruned: Cached<(DenseKey, VariantKey), PrunedRun<C>>,
    /// The repaired model's run on the same prompt, for the latest plan that repairs.
    repaired: Cached<(DenseKey, VariantKey), PrunedRun<C>>,
    /// How much repairs are fitted on.
    fit_size: FitSize,
    /// The dense model's own answers, as far as they are written, in the order of their questions; `None` once it is
    /// known that it can write none.
    pub(crate) own_chats: Option<Vec<OwnChat>>,
    /// The texts of a fit, with the dense model's residual stream, keyed by the calibration text and the numbers of its
    /// tokens and of own answers.
    fit_text: Cached<FitTextKey, FitText>,
    /// The latest fits.
    repairs: Recent<VariantKey, (Replacements<C>, RepairReport)>,
    /// The full map in place of the latest plan's smaller repair.
    pub(crate) full_repair: Cached<VariantKey, FullRepair>,
    /// Measurement 1 (layerwise transition) by step of the dense text.
    layers: Cached<AnalysisKey, BTreeMap<usize, Vec<LayerTransition>>>,
    /// Results of variants on the dense run's prompt.
    pub(crate) variants: Cached<AnalysisKey, Vec<CachedVariant>>,
    /// What flipping each switch does, for the latest prompts and plans.
    pub(crate) switches: Recent<(AnalysisKey, VariantKey), Vec<SwitchEffect>>,
    /// Numbers of tokens that searches read.
    search_tokens: SearchTokens,
    /// What searches have measured, by calibration text and tokens.
    pub(crate) searches: Cached<SearchKey, Measured>,
    pub(crate) importance: Option<Importance>,
    pub(crate) tasks: EvaluationCache,
    /// The visitor's texts of the comparison by kind; empty for the built-in ones.
    pub(crate) texts: Vec<KindText>,
    /// The points of a sweep that this session measures.
    pub(crate) shard: Option<Shard>,
}

/// The calibration text, the number of its tokens to fit on, and the number of own answers.
type FitTextKey = (Option<Arc<str>>, usize, usize);

/// Everything that the dense model's run depends on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DenseKey {
    pub prompt_ids: Vec<u32>,
    pub sampling: Sampling,
}

/// Everything that metrics of a dense run in probability space depend on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AnalysisKey {
    pub dense: DenseKey,
    pub temperature: f32,
}

/// Everything that a search depends on besides the model and its repairs, which are in the keys of plans.
pub(crate) type SearchKey = (Option<Arc<str>>, SearchTokens, ImportanceInput);

/// A variant's cached result, with the number of generated tokens it was requested for.
pub(crate) struct CachedVariant {
    pub key: VariantKey,
    pub tokens: usize,
    pub result: VariantResult,
}

/// Times the named parts of a run, in milliseconds.
struct Timer {
    clock: Clock,
    since: f64,
    parts: BTreeMap<String, f64>,
}

impl Timer {
    fn new(clock: Clock) -> Self {
        Self { clock, since: clock(), parts: BTreeMap::new() }
    }

    /// Ends a part of the run.
    ///
    /// * `was_done`: whether anything was computed. If all of it was cached, no time is recorded.
    fn lap(&mut self, part: &str, was_done: bool) {
        let now = (self.clock)();
        if was_done {
            self.parts.insert(part.into(), now - self.since);
        }
        self.since = now;
    }
}

/// Timer, cancellation and event output of one run.
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
    /// A session on a loaded model with empty caches.
    ///
    /// * `source`: file name or address that is shown as the model's origin.
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
            repaired: Cached::default(),
            fit_size: FitSize::default(),
            own_chats: Some(vec![]),
            fit_text: Cached::default(),
            repairs: Recent::new(MAX_REPAIRS),
            full_repair: Cached::default(),
            layers: Cached::default(),
            variants: Cached::default(),
            switches: Recent::new(PLANS_WITH_SWITCHES),
            search_tokens: SearchTokens::default(),
            searches: Cached::default(),
            importance: None,
            tasks: EvaluationCache::default(),
            texts: vec![],
            shard: None,
        }
    }

    /// Description of the loaded model or models.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Where the second model came from; empty if there is none.
    pub(crate) fn other_source(&self) -> String {
        self.info.other.as_ref().map_or(String::new(), |other| other.source.clone())
    }

    /// From now on applies plans to a second model and compares the result with the dense model.
    ///
    /// # Errors
    /// [`ModelsDiffer`] if shape or vocabulary differ.
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
        self.info.other = Some(OtherModel {
            source: source.into(),
            name: theirs.name.clone(),
            stored_as: other.stored_as,
            stored_bytes: other.stored_bytes,
        });
        self.other = Some(other.decoder);
        self.other_check = other.cross_check;
        Ok(())
    }

    /// Checks the device's numbers against the CPU, if a device other than the CPU computes. The result is also stored
    /// in [`Session::info`].
    ///
    /// # Errors
    /// [`CrossCheckError`] if the device must not be used.
    pub async fn check_device(&mut self) -> Result<Option<&DeviceCheck>, CrossCheckError> {
        let models = [(Some(&self.model.decoder), &self.model.cross_check), (self.other.as_ref(), &self.other_check)];
        for (decoder, check) in models {
            let (Some(decoder), Some(check)) = (decoder, check) else { continue };
            let found = cross_check(decoder, check, self.clock).await?;
            // Of two models' results keep the one with the larger error.
            let known = self.info.device_check.take().filter(|known| known.largest_error > found.largest_error);
            self.info.device_check = Some(known.unwrap_or(found));
        }
        (self.model.cross_check, self.other_check) = (None, None);
        Ok(self.info.device_check.as_ref())
    }

    /// The cache key of the model variant that a plan gives.
    pub(crate) fn key(&self, plan: &PruningPlan) -> VariantKey {
        let repairs = plan.repairs();
        let calibration = self.calibration_text.clone().filter(|_| plan.edits_weights() || repairs.is_some());
        let (repair, head) = repairs.map_or((None, None), |repairs| (repairs.sublayers, repairs.head));
        VariantKey {
            other: self.other.is_some(),
            // A repair of nothing is none.
            plan: PruningPlan { repair, head, ..plan.clone() },
            calibration,
            fit_size: repairs.map_or(FitSize::default(), |_| self.fit_size),
        }
    }

    /// The cache key of the dense run for some settings.
    ///
    /// # Errors
    /// As [`Session::prompt_ids`].
    pub(crate) fn dense_key(&self, settings: &RunSettings) -> Result<DenseKey, ExperimentError> {
        Ok(DenseKey { prompt_ids: self.prompt_ids(settings)?, sampling: settings.sampling() })
    }

    /// The cache keys of the dense run and of the unrepaired pruned run for some settings.
    ///
    /// # Errors
    /// As [`Session::prompt_ids`].
    fn run_keys(&self, settings: &RunSettings) -> Result<(DenseKey, (DenseKey, VariantKey)), ExperimentError> {
        let dense = self.dense_key(settings)?;
        let pruned = (dense.clone(), self.key(&settings.plan.unrepaired()));
        Ok((dense, pruned))
    }

    /// The prompt of some settings as token ids.
    ///
    /// # Errors
    /// A chat template that is missing or fails, an empty or too long prompt, a plan that names layers out of range.
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
        if ids.len().saturating_add(settings.tokens) > most {
            return Err(ExperimentError::PromptTooLong { got: ids.len(), tokens: settings.tokens, most });
        }
        Ok(ids)
    }

    /// Checks that the model has all layers that a plan names.
    ///
    /// # Errors
    /// [`ExperimentError::NoSuchLayer`].
    pub(crate) fn check_layers(&self, plan: &PruningPlan) -> Result<(), ExperimentError> {
        let layers = self.model.decoder.config.layers;
        if plan.within(layers).0 != *plan {
            return Err(ExperimentError::NoSuchLayer { plan: plan.to_string(), last: layers - 1 });
        }
        Ok(())
    }

    /// Sets the calibration text; a blank one selects the built-in text.
    pub fn calibrate(&mut self, text: &str) {
        self.calibration_text = Some(text.trim()).filter(|text| !text.is_empty()).map(Arc::from);
    }

    /// Sets how much repairs are fitted on.
    pub fn fit_repairs_on(&mut self, size: FitSize) {
        self.fit_size = size;
    }

    /// Sets the numbers of tokens that searches read.
    pub fn search_on(&mut self, tokens: SearchTokens) {
        self.search_tokens = tokens;
    }

    /// The cache key of what searches measure now.
    pub(crate) fn search_key(&self, importance: ImportanceInput) -> SearchKey {
        (self.calibration_text.clone(), self.search_tokens, importance)
    }

    /// The decoder pruned and repaired by a plan, for the main run. Its edited weights replace the cached ones of the previous plan,
    /// which are freed first: a second edited copy would take a third more memory.
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
            self.repaired.clear();
        }
        let pruned = self.pruned_decoder(plan, control, tell).await?;
        if plan.edits_weights() {
            self.edited.set(key.weights_only(), pruned.clone());
        }
        Ok(pruned)
    }

    /// The decoder pruned and repaired by a plan, for a variant or a point of a sweep. Uses the cached edited weights if
    /// they match, and does not replace them otherwise.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], a calibration text that is too short, or a failing device.
    pub async fn pruned_decoder(
        &mut self,
        plan: &PruningPlan,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<PrunedDecoder<C>, ExperimentError> {
        let key = self.key(plan);
        let pruned = self.unrepaired_decoder(&key, control, tell).await?;
        match key.plan.repairs() {
            Some(repairs) => self.repair(pruned, repairs, control, tell).await,
            None => Ok(pruned),
        }
    }

    /// A pruned decoder with its repairs, cached or fitted now.
    async fn repair(
        &mut self,
        pruned: PrunedDecoder<C>,
        repairs: Repairs,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<PrunedDecoder<C>, ExperimentError> {
        if let Some((replacements, report)) = self.repairs.get(&pruned.key) {
            return Ok(pruned.with_replacements(replacements.clone(), report.clone()));
        }
        let text_key = self.fit_text_key(repairs);
        let mut fit_text = self.texts_of_fit(repairs, control, tell).await?;
        let mut progress = |what: &str, done, total| tell(RunEvent::Working { what: what.into(), done, total });
        let fitted = fit_repair(&self.model.decoder, &pruned, repairs, &mut fit_text, control, &mut progress).await;
        // Without a stream there is nothing to keep, and a large text does not replace a small one with its stream.
        if fit_text.keeps_stream() {
            self.fit_text.set(text_key, fit_text);
        }
        let (replacements, report) = fitted?;
        self.repairs.set(pruned.key.clone(), (replacements.clone(), report.clone()));
        Ok(pruned.with_replacements(replacements, report))
    }

    /// The texts that a repair is fitted on, cached or made.
    pub(crate) async fn texts_of_fit(
        &mut self,
        repairs: Repairs,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<FitText, ExperimentError> {
        let key = self.fit_text_key(repairs);
        if let Some(known) = self.fit_text.get(&key) {
            return Ok(known.clone());
        }
        let (_, tokens, answers) = key;
        let answers = self.own_answers(answers, control, tell).await?;
        FitText::new(&self.calibration_ids()?, tokens, &answers, self.model.decoder.config.context)
    }

    /// The cache key of the texts that a repair is fitted on.
    fn fit_text_key(&self, repairs: Repairs) -> FitTextKey {
        let (tokens, answers) = self.fit_size.of(repairs);
        (self.calibration_text.clone(), tokens, answers)
    }

    /// The calibration text as token ids, truncated.
    pub(crate) fn calibration_ids(&self) -> Result<Vec<u32>, ExperimentError> {
        let text = self.calibration_text.as_deref().unwrap_or(DEFAULT_CALIBRATION_TEXT.trim());
        // What no token of the first ones can reach is not tokenized, which has no checkpoint.
        let mut ids = self.model.tokenizer.encode(beginning(text, MAX_CALIBRATION_TOKENS * LONG_TOKEN), false)?;
        ids.truncate(MAX_CALIBRATION_TOKENS);
        Ok(ids)
    }

    /// The decoder pruned by a variant's plan, without its repair.
    async fn unrepaired_decoder(
        &mut self,
        key: &VariantKey,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<PrunedDecoder<C>, ExperimentError> {
        let plan = &key.plan;
        let unedited = PrunedDecoder::unedited(self.other.as_ref().unwrap_or(&self.model.decoder), key.clone());
        if !plan.edits_weights() {
            return Ok(unedited);
        }
        if let Some(known) = self.edited.get(&key.weights_only()) {
            return Ok(known.with_key(key.clone()));
        }
        let text = self.calibration_text.clone();
        let mut calibration = match self.calibration.take(&text) {
            Some(known) => known,
            None => Calibration::new(self.calibration_ids()?),
        };
        let mut progress = |what: &str, done, total| tell(RunEvent::Working { what: what.into(), done, total });
        let edited = calibration.edit(unedited, control, &mut progress).await;
        // Kept even if the edit was stopped: activations and factors finished by then are valid.
        self.calibration.set(text, calibration);
        edited
    }

    /// Runs every measurement for `settings` and sends each result through `tell` as soon as it is available.
    ///
    /// Cached results are reused: the dense model's run while prompt and sampling are unchanged, the pruned model's
    /// while its plan is unchanged too (so changing only the analysis temperature generates no text again), and the
    /// importance while the model is loaded.
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
        // Kept even if the run was stopped: the steps finished by then are valid.
        self.keep_dense(key, dense);
        done
    }

    /// The dense model's run of a key, taken out of the cache or begun, and whether the prompt had to be processed. The
    /// caller puts it back with [`Self::keep_dense`].
    pub(crate) async fn dense_run(
        &mut self,
        key: &DenseKey,
        control: &Control,
    ) -> Result<(DenseRun<C>, bool), ExperimentError> {
        if let Some(known) = self.dense.take(key) {
            return Ok((known, false));
        }
        // The cached runs of pruned models belong to another prompt; free their memory first.
        self.pruned.clear();
        self.repaired.clear();
        let read = DenseRun::read(&self.model.decoder, key.prompt_ids.clone(), key.sampling, control).await?;
        Ok((read, true))
    }

    /// Caches the dense model's run.
    pub(crate) fn keep_dense(&mut self, key: DenseKey, dense: DenseRun<C>) {
        self.dense.set(key, dense);
    }

    /// The part of a run that follows the dense model's prompt.
    async fn run_pruned(
        &mut self,
        dense: &mut DenseRun<C>,
        dense_key: &DenseKey,
        settings: &RunSettings,
        reporter: &mut Reporter<'_>,
    ) -> Result<RunReport, ExperimentError> {
        let plan = settings.plan.unrepaired();
        let key = (dense_key.clone(), self.key(&plan));
        let known = self.pruned.take(&key);
        let was_read = known.is_none();
        let mut pruned = match known {
            Some(known) => known,
            None => {
                let model = self.prune(&plan, reporter.control, reporter.tell).await?;
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

    /// The part of a run that follows the comparison of the next token.
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
        let damage = token_contributions(dense, pruned, 0, temperature, &self.model.tokenizer).await?;
        reporter.tell(RunEvent::Damage { step: 0, tokens: damage.clone() });
        let before = (dense.steps.len(), pruned.positions_read());
        let tell = &mut *reporter.tell;
        let generation = write_texts(&self.model, dense, pruned, settings, control, &mut |part| match part {
            Part::Step(step) => tell(RunEvent::Step { step: Box::new(step.clone()) }),
            Part::FixedTrajectory(steps) => tell(RunEvent::FixedTrajectory { steps: steps.to_vec() }),
            Part::Quality(quality) => tell(RunEvent::Quality { quality: Box::new(quality.clone()) }),
        })
        .await?;
        reporter.timer.lap("generation", (dense.steps.len(), pruned.positions_read()) != before);
        let repaired = self.run_repaired(dense, dense_key, settings, reporter).await?;
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
        let was_known = self.importance.as_ref().is_some_and(|known| known.input == settings.importance);
        let importance = self.importance(settings.importance, control, reporter.tell).await?;
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
            repaired: repaired.map(Box::new),
            importance: Some(importance),
            timings_ms: std::mem::take(&mut reporter.timer.parts),
        };
        reporter.tell(RunEvent::Done { report: Box::new(report.clone()) });
        Ok(report)
    }

    /// The part of a run that the repaired model does; `None` if the plan repairs nothing.
    async fn run_repaired(
        &mut self,
        dense: &mut DenseRun<C>,
        dense_key: &DenseKey,
        settings: &RunSettings,
        reporter: &mut Reporter<'_>,
    ) -> Result<Option<RepairedResult>, ExperimentError> {
        if settings.plan.repairs().is_none() {
            return Ok(None);
        }
        let control = reporter.control;
        let key = (dense_key.clone(), self.key(&settings.plan));
        let known = self.repaired.take(&key);
        let was_read = known.is_none();
        let mut run = match known {
            Some(known) => known,
            None => {
                let model = self.prune(&settings.plan, control, reporter.tell).await?;
                PrunedRun::read(model, dense, control).await?
            }
        };
        reporter.timer.lap("repair", was_read);
        let done = self.measure_repaired(dense, &mut run, settings, reporter).await;
        self.repaired.set(key, run);
        done.map(Some)
    }

    /// Compares the repaired model with the dense one: next token and texts.
    async fn measure_repaired(
        &self,
        dense: &mut DenseRun<C>,
        run: &mut PrunedRun<C>,
        settings: &RunSettings,
        reporter: &mut Reporter<'_>,
    ) -> Result<RepairedResult, ExperimentError> {
        let report = run.model.report.repair.clone().unwrap_or_default();
        let next_token = next_token(dense, run, settings.analysis_temperature(), &self.model.tokenizer).await?;
        let compared = Box::new(next_token.clone());
        reporter.tell(RunEvent::RepairedNextToken { compared, repair: Box::new(report.clone()) });
        let before = (dense.steps.len(), run.positions_read());
        let tell = &mut *reporter.tell;
        let generation = write_texts(&self.model, dense, run, settings, reporter.control, &mut |part| {
            if let Part::Step(step) = part {
                tell(RunEvent::RepairedStep { step: Box::new(step.clone()) });
            }
        })
        .await?;
        reporter.timer.lap("repaired_generation", (dense.steps.len(), run.positions_read()) != before);
        let result = RepairedResult { report, next_token, generation };
        reporter.tell(RunEvent::Repaired { result: Box::new(result.clone()) });
        Ok(result)
    }

    /// If a metric of the next token is not finite: the first place where the dense model, or else the pruned one,
    /// gives NaN or infinity.
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
        let models =
            [(ComparedModel::Dense, &PrunedDecoder::dense(&self.model.decoder)), (ComparedModel::Pruned, pruned)];
        for (model, decoder) in models {
            if let Some(place) = first_not_finite(decoder, &key.prompt_ids, reporter.control).await? {
                let found = NotFinite { model, place };
                reporter.tell(RunEvent::NotFinite { found });
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The importance of every sublayer and block, kept as long as it compares the same.
    pub(crate) async fn importance(
        &mut self,
        input: ImportanceInput,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<Importance, ExperimentError> {
        if let Some(known) = self.importance.as_ref().filter(|known| known.input == input) {
            return Ok(known.clone());
        }
        let dense = PrunedDecoder::dense(&self.model.decoder);
        let importance = measure_importance(&dense, &self.model.tokenizer, input, control).await?;
        tell(RunEvent::Importance { importance: Box::new(importance.clone()) });
        self.importance = Some(importance.clone());
        Ok(importance)
    }

    /// Repeats measurement 1 (layerwise transition) at further steps of a run's dense text, for the band of the chart.
    /// Does nothing if the run is not cached.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn measure_layer_band(
        &mut self,
        settings: &RunSettings,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(), ExperimentError> {
        let (key, pruned_key) = self.run_keys(settings)?;
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

    /// Tells at every further step of a run's texts which tokens' Δz does the damage; the run itself tells the first.
    /// Does nothing if the run is not cached.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], or a failing device.
    pub async fn measure_damage_along(
        &self,
        settings: &RunSettings,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(), ExperimentError> {
        let (key, pruned_key) = self.run_keys(settings)?;
        let (Some(dense), Some(pruned)) = (self.dense.get(&key), self.pruned.get(&pruned_key)) else { return Ok(()) };
        let temperature = settings.analysis_temperature();
        for step in 1..dense.steps.len().min(pruned.steps.len()).min(settings.tokens) {
            control.checkpoint().await?;
            let tokens = token_contributions(dense, pruned, step, temperature, &self.model.tokenizer).await?;
            tell(RunEvent::Damage { step, tokens });
        }
        Ok(())
    }

    /// The multiple-choice questions.
    pub fn questions(&self) -> &[Question] {
        self.tasks.questions()
    }

    /// Replaces the multiple-choice questions; an empty list restores the built-in ones.
    pub fn use_questions(&mut self, questions: Vec<Question>) {
        self.tasks.use_questions(questions);
    }

    /// Replaces the retrieval set; an empty one restores the built-in set.
    pub fn use_retrieval_set(&mut self, set: RetrievalSet) {
        self.tasks.use_retrieval_set(set);
    }

    /// The host's clock, in milliseconds.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Measures only some points of a sweep, each once, without an early picture of few items; its events still count all points.
    pub fn use_shard(&mut self, shard: Shard) {
        self.shard = Some(shard);
    }

    /// Replaces the texts of the comparison by kind; an empty list restores the built-in ones. Of each the first megabyte counts.
    pub fn use_texts(&mut self, texts: Vec<KindText>) {
        let cut = |text: KindText| KindText { text: beginning(&text.text, MAX_TEXT).into(), ..text };
        self.texts = texts.into_iter().map(cut).collect();
    }

    /// The event that reports an error which ended a run.
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

/// Description of a loaded model for results.
fn describe<C: Compute>(model: &LoadedModel<C>, source: &str) -> ModelInfo {
    ModelInfo {
        source: source.into(),
        config: model.decoder.config.clone(),
        stored_as: model.stored_as.clone(),
        stored_bytes: model.stored_bytes.clone(),
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
