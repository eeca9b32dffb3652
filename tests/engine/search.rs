//! Searches for the sublayers to drop: against an independent program, `tests/reference/search.py`, and how they stop and
//! go on.
//!
//! `make reference` computes the expected plans and numbers into `target/reference/`.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use futures::executor::block_on;
use prunescope_engine::compute::{Compute, Cpu};
use prunescope_engine::experiment::fit_size::FitSize;
use prunescope_engine::experiment::search::SearchTokens;
use prunescope_engine::experiment::{Control, ExperimentError};
use prunescope_engine::session::Session;
use prunescope_protocol::messages::{Measurement, RunEvent};
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::results::{FidelityReport, SearchMethod, SearchPoint};
use prunescope_protocol::settings::{MeasureSettings, RunSettings};
use serde::Deserialize;

use crate::common::Errors;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    search: String,
    budget: usize,
    judged: usize,
    held_out: usize,
    fit: usize,
    points: Vec<SearchPoint>,
}

/// Largest relative error of a divergence.
const TOLERANCE: f64 = 1e-3;

fn settings(search: &str, budget: usize) -> MeasureSettings {
    MeasureSettings { search: search.parse().unwrap(), budget, ..MeasureSettings::default() }
}

/// The events of a search, and how it ended.
fn search<C: Compute>(
    session: &mut Session<C>,
    measure: &MeasureSettings,
    control: &Control,
    each: &mut dyn FnMut(&RunEvent),
) -> (Vec<RunEvent>, Result<(), ExperimentError>) {
    let (mut events, run) = (vec![], RunSettings { chat: false, ..RunSettings::default() });
    let mut tell = |event: RunEvent| {
        each(&event);
        events.push(event);
    };
    let done = block_on(session.measure(&run, measure, Measurement::Search, control, &mut tell));
    (events, done)
}

fn points(events: &[RunEvent]) -> Vec<SearchPoint> {
    let point = |event: &RunEvent| match event {
        RunEvent::SearchPoint { point, .. } => Some((**point).clone()),
        _ => None,
    };
    events.iter().filter_map(point).collect()
}

fn found<C: Compute>(session: &mut Session<C>, measure: &MeasureSettings) -> Vec<SearchPoint> {
    let (events, done) = search(session, measure, &Control::unstoppable(), &mut |_| {});
    done.unwrap();
    points(&events)
}

fn check<C: Compute>(session: &mut Session<C>, name: &str) {
    let reference: Reference = serde_json::from_slice(&crate::common::reference(name, "json")).unwrap();
    let mut errors = Errors::new(name);
    assert!(reference.cases.iter().any(|case| !case.points.is_empty()), "{name} has no cases");
    for case in &reference.cases {
        session.search_on(SearchTokens { judged: case.judged, held_out: case.held_out });
        session.fit_repairs_on(FitSize { tokens: Some(case.fit), answers: None });
        let found = found(session, &settings(&case.search, case.budget));
        assert_eq!(found.len(), case.points.len(), "{name}, {}", case.search);
        for wanted in &case.points {
            let place = format!("{name}, {} by {}, {} dropped", case.search, wanted.method.name(), wanted.dropped);
            let of_method = |point: &&SearchPoint| (point.method, point.dropped) == (wanted.method, wanted.dropped);
            let point = found.iter().find(of_method).unwrap_or_else(|| panic!("{place} is missing"));
            let plan = |text: &str| text.parse::<PruningPlan>().unwrap();
            assert_eq!(plan(&point.plan), plan(&wanted.plan), "{place}");
            for (found, wanted) in [(point.kl, wanted.kl), (point.kl_repaired, wanted.kl_repaired)] {
                let error = f64::from((found - wanted).abs() / wanted.abs().max(1e-3));
                errors.check("KL of plans found", error, TOLERANCE, &format!("{place}: {found} for {wanted}"));
            }
        }
    }
}

fn check_model(path: &Path, name: &str) {
    check(&mut crate::common::session(path), name);
}

#[test]
fn the_tiny_model() {
    check_model(&crate::common::tiny_model(), "tiny-search");
}

#[test]
fn the_default_model() {
    check_model(&crate::common::default_model(), "smollm2-search");
}

fn tiny() -> Session<Cpu> {
    let mut session = crate::common::session(&crate::common::tiny_model());
    session.search_on(SearchTokens { judged: 24, held_out: 32 });
    session.fit_repairs_on(FitSize { tokens: Some(48), answers: None });
    session
}

/// Stopped again and again, wherever a checkpoint may stop it, a search finds the same plans and repeats no measurement.
#[test]
fn a_stopped_search_goes_on_where_it_was() {
    let measure = settings("all", 4);
    let (whole, done) = search(&mut tiny(), &measure, &Control::unstoppable(), &mut |_| {});
    done.unwrap();
    let work = |events: &[RunEvent]| events.iter().filter(|event| matches!(event, RunEvent::Working { .. })).count();
    let mut session = tiny();
    let (mut stops, mut most) = (0, 0);
    let last = loop {
        let newest = Rc::new(Cell::new(1));
        let control = Control::new(newest.clone(), 1, Rc::new(|| Box::pin(async {})));
        let mut heard = 0;
        let (events, done) = search(&mut session, &measure, &control, &mut |event| {
            heard += usize::from(matches!(event, RunEvent::Working { .. }));
            // A start, four candidates; what was found before is told without any work.
            if heard == 5 {
                newest.set(2);
            }
        });
        assert!(points(&whole).starts_with(&points(&events)), "after {stops} stops");
        assert!(points(&events).len() >= most, "a plan that was found is told again");
        most = points(&events).len();
        if done.is_ok() {
            break events;
        }
        assert_eq!(done, Err(ExperimentError::Stopped));
        stops += 1;
        assert!(stops < 100, "it goes on");
    };
    assert!(stops >= 4, "{stops}");
    assert_eq!(points(&last), points(&whole));
    let (again, done) = search(&mut session, &measure, &Control::unstoppable(), &mut |_| {});
    assert_eq!((done, work(&again), points(&again)), (Ok(()), 0, points(&whole)), "all is known");
}

/// What the search tells of a plan is what the fidelity of that plan says, and the searches for fewer or for one kind
/// agree with the first plans.
#[test]
fn a_plan_keeps_what_the_search_promised() {
    let mut session = crate::common::session(&crate::common::tiny_model());
    let three = found(&mut session, &settings("mlp", 3));
    assert_eq!(three.len(), 3 * 4, "one-shot, iterative, greedy, greedy repaired");
    let two = found(&mut session, &settings("mlp", 2));
    assert_eq!(two, three[..two.len()]);
    for point in three.iter().filter(|point| point.method == SearchMethod::Greedy) {
        let plan: PruningPlan = format!("{}_repair-scale", point.plan).parse().unwrap();
        assert!(plan.drop.dropped().all(|at| at.index() % 2 == 1) && plan.drop.dropped().count() == point.dropped);
        let run = RunSettings { plan, chat: false, ..RunSettings::default() };
        let mut report = FidelityReport::default();
        let mut tell = |event: RunEvent| {
            if let RunEvent::Fidelity { report: found } = event {
                report = *found;
            }
        };
        let measure = MeasureSettings::default();
        block_on(session.measure(&run, &measure, Measurement::Fidelity, &Control::unstoppable(), &mut tell)).unwrap();
        let repaired = report.repaired.expect("the repaired model's").kl_mean;
        for (found, wanted) in [(point.kl, report.pruned.kl_mean), (point.kl_repaired, repaired)] {
            assert!((found - wanted).abs() <= 1e-3 * wanted, "{}: {found} for {wanted}", point.plan);
        }
    }
}

/// Another calibration text judges candidates anew.
#[test]
fn another_calibration_text_is_another_search() {
    let mut session = tiny();
    let measure = settings("all", 1);
    let before = found(&mut session, &measure);
    session.calibrate("It is what it is, and it is not what it is not. ".repeat(12).as_str());
    let (events, done) = search(&mut session, &measure, &Control::unstoppable(), &mut |_| {});
    assert!(done.is_ok() && events.iter().any(|event| matches!(event, RunEvent::Working { .. })));
    assert_eq!(points(&events).len(), before.len());
    session.calibrate("");
    assert_eq!(found(&mut session, &measure), before);
}

/// On the machine's GPU; for a software one use `scripts/with-software-gpu.sh`.
#[cfg(feature = "gpu")]
mod on_a_gpu {
    use super::*;

    #[test]
    fn the_tiny_model() {
        check(&mut crate::common::gpu_session(&crate::common::tiny_model()), "tiny-search");
    }
}
