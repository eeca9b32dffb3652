//! `prunescope record`: runs and measurements as a [`Trace`] that the page shows without a model.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use prunescope_engine::compute::Compute;
use prunescope_engine::experiment::{Control, ExperimentError};
use prunescope_engine::session::Session;
use prunescope_engine::shard::Shard;
use prunescope_protocol::messages::{Measurement, RunEvent};
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::{DropKind, DroppedSublayers, Importance, PruningPlan, Repair};
use prunescope_protocol::results::{Generation, GenerationStep, TokenText};
use prunescope_protocol::settings::Settings;
use prunescope_protocol::trace::{RecordedRun, Trace, VERSION};

use crate::arguments::FurtherRun;
use crate::error::Error;

/// Runs the settings and the measurements, and the runs of `also`, and keeps what the engine tells.
///
/// # Errors
/// As [`Session::run`].
pub(crate) async fn record<C: Compute>(
    session: &mut Session<C>,
    settings: &Settings,
    measure: &[Measurement],
    also: &[FurtherRun],
) -> Result<Trace, ExperimentError> {
    let mut runs = vec![recorded_run(session, settings, measure).await?];
    for further in also {
        let settings = Settings { models: settings.models.clone(), ..further.settings.clone() };
        runs.push(recorded_run(session, &settings, &further.measure).await?);
    }
    let mut model = session.info().clone();
    model.source = settings.models.model.clone();
    Ok(Trace { version: VERSION, program: env!("CARGO_PKG_VERSION").into(), recorded: today(), model, runs })
}

/// Runs the plans around that of the settings, and keeps of what the engine tells what their numbers and their texts need, and the importance
/// of the first.
///
/// * `trace`: the recorded run of the settings.
///
/// # Errors
/// As [`Session::run`].
pub(crate) async fn record_neighbours<C: Compute>(
    session: &mut Session<C>,
    settings: &Settings,
    trace: &Trace,
) -> Result<Trace, ExperimentError> {
    let known = trace.importance();
    let Some(RunEvent::Importance { importance }) = known else { return Ok(Trace { runs: vec![], ..trace.clone() }) };
    let plans = plans_around(&settings.run.plan, trace.model.config.layers, importance);
    let mut runs = vec![];
    for (at, plan) in plans.iter().enumerate() {
        eprint!("\rNeighbouring plans: {at} of {}          ", plans.len());
        let mut settings = settings.clone();
        settings.run.plan = plan.clone();
        // Whether the full map is better, by which the page's Repair button goes; and what each switch of the dense model does.
        let further: &[_] = match plan.repair {
            Some(Repair::Scale) => &[Measurement::OwnAnswers, Measurement::FullRepair],
            None if plan.is_dense() => &[Measurement::Switches],
            _ => &[],
        };
        let run = recorded_run(session, &settings, further).await?;
        let mut events = in_short(run.events);
        events.extend(known.filter(|_| at == 0).cloned());
        runs.push(RecordedRun { events, ..run });
    }
    Ok(Trace { runs, ..trace.clone() })
}

/// A run and measurements after it with all that the engine tells.
async fn recorded_run<C: Compute>(
    session: &mut Session<C>,
    settings: &Settings,
    measure: &[Measurement],
) -> Result<RecordedRun, ExperimentError> {
    let control = Control::unstoppable();
    // A sweep's early picture is of no use to those who see the whole.
    session.use_shard(Shard::default());
    let mut events = vec![];
    let mut tell = |event: RunEvent| {
        if Trace::records(&event) {
            events.push(event);
        }
    };
    session.run(&settings.run, &control, &mut tell).await?;
    session.measure_damage_along(&settings.run, &control, &mut tell).await?;
    for what in measure {
        session.measure(&settings.run, &settings.measure, *what, &control, &mut tell).await?;
    }
    Ok(RecordedRun { settings: settings.clone(), events })
}

/// The plans that a visitor of the page reaches with one touch, each once: the repaired plan, the dense model, each switch flipped,
/// and up to half of the sublayers of a kind, or blocks, dropped, the least important first.
fn plans_around(plan: &PruningPlan, layers: usize, importance: &Importance) -> Vec<PruningPlan> {
    let with = |drop: DroppedSublayers| PruningPlan { drop, ..plan.clone() };
    let flipped = (0..2 * layers).map(Sublayer::from_index).map(|sublayer| {
        let mut drop = plan.drop.clone();
        drop.set(sublayer, !drop.drops(sublayer));
        with(drop)
    });
    // A layer's number switches both, off unless both are.
    let layers_flipped = (0..layers).map(|layer| {
        let mut drop = plan.drop.clone();
        let both = || DropKind::Block.sublayers(layer);
        let off = !both().all(|sublayer| drop.drops(sublayer));
        both().for_each(|sublayer| drop.set(sublayer, off));
        with(drop)
    });
    let least = [DropKind::Attention, DropKind::Mlp, DropKind::Block]
        .into_iter()
        .flat_map(|kind| (0..=layers / 2).map(move |count| (kind, count)))
        .map(|(kind, count)| with(importance.drop_least(&plan.drop, kind, count)));
    let repaired = [Repair::Scale, Repair::Full].map(|form| PruningPlan { repair: Some(form), ..plan.clone() });
    let mut plans = vec![plan.clone()];
    for plan in repaired
        .into_iter()
        .chain([with(DroppedSublayers::default())])
        .chain(flipped)
        .chain(layers_flipped)
        .chain(least)
    {
        if !plans.contains(&plan) {
            plans.push(plan);
        }
    }
    plans.split_off(1)
}

/// Of a neighbouring run's events those that its numbers and its texts need. Of the comparisons over the texts only those at the tokens where
/// the pruned and the repaired text part from the dense one are kept.
fn in_short(events: Vec<RunEvent>) -> Vec<RunEvent> {
    let id = |token: &Option<TokenText>| token.as_ref().map(|token| token.id);
    let parting = |step: &GenerationStep| (id(&step.dense) != id(&step.pruned)).then_some(step.step);
    let steps = |of: fn(&RunEvent) -> Option<&GenerationStep>| events.iter().filter_map(of).find_map(parting);
    let parts = [
        steps(|event| if let RunEvent::Step { step } = event { Some(step) } else { None }),
        steps(|event| if let RunEvent::RepairedStep { step } = event { Some(step) } else { None }),
    ];
    let shorten = |mut step: Box<GenerationStep>| {
        step.compared = step.compared.filter(|_| parts.contains(&Some(step.step)));
        step
    };
    let kept = events.into_iter().filter_map(|event| match event {
        RunEvent::Step { step } => Some(RunEvent::Step { step: shorten(step) }),
        RunEvent::RepairedStep { step } => Some(RunEvent::RepairedStep { step: shorten(step) }),
        RunEvent::Repaired { mut result } => {
            let quality = result.generation.quality;
            result.generation = Generation { quality, ..Generation::default() };
            Some(RunEvent::Repaired { result })
        }
        event @ (RunEvent::NextToken { .. }
        | RunEvent::Quality { .. }
        | RunEvent::NotFinite { .. }
        | RunEvent::FullRepair { .. }
        | RunEvent::Switches { .. }
        | RunEvent::RepairedNextToken { .. }) => Some(event),
        _ => None,
    });
    kept.collect()
}

/// Writes a trace to a file.
///
/// # Errors
/// [`Error::NotWritten`], [`Error::Json`].
pub(crate) fn write(trace: &Trace, path: &Path) -> Result<(), Error> {
    let text = serde_json::to_vec(trace)?;
    fs::write(path, text).map_err(|why| Error::NotWritten { path: path.into(), why })
}

/// The day as YYYY-MM-DD, in UTC.
fn today() -> String {
    chrono::DateTime::<chrono::Utc>::from(SystemTime::now()).format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use prunescope_protocol::prune::ImportanceInput;

    use super::*;

    #[test]
    fn every_touch_from_a_plan_is_recorded_once() {
        let of = [0.3, 0.1, 0.2, 0.4];
        let importance = Importance::new(ImportanceInput::Residual, &of, &of, &of, 10);
        let plan = |text: &str| text.parse::<PruningPlan>().unwrap();
        let plans = plans_around(&plan("a1,m2"), 4, &importance);
        let expected = "a1,m2_repair-scale a1,m2_repair-full dense m2 a1 a0,a1,m2 a1,b2 b1 b1,b2 a1,m1,m2 a1,m2,b3";
        for text in expected.split(' ') {
            assert_eq!(plans.iter().filter(|found| **found == plan(text)).count(), 1, "{text}: {plans:?}");
        }
        // The plan itself is not among them, nor is one twice.
        assert!(!plans.contains(&plan("a1,m2")) && plans.len() < 3 + 8 + 4 + 9);
    }
}
