//! A saved model is its plan's model: read again by this engine, the dense model computes what the pruned and repaired one did.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::{Tensor, TensorData};
use futures::executor::block_on;
use prunescope_engine::compute::{Compute, Cpu, KeyValueCache, Linear};
use prunescope_engine::experiment::Control;
use prunescope_engine::experiment::forward::Pass;
use prunescope_engine::experiment::pruned_decoder::PrunedDecoder;
use prunescope_engine::model::Decoder;
use prunescope_engine::model::file::load;
use prunescope_engine::model::replacement::{HeadMap, Replacement, Replacements, Scale};
use prunescope_engine::save::{SaveModelError, Saved, Saving};
use prunescope_formats::saved::SaveError;
use prunescope_formats::tensor::StoredMatrix;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::importance::DEFAULT_CALIBRATION_TEXT;
use prunescope_protocol::prune::{PruningPlan, Repair};
use prunescope_protocol::results::RepairReport;
use prunescope_quant::TensorType;

use crate::common::{Errors, default_model, root, session, tiny_model, values};

/// Largest difference of a logit whose weights were saved as F32, in standard deviations of the logits.
const TOLERANCE: f64 = 1e-4;
/// The same as F16, whose numbers have 11 bits.
const HALF_TOLERANCE: f64 = 2e-2;

fn family(name: &str) -> PathBuf {
    root().join("tests/fixtures/families").join(name)
}

/// A path for a saved model, which is removed with this.
struct Out(PathBuf);

impl Out {
    fn new(extension: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("prunescope-{}-{}{extension}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        // It may be a file, a folder or nothing.
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The logits after each of some tokens.
fn logits(model: &PrunedDecoder<Cpu>) -> Vec<f32> {
    let ids: Vec<u32> = (0..24).map(|at| at * 7919 % model.decoder.config.vocabulary as u32).collect();
    let mut cache = KeyValueCache::new(model.decoder.config.layers);
    let x = model.decoder.embed(&ids, 0);
    let x = block_on(Pass::pruned(model, 0, 0).last(x, &mut cache, &Control::unstoppable())).unwrap();
    values(model.decoder.logits(model.decoder.final_norm(x)))
}

/// Largest difference of two models' logits, in standard deviations of the first's.
fn difference(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let mean = a.iter().map(|x| f64::from(*x)).sum::<f64>() / a.len() as f64;
    let variance = a.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / a.len() as f64;
    let largest = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
    assert!(variance > 0.0 && a.iter().chain(b).all(|x| x.is_finite()));
    largest / variance.sqrt()
}

fn opened(path: &Path) -> Decoder<Cpu> {
    load(path, Cpu).unwrap_or_else(|error| panic!("{}: {error}", path.display())).decoder
}

/// Saves a pruned model, opens it, and compares it with what was saved.
fn saved(model: &Path, pruned: &PrunedDecoder<Cpu>, weights: TensorType, out: &Out) -> (f64, Saved) {
    let saving = Saving::new(model, &pruned.key.plan, weights, &out.0).unwrap_or_else(|error| panic!("{error}"));
    let saved = block_on(saving.write(Some(pruned))).unwrap();
    let again = opened(&out.0);
    assert_eq!(again.config.layers, saved.outline.blocks.len());
    (difference(&logits(pruned), &logits(&PrunedDecoder::dense(&again))), saved)
}

/// Numbers between −`size` and `size` that follow no pattern.
fn noise(count: usize, size: f32, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * size
    };
    (0..count).map(|_| next()).collect()
}

fn linear(rows: usize, columns: usize, bias: Option<Vec<f32>>, seed: u32) -> Box<Linear<Cpu>> {
    let values = noise(rows * columns, 0.3, seed);
    let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into();
    let stored = StoredMatrix { tensor_type: TensorType::F32, bytes, shape: [rows, columns] };
    Box::new(Linear { weights: Cpu.matrix(&stored, false), bias: bias.map(|bias| Cpu.vector(bias)) })
}

/// Some map of a form.
fn replacement(repair: Repair, hidden: usize, seed: u32) -> Replacement<Cpu> {
    let numbers = |seed| noise(hidden, 0.5, seed);
    let row = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, [1, hidden]), &Cpu.device());
    let bias = numbers(seed + 1);
    match repair {
        Repair::Bias => Replacement::Bias(Box::new(row(bias))),
        Repair::Scale => Replacement::Scale(Box::new(Scale { factor: row(numbers(seed + 2)), bias: row(bias) })),
        Repair::Full => Replacement::Full(linear(hidden, hidden, Some(bias), seed + 3)),
        Repair::Rank(rank) => Replacement::LowRank {
            down: linear(rank.into(), hidden, None, seed + 4),
            up: linear(hidden, rank.into(), Some(bias), seed + 5),
        },
    }
}

/// The model under a plan, with some map in place of each dropped sublayer, and some temperature.
fn repaired(decoder: &Decoder<Cpu>, plan: &PruningPlan) -> PrunedDecoder<Cpu> {
    let hidden = decoder.config.hidden;
    let repairs = plan.repairs().expect("a repair");
    let map = |repair| move |at: Sublayer| (at, replacement(repair, hidden, 10 * at.index() as u32));
    let maps: BTreeMap<_, _> = repairs.sublayers.into_iter().flat_map(|of| plan.drop.dropped().map(map(of))).collect();
    let temperature = if repairs.head.is_some() { 1.3 } else { 1.0 };
    let found = Replacements::new(maps).with_head(HeadMap { bias: None, temperature });
    PrunedDecoder::dropping(decoder, plan).with_replacements(found, RepairReport::default())
}

/// The models of the architecture llama in the repository: GGUF files and a folder of safetensors.
fn llamas() -> [PathBuf; 3] {
    [tiny_model(), family("tinyllama").join("model.gguf"), family("llama")]
}

/// A model of every family, as a folder of safetensors and as a GGUF file where there is one.
fn every_family() -> Vec<PathBuf> {
    let names = ["gemma3", "gpt2", "gpt_neox", "llama", "mistral", "phi", "phi3", "qwen2", "qwen3", "tinyllama"];
    let paths = names.into_iter().flat_map(|name| [family(name), family(name).join("model.gguf")]);
    paths.filter(|model| model.is_file() || model.join("model.safetensors").exists()).collect()
}

/// As what a model is saved, the model's own form first: a GGUF file as both, a folder as a folder.
fn targets(model: &Path) -> Vec<Out> {
    if model.is_dir() { vec![Out::new("")] } else { vec![Out::new(".gguf"), Out::new("")] }
}

#[test]
fn every_repair_of_every_sublayer_is_folded_exactly() {
    let mut errors = Errors::new("folded repairs");
    for model in llamas() {
        let decoder = opened(&model);
        let last = decoder.config.layers - 1;
        for drops in ["a0", "m0", "b1", &format!("a{last}"), &format!("m{last}"), "a0,m0,a1"] {
            for repair in ["bias", "scale", "rank3", "full"] {
                let plan: PruningPlan = format!("{drops}_repair-{repair}_head-temperature").parse().unwrap();
                let pruned = repaired(&decoder, &plan);
                for out in targets(&model) {
                    let (off, saved) = saved(&model, &pruned, TensorType::F32, &out);
                    let place = format!("{}, {plan}, as {}", model.display(), out.0.display());
                    errors.check("logits", off, TOLERANCE, &place);
                    assert_eq!(saved.outline.folded, plan.drop.dropped().collect::<Vec<_>>(), "{place}");
                    let maps = plan.drop.dropped().filter(|at| at.index() % 2 == 0 && repair != "bias").count();
                    assert_eq!((saved.outline.added.len(), saved.outline.cooled), (maps, true), "{place}");
                    assert_eq!(saved.outline.blocks.len(), decoder.config.layers + maps, "{place}");
                }
            }
        }
    }
}

#[test]
fn what_is_folded_and_edited_as_f16_is_nearly_the_same() {
    let mut errors = Errors::new("saved as F16");
    for model in llamas() {
        let decoder = opened(&model);
        for plan in ["b1_repair-full_head-temperature", "m0_repair-bias", "a1_repair-rank3"] {
            let pruned = repaired(&decoder, &plan.parse().unwrap());
            for out in targets(&model) {
                let (off, _) = saved(&model, &pruned, TensorType::F16, &out);
                errors.check("logits", off, HALF_TOLERANCE, &format!("{}, {plan}", model.display()));
            }
        }
    }
}

/// The model as the session prunes and repairs it, on a short text.
fn pruned(model: &Path, plan: &PruningPlan) -> PrunedDecoder<Cpu> {
    let mut session = session(model);
    session.calibrate(&DEFAULT_CALIBRATION_TEXT[..800]);
    block_on(session.pruned_decoder(plan, &Control::unstoppable(), &mut |_| {})).unwrap()
}

#[test]
fn edited_weights_of_every_family_are_in_the_order_of_its_files() {
    let mut errors = Errors::new("edited weights");
    for model in every_family() {
        // Both kinds of sublayers, and edits that set weights to 0 and others.
        for plan in ["wanda-0.5", "m0_rtn4-g32", "wanda-0.3_rtn4-g32_on-attn"] {
            let plan: PruningPlan = plan.parse().unwrap();
            let pruned = pruned(&model, &plan);
            let (off, saved) = saved(&model, &pruned, TensorType::F32, &targets(&model)[0]);
            errors.check("logits", off, TOLERANCE, &format!("{}, {plan}", model.display()));
            assert!(saved.edited.values().sum::<usize>() > 2, "{:?}", saved.edited);
        }
    }
}

#[test]
fn drops_of_every_family_leave_what_the_plan_leaves() {
    let mut errors = Errors::new("drops");
    for model in every_family() {
        let decoder = opened(&model);
        for plan in ["b1", "a0", "m1", "b0,a1"] {
            let plan: PruningPlan = plan.parse().unwrap();
            let dropped = PrunedDecoder::dropping(&decoder, &plan);
            let (off, _) = saved(&model, &dropped, TensorType::F32, &targets(&model)[0]);
            errors.check("logits", off, 1e-5, &format!("{}, {plan}", model.display()));
        }
    }
}

#[test]
fn a_gguf_file_becomes_a_folder_that_transformers_reads() {
    let mut errors = Errors::new("converted");
    let models = ["tinyllama", "qwen2", "qwen3"].map(|name| family(name).join("model.gguf"));
    for model in models.into_iter().chain([tiny_model()]) {
        for plan in ["b1", "m0_wanda-0.5", ""] {
            let plan: PruningPlan = plan.parse().unwrap();
            let out = Out::new("");
            let (off, _) = saved(&model, &pruned(&model, &plan), TensorType::F32, &out);
            let place = format!("{}, {plan}", model.display());
            errors.check("logits", off, TOLERANCE, &place);
            let [before, after] = [&model, &out.0].map(|path| load(path, Cpu).unwrap().tokenizer);
            for text in ["The capital of France", "  two  spaces\n\n1234567", "naïve 日本 <|im_end|> x"] {
                let ids = [&before, &after].map(|tokenizer| tokenizer.encode(text, false).unwrap());
                assert_eq!(ids[0], ids[1], "{place}: {text:?}");
            }
            assert_eq!((before.stop, before.special), (after.stop, after.special), "{place}");
        }
    }
}

#[test]
fn what_a_session_repairs_is_saved_or_said_to_be_left_out() {
    for plan in ["m1_repair-scale_head-temperature", "a2_wanda-0.5_repair-bias", "b1,m2_repair-rank4"] {
        let plan: PruningPlan = plan.parse().unwrap();
        let pruned = pruned(&tiny_model(), &plan);
        let report = pruned.report.repair.clone().expect("a repair");
        let out = Out::new(".gguf");
        let (off, saved) = saved(&tiny_model(), &pruned, TensorType::F32, &out);
        assert!(off < TOLERANCE, "{plan}: {off}");
        let all_apply = report.applied && report.head.iter().all(|step| step.applied);
        assert_eq!(saved.unrepaired, !all_apply, "{plan}: {report:?}");
        assert_eq!(saved.outline.folded.is_empty(), !report.applied, "{plan}");
    }
}

#[test]
fn the_default_model_without_four_blocks_and_an_attention() {
    let out = Out::new(".gguf");
    let plan: PruningPlan = "b13,b14,b17,b25,a7".parse().unwrap();
    let saving = Saving::new(&default_model(), &plan, TensorType::F16, &out.0).unwrap();
    let saved = block_on(saving.write::<Cpu>(None)).unwrap();
    let [before, after] = saved.bytes;
    assert_eq!(after, fs::metadata(&out.0).unwrap().len());
    assert!(after < 92_000_000 && before > 98_000_000, "{before} {after}");
    let decoder = opened(&default_model());
    let again = PrunedDecoder::dense(&opened(&out.0));
    assert!(difference(&logits(&PrunedDecoder::dropping(&decoder, &plan)), &logits(&again)) < 1e-5);
    assert_eq!(again.decoder.config.layers, 26);
}

fn refused(model: &Path, plan: &str, out: &Path) -> SaveModelError {
    match Saving::new(model, &plan.parse().unwrap(), TensorType::F16, out) {
        Ok(_) => panic!("{plan} is not refused"),
        Err(error) => error,
    }
}

#[test]
fn what_cannot_be_saved_is_said_before_anything_is_computed() {
    let out = Out::new(".gguf");
    let plan = |plan: &str| refused(&tiny_model(), plan, &out.0);
    assert!(matches!(plan("a9"), SaveModelError::Plan(SaveError::NoSuchLayer { layer: 9, last: 3 })));
    assert!(matches!(plan("wanda-0.5_layers-2-7"), SaveModelError::Plan(SaveError::NoSuchLayer { layer: 7, last: 3 })));
    assert!(matches!(plan("b0,b1,b2,b3"), SaveModelError::Plan(SaveError::NothingLeft)));
    assert!(matches!(plan("a1_head-bias"), SaveModelError::Plan(SaveError::HeadBias)));
    let qwen = refused(&family("qwen2"), "a1_repair-scale", &Out::new("").0).to_string();
    assert!(qwen.contains("architecture llama only") && qwen.contains("this one is qwen2"), "{qwen}");
    let phi = refused(&family("phi3").join("model.gguf"), "a1", &Out::new("").0).to_string();
    assert!(phi.contains("phi3 cannot be written as safetensors"), "{phi}");
    let to_gguf = refused(&family("llama"), "a1", &out.0);
    assert!(matches!(to_gguf, SaveModelError::NotAsGguf { .. }));
    let split = refused(&family("split"), "", &out.0);
    assert!(matches!(split, SaveModelError::Split { .. }), "{split}");
    assert!(matches!(refused(&family("llama"), "a1", &family("qwen2")), SaveModelError::Occupied { .. }));
    assert!(matches!(refused(&tiny_model(), "a1", &tiny_model()), SaveModelError::Itself { .. }));
    assert!(!out.0.exists());
}

/// Plans to save the tiny model without its last block.
fn short(out: &Path) -> Saving {
    Saving::new(&tiny_model(), &"b3".parse().unwrap(), TensorType::F16, out).unwrap_or_else(|error| panic!("{error}"))
}

/// The path of a model until it is whole.
fn unfinished(out: &Out) -> Out {
    Out(PathBuf::from(format!("{}.unfinished", out.0.display())))
}

#[test]
fn a_path_that_cannot_be_written_is_named_and_nothing_is_left() {
    for out in ["/nowhere/at/all.gguf", "/proc/nowhere"] {
        let error = block_on(short(Path::new(out)).write::<Cpu>(None)).unwrap_err().to_string();
        assert!(error.contains(&format!("{out} cannot be written")), "{error}");
    }
    // All is written, and then there is a folder that cannot be replaced.
    for out in [Out::new(".gguf"), Out::new("")] {
        let saving = short(&out.0);
        fs::create_dir(&out.0).unwrap();
        fs::write(out.0.join("other"), "other").unwrap();
        let error = block_on(saving.write::<Cpu>(None)).unwrap_err().to_string();
        assert!(error.contains(&format!("{} cannot be written", out.0.display())), "{error}");
        assert!(!unfinished(&out).0.exists() && out.0.join("other").exists());
        assert!(matches!(refused(&tiny_model(), "b3", &out.0), SaveModelError::Occupied { .. }));
    }
}

#[test]
fn the_models_own_files_are_not_written() {
    let folder = Out::new("");
    fs::create_dir(&folder.0).unwrap();
    let model = folder.0.join("model.gguf");
    fs::copy(tiny_model(), &model).unwrap();
    let is_itself = |given: &Path, out: &Path| {
        let error = refused(given, "b3", out);
        assert!(matches!(error, SaveModelError::Itself { .. }), "{}: {error}", out.display());
    };
    is_itself(&folder.0, &model);
    is_itself(&folder.0, &folder.0);
    is_itself(&model, &folder.0.join("..").join(folder.0.file_name().unwrap()).join("model.gguf"));
    // A manifest beside its only part.
    let manifest = folder.0.join("manifest.json");
    let bytes = fs::metadata(&model).unwrap().len();
    let part = serde_json::json!({ "file": "model.gguf", "bytes": bytes });
    fs::write(&manifest, serde_json::json!({ "name": "model", "parts": [part] }).to_string()).unwrap();
    is_itself(&manifest, &model);
    // A model that has the name of an unfinished one.
    let old = folder.0.join("small.gguf.unfinished");
    fs::copy(&model, &old).unwrap();
    is_itself(&old, &folder.0.join("small.gguf"));
    #[cfg(unix)]
    {
        let link = folder.0.join("link.gguf");
        std::os::unix::fs::symlink(&model, &link).unwrap();
        is_itself(&model, &link);
        is_itself(&link, &model);
    }
    // Another file beside the model may be replaced.
    Saving::new(&model, &PruningPlan::default(), TensorType::F16, &folder.0.join("other.gguf")).unwrap();
}

#[test]
fn a_slash_behind_the_folder_changes_nothing() {
    let out = Out::new("");
    let with_slash = PathBuf::from(format!("{}/", out.0.display()));
    block_on(short(&with_slash).write::<Cpu>(None)).unwrap();
    assert_eq!(opened(&out.0).config.layers, 3);
    assert!(!out.0.join(".unfinished").exists());
}

#[test]
fn what_a_killed_run_has_left_is_not_part_of_the_model() {
    for out in [Out::new(""), Out::new(".gguf")] {
        let left = unfinished(&out);
        fs::create_dir(&left.0).unwrap();
        fs::write(left.0.join("model-00002-of-00002.safetensors"), "cut off").unwrap();
        block_on(short(&out.0).write::<Cpu>(None)).unwrap();
        assert_eq!(opened(&out.0).config.layers, 3);
        assert!(!out.0.join("model-00002-of-00002.safetensors").exists() && !left.0.exists());
    }
}
