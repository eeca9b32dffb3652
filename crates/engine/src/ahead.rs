//! Work that is done ahead, while nothing else is asked for: what each switch would do, the dense model's own answers,
//! and the full map in place of a smaller repair.

use crate::compute::Compute;
use crate::experiment::own_answers::own_chats;
use crate::experiment::pruned_decoder::PrunedDecoder;
use crate::experiment::repair::held_out_kl;
use crate::experiment::task_runner::TaskRunner;
use crate::experiment::{Control, ExperimentError};
use crate::session::Session;
use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::prune::own_answers::QUESTIONS;
use prunescope_protocol::prune::{PruningPlan, Repair, Repairs};
use prunescope_protocol::results::FullRepair;
use prunescope_protocol::settings::RunSettings;

/// Own answers that are written together: each weight is read once for all, and as many are lost when it is stopped.
const ANSWERS_AT_ONCE: usize = 8;

impl<C: Compute> Session<C> {
    /// Works ahead after a run or measurement. What is known of the plan is sent again at once; progress is not told.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], a prompt that cannot be used, or a failing device.
    pub async fn work_ahead(
        &mut self,
        settings: &RunSettings,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(), ExperimentError> {
        let mut tell = |event: RunEvent| {
            if !matches!(event, RunEvent::Working { .. }) {
                tell(event);
            }
        };
        self.measure_switches(settings, control, &mut tell).await?;
        if !settings.plan.drop.is_empty() {
            self.tell_own_answers(control, &mut tell).await?;
        }
        self.measure_full_repair(settings, control, &mut tell).await
    }

    /// Tells all of the dense model's own answers: what is known at once, the others as they are written.
    ///
    /// # Errors
    /// As [`Self::own_answers`].
    pub(crate) async fn tell_own_answers(
        &mut self,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(), ExperimentError> {
        for (at, chat) in self.own_chats.iter().flatten().enumerate() {
            tell(RunEvent::OwnAnswer { at, answer: chat.answer.clone() });
        }
        self.own_answers(QUESTIONS.len(), control, tell).await?;
        Ok(())
    }

    /// Token ids of the dense model's first `count` own answers with their prompts, written now if they are not known.
    /// None if the model has no working chat template. Those that are written now are told.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`]; the answers written until then are kept. Or a failing device.
    pub async fn own_answers(
        &mut self,
        count: usize,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<Vec<Vec<u32>>, ExperimentError> {
        let dense = PrunedDecoder::dense(&self.model.decoder);
        while let Some(known) = self.own_chats.as_mut().filter(|known| known.len() < count) {
            let at = known.len();
            tell(RunEvent::Working { what: "The dense model's own answers".into(), done: at, total: count });
            let questions = &QUESTIONS[at..count.min(at + ANSWERS_AT_ONCE)];
            match own_chats(&TaskRunner::new(&dense, &self.model), questions, control).await? {
                Some(chats) => {
                    for (place, chat) in (at..).zip(&chats) {
                        tell(RunEvent::OwnAnswer { at: place, answer: chat.answer.clone() });
                    }
                    known.extend(chats);
                }
                None => self.own_chats = None,
            }
        }
        Ok(self.own_chats.iter().flatten().take(count).map(|chat| chat.ids.clone()).collect())
    }

    /// Fits the full map to a plan that a smaller one repairs, and compares both on tokens that neither fit has seen.
    /// Does nothing for other plans.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`], a calibration text that is too short, or a failing device.
    pub async fn measure_full_repair(
        &mut self,
        settings: &RunSettings,
        control: &Control,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(), ExperimentError> {
        // Without the repair of the head, which would be another for each.
        let plan = &PruningPlan { head: None, ..settings.plan.clone() };
        if plan.repairs().is_none_or(|repairs| repairs.sublayers == Some(Repair::Full)) {
            return Ok(());
        }
        let key = self.key(plan);
        let known = self.full_repair.get(&key).copied();
        let report = match known {
            Some(known) => known,
            None => {
                let present = self.pruned_decoder(plan, control, tell).await?;
                let full = PruningPlan { repair: Some(Repair::Full), ..plan.clone() };
                let full = self.pruned_decoder(&full, control, tell).await?.report.repair.unwrap_or_default();
                let of_full = Repairs { sublayers: Some(Repair::Full), head: None };
                // The texts of the full map's fit, which end with tokens that the smaller fit has not seen either.
                let text = self.texts_of_fit(of_full, control, tell).await?;
                let kl_present = held_out_kl(&self.model.decoder, &present, &text, control).await?;
                FullRepair { tokens: full.held_out_tokens, kl_present, kl_full: full.kl() }
            }
        };
        self.full_repair.set(key, report);
        tell(RunEvent::FullRepair { report });
        Ok(())
    }
}
