//! Plans compared with the dense model on texts of several kinds.

use crate::compute::Compute;
use crate::experiment::pruned_decoder::PrunedDecoder;
use crate::experiment::text_fidelity::{self, Window, windows};
use crate::experiment::{Control, ExperimentError};
use crate::metrics::text_distance::ScoredPosition;
use crate::session::Session;
use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::results::TextFidelity;
use prunescope_protocol::tasks::{KindText, texts};

/// A plan's models and what is known of them.
struct Compared<C: Compute> {
    /// The pruned model, and the repaired one if the plan repairs.
    models: Vec<PrunedDecoder<C>>,
    /// The scored positions, by kind of text and model.
    scored: Vec<Vec<Vec<ScoredPosition>>>,
    report: TextFidelity,
}

impl<C: Compute> Compared<C> {
    /// Adds the scored positions of a window, one list for each model, and says anew what is known.
    fn add(&mut self, texts: &[KindText], kind: usize, found: impl Iterator<Item = Vec<ScoredPosition>>) {
        self.scored[kind].iter_mut().zip(found).for_each(|(all, found)| all.extend(found));
        self.report.done += 1;
        let of_kind = |(text, scored): (&KindText, &Vec<Vec<_>>)| {
            text_fidelity::summary(&text.kind, scored.iter().map(Vec::as_slice))
        };
        self.report.kinds = texts.iter().zip(&self.scored).map(of_kind).filter(|kind| kind.tokens > 0).collect();
        let all: Vec<Vec<_>> = (0..self.models.len())
            .map(|model| self.scored.iter().flat_map(|kind| kind[model].iter().copied()).collect())
            .collect();
        self.report.all = text_fidelity::summary("", all.iter().map(Vec::as_slice));
    }
}

impl<C: Compute> Session<C> {
    /// Compares the pruned and the repaired model of each plan with the dense one on texts of several kinds; sends what is known of every plan
    /// after each window.
    ///
    /// The dense model reads a window once for all plans. Each plan that edits weights keeps its own copy of them meanwhile.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], texts that are too short, a plan that names layers out of range, or a failing device.
    pub async fn compare_on_texts(
        &mut self,
        plans: &[PruningPlan],
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(), ExperimentError> {
        plans.iter().try_for_each(|plan| self.check_layers(plan))?;
        let built_in = self.texts.is_empty().then(texts::built_in);
        let texts = built_in.unwrap_or_else(|| self.texts.clone());
        let windows = self.windows_of(&texts)?;
        let mut compared = vec![];
        for plan in plans {
            compared.push(self.begin_comparison(plan, &texts, &windows, control, tell).await?);
        }
        let dense = PrunedDecoder::dense(&self.model.decoder);
        for (at, window) in windows.iter().enumerate() {
            tell(RunEvent::Working { what: "Reading texts".into(), done: at, total: windows.len() });
            let models: Vec<_> = std::iter::once(&dense).chain(compared.iter().flat_map(|plan| &plan.models)).collect();
            let mut found = text_fidelity::score(&models, window, control).await?.into_iter();
            for plan in &mut compared {
                let count = plan.models.len();
                plan.add(&texts, window.kind, found.by_ref().take(count));
                tell(RunEvent::TextFidelity { report: Box::new(plan.report.clone()) });
            }
        }
        Ok(())
    }

    /// The windows in which texts are read.
    fn windows_of(&self, texts: &[KindText]) -> Result<Vec<Window>, ExperimentError> {
        let begin = self.model.tokenizer.encode("", false)?;
        let mut ids = vec![];
        for text in texts {
            ids.push(self.model.tokenizer.encode(&text.text, false)?.split_off(begin.len()));
        }
        let windows = windows(&ids, &begin, self.model.decoder.config.context);
        if windows.is_empty() { Err(ExperimentError::TextTooShort) } else { Ok(windows) }
    }

    /// Prunes and repairs the model by a plan; no window is read yet.
    async fn begin_comparison(
        &mut self,
        plan: &PruningPlan,
        texts: &[KindText],
        windows: &[Window],
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<Compared<C>, ExperimentError> {
        let mut models = vec![self.prune(&plan.unrepaired(), control, tell).await?];
        if plan.repairs().is_some() {
            models.push(self.prune(plan, control, tell).await?);
        }
        let repair = models.last().and_then(|model| model.report.repair.clone());
        let report = TextFidelity {
            plan: plan.to_string(),
            other: self.other_source(),
            window: windows.iter().map(|window| window.ids.len()).max().unwrap_or(0),
            total: windows.len(),
            memory: self.file_footprint(plan, repair.as_ref()),
            repair,
            ..TextFidelity::default()
        };
        let scored = vec![vec![vec![]; models.len()]; texts.len()];
        Ok(Compared { models, scored, report })
    }
}
