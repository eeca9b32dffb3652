//! Parser for the header of GGUF versions 2 and 3: metadata and tensor directory. Does no input or output.
//!
//! Source: the GGUF specification in the ggml repository (`docs/gguf.md`). No count from the file is used for an
//! allocation before it is checked against the file's size, and no offset is used before that either; a wrong header
//! gives a [`GgufError`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use thiserror::Error;

use super::metadata::{FromValue, Numbers, Value};
use super::tensor::TensorInfo;
use prunescope_quant::TensorType;

/// The first four bytes of every GGUF file.
pub const MAGIC: [u8; 4] = *b"GGUF";
/// Tensor data starts at a multiple of this many bytes, unless the file states `general.alignment`.
pub(crate) const DEFAULT_ALIGNMENT: u64 = 32;
/// Largest alignment that is accepted, in bytes.
const MAX_ALIGNMENT: u64 = 1 << 20;
/// Most dimensions of a tensor that are accepted.
const MAX_DIMENSIONS: u32 = 4;
/// Deepest nesting of arrays that is accepted.
const MAX_ARRAY_DEPTH: usize = 4;

/// Why a file is not a GGUF file that can be read.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GgufError {
    /// The bytes end before the header does. While streaming this means: more bytes are needed.
    #[error("the file ends inside its header, at byte {at}: it is truncated; download it again")]
    Truncated {
        /// Where the missing bytes were expected.
        at: u64,
    },
    /// The file does not begin with [`MAGIC`].
    #[error("the file begins with {found:02x?} where a GGUF file has the letters GGUF: choose a .gguf file")]
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// The version is not supported.
    #[error(
        "the file is GGUF version {found}, and only versions 2 and 3 are read: convert it with a current llama.cpp"
    )]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// A metadata value has an unknown type.
    #[error("metadata `{key}` has the unknown value type {found}: the file is corrupt; download it again")]
    ValueType {
        /// The metadata key.
        key: String,
        /// The type number.
        found: u32,
    },
    /// The file is big-endian.
    #[error(
        "the file is big-endian, and only little-endian GGUF files are read: get the little-endian file, or convert it with llama.cpp's gguf_convert_endian.py"
    )]
    BigEndian,
    /// A number in the header is impossible for this file.
    #[error("{what} is {found}, which cannot be: the file is corrupt; download it again")]
    Implausible {
        /// What the number counts.
        what: String,
        /// The number.
        found: u64,
    },
    /// A tensor ends beyond the file.
    #[error(
        "tensor `{tensor}` would end at byte {end} of a file of {file} bytes: the file is truncated or corrupt; download it again"
    )]
    OutOfFile {
        /// The tensor's name.
        tensor: String,
        /// Where the tensor would end.
        end: u64,
        /// The file's size in bytes.
        file: u64,
    },
    /// Two tensors overlap or have the same name.
    #[error("tensors `{first}` and `{second}` overlap or share a name: the file is corrupt; download it again")]
    Overlap {
        /// The tensor that begins earlier.
        first: String,
        /// The tensor that begins inside it.
        second: String,
    },
    /// Two metadata entries have the same key.
    #[error("metadata `{key}` comes twice: the file is corrupt; download it again")]
    DuplicateKey {
        /// The metadata key.
        key: String,
    },
    /// A required metadata entry is missing.
    #[error("metadata `{key}` is missing, which should be {wanted}: this file cannot be used as a language model")]
    Missing {
        /// The metadata key.
        key: String,
        /// What was expected.
        wanted: &'static str,
    },
    /// A metadata entry has the wrong type.
    #[error(
        "metadata `{key}` is {found}, where {wanted} is expected: convert the model again with a current llama.cpp, or choose another file"
    )]
    WrongType {
        /// The metadata key.
        key: String,
        /// What was expected.
        wanted: &'static str,
        /// The value found.
        found: String,
    },
}

/// A parsed header: everything except the tensors' data.
#[derive(Clone, Debug, PartialEq)]
pub struct Gguf {
    /// Metadata by key.
    pub metadata: BTreeMap<String, Value>,
    /// Tensors in the order of their bytes in the file.
    pub tensors: Vec<TensorInfo>,
}

impl Gguf {
    /// Parses a header from the file's first bytes.
    ///
    /// * `bytes` — a prefix of the file, at least the whole header.
    /// * `file_bytes` — the size of the whole file, which no tensor may exceed.
    ///
    /// # Errors
    /// [`GgufError::Truncated`] if `bytes` ends inside the header; any other error is final.
    pub fn parse(bytes: &[u8], file_bytes: u64) -> Result<Self, GgufError> {
        let mut reader = Reader::new(bytes, 0);
        let magic = reader.take(4)?;
        if magic != MAGIC {
            return Err(GgufError::Magic { found: [magic[0], magic[1], magic[2], magic[3]] });
        }
        let version = reader.u32()?;
        if (1..=3).contains(&version.swap_bytes()) {
            return Err(GgufError::BigEndian);
        }
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version { found: version });
        }
        let tensor_count = reader.u64()?;
        let metadata_count = reader.u64()?;
        // A tensor's entry takes at least 24 bytes, a metadata entry at least 13.
        for (what, count, least) in
            [("the number of tensors", tensor_count, 24), ("the number of metadata entries", metadata_count, 13)]
        {
            if count.checked_mul(least).is_none_or(|total| total > file_bytes) {
                return Err(GgufError::Implausible { what: what.into(), found: count });
            }
        }
        let mut metadata = BTreeMap::new();
        for _ in 0..metadata_count {
            let key = reader.text(file_bytes)?;
            let kind = reader.u32()?;
            let value = reader.value(&key, kind, file_bytes, 0)?;
            match metadata.entry(key) {
                Entry::Vacant(place) => drop(place.insert(value)),
                Entry::Occupied(there) => return Err(GgufError::DuplicateKey { key: there.key().clone() }),
            }
        }
        let header = Self { metadata, tensors: vec![] };
        let alignment = header.get("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
        if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
            return Err(GgufError::Implausible { what: "`general.alignment`".into(), found: alignment });
        }
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            tensors.push(reader.tensor(file_bytes)?);
        }
        let data_start = (reader.at as u64).next_multiple_of(alignment);
        let out_of_file = |tensor: &TensorInfo, end: Option<u64>| GgufError::OutOfFile {
            tensor: tensor.name.clone(),
            end: end.unwrap_or(u64::MAX),
            file: file_bytes,
        };
        for tensor in &mut tensors {
            let begin = data_start.checked_add(tensor.offset);
            let end = begin.and_then(|begin| begin.checked_add(tensor.bytes));
            match (begin, end) {
                (Some(begin), Some(end)) if end <= file_bytes => tensor.offset = begin,
                _ => return Err(out_of_file(tensor, end)),
            }
        }
        tensors.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
        // The length of a tensor of unknown type is the distance to the next tensor.
        let mut end = file_bytes;
        for tensor in tensors.iter_mut().rev() {
            if tensor.tensor_type.is_err() {
                tensor.bytes = end - tensor.offset;
            }
            end = tensor.offset;
        }
        for pair in tensors.windows(2) {
            if pair[0].offset + pair[0].bytes > pair[1].offset {
                return Err(GgufError::Overlap { first: pair[0].name.clone(), second: pair[1].name.clone() });
            }
        }
        let mut names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(GgufError::Overlap { first: twice[0].into(), second: twice[1].into() });
        }
        Ok(Self { tensors, ..header })
    }

    /// A metadata value; `None` if the file does not have it.
    ///
    /// # Errors
    /// [`GgufError::WrongType`] if the value is not a `T`.
    pub fn get<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<Option<T>, GgufError> {
        let Some(value) = self.metadata.get(key) else { return Ok(None) };
        let wrong = || GgufError::WrongType { key: key.into(), wanted: T::WANTED, found: value.to_string() };
        T::from_value(value).map(Some).ok_or_else(wrong)
    }

    /// A metadata value that the file must have.
    ///
    /// # Errors
    /// [`GgufError::Missing`], or [`GgufError::WrongType`] if the value is not a `T`.
    pub fn need<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<T, GgufError> {
        self.get(key)?.ok_or_else(|| GgufError::Missing { key: key.into(), wanted: T::WANTED })
    }
}

/// A cursor that never reads beyond its bytes.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    /// The place of the next byte.
    pub(crate) at: usize,
}

impl<'a> Reader<'a> {
    /// * `at`: where it begins.
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], GgufError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else { return Err(GgufError::Truncated { at: self.bytes.len() as u64 }) };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A string; invalid UTF-8 becomes U+FFFD, since the tokens of a vocabulary may be any bytes.
    pub(crate) fn text(&mut self, file_bytes: u64) -> Result<String, GgufError> {
        let at = self.at as u64;
        let length = self.u64()?;
        if length > file_bytes {
            return Err(GgufError::Implausible { what: format!("the length of the text at byte {at}"), found: length });
        }
        let bytes = self.take(usize::try_from(length).map_err(|_| GgufError::Truncated { at })?)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    pub(crate) fn value(&mut self, key: &str, kind: u32, file_bytes: u64, depth: usize) -> Result<Value, GgufError> {
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.array()?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.array()?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.array()?).into()),
            4 => Value::Unsigned(self.u32()?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.array()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            7 => Value::Bool(self.array::<1>()?[0] != 0),
            8 => Value::Text(self.text(file_bytes)?),
            9 => self.array_value(key, file_bytes, depth)?,
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            found => return Err(GgufError::ValueType { key: key.into(), found }),
        })
    }

    fn array_value(&mut self, key: &str, file_bytes: u64, depth: usize) -> Result<Value, GgufError> {
        let kind = self.u32()?;
        let count = self.u64()?;
        let width: u64 = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8..=12 => 8,
            found => return Err(GgufError::ValueType { key: key.into(), found }),
        };
        let bytes = count.checked_mul(width).filter(|bytes| *bytes <= file_bytes && depth < MAX_ARRAY_DEPTH);
        let Some(bytes) = bytes else {
            return Err(GgufError::Implausible { what: format!("the length of the array `{key}`"), found: count });
        };
        // Numbers are kept as stored; strings and arrays are read one by one, so memory never grows by the count alone.
        Ok(match kind {
            8 => {
                let mut texts = Vec::new();
                for _ in 0..count {
                    texts.push(self.text(file_bytes)?);
                }
                Value::Texts(texts)
            }
            9 => {
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.array_value(key, file_bytes, depth + 1)?);
                }
                Value::Array(values)
            }
            _ => {
                let at = self.bytes.len() as u64;
                let bytes = usize::try_from(bytes).map_err(|_| GgufError::Truncated { at })?;
                Value::Numbers(Numbers::new(kind, self.take(bytes)?.to_vec()))
            }
        })
    }

    /// One entry of the tensor directory; the offset is still relative to the tensor data.
    pub(crate) fn tensor(&mut self, file_bytes: u64) -> Result<TensorInfo, GgufError> {
        let name = self.text(file_bytes)?;
        let dimensions = self.u32()?;
        if dimensions == 0 || dimensions > MAX_DIMENSIONS {
            let what = format!("the number of dimensions of tensor `{name}`");
            return Err(GgufError::Implausible { what, found: dimensions.into() });
        }
        let mut shape = Vec::new();
        let mut elements: u64 = 1;
        for _ in 0..dimensions {
            let length = self.u64()?;
            elements = elements.checked_mul(length).ok_or_else(|| GgufError::Implausible {
                what: format!("a dimension of tensor `{name}`"),
                found: length,
            })?;
            shape.push(length);
        }
        let row = shape[0];
        shape.reverse();
        // An unsupported type is an error only if the tensor is needed.
        let tensor_type = TensorType::from_number(self.u32()?).and_then(|known| {
            let whole = row.is_multiple_of(known.block_len());
            if whole { Ok(known) } else { Err(format!("{} with rows of {row} numbers", known.name())) }
        });
        let offset = self.u64()?;
        let bytes = match &tensor_type {
            Ok(known) => (elements / known.block_len()).checked_mul(known.block_bytes()),
            Err(_) => Some(0),
        };
        let bytes = bytes
            .ok_or_else(|| GgufError::Implausible { what: format!("the size of tensor `{name}`"), found: elements })?;
        Ok(TensorInfo { name, shape, tensor_type, offset, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }

    /// A small valid file: one string, one array, two tensors.
    fn sample() -> Vec<u8> {
        let mut out = Vec::from(MAGIC);
        out.extend(3u32.to_le_bytes());
        out.extend(2u64.to_le_bytes());
        out.extend(2u64.to_le_bytes());
        text(&mut out, "general.architecture");
        out.extend(8u32.to_le_bytes());
        text(&mut out, "llama");
        text(&mut out, "tokens");
        out.extend(9u32.to_le_bytes());
        out.extend(8u32.to_le_bytes());
        out.extend(2u64.to_le_bytes());
        text(&mut out, "a");
        text(&mut out, "b");
        for (name, kind, dims, offset) in [("x", 0u32, [32u64, 2], 0u64), ("y", 3, [64, 1], 256)] {
            text(&mut out, name);
            out.extend(2u32.to_le_bytes());
            dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend(offset.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(32), 0);
        out.resize(out.len() + 256 + 40, 0);
        out
    }

    #[test]
    fn reads_metadata_and_tensor_places() {
        let file = sample();
        let gguf = Gguf::parse(&file, file.len() as u64).unwrap();
        assert_eq!(gguf.need("general.architecture"), Ok("llama"));
        assert_eq!(gguf.need("tokens"), Ok(vec!["a", "b"]));
        assert_eq!(gguf.tensors[0].shape, vec![2, 32]);
        assert_eq!(gguf.tensors[1].bytes, 40);
        assert_eq!(gguf.tensors[1].offset + 40, file.len() as u64);
    }

    #[test]
    fn names_what_is_wrong() {
        let file = sample();
        let size = file.len() as u64;
        let with = |at: usize, bytes: &[u8]| {
            let mut changed = file.clone();
            changed[at..at + bytes.len()].copy_from_slice(bytes);
            Gguf::parse(&changed, size).unwrap_err()
        };
        assert!(matches!(with(0, b"PK\x03\x04"), GgufError::Magic { .. }));
        assert!(matches!(with(4, &9u32.to_le_bytes()), GgufError::Version { found: 9 }));
        assert!(matches!(with(8, &u64::MAX.to_le_bytes()), GgufError::Implausible { .. }));
        assert!(matches!(Gguf::parse(&file[..100], size), Err(GgufError::Truncated { .. })));
        assert!(matches!(Gguf::parse(&file, size - 1), Err(GgufError::OutOfFile { .. })));
        let kind = file.windows(9).position(|w| w == [&1u64.to_le_bytes()[..], b"y"].concat()).unwrap() + 9 + 4 + 16;
        assert!(matches!(with(kind + 4, &0u64.to_le_bytes()), GgufError::Overlap { .. }));
        assert!(matches!(with(kind + 4, &u64::MAX.to_le_bytes()), GgufError::OutOfFile { .. }));
    }

    proptest! {
        /// Any damage gives an error or a header whose tensors lie inside the file; never a panic.
        #[test]
        fn damaged_headers_never_point_outside(at in 0usize..300, value: u8, cut in 0usize..600) {
            let mut file = sample();
            let at = at.min(file.len() - 1);
            file[at] = value;
            file.truncate(cut.max(1));
            if let Ok(gguf) = Gguf::parse(&file, file.len() as u64) {
                for tensor in gguf.tensors {
                    prop_assert!(tensor.offset + tensor.bytes <= file.len() as u64);
                }
            }
        }

        /// Random bytes after a valid magic and version neither panic nor cause large allocations.
        #[test]
        fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let mut file = Vec::from(MAGIC);
            file.extend(3u32.to_le_bytes());
            file.extend(bytes);
            let _ = Gguf::parse(&file, file.len() as u64);
        }
    }
}
