//! `fidelity`: how far plans are from the dense model on texts, and which answers they flip.

use std::collections::BTreeMap;

use futures::executor::block_on;
use prunescope_engine::compute::Compute;
use prunescope_engine::experiment::Control;
use prunescope_engine::session::Session;
use prunescope_figures::chart::markdown;
use prunescope_figures::figure::choice::{Scoring, scores};
use prunescope_figures::figure::pareto::{self, ComparedPlans};
use prunescope_figures::figure::text_fidelity;
use prunescope_protocol::messages::{Measurement, RunEvent};
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::results::tasks::Pooling;
use prunescope_protocol::results::{Flips, TextFidelity};
use prunescope_protocol::settings::Settings;
use serde::Serialize;

use crate::arguments::FidelityOptions;
use crate::error::Error;
use crate::given_plan::GivenPlan;
use crate::tell_progress;

/// The flips of a plan on a task set.
#[derive(Clone, Copy, Debug, Serialize)]
struct TaskFlips {
    /// The set, and how answers are read from the model.
    task: &'static str,
    /// The pruned model's.
    pruned: Flips,
    /// The repaired model's, if the plan repairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<Flips>,
}

/// What is printed of a plan.
#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    report: &'a TextFidelity,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    flips: &'a [TaskFlips],
}

/// Compares the plan of the settings, and prints a table of every text.
///
/// # Errors
/// A measurement that fails.
pub(crate) fn compare<C: Compute>(
    session: &mut Session<C>,
    settings: &Settings,
    options: &FidelityOptions,
) -> Result<(), Error> {
    let plan = settings.run.plan.clone();
    for report in on_texts(session, std::slice::from_ref(&plan))? {
        print!("{}", text_fidelity::table_markdown(&report));
    }
    if options.tasks {
        let flips = flips(session, settings, &plan)?;
        print!("\n{}", flips_markdown(&[(plan.to_string(), flips)]));
    }
    Ok(())
}

/// Compares several plans, and prints one JSON object a line for each, or a table of all.
///
/// # Errors
/// [`Error::PlansTwice`], a recipe that is no plan, or a measurement that fails.
pub(crate) fn compare_several<C: Compute>(
    session: &mut Session<C>,
    settings: &Settings,
    given: Vec<GivenPlan>,
    options: &FidelityOptions,
) -> Result<(), Error> {
    let layers = session.info().config.layers;
    let plans = given.into_iter().map(|given| given.plan(layers)).collect::<Result<Vec<_>, _>>()?;
    let (mut compared, mut all_flips) = (ComparedPlans::default(), vec![]);
    for plans in plans.chunks(options.together.into()) {
        for (report, plan) in on_texts(session, plans)?.into_iter().zip(plans) {
            let flips = if options.tasks { flips(session, settings, plan)? } else { vec![] };
            if options.table {
                all_flips.push((report.plan.clone(), flips));
                compared.add(report);
            } else {
                println!("{}", serde_json::to_string(&Line { report: &report, flips: &flips })?);
            }
        }
    }
    if options.table {
        print!("{}", pareto::table_markdown(&compared));
    }
    if options.table && options.tasks {
        print!("\n{}", flips_markdown(&all_flips));
    }
    Ok(())
}

/// Compares plans on the texts together; returns one report for each, in their order.
fn on_texts<C: Compute>(session: &mut Session<C>, plans: &[PruningPlan]) -> Result<Vec<TextFidelity>, Error> {
    // Each window tells of every plan in turn; the last window's reports are complete.
    let mut reports = vec![];
    let mut tell = |event: RunEvent| match event {
        RunEvent::Working { what, done, total } => tell_progress(&what, done, total),
        RunEvent::TextFidelity { report } if report.done == report.total => reports.push(*report),
        _ => {}
    };
    block_on(session.compare_on_texts(plans, &Control::unstoppable(), &mut tell))?;
    eprintln!();
    Ok(reports)
}

/// Asks the task sets, and counts the answers that a plan flips.
fn flips<C: Compute>(
    session: &mut Session<C>,
    settings: &Settings,
    plan: &PruningPlan,
) -> Result<Vec<TaskFlips>, Error> {
    let mut run = settings.run.clone();
    run.plan.clone_from(plan);
    let (mut choices, mut retrieval) = (BTreeMap::new(), None);
    let mut tell = |event: RunEvent| match event {
        RunEvent::Working { what, done, total } => tell_progress(&what, done, total),
        RunEvent::Choice { result } => drop(choices.insert(result.index, *result)),
        RunEvent::Retrieval { report } => retrieval = Some(*report),
        _ => {}
    };
    for what in [Measurement::Choice, Measurement::Retrieval] {
        block_on(session.measure(&run, &settings.measure, what, &Control::unstoppable(), &mut tell))?;
    }
    eprintln!();
    let repairs = plan.repairs().is_some();
    let chosen = [("choice, cloze", Scoring::Cloze), ("choice, letter", Scoring::Letter)].into_iter().filter_map(
        |(task, scoring)| {
            let all = scores(&choices, session.questions(), scoring).pop()?;
            Some(TaskFlips { task, pruned: all.flips, repaired: repairs.then_some(all.repaired_flips) })
        },
    );
    let found = retrieval.iter().flat_map(|report| &report.poolings).map(|of| TaskFlips {
        task: if of.pooling == Pooling::Mean { "retrieval, mean" } else { "retrieval, last token" },
        pruned: Flips::of_ranks(&of.dense.ranks, &of.pruned.ranks),
        repaired: of.repaired.as_ref().map(|repaired| Flips::of_ranks(&of.dense.ranks, &repaired.ranks)),
    });
    Ok(chosen.chain(found).collect())
}

/// The flips of plans as a table in Markdown.
fn flips_markdown(plans: &[(String, Vec<TaskFlips>)]) -> String {
    let head = ["plan", "task", "model", "items", "flips", "to wrong", "to right", "wrong to another wrong"];
    let mut rows = vec![];
    for (plan, flips) in plans {
        for TaskFlips { task, pruned, repaired } in flips {
            for (model, flips) in [("pruned", Some(*pruned)), ("repaired", *repaired)] {
                let Some(flips) = flips else { continue };
                let share = format!("{:.1} %", 100.0 * flips.flipped().share());
                let counts = [flips.to_wrong, flips.to_right, flips.to_other_wrong].map(|count| count.to_string());
                let row = [plan.clone(), (*task).into(), model.into(), flips.of.to_string(), share];
                rows.push(row.into_iter().chain(counts).collect());
            }
        }
    }
    markdown(&head.map(String::from), rows.into_iter())
}
