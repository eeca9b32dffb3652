//! Any bytes as a model file: an error or a model, never a panic, never memory beyond what the file can hold.
#![no_main]

use burn::tensor::Device;
use libfuzzer_sys::fuzz_target;
use prunescope::model::{ModelLoader, Storage};

fuzz_target!(|bytes: &[u8]| {
    let mut loader = ModelLoader::new(bytes.len() as u64, &Device::flex(), Storage::Packed);
    for piece in bytes.chunks(1009) {
        if loader.push(piece).is_err() {
            return;
        }
    }
    let _ = loader.finish();
});
