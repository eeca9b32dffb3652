//! The engine against an independent program, `tests/reference`: token ids, residual stream, logits, every metric.
//!
//! `make reference` computes the expected numbers into `target/reference/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use futures::executor::block_on;
use prunescope_engine::compute::KeyValueCache;
use prunescope_engine::compute::{Compute, Cpu, Reference};
use prunescope_engine::experiment::Control;
use prunescope_engine::experiment::dense::DenseRun;
use prunescope_engine::experiment::forward::{Pass, last_outputs};
use prunescope_engine::experiment::layerwise::layer_transitions;
use prunescope_engine::metrics::read_all;
use prunescope_engine::model::LoadedModel;
use prunescope_engine::model::file::load;
use prunescope_engine::session::Session;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::results::Metrics;
use prunescope_protocol::settings::RunSettings;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
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
    transitions: Vec<Transition>,
}

#[derive(Deserialize)]
struct Transition {
    raw: BTreeMap<String, f64>,
    with_final_norm: BTreeMap<String, f64>,
}

fn assert_metrics(found: &Metrics, wanted: &BTreeMap<String, f64>, tolerance: f64, place: &str) {
    let found: BTreeMap<&str, f32> = Metrics::NAMES.iter().copied().zip(found.values()).collect();
    assert_eq!(found.len(), wanted.len(), "the reference knows other metrics");
    for (name, wanted) in wanted {
        let found = f64::from(found[name.as_str()]);
        // Ratios of two small numbers are the worst conditioned.
        let slack = if name.starts_with("ratio") { 20.0 } else { 3.0 } * tolerance;
        assert!(
            (found - wanted).abs() <= slack * wanted.abs() + 0.02 * tolerance,
            "{place}: {name} is {found}, the reference has {wanted}"
        );
    }
}

/// Runs every case of a reference and checks it within a relative error.
fn check<C: Compute>(model_path: &Path, name: &str, compute: &C, tolerance: f64) {
    let model = load(model_path, compute.clone()).unwrap_or_else(|error| panic!("{error}"));
    let path = crate::common::root().join("target/reference").join(name);
    let read = |extension| fs::read(path.with_extension(extension)).expect("run `make reference` first");
    let reference: Expected = serde_json::from_slice(&read("json")).unwrap();
    let numbers: Vec<f32> = read("f32").chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    assert!(reference.cases.len() >= 12, "three prompts and four plans");
    let LoadedModel { decoder, .. } = load(model_path, compute.clone()).unwrap();
    let session = Session::new(model, "", || 0.0);
    let control = Control::unstoppable();
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
        let pass = Pass::from(&decoder, &plan, 0, 0);
        let stream = block_on(pass.stream(decoder.embed(&ids, 0), &mut cache, &control)).unwrap();
        assert_eq!(stream.len(), case.rows);
        for (sublayer, x) in stream.iter().enumerate() {
            let last = crate::common::values(x.clone().narrow(0, ids.len() - 1, 1));
            let at = case.offset + sublayer * case.hidden;
            let error = crate::common::relative_error(&last, &numbers[at..at + case.hidden]);
            assert!(error < tolerance, "{place}: hidden state after {sublayer} sublayers is off by {error:.2e}");
        }
        let pruned = last_outputs(&decoder, &stream[stream.len() - 1]);
        let at = case.offset + case.rows * case.hidden;
        let error = crate::common::relative_error(
            &crate::common::values(pruned.logits.clone()),
            &numbers[at..at + case.vocabulary],
        );
        assert!(error < tolerance, "{place}: logits are off by {error:.2e}");

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
            assert!(error < tolerance, "{place}: what is kept before sublayer {index} is off by {error:.2e}");
        }
        let read = block_on(read_all(vec![C::compare(&dense.steps[0].spaces, &pruned, 1.0, false)])).unwrap();
        assert_metrics(&read[0].metrics, &case.metrics, tolerance, &place);

        if !case.transitions.is_empty() {
            let found = block_on(layer_transitions(&decoder, &dense.steps[0].stream, 1.0, &control)).unwrap();
            assert_eq!(found.len(), case.transitions.len());
            for (found, wanted) in found.iter().zip(&case.transitions) {
                let place = format!("{place}: transition at {:?} {}", found.sublayer, found.layer);
                assert_metrics(&found.raw, &wanted.raw, tolerance, &place);
                assert_metrics(&found.with_final_norm, &wanted.with_final_norm, tolerance, &place);
            }
        }
    }
}

#[test]
fn the_default_model_on_the_cpu() {
    check(&crate::common::default_model(), "smollm2", &Cpu, 1e-3);
}

#[test]
fn the_tiny_model_on_the_cpu() {
    check(&crate::common::tiny_model(), "tiny", &Cpu, 1e-3);
}

#[test]
fn the_default_model_by_plain_burn() {
    check(&crate::common::default_model(), "smollm2", &Reference(Device::flex()), 1e-3);
}

#[test]
fn the_tiny_model_by_plain_burn() {
    check(&crate::common::tiny_model(), "tiny", &Reference(Device::flex()), 1e-3);
}

/// On the machine's GPU; for a software one use `scripts/with-software-gpu.sh`.
#[cfg(feature = "gpu")]
mod on_a_gpu {
    use super::*;
    use crate::common::gpu;

    #[test]
    fn the_tiny_model() {
        check(&crate::common::tiny_model(), "tiny", &gpu(), 1e-3);
    }

    #[test]
    fn the_default_model() {
        check(&crate::common::default_model(), "smollm2", &gpu(), 1e-3);
    }

    #[test]
    fn the_tiny_model_by_plain_burn() {
        check(&crate::common::tiny_model(), "tiny", &Reference(gpu().device()), 5e-3);
    }

    #[test]
    fn the_default_model_by_plain_burn() {
        check(&crate::common::default_model(), "smollm2", &Reference(gpu().device()), 5e-3);
    }
}
