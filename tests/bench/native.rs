//! Speed of the native engine on the rows of `make bench`, with a roofline for comparison: `make bench-native`.
//!
//! On a GPU: `cargo bench -p prunescope-engine --features vulkan --bench native`.

use std::sync::LazyLock;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use futures::executor::block_on;
#[cfg(not(feature = "gpu"))]
use prunescope_engine::compute::Cpu;
use prunescope_engine::experiment::Control;
use prunescope_engine::experiment::dense::DenseRun;
use prunescope_engine::experiment::generation::{PrunedRun, generate, next_token};
use prunescope_engine::experiment::pruned_decoder::PrunedDecoder;
use prunescope_engine::experiment::weights::Calibration;
use prunescope_engine::model::LoadedModel;
use prunescope_engine::model::file::load;
use prunescope_engine::model::sampling::Sampling;
use prunescope_kernels::{Activations, PackedMatrix};
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::prune::importance::DEFAULT_CALIBRATION_TEXT;
use prunescope_quant::TensorType;

fn main() {
    divan::main();
}

#[cfg(not(feature = "gpu"))]
type Backend = Cpu;
#[cfg(feature = "gpu")]
type Backend = prunescope_engine::compute::Gpu;

fn backend() -> Backend {
    #[cfg(not(feature = "gpu"))]
    return Cpu;
    #[cfg(feature = "gpu")]
    return Backend::new(burn::tensor::Device::wgpu_options().init().expect("a GPU"));
}

fn model() -> LoadedModel<Backend> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../public/models/SmolLM2-135M-Instruct.Q4_1.json");
    load(path.as_ref(), backend()).unwrap_or_else(|error| panic!("{error}"))
}

thread_local! {
    // A device's tensors stay on the thread that created them.
    static MODEL: &'static LoadedModel<Backend> = Box::leak(Box::new(model()));
}

/// A prompt of this many tokens of plain text.
fn prompt(model: &LoadedModel<Backend>, tokens: usize) -> Vec<u32> {
    static TEXT: LazyLock<&str> = LazyLock::new(|| DEFAULT_CALIBRATION_TEXT.trim());
    let mut ids = model.tokenizer.encode(&TEXT, false).expect("plain text");
    ids.truncate(tokens);
    ids
}

fn greedy() -> Sampling {
    Sampling { temperature: 0.0, top_k: 0, top_p: 1.0, seed: 0 }
}

fn dense(model: &LoadedModel<Backend>, tokens: usize) -> DenseRun<Backend> {
    let ids = prompt(model, tokens);
    block_on(DenseRun::read(&model.decoder, ids, greedy(), &Control::unstoppable())).expect("a run")
}

fn pruned(model: &LoadedModel<Backend>, dense: &DenseRun<Backend>, plan: &str) -> PrunedRun<Backend> {
    let plan: PruningPlan = plan.parse().expect("a plan");
    let decoder = PrunedDecoder::dropping(&model.decoder, &plan);
    block_on(PrunedRun::read(decoder, dense, &Control::unstoppable())).expect("a run")
}

#[divan::bench(args = [32, 128, 512], sample_count = 5, sample_size = 1)]
fn prefill(bencher: Bencher, tokens: usize) {
    MODEL.with(|model| {
        bencher.counter(ItemsCount::new(tokens)).bench_local(|| dense(model, tokens));
    });
}

/// Generates 32 tokens with one model (`""`) or both (a plan), with metrics, after a prompt of 12 tokens.
#[divan::bench(args = ["", "a12,m17"], sample_count = 3, sample_size = 1)]
fn write(bencher: Bencher, plan: &str) {
    const TOKENS: usize = 32;
    MODEL.with(|model| {
        let ready = || {
            let dense = dense(model, 12);
            let pruned = pruned(model, &dense, plan);
            (dense, pruned)
        };
        bencher.with_inputs(ready).counter(ItemsCount::new(TOKENS)).bench_local_values(|(mut dense, mut pruned)| {
            let control = Control::unstoppable();
            let tokenizer = &model.tokenizer;
            let mut steps = 0;
            let mut count = |_: &_| steps += 1;
            let run = generate(tokenizer, &mut dense, &mut pruned, TOKENS, 1.0, &control, &mut count);
            block_on(run).expect("text");
            assert_eq!(steps, TOKENS);
        });
    });
}

/// From a switch of the plan to new next-token numbers, on a prompt of 40 tokens.
#[divan::bench(args = ["a0", "m15", "m29"], sample_count = 5, sample_size = 1)]
fn toggle(bencher: Bencher, plan: &str) {
    MODEL.with(|model| {
        let dense = dense(model, 40);
        bencher.bench_local(|| {
            let pruned = pruned(model, &dense, plan);
            block_on(next_token(&dense, &pruned, 1.0, &model.tokenizer)).expect("numbers")
        });
    });
}

/// Editing all weights at another ratio, after an earlier edit.
#[divan::bench(args = ["wanda-0.5", "magnitude-0.5"], sample_count = 3, sample_size = 1)]
fn slider(bencher: Bencher, plan: &str) {
    MODEL.with(|model| {
        let mut calibration = Calibration::new(prompt(model, 64));
        let control = Control::unstoppable();
        let mut edit = |plan: &str| {
            let plan: PruningPlan = plan.parse().expect("a plan");
            let unedited = PrunedDecoder::dropping(&model.decoder, &plan);
            block_on(calibration.edit(unedited, &control, &mut |_, _, _| {})).expect("weights")
        };
        edit(&plan.replace("0.5", "0.4"));
        bencher.bench_local(|| edit(plan));
    });
}

/// Roofline: reading memory that fits in no cache.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn roofline_memory(bencher: Bencher) {
    let memory = vec![1u64; 32 << 20];
    bencher.counter(BytesCount::of_slice(&memory)).bench_local(|| black_box(&memory).iter().sum::<u64>());
}

/// Roofline: one matrix that stays in the cache, times `rows` rows of inputs; items are multiplications.
#[divan::bench(args = [1, 2, 64], sample_count = 20)]
fn roofline_multiply(bencher: Bencher, rows: usize) {
    let matrix = PackedMatrix::from_file(TensorType::Q4_1, &[7; 1536 * 576 / 32 * 20], 1536, 576);
    let x: Vec<f32> = (0..rows * 576).map(|i| (i % 17) as f32).collect();
    let mut out = vec![0.0; rows * 1536];
    bencher.counter(ItemsCount::new(rows * 1536 * 576)).bench_local(|| {
        matrix.multiply(&Activations::new(x.clone(), 576), &mut out);
    });
}
