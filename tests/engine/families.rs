//! Every model family, in both formats, against the reference library: token ids, texts, logits. And every measurement on each.
//!
//! `tests/reference/families` made the tiny checkpoints and the expected values.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use futures::executor::block_on;
use prunescope_engine::compute::attention::Text;
use prunescope_engine::compute::linear::Linear;
use prunescope_engine::compute::{Compute, Cpu, KeyValueCache, Reference};
use prunescope_engine::experiment::Control;
use prunescope_engine::experiment::cross_check::{CrossCheckError, cross_check};
use prunescope_engine::experiment::forward::{Pass, forward_pair, last_outputs};
use prunescope_engine::experiment::pruned_decoder::PrunedDecoder;
use prunescope_engine::model::file::load;
use prunescope_engine::model::replacement::{HeadMap, Replacement, Replacements, Scale};
use prunescope_engine::model::{Decoder, LoadedModel};
use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::model::{Family, Matrix, Sublayer, SublayerKind};
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::results::Place;
use prunescope_protocol::results::RepairReport;
use prunescope_protocol::settings::RunSettings;
use serde::Deserialize;

use crate::common::Errors;

/// Allowed relative error of logits.
const TOLERANCE: f64 = 6e-6;

#[derive(Deserialize)]
struct Expected {
    texts: Vec<TokenizedText>,
    prompt: String,
    ids: Vec<u32>,
    rows: Vec<usize>,
    logits: Vec<Vec<f32>>,
    chat: Option<String>,
}

#[derive(Deserialize)]
struct TokenizedText {
    text: String,
    ids: Vec<u32>,
    with_special: Vec<u32>,
    decoded: String,
}

fn folder(family: &str) -> PathBuf {
    crate::common::root().join("tests/fixtures/families").join(family)
}

fn expected(family: &str) -> Expected {
    serde_json::from_slice(&fs::read(folder(family).join("expected.json")).unwrap()).unwrap()
}

/// The files of a family's model: a repository, a GGUF file, or both.
fn sources(family: &str) -> Vec<PathBuf> {
    let (hub, gguf) = (folder(family), folder(family).join("model.gguf"));
    let has_hub = hub.join("model.safetensors").exists() || !gguf.exists();
    has_hub.then_some(hub).into_iter().chain(gguf.exists().then_some(gguf)).collect()
}

fn open<C: Compute>(path: &Path, compute: &C) -> LoadedModel<C> {
    load(path, compute.clone()).unwrap_or_else(|error| panic!("{error}"))
}

/// Logits at the last of some tokens, which follow those in the cache.
fn read<C: Compute>(decoder: &Decoder<C>, ids: &[u32], start: usize, cache: &mut KeyValueCache<C>) -> Tensor<2> {
    let x = decoder.embed(ids, start);
    let last = block_on(Pass::dense(decoder, start).last(x, cache, &Control::unstoppable())).unwrap();
    decoder.logits(decoder.final_norm(last))
}

/// Checks the logits of the whole prompt, and of its last token after the others in the cache, against the reference library.
fn check_logits<C: Compute>(family: &str, compute: &C) {
    let expected = expected(family);
    let mut errors = Errors::new(format!("{family}, {compute:?}"));
    for source in sources(family) {
        let LoadedModel { decoder, tokenizer, .. } =
            load(&source, compute.clone()).unwrap_or_else(|error| panic!("{error}"));
        let place = format!("{}, {compute:?}", source.display());
        assert_eq!(tokenizer.encode(&expected.prompt, false).unwrap(), expected.ids, "{place}");
        let (last, before) = expected.ids.split_last().unwrap();
        let whole = read(&decoder, &expected.ids, 0, &mut KeyValueCache::new(decoder.config.layers));
        for (row, wanted) in expected.rows.iter().zip(&expected.logits) {
            let error = crate::common::relative_error(&crate::common::values(whole.clone().narrow(0, *row, 1)), wanted);
            errors.check("logits", error, TOLERANCE, &format!("{place}, token {row}"));
        }
        let mut cache = KeyValueCache::new(decoder.config.layers);
        read(&decoder, before, 0, &mut cache);
        let error = crate::common::relative_error(
            &crate::common::values(read(&decoder, &[*last], before.len(), &mut cache)),
            &expected.logits[expected.logits.len() - 1],
        );
        errors.check("logits of the last token alone", error, TOLERANCE, &place);
    }
}

/// Texts of several lengths in one pass, one of them after what it began with, give the same logits as each alone.
fn check_batch<C: Compute>(family: &str, compute: &C) {
    let model = open(&sources(family)[0], compute);
    let (decoder, ids) = (&model.decoder, expected(family).ids);
    let plan = PruningPlan::dropping(format!("m{}", decoder.config.layers - 1).parse().unwrap());
    let pruned = PrunedDecoder::dropping(decoder, &plan);
    let control = Control::unstoppable();
    let pass = |start| Pass::pruned(&pruned, 0, start);
    let begun = 2;
    let mut beginning = KeyValueCache::new(decoder.config.layers);
    block_on(pass(0).last(decoder.embed(&ids[..begun], 0), &mut beginning, &control)).unwrap();
    let reversed: Vec<u32> = ids.iter().rev().copied().collect();
    let texts: [(&[u32], usize); 3] = [(&ids, 0), (&ids[begun..], begun), (&reversed[..3], 0)];
    let cache = |start| if start > 0 { beginning.clone() } else { KeyValueCache::new(decoder.config.layers) };
    let positions = texts.map(|(ids, start)| decoder.positions(start, ids.len()));
    let mut caches = texts.map(|(_, start)| cache(start));
    let x = Tensor::cat(texts.iter().map(|(ids, start)| decoder.embed(ids, *start)).collect(), 0);
    let mut batch: Vec<_> = positions.iter().zip(&mut caches).map(|(at, cache)| Text::new(at, cache)).collect();
    let together = block_on(pass(0).texts(x, &mut batch, &control)).unwrap();
    let mut errors = Errors::new(format!("{family}, {compute:?}"));
    let mut first = 0;
    for ((ids, start), cache_of_batch) in texts.into_iter().zip(&mut caches) {
        let mut cache = cache(start);
        let alone = block_on(pass(start).last(decoder.embed(ids, start), &mut cache, &control)).unwrap();
        let rows = together.clone().narrow(0, first, ids.len());
        first += ids.len();
        // The next token, so that what went into the caches is compared, too.
        let end = start + ids.len();
        let next =
            |cache: &mut KeyValueCache<C>| block_on(pass(end).last(decoder.embed(&[1], end), cache, &control)).unwrap();
        for (found, wanted) in [(rows, alone), (next(cache_of_batch), next(&mut cache))] {
            let [found, wanted] = [found, wanted].map(|x| crate::common::values(decoder.logits(decoder.final_norm(x))));
            let error = crate::common::relative_error(&found, &wanted);
            errors.check("logits in a batch", error, TOLERANCE, &format!("{family}, from {start}"));
        }
    }
}

/// Two models in one pass, on different tokens and on the same token, give the same results as each alone.
fn check_pair<C: Compute>(family: &str, compute: &C) {
    let model = open(&sources(family)[0], compute);
    let (decoder, ids) = (&model.decoder, expected(family).ids);
    let last = decoder.config.layers - 1;
    let dense = PrunedDecoder::dropping(decoder, &PruningPlan::default());
    let dropped = PrunedDecoder::dropping(decoder, &PruningPlan::dropping(format!("a{last}").parse().unwrap()));
    let row = |value: f32| Tensor::<2>::full([1, decoder.config.hidden], value, &compute.device());
    let scale = Replacement::Scale(Box::new(Scale { factor: row(0.3), bias: row(-0.1) }));
    let replacements = Replacements::new([(Sublayer::attention(last), scale)].into());
    let replaced = dropped.with_replacements(replacements.clone(), RepairReport::default());
    let head = HeadMap { bias: Some(row(0.2)), temperature: 0.8 };
    let with_head = dropped.with_replacements(replacements.with_head(head), RepairReport::default());
    let start = ids.len();
    let control = Control::unstoppable();
    let alone = |model: &PrunedDecoder<C>, token: Option<u32>| {
        let mut cache = KeyValueCache::new(decoder.config.layers);
        let read = |ids: &[u32], start, cache: &mut KeyValueCache<C>| {
            block_on(Pass::pruned(model, 0, start).last(decoder.embed(ids, start), cache, &control)).unwrap()
        };
        read(&ids, 0, &mut cache);
        let spaces = token.map(|token| last_outputs(&model.decoder, &read(&[token], start, &mut cache.clone())));
        (cache, spaces.map(|spaces| crate::common::values(spaces.logits)))
    };
    let first = decoder.residual_input(Sublayer::attention(last));
    let mut errors = Errors::new(format!("{family}, {compute:?}"));
    for (model, token, own) in
        [(&dropped, 1, Some(2)), (&dropped, 3, None), (&replaced, 1, Some(2)), (&with_head, 3, None)]
    {
        let (mut cache, wanted) = alone(&dense, Some(token));
        let (mut pruned_cache, wanted_pruned) = alone(model, Some(own.unwrap_or(token)));
        let x = (decoder.embed(&[token], start), own.map(|own| decoder.embed(&[own], start)));
        let begin = if own.is_some() { 0 } else { first };
        let caches = [&mut cache, &mut pruned_cache];
        let (stream, spaces) = block_on(forward_pair(model, x, begin, start, caches, &control)).unwrap();
        assert_eq!(stream.len(), 2 * decoder.config.layers + 1);
        let found = spaces.map(|spaces| crate::common::values(spaces.logits));
        for (found, wanted) in found.iter().zip([wanted, wanted_pruned]) {
            let error = crate::common::relative_error(found, &wanted.unwrap());
            errors.check("logits of a pair", error, TOLERANCE, &format!("{family}, {compute:?}, {own:?}"));
        }
        assert!(crate::common::relative_error(&found[1], &found[0]) > 1e-3, "{family}: two models");
    }
}

/// Checks token ids and texts against the tokenizer's own library.
fn check_texts(family: &str) {
    let expected = expected(family);
    for source in sources(family) {
        let LoadedModel { tokenizer, chat, .. } = open(&source, &Cpu);
        for TokenizedText { text, ids, with_special, decoded } in &expected.texts {
            let place = format!("{}: {text:?}", source.display());
            // llama.cpp adds the first token to a conversation even if its template does not.
            let in_chat = if source.is_dir() { ids } else { with_special };
            assert_eq!(tokenizer.encode(text, true).unwrap(), *in_chat, "{place}");
            assert_eq!(tokenizer.encode(text, false).unwrap(), *with_special, "{place}");
            assert_eq!(tokenizer.decode(ids), *decoded, "{place}");
            assert!(ids.iter().all(|id| !tokenizer.piece(*id).is_empty()), "{place}");
        }
        let rendered = chat.ok().map(|chat| chat.render("Hi there", &tokenizer.special).unwrap());
        assert_eq!(rendered, expected.chat, "{}", source.display());
    }
}

/// Every measurement of the main run, under plans of every kind, gives finite numbers.
fn check_session(family: &str) {
    for source in sources(family) {
        let mut session = crate::common::session(&source);
        for plan in [
            "m0",
            "a0",
            "wanda-0.5",
            "magnitude-2:4",
            "sparsegpt-0.3",
            "magnitude-0.4-owl",
            "rtn4-g32",
            "awq3-g32",
            "gptq3-g32",
        ] {
            let prompt = "The river rises in the hills.".into();
            let settings =
                RunSettings { plan: plan.parse().unwrap(), prompt, chat: false, tokens: 4, ..RunSettings::default() };
            let mut steps = 0;
            let mut tell = |event| steps += usize::from(matches!(event, RunEvent::Step { .. }));
            let place = format!("{}, {plan}", source.display());
            let report = block_on(session.run(&settings, &Control::unstoppable(), &mut tell))
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(report.next_token.metrics.values().iter().all(|x| x.is_finite()), "{place}");
            assert!(report.next_token.metrics.kl_dense_pruned > 1e-6, "{place}: the plan does something");
            assert!(steps >= 1, "{place}");
            let matrices = session.info().config.matrices().count();
            let layers = session.info().config.layers;
            let edits = settings.plan.edits_weights();
            assert_eq!(report.weights.matrices.len(), if edits { layers * matrices } else { 0 }, "{place}");
            assert_eq!(report.edited_layers.len(), if edits { 2 * layers } else { 0 }, "{place}");
        }
    }
}

/// The cross-check accepts a device that computes like the CPU, and locates the part that does not.
fn check_device<C: Compute>(family: &str, compute: &C) {
    for source in sources(family) {
        let model = load(&source, compute.clone()).unwrap_or_else(|error| panic!("{error}"));
        let place = format!("{}, {compute:?}", source.display());
        let (decoder, check) = (&model.decoder, model.cross_check.expect("a part on the CPU"));
        let found = block_on(cross_check(decoder, &check, || 0.0)).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(found.largest_error < 1e-5 && found.kl.abs() < 1e-6, "{place}: {found:?}");
        let wrong = |decoder: &Decoder<C>| match block_on(cross_check(decoder, &check, || 0.0)) {
            Err(CrossCheckError::Wrong { place, .. }) => place,
            other => panic!("{place}: {other:?}"),
        };
        let off = |linear: &Linear<C>| {
            // Only every other value: some families normalise a uniform scale away.
            let values = block_on(C::values(&linear.weights)).unwrap();
            linear.with_values(values.iter().enumerate().map(|(i, x)| x * [1.0, 1.01][i % 2]).collect())
        };
        let mut broken = decoder.clone();
        broken.embedding = off(&decoder.embedding);
        assert_eq!(wrong(&broken), Place::Embedding, "{place}");
        let mut broken = decoder.clone();
        broken.norm.epsilon += 10.0;
        assert_eq!(wrong(&broken), Place::FinalNorm, "{place}");
        if let Some(head) = &decoder.head {
            let mut broken = decoder.clone();
            broken.head = Some(off(head));
            assert_eq!(wrong(&broken), Place::Head, "{place}");
        }
        for (at, layer) in check.layers.iter().enumerate() {
            for (matrix, kind) in [(Matrix::Value, SublayerKind::Attention), (Matrix::Up, SublayerKind::Mlp)] {
                let mut broken = decoder.clone();
                let changed = off(decoder.blocks[*layer].matrix(matrix).unwrap());
                broken.blocks[*layer].set_matrix(matrix, changed);
                assert_eq!(wrong(&broken), Place::Sublayer { layer: *layer, kind }, "{place}, {at}");
            }
        }
    }
}

/// A binding limit, in bytes, small enough to split every matrix of the fixtures.
#[cfg(feature = "gpu")]
const NARROW: u64 = 2000;

macro_rules! families {
    ($($family:ident: $kind:ident),*) => {$(
        mod $family {
            use super::*;

            const NAME: &str = stringify!($family);

            #[test]
            fn logits_on_the_cpu() {
                check_logits(NAME, &Cpu);
            }

            #[test]
            fn logits_by_plain_burn() {
                check_logits(NAME, &Reference(Device::flex()));
            }

            #[test]
            fn texts() {
                check_texts(NAME);
            }

            #[test]
            fn measurements() {
                check_session(NAME);
            }

            #[test]
            fn device_check() {
                check_device(NAME, &Reference(Device::flex()));
            }

            #[cfg(feature = "gpu")]
            #[test]
            fn device_check_on_a_gpu() {
                check_device(NAME, &crate::common::gpu());
                check_device(NAME, &crate::common::gpu().with_largest_binding(NARROW));
            }

            #[test]
            fn kind() {
                let model = open(&sources(NAME)[0], &Cpu);
                assert_eq!(model.decoder.config.family, Family::$kind);
            }

            #[test]
            fn two_in_one_pass() {
                check_pair(NAME, &Cpu);
                check_pair(NAME, &Reference(Device::flex()));
                check_batch(NAME, &Cpu);
                check_batch(NAME, &Reference(Device::flex()));
            }

            #[cfg(feature = "gpu")]
            #[test]
            fn two_in_one_pass_on_a_gpu() {
                check_pair(NAME, &crate::common::gpu());
                check_batch(NAME, &crate::common::gpu());
            }

            #[cfg(feature = "gpu")]
            #[test]
            fn logits_on_a_gpu() {
                check_logits(NAME, &crate::common::gpu());
            }

            #[cfg(feature = "gpu")]
            #[test]
            fn logits_on_a_gpu_that_binds_little() {
                check_logits(NAME, &crate::common::gpu().with_largest_binding(NARROW));
            }
        }
    )*};
}

families! {
    llama: Llama, tinyllama: Llama, mistral: Mistral, qwen2: Qwen2, qwen3: Qwen3, gemma3: Gemma3, gpt2: Gpt2, gpt_neox: GptNeoX,
    phi: Phi, phi3: Phi3,
    k_quants: Llama, split: GptNeoX
}
