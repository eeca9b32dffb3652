//! A model saved without what a plan drops is that plan's model: read again by this engine, it computes the same.

use std::path::{Path, PathBuf};

use prunescope_engine::experiment::Control;
use prunescope_engine::model::save::{SaveModelError, save_pruned};
use prunescope_formats::pruned_gguf::SaveError;
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::results::RunReport;
use prunescope_protocol::settings::RunSettings;

use crate::common::{default_model, session, tiny_model};

fn report(model: &Path, plan: &str) -> RunReport {
    let settings = RunSettings { plan: plan.parse().unwrap(), tokens: 6, ..RunSettings::default() };
    futures::executor::block_on(session(model).run(&settings, &Control::unstoppable(), &mut |_| {})).unwrap()
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("prunescope-{}-{name}.gguf", std::process::id()))
}

/// Saves a plan's model, and compares it with the plan; returns both numbers of bytes and the number of layers left.
fn holds(model: &Path, plan: &str) -> (u64, usize) {
    let out = file(&plan.replace(',', "-"));
    save_pruned(model, &plan.parse().unwrap(), &out).unwrap();
    let (pruned, saved) = (report(model, plan), report(&out, ""));
    assert_eq!(saved.generation.dense.ids, pruned.generation.pruned.ids, "{plan}");
    let tops = (&pruned.next_token.top.pruned, &saved.next_token.top.dense);
    assert_eq!(tops.0.len(), tops.1.len());
    for (pruned, saved) in tops.0.iter().zip(tops.1) {
        assert_eq!(pruned.id, saved.id, "{plan}");
        assert!((pruned.pruned - saved.dense).abs() < 1e-6, "{plan}: {} and {}", pruned.pruned, saved.dense);
    }
    let bytes = std::fs::metadata(&out).unwrap().len();
    std::fs::remove_file(&out).unwrap();
    (bytes, saved.model.config.layers)
}

#[test]
fn a_saved_plan_computes_what_the_plan_does() {
    let whole = std::fs::metadata(tiny_model()).unwrap().len();
    for (plan, layers) in [("b1", 3), ("a2", 4), ("m0", 4), ("b0,b2,m3", 2), ("", 4)] {
        let (bytes, left) = holds(&tiny_model(), plan);
        assert_eq!(left, layers, "{plan}");
        assert_eq!(bytes < whole, layers < 4, "{plan}: {bytes} of {whole} bytes");
    }
}

#[test]
fn the_default_model_without_four_blocks_and_an_attention() {
    let (bytes, layers) = holds(&default_model(), "b13,b14,b17,b25,a7");
    assert_eq!(layers, 26);
    assert!(bytes < 92_000_000, "{bytes}");
}

#[test]
fn what_cannot_be_saved_is_said_and_leaves_no_file() {
    let out = file("refused");
    let refused = |plan: &str| save_pruned(&tiny_model(), &plan.parse::<PruningPlan>().unwrap(), &out).unwrap_err();
    assert!(matches!(refused("b1_wanda-0.5"), SaveModelError::Plan(SaveError::MoreThanDrops)));
    assert!(matches!(refused("a1_repair-scale"), SaveModelError::Plan(SaveError::MoreThanDrops)));
    assert!(matches!(refused("a9"), SaveModelError::Plan(SaveError::NoSuchLayer { layer: 9, last: 3 })));
    assert!(matches!(refused("b0,b1,b2,b3"), SaveModelError::Plan(SaveError::NothingLeft)));
    let folder = save_pruned(&std::env::temp_dir(), &PruningPlan::default(), &out).unwrap_err();
    assert!(matches!(folder, SaveModelError::Folder { .. }));
    let elsewhere = save_pruned(&tiny_model(), &PruningPlan::default(), Path::new("/nowhere/at/all.gguf")).unwrap_err();
    assert!(elsewhere.to_string().contains("/nowhere/at/all.gguf cannot be written"), "{elsewhere}");
    assert!(!out.exists() && !out.with_extension("unfinished").exists());
}
