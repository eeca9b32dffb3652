//! The engine against an independent program, `tests/reference`: token ids, residual stream, logits, every metric.
//!
//! `make reference` computes the expected numbers into `target/reference/`.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use futures::executor::block_on;
use prunescope_engine::compute::KeyValueCache;
use prunescope_engine::compute::{Compute, Cpu, Reference};
use prunescope_engine::experiment::Control;
use prunescope_engine::experiment::dense::DenseRun;
use prunescope_engine::experiment::forward::{Pass, last_outputs};
use prunescope_engine::experiment::importance::importance_on;
use prunescope_engine::experiment::layerwise::layer_transitions;
use prunescope_engine::experiment::pruned_decoder::PrunedDecoder;
use prunescope_engine::metrics::read_all;
use prunescope_engine::model::LoadedModel;
use prunescope_engine::model::file::load;
use prunescope_engine::session::Session;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::{ImportanceInput, PruningPlan};
use prunescope_protocol::results::Metrics;
use prunescope_protocol::settings::RunSettings;
use serde::Deserialize;

use crate::common::Errors;

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
    /// Importance on the first case's tokens, by what it compares.
    importance: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
}

#[derive(Deserialize)]
struct Case {
    prompt: String,
    chat: bool,
    drop: String,
    ids: Vec<u32>,
    offset: usize,
    rows: usize,
    hidden: usize,
    vocabulary: usize,
    metrics: BTreeMap<String, f64>,
    top: Vec<TopEntry>,
    transitions: Vec<Transition>,
}

/// One of the dense model's likeliest tokens: its logit, and its entries of Δz's parallel and orthogonal part.
#[derive(Deserialize)]
struct TopEntry {
    id: u32,
    z: f64,
    parallel: f64,
    orthogonal: f64,
}

#[derive(Deserialize)]
struct Transition {
    raw: BTreeMap<String, f64>,
    with_final_norm: BTreeMap<String, f64>,
}

/// Largest relative errors allowed.
#[derive(Clone, Copy)]
struct Tolerances {
    /// Of a row of the residual stream.
    hidden: f64,
    /// Of a row of logits.
    logits: f64,
    /// Of a metric, in proportion to the larger of itself and its [`floor`].
    metric: f64,
}

/// Where a metric is all rounding of f32: a divergence is a sum of differences of logarithms near 1.
fn floor(metric: &str) -> f64 {
    if metric.starts_with("kl") { 1e-3 } else { 1e-5 }
}

const CPU: Tolerances = Tolerances { hidden: 5e-6, logits: 7e-6, metric: 3e-3 };
const CPU_TINY: Tolerances = Tolerances { hidden: 2e-6, logits: 2e-6, metric: 3e-5 };
const PLAIN_BURN: Tolerances = Tolerances { hidden: 1e-5, logits: 1.5e-5, metric: 5e-3 };
const PLAIN_BURN_TINY: Tolerances = Tolerances { hidden: 3e-6, logits: 3e-6, metric: 4e-5 };
#[cfg(feature = "gpu")]
const GPU: Tolerances = Tolerances { hidden: 1e-5, logits: 1.5e-5, metric: 3e-3 };
#[cfg(feature = "gpu")]
const GPU_TINY: Tolerances = Tolerances { hidden: 3e-6, logits: 3e-6, metric: 4e-5 };

fn check_metrics(
    errors: &mut Errors,
    found: &Metrics,
    wanted: &BTreeMap<String, f64>,
    tolerances: Tolerances,
    place: &str,
) {
    assert_eq!(Metrics::NAMES.len(), wanted.len(), "the reference knows other metrics");
    for (name, found) in Metrics::NAMES.iter().copied().zip(found.values()) {
        let wanted = wanted[name];
        let error = (f64::from(found) - wanted).abs() / wanted.abs().max(floor(name));
        errors.check(name, error, tolerances.metric, place);
    }
}

/// Runs every case of a reference and checks it within a relative error.
fn check<C: Compute>(model_path: &Path, name: &str, compute: &C, tolerances: Tolerances) {
    let mut errors = Errors::new(format!("{name}, {compute:?}"));
    let model = load(model_path, compute.clone()).unwrap_or_else(|error| panic!("{error}"));
    let reference: Expected = serde_json::from_slice(&crate::common::reference(name, "json")).unwrap();
    let numbers: Vec<f32> = crate::common::reference(name, "f32")
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    assert!(reference.cases.len() >= 12, "three prompts and four plans");
    let LoadedModel { decoder, .. } = load(model_path, compute.clone()).unwrap();
    let session = Session::new(model, "", || 0.0);
    let control = Control::unstoppable();
    let dense = PrunedDecoder::dropping(&decoder, &PruningPlan::default());
    for input in [ImportanceInput::Residual, ImportanceInput::Normed] {
        let wanted = &reference.importance[&input.to_string()];
        let found = block_on(importance_on(&dense, &reference.cases[0].ids, input, &control)).unwrap();
        for (kind, found) in [("attention", found.attention), ("mlp", found.mlp), ("block", found.block)] {
            assert_eq!(found.len(), wanted[kind].len());
            for (layer, (found, wanted)) in found.iter().zip(&wanted[kind]).enumerate() {
                // A cosine near 1 leaves f32's rounding.
                let error = (f64::from(found.importance) - wanted).abs() / wanted.abs().max(1e-2);
                errors.check("importance", error, tolerances.metric, &format!("{input} {kind} {layer}"));
            }
        }
    }
    let mut read_last: Option<(Vec<u32>, DenseRun<C>)> = None;
    for case in &reference.cases {
        let place = format!("{:?} without {:?}", case.prompt, case.drop);
        let plan: PruningPlan = case.drop.parse().unwrap();
        let settings = RunSettings {
            prompt: case.prompt.clone(),
            chat: case.chat,
            plan: plan.clone(),
            tokens: 1,
            ..RunSettings::default()
        };
        let ids = session.prompt_ids(&settings).unwrap();
        assert_eq!(ids, case.ids, "{place}: token ids");

        let mut cache = KeyValueCache::new(decoder.config.layers);
        let model = PrunedDecoder::dropping(&decoder, &plan);
        let pass = Pass::pruned(&model, 0, 0);
        let stream = block_on(pass.stream(decoder.embed(&ids, 0), &mut cache, &control)).unwrap();
        assert_eq!(stream.len(), case.rows);
        for (sublayer, x) in stream.iter().enumerate() {
            let last = crate::common::values(x.clone().narrow(0, ids.len() - 1, 1));
            let at = case.offset + sublayer * case.hidden;
            let error = crate::common::relative_error(&last, &numbers[at..at + case.hidden]);
            errors.check("hidden", error, tolerances.hidden, &format!("{place}, after {sublayer} sublayers"));
        }
        let pruned = last_outputs(&decoder, &stream[stream.len() - 1]);
        let at = case.offset + case.rows * case.hidden;
        let error = crate::common::relative_error(
            &crate::common::values(pruned.logits.clone()),
            &numbers[at..at + case.vocabulary],
        );
        errors.check("logits", error, tolerances.logits, &place);

        // Consecutive cases with the same prompt share the dense model's run.
        if read_last.as_ref().is_none_or(|(of, _)| *of != ids) {
            let dense = block_on(DenseRun::read(&decoder, ids.clone(), settings.sampling(), &control)).unwrap();
            read_last = Some((ids, dense));
        }
        let (_, dense) = read_last.as_ref().unwrap();
        for (index, x) in
            stream[..=plan.first_change(decoder.config.layers).unwrap_or(stream.len() - 2)].iter().enumerate()
        {
            let kept = crate::common::values(dense.prompt_before(Sublayer::from_index(index)));
            let error = crate::common::relative_error(&kept, &crate::common::values(x.clone()));
            errors.check("hidden that is kept", error, tolerances.hidden, &format!("{place}, before sublayer {index}"));
        }
        let read = block_on(read_all(vec![C::compare(&dense.steps[0].spaces, &pruned, 1.0, true)])).unwrap();
        check_metrics(&mut errors, &read[0].metrics, &case.metrics, tolerances, &place);
        for wanted in &case.top {
            let found = read[0].dense_top.iter().find(|token| token.id == wanted.id).expect("a likely token");
            let pairs = [(found.z, wanted.z), (found.parallel, wanted.parallel), (found.orthogonal, wanted.orthogonal)];
            for (found, wanted) in pairs {
                let error = (f64::from(found) - wanted).abs() / wanted.abs().max(1.0);
                errors.check(
                    "parts of a top token",
                    error,
                    tolerances.metric,
                    &format!("{place}: {found} for {wanted}"),
                );
            }
        }

        if !case.transitions.is_empty() {
            let found = block_on(layer_transitions(&decoder, &dense.steps[0].stream, 1.0, &control)).unwrap();
            assert_eq!(found.len(), case.transitions.len());
            for (found, wanted) in found.iter().zip(&case.transitions) {
                let place = format!("{place}: transition at {:?} {}", found.sublayer, found.layer);
                check_metrics(&mut errors, &found.raw, &wanted.raw, tolerances, &place);
                check_metrics(&mut errors, &found.with_final_norm, &wanted.with_final_norm, tolerances, &place);
            }
        }
    }
}

#[test]
fn the_default_model_on_the_cpu() {
    check(&crate::common::default_model(), "smollm2", &Cpu, CPU);
}

#[test]
fn the_tiny_model_on_the_cpu() {
    check(&crate::common::tiny_model(), "tiny", &Cpu, CPU_TINY);
}

#[test]
fn the_default_model_by_plain_burn() {
    check(&crate::common::default_model(), "smollm2", &Reference(Device::flex()), PLAIN_BURN);
}

#[test]
fn the_tiny_model_by_plain_burn() {
    check(&crate::common::tiny_model(), "tiny", &Reference(Device::flex()), PLAIN_BURN_TINY);
}

/// On the machine's GPU; for a software one use `scripts/with-software-gpu.sh`.
#[cfg(feature = "gpu")]
mod on_a_gpu {
    use super::*;
    use crate::common::gpu;

    #[test]
    fn the_tiny_model() {
        check(&crate::common::tiny_model(), "tiny", &gpu(), GPU_TINY);
    }

    #[test]
    fn the_default_model() {
        check(&crate::common::default_model(), "smollm2", &gpu(), GPU);
    }

    #[test]
    fn the_tiny_model_by_plain_burn() {
        check(&crate::common::tiny_model(), "tiny", &Reference(gpu().device()), PLAIN_BURN_TINY);
    }

    #[test]
    fn the_default_model_by_plain_burn() {
        check(&crate::common::default_model(), "smollm2", &Reference(gpu().device()), PLAIN_BURN);
    }
}
