//! Measurements outside the main run, on the tiny model: their events, what they reuse, how they resume.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use futures::executor::block_on;
use prunescope_engine::compute::{Compute, Cpu};
use prunescope_engine::experiment::fit_size::FitSize;
use prunescope_engine::experiment::{Control, ExperimentError};
use prunescope_engine::model::LoadedModel;
use prunescope_engine::model::file::load;
use prunescope_engine::session::Session;
use prunescope_engine::shard::Shard;
use prunescope_protocol::messages::{Measurement, RunEvent};
use prunescope_protocol::model::{Matrix, Sublayer};
use prunescope_protocol::prune::HeadPart;
use prunescope_protocol::prune::own_answers::QUESTIONS;
use prunescope_protocol::results::{
    Estimate, Judgement, Purpose, RunReport, SweepLine, SweepPoint, TextDistance, TextFidelity,
};
use prunescope_protocol::settings::{MeasureSettings, RunSettings, Settings, SweepAxis, Variant};
use prunescope_protocol::tasks::{GenerativeSet, KindText, Question, RetrievalSet};

fn settings(plan: &str) -> Settings {
    Settings {
        run: RunSettings { plan: plan.parse().unwrap(), tokens: 6, ..RunSettings::default() },
        measure: MeasureSettings { sample: 3, ..MeasureSettings::default() },
        ..Settings::default()
    }
}

/// A sweep of the dense model.
fn sweep(sweep: SweepAxis, sample: usize) -> Settings {
    let mut settings = settings("");
    settings.measure = MeasureSettings { sweep, sample, ..MeasureSettings::default() };
    settings
}

fn run(session: &mut Session<Cpu>, settings: &Settings) -> (RunReport, Vec<RunEvent>) {
    let mut events = vec![];
    let report =
        block_on(session.run(&settings.run, &Control::unstoppable(), &mut |event| events.push(event))).unwrap();
    (report, events)
}

fn measure(session: &mut Session<Cpu>, settings: &Settings, what: Measurement) -> Vec<RunEvent> {
    let mut events = vec![];
    block_on(
        session
            .measure(&settings.run, &settings.measure, what, &Control::unstoppable(), &mut |event| events.push(event)),
    )
    .unwrap();
    assert_eq!(events.last(), Some(&RunEvent::Measured { what }));
    for event in &events {
        let text = serde_json::to_string(event).unwrap();
        assert_eq!(serde_json::from_str::<RunEvent>(&text).unwrap(), *event, "the protocol reads what it writes");
    }
    events
}

fn session() -> Session<Cpu> {
    crate::common::session(&crate::common::tiny_model())
}

/// The comparison by kind, as it is at the end.
fn text_fidelity(session: &mut Session<Cpu>, settings: &Settings) -> TextFidelity {
    let events = measure(session, settings, Measurement::TextFidelity);
    let reports: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event {
            RunEvent::TextFidelity { report } => Some(*report),
            _ => None,
        })
        .collect();
    assert!(reports.iter().map(|report| report.done).eq(1..=reports.len()), "one report for each window");
    let last = reports.last().unwrap().clone();
    assert_eq!(last.done, last.total);
    last
}

#[test]
fn the_dense_plan_is_at_no_distance_on_any_kind_of_text() {
    let mut session = session();
    let text = |kind: &str, words: &str| KindText::new(kind, &words.repeat(40));
    session.use_texts(vec![text("one", "The river runs past the mill. "), text("two", "1 + 2 = 3; ")]);
    let found = text_fidelity(&mut session, &settings(""));
    assert_eq!(found.kinds.iter().map(|kind| kind.kind.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(found.all.tokens, found.kinds.iter().map(|kind| kind.tokens).sum::<usize>());
    for kind in found.kinds.iter().chain([&found.all]) {
        let TextDistance { kl_mean, kl_max, same_top, delta_p_rms, perplexity_ratio, .. } = kind.pruned;
        let none = Estimate::default();
        assert_eq!((kl_mean, kl_max, delta_p_rms), (none, 0.0, none), "{}", kind.kind);
        assert_eq!((same_top.value, perplexity_ratio.value), (1.0, 1.0), "{}", kind.kind);
        assert_eq!(kind.pruned.perplexity, kind.dense_perplexity, "{}", kind.kind);
    }
    let pruned = text_fidelity(&mut session, &settings("m2_repair-bias"));
    assert!(pruned.all.pruned.kl_mean.value > 0.0 && pruned.all.repaired.is_some() && pruned.repair.is_some());
    assert!(pruned.memory.plan_bytes < found.memory.plan_bytes);
}

/// The only position that a text of four tokens scores is the one behind its third.
#[test]
fn a_scored_position_is_that_of_a_run_on_the_text_before_it() {
    let mut session = session();
    let of = |plan: &str, prompt: &str| {
        let mut settings = settings(plan);
        settings.run = RunSettings { prompt: prompt.into(), chat: false, tokens: 1, ..settings.run };
        settings
    };
    let words = ["The", " river", " runs", " past", " the", " mill", ".", " It", "a", "b", "1", "2"];
    let mut compared = 0;
    for parts in words.windows(4) {
        let (three, four) = (parts[..3].concat(), parts.concat());
        let (short, _) = run(&mut session, &of("m2", &three));
        let (long, _) = run(&mut session, &of("m2", &four));
        if short.prompt_ids.len() != 3 || long.prompt_ids.len() != 4 || long.prompt_ids[..3] != short.prompt_ids {
            continue;
        }
        session.use_texts(vec![KindText::new("text", &four)]);
        let found = text_fidelity(&mut session, &of("m2", &four)).all;
        let expected = short.next_token.metrics.kl_dense_pruned;
        assert_eq!(found.tokens, 1);
        assert!((found.pruned.kl_mean.value - expected).abs() < 1e-4 * expected, "{found:?} {expected}");
        compared += 1;
    }
    assert!(compared > 0, "some of these texts are of four tokens");
}

#[test]
fn weights_are_edited_where_the_plan_says_and_shared_elsewhere() {
    let mut session = session();
    let (report, events) = run(&mut session, &settings("wanda-0.5_on-mlp_layers-1-2"));
    let places: Vec<_> = report.weights.matrices.iter().map(|report| (report.layer, report.matrix)).collect();
    let expected = [1, 2].map(|layer| [Matrix::Gate, Matrix::Up, Matrix::Down].map(|matrix| (layer, matrix))).concat();
    assert_eq!(places, expected);
    assert!(report.weights.matrices.iter().all(|matrix| (matrix.sparsity - 0.5).abs() < 0.01 && matrix.change > 0.1));
    assert!(report.weights.calibration_tokens >= 2000);
    assert_eq!(report.edited_layers.len(), 2);
    assert!(events.iter().any(|event| matches!(event, RunEvent::Working { what, .. } if what.contains("calibration"))));
    let footprint = report.weights.footprint;
    assert!(footprint.plan_bytes < footprint.dense_bytes);
    // Another ratio reuses the calibration on the same text.
    let (_, events) = run(&mut session, &settings("wanda-0.6_on-mlp_layers-1-2"));
    let reads = |event: &RunEvent| matches!(event, RunEvent::Working { what, .. } if what.contains("calibration"));
    assert!(!events.iter().any(reads));
    // Another text has to be read.
    session.calibrate("A short text of the visitor's own, which is enough to try this with.");
    let (report, events) = run(&mut session, &settings("wanda-0.6_on-mlp_layers-1-2"));
    assert!(events.iter().any(reads));
    assert!(report.weights.calibration_tokens < 200);
}

#[test]
fn an_edit_in_the_last_sublayer_is_the_same_alone_and_in_the_whole_model() {
    for plan in ["wanda-0.5_on-mlp_layers-3-3", "rtn2-g32_on-mlp_layers-3-3", "sparsegpt-2:4_on-mlp_layers-3-3"] {
        let (report, _) = run(&mut session(), &settings(plan));
        let alone = report.edited_layers.last().unwrap().with_final_norm;
        let whole = report.next_token.metrics;
        assert!(whole.kl_dense_pruned > 1e-4, "{plan} changes something");
        for ((name, alone), whole) in
            prunescope_protocol::results::Metrics::NAMES.iter().zip(alone.values()).zip(whole.values())
        {
            assert!(
                (alone - whole).abs() <= 2e-3 * whole.abs() + 1e-5,
                "{plan}: {name} is {alone} alone, {whole} in the model"
            );
        }
    }
}

#[test]
fn dropping_and_editing_combine_and_dropping_alone_keeps_the_edit() {
    let mut session = session();
    run(&mut session, &settings("magnitude-0.4"));
    let (both, events) = run(&mut session, &settings("a1_magnitude-0.4"));
    assert!(!events.iter().any(|event| matches!(event, RunEvent::Working { .. })), "the weights were known");
    let (fresh, _) = run(&mut crate::common::session(&crate::common::tiny_model()), &settings("a1_magnitude-0.4"));
    assert_eq!(both.generation, fresh.generation);
    assert_eq!(both.next_token, fresh.next_token);
    let (undone, _) = run(&mut session, &settings(""));
    assert_eq!(undone.generation.dense, undone.generation.pruned, "the dense weights are untouched");
}

#[test]
fn a_model_without_any_sublayer_repeats_what_the_embedding_says() {
    let all = settings("b0,b1,b2,b3");
    let (report, _) = run(&mut session(), &all);
    // No attention is left, so the output depends on the prompt's last token alone.
    let mut other = all;
    other.run.prompt = "Quite another question?".into();
    let (again, _) = run(&mut session(), &other);
    assert_ne!(report.prompt_ids, again.prompt_ids);
    assert_eq!(report.generation.pruned, again.generation.pruned);
}

#[test]
fn another_temperature_of_the_analysis_gives_what_a_fresh_session_gives() {
    let mut used = session();
    run(&mut used, &settings("m2"));
    for analysis in [0.5, 2.0] {
        let mut settings = settings("m2");
        settings.run.analysis = analysis;
        let (again, _) = run(&mut used, &settings);
        let (fresh, _) = run(&mut session(), &settings);
        assert_eq!(again.next_token, fresh.next_token);
        assert_eq!(again.generation, fresh.generation);
        assert_eq!(again.layers, fresh.layers);
        assert_eq!(again.damage, fresh.damage);
    }
}

#[test]
fn the_tokens_that_do_the_damage_make_up_the_variances() {
    let (report, _) = run(&mut session(), &settings("m1,m2"));
    let next = report.next_token.metrics;
    let mut last = f32::INFINITY;
    for token in &report.damage {
        let size = token.share_p.max(token.share_r);
        assert!(size <= last && (0.0..=1.0).contains(&size));
        last = size;
        assert!(token.p <= 1.0 && token.r <= 1.0);
    }
    // One token's p (Δz − mean)², divided by its share, is the whole variance.
    let first = &report.damage[0];
    let variance = first.p * first.delta_z * first.delta_z / first.share_p;
    assert!((variance - next.variance_p).abs() < 2e-3 * next.variance_p, "{variance} {}", next.variance_p);
}

#[test]
fn quality_is_the_dense_models_surprise() {
    let (report, _) = run(&mut session(), &settings("b1"));
    let quality = &report.generation.quality;
    assert_eq!(quality.dense.dense_losses.len(), report.generation.dense.ids.len());
    assert_eq!(quality.pruned.dense_losses.len(), report.generation.pruned.ids.len());
    // Greedy text: each dense token is the most likely one, so its loss is −log of its own probability.
    for (step, loss) in report.generation.steps.iter().zip(&quality.dense.dense_losses) {
        let p = step.compared.as_ref().unwrap().top.dense[0].dense;
        assert!((loss + p.ln()).abs() < 1e-3, "{loss} {p}");
    }
    let dense = run(&mut session(), &settings("")).0.generation.quality;
    assert_eq!(dense.dense, dense.pruned);
}

#[test]
fn variants_are_what_their_plans_give_alone() {
    let variant = |name: &str, plan: &str| Variant { name: name.into(), plan: plan.parse().unwrap() };
    let mut settings = settings("m1");
    settings.measure.compare = vec![variant("drop", "a1,m2"), variant("4 bit", "rtn4-g32"), variant("same", "")];
    let mut session = session();
    run(&mut session, &settings);
    let results: Vec<_> = measure(&mut session, &settings, Measurement::Compare)
        .into_iter()
        .filter_map(|event| match event {
            RunEvent::Variant { result, .. } => Some(*result),
            _ => None,
        })
        .collect();
    assert_eq!(results.iter().map(|result| result.name.as_str()).collect::<Vec<_>>(), ["drop", "4 bit", "same"]);
    let (alone, _) = run(&mut crate::common::session(&crate::common::tiny_model()), &self::settings("a1,m2"));
    assert_eq!(results[0].generation, alone.generation);
    assert_eq!(results[2].generation.dense, results[2].generation.pruned);
    // The same plans again: nothing is computed, and the new name is used.
    let mut renamed = settings;
    renamed.measure.compare = vec![variant("other name", "a1,m2")];
    let events = measure(&mut session, &renamed, Measurement::Compare);
    assert_eq!(events.len(), 2);
    assert!(matches!(&events[0], RunEvent::Variant { result, .. } if result.name == "other name"));
}

fn questions() -> Vec<Question> {
    let question = |text: &str, answer| Question {
        question: text.into(),
        choices: vec!["the river".into(), "a fox".into(), "France".into()],
        answer,
        topic: String::new(),
    };
    vec![question("What is it?", 0), question("Who swims?", 1)]
}

#[test]
fn questions_are_answered_by_both_models_and_once() {
    let mut session = session();
    session.use_questions(questions());
    let results = |events: Vec<RunEvent>| {
        let results = events.into_iter().filter_map(|event| match event {
            RunEvent::Choice { result } => Some(*result),
            _ => None,
        });
        results.collect::<Vec<_>>()
    };
    let found = results(measure(&mut session, &settings("m1,m2"), Measurement::Choice));
    assert_eq!(found.len(), 2);
    for result in &found {
        assert_eq!((result.dense.letters.len(), result.pruned.cloze.len()), (3, 3));
        assert!((result.dense.letters.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(result.dense.cloze.iter().all(|score| *score < 0.0));
        assert!(result.categorical.kl_dense_pruned >= 0.0 && result.global.kl_dense_pruned > 0.0);
    }
    let same = results(measure(&mut session, &settings(""), Measurement::Choice));
    assert!(same.iter().all(|result| result.dense == result.pruned && result.global.kl_dense_pruned < 1e-9));
    let again = results(measure(&mut session, &settings("m1,m2"), Measurement::Choice));
    assert_eq!(again, found);
    let mut hot = settings("m1,m2");
    hot.run.analysis = 3.0;
    let hot = results(measure(&mut session, &hot, Measurement::Choice));
    assert!(hot[0].global.kl_dense_pruned < found[0].global.kl_dense_pruned, "a higher temperature blurs");
    assert_eq!(hot[0].dense.letters, found[0].dense.letters);
}

#[test]
fn retrieval_compares_ranks() {
    let mut session = session();
    let passages = ["The river rises in the hills", "a fox who learns to swim", "the capital of France"];
    session.use_retrieval_set(RetrievalSet {
        passages: passages.map(String::from).to_vec(),
        queries: vec![(passages[1].into(), 1), ("the capital of France".into(), 2)],
    });
    let report = |session: &mut Session<Cpu>, plan: &str| {
        let events = measure(session, &settings(plan), Measurement::Retrieval);
        events.into_iter().find_map(|event| match event {
            RunEvent::Retrieval { report } => Some(*report),
            _ => None,
        })
    };
    let dense = report(&mut session, "").unwrap();
    for pooling in &dense.poolings {
        assert_eq!(pooling.dense.ranks, [1, 1], "a query that is its passage is nearest to it");
        assert_eq!((pooling.kendall_tau, pooling.dense.clone()), (1.0, pooling.pruned.clone()));
    }
    let pruned = report(&mut session, "b0,b1,b2").unwrap();
    assert!(pruned.poolings.iter().all(|pooling| pooling.cosine < 0.999));
}

/// The points of a sweep with how many were done, of how many.
fn points(events: &[RunEvent]) -> Vec<(SweepPoint, usize, usize)> {
    let points = events.iter().filter_map(|event| match event {
        RunEvent::SweepPoint { point, done, total, .. } => Some(((**point).clone(), *done, *total)),
        _ => None,
    });
    points.collect()
}

#[test]
fn a_sweep_begins_with_a_few_items_at_all_points() {
    let settings = sweep(SweepAxis::Layers, 5);
    let mut session = session();
    let all = points(&measure(&mut session, &settings, Measurement::Sweep));
    // Dropping 0 to 4 of attention, MLP and blocks; the repaired ones only afterwards.
    let (early, whole) = all.split_at(15);
    assert!(early.iter().all(|(point, done, total)| point.choice.of == 1 && (*done, *total) == (0, 25)), "{early:?}");
    assert!(whole.iter().zip(1..).all(|((point, done, _), place)| point.choice.of == 5 && *done == place), "{whole:?}");
    let again = points(&measure(&mut session, &settings, Measurement::Sweep));
    assert_eq!(again, whole, "what is known needs no early picture");
    session.use_shard(Shard::default());
    assert_eq!(points(&measure(&mut session, &settings, Measurement::Sweep)), whole, "nor has a part of a sweep");
}

#[test]
fn a_stopped_sweep_goes_on_where_it_was() {
    let settings = sweep(SweepAxis::Layers, 2);
    let mut session = session();
    let newest = Rc::new(Cell::new(1));
    let control = Control::new(newest.clone(), 1, Rc::new(|| Box::pin(async {})));
    let mut events = vec![];
    let stopped =
        block_on(session.measure(&settings.run, &settings.measure, Measurement::Sweep, &control, &mut |event| {
            if matches!(event, RunEvent::SweepPoint { done: 7, .. }) {
                newest.set(2);
            }
            events.push(event);
        }));
    assert_eq!(stopped, Err(ExperimentError::Stopped));
    let first = points(&events);
    assert_eq!(first.len(), 7);
    let events = measure(&mut session, &settings, Measurement::Sweep);
    let all = points(&events);
    // Dropping 0 to 4 of attention, MLP and blocks in four layers; the first two also repaired.
    assert_eq!(all.len(), 25);
    assert_eq!(all[..7], first[..]);
    assert_eq!(all.last().map(|(_, done, total)| (*done, *total)), Some((25, 25)));
    let place = |event: &RunEvent| matches!(event, RunEvent::SweepPoint { done: 8, .. });
    let eighth = events.iter().position(place).unwrap();
    let work = events[..eighth].iter().filter(|event| matches!(event, RunEvent::Working { .. })).count();
    assert!(
        work > 0 && events[..7].iter().all(|event| !matches!(event, RunEvent::Working { .. })),
        "what is known is told at once"
    );
    let dense: Vec<_> = all.iter().filter(|(point, ..)| point.x == 0).map(|(point, ..)| point.choice).collect();
    assert!(dense.len() == 5 && dense.windows(2).all(|pair| pair[0] == pair[1]), "all lines begin at the dense model");
    assert!(all.iter().all(|(point, ..)| point.choice.of == 2 && point.recall_1.of == 2 && point.generation.of == 2));
}

#[test]
fn every_axis_has_all_its_points_in_a_fresh_session() {
    let steps = |line: SweepLine| match line {
        SweepLine::Magnitude | SweepLine::Wanda => vec![0, 10, 20, 30, 40, 50, 60, 70, 80],
        SweepLine::RoundToNearest | SweepLine::ActivationAware | SweepLine::Gptq => vec![16, 8, 4, 3, 2],
        _ => vec![0, 1, 2, 3, 4],
    };
    for (sweep, lines) in [
        (
            SweepAxis::Layers,
            vec![
                SweepLine::Attention,
                SweepLine::Mlp,
                SweepLine::Block,
                SweepLine::RepairedAttention,
                SweepLine::RepairedMlp,
            ],
        ),
        (SweepAxis::Sparsity, vec![SweepLine::Magnitude, SweepLine::Wanda]),
        (SweepAxis::Bits, vec![SweepLine::RoundToNearest, SweepLine::ActivationAware, SweepLine::Gptq]),
    ] {
        let events = measure(&mut session(), &self::sweep(sweep, 1), Measurement::Sweep);
        for line in lines {
            let found: Vec<usize> = events
                .iter()
                .filter_map(|event| match event {
                    RunEvent::SweepPoint { point, .. } if point.line == line => Some(point.x),
                    _ => None,
                })
                .collect();
            assert_eq!(found, steps(line), "{line:?}");
        }
    }
}

fn judgement(events: &[RunEvent]) -> Judgement {
    let judged = events.iter().find_map(|event| match event {
        RunEvent::Judged { judgement } => Some((**judgement).clone()),
        _ => None,
    });
    judged.expect("a judgement")
}

#[test]
fn a_judgement_says_what_it_rests_on() {
    let events = measure(&mut session(), &settings("m1"), Measurement::Judge);
    let judged = judgement(&events);
    assert_eq!(judged.advice.iter().map(|one| one.purpose).collect::<Vec<_>>(), Purpose::ALL);
    assert!(judged.advice.iter().all(|one| one.because.contains("of 3") && one.counts.pruned.of == 3), "{judged:?}");
    assert!(judged.next.iter().any(|step| step.contains("at least 20 items")), "{:?}", judged.next);
    for set in GenerativeSet::ALL {
        let of_set = |event: &&RunEvent| matches!(event, RunEvent::Written { result } if result.set == set);
        assert_eq!(events.iter().filter(of_set).count(), 3, "{set:?}");
    }
    // The file's bytes: four layers of equal size, of which one MLP is dropped.
    let stored = session().info().stored_bytes.clone();
    let (file, mlp) = (stored.total(), stored.of(Sublayer::mlp(1)));
    assert_eq!((judged.memory.file_bytes, judged.memory.plan_bytes), (file, file - mlp));
    assert!(mlp > 0 && file == 4 * (mlp + stored.of(Sublayer::attention(3))), "{stored:?}");
    let larger = judgement(&measure(&mut session(), &settings("magnitude-0.1"), Measurement::Judge));
    assert_eq!(larger.next.last().map(|step| step.contains("saves no memory")), Some(true), "{:?}", larger.next);
}

/// The sets say something: the default model ends at least 60 % of their lines rightly.
#[test]
fn the_default_model_can_do_arithmetic_and_structure() {
    let mut session = crate::common::session(&crate::common::default_model());
    let mut settings = settings("");
    settings.measure.sample = 20;
    let judged = judgement(&measure(&mut session, &settings, Measurement::Judge));
    let lines = [Purpose::Arithmetic, Purpose::Structure];
    let judged: Vec<_> = judged.advice.iter().filter(|advice| lines.contains(&advice.purpose)).collect();
    assert_eq!(judged.len(), lines.len());
    for advice in judged {
        assert!(advice.counts.dense.share() >= 0.6, "{}", advice.because);
    }
}

#[test]
fn a_picture_shows_the_zeros_of_a_matrix() {
    let what = Measurement::Picture { layer: 1, matrix: Matrix::Up };
    let events = measure(&mut session(), &settings("magnitude-2:4"), what);
    let picture = events.iter().find_map(|event| match event {
        RunEvent::Picture { picture } => Some(picture.clone()),
        _ => None,
    });
    let picture = picture.unwrap();
    assert_eq!((picture.rows, picture.columns), (48, 64));
    for group in picture.cells.chunks(4) {
        assert_eq!(group.iter().filter(|cell| **cell == 0).count(), 2);
    }
}

/// Another model with the same tokenizer and some smaller weights, so that it generates another text.
fn other_model() -> LoadedModel<Cpu> {
    let mut model = load(&crate::common::tiny_model(), Cpu).unwrap();
    for block in &mut model.decoder.blocks {
        for matrix in [Matrix::Value, Matrix::Down] {
            let before = block.matrix(matrix).unwrap().clone();
            let values = block_on(Cpu::values(&before.weights)).unwrap().iter().map(|weight| weight * 0.6).collect();
            block.set_matrix(matrix, before.with_values(values));
        }
    }
    model
}

/// Every measurement of the second model gives the same as for that model loaded alone.
#[test]
fn a_second_model_is_measured_as_if_it_were_alone() {
    let mut two = session();
    two.compare_with(other_model(), "other").unwrap();
    let mut alone = Session::new(other_model(), "other", || 0.0);
    let mut dense = session();
    for plan in ["", "a1", "wanda-0.5", "rtn4-g32"] {
        let mut settings = settings(plan);
        settings.measure = MeasureSettings {
            compare: vec![Variant { name: "m2".into(), plan: "m2".parse().unwrap() }],
            sweep: SweepAxis::Sparsity,
            sample: 2,
            ..MeasureSettings::default()
        };
        let (ours, theirs) = (run(&mut two, &settings).0, run(&mut alone, &settings).0);
        assert_ne!(ours.generation.dense, theirs.generation.dense, "these are two models");
        assert_eq!(ours.generation.pruned, theirs.generation.pruned, "{plan}");
        assert_eq!(ours.weights, theirs.weights, "{plan}");
        assert_eq!(ours.generation.dense, run(&mut dense, &settings).0.generation.dense, "{plan}");
        let picture = Measurement::Picture { layer: 2, matrix: Matrix::Down };
        for what in [Measurement::Choice, Measurement::Retrieval, Measurement::Judge, Measurement::Compare, picture] {
            let events = [&mut two, &mut alone, &mut dense].map(|session| measure(session, &settings, what));
            let [ours, theirs, dense] = events.map(|events| told(&events));
            assert!(!ours.is_empty(), "{plan}, {what:?}");
            assert_eq!(
                ours.iter().map(|(_, pruned)| pruned).collect::<Vec<_>>(),
                theirs.iter().map(|(_, pruned)| pruned).collect::<Vec<_>>(),
                "{plan}, {what:?}: the pruned side"
            );
            assert_eq!(
                ours.iter().map(|(dense, _)| dense).collect::<Vec<_>>(),
                dense.iter().map(|(dense, _)| dense).collect::<Vec<_>>(),
                "{plan}, {what:?}: the dense side"
            );
        }
    }
    let settings = sweep(SweepAxis::Sparsity, 2);
    let points = |session: &mut Session<Cpu>| -> Vec<SweepPoint> {
        let events = measure(session, &settings, Measurement::Sweep);
        events
            .into_iter()
            .filter_map(|event| if let RunEvent::SweepPoint { point, .. } = event { Some(*point) } else { None })
            .collect()
    };
    assert_eq!(points(&mut two), points(&mut alone));
}

/// The results for the dense and for the pruned model.
fn told(events: &[RunEvent]) -> Vec<(String, String)> {
    let text = |what: &dyn std::fmt::Debug| format!("{what:?}");
    let both = |event: &RunEvent| match event {
        RunEvent::Choice { result } => Some((text(&result.dense), text(&result.pruned))),
        RunEvent::Retrieval { report } => Some((
            text(&report.poolings.iter().map(|pooling| &pooling.dense).collect::<Vec<_>>()),
            text(&report.poolings.iter().map(|pooling| &pooling.pruned).collect::<Vec<_>>()),
        )),
        RunEvent::Written { result } => Some((result.dense.clone(), result.pruned.clone())),
        RunEvent::Variant { result, .. } => Some((text(&result.generation.dense), text(&result.generation.pruned))),
        RunEvent::Picture { picture } => Some((String::new(), text(picture))),
        _ => None,
    };
    events.iter().filter_map(both).collect()
}

/// What a switch would do is what the run then finds.
#[test]
fn every_switch_is_known_before_it_is_flipped() {
    let mut session = session();
    for plan in ["a1,m2", "m0_wanda-0.5"] {
        let settings = settings(plan);
        let (report, _) = run(&mut session, &settings);
        let effects = |session: &mut Session<Cpu>| -> Vec<_> {
            let events = measure(session, &settings, Measurement::Switches);
            let of = |event| match event {
                RunEvent::Switches { effects } => effects,
                _ => vec![],
            };
            events.into_iter().flat_map(of).collect()
        };
        let found = effects(&mut session);
        assert_eq!(found.len(), 2 * report.model.config.layers);
        assert_eq!(effects(&mut session), found, "known effects are sent again");
        for effect in found {
            let at = Sublayer { layer: effect.layer, kind: effect.sublayer };
            let mut flipped = settings.clone();
            assert_eq!(effect.drops, !flipped.run.plan.drops(at));
            flipped.run.plan.drop.set(at, effect.drops);
            let (report, _) = run(&mut session, &flipped);
            let metrics = report.next_token.metrics;
            assert!((metrics.cos_p - effect.cos_p).abs() < 1e-5, "{plan}, {at:?}: {} {}", metrics.cos_p, effect.cos_p);
            let off = (metrics.kl_dense_pruned - effect.kl_dense_pruned).abs();
            assert!(off < 1e-5 + 1e-4 * metrics.kl_dense_pruned, "{plan}, {at:?}: off by {off}");
        }
    }
}

/// While nothing is asked for, the engine writes its own answers, fits the full map, and compares it with the smaller
/// repair; the next run with the full map fits nothing.
#[test]
fn the_full_map_is_fitted_ahead() {
    let mut session = session();
    let small = settings("m2_repair-bias");
    run(&mut session, &small);
    let ahead = |session: &mut Session<Cpu>, settings: &Settings| {
        let mut events = vec![];
        let control = Control::unstoppable();
        block_on(session.work_ahead(&settings.run, &control, &mut |event| events.push(event))).unwrap();
        events
    };
    let events = ahead(&mut session, &small);
    assert!(!events.iter().any(|event| matches!(event, RunEvent::Working { .. })), "progress is not told");
    let answers = |events: &[RunEvent]| -> BTreeSet<usize> {
        let at = |event: &RunEvent| if let RunEvent::OwnAnswer { at, .. } = event { Some(*at) } else { None };
        events.iter().filter_map(at).collect()
    };
    let found = |events: &[RunEvent]| {
        events.iter().find_map(|event| if let RunEvent::FullRepair { report } = event { Some(*report) } else { None })
    };
    let report = found(&events).expect("a comparison");
    assert!(answers(&events).len() == QUESTIONS.len() && report.is_better(), "{report:?}");
    let (full, events) = run(&mut session, &settings("m2_repair-full"));
    assert!(!events.iter().any(|event| matches!(event, RunEvent::Working { .. })), "the fit is known");
    let of_full = full.repaired.expect("a repaired model").report;
    assert_eq!((of_full.fit_answers, of_full.held_out_tokens), (QUESTIONS.len() * 3 / 4, report.tokens));
    assert!((of_full.kl_repaired - report.kl_full).abs() < 1e-6);
    let again = ahead(&mut session, &small);
    assert_eq!(found(&again), Some(report), "it is known");
    // A page that was at another run meanwhile did not hear those that were told before.
    assert_eq!(answers(&again).len(), QUESTIONS.len(), "all answers are told again");
    let nothing_larger = ahead(&mut session, &settings("m2_repair-full"));
    assert_eq!(found(&nothing_larger), None);
    // A map of every rank is the full map, so both leave the same.
    let all_ranks = settings("m2_repair-rank256");
    run(&mut session, &all_ranks);
    let same = found(&ahead(&mut session, &all_ranks)).expect("a comparison");
    assert!((same.kl_present - same.kl_full).abs() < 1e-2 * same.kl_full, "{same:?}");
}

/// A repair gives results of its own beside the pruned model's, which stay as they are; a second run fits nothing again.
#[test]
fn a_repaired_model_is_a_third_one() {
    let mut session = session();
    session.fit_repairs_on(FitSize { tokens: Some(96), answers: None });
    let (pruned, _) = run(&mut session, &settings("m2"));
    let repaired_settings = settings("m2_repair-scale");
    let (report, events) = run(&mut session, &repaired_settings);
    assert_eq!((&report.next_token, &report.generation), (&pruned.next_token, &pruned.generation));
    let repaired = report.repaired.expect("a repaired model");
    assert!(repaired.report.applied && repaired.report.kl_repaired < repaired.report.kl_pruned);
    assert_eq!(repaired.report.numbers, 2 * report.model.config.hidden);
    let fits = |event: &RunEvent| matches!(event, RunEvent::Working { what, .. } if what.contains("repair"));
    assert!(events.iter().any(fits));
    let at = |name: &str| events.iter().position(|event| event.name() == name).expect(name);
    assert!(at("quality") < at("repaired_next_token") && at("repaired_next_token") < at("repaired_step"));
    let (again, events) = run(&mut session, &repaired_settings);
    assert!(!events.iter().any(fits));
    assert_eq!(again.repaired.as_deref(), Some(&*repaired));
    // A plan that drops nothing repairs nothing, and is the dense model.
    let (nothing, events) = run(&mut session, &settings("repair-full"));
    assert!(nothing.repaired.is_none() && !events.iter().any(fits));
    assert!((nothing.next_token.metrics.cos_p - 1.0).abs() < 1e-6);
    // Every task set is done by three models.
    let (mut choices, mut written) = (0, 0);
    for what in [Measurement::Choice, Measurement::Retrieval, Measurement::Judge] {
        for event in measure(&mut session, &repaired_settings, what) {
            match event {
                RunEvent::Choice { result } => choices += usize::from(result.repaired.is_some()),
                RunEvent::Retrieval { report } => {
                    assert!(report.poolings.iter().all(|pooling| pooling.repaired.is_some()));
                }
                RunEvent::Written { result } => written += usize::from(result.repaired.is_some()),
                RunEvent::Judged { judgement } => {
                    assert!(judgement.advice.iter().all(|advice| advice.because.contains("repaired")));
                    assert_eq!(judgement.repair.as_ref(), Some(&repaired.report));
                }
                _ => {}
            }
        }
    }
    assert!(choices > 50 && written == 9, "{choices} {written}");
}

/// A repair that does not help on the text kept out of the fit is not applied: the repaired model is the pruned one.
#[test]
fn a_repair_that_does_not_help_is_not_applied() {
    let mut session = session();
    // In a model of random weights there is little to learn.
    let (report, _) = run(&mut session, &settings("m1,m2_repair-scale"));
    let repaired = report.repaired.expect("a repaired model");
    assert!(!repaired.report.applied && repaired.report.kl_repaired > repaired.report.kl_pruned);
    assert_eq!(repaired.report.numbers, 0);
    assert_eq!((&repaired.next_token, &repaired.generation), (&report.next_token, &report.generation));
}

/// The head is repaired after any pruning, and only in the repaired model: the edited weights that plans share are not.
#[test]
fn the_head_of_an_edited_model_is_repaired_apart() {
    let mut session = session();
    let (pruned, _) = run(&mut session, &settings("rtn2-g32"));
    let (report, _) = run(&mut session, &settings("rtn2-g32_head-both_repair-scale"));
    let repaired = report.repaired.expect("a repaired model");
    assert_eq!((&report.next_token, &report.generation), (&pruned.next_token, &pruned.generation));
    let found = &repaired.report;
    assert!(found.repair.is_empty() && !found.applied, "nothing is dropped, so nothing is replaced");
    assert_eq!(found.head.iter().map(|step| step.part).collect::<Vec<_>>(), [HeadPart::Bias, HeadPart::Temperature]);
    let differs = repaired.next_token.metrics != report.next_token.metrics;
    assert_eq!(differs, found.changes_the_model());
    let (again, _) = run(&mut session, &settings("rtn2-g32"));
    assert!(again.repaired.is_none());
    assert_eq!((&again.next_token, &again.generation), (&pruned.next_token, &pruned.generation));
}

#[test]
fn a_calibration_text_that_is_too_short_for_a_repair_says_so() {
    let mut session = session();
    session.calibrate("Too short.");
    let settings = settings("m3_repair-bias").run;
    let error = block_on(session.run(&settings, &Control::unstoppable(), &mut |_| {})).unwrap_err();
    assert!(error.to_string().contains("at least 16"), "{error}");
}
