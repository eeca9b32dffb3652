//! Measurements beside the main run: variants, task sets, the sweep.

use super::protocol::{Event, Measurement};
use super::session::{Known, Session, write_texts};
use crate::experiment::generation::{PrunedRun, next_token};
use crate::experiment::subject::Subject;
use crate::experiment::weights::{PrunedDecoder, picture};
use crate::experiment::{Control, ExperimentError};
use crate::model::Matrix;
use crate::prune::{
    DropKind, DroppedSublayers, Importance, Pattern, PruningPlan, Quantization, QuantizationMethod, Sparsity,
    SparsityMethod,
};
use crate::results::{Advice, SweepLine, SweepPoint, VariantResult};
use crate::settings::{Settings, SweepAxis};

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
        crate::prune::quantization::BITS.into_iter().map(move |bits| {
            let quant = Some(Quantization { method, bits, group: SWEEP_GROUP });
            (line, usize::from(bits), PruningPlan { quant, ..PruningPlan::default() })
        })
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
    points.sort_by_key(|(_, x, _)| if axis == SweepAxis::Bits { 8 - *x } else { *x });
    points
}

impl Session {
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
        match what {
            Measurement::Compare => self.compare_variants(run, settings, control, tell).await?,
            Measurement::Choice => self.choose(run, settings, control, tell).await?,
            Measurement::Retrieval => self.retrieve(run, settings, control, tell).await?,
            Measurement::Judge => self.judge(run, settings, control, tell).await?,
            Measurement::Sweep => self.sweep(run, settings, control, tell).await?,
            Measurement::Picture { layer, matrix } => self.draw(run, settings, layer, matrix, control, tell).await?,
        }
        tell(Event::Measured { run, what });
        Ok(())
    }

    fn dense_decoder(&self) -> PrunedDecoder {
        PrunedDecoder::unedited(&self.model.decoder, &PruningPlan::default())
    }

    async fn compare_variants(
        &mut self,
        run: u64,
        settings: &Settings,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), ExperimentError> {
        let ids = self.prompt_ids(settings)?;
        self.read_prompt(ids, settings, control).await?;
        let temperature = settings.analysis_temperature();
        for (at, variant) in settings.compare.iter().enumerate() {
            let same = |known: &&Known| known.plan == variant.plan && known.tokens == settings.tokens;
            let known = self.variants.iter().find(same).map(|known| known.result.clone());
            let mut result = match known {
                Some(known) => known,
                None => {
                    let working = Event::Working {
                        run,
                        what: format!("Variant {}", variant.name),
                        done: at,
                        total: settings.compare.len(),
                    };
                    tell(working);
                    let model = self.prune(&variant.plan, false, run, control, tell).await?;
                    let Some(dense) = &mut self.dense else { return Err(ExperimentError::Stopped) };
                    let mut pruned = PrunedRun::read(model, dense, control).await?;
                    let next = next_token(dense, &pruned, temperature, &self.model.tokenizer).await?;
                    let generation =
                        write_texts(&self.model, dense, &mut pruned, settings, control, &mut |_| {}).await?;
                    let plan = variant.plan.to_string();
                    let result = VariantResult { name: variant.name.clone(), plan, next_token: next, generation };
                    self.variants.push(Known {
                        plan: variant.plan.clone(),
                        tokens: settings.tokens,
                        result: result.clone(),
                    });
                    result
                }
            };
            result.name.clone_from(&variant.name);
            tell(Event::Variant { run, at, result: Box::new(result) });
        }
        Ok(())
    }

    async fn choose(
        &mut self,
        run: u64,
        settings: &Settings,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), ExperimentError> {
        let pruned = self.prune(&settings.plan, true, run, control, tell).await?;
        let dense = self.dense_decoder();
        let temperature = settings.analysis_temperature();
        let total = self.tasks.questions();
        self.tasks.make_room(&settings.plan);
        for place in 0..total {
            for model in [&dense, &pruned] {
                let subject = Subject::new(model, &self.model);
                self.tasks.answer(&subject, &[place], control, &mut |_, _, _| {}).await?;
            }
            let letters = Subject::new(&dense, &self.model).letter_ids(self.tasks.options(place))?;
            let tokenizer = &self.model.tokenizer;
            if let Some(result) = self.tasks.choice_result(&settings.plan, place, temperature, &letters, tokenizer) {
                tell(Event::Choice { run, result: Box::new(result) });
            }
            tell(Event::Working { run, what: "Multiple choice".into(), done: place + 1, total });
        }
        Ok(())
    }

    async fn retrieve(
        &mut self,
        run: u64,
        settings: &Settings,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), ExperimentError> {
        let pruned = self.prune(&settings.plan, true, run, control, tell).await?;
        let dense = self.dense_decoder();
        let sample = self.tasks.retrieval_sample(0);
        self.tasks.make_room(&settings.plan);
        for (name, model) in [("dense", &dense), ("pruned", &pruned)] {
            let subject = Subject::new(model, &self.model);
            let mut progress = |what: &str, done, total| {
                tell(Event::Working { run, what: format!("{what}, {name} model"), done, total });
            };
            self.tasks.embed(&subject, &sample, control, &mut progress).await?;
        }
        if let Some(report) = self.tasks.retrieval_report(&settings.plan, &sample) {
            tell(Event::Retrieval { run, report: Box::new(report) });
        }
        Ok(())
    }

    async fn judge(
        &mut self,
        run: u64,
        settings: &Settings,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), ExperimentError> {
        let pruned = self.prune(&settings.plan, true, run, control, tell).await?;
        let dense = self.dense_decoder();
        for (name, model) in [("dense", &dense), ("pruned", &pruned)] {
            let subject = Subject::new(model, &self.model);
            let mut progress = |what: &str, done, total| {
                tell(Event::Working { run, what: format!("{what}, {name} model"), done, total });
            };
            self.tasks.evaluate(&subject, settings.sample, control, &mut progress).await?;
        }
        for place in self.tasks.generative_sample(settings.sample) {
            if let Some(result) = self.tasks.generative_result(&settings.plan, place) {
                tell(Event::Written { run, result: Box::new(result) });
            }
        }
        let of = |plan: &PruningPlan| self.tasks.scores(plan, settings.sample);
        if let (Some(dense), Some(pruned)) = (of(&PruningPlan::default()), of(&settings.plan)) {
            let advice = vec![
                Advice::new("Retrieval", "right passage first", dense.recall_1, pruned.recall_1),
                Advice::new("Classification", "right choices, cloze", dense.choice, pruned.choice),
                Advice::new("Generation", "exact answers", dense.generation, pruned.generation),
            ];
            tell(Event::Judged { run, advice });
        }
        Ok(())
    }

    async fn sweep(
        &mut self,
        run: u64,
        settings: &Settings,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), ExperimentError> {
        let importance = self.importance(control, tell).await?;
        let points = sweep_points(settings.sweep, &importance);
        let total = points.len();
        for (done, (line, x, plan)) in points.into_iter().enumerate() {
            if self.tasks.scores(&plan, settings.sample).is_none() {
                let model = self.prune(&plan, false, run, control, tell).await?;
                self.tasks.make_room(&plan);
                let subject = Subject::new(&model, &self.model);
                let mut progress = |what: &str, part, of| {
                    let what = format!("{} {x}: {what}", line.name());
                    tell(Event::Working { run, what, done: part, total: of });
                };
                self.tasks.evaluate(&subject, settings.sample, control, &mut progress).await?;
            }
            if let Some(scores) = self.tasks.scores(&plan, settings.sample) {
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
                tell(Event::SweepPoint { run, point: Box::new(point), done: done + 1, total });
            }
        }
        Ok(())
    }

    async fn draw(
        &mut self,
        run: u64,
        settings: &Settings,
        layer: usize,
        matrix: Matrix,
        control: &Control,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), ExperimentError> {
        let pruned = self.prune(&settings.plan, true, run, control, tell).await?;
        if layer < pruned.decoder.config.layers {
            let picture = picture(&pruned.decoder, layer, matrix).await?;
            tell(Event::Picture { run, picture: Box::new(picture) });
        }
        Ok(())
    }
}
