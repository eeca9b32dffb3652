//! Any bytes as a GGUF file: an error or a model, never a panic, never memory beyond what the file can hold.
#![no_main]

use burn::tensor::Device;
use libfuzzer_sys::fuzz_target;
use prunescope::model::{ModelLoader, Storage};

fuzz_target!(|bytes: &[u8]| {
    let mut loader = ModelLoader::new(1, &Device::flex(), Storage::Packed);
    if loader.begin_file("", bytes.len() as u64).is_err() || bytes.chunks(1009).any(|piece| loader.push(piece).is_err()) {
        return;
    }
    let _ = loader.finish();
});
