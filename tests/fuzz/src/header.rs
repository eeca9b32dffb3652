//! A file's header alone, without its weights.

use prunescope_formats::chat::ChatTemplate;
use prunescope_formats::gguf::{Gguf, GgufError, MAGIC};
use prunescope_formats::layout::{self, Format, Role};
use prunescope_formats::safetensors::{self, SafetensorsError};
use prunescope_formats::tensor::TensorInfo;
use prunescope_formats::{ModelTokenizer, config};
use prunescope_protocol::model::DecoderConfig;

/// A file size larger than any header of an input can describe, so that all its tensors lie within.
const WHOLE: u64 = 1 << 40;
/// Greatest number of layers for which the list of needed tensors is checked; it grows with the layers.
const FEW_LAYERS: usize = 8;

/// The input is a header of a GGUF file, or a `config.json`, a zero byte and a header of a safetensors file.
pub fn run(input: &[u8]) {
    if input.starts_with(&MAGIC) {
        for file_bytes in [input.len() as u64, WHOLE] {
            let Ok(gguf) = Gguf::parse(input, file_bytes) else { continue };
            inside(&gguf.tensors, file_bytes);
            for value in gguf.metadata.values() {
                let _ = value.to_string();
            }
            if let Ok(config) = config::from_gguf(&gguf) {
                read(&config, Format::Gguf, &gguf.tensors);
            }
            let _ = (ModelTokenizer::from_gguf(&gguf), ChatTemplate::from_gguf(&gguf));
        }
        let cut = &input[..input.len() / 2];
        match (Gguf::parse(cut, WHOLE), Gguf::parse(input, WHOLE)) {
            (Err(GgufError::Truncated { .. }), _) => {}
            (of_cut, of_whole) => {
                let tensors = |parsed: Result<Gguf, GgufError>| parsed.map(|gguf| gguf.tensors);
                assert_eq!(tensors(of_cut), tensors(of_whole), "more bytes change what a header says");
            }
        }
        return;
    }
    let end = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (config, header) = input.split_at(end);
    let config = config::from_hub(&String::from_utf8_lossy(config), "fuzz");
    let header = header.get(1..).unwrap_or_default();
    let tensors = match safetensors::parse(header, header.len() as u64) {
        Ok(tensors) => Some((tensors, header.len() as u64)),
        Err(SafetensorsError::Length { end, .. }) => safetensors::parse(header, end).ok().map(|tensors| (tensors, end)),
        Err(_) => None,
    };
    if let Some((tensors, end)) = &tensors {
        inside(tensors, *end);
    }
    if let Ok(config) = config {
        read(&config, Format::Safetensors, &tensors.map(|(tensors, _)| tensors).unwrap_or_default());
    }
}

/// Asserts that tensors lie within their file and do not overlap.
fn inside(tensors: &[TensorInfo], file_bytes: u64) {
    let mut at = 0;
    for tensor in tensors {
        assert!(tensor.offset >= at, "tensors overlap");
        at = tensor.offset.checked_add(tensor.bytes).expect("a tensor ends at a number");
    }
    assert!(at <= file_bytes, "a tensor ends outside of its file");
}

/// Resolves each tensor's role in the decoder.
fn read(config: &DecoderConfig, format: Format, tensors: &[TensorInfo]) {
    let needed = if config.layers <= FEW_LAYERS { layout::needed(config) } else { vec![] };
    for name in &needed {
        assert!(layout::shape_of(config, name).is_some(), "{name} is needed, and nothing says its shape");
    }
    for tensor in tensors {
        if let Role::Part(place) = layout::role(config, format, &tensor.name)
            && place.check(config, tensor).is_ok()
        {
            let tensor_type = tensor.tensor_type.as_ref().expect("a type that is read");
            let elements: u128 = tensor.elements().into();
            let [rows, columns] = tensor.matrix_shape();
            assert_eq!(elements, u128::from(rows) * u128::from(columns), "a shape is not that of a matrix");
            assert_eq!(
                u128::from(tensor.bytes) * u128::from(tensor_type.block_len()),
                elements * u128::from(tensor_type.block_bytes())
            );
            assert!(!place.names(config).is_empty());
        }
    }
}
