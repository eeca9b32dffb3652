//! Measurements outside the main run: variants, task sets, the sweep, the picture of a matrix.

use crate::compute::Compute;
use crate::evaluation_cache::{ComparedModels, Scores};
use crate::experiment::dense::DenseRun;
use crate::experiment::fidelity;
use crate::experiment::generation::{PrunedRun, next_token};
use crate::experiment::pruned_decoder::{PrunedDecoder, VariantKey};
use crate::experiment::speed;
use crate::experiment::switches::switch_effects;
use crate::experiment::task_runner::TaskRunner;
use crate::experiment::weights::picture;
use crate::experiment::{Control, ExperimentError};
use crate::session::{AnalysisKey, CachedVariant, DenseKey, Session};
use crate::writing::write_texts;
use prunescope_kernels::threads::POOL;
use prunescope_protocol::messages::{Backend, Measurement, RunEvent};
use prunescope_protocol::model::Matrix;
use prunescope_protocol::prune::{
    DropKind, DroppedSublayers, FileFootprint, Importance, Pattern, PruningPlan, Quantization, QuantizationMethod,
    Repair, Sparsity, SparsityMethod,
};
use prunescope_protocol::results::{
    Advice, FidelityReport, Judgement, ModelSpeed, PairedScores, Proportion, Purpose, RepairReport, SpeedReport,
    SweepLine, SweepPoint, VariantResult,
};
use prunescope_protocol::settings::{MeasureSettings, RunSettings, SweepAxis};
use prunescope_protocol::tasks::{GenerativeSet, retrieval};

/// Questions that each model answers before the next model does, and which are shown then.
const QUESTIONS_AT_ONCE: usize = 6;
/// The generative sets of a sweep. The others are asked in verdicts only: they would make every point take longer.
const SWEEP_SETS: &[GenerativeSet] = &[GenerativeSet::Answers];
/// A sweep asks at most one of so many items at all points first, so that its whole picture can be read soon.
const EARLY_DIVISOR: usize = 5;
/// The number of items that are asked first where all items are asked.
const EARLY_ITEMS_OF_ALL: usize = 4;
/// x coordinate of unquantized weights in the sweep over bits.
const UNROUNDED: usize = 16;
/// Quantization group size of the sweep over bits.
const SWEEP_GROUP: u16 = 64;

/// The number of items that a sweep asks at all points first: the largest that is in the sample of all `count` items, whose answers count
/// for it then. 0 if so few are asked that it would not be sooner.
fn early_count(count: usize) -> usize {
    match count {
        0 => EARLY_ITEMS_OF_ALL,
        _ => (1..=count / EARLY_DIVISOR).rev().find(|early| count.is_multiple_of(*early)).unwrap_or(0),
    }
}

/// The points of a sweep as (line, x, plan), in the order of measurement: from mild to strong on all lines at once, so
/// that a usable chart appears early.
pub(crate) fn sweep_points(axis: SweepAxis, importance: &Importance) -> Vec<(SweepLine, usize, PruningPlan)> {
    let layers = importance.attention.len();
    let drops = |line, kind, most: usize| {
        (0..=most.min(layers)).map(move |count| {
            let drop = importance.drop_least(&DroppedSublayers::default(), kind, count);
            (line, count, PruningPlan::dropping(drop))
        })
    };
    let repaired = |(line, count, plan): (SweepLine, usize, PruningPlan)| {
        // Where nothing is dropped it is the dense plan, so that all lines share one measurement.
        let repair = (count > 0).then_some(Repair::Scale);
        (line, count, PruningPlan { repair, ..plan })
    };
    let sparse = |line, method| {
        (0..=8u8).map(move |tenth| {
            let sparse = Sparsity { method, pattern: Pattern::Percent(10 * tenth) };
            // 0 % is the dense plan, so that all lines share one measurement.
            let sparse = (tenth > 0).then_some(sparse);
            (line, 10 * usize::from(tenth), PruningPlan { sparse, ..PruningPlan::default() })
        })
    };
    let bits = |line, method| {
        let rounded = prunescope_protocol::prune::quantization::BITS.into_iter().map(move |bits| {
            let quant = Some(Quantization { method, bits, group: SWEEP_GROUP });
            (line, usize::from(bits), PruningPlan { quant, ..PruningPlan::default() })
        });
        std::iter::once((line, UNROUNDED, PruningPlan::default())).chain(rounded)
    };
    let mut points: Vec<_> = match axis {
        SweepAxis::Layers => drops(SweepLine::Attention, DropKind::Attention, 12)
            .chain(drops(SweepLine::Mlp, DropKind::Mlp, 8))
            .chain(drops(SweepLine::Block, DropKind::Block, 6))
            .chain(drops(SweepLine::RepairedAttention, DropKind::Attention, 12).map(repaired))
            .chain(drops(SweepLine::RepairedMlp, DropKind::Mlp, 8).map(repaired))
            .collect(),
        SweepAxis::Sparsity => sparse(SweepLine::Magnitude, SparsityMethod::Magnitude)
            .chain(sparse(SweepLine::Wanda, SparsityMethod::Wanda))
            .collect(),
        SweepAxis::Bits => bits(SweepLine::RoundToNearest, QuantizationMethod::RoundToNearest)
            .chain(bits(SweepLine::ActivationAware, QuantizationMethod::ActivationAware))
            .chain(bits(SweepLine::Gptq, QuantizationMethod::Gptq))
            .collect(),
    };
    points.sort_by_key(|(_, x, _)| if axis == SweepAxis::Bits { UNROUNDED - *x } else { *x });
    points
}

/// One requested measurement.
pub(crate) struct Job<'a> {
    pub(crate) settings: &'a RunSettings,
    pub(crate) measure: &'a MeasureSettings,
    pub(crate) control: &'a Control,
    pub(crate) tell: &'a mut dyn FnMut(RunEvent),
}

impl Job<'_> {
    /// Reports progress.
    pub(crate) fn working(&mut self, what: String, done: usize, total: usize) {
        (self.tell)(RunEvent::Working { what, done, total });
    }
}

impl<C: Compute> Session<C> {
    /// Makes one measurement and sends each result through `tell` as soon as it is available, cached ones at once.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], a prompt that cannot be used, or a failing device.
    pub async fn measure(
        &mut self,
        settings: &RunSettings,
        measure: &MeasureSettings,
        what: Measurement,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(), ExperimentError> {
        self.check_layers(&settings.plan)?;
        let mut job = Job { settings, measure, control, tell };
        match what {
            Measurement::Compare => self.compare_variants(&mut job).await?,
            Measurement::Choice => self.choose(&mut job).await?,
            Measurement::Retrieval => self.retrieve(&mut job).await?,
            Measurement::Judge => self.judge(&mut job).await?,
            Measurement::Sweep => self.sweep(&mut job).await?,
            Measurement::Search => self.search(&mut job).await?,
            Measurement::Fidelity => self.measure_fidelity(&mut job).await?,
            Measurement::TextFidelity => {
                self.compare_on_texts(std::slice::from_ref(&job.settings.plan), job.control, job.tell).await?;
            }
            Measurement::Speed => self.measure_speed(&mut job).await?,
            Measurement::Switches => self.measure_switches(job.settings, job.control, job.tell).await?,
            Measurement::OwnAnswers => self.tell_own_answers(job.control, job.tell).await?,
            Measurement::FullRepair => self.measure_full_repair(job.settings, job.control, job.tell).await?,
            Measurement::Picture { layer, matrix } => self.draw(layer, matrix, &mut job).await?,
        }
        (job.tell)(RunEvent::Measured { what });
        Ok(())
    }

    /// The dense and the pruned decoder, and the repaired one if the plan repairs, after evicting old answers from the
    /// evaluation cache.
    async fn models(&mut self, job: &mut Job<'_>) -> Result<(ComparedModels, Vec<PrunedDecoder<C>>), ExperimentError> {
        let plan = &job.settings.plan;
        let mut models = vec![PrunedDecoder::dense(&self.model.decoder)];
        let pruned = self.prune(&plan.unrepaired(), job.control, job.tell).await?;
        let mut compared = ComparedModels { pruned: pruned.key.clone(), repaired: None };
        models.push(pruned);
        if plan.repairs().is_some() {
            let repaired = self.prune(plan, job.control, job.tell).await?;
            compared.repaired = Some(repaired.key.clone());
            models.push(repaired);
        }
        self.tasks.evict(&models.iter().map(|model| &model.key).collect::<Vec<_>>());
        Ok((compared, models))
    }

    async fn compare_variants(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        job.measure.compare.iter().try_for_each(|variant| self.check_layers(&variant.plan))?;
        let key = self.dense_key(job.settings)?;
        let (mut dense, _) = self.dense_run(&key, job.control).await?;
        let done = self.write_variants(&mut dense, &key, job).await;
        self.keep_dense(key, dense);
        done
    }

    /// Compares the free-running text of each variant with the dense run.
    async fn write_variants(
        &mut self,
        dense: &mut DenseRun<C>,
        dense_key: &DenseKey,
        job: &mut Job<'_>,
    ) -> Result<(), ExperimentError> {
        let (settings, variants) = (job.settings, &job.measure.compare);
        let temperature = settings.analysis_temperature();
        let analysis = AnalysisKey { dense: dense_key.clone(), temperature };
        for (at, variant) in variants.iter().enumerate() {
            let key = self.key(&variant.plan);
            let same = |known: &&CachedVariant| known.key == key && known.tokens == settings.tokens;
            let known = self.variants.get(&analysis).and_then(|known| known.iter().find(same));
            let mut result = match known.map(|known| known.result.clone()) {
                Some(known) => known,
                None => {
                    job.working(format!("Variant {}", variant.name), at, variants.len());
                    let model = self.pruned_decoder(&variant.plan, job.control, job.tell).await?;
                    let mut pruned = PrunedRun::read(model, dense, job.control).await?;
                    let next = next_token(dense, &pruned, temperature, &self.model.tokenizer).await?;
                    let generation =
                        write_texts(&self.model, dense, &mut pruned, settings, job.control, &mut |_| {}).await?;
                    let plan = variant.plan.to_string();
                    let result = VariantResult { name: variant.name.clone(), plan, next_token: next, generation };
                    let known = CachedVariant { key, tokens: settings.tokens, result: result.clone() };
                    self.variants.entry(analysis.clone()).push(known);
                    result
                }
            };
            result.name.clone_from(&variant.name);
            (job.tell)(RunEvent::Variant { at, result: Box::new(result) });
        }
        Ok(())
    }

    async fn choose(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let (compared, models) = self.models(job).await?;
        let temperature = job.settings.analysis_temperature();
        let total = self.tasks.questions().len();
        let places: Vec<usize> = (0..total).collect();
        for places in places.chunks(QUESTIONS_AT_ONCE) {
            for model in &models {
                let runner = TaskRunner::new(model, &self.model);
                self.tasks.answer(&runner, places, job.control, &mut |_, _, _| {}).await?;
            }
            for place in places {
                let letters = TaskRunner::new(&models[0], &self.model).letter_ids(self.tasks.options(*place))?;
                let result = self.tasks.choice_result(&compared, *place, temperature, &letters, &self.model.tokenizer);
                if let Some(result) = result {
                    (job.tell)(RunEvent::Choice { result: Box::new(result) });
                }
                job.working("Multiple choice".into(), place + 1, total);
            }
        }
        Ok(())
    }

    async fn retrieve(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let (compared, models) = self.models(job).await?;
        let sample = self.tasks.retrieval_sample(0);
        for model in &models {
            let runner = TaskRunner::new(model, &self.model);
            let name = model.plan().name();
            let control = job.control;
            let mut progress = |what: &str, done, total| job.working(format!("{what}, {name}"), done, total);
            self.tasks.embed(&runner, &sample, control, &mut progress).await?;
        }
        if let Some(report) = self.tasks.retrieval_report(&compared, &sample) {
            (job.tell)(RunEvent::Retrieval { report: Box::new(report) });
        }
        Ok(())
    }

    async fn judge(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let (compared, models) = self.models(job).await?;
        let (count, sets) = (job.measure.sample, &GenerativeSet::ALL);
        for model in &models {
            let runner = TaskRunner::new(model, &self.model);
            let name = model.plan().name();
            let control = job.control;
            let mut progress = |what: &str, done, total| job.working(format!("{what}, {name}"), done, total);
            self.tasks.evaluate(&runner, count, sets, control, &mut progress).await?;
        }
        for set in *sets {
            for place in self.tasks.generative_sample(set, count) {
                if let Some(result) = self.tasks.generative_result(&compared, set, place) {
                    (job.tell)(RunEvent::Written { result: Box::new(result) });
                }
            }
        }
        let of = |key: &VariantKey| self.tasks.scores(key, count, sets);
        if let (Some(dense), Some(pruned)) = (of(&VariantKey::dense()), of(&compared.pruned)) {
            let repaired = compared.repaired.as_ref().and_then(of);
            let advice = Purpose::ALL.into_iter().filter_map(|purpose| {
                let flags = |scores: &Scores| scores.of(purpose).map(<[bool]>::to_vec);
                let repaired = repaired.as_ref().and_then(flags);
                Some(Advice::new(purpose, &PairedScores { dense: flags(&dense)?, pruned: flags(&pruned)?, repaired }))
            });
            let repair = models.last().and_then(|model| model.report.repair.clone());
            let memory = self.file_footprint(&job.settings.plan, repair.as_ref());
            let judgement = Judgement::new(&job.settings.plan, advice.collect(), repair, memory);
            (job.tell)(RunEvent::Judged { judgement: Box::new(judgement) });
        }
        Ok(())
    }

    /// Memory of a plan and its repair against what the dense model's files store.
    pub(crate) fn file_footprint(&self, plan: &PruningPlan, repair: Option<&RepairReport>) -> FileFootprint {
        let info = self.info();
        let base = info.other.as_ref().map_or(&info.stored_bytes, |other| &other.stored_bytes);
        let mut memory = FileFootprint::of(plan, &info.config, &info.stored_bytes, base);
        memory.plan_bytes += repair.map_or(0, RepairReport::bytes);
        memory
    }

    async fn sweep(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let count = job.measure.sample;
        let importance = self.importance(job.settings.importance, job.control, job.tell).await?;
        let points = sweep_points(job.measure.sweep, &importance);
        let total = points.len();
        let early_count = early_count(count);
        // Where a plan edits weights or is repaired, making the model a second time would take longer than asking it.
        let is_early = |(line, _, plan): &&(SweepLine, usize, PruningPlan)| {
            early_count > 0 && self.shard.is_none() && line.unrepaired().is_none() && !plan.edits_weights()
        };
        let early: Vec<_> = points.iter().filter(is_early).cloned().collect();
        for (line, x, plan) in early {
            if self.tasks.scores(&self.key(&plan), count, SWEEP_SETS).is_some() {
                continue;
            }
            if let Some(point) = self.sweep_point((line, x, &plan), early_count, job).await? {
                (job.tell)(RunEvent::SweepPoint { point: Box::new(point), done: 0, total });
            }
        }
        for (done, (line, x, plan)) in points.into_iter().enumerate() {
            if self.shard.as_ref().is_some_and(|shard| !shard.takes(done)) {
                continue;
            }
            if let Some(point) = self.sweep_point((line, x, &plan), count, job).await? {
                (job.tell)(RunEvent::SweepPoint { point: Box::new(point), done: done + 1, total });
            }
        }
        Ok(())
    }

    /// One point of a sweep, with `count` items of each set.
    async fn sweep_point(
        &mut self,
        (line, x, plan): (SweepLine, usize, &PruningPlan),
        count: usize,
        job: &mut Job<'_>,
    ) -> Result<Option<SweepPoint>, ExperimentError> {
        let key = self.key(plan);
        if self.tasks.scores(&key, count, SWEEP_SETS).is_none() {
            let model = self.pruned_decoder(plan, job.control, job.tell).await?;
            self.tasks.evict(&[&key]);
            let runner = TaskRunner::new(&model, &self.model);
            let control = job.control;
            let mut progress = |what: &str, part, of| job.working(format!("{} {x}: {what}", line.name()), part, of);
            self.tasks.evaluate(&runner, count, SWEEP_SETS, control, &mut progress).await?;
        }
        let Some(scores) = self.tasks.scores(&key, count, SWEEP_SETS) else { return Ok(None) };
        let generation = Proportion::of(scores.of(Purpose::Generation).unwrap_or_default().iter().copied());
        Ok(Some(SweepPoint {
            line,
            x,
            plan: plan.to_string(),
            choice: Proportion::of(scores.choice),
            letters: Proportion::of(scores.letters),
            recall_1: Proportion::of(scores.recall_1),
            recall_5: Proportion::of(scores.recall_5),
            generation,
        }))
    }

    /// The passages of the built-in retrieval set, which no fit and no search has seen, as token ids.
    ///
    /// * `tokens`: how many are read; 0 for the usual number.
    pub(crate) fn held_out_ids(&self, tokens: usize) -> Result<Vec<u32>, ExperimentError> {
        let most = if tokens == 0 { fidelity::MAX_TOKENS } else { tokens };
        let mut ids = self.model.tokenizer.encode(&retrieval::built_in().passages.join(" "), false)?;
        ids.truncate(most.min(self.model.decoder.config.context));
        if ids.is_empty() { Err(ExperimentError::EmptyPrompt) } else { Ok(ids) }
    }

    /// Compares the pruned and the repaired model with the dense one on that text.
    async fn measure_fidelity(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let ids = self.held_out_ids(0)?;
        let dense = PrunedDecoder::dense(&self.model.decoder);
        let of_dense = fidelity::hidden_states(&dense, &ids, job.control).await?;
        let plan = &job.settings.plan;
        let mut report = FidelityReport { tokens: ids.len(), ..FidelityReport::default() };
        let plans: Vec<_> = std::iter::once(plan.unrepaired()).chain(plan.repairs().map(|_| plan.clone())).collect();
        for (at, plan) in plans.iter().enumerate() {
            job.working("Comparing on a text".into(), at, plans.len());
            let model = self.prune(plan, job.control, job.tell).await?;
            let hidden = fidelity::hidden_states(&model, &ids, job.control).await?;
            let (dense, pruned) = ((&dense.decoder, &of_dense), (&model.decoder, &hidden));
            let (dense_loss, found) = fidelity::fidelity(&ids, dense, pruned, job.control).await?;
            report.dense_loss = dense_loss;
            if plan.repairs().is_some() {
                report.repaired = Some(found);
                report.repair.clone_from(&model.report.repair);
            } else {
                report.pruned = found;
            }
        }
        (job.tell)(RunEvent::Fidelity { report: Box::new(report) });
        Ok(())
    }

    /// Measures how fast each model reads and writes alone.
    async fn measure_speed(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let context = self.model.decoder.config.context;
        let mut prompt = self.held_out_ids(speed::PROMPT_TOKENS)?;
        prompt.truncate(context.saturating_sub(speed::WRITTEN_TOKENS));
        if prompt.is_empty() {
            return Err(ExperimentError::EmptyPrompt);
        }
        let (_, models) = self.models(job).await?;
        let mut best = vec![[f64::INFINITY; 2]; models.len()];
        let total = speed::ROUNDS * models.len();
        for round in 0..speed::ROUNDS {
            for (at, model) in models.iter().enumerate() {
                job.working("Measuring speed".into(), round * models.len() + at, total);
                let times = speed::times(model, &prompt, self.clock(), job.control).await?;
                best[at] = [0, 1].map(|what| best[at][what].min(times[what]));
            }
        }
        let speed = |at: usize, plan: &PruningPlan, matrix_bytes: u64| {
            let [read, write] = best[at];
            ModelSpeed {
                prefill: (1000.0 * prompt.len() as f64 / read) as f32,
                decode: (1000.0 * speed::WRITTEN_TOKENS as f64 / write) as f32,
                cache_bytes: speed::cache_bytes(plan, &self.model.decoder.config),
                matrix_bytes,
            }
        };
        let plan = &job.settings.plan;
        let pruned = self.file_footprint(&plan.unrepaired(), None);
        let repaired = |model: &PrunedDecoder<C>| self.file_footprint(plan, model.report.repair.as_ref()).plan_bytes;
        let report = SpeedReport {
            plan: plan.to_string(),
            other: self.other_source(),
            prompt_tokens: prompt.len(),
            written_tokens: speed::WRITTEN_TOKENS,
            cached_tokens: speed::CACHED_TOKENS,
            threads: if C::BACKEND == Backend::Cpu { POOL.threads() } else { 0 },
            dense: speed(0, &PruningPlan::default(), pruned.file_bytes),
            pruned: speed(1, plan, pruned.plan_bytes),
            repaired: models.get(2).map(|model| speed(2, plan, repaired(model))),
        };
        (job.tell)(RunEvent::Speed { report });
        Ok(())
    }

    /// Measures what flipping each switch would do at the prompt. What is known is sent again at once.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], a prompt that cannot be used, or a failing device.
    pub async fn measure_switches(
        &mut self,
        settings: &RunSettings,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(), ExperimentError> {
        let plan = settings.plan.unrepaired();
        let dense_key = self.dense_key(settings)?;
        let temperature = settings.analysis_temperature();
        let key = (AnalysisKey { dense: dense_key.clone(), temperature }, self.key(&plan));
        let mut effects = self.switches.get(&key).cloned().unwrap_or_default();
        if !effects.is_empty() {
            tell(RunEvent::Switches { effects: effects.clone() });
        }
        let known: Vec<_> = effects.iter().map(|effect| effect.at()).collect();
        if known.len() == self.model.decoder.config.sublayers() {
            return Ok(());
        }
        let model = self.prune(&plan, control, tell).await?;
        let (dense, _) = self.dense_run(&dense_key, control).await?;
        let mut each = |effect| {
            effects.push(effect);
            tell(RunEvent::Switches { effects: vec![effect] });
        };
        let done = switch_effects(&model, &dense, temperature, &known, control, &mut each).await;
        self.keep_dense(dense_key, dense);
        // Those that were measured before it was stopped, too.
        self.switches.set(key, effects);
        done
    }

    async fn draw(&mut self, layer: usize, matrix: Matrix, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let pruned = self.prune(&job.settings.plan.unrepaired(), job.control, job.tell).await?;
        if layer < pruned.decoder.config.layers {
            let picture = picture(&pruned.decoder, layer, matrix).await?;
            (job.tell)(RunEvent::Picture { picture: Box::new(picture) });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prunescope_protocol::tasks::sample;

    #[test]
    fn what_a_sweep_asks_first_is_in_what_it_asks_in_all() {
        assert_eq!([0, 4, 5, 20, 22, 23, 66].map(early_count), [4, 0, 1, 4, 2, 1, 11]);
        for (count, all) in (1..40).flat_map(|count| (1..70).map(move |all| (count, all))) {
            let (early, whole) = (early_count(count), sample(all, count));
            if early > 0 {
                assert!(sample(all, early).iter().all(|item| whole.contains(item)), "{early} of {count} of {all}");
            }
        }
    }
}
