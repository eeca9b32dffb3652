//! Measurements beside the main run: variants, task sets, the sweep.

use crate::compute::Compute;
use crate::experiment::generation::{PrunedRun, next_token};
use crate::experiment::subject::Subject;
use crate::experiment::weights::{PrunedDecoder, Which, picture};
use crate::experiment::{Control, ExperimentError};
use crate::session::{Known, Session};
use crate::writing::write_texts;
use prunescope_protocol::messages::{Event, Measurement};
use prunescope_protocol::model::Matrix;
use prunescope_protocol::prune::{
    DropKind, DroppedSublayers, Importance, Pattern, PruningPlan, Quantization, QuantizationMethod, Sparsity,
    SparsityMethod,
};
use prunescope_protocol::results::{Advice, SweepLine, SweepPoint, VariantResult};
use prunescope_protocol::settings::{Settings, SweepAxis};

/// Bits that stand for weights that are not rounded.
const UNROUNDED: usize = 16;
/// Group size of the quantization sweep.
const SWEEP_GROUP: u16 = 64;

/// The points of a sweep in the order in which they are measured: all lines grow together, so that the picture is there
/// early and then gets finer.
pub fn sweep_points(axis: SweepAxis, importance: &Importance) -> Vec<(SweepLine, usize, PruningPlan)> {
    let layers = importance.attention.len();
    let drops = |line, kind, most: usize| {
        (0..=most.min(layers)).map(move |count| {
            let drop = importance.drop_least(&DroppedSublayers::default(), kind, count);
            (line, count, PruningPlan::dropping(drop))
        })
    };
    let sparse = |line, method| {
        (0..=8u8).map(move |tenth| {
            let sparse = Sparsity { method, pattern: Pattern::Percent(10 * tenth) };
            // Nothing removed is the dense plan: it is measured once.
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
            .collect(),
        SweepAxis::Sparsity => sparse(SweepLine::Magnitude, SparsityMethod::Magnitude)
            .chain(sparse(SweepLine::Wanda, SparsityMethod::Wanda))
            .collect(),
        SweepAxis::Bits => bits(SweepLine::RoundToNearest, QuantizationMethod::RoundToNearest)
            .chain(bits(SweepLine::ActivationAware, QuantizationMethod::ActivationAware))
            .collect(),
    };
    points.sort_by_key(|(_, x, _)| if axis == SweepAxis::Bits { UNROUNDED - *x } else { *x });
    points
}

/// One measurement that was asked for.
struct Job<'a> {
    run: u64,
    settings: &'a Settings,
    control: &'a Control,
    tell: &'a mut dyn FnMut(Event),
}

impl Job<'_> {
    /// Tells how far a piece of work is.
    fn working(&mut self, what: String, done: usize, total: usize) {
        (self.tell)(Event::Working { run: self.run, what, done, total });
    }
}

impl<C: Compute> Session<C> {
    /// Makes one measurement and tells each result as it is known; what an earlier one knows is told at once.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], a prompt that cannot be used, or a failing device.
    pub async fn measure(
        &mut self,
        run: u64,
        settings: &Settings,
        what: Measurement,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), ExperimentError> {
        let mut job = Job { run, settings, control, tell };
        match what {
            Measurement::Compare => self.compare_variants(&mut job).await?,
            Measurement::Choice => self.choose(&mut job).await?,
            Measurement::Retrieval => self.retrieve(&mut job).await?,
            Measurement::Judge => self.judge(&mut job).await?,
            Measurement::Sweep => self.sweep(&mut job).await?,
            Measurement::Picture { layer, matrix } => self.draw(layer, matrix, &mut job).await?,
        }
        (job.tell)(Event::Measured { run, what });
        Ok(())
    }

    /// The dense decoder and the one that the settings' plan leaves, with room for what they answer.
    async fn both(&mut self, job: &mut Job<'_>) -> Result<[PrunedDecoder<C>; 2], ExperimentError> {
        let pruned = self.prune(&job.settings.plan, true, job.run, job.control, job.tell).await?;
        self.tasks.make_room(&self.which(&job.settings.plan));
        Ok([PrunedDecoder::unedited(&self.model.decoder, &PruningPlan::default()), pruned])
    }

    async fn compare_variants(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let settings = job.settings;
        let ids = self.prompt_ids(settings)?;
        self.read_prompt(ids, settings, job.control).await?;
        let temperature = settings.analysis_temperature();
        for (at, variant) in settings.compare.iter().enumerate() {
            let same = |known: &&Known| known.plan == variant.plan && known.tokens == settings.tokens;
            let known = self.variants.iter().find(same).map(|known| known.result.clone());
            let mut result = match known {
                Some(known) => known,
                None => {
                    job.working(format!("Variant {}", variant.name), at, settings.compare.len());
                    let model = self.prune(&variant.plan, false, job.run, job.control, job.tell).await?;
                    let Some(dense) = &mut self.dense else { return Err(ExperimentError::Stopped) };
                    let mut pruned = PrunedRun::read(model, dense, job.control).await?;
                    let next = next_token(dense, &pruned, temperature, &self.model.tokenizer).await?;
                    let generation =
                        write_texts(&self.model, dense, &mut pruned, settings, job.control, &mut |_| {}).await?;
                    let plan = variant.plan.to_string();
                    let result = VariantResult { name: variant.name.clone(), plan, next_token: next, generation };
                    let (plan, tokens) = (variant.plan.clone(), settings.tokens);
                    self.variants.push(Known { plan, tokens, result: result.clone() });
                    result
                }
            };
            result.name.clone_from(&variant.name);
            (job.tell)(Event::Variant { run: job.run, at, result: Box::new(result) });
        }
        Ok(())
    }

    async fn choose(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let models = self.both(job).await?;
        let (pruned, temperature) = (models[1].which(), job.settings.analysis_temperature());
        let total = self.tasks.questions();
        for place in 0..total {
            for model in &models {
                let subject = Subject::new(model, &self.model);
                self.tasks.answer(&subject, &[place], job.control, &mut |_, _, _| {}).await?;
            }
            let letters = Subject::new(&models[0], &self.model).letter_ids(self.tasks.options(place))?;
            let result = self.tasks.choice_result(&pruned, place, temperature, &letters, &self.model.tokenizer);
            if let Some(result) = result {
                (job.tell)(Event::Choice { run: job.run, result: Box::new(result) });
            }
            job.working("Multiple choice".into(), place + 1, total);
        }
        Ok(())
    }

    async fn retrieve(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let models = self.both(job).await?;
        let sample = self.tasks.retrieval_sample(0);
        for model in &models {
            let subject = Subject::new(model, &self.model);
            let name = model.plan.name();
            let control = job.control;
            let mut progress = |what: &str, done, total| job.working(format!("{what}, {name}"), done, total);
            self.tasks.embed(&subject, &sample, control, &mut progress).await?;
        }
        if let Some(report) = self.tasks.retrieval_report(&models[1].which(), &sample) {
            (job.tell)(Event::Retrieval { run: job.run, report: Box::new(report) });
        }
        Ok(())
    }

    async fn judge(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let models = self.both(job).await?;
        let (pruned, count) = (models[1].which(), job.settings.sample);
        for model in &models {
            let subject = Subject::new(model, &self.model);
            let name = model.plan.name();
            let control = job.control;
            let mut progress = |what: &str, done, total| job.working(format!("{what}, {name}"), done, total);
            self.tasks.evaluate(&subject, count, control, &mut progress).await?;
        }
        for place in self.tasks.generative_sample(count) {
            if let Some(result) = self.tasks.generative_result(&pruned, place) {
                (job.tell)(Event::Written { run: job.run, result: Box::new(result) });
            }
        }
        let of = |which: &Which| self.tasks.scores(which, count);
        if let (Some(dense), Some(pruned)) = (of(&Which::dense()), of(&pruned)) {
            let advice = vec![
                Advice::new("Retrieval", "right passage first", dense.recall_1, pruned.recall_1),
                Advice::new("Classification", "right choices, cloze", dense.choice, pruned.choice),
                Advice::new("Generation", "exact answers", dense.generation, pruned.generation),
            ];
            (job.tell)(Event::Judged { run: job.run, advice });
        }
        Ok(())
    }

    async fn sweep(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let count = job.settings.sample;
        let importance = self.importance(job.control, job.tell).await?;
        let points = sweep_points(job.settings.sweep, &importance);
        let total = points.len();
        for (done, (line, x, plan)) in points.into_iter().enumerate() {
            let which = self.which(&plan);
            if self.tasks.scores(&which, count).is_none() {
                let model = self.prune(&plan, false, job.run, job.control, job.tell).await?;
                self.tasks.make_room(&which);
                let subject = Subject::new(&model, &self.model);
                let control = job.control;
                let mut progress = |what: &str, part, of| job.working(format!("{} {x}: {what}", line.name()), part, of);
                self.tasks.evaluate(&subject, count, control, &mut progress).await?;
            }
            if let Some(scores) = self.tasks.scores(&which, count) {
                let point = SweepPoint {
                    line,
                    x,
                    plan: plan.to_string(),
                    choice: scores.choice,
                    letters: scores.letters,
                    recall_1: scores.recall_1,
                    recall_5: scores.recall_5,
                    generation: scores.generation,
                };
                (job.tell)(Event::SweepPoint { run: job.run, point: Box::new(point), done: done + 1, total });
            }
        }
        Ok(())
    }

    async fn draw(&mut self, layer: usize, matrix: Matrix, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let [_, pruned] = self.both(job).await?;
        if layer < pruned.decoder.config.layers {
            let picture = picture(&pruned.decoder, layer, matrix).await?;
            (job.tell)(Event::Picture { run: job.run, picture: Box::new(picture) });
        }
        Ok(())
    }
}
