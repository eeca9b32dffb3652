//! Parser for the header of safetensors files; does no input or output. Source: the format's specification in the
//! `safetensors` repository.
//!
//! The crate of that name is not used: it counts a tensor's bits in `usize`, which overflows in a browser from 512 MB
//! on.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::tensor::TensorInfo;
use prunescope_protocol::model::repository::MAX_SAFETENSORS_HEADER_BYTES as MAX_HEADER_BYTES;
use prunescope_quant::TensorType;

/// Bytes of the field at the start of the file that holds the header's length.
const LENGTH_BYTES: usize = 8;

/// Why a file is not a safetensors file that can be read.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SafetensorsError {
    /// The bytes end before the header does. While streaming this means: more bytes are needed.
    #[error("the file ends inside its header, which takes {wanted} bytes: it is truncated; download it again")]
    Truncated {
        /// Bytes needed to parse the header.
        wanted: u64,
    },
    /// The header cannot be read.
    #[error(
        "the file's header is not one of safetensors ({why}): choose a .safetensors or .gguf file, or download it again"
    )]
    Header {
        /// What is wrong.
        why: String,
    },
    /// The tensors do not fill the file.
    #[error(
        "the tensors end at byte {end} of a file of {file} bytes: the file is truncated or corrupt; download it again"
    )]
    Length {
        /// Where the last tensor ends.
        end: u64,
        /// The file's size in bytes.
        file: u64,
    },
}

/// Whether a file with these first bytes may be a safetensors file: a length, then JSON.
pub fn recognises(bytes: &[u8]) -> bool {
    bytes.len() > LENGTH_BYTES && bytes[LENGTH_BYTES] == b'{'
}

/// Parses the header; returns the tensors in the order of their bytes in the file.
///
/// * `bytes` — a prefix of the file, at least the whole header.
/// * `file_bytes` — the size of the whole file, which the tensors must fill.
///
/// # Errors
/// [`SafetensorsError::Truncated`] if `bytes` ends inside the header; any other error is final.
pub fn parse(bytes: &[u8], file_bytes: u64) -> Result<Vec<TensorInfo>, SafetensorsError> {
    let wrong = |why: String| SafetensorsError::Header { why };
    let Some(length) = bytes.first_chunk::<LENGTH_BYTES>() else {
        return Err(SafetensorsError::Truncated { wanted: LENGTH_BYTES as u64 });
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES || length > file_bytes {
        return Err(wrong(format!("it would be {length} bytes long")));
    }
    let start = LENGTH_BYTES + length as usize;
    let Some(text) = bytes.get(LENGTH_BYTES..start) else {
        return Err(SafetensorsError::Truncated { wanted: start as u64 });
    };
    let entries: BTreeMap<String, Value> = serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
    let mut out = vec![];
    let mut spans = vec![];
    for (name, entry) in entries {
        if name == METADATA {
            continue;
        }
        let Entry { dtype, shape, data_offsets: [begin, end] } =
            serde_json::from_value(entry).map_err(|error| wrong(format!("tensor `{name}`: {error}")))?;
        let elements = shape.iter().try_fold(1u64, |product, n| product.checked_mul(*n));
        spans.push((begin, end));
        // An unsupported type is an error only if the tensor is needed.
        let tensor_type = match dtype.as_str() {
            "F32" => Ok(TensorType::F32),
            "F16" => Ok(TensorType::F16),
            "BF16" => Ok(TensorType::BF16),
            _ => Err(dtype),
        };
        let claimed = end.checked_sub(begin);
        let bytes = match &tensor_type {
            Ok(known) => elements.and_then(|elements| elements.checked_mul(known.block_bytes())),
            Err(_) => claimed,
        };
        match bytes {
            Some(bytes) if Some(bytes) == claimed => {
                // An offset that overflows is refused below, since the tensors must follow each other.
                let offset = (start as u64).saturating_add(begin);
                out.push(TensorInfo { name, shape, tensor_type, offset, bytes });
            }
            _ => return Err(wrong(format!("tensor `{name}` of shape {shape:?} lies at bytes {begin} to {end}"))),
        }
    }
    // The tensors must follow each other without gaps and fill the file.
    spans.sort_unstable();
    let mut at = 0;
    for (begin, end) in spans {
        if begin != at || end < begin {
            return Err(wrong(format!("a tensor begins at byte {begin}, where byte {at} is expected")));
        }
        at = end;
    }
    let end = (start as u64).saturating_add(at);
    if end != file_bytes {
        return Err(SafetensorsError::Length { end, file: file_bytes });
    }
    out.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
    Ok(out)
}

/// The header's entry that is not a tensor.
const METADATA: &str = "__metadata__";

/// A tensor's entry in the header.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut out = (header.len() as u64).to_le_bytes().to_vec();
        out.extend(header.as_bytes());
        out.resize(out.len() + data, 0);
        out
    }

    const HEADER: &str = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},
        "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"mask":{"dtype":"BOOL","shape":[1,4],"data_offsets":[20,24]}}"#;

    #[test]
    fn tensors_are_told_in_the_order_of_their_bytes() {
        let bytes = file(HEADER, 24);
        assert!(recognises(&bytes));
        let tensors = parse(&bytes, bytes.len() as u64).unwrap();
        let start = bytes.len() as u64 - 24;
        let told: Vec<_> =
            tensors.iter().map(|t| (t.name.as_str(), t.offset - start, t.bytes, t.matrix_shape())).collect();
        assert_eq!(told, [("a", 0, 8, [1, 2]), ("b", 8, 12, [2, 3]), ("mask", 20, 4, [1, 4])]);
        assert_eq!(tensors[2].tensor_type, Err("BOOL".into()), "told, should anything need it");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let bytes = file(HEADER, 24);
        let size = bytes.len() as u64;
        assert!(matches!(parse(&bytes[..50], size), Err(SafetensorsError::Truncated { .. })));
        assert!(matches!(parse(&bytes, size + 1), Err(SafetensorsError::Length { .. })));
        let message = |from: &str, to: &str| {
            let bytes = file(&HEADER.replace(from, to), 24);
            parse(&bytes, bytes.len() as u64).unwrap_err().to_string()
        };
        assert!(message("[2],\"data", "[3],\"data").contains("`a`"));
        assert!(message("[8,20]", "[7,20]").contains("header"));
        assert!(message("[2,3]", "[2,4]").contains("header"));
        let last = format!("[0],\"data_offsets\":[{0},{0}]", u64::MAX);
        assert!(message("[2],\"data_offsets\":[0,8]", &last).contains("begins at byte"));
        assert!(message("{\"__meta", "[\"__meta").contains("header"));
        let mut lies = bytes;
        lies[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(parse(&lies, size).unwrap_err().to_string().contains("bytes long"));
    }

    proptest! {
        /// Any damage gives an error or tensors that lie inside the file; never a panic.
        #[test]
        fn damage_never_points_outside(at in 0usize..250, value: u8, cut in 0usize..400) {
            let mut bytes = file(HEADER, 24);
            let at = at.min(bytes.len() - 1);
            bytes[at] = value;
            bytes.truncate(cut.max(1));
            for tensor in parse(&bytes, bytes.len() as u64).unwrap_or_default() {
                prop_assert!(tensor.offset + tensor.bytes <= bytes.len() as u64);
            }
        }
    }
}
