//! Damaged model files: a sentence that names what is wrong, never a panic, never more memory than the file justifies.

use std::fs;

use proptest::prelude::*;
use prunescope_engine::compute::Cpu;
use prunescope_engine::model::{LoadedModel, ModelLoader};
use prunescope_formats::{LoadError, ModelTokenizer};
use prunescope_protocol::model::repository::Repository;

fn load(bytes: &[u8], chunk: usize) -> Result<LoadedModel<Cpu>, LoadError> {
    let mut loader = ModelLoader::new(1, Cpu);
    loader.begin_file("", bytes.len() as u64)?;
    for piece in bytes.chunks(chunk) {
        loader.push(piece)?;
    }
    loader.finish()
}

fn tiny() -> Vec<u8> {
    fs::read(crate::common::tiny_model()).unwrap()
}

fn message(bytes: &[u8]) -> String {
    load(bytes, 1 << 20).map(|_| ()).unwrap_err().to_string()
}

/// Replaces the first `from` in the tiny model's bytes by `to`, of the same length.
fn replaced(from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = tiny();
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the fixture has it");
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

#[test]
fn the_fixture_loads_in_pieces_of_any_size() {
    for chunk in [1 << 20, 4096, 977] {
        assert_eq!(load(&tiny(), chunk).unwrap().decoder.config.layers, 4);
    }
}

#[test]
fn each_kind_of_damage_is_named() {
    assert!(message(b"").contains("truncated"), "{}", message(b""));
    assert!(message(b"<!doctype html><html>").contains("GGUF"), "{}", message(b"<!doctype html><html>"));
    let bytes = tiny();
    let cut = message(&bytes[..bytes.len() - 1000]);
    assert!(cut.contains("truncated"), "{cut}");
    let cut = message(&bytes[..500]);
    assert!(cut.contains("download it again"), "{cut}");
    let mut version = bytes.clone();
    version[4] = 9;
    assert!(message(&version).contains("version 9"), "{}", message(&version));
    let architecture = message(&replaced(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0mamba"));
    assert!(architecture.contains("mamba"), "{architecture}");
    // The type of the first tensor follows its name, rank and two dimensions: Q8_0 is 8, IQ2_XXS is 16.
    let name = b"token_embd.weight";
    let mut storage = bytes.clone();
    let at = storage.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 16;
    assert_eq!(storage[at], 8);
    storage[at] = 16;
    assert!(message(&storage).contains("type"), "{}", message(&storage));
    let missing = message(&replaced(b"output_norm.weight", b"output_mron.weight"));
    assert!(missing.contains("output_norm.weight"), "{missing}");
}

#[test]
fn counts_that_lie_are_refused() {
    for (at, what) in [(8, "the number of tensors is"), (16, "the number of metadata entries is")] {
        let mut bytes = tiny();
        bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        let refused = load(&bytes, 1 << 20).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains(what) && refused.contains("download it again"), "{refused}");
    }
}

#[test]
fn factors_of_a_rotation_that_cannot_be_are_refused() {
    let bytes =
        fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/families/phi3/model.gguf")).unwrap();
    let factors = [1f32, 1.2, 1.5, 3.0].map(f32::to_le_bytes).concat();
    let at = bytes.windows(factors.len()).position(|window| window == factors).expect("the fixture has them");
    for factor in [0.0, -1.2, f32::NAN] {
        let mut bytes = bytes.clone();
        bytes[at + 4..at + 8].copy_from_slice(&factor.to_le_bytes());
        assert!(message(&bytes).contains("RoPE factors"), "{}", message(&bytes));
    }
}

/// Post-processors on which the tokenizers crate panics (found by fuzzing).
#[test]
fn a_template_that_names_what_there_is_not_is_refused() {
    let folder = crate::common::root().join("tests/fixtures/families/tinyllama");
    let whole = fs::read_to_string(folder.join("tokenizer.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let good = json["post_processor"].clone();
    let mut message = |processor: serde_json::Value| {
        json["post_processor"] = processor;
        let mut repository = Repository { config: "{}".into(), ..Repository::default() };
        repository.set("tokenizer.json", json.to_string());
        ModelTokenizer::from_hub(&repository, 480).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(message(good.clone()), Ok(()));
    let mut unknown = good.clone();
    unknown["special_tokens"] = serde_json::json!({});
    let inner = serde_json::json!({ "type": "Sequence", "processors": [unknown] });
    for processor in [unknown, inner] {
        assert!(message(processor).unwrap_err().contains("\"<s>\", which it does not give"));
    }
    let mut second = good;
    second["single"][1]["Sequence"]["id"] = "B".into();
    assert!(message(second).unwrap_err().contains("a second text"));
}

/// A single large id used to allocate space for as many tokens (found by fuzzing).
#[test]
fn an_id_far_above_the_number_of_tokens_is_refused() {
    let read = |id: u32| {
        let mut repository = Repository { config: "{}".into(), ..Repository::default() };
        let vocabulary = serde_json::json!({ "a": 0, "b": id });
        repository.set(
            "tokenizer.json",
            serde_json::json!({ "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "a" } }).to_string(),
        );
        ModelTokenizer::from_hub(&repository, 1 << 24)
    };
    let tokenizer = read(9).unwrap();
    assert_eq!(["a", "", "b", ""], [0, 5, 9, 1 << 20].map(|id| tokenizer.piece(id)));
    let error = read(9_000_000).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("2 tokens, one of which has the id 9000000"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Random changes of header bytes: an error or a model, never a panic.
    #[test]
    fn a_damaged_header_never_panics(changes in proptest::collection::vec((0usize..12_000, any::<u8>()), 1..6)) {
        let mut bytes = tiny();
        for (at, value) in changes {
            bytes[at] = value;
        }
        let _ = load(&bytes, 1 << 16);
    }

    /// A tokenizer truncated anywhere, or with a character changed: an error or a tokenizer, never a panic.
    #[test]
    fn a_damaged_tokenizer_never_panics(end in 0usize..22_000, at in 0usize..22_000, character in "[ -~]") {
        let folder = crate::common::root().join("tests/fixtures/families/gemma3");
        let whole = fs::read_to_string(folder.join("tokenizer.json")).unwrap();
        let mut changed: Vec<char> = whole.chars().collect();
        let cut: String = changed.iter().take(end).collect();
        let at = at % changed.len();
        changed[at] = character.chars().next().unwrap_or(' ');
        for text in [cut, changed.into_iter().collect()] {
            let mut repository = Repository { config: "{}".into(), ..Repository::default() };
            repository.set("tokenizer.json", text);
            let _ = ModelTokenizer::from_hub(&repository, 480);
        }
    }

    /// A file truncated anywhere is refused.
    #[test]
    fn a_cut_file_is_refused(end in 0usize..332_000) {
        prop_assert!(load(&tiny()[..end], 1 << 16).is_err());
    }
}
