//! The manifest of a model served in parts: the files with their lengths and checksums.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest total length of the parts, in bytes: the 4 GiB that a 32-bit WebAssembly memory can address.
const MAX_BYTES: u64 = 4 << 30;

/// Most parts of a model; each is a separate request.
const MOST_PARTS: usize = 4096;

/// Longest name, in characters.
const LONGEST_NAME: usize = 200;

/// A model in parts, in the order of its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The model's name.
    pub name: String,
    /// Its licence, as an SPDX identifier.
    #[serde(default)]
    pub licence: Option<String>,
    /// Where it comes from.
    #[serde(default)]
    pub origin: Option<String>,
    /// SHA-256 of the whole file in hexadecimal. It is verified if any part has no checksum of its own.
    #[serde(default)]
    pub sha256: Option<String>,
    /// The parts.
    pub parts: Vec<Part>,
}

/// One part of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its file name, in the manifest's folder.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// A manifest that cannot be used.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("its manifest is not valid ({why}); run `make build` again, or give the address of a .gguf file")]
pub struct ManifestError {
    /// What is wrong.
    pub why: String,
}

/// Whether an address is that of a manifest, by its path's suffix; any other is that of a file of weights.
pub fn is_manifest(address: &str) -> bool {
    path_of(address).to_lowercase().ends_with(".json")
}

/// An address without its query and fragment.
pub fn path_of(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or(address)
}

impl Manifest {
    /// Parses a manifest. Checksums are returned in lower case, as [`hexadecimal`] writes them.
    ///
    /// # Errors
    /// [`ManifestError`] if it is not JSON of this form, has no parts or more than [`MOST_PARTS`], names files outside
    /// of its folder, or has invalid checksums.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let wrong = |why: String| ManifestError { why };
        let mut manifest: Self = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if manifest.parts.len() > MOST_PARTS {
            return Err(wrong(format!("it has {} parts, where {MOST_PARTS} are the most", manifest.parts.len())));
        }
        for name in std::iter::once(&manifest.name).chain(manifest.parts.iter().map(|part| &part.file)) {
            if name.trim().is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
                return Err(wrong(format!("{:?} is not a name", name.chars().take(LONGEST_NAME).collect::<String>())));
            }
        }
        // These characters have a meaning in an address and could lead to another folder.
        let elsewhere =
            |file: &str| file.contains(['/', '\\', ':', '?', '#', '%']) || [".", ".."].contains(&file.trim());
        if let Some(part) = manifest.parts.iter().find(|part| elsewhere(&part.file)) {
            return Err(wrong(format!("{:?} is not a file beside it", part.file)));
        }
        for sum in manifest.parts.iter_mut().map(|part| &mut part.sha256).chain([&mut manifest.sha256]).flatten() {
            sum.make_ascii_lowercase();
            if sum.len() != 64 || !sum.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                let sum: String = sum.chars().take(64).collect();
                return Err(wrong(format!("{sum:?} is not a SHA-256 in 64 hexadecimal digits")));
            }
        }
        match manifest.parts.iter().try_fold(0u64, |sum, part| sum.checked_add(part.bytes)) {
            Some(1..=MAX_BYTES) => Ok(manifest),
            _ => Err(wrong("its parts are empty or too long".into())),
        }
    }
}

/// Bytes as lower-case hexadecimal digits, the form of checksums in manifests.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(name: &str, file: &str, sha256: &str) -> String {
        serde_json::json!({ "name": name, "parts": [{ "file": file, "bytes": 3, "sha256": sha256 }] }).to_string()
    }

    #[test]
    fn parts_are_counted() {
        let with = |count: usize| {
            let parts: Vec<_> =
                (0..count).map(|at| serde_json::json!({ "file": format!("p{at}"), "bytes": 1 })).collect();
            Manifest::parse(&serde_json::json!({ "name": "m", "parts": parts }).to_string()).map(|_| ())
        };
        assert_eq!(with(MOST_PARTS), Ok(()));
        assert!(with(MOST_PARTS + 1).unwrap_err().to_string().contains("it has 4097 parts, where 4096 are the most"));
        assert!(with(0).is_err());
    }

    fn sum() -> String {
        "0F".repeat(32)
    }

    #[test]
    fn only_files_beside_the_manifest() {
        let manifest = Manifest::parse(&text("a", "x.part1", &sum())).unwrap();
        assert_eq!((manifest.parts[0].bytes, manifest.parts[0].sha256.clone()), (3, Some("0f".repeat(32))));
        for file in ["../x", "https://x", "..", " .. ", ".", "", " ", "a?b", "a#b", "%2e%2e", "a\nb"] {
            assert!(Manifest::parse(&text("a", file, &sum())).is_err(), "{file:?}");
        }
        assert!(Manifest::parse("{}").is_err());
    }

    #[test]
    fn names_and_checksums_are_what_they_should_be() {
        assert!(Manifest::parse(&text("", "x", &sum())).is_err());
        assert!(Manifest::parse(&text(&"a".repeat(201), "x", &sum())).is_err());
        for wrong in ["x", "", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            let error = Manifest::parse(&text("a", "x", wrong)).unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal digits"), "{error}");
        }
        let whole = r#"{"name": "a", "sha256": "x", "parts": [{"file": "x", "bytes": 3}]}"#;
        assert!(Manifest::parse(whole).is_err());
        let without = r#"{"name": "a", "parts": [{"file": "x", "bytes": 3}]}"#;
        assert_eq!(Manifest::parse(without).unwrap().sha256, None, "what is not used need not be there");
    }

    proptest! {
        /// A part's address never leaves the manifest's folder.
        #[test]
        fn no_file_is_elsewhere(file in ".{0,12}|[./%a-e2]{0,8}") {
            let base = url::Url::parse("https://example.org/a/b/x.json").unwrap();
            if let Ok(manifest) = Manifest::parse(&text("a", &file, &sum())) {
                let address = base.join(&manifest.parts[0].file).unwrap();
                let (folder, name) = address.as_str().rsplit_once('/').unwrap();
                prop_assert_eq!(folder, "https://example.org/a/b");
                prop_assert!(!name.is_empty());
            }
        }
    }
}
