//! Checkpoints as they are found in the wild: fixtures with a few edits, each after a public report against another engine, with the
//! reference's results for them (`tests/reference/foreign`); and systematic variations, such as every key with every type.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::Errors;
use crate::edit::{self, Edits, Folder, RawGguf};
use futures::executor::block_on;
use prunescope_engine::compute::Cpu;
use prunescope_engine::experiment::Control;
use prunescope_engine::model::file::load;
use prunescope_engine::session::Session;
use prunescope_protocol::settings::RunSettings;
use serde::Deserialize;

/// Allowed difference from transformers' probabilities, whose order of summation differs.
const TOLERANCE: f64 = 5e-6;
/// Allowed difference from llama.cpp, which reads GELU from a table of 16-bit floats.
const LLAMA_CPP_TOLERANCE: f64 = 2e-4;

#[derive(Deserialize)]
struct Case {
    name: String,
    base: String,
    format: String,
    #[serde(flatten)]
    edits: Edits,
    #[serde(default)]
    chat: bool,
    prompt: Option<String>,
    #[serde(default)]
    ids: Vec<u32>,
    #[serde(default)]
    top: Vec<(u32, f32)>,
    error: Option<String>,
    #[serde(default)]
    same: bool,
    like: Option<String>,
    notice: Option<String>,
}

/// A model's results for a prompt.
#[derive(Debug, PartialEq)]
struct Found {
    ids: Vec<u32>,
    top: Vec<(u32, f32)>,
    notices: Vec<String>,
}

fn family(name: &str) -> PathBuf {
    crate::common::root().join("tests/fixtures/families").join(name)
}

fn found(model: &Path, prompt: Option<&str>, chat: bool) -> Result<Found, String> {
    let model = load(model, Cpu).map_err(|error| error.to_string())?;
    let mut session = Session::new(model, "", || 0.0);
    let mut settings = RunSettings { chat, tokens: 1, ..RunSettings::default() };
    settings.prompt = prompt.unwrap_or(&settings.prompt).into();
    let report = block_on(session.run(&settings, &Control::unstoppable(), &mut |_| {}));
    let report = report.map_err(|error| error.to_string())?;
    let top = report.next_token.top.dense.iter().map(|token| (token.id, token.dense)).collect();
    Ok(Found { ids: report.prompt_ids, top, notices: session.info().notices.clone() })
}

impl Case {
    fn found(&self) -> Result<Found, String> {
        let base = family(&self.base);
        let folder = if self.format == "gguf" { edit::gguf(&base, &self.edits) } else { edit::hub(&base, &self.edits) };
        let model = if self.format == "gguf" { folder.0.join("model.gguf") } else { folder.0.clone() };
        found(&model, self.prompt.as_deref(), self.chat)
    }

    /// The results of the unedited fixture.
    fn base(&self) -> Found {
        let base = family(&self.base);
        let model = if self.format == "gguf" { base.join("model.gguf") } else { base };
        found(&model, self.prompt.as_deref(), self.chat).unwrap()
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_slice(&fs::read(crate::common::root().join("tests/fixtures/foreign.json")).unwrap()).unwrap()
}

#[test]
fn each_gives_its_references_numbers_or_says_why_not() {
    let cases = cases();
    let mut wrong = vec![];
    let mut errors = Errors::new("foreign models");
    for case in &cases {
        let name = &case.name;
        match (case.found(), &case.error) {
            (Err(error), Some(wanted)) if error.contains(wanted) => {}
            (Err(error), _) => wrong.push(format!("{name}: {error}")),
            (Ok(_), Some(wanted)) => wrong.push(format!("{name}: it runs, where {wanted:?} should be said")),
            (Ok(found), None) => {
                let base;
                let (ids, top) = if case.same {
                    base = case.base();
                    (&base.ids, &base.top)
                } else {
                    let like = case.like.as_ref().map(|like| cases.iter().find(|case| case.name == *like).unwrap());
                    let of = like.unwrap_or(case);
                    (&of.ids, &of.top)
                };
                if found.ids != *ids {
                    wrong.push(format!("{name}: {:?} are not {ids:?}", found.ids));
                    continue;
                }
                let (library, tolerance) = if case.format == "gguf" {
                    ("probability beside llama.cpp", LLAMA_CPP_TOLERANCE)
                } else {
                    ("probability beside transformers", TOLERANCE)
                };
                // The most likely tokens; their order may differ where probabilities are equal.
                for (id, p) in top {
                    let ours = found.top.iter().find(|(ours, _)| ours == id).map_or(f32::NAN, |(_, p)| *p);
                    if let Err(off) = errors.within(library, f64::from((ours - p).abs()), tolerance) {
                        wrong.push(format!("{name}: token {id} has {ours}, not {p}: {off}"));
                    }
                }
                let told = found.notices.join("\n");
                match &case.notice {
                    Some(notice) if !told.contains(notice) => {
                        wrong.push(format!("{name}: {told:?} does not say {notice:?}"))
                    }
                    None if !told.is_empty() => wrong.push(format!("{name}: nothing is to be told, {told:?} is")),
                    _ => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A fixture of one GGUF file, edited.
fn gguf(family_name: &str, change: impl FnOnce(&mut RawGguf)) -> RawGguf {
    let mut file = RawGguf::read(&fs::read(family(family_name).join("model.gguf")).unwrap());
    change(&mut file);
    file
}

fn found_in(bytes: &[u8]) -> Result<Found, String> {
    let folder = Folder::new();
    let path = folder.0.join("model.gguf");
    fs::write(&path, bytes).unwrap();
    found(&path, None, false)
}

/// Storing any number of the metadata as any type that can hold it gives the same model; where it is a text or not finite, the error
/// names the key. So no key needs a test of its own.
#[test]
fn every_number_of_gguf_metadata_may_have_every_type_that_holds_it() {
    for name in ["llama", "tinyllama", "qwen2", "qwen3", "gemma3", "gpt2", "gpt_neox", "phi", "phi3"] {
        let whole = gguf(name, |_| {});
        let wanted = found_in(&whole.write()).unwrap();
        let mut tried = 0;
        for (key, kind, bytes) in &whole.metadata {
            let key = std::str::from_utf8(key).unwrap();
            let number = match kind {
                4 => f64::from(u32::from_le_bytes(bytes[..].try_into().unwrap())),
                5 => f64::from(i32::from_le_bytes(bytes[..].try_into().unwrap())),
                6 => f64::from(f32::from_le_bytes(bytes[..].try_into().unwrap())),
                7 => f64::from(bytes[0]),
                10 => u64::from_le_bytes(bytes[..].try_into().unwrap()) as f64,
                _ => continue,
            };
            let is_read = !key.starts_with("general.") || key == "general.alignment";
            // Whole numbers as each of ten types, other numbers as both float types.
            let whole_number = number.fract() == 0.0;
            let signed = |width: u32| number.abs() < f64::from(2u32).powi(width as i32 - 1);
            let unsigned = |width: u32| number >= 0.0 && number < f64::from(2u32).powi(width as i32);
            for other in [0, 1, 2, 3, 4, 5, 6, 10, 11, 12] {
                let holds = match other {
                    0 => whole_number && unsigned(8),
                    1 => whole_number && signed(8),
                    2 => whole_number && unsigned(16),
                    3 => whole_number && signed(16),
                    4 => whole_number && unsigned(32),
                    5 => whole_number && signed(32),
                    10 | 11 => whole_number && unsigned(53),
                    6 => f64::from(number as f32) == number,
                    _ => true,
                };
                if !holds {
                    continue;
                }
                let json = if [6, 12].contains(&other) { number.into() } else { (number as i64).into() };
                let value = edit::value(other, &json);
                let file = gguf(name, |file| file.set(key, Some((other, value))));
                assert_eq!(found_in(&file.write()).as_ref(), Ok(&wanted), "{name}: {key} as type {other}");
                tried += 1;
            }
            let mut refusals = vec![(8, edit::text(b"many"))];
            if *kind == 6 {
                refusals.extend([f32::NAN, f32::INFINITY].map(|x| (6, x.to_le_bytes().to_vec())));
            }
            for (other, value) in refusals.into_iter().filter(|_| is_read) {
                let file = gguf(name, |file| file.set(key, Some((other, value))));
                let error = found_in(&file.write()).map(|_| ());
                // Some entries concern features that the file does not have, such as a kind of token.
                if let Err(error) = error {
                    assert!(error.contains(&format!("`{key}`")), "{name}: {key}: {error}");
                } else {
                    panic!("{name}: {key} as type {other} is read in silence");
                }
            }
        }
        assert!(tried > 30, "{name}: {tried}");
    }
}

/// Any number of a `config.json`, written as an integer or as a float, gives the same model; where it is a text, the error names the key.
#[test]
fn every_number_of_a_configuration_is_read_or_named() {
    for name in ["llama", "tinyllama", "mistral", "qwen2", "qwen3", "gemma3", "gpt2", "gpt_neox", "phi", "phi3"] {
        let config: serde_json::Value =
            serde_json::from_slice(&fs::read(family(name).join("config.json")).unwrap()).unwrap();
        let wanted = found(&family(name), None, false).unwrap();
        let with = |pointer: &str, value: serde_json::Value| {
            let json = serde_json::json!({ "config.json": { "set": { pointer: value } } });
            let edits = serde_json::from_value(serde_json::json!({ "files": json })).unwrap();
            let folder = edit::hub(&family(name), &edits);
            found(&folder.0, None, false)
        };
        let mut pointers: BTreeMap<String, f64> = BTreeMap::new();
        numbers(&config, String::new(), &mut pointers);
        let mut named = 0;
        for (pointer, number) in pointers {
            let key = pointer.rsplit('/').next().unwrap();
            if number.fract() == 0.0 {
                for same in [serde_json::json!(number as i64), serde_json::json!(number)] {
                    if key.ends_with("token_id") {
                        continue;
                    }
                    assert_eq!(with(&pointer, same.clone()).as_ref(), Ok(&wanted), "{name}: {pointer} as {same}");
                }
            }
            match with(&pointer, "many".into()) {
                Err(error) => {
                    assert!(error.contains(&format!("`{key}`")), "{name}: {pointer}: {error}");
                    named += 1;
                }
                // Keys that transformers does not read for this model either: the last two where the layers are listed.
                Ok(same) => {
                    let unread = [
                        "initializer_range",
                        "dropout",
                        "pdrop",
                        "token_id",
                        "pretraining_tp",
                        "max_window_layers",
                        "_sliding_window_pattern",
                    ];
                    assert!(unread.iter().any(|part| key.contains(part)), "{name}: {pointer} is read in silence");
                    assert_eq!(same, wanted, "{name}: {pointer}");
                }
            }
        }
        assert!(named >= 6, "{name}: {named}");
    }
}

fn numbers(value: &serde_json::Value, at: String, out: &mut BTreeMap<String, f64>) {
    match value {
        serde_json::Value::Object(map) => {
            map.iter().for_each(|(key, value)| numbers(value, format!("{at}/{key}"), out))
        }
        serde_json::Value::Number(number) => drop(out.insert(at, number.as_f64().unwrap())),
        _ => {}
    }
}

#[test]
fn which_file_a_tensor_comes_from_is_what_the_index_says() {
    let base = family("llama");
    let wanted = found(&base, None, false).unwrap();
    let tensors = edit::read_safetensors(&fs::read(base.join("model.safetensors")).unwrap());
    let half: Vec<String> = tensors.keys().take(tensors.len() / 2).cloned().collect();
    let split = |names: [&str; 2], stale: Option<&str>, index: bool| {
        let folder = edit::hub(&base, &Edits::default());
        fs::remove_file(folder.0.join("model.safetensors")).unwrap();
        let of = |first: bool| -> edit::Tensors {
            tensors
                .iter()
                .filter(|(name, _)| half.contains(name) == first)
                .map(|(name, tensor)| (name.clone(), tensor.clone()))
                .collect()
        };
        let mut files = [of(true), of(false)];
        if let Some(stale) = stale {
            let (dtype, shape, bytes) = tensors[stale].clone();
            let other = usize::from(half.contains(&stale.to_string()));
            files[other].insert(stale.into(), (dtype, shape, vec![0; bytes.len()]));
        }
        for (name, file) in names.iter().zip(&files) {
            fs::write(folder.0.join(name), edit::write_safetensors(file)).unwrap();
        }
        if index {
            let map: BTreeMap<&String, &str> =
                tensors.keys().map(|name| (name, names[usize::from(!half.contains(name))])).collect();
            let index = serde_json::json!({ "metadata": {}, "weight_map": map });
            fs::write(folder.0.join("model.safetensors.index.json"), index.to_string()).unwrap();
        }
        folder
    };
    let usual = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let same = |folder: Folder| {
        let Found { ids, top, notices } = found(&folder.0, None, false).unwrap();
        assert_eq!((ids, top), (wanted.ids.clone(), wanted.top.clone()));
        notices
    };
    assert_eq!(same(split(usual, None, true)), Vec::<String>::new());
    assert_eq!(same(split(usual, None, false)), Vec::<String>::new());
    // A stale copy in the later or in the earlier file.
    for stale in ["lm_head.weight", "model.norm.weight"] {
        let notices = same(split(usual, Some(stale), true));
        assert!(
            notices[0].contains("has a copy of 1 tensor that belongs to another file") && notices[0].contains(stale),
            "{notices:?}"
        );
        let error = found(&split(usual, Some(stale), false).0, None, false).unwrap_err();
        assert!(error.contains("comes twice"), "{error}");
    }
    // Files with other names, and with an older, second set next to them.
    same(split(["parta.safetensors", "partb.safetensors"], None, true));
    let folder = split(usual, None, true);
    for name in ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors"] {
        fs::copy(folder.0.join(usual[0]), folder.0.join(name)).unwrap();
    }
    same(folder);
    let folder = split(usual, None, true);
    fs::remove_file(folder.0.join(usual[1])).unwrap();
    let error = found(&folder.0, None, false).unwrap_err();
    assert!(error.contains("names model-00002-of-00002.safetensors, which is not there"), "{error}");
}

#[test]
fn a_repository_that_is_none_of_a_language_model_says_what_it_is() {
    let folder = edit::hub(&family("llama"), &Edits::default());
    fs::rename(folder.0.join("model.safetensors"), folder.0.join("adapter_model.safetensors")).unwrap();
    fs::write(folder.0.join("adapter_config.json"), r#"{"peft_type": "LORA"}"#).unwrap();
    let error = found(&folder.0, None, false).unwrap_err();
    assert!(error.contains("an adapter (LoRA) for another model"), "{error}");
    let folder = edit::hub(&family("llama"), &Edits::default());
    fs::write(folder.0.join("modules.json"), "[]").unwrap();
    let error = found(&folder.0, None, false).unwrap_err();
    assert!(error.contains("an embedding model (it has modules.json)"), "{error}");
}

#[test]
fn gguf_files_of_other_layouts_are_the_same_model() {
    let wanted = found_in(&gguf("llama", |_| {}).write()).unwrap();
    let aligned = gguf("llama", |file| file.set("general.alignment", Some((10, 64u64.to_le_bytes().to_vec()))));
    assert_eq!(found_in(&aligned.write_as(2, 64)).as_ref(), Ok(&wanted));
    let shuffled = gguf("llama", |file| file.tensors.reverse());
    assert_eq!(found_in(&shuffled.write()).as_ref(), Ok(&wanted));
    // Tensors that are not needed may have any type, known or not, and any size.
    for (kind, bytes) in [(26, 64), (16, 66), (99, 1000), (2, 18), (0, 0)] {
        let extra = gguf("llama", |file| {
            let dimensions = if bytes == 0 { vec![0] } else { vec![16] };
            file.tensors.insert(3, (b"blk.0.attn_rot_embd".to_vec(), dimensions, kind, vec![7; bytes]));
        });
        assert_eq!(found_in(&extra.write()).as_ref(), Ok(&wanted), "type {kind}");
    }
    // If the tensor is needed, the error names its type.
    let unread = gguf("llama", |file| file.tensors[2].2 = 26);
    let error = found_in(&unread.write()).unwrap_err();
    assert!(error.contains("is stored as I32, which is not read"), "{error}");
    // Metadata that is not needed may also be anything: an array of arrays, texts that are not UTF-8.
    let nested =
        [9u32.to_le_bytes().as_slice(), &1u64.to_le_bytes(), &edit::value(9, &serde_json::json!([4, [1, 2]]))].concat();
    let extra = gguf("llama", |file| {
        file.set("author.notes", Some((9, nested)));
        file.set("author.name", Some((8, edit::text(b"caf\xe9"))));
        file.metadata.push((b"author.\xff".to_vec(), 4, vec![0; 4]));
    });
    assert_eq!(found_in(&extra.write()).as_ref(), Ok(&wanted));
    let twice = gguf("llama", |file| file.metadata.push((b"llama.block_count".to_vec(), 4, vec![0; 4])));
    let error = found_in(&twice.write()).unwrap_err();
    assert!(error.contains("`llama.block_count` comes twice"), "{error}");
}

#[test]
fn files_of_other_byte_orders_and_versions_are_named() {
    let mut bytes = gguf("llama", |_| {}).write();
    bytes[4..8].copy_from_slice(&3u32.to_be_bytes());
    assert!(found_in(&bytes).unwrap_err().contains("the file is big-endian"));
    bytes[4..8].copy_from_slice(&1u32.to_le_bytes());
    assert!(found_in(&bytes).unwrap_err().contains("GGUF version 1"));
}

#[test]
fn tokens_may_be_any_bytes() {
    let wanted = found_in(&gguf("qwen2", |_| {}).write()).unwrap();
    let unnamed = |file: &RawGguf| {
        let merges: Vec<Vec<u8>> = file.texts("tokenizer.ggml.merges");
        let used =
            |token: &Vec<u8>| merges.iter().any(|merge| merge.split(|byte| *byte == b' ').any(|part| part == token));
        let tokens = file.texts("tokenizer.ggml.tokens");
        (100..tokens.len()).find(|id| !used(&tokens[*id])).unwrap()
    };
    let file = gguf("qwen2", |file| {
        let id = unnamed(file);
        let mut tokens = file.texts("tokenizer.ggml.tokens");
        // Two tokens that are not UTF-8, and so have the same text.
        tokens[id] = b"\xe9\xff".to_vec();
        tokens[395] = b"\xe9\xff".to_vec();
        file.set_texts("tokenizer.ggml.tokens", &tokens);
    });
    let found = found_in(&file.write()).unwrap();
    assert_eq!((found.ids, found.top), (wanted.ids, wanted.top));
    let folder = Folder::new();
    fs::write(folder.0.join("model.gguf"), file.write()).unwrap();
    let model = load(&folder.0.join("model.gguf"), Cpu).unwrap();
    assert!(model.tokenizer.piece(395).contains('\u{fffd}'), "{:?}", model.tokenizer.piece(395));
    let twice = gguf("qwen2", |file| {
        let mut tokens = file.texts("tokenizer.ggml.tokens");
        tokens[396] = tokens[330].clone();
        file.set_texts("tokenizer.ggml.tokens", &tokens);
    });
    fs::write(folder.0.join("model.gguf"), twice.write()).unwrap();
    let model = load(&folder.0.join("model.gguf"), Cpu).unwrap();
    let whole = load(&family("qwen2").join("model.gguf"), Cpu).unwrap();
    assert_eq!(model.tokenizer.piece(330), whole.tokenizer.piece(330), "the first keeps its text");
    assert!(!model.tokenizer.piece(396).contains("\u{fffd}"), "and so does the second");
}

/// A token's text is checked for splits at every position, so a very long one used to take minutes.
#[test]
fn a_piece_that_is_too_long_is_refused_at_once() {
    let file = gguf("tinyllama", |file| {
        let mut tokens = file.texts("tokenizer.ggml.tokens");
        tokens[440] = vec![b'a'; 1_000_000];
        file.set_texts("tokenizer.ggml.tokens", &tokens);
    });
    let error = found_in(&file.write()).unwrap_err();
    assert!(error.contains("its token 440, \"aaaaaaaaaaaaaaaaaaaa\"…, is 1000000 bytes long"), "{error}");
}

/// Unused ids: every other token keeps its text, and control tokens are never written.
#[test]
fn holes_in_the_ids_keep_the_texts() {
    let base = family("llama");
    let folder = edit::hub(&base, &Edits::default());
    let path = folder.0.join("tokenizer.json");
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let vocabulary = tokenizer["model"]["vocab"].as_object_mut().unwrap();
    let gone: Vec<String> = vocabulary
        .iter()
        .filter(|(_, id)| (390..395).contains(&id.as_u64().unwrap()))
        .map(|(token, _)| token.clone())
        .collect();
    gone.iter().for_each(|token| drop(vocabulary.remove(token)));
    let added = tokenizer["added_tokens"].clone();
    for token in added.as_array().unwrap() {
        tokenizer["model"]["vocab"][token["content"].as_str().unwrap()] = token["id"].clone();
    }
    let merges = tokenizer["model"]["merges"].as_array_mut().unwrap();
    let names = |merge: &serde_json::Value| {
        merge.as_array().map_or(String::new(), |pair| pair.iter().map(|part| part.as_str().unwrap()).collect())
    };
    merges.retain(|merge| {
        !gone.contains(&names(merge))
            && merge.as_array().is_none_or(|pair| pair.iter().all(|part| !gone.iter().any(|token| part == token)))
    });
    fs::write(path, tokenizer.to_string()).unwrap();
    let model = load(&folder.0, Cpu).unwrap();
    let whole = load(&base, Cpu).unwrap();
    for id in (0..390).chain(395..400) {
        assert_eq!(model.tokenizer.piece(id), whole.tokenizer.piece(id), "token {id}");
    }
    assert_eq!(model.tokenizer.decode(&[399, 300, 397]), whole.tokenizer.decode(&[300]));
    assert_eq!(model.tokenizer.stop, whole.tokenizer.stop);
}

/// Numbers that are not finite are reported with the place where they first occur, and the page can parse the events.
#[test]
fn numbers_that_are_none_are_told_with_their_place() {
    use prunescope_protocol::messages::RunEvent;
    let nan = |name: &str| {
        let file = gguf("llama", |file| {
            let (.., bytes) = file.tensors.iter_mut().find(|(tensor, ..)| tensor == name.as_bytes()).unwrap();
            bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        });
        let folder = Folder::new();
        fs::write(folder.0.join("model.gguf"), file.write()).unwrap();
        let mut session = crate::common::session(&folder.0.join("model.gguf"));
        let settings = RunSettings { chat: false, tokens: 2, plan: "a0".parse().unwrap(), ..RunSettings::default() };
        let mut told = vec![];
        let mut tell = |event: RunEvent| {
            let text = serde_json::to_string(&event).unwrap();
            serde_json::from_str::<RunEvent>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            if let RunEvent::NotFinite { found } = event {
                told.push(found.to_string());
            }
        };
        let report = block_on(session.run(&settings, &Control::unstoppable(), &mut tell)).unwrap();
        assert_eq!(report.not_finite.map(|found| found.to_string()), told.first().cloned());
        assert!(report.next_token.metrics.cos_p.is_nan());
        told
    };
    assert!(
        nan("blk.1.ffn_norm.weight")[0].contains(
            "dense model gives numbers that are not finite (NaN or infinite), first after the MLP of layer 1"
        )
    );
    assert!(nan("blk.0.attn_norm.weight")[0].contains("after the attention of layer 0"));
    assert!(nan("output_norm.weight")[0].contains("after the final norm"));
}
