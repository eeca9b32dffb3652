//! The state behind the protocol: a loaded model and what is already known about the current prompt.

use std::collections::BTreeMap;

use super::protocol::{Backend, Event, Stage};
use crate::experiment::calibration::measure_importance;
use crate::experiment::dense::DenseRun;
use crate::experiment::generation::{PrunedRun, fixed_trajectory, generate, next_token};
use crate::experiment::layerwise::layer_transitions;
use crate::experiment::{Control, ExperimentError};
use crate::model::LoadedModel;
use crate::prune::Importance;
use crate::results::{
    Generation, GenerationStep, LayerTransition, ModelInfo, Report, Written, first_divergence, written_ids,
};
use crate::settings::Settings;

/// Most generation steps at which measurement 1 is repeated for the band of the chart.
const BAND_STEPS: usize = 8;
/// Longest context of one run: the residual stream of every sublayer is kept for it.
const MAX_CONTEXT: usize = 1024;

/// Milliseconds since some fixed moment; the host says, since clocks differ between a browser and a native program.
pub type Clock = fn() -> f64;

/// A loaded model and what is already known about the current prompt.
pub struct Session {
    model: LoadedModel,
    info: ModelInfo,
    backend: Backend,
    clock: Clock,
    dense: Option<DenseRun>,
    /// Measurement 1 by dense step, for the current dense run and temperature.
    layers: BTreeMap<usize, Vec<LayerTransition>>,
    layers_temperature: f32,
    importance: Option<Importance>,
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

impl Session {
    /// A session on a loaded model.
    pub fn new(model: LoadedModel, source: &str, backend: Backend, clock: Clock) -> Self {
        Self {
            info: describe(&model, source),
            model,
            backend,
            clock,
            dense: None,
            layers: BTreeMap::new(),
            layers_temperature: 1.0,
            importance: None,
        }
    }

    /// What the model is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The prompt of some settings as token ids.
    ///
    /// # Errors
    /// A chat template that is missing or fails, an empty prompt, one that is too long, a plan for other layers.
    pub fn prompt_ids(&self, settings: &Settings) -> Result<Vec<u32>, ExperimentError> {
        let tokenizer = &self.model.tokenizer;
        let layers = self.model.decoder.config.layers;
        let (_, outside) = settings.drop.within(layers);
        if !outside.is_dense() {
            return Err(ExperimentError::NoSuchLayer { dropped: outside.to_string(), last: layers - 1 });
        }
        let ids = if settings.chat {
            let template = self.model.chat.as_ref().ok_or(crate::model::chat::ChatError::Missing)?;
            let text = template.render(&settings.prompt, &tokenizer.bos_text, &tokenizer.eos_text)?;
            tokenizer.encode(&text, true)?
        } else {
            tokenizer.encode(&settings.prompt, false)?
        };
        let most = self.model.decoder.config.context.min(MAX_CONTEXT);
        if ids.is_empty() {
            return Err(ExperimentError::EmptyPrompt);
        }
        if ids.len() + settings.tokens > most {
            return Err(ExperimentError::PromptTooLong { got: ids.len(), tokens: settings.tokens, most });
        }
        Ok(ids)
    }

    /// Runs every measurement for `settings` and tells each result as it is known.
    ///
    /// What an earlier run knows is used again: the dense model's reading and text while prompt and sampling stay,
    /// the importance while the model stays.
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
        let sampling = settings.sampling();
        let temperature = settings.analysis_temperature();
        let decoder = self.model.decoder.clone();
        let known =
            self.dense.as_ref().is_some_and(|dense| dense.prompt_ids == prompt_ids && dense.sampling == sampling);
        if !known {
            self.dense = None;
            self.layers.clear();
            self.dense = Some(DenseRun::read(&decoder, prompt_ids.clone(), sampling, control).await?);
            timer.lap("dense_prompt");
        }
        if self.layers_temperature != temperature {
            self.layers.clear();
            self.layers_temperature = temperature;
        }
        let Some(dense) = &mut self.dense else { return Err(ExperimentError::Stopped) };
        let mut pruned = PrunedRun::read(&decoder, dense, &settings.drop, control).await?;
        let next = next_token(dense, &pruned, temperature, &self.model.tokenizer).await?;
        timer.lap("toggle_to_next_token");
        tell(Event::NextToken { run, compared: Box::new(next.clone()) });
        for (step, layers) in self.layers.range(..settings.tokens) {
            tell(Event::Layers { run, step: *step, layers: layers.clone() });
        }
        let mut on_step = |step: &_| tell(Event::Step { run, step: Box::new(Clone::clone(step)) });
        let tokenizer = &self.model.tokenizer;
        let steps =
            generate(&decoder, tokenizer, dense, &mut pruned, settings.tokens, temperature, control, &mut on_step)
                .await?;
        timer.lap("generation");
        let mut generation = written(steps, &self.model);
        generation.fixed_trajectory =
            fixed_trajectory(&decoder, dense, &pruned, settings.tokens, temperature, control).await?;
        timer.lap("fixed_trajectory");
        tell(Event::FixedTrajectory { run, steps: generation.fixed_trajectory.clone() });
        let layers = match self.layers.get(&0) {
            Some(known) => known.clone(),
            None => {
                let layers = layer_transitions(&decoder, &dense.steps[0].stream, temperature, control).await?;
                timer.lap("layers");
                tell(Event::Layers { run, step: 0, layers: layers.clone() });
                self.layers.insert(0, layers.clone());
                layers
            }
        };
        if self.importance.is_none() {
            let importance = measure_importance(&decoder, tokenizer, control).await?;
            timer.lap("importance");
            tell(Event::Importance { importance: Box::new(importance.clone()) });
            self.importance = Some(importance);
        }
        let report = Report {
            model: self.info.clone(),
            backend: self.backend.name().into(),
            settings: settings.clone(),
            prompt_ids,
            next_token: next,
            layers,
            generation,
            importance: self.importance.clone(),
            timings_ms: timer.parts,
        };
        tell(Event::Done { run, report: Box::new(report.clone()) });
        Ok(report)
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
        let Some(dense) = &self.dense else { return Ok(()) };
        let count = dense.steps.len().min(tokens);
        let wanted = count.min(BAND_STEPS);
        for step in (0..wanted).map(|i| i * count / wanted) {
            if !self.layers.contains_key(&step) {
                let stream = &dense.steps[step].stream;
                let layers = layer_transitions(&self.model.decoder, stream, self.layers_temperature, control).await?;
                tell(Event::Layers { run, step, layers: layers.clone() });
                self.layers.insert(step, layers);
            }
        }
        Ok(())
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
fn describe(model: &LoadedModel, source: &str) -> ModelInfo {
    ModelInfo {
        source: source.into(),
        config: model.decoder.config.clone(),
        stored_as: model.stored_as.clone(),
        has_chat_template: model.chat.is_some(),
    }
}

/// Measurement 3 with the texts that its steps make.
fn written(steps: Vec<GenerationStep>, model: &LoadedModel) -> Generation {
    let text = |ids: Vec<u32>| Written { text: model.tokenizer.decode(&ids), ids };
    let (dense, pruned) = written_ids(&steps);
    Generation {
        first_divergence: first_divergence(&dense, &pruned),
        dense: text(dense),
        pruned: text(pruned),
        steps,
        fixed_trajectory: vec![],
    }
}
