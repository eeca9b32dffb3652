//! Repair of dropped sublayers and of the head against an independent program, `tests/reference/repair.py`.
//!
//! `make reference` computes the expected numbers into `target/reference/`.

use std::path::Path;

use futures::executor::block_on;
use prunescope_engine::compute::Compute;
use prunescope_engine::experiment::Control;
use prunescope_engine::experiment::fit_size::FitSize;
use prunescope_engine::session::Session;
use prunescope_protocol::messages::{Measurement, RunEvent};
use prunescope_protocol::prune::HeadPart;
use prunescope_protocol::results::{Fidelity, FidelityReport, RepairReport};
use prunescope_protocol::settings::{MeasureSettings, RunSettings};
use serde::Deserialize;

use crate::common::Errors;

#[derive(Deserialize)]
struct Reference {
    ids: Vec<u32>,
    dense_loss: f32,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    plan: String,
    repair: String,
    #[serde(default)]
    head: String,
    tokens: usize,
    kl_pruned: f32,
    kl_repaired: f32,
    steps: Vec<Step>,
    pruned: Fidelity,
    repaired: Fidelity,
}

/// One part of the head's repair.
#[derive(Deserialize)]
struct Step {
    part: HeadPart,
    value: f32,
    kl_before: f32,
    kl_after: f32,
}

impl Case {
    /// The plan in text form.
    fn plan(&self) -> String {
        let mut plan = self.plan.clone();
        for (part, value) in [("repair", &self.repair), ("head", &self.head)] {
            if !value.is_empty() {
                plan += &format!("_{part}-{value}");
            }
        }
        plan
    }
}

/// Largest relative error of a divergence or a loss.
const TOLERANCE: f64 = 1e-3;
/// The same for the temperature and the length of the offset, which the reference finds by another search.
const HEAD_TOLERANCE: f64 = 5e-3;
/// The same for the low-rank form, whose leading eigenvectors are found by iteration.
const RANK_TOLERANCE: f64 = 2e-2;

/// What the engine finds for a plan: the fit's report, and the fidelity.
fn measure<C: Compute>(session: &mut Session<C>, case: &Case) -> (RepairReport, FidelityReport) {
    let plan = case.plan().parse().unwrap();
    let settings = RunSettings { plan, chat: false, ..RunSettings::default() };
    session.fit_repairs_on(FitSize { tokens: Some(case.tokens), answers: Some(0) });
    let control = Control::unstoppable();
    let mut found = None;
    let mut tell = |event: RunEvent| {
        if let RunEvent::Fidelity { report } = event {
            found = Some(*report);
        }
    };
    let measure = MeasureSettings::default();
    block_on(session.measure(&settings, &measure, Measurement::Fidelity, &control, &mut tell)).unwrap();
    let found = found.expect("a fidelity");
    (found.repair.clone().expect("a repair"), found)
}

fn check<C: Compute>(session: &mut Session<C>, name: &str) {
    let reference: Reference = serde_json::from_slice(&crate::common::reference(name, "json")).unwrap();
    assert!(reference.cases.len() >= 2);
    let mut errors = Errors::new(name);
    for case in &reference.cases {
        let place = format!("{name}, {} on {} tokens", case.plan(), case.tokens);
        let (report, fidelity) = measure(session, case);
        assert_eq!((report.fit_tokens, report.held_out_tokens), (case.tokens, case.tokens / 3), "{place}");
        assert_eq!(report.applied, case.kl_repaired < case.kl_pruned, "{place}");
        assert_eq!(fidelity.tokens, reference.ids.len(), "{place}");
        let (kind, tolerance) = if case.repair.starts_with("rank") {
            ("low rank", RANK_TOLERANCE)
        } else {
            ("bias, scale and full", TOLERANCE)
        };
        check_head(&mut errors, &report, case, &place);
        let repaired = if report.changes_the_model() { case.repaired } else { case.pruned };
        let pairs = [
            (report.kl_pruned, case.kl_pruned),
            (report.kl_repaired, case.kl_repaired),
            (fidelity.dense_loss, reference.dense_loss),
            (fidelity.pruned.kl_mean, case.pruned.kl_mean),
            (fidelity.pruned.kl_median, case.pruned.kl_median),
            (fidelity.pruned.same_top, case.pruned.same_top),
            (fidelity.pruned.loss, case.pruned.loss),
        ];
        let found = fidelity.repaired.expect("the repaired model's");
        let of_repair =
            [(found.kl_mean, repaired.kl_mean), (found.kl_median, repaired.kl_median), (found.loss, repaired.loss)];
        for (found, wanted) in pairs.into_iter().chain(of_repair) {
            let error = f64::from((found - wanted).abs()) / f64::from(wanted.abs()).max(1e-3);
            errors.check(kind, error, tolerance, &format!("{place}: {found} for {wanted}"));
        }
        // A near tie of the two likeliest tokens may go either way.
        let ties = f64::from((found.same_top - repaired.same_top).abs()) * reference.ids.len() as f64;
        errors.check("positions with another likeliest token", ties, 2.01, &place);
    }
}

/// The parts of the head's repair; what does not lower the divergence is not applied.
fn check_head(errors: &mut Errors, report: &RepairReport, case: &Case, place: &str) {
    assert_eq!(report.head.len(), case.steps.len(), "{place}");
    for (found, wanted) in report.head.iter().zip(&case.steps) {
        assert_eq!((found.part, found.applied), (wanted.part, wanted.kl_after < wanted.kl_before), "{place}");
        let pairs = [
            ("the head's values", found.value, wanted.value, HEAD_TOLERANCE),
            ("the head's divergences", found.kl_before, wanted.kl_before, TOLERANCE),
            ("the head's divergences", found.kl_after, wanted.kl_after, TOLERANCE),
        ];
        for (kind, found, wanted, tolerance) in pairs {
            let error = f64::from((found - wanted).abs()) / f64::from(wanted.abs()).max(1e-3);
            errors.check(kind, error, tolerance, &format!("{place}: {found} for {wanted}"));
        }
    }
    assert!(report.kl() <= report.kl_pruned, "{place}");
}

fn check_model(path: &Path, name: &str) {
    check(&mut crate::common::session(path), name);
}

#[test]
fn the_tiny_model() {
    check_model(&crate::common::tiny_model(), "tiny-repair");
}

#[test]
fn the_default_model() {
    check_model(&crate::common::default_model(), "smollm2-repair");
}

/// On the machine's GPU; for a software one use `scripts/with-software-gpu.sh`.
#[cfg(feature = "gpu")]
mod on_a_gpu {
    use super::*;

    #[test]
    fn the_tiny_model() {
        check(&mut crate::common::gpu_session(&crate::common::tiny_model()), "tiny-repair");
    }
}
