//! The header of a saved safetensors file.

use serde_json::{Map, Value, json};

use super::{Content, OriginalTensor, SavedFile, SavedTensor};

/// The header of the saved file, which holds its tensors without gaps.
///
/// * `tensors`: their originals have types that safetensors files have.
pub fn saved(originals: &[OriginalTensor], tensors: &[SavedTensor]) -> SavedFile {
    // transformers refuses files that do not say which library they are for.
    let mut entries = Map::from_iter([("__metadata__".to_string(), json!({ "format": "pt" }))]);
    let mut at = 0;
    for tensor in tensors {
        let (dtype, shape) = match &tensor.content {
            Content::Copied | Content::Zeros => {
                let info = &originals[tensor.original].info;
                let known = info.tensor_type.as_ref().map(|known| known.name());
                (known.unwrap_or_else(|other| other), &info.shape)
            }
            Content::Computed { tensor_type, shape, .. } => (tensor_type.name(), shape),
        };
        let end = at + tensor.bytes(originals);
        entries.insert(tensor.name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, end] }));
        at = end;
    }
    let mut text = Value::Object(entries).to_string().into_bytes();
    // As the library writes it: the data begins at a multiple of 8.
    text.resize(text.len().next_multiple_of(8), b' ');
    let header = [&(text.len() as u64).to_le_bytes()[..], &text].concat();
    SavedFile { header, alignment: 1 }
}
