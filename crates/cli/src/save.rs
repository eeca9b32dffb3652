//! `save`: the pruned and repaired model as files.

use std::path::Path;

use futures::executor::block_on;
use prunescope_engine::compute::Compute;
use prunescope_engine::experiment::Control;
use prunescope_engine::model::file::load;
use prunescope_engine::save::{Saved, Saving, layers};
use prunescope_engine::session::Session;
use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::{DroppedSublayers, PruningPlan};

use crate::arguments::SaveArguments;
use crate::error::Error;
use crate::given_plan::GivenPlan;

/// Saves a model, and says on standard error what became of it.
pub(crate) fn save(arguments: &SaveArguments) -> Result<(), Error> {
    let given = arguments.pruning.plan.as_deref().map(GivenPlan::read).transpose()?;
    let given = given.map(|given| given.plan(layers(&arguments.model)?)).transpose()?;
    let plan = arguments.pruning.plan(given.unwrap_or_default());
    let saving = Saving::new(&arguments.model, &plan, arguments.weights.into(), &arguments.out)?;
    crate::start_helpers(&arguments.pruning);
    let saved = on_backend!(arguments.pruning.backend, |compute| save_on(compute, arguments, &plan, &saving))?;
    eprint!("{}", told(&saved, &arguments.out));
    Ok(())
}

fn save_on<C: Compute>(
    compute: C,
    arguments: &SaveArguments,
    plan: &PruningPlan,
    saving: &Saving,
) -> Result<Saved, Error> {
    if !saving.computes() {
        return Ok(block_on(saving.write::<C>(None))?);
    }
    let calibration = crate::calibration(&arguments.pruning)?;
    let model = load(&arguments.model, compute)?;
    let mut session = Session::new(model, &arguments.model.to_string_lossy(), crate::milliseconds);
    session.info().notices.iter().for_each(|notice| eprintln!("{notice}"));
    crate::prepare(&mut session, &calibration, &arguments.pruning);
    let mut tell = |event: RunEvent| {
        if let RunEvent::Working { what, done, total } = event {
            crate::tell_progress(&what, done, total);
        }
    };
    let pruned = block_on(session.pruned_decoder(plan, &Control::unstoppable(), &mut tell))?;
    eprintln!();
    Ok(block_on(saving.write(Some(&pruned)))?)
}

/// What became of the model, a sentence a line.
fn told(saved: &Saved, out: &Path) -> String {
    let outline = &saved.outline;
    let list = |sublayers: &[Sublayer]| DroppedSublayers::of(sublayers.iter().copied()).to_string();
    let blocks = |layers: &[usize]| layers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let mut lines = vec![];
    if !outline.removed.is_empty() {
        lines.push(format!("blocks left out: {} ({})", outline.removed.len(), blocks(&outline.removed)));
    }
    if !outline.zeroed.is_empty() {
        lines.push(format!("sublayers that add nothing, but take their place: {}", list(&outline.zeroed)));
    }
    if !outline.folded.is_empty() {
        lines.push(format!("repairs folded into weights: {}", list(&outline.folded)));
    }
    if !outline.added.is_empty() {
        lines.push(format!("blocks added, for the repairs of the attentions of: {}", blocks(&outline.added)));
    }
    if outline.cooled {
        lines.push("the temperature of the logits is folded into the final norm".into());
    }
    if saved.unrepaired {
        lines.push("a repair that did not help on the tokens kept out of its fit is left out".into());
    }
    for (name, count) in &saved.edited {
        lines.push(format!("matrices with changed weights: {count}, as {name}"));
    }
    let [before, after] = saved.bytes.map(|bytes| bytes as f64 / 1e6);
    lines.push(format!("{} blocks, {after:.1} MB; before {before:.1} MB", outline.blocks.len()));
    lines.iter().map(|line| format!("{}: {line}\n", out.display())).collect()
}
