//! Any bytes as a configuration and a safetensors file, between them a zero byte: an error or a model, never a panic.
#![no_main]

use burn::tensor::Device;
use libfuzzer_sys::fuzz_target;
use prunescope::model::repository::Repository;
use prunescope::model::{ModelLoader, Storage};

const TOKENIZER: &str = include_str!("../../fixtures/families/llama/tokenizer.json");

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (config, weights) = bytes.split_at(end);
    let mut repository = Repository { name: "fuzz".into(), ..Repository::default() };
    repository.set("config.json", String::from_utf8_lossy(config).into_owned());
    repository.set("tokenizer.json", TOKENIZER.into());
    let weights = weights.get(1..).unwrap_or_default();
    let mut loader = ModelLoader::new(1, &Device::flex(), Storage::Packed);
    if loader.describe(repository).is_err()
        || loader.begin_file("", weights.len() as u64).is_err()
        || weights.chunks(1009).any(|piece| loader.push(piece).is_err())
    {
        return;
    }
    let _ = loader.finish();
});
