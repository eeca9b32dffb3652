//! Where a model comes from, as a visitor writes it: nothing, a picked file, an address, or a Hugging Face repository.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// Prefix of the name of a model that was picked from the visitor's files.
pub const PICKED: &str = "file:";
/// The hub of repositories unless the settings name another.
pub const DEFAULT_HUB: &str = "https://huggingface.co";
/// Addresses of that hub.
const HUBS: [&str; 3] = ["https://huggingface.co/", "https://www.huggingface.co/", "https://hf.co/"];
/// Suffixes of a model file's address.
const EXTENSIONS: [&str; 2] = [".gguf", ".json"];

/// Longest address that messages show in full, in characters.
const LONGEST_SHOWN: usize = 120;
/// Characters of its end that are shown of a longer one.
const SHOWN_END: usize = 30;

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// The default model, served with the page.
    Default,
    /// A file that the visitor picked, by its name.
    Picked(String),
    /// The address of a GGUF file or manifest, absolute or relative to the page.
    Address(String),
    /// A repository of a hub.
    Repository(RepositoryName),
}

/// A repository of a hub, written `owner/name@revision:file`; revision and file are optional.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryName {
    /// `owner/name`.
    pub id: String,
    /// A branch, tag or commit; `None` is `main`.
    pub revision: Option<String>,
    /// A file in it, or a part of its name such as `Q8_0`; `None` leaves the choice to the program.
    pub file: Option<String>,
}

impl ModelSource {
    /// Parses what a visitor wrote. Any text of no other form is an address.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Default;
        }
        if let Some(name) = text.strip_prefix(PICKED) {
            return Self::Picked(name.into());
        }
        let on_hub = HUBS.iter().find_map(|hub| text.strip_prefix(hub)).and_then(RepositoryName::from_path);
        if let Some(repository) = on_hub.or_else(|| RepositoryName::parse(text)) {
            return Self::Repository(repository);
        }
        Self::Address(text.into())
    }
}

/// An address as messages show it: the middle of a long one is left out.
pub fn shown(address: &str) -> Cow<'_, str> {
    let characters = address.chars().count();
    if characters <= LONGEST_SHOWN {
        return address.into();
    }
    let begin: String = address.chars().take(LONGEST_SHOWN - SHOWN_END).collect();
    let end: String = address.chars().skip(characters - SHOWN_END).collect();
    format!("{begin}…{end}").into()
}

/// Whether a text is `owner/name`, with the characters that hubs allow.
fn is_id(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    text.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name))
}

impl RepositoryName {
    /// Parses `owner/name@revision:file`; `None` if it has another form, or is the address of a file.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, file) = text.split_once(':').map_or((text, None), |(rest, file)| (rest, Some(file)));
        let (id, revision) = rest.split_once('@').map_or((rest, None), |(id, revision)| (id, Some(revision)));
        let is_file =
            file.is_none() && revision.is_none() && EXTENSIONS.iter().any(|end| id.to_lowercase().ends_with(end));
        let given = |part: Option<&str>| part.filter(|part| !part.is_empty()).map(str::to_string);
        let plain = |part: Option<&str>| part.is_none_or(|part| !part.contains("//") && !part.contains(".."));
        (is_id(id) && !is_file && plain(file) && plain(revision)).then(|| Self {
            id: id.into(),
            revision: given(revision),
            file: given(file),
        })
    }

    /// Parses the path of a page of the hub: `owner/name`, `owner/name/tree/REVISION`, `owner/name/blob/REVISION/FILE`.
    fn from_path(path: &str) -> Option<Self> {
        let path = path.split(['?', '#']).next().unwrap_or(path).trim_end_matches('/');
        let mut parts = path.splitn(5, '/');
        let (owner, name) = (parts.next()?, parts.next()?);
        let id = format!("{owner}/{name}");
        if !is_id(&id) {
            return None;
        }
        let kind = parts.next();
        let revision = parts.next().filter(|revision| *revision != "main").map(str::to_string);
        let file = parts.next().map(str::to_string);
        match kind {
            None => Some(Self { id, revision: None, file: None }),
            Some("tree") => Some(Self { id, revision, file: None }),
            Some("blob" | "resolve") => Some(Self { id, revision, file }),
            Some(_) => None,
        }
    }

    /// The revision; `main` if none is named.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// The address of the repository's file listing on a hub.
    pub fn listing_address(&self, hub: &str) -> Option<Url> {
        self.address(hub, &["api", "models"], "tree", None).map(|mut url| {
            url.set_query(Some("recursive=true"));
            url
        })
    }

    /// The address of a file on a hub.
    pub fn file_address(&self, hub: &str, path: &str) -> Option<Url> {
        self.address(hub, &[], "resolve", Some(path))
    }

    fn address(&self, hub: &str, before: &[&str], verb: &str, path: Option<&str>) -> Option<Url> {
        let mut url = Url::parse(hub).ok()?;
        let (owner, name) = self.id.split_once('/')?;
        let mut segments = url.path_segments_mut().ok()?;
        segments.pop_if_empty().extend(before).extend([owner, name, verb, self.revision()]);
        segments.extend(path.into_iter().flat_map(|path| path.split('/')));
        drop(segments);
        Some(url)
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if let Some(revision) = &self.revision {
            write!(f, "@{revision}")?;
        }
        if let Some(file) = &self.file {
            write!(f, ":{file}")?;
        }
        Ok(())
    }
}

/// Whether an address is on the default hub.
pub fn is_usual_hub(address: &Url) -> bool {
    HUBS.iter().filter_map(|hub| Url::parse(hub).ok()).any(|hub| hub.origin() == address.origin())
}

/// Whether a text is the address of a hub: HTTP or HTTPS, without a query, and without a user name or password
/// (browsers refuse to fetch such addresses).
pub fn is_hub(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let is_plain = url.query().is_none() && url.username().is_empty() && url.password().is_none();
        ["http", "https"].contains(&url.scheme()) && url.has_host() && is_plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn repository(text: &str) -> Option<(String, Option<String>, Option<String>)> {
        match ModelSource::parse(text) {
            ModelSource::Repository(RepositoryName { id, revision, file }) => Some((id, revision, file)),
            _ => None,
        }
    }

    #[test]
    fn long_addresses_are_shortened_in_sentences() {
        assert_eq!(shown("https://x.example/a.gguf"), "https://x.example/a.gguf");
        let long = format!("data:application/octet-stream;base64,{}.json", "ü".repeat(5000));
        let short = shown(&long);
        assert!(short.chars().count() == 121 && short.starts_with("data:app") && short.ends_with("ü.json"), "{short}");
    }

    #[test]
    fn each_way_to_write_a_model() {
        let some = |id: &str, revision: Option<&str>, file: Option<&str>| {
            Some((id.to_string(), revision.map(str::to_string), file.map(str::to_string)))
        };
        assert_eq!(repository("Qwen/Qwen3-0.6B"), some("Qwen/Qwen3-0.6B", None, None));
        assert_eq!(repository("a/b@v1:x/y-Q8_0.gguf"), some("a/b", Some("v1"), Some("x/y-Q8_0.gguf")));
        assert_eq!(repository("https://huggingface.co/a/b"), some("a/b", None, None));
        assert_eq!(repository("https://hf.co/a/b/tree/main"), some("a/b", None, None));
        let file = "https://huggingface.co/a/b/resolve/v2/c/d.gguf?download=true";
        assert_eq!(repository(file), some("a/b", Some("v2"), Some("c/d.gguf")));
        assert_eq!(ModelSource::parse("models/x.json"), ModelSource::Address("models/x.json".into()));
        assert_eq!(ModelSource::parse("https://x.org/a.gguf"), ModelSource::Address("https://x.org/a.gguf".into()));
        assert_eq!(ModelSource::parse("../up/there"), ModelSource::Address("../up/there".into()));
        assert_eq!(ModelSource::parse("file:a.gguf"), ModelSource::Picked("a.gguf".into()));
        assert_eq!(ModelSource::parse("  "), ModelSource::Default);
    }

    #[test]
    fn addresses_on_a_hub_are_escaped() {
        let name = RepositoryName::parse("a/b@refs/pr/1").unwrap();
        let listing = name.listing_address("https://hub.example/under/").unwrap();
        assert_eq!(listing.as_str(), "https://hub.example/under/api/models/a/b/tree/refs%2Fpr%2F1?recursive=true");
        let file = name.file_address(DEFAULT_HUB, "sub/file name.gguf").unwrap();
        assert_eq!(file.as_str(), "https://huggingface.co/a/b/resolve/refs%2Fpr%2F1/sub/file%20name.gguf");
        assert!(
            !is_hub("https://me:secret@hub.example")
                && !is_hub("https://me@hub.example")
                && !is_hub("ftp://hub.example")
        );
        assert!(is_hub("http://127.0.0.1:80/x") && !is_hub("javascript:alert(1)") && !is_hub("hub"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "[a-zA-Z0-9]{1,8}/[a-zA-Z0-9-]{1,8}(@[a-z0-9]{1,5})?(:[a-zA-Z0-9_]{1,5}(.gguf)?)?") {
            let name = RepositoryName::parse(&text).unwrap();
            prop_assert_eq!(name.to_string(), text);
        }

        #[test]
        fn any_text_is_some_source(text: String) {
            ModelSource::parse(&text);
        }
    }
}
