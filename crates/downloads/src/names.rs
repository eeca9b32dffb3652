//! Encodes names of models as names that file systems accept, and decodes them.

use sha2::{Digest, Sha256};

use prunescope_protocol::model::manifest::hexadecimal;
use prunescope_protocol::model::repository::RepositoryFile;
use prunescope_protocol::model::source::{DEFAULT_HUB, RepositoryName};

/// Longest encoded name, in bytes; file systems accept 255.
const LONGEST: usize = 200;
/// Marks that the end of a long name was cut off; no other encoded name contains it.
const CUT: &str = "~";
/// Hexadecimal digits of the checksum that replaces the end of a long name.
const SUM: usize = 32;

/// The folder's name for a repository, before it is encoded.
///
/// * `hub` — the hub's address.
pub fn of_repository(name: &RepositoryName, hub: &str) -> String {
    format!("{}@{} {hub}", name.id, name.revision())
}

/// Identifies a file in its repository where there is no checksum: its path and length.
pub fn by_path(file: &RepositoryFile) -> String {
    format!("{} {}", file.path, file.bytes)
}

/// The name under which a repository's file of weights is kept: its SHA-256, or [`by_path`].
pub fn of_file(file: &RepositoryFile) -> String {
    file.sha256.clone().unwrap_or_else(|| by_path(file))
}

/// Encodes a name for file systems: letters, digits and ``-_!*'()`` stay, other bytes are percent-encoded, and the end
/// of a long name is replaced by a checksum.
pub fn encoded(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            // As `encodeURIComponent`, except that dots (special in file names) and `~` (see [`CUT`]) are encoded too.
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'!' | b'*' | b'\'' | b'(' | b')' => {
                out.push(byte.into())
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    if out.len() > LONGEST {
        out.truncate(LONGEST - SUM - CUT.len());
        out.push_str(CUT);
        out.push_str(&hexadecimal(&Sha256::digest(name.as_bytes()))[..SUM]);
    }
    out
}

/// Decodes a folder's name for the visitor; the default hub's address is left out.
pub fn shown(folder: &str) -> String {
    let (name, cut) = folder.split_once(CUT).map_or((folder, ""), |(name, _)| (name, "…"));
    let mut bytes = vec![];
    let mut rest = name.as_bytes();
    while let [first, others @ ..] = rest {
        let code =
            others.first_chunk::<2>().filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let decoded = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &others[2..] } else { others };
    }
    let name = String::from_utf8_lossy(&bytes).into_owned() + cut;
    name.strip_suffix(DEFAULT_HUB).unwrap_or(&name).trim_end().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_models_that_are_kept_already_stay() {
        assert_eq!(encoded("SmolLM2-135M-Instruct"), "SmolLM2-135M-Instruct");
        let repository = "Qwen/Qwen3-0.6B@main https://huggingface.co";
        assert_eq!(encoded(repository), "Qwen%2FQwen3-0%2E6B%40main%20https%3A%2F%2Fhuggingface%2Eco");
        assert_eq!(shown(&encoded(repository)), "Qwen/Qwen3-0.6B@main");
        assert_eq!(shown(&encoded("é (1).gguf")), "é (1).gguf");
        assert_eq!(shown("%zz%4"), "%zz%4");
    }

    proptest! {
        #[test]
        fn different_names_are_kept_apart(a in "(https://x/)?[a-z/~%.]{0,90}", b in "(https://x/)?[a-z/~%.]{0,90}") {
            prop_assert_eq!(encoded(&a) == encoded(&b), a == b);
        }

        #[test]
        fn any_name_is_taken(name: String) {
            let encoded = encoded(&name);
            prop_assert!(encoded.len() <= LONGEST);
            prop_assert!(!encoded.contains(['/', '\\', '.', ':']));
            if !encoded.contains(CUT) && !name.contains(DEFAULT_HUB) {
                prop_assert_eq!(shown(&encoded), name.trim_end());
            }
        }
    }
}
