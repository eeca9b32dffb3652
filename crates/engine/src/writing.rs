//! Generated text of both models: measurement 3 (free-running), measurement 4 (teacher-forced), and text quality.

use crate::compute::Compute;
use crate::experiment::dense::DenseRun;
use crate::experiment::generation::{PrunedRun, dense_losses, fixed_trajectory, generate};
use crate::experiment::{Control, ExperimentError};
use crate::model::LoadedModel;
use prunescope_protocol::results::{
    Generation, GenerationStep, Metrics, Quality, TextQuality, Written, first_divergence, written_ids,
};
use prunescope_protocol::settings::RunSettings;
use prunescope_protocol::tasks::GenerativeSet;

/// A partial result of [`write_texts`].
pub(super) enum Part<'a> {
    Step(&'a GenerationStep),
    FixedTrajectory(&'a [Metrics]),
    Quality(&'a Quality),
}

/// Measurements 3 and 4: both models generate freely, the pruned one is also teacher-forced on the dense text, and the
/// quality of both texts is measured. Each part is passed to `tell` once it is complete.
pub(super) async fn write_texts<C: Compute>(
    model: &LoadedModel<C>,
    dense: &mut DenseRun<C>,
    pruned: &mut PrunedRun<C>,
    settings: &RunSettings,
    control: &Control,
    tell: &mut dyn FnMut(Part<'_>),
) -> Result<Generation, ExperimentError> {
    let tokenizer = &model.tokenizer;
    let temperature = settings.analysis_temperature();
    let mut on_step = |step: &_| tell(Part::Step(step));
    let steps = generate(tokenizer, dense, pruned, settings.tokens, temperature, control, &mut on_step).await?;
    let fixed_trajectory = fixed_trajectory(dense, pruned, settings.tokens, temperature, control).await?;
    tell(Part::FixedTrajectory(&fixed_trajectory));
    let (dense_ids, pruned_ids) = written_ids(&steps);
    let task = GenerativeSet::Answers.task_of(&settings.prompt);
    let mut judged = vec![];
    for ids in [&dense_ids, &pruned_ids] {
        let quality = TextQuality::of(ids, dense_losses(dense, ids, control).await?);
        let answered = task.as_ref().map(|task| GenerativeSet::Answers.is_right(task, &tokenizer.decode(ids)));
        judged.push(TextQuality { answered, ..quality });
    }
    let mut judged = judged.into_iter();
    let quality = Quality { dense: judged.next().unwrap_or_default(), pruned: judged.next().unwrap_or_default() };
    tell(Part::Quality(&quality));
    let text = |ids: Vec<u32>| Written { text: tokenizer.decode(&ids), ids };
    Ok(Generation {
        first_divergence: first_divergence(&dense_ids, &pruned_ids),
        dense: text(dense_ids),
        pruned: text(pruned_ids),
        steps,
        fixed_trajectory,
        quality,
    })
}
