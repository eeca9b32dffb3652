//! The session on the tiny model: its events and their order, what it caches between runs, and how runs end.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;

use futures::executor::block_on;
use prunescope_engine::compute::Cpu;
use prunescope_engine::experiment::{Control, ExperimentError};
use prunescope_engine::model::ModelLoader;
use prunescope_engine::model::file::load;
use prunescope_engine::model::loader::Limits;
use prunescope_formats::LoadError;
use prunescope_protocol::messages::{Measurement, RunEvent};
use prunescope_protocol::model::repository::Repository;
use prunescope_protocol::results::RunReport;
use prunescope_protocol::settings::{MeasureSettings, RunSettings};

fn settings(drop: &str) -> RunSettings {
    RunSettings { plan: drop.parse().unwrap(), tokens: 8, ..RunSettings::default() }
}

fn run(session: &mut prunescope_engine::session::Session<Cpu>, settings: &RunSettings) -> (RunReport, Vec<RunEvent>) {
    let mut events = vec![];
    let report = block_on(session.run(settings, &Control::unstoppable(), &mut |event| events.push(event))).unwrap();
    (report, events)
}

#[test]
fn a_dense_plan_changes_nothing() {
    let mut session = crate::common::session(&crate::common::tiny_model());
    let (report, _) = run(&mut session, &settings(""));
    assert_eq!(report.generation.dense, report.generation.pruned);
    assert_eq!(report.generation.first_divergence, None);
    for step in &report.generation.steps {
        let metrics = step.compared.as_ref().unwrap().metrics;
        assert!(metrics.kl_dense_pruned.abs() < 1e-6 && (metrics.cos_p - 1.0).abs() < 1e-6);
    }
    assert!(report.generation.fixed_trajectory.iter().all(|metrics| metrics.kl_dense_pruned.abs() < 1e-5));
}

#[test]
fn until_the_texts_part_both_measurements_agree() {
    let mut session = crate::common::session(&crate::common::tiny_model());
    let (report, _) = run(&mut session, &settings("a3"));
    let same = report.generation.first_divergence.unwrap_or(8);
    let own = &report.generation.steps;
    for (own, fixed) in own.iter().zip(&report.generation.fixed_trajectory).take(same + 1) {
        let own = own.compared.as_ref().unwrap().metrics;
        assert!((own.kl_dense_pruned - fixed.kl_dense_pruned).abs() < 1e-4 * (1.0 + own.kl_dense_pruned));
        assert!((own.cos_h - fixed.cos_h).abs() < 1e-4);
    }
}

#[test]
fn a_second_plan_finds_what_a_fresh_session_finds() {
    let mut used = crate::common::session(&crate::common::tiny_model());
    run(&mut used, &settings("a1"));
    run(&mut used, &settings("b0"));
    let (again, _) = run(&mut used, &settings("m2,a3"));
    let (fresh, _) = run(&mut crate::common::session(&crate::common::tiny_model()), &settings("m2,a3"));
    assert_eq!(again.next_token, fresh.next_token);
    assert_eq!(again.generation, fresh.generation);
    assert_eq!(again.layers, fresh.layers);
}

/// Parts that were cached are not among the times.
#[test]
fn times_name_what_was_computed() {
    let mut session = crate::common::session(&crate::common::tiny_model());
    let mut parts = |settings: &RunSettings| {
        let report = run(&mut session, settings).0;
        report.timings_ms.into_keys().collect::<Vec<_>>()
    };
    let all = ["dense_prompt", "generation", "importance", "layers", "toggle_to_next_token"];
    assert_eq!(parts(&settings("m1")), all);
    assert_eq!(parts(&settings("m1")), [""; 0]);
    assert_eq!(parts(&settings("m2")), ["generation", "toggle_to_next_token"]);
    assert_eq!(parts(&RunSettings { analysis: 2.0, ..settings("m2") }), ["layers"]);
    assert_eq!(parts(&settings("wanda-0.5")), ["edited_layers", "generation", "layers", "toggle_to_next_token"]);
    assert_eq!(parts(&RunSettings { prompt: "Another".into(), ..settings("") })[..2], ["dense_prompt", "generation"]);
}

/// Switching a repair off and on computes nothing again: both models' texts and the fit are kept.
#[test]
fn a_repair_that_is_switched_off_and_on_is_known() {
    let mut session = crate::common::session(&crate::common::tiny_model());
    let mut parts = |plan: &str| {
        let report = run(&mut session, &settings(plan)).0;
        (report.timings_ms.into_keys().collect::<Vec<_>>(), report.next_token, report.repaired)
    };
    let (_, pruned, repaired) = parts("m1_repair-scale");
    assert!(repaired.is_some());
    assert_eq!(parts("m1"), (vec![], pruned.clone(), None));
    assert_eq!(parts("m1_repair-scale"), (vec![], pruned.clone(), repaired.clone()));
    // Another form is fitted anew, and the first one's fit is still known.
    assert_eq!(parts("m1_repair-bias").0, ["repair", "repaired_generation"]);
    let (again, ..) = parts("m1_repair-scale");
    assert_eq!(again, ["repair", "repaired_generation"], "one repaired text is kept");
}

#[test]
fn events_come_in_order_under_the_names_that_scripts_know() {
    let mut session = crate::common::session(&crate::common::tiny_model());
    let (_, events) = run(&mut session, &settings("a1"));
    let names: Vec<String> = events
        .iter()
        .map(|event| {
            let json = serde_json::to_value(event).unwrap();
            assert_eq!(json["type"], event.name(), "scripts know it by the name that it is written with");
            event.name().to_string()
        })
        .collect();
    assert_eq!(names[..2], ["next_token", "weights"]);
    assert_eq!(names.iter().filter(|name| *name == "step").count(), 8);
    assert_eq!(names.last().unwrap(), "done");
    for event in &events {
        let text = serde_json::to_string(event).unwrap();
        assert_eq!(serde_json::from_str::<RunEvent>(&text).unwrap(), *event, "the protocol reads what it writes");
    }
}

#[test]
fn sampling_repeats_with_its_seed() {
    let mut session = crate::common::session(&crate::common::tiny_model());
    let sampled = |seed| RunSettings { temp: 1.5, top_k: 40, top_p: 0.95, seed, ..settings("m1") };
    let (first, _) = run(&mut session, &sampled(7));
    let (other, _) = run(&mut session, &sampled(8));
    let (again, _) = run(&mut session, &sampled(7));
    assert_eq!(first.generation, again.generation);
    assert_ne!(first.generation.dense.ids, other.generation.dense.ids);
}

#[test]
fn a_stopped_run_ends_and_the_next_is_whole() {
    let mut session = crate::common::session(&crate::common::tiny_model());
    let newest = Rc::new(Cell::new(1));
    let control = Control::new(newest.clone(), 1, Rc::new(|| Box::pin(async {})));
    let mut steps = 0;
    let stopped = block_on(session.run(&settings("a1"), &control, &mut |event| {
        if matches!(event, RunEvent::Step { .. }) {
            steps += 1;
            if steps == 3 {
                newest.set(2);
            }
        }
    }));
    assert_eq!(stopped, Err(ExperimentError::Stopped));
    assert_eq!(steps, 3, "nothing is told after the stop");
    let (again, _) = run(&mut session, &settings("a1"));
    let (fresh, _) = run(&mut crate::common::session(&crate::common::tiny_model()), &settings("a1"));
    assert_eq!(again.generation, fresh.generation);
}

#[test]
fn prompts_that_cannot_be_used_are_refused_in_words() {
    let mut session = crate::common::session(&crate::common::tiny_model());
    let refused = |session: &mut prunescope_engine::session::Session<Cpu>, settings: RunSettings| {
        block_on(session.run(&settings, &Control::unstoppable(), &mut |_| {})).unwrap_err().to_string()
    };
    let long = RunSettings { prompt: "a b c ".repeat(200), chat: false, ..settings("") };
    assert!(refused(&mut session, long).contains("shorten the prompt"));
    let empty = RunSettings { prompt: String::new(), chat: false, ..settings("") };
    assert!(refused(&mut session, empty).contains("empty"));
    assert!(refused(&mut session, settings("a4")).contains("layers 0 to 3"));
}

#[test]
fn a_second_model_takes_the_place_of_the_pruned_one() {
    let open = || load(&crate::common::tiny_model(), Cpu).unwrap();
    let mut twice = crate::common::session(&crate::common::tiny_model());
    twice.compare_with(open(), "the same").unwrap();
    let (same, _) = run(&mut twice, &settings(""));
    assert_eq!(same.generation.dense, same.generation.pruned);
    assert!(same.generation.fixed_trajectory.iter().all(|metrics| metrics.kl_dense_pruned.abs() < 1e-5));
    assert_eq!(same.edited_layers.len(), 8, "every sublayer is another model's");
    assert!(same.edited_layers.iter().all(|layer| layer.with_final_norm.kl_dense_pruned.abs() < 1e-5));
    assert_eq!(same.model.other.unwrap().source, "the same");

    // A plan applies to the second model; where both models are the same it does the same as on the first.
    let (planned, _) = run(&mut twice, &settings("m1"));
    let (alone, _) = run(&mut crate::common::session(&crate::common::tiny_model()), &settings("m1"));
    assert_eq!(planned.next_token, alone.next_token);
    assert_eq!(planned.generation.pruned, alone.generation.pruned);

    // The same weights rounded to 8 bits: close, but not the same.
    let bytes = fs::read(crate::common::tiny_model()).unwrap();
    let mut loader = ModelLoader::new(1, Cpu).quantize_floats_to_q8(true);
    loader.begin_file("", bytes.len() as u64).unwrap();
    loader.push(&bytes).unwrap();
    let mut session = crate::common::session(&crate::common::tiny_model());
    session.compare_with(loader.finish().unwrap(), "rounded").unwrap();
    let (rounded, _) = run(&mut session, &settings(""));
    let kl = rounded.next_token.metrics.kl_dense_pruned;
    assert!((1e-7..0.05).contains(&kl), "{kl}");
    assert!(rounded.model.other.unwrap().stored_as.ends_with("floats rounded to 8 bits"));

    // Task sets keep both models' answers apart.
    let mut events = vec![];
    let measure = MeasureSettings { sample: 4, ..MeasureSettings::default() };
    let told = &mut |event| events.push(event);
    block_on(session.measure(&settings(""), &measure, Measurement::Judge, &Control::unstoppable(), told)).unwrap();
    assert!(events.iter().any(|event| matches!(event, RunEvent::Judged { .. })));
}

#[test]
fn only_versions_of_one_model_are_compared() {
    let other = crate::common::root().join("tests/fixtures/families/llama/model.gguf");
    let mut session = crate::common::session(&crate::common::tiny_model());
    let other = load(&other, Cpu).unwrap();
    let message = session.compare_with(other, "x").unwrap_err().to_string();
    assert!(message.contains("2 layers of width 32") && message.contains("has 4, 64"), "{message}");
}

#[test]
fn a_model_beyond_the_limits_is_refused_with_numbers() {
    let bytes = fs::read(crate::common::root().join("tests/fixtures/families/llama/model.safetensors")).unwrap();
    let folder = crate::common::root().join("tests/fixtures/families/llama");
    let try_with = |limits: Limits, rounds: bool| {
        let mut repository = Repository { name: "llama".into(), ..Repository::default() };
        for name in ["config.json", "tokenizer.json"] {
            repository.set(name, fs::read_to_string(folder.join(name)).unwrap());
        }
        let mut loader = ModelLoader::new(1, Cpu).within(limits).quantize_floats_to_q8(rounds);
        loader.describe(repository)?;
        loader.begin_file("", bytes.len() as u64)?;
        loader.push(&bytes)?;
        loader.finish()
    };
    let small = Limits { total: 60_000, ..Limits::default() };
    match try_with(small, false).unwrap_err() {
        LoadError::TooBig { needs, limit: 60_000, rounded: Some(rounded) } => {
            assert!(needs > 60_000 && rounded < 60_000)
        }
        other => panic!("{other}"),
    }
    assert!(try_with(small, true).is_ok());
    assert!(matches!(try_with(Limits { total: 1000, ..small }, false), Err(LoadError::TooBig { rounded: None, .. })));
}
