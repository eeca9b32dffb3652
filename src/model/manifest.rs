//! A model served in parts: which files, how long, with which checksums.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest model that fits a 32-bit WebAssembly memory with room to work, in bytes of the file.
const MAX_BYTES: u64 = 4 << 30;

/// A model in parts, in the order of its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The model's name.
    pub name: String,
    /// Its licence, as an SPDX identifier.
    pub licence: String,
    /// Where it comes from.
    pub origin: String,
    /// SHA-256 of the whole file, in hexadecimal.
    pub sha256: String,
    /// The parts.
    pub parts: Vec<Part>,
}

/// One part of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its file, beside the manifest.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: Option<String>,
}

/// A manifest that cannot be used.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("its manifest is not valid ({why}); run `make build` again, or give the address of a .gguf file")]
pub struct ManifestError {
    /// What is wrong.
    pub why: String,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`] where it is not JSON of this form, names no part, or names files elsewhere.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let wrong = |why: String| ManifestError { why };
        let manifest: Self = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if let Some(part) = manifest.parts.iter().find(|part| part.file.contains(['/', '\\', ':'])) {
            return Err(wrong(format!("{:?} is not a file beside it", part.file)));
        }
        match manifest.parts.iter().try_fold(0u64, |sum, part| sum.checked_add(part.bytes)) {
            Some(1..=MAX_BYTES) => Ok(manifest),
            _ => Err(wrong("its parts are empty or too long".into())),
        }
    }
}

/// Bytes as lower-case hexadecimal digits, the form of checksums here.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_beside_the_manifest() {
        let text = |file: &str| {
            format!(
                r#"{{"name":"a","licence":"b","origin":"c","sha256":"d","parts":[{{"file":"{file}","bytes":3,"sha256":null}}]}}"#
            )
        };
        assert_eq!(Manifest::parse(&text("x.part1")).unwrap().parts[0].bytes, 3);
        assert!(Manifest::parse(&text("../x")).is_err());
        assert!(Manifest::parse(&text("https://x")).is_err());
        assert!(Manifest::parse("{}").is_err());
    }
}
