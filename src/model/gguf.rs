//! GGUF versions 2 and 3: header, metadata and tensor directory, as pure parsing.
//!
//! Source: the GGUF specification in the ggml repository (`docs/gguf.md`).
//! Nothing here allocates by a number from the file before checking that so many bytes are there, and no offset is
//! believed before it is compared with the file's size: a header that lies gives a [`GgufError`].

use std::collections::BTreeMap;

use thiserror::Error;

use super::tensor::{TensorInfo, TensorType};

/// The first four bytes of every GGUF file.
pub const MAGIC: [u8; 4] = *b"GGUF";
/// Tensor data starts at a multiple of this many bytes unless the file says otherwise.
const DEFAULT_ALIGNMENT: u64 = 32;
/// A tensor of a language model has at most this many dimensions in GGUF.
const MAX_DIMENSIONS: u32 = 4;
/// Arrays of arrays nest at most this deep.
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
    /// Not a GGUF file at all.
    #[error("the file begins with {found:02x?} where a GGUF file has the letters GGUF: choose a .gguf file")]
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// A version this reader does not know.
    #[error(
        "the file is GGUF version {found}, and only versions 2 and 3 are read: convert it with a current llama.cpp"
    )]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// A value of a type that GGUF does not have.
    #[error("metadata `{key}` has the unknown value type {found}: the file is corrupt; download it again")]
    ValueType {
        /// The metadata key.
        key: String,
        /// The type number.
        found: u32,
    },
    /// Text that is not UTF-8.
    #[error("a name or text at byte {at} is not UTF-8: the file is corrupt; download it again")]
    Text {
        /// Where the text begins.
        at: u64,
    },
    /// A number that cannot be true for this file.
    #[error("{what} is {found}, which cannot be: the file is corrupt; download it again")]
    Implausible {
        /// What the number counts.
        what: String,
        /// The number.
        found: u64,
    },
    /// A tensor type that this program does not read.
    #[error("tensor `{tensor}` has type {found}, which is not supported: use a file with tensors of types {known}")]
    TensorType {
        /// The tensor's name.
        tensor: String,
        /// The type's name, or its number.
        found: String,
        /// What would work.
        known: String,
    },
    /// A tensor that would lie outside the file.
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
    /// Two tensors that claim the same bytes or name.
    #[error("tensors `{first}` and `{second}` overlap or share a name: the file is corrupt; download it again")]
    Overlap {
        /// The tensor that begins earlier.
        first: String,
        /// The tensor that begins inside it.
        second: String,
    },
    /// A metadata value that is needed and missing, or of another type.
    #[error("metadata `{key}` is missing or not {wanted}: this file cannot be used as a language model")]
    Metadata {
        /// The metadata key.
        key: String,
        /// What was expected.
        wanted: &'static str,
    },
}

/// A metadata value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any unsigned integer.
    Unsigned(u64),
    /// Any signed integer.
    Signed(i64),
    /// f32 or f64.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// UTF-8 text.
    Text(String),
    /// Values of one type.
    Array(Vec<Value>),
}

/// A parsed header: everything but the tensors' bytes.
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
    /// [`GgufError::Truncated`] where `bytes` ends inside the header; any other error is final.
    pub fn parse(bytes: &[u8], file_bytes: u64) -> Result<Self, GgufError> {
        let mut reader = Reader { bytes, at: 0 };
        let magic = reader.take(4)?;
        if magic != MAGIC {
            return Err(GgufError::Magic { found: [magic[0], magic[1], magic[2], magic[3]] });
        }
        let version = reader.u32()?;
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
            metadata.insert(key, value);
        }
        let alignment = match metadata.get("general.alignment") {
            None => DEFAULT_ALIGNMENT,
            Some(Value::Unsigned(n)) if *n > 0 && n.is_power_of_two() && *n <= 1 << 20 => *n,
            Some(Value::Unsigned(n)) => {
                return Err(GgufError::Implausible { what: "`general.alignment`".into(), found: *n });
            }
            Some(_) => {
                return Err(GgufError::Metadata { key: "general.alignment".into(), wanted: "an unsigned integer" });
            }
        };
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            tensors.push(reader.tensor(file_bytes)?);
        }
        let data_start = (reader.at as u64).next_multiple_of(alignment);
        for tensor in &mut tensors {
            let begin = data_start.checked_add(tensor.offset);
            let end = begin.and_then(|begin| begin.checked_add(tensor.bytes));
            match (begin, end) {
                (Some(begin), Some(end)) if end <= file_bytes => tensor.offset = begin,
                _ => {
                    let end = end.unwrap_or(u64::MAX);
                    return Err(GgufError::OutOfFile { tensor: tensor.name.clone(), end, file: file_bytes });
                }
            }
        }
        tensors.sort_by_key(|tensor| tensor.offset);
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
        Ok(Self { metadata, tensors })
    }

    /// An unsigned integer from the metadata.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] where it is missing or something else.
    pub fn unsigned(&self, key: &str) -> Result<u64, GgufError> {
        match self.metadata.get(key) {
            Some(Value::Unsigned(n)) => Ok(*n),
            Some(Value::Signed(n)) if *n >= 0 => Ok(*n as u64),
            _ => Err(GgufError::Metadata { key: key.into(), wanted: "an unsigned integer" }),
        }
    }

    /// A float from the metadata.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] where it is missing or something else.
    pub fn float(&self, key: &str) -> Result<f64, GgufError> {
        match self.metadata.get(key) {
            Some(Value::Float(x)) => Ok(*x),
            _ => Err(GgufError::Metadata { key: key.into(), wanted: "a number" }),
        }
    }

    /// An array of floats from the metadata.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] where it is missing or something else.
    pub fn floats(&self, key: &str) -> Result<Vec<f64>, GgufError> {
        let wrong = || GgufError::Metadata { key: key.into(), wanted: "an array of numbers" };
        let Some(Value::Array(values)) = self.metadata.get(key) else { return Err(wrong()) };
        values.iter().map(|value| if let Value::Float(x) = value { Ok(*x) } else { Err(wrong()) }).collect()
    }

    /// A text from the metadata.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] where it is missing or something else.
    pub fn text(&self, key: &str) -> Result<&str, GgufError> {
        match self.metadata.get(key) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(GgufError::Metadata { key: key.into(), wanted: "a text" }),
        }
    }

    /// An array of texts from the metadata.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] where it is missing or something else.
    pub fn texts(&self, key: &str) -> Result<Vec<&str>, GgufError> {
        let wrong = || GgufError::Metadata { key: key.into(), wanted: "an array of texts" };
        let Some(Value::Array(values)) = self.metadata.get(key) else { return Err(wrong()) };
        values
            .iter()
            .map(|value| if let Value::Text(text) = value { Ok(text.as_str()) } else { Err(wrong()) })
            .collect()
    }
}

/// A cursor that never reads beyond its bytes.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
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

    fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn text(&mut self, file_bytes: u64) -> Result<String, GgufError> {
        let at = self.at as u64;
        let length = self.u64()?;
        if length > file_bytes {
            return Err(GgufError::Implausible { what: format!("the length of the text at byte {at}"), found: length });
        }
        let bytes = self.take(usize::try_from(length).map_err(|_| GgufError::Truncated { at })?)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| GgufError::Text { at })
    }

    fn value(&mut self, key: &str, kind: u32, file_bytes: u64, depth: usize) -> Result<Value, GgufError> {
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
            9 => {
                let element = self.u32()?;
                let count = self.u64()?;
                let least: u64 = match element {
                    0 | 1 | 7 => 1,
                    2 | 3 => 2,
                    4..=6 => 4,
                    8..=12 => 8,
                    found => return Err(GgufError::ValueType { key: key.into(), found }),
                };
                if depth >= MAX_ARRAY_DEPTH || count.checked_mul(least).is_none_or(|total| total > file_bytes) {
                    return Err(GgufError::Implausible {
                        what: format!("the length of the array `{key}`"),
                        found: count,
                    });
                }
                // Grown as bytes are found, never by the count alone.
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.value(key, element, file_bytes, depth + 1)?);
                }
                Value::Array(values)
            }
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            found => return Err(GgufError::ValueType { key: key.into(), found }),
        })
    }

    /// One entry of the tensor directory; the offset is still relative to the tensor data.
    fn tensor(&mut self, file_bytes: u64) -> Result<TensorInfo, GgufError> {
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
            elements = elements.checked_mul(length).filter(|n| *n > 0).ok_or_else(|| GgufError::Implausible {
                what: format!("a dimension of tensor `{name}`"),
                found: length,
            })?;
            shape.push(length);
        }
        let row = shape[0];
        shape.reverse();
        let number = self.u32()?;
        let tensor_type = TensorType::from_number(number).map_err(|found| GgufError::TensorType {
            tensor: name.clone(),
            found,
            known: TensorType::names(),
        })?;
        let offset = self.u64()?;
        if !row.is_multiple_of(tensor_type.block_len()) {
            return Err(GgufError::Implausible { what: format!("the row length of tensor `{name}`"), found: row });
        }
        let bytes = (elements / tensor_type.block_len())
            .checked_mul(tensor_type.block_bytes())
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

    /// A small valid file: one text, one array, two tensors.
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
        assert_eq!(gguf.text("general.architecture"), Ok("llama"));
        assert_eq!(gguf.texts("tokens"), Ok(vec!["a", "b"]));
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
        assert!(matches!(with(kind, &16u32.to_le_bytes()), GgufError::TensorType { found, .. } if found == "IQ2_XXS"));
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

        /// Random bytes behind a good magic and version do not panic or allocate wildly.
        #[test]
        fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let mut file = Vec::from(MAGIC);
            file.extend(3u32.to_le_bytes());
            file.extend(bytes);
            let _ = Gguf::parse(&file, file.len() as u64);
        }
    }
}
