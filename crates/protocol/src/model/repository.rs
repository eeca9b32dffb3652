//! A model in a Hugging Face repository: the text files that describe it, and the choice of its files of weights.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// Longest header that the safetensors format allows, in bytes.
pub const MAX_SAFETENSORS_HEADER_BYTES: u64 = 100_000_000;

/// A text of a repository that cannot be used.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("the model's {file} cannot be used ({why}): choose another revision or another model")]
pub struct DescriptionError {
    /// The file's name.
    pub file: String,
    /// What is wrong with it.
    pub why: String,
}

/// The texts that describe a model whose weights are in safetensors files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repository {
    /// The model's name.
    pub name: String,
    /// `config.json`.
    pub config: String,
    /// `tokenizer.json`.
    pub tokenizer: String,
    /// `tokenizer_config.json`, if present.
    pub tokenizer_config: Option<String>,
    /// `generation_config.json`, if present.
    pub generation_config: Option<String>,
    /// `special_tokens_map.json`, if present.
    pub special_tokens: Option<String>,
    /// `chat_template.jinja`, if present.
    pub chat_template: Option<String>,
    /// `model.safetensors.index.json`, if the weights are in several files.
    pub index: Option<String>,
}

/// The names of the text files, and whether each is required.
pub const TEXTS: [(&str, bool); 7] = [
    ("config.json", true),
    ("tokenizer.json", true),
    ("tokenizer_config.json", false),
    ("generation_config.json", false),
    ("special_tokens_map.json", false),
    ("chat_template.jinja", false),
    (INDEX, false),
];
/// Maps each tensor of a checkpoint to its file.
pub const INDEX: &str = "model.safetensors.index.json";

impl Repository {
    /// Stores a text under its file name; other names are ignored.
    pub fn set(&mut self, name: &str, text: String) {
        match name {
            "config.json" => self.config = text,
            "tokenizer.json" => self.tokenizer = text,
            "tokenizer_config.json" => self.tokenizer_config = Some(text),
            "generation_config.json" => self.generation_config = Some(text),
            "special_tokens_map.json" => self.special_tokens = Some(text),
            "chat_template.jinja" => self.chat_template = Some(text),
            INDEX => self.index = Some(text),
            _ => {}
        }
    }

    /// Parses a JSON text; null if there is none.
    ///
    /// # Errors
    /// Text that is not JSON.
    fn json(text: Option<&String>, file: &str) -> Result<Value, DescriptionError> {
        let Some(text) = text else { return Ok(Value::Null) };
        serde_json::from_str(text).map_err(|error| DescriptionError { file: file.into(), why: error.to_string() })
    }

    /// `tokenizer_config.json` as JSON; null if there is none. As in transformers, the special tokens of
    /// `special_tokens_map.json` are used if `tokenizer_config.json` has no `added_tokens_decoder`.
    ///
    /// # Errors
    /// Text that is not JSON.
    pub fn tokenizer_settings(&self) -> Result<Value, DescriptionError> {
        let mut settings = Self::json(self.tokenizer_config.as_ref(), "tokenizer_config.json")?;
        if !settings.is_object() && !settings.is_null() {
            return Err(DescriptionError { file: "tokenizer_config.json".into(), why: "it is not an object".into() });
        }
        let special = Self::json(self.special_tokens.as_ref(), "special_tokens_map.json")?;
        if let Value::Object(special) = special
            && settings.get("added_tokens_decoder").is_none()
        {
            for (key, value) in special {
                settings[key] = value;
            }
        }
        Ok(settings)
    }

    /// The files of weights: those named by the index if there is one, else the selected ones.
    ///
    /// * `files` — all files of the repository.
    ///
    /// # Errors
    /// An index that cannot be parsed, or names a missing file.
    pub fn weights(
        &self,
        files: &[RepositoryFile],
        selected: Vec<RepositoryFile>,
    ) -> Result<Vec<RepositoryFile>, WeightsError> {
        let named: BTreeSet<String> = self.tensor_files()?.into_values().collect();
        if named.is_empty() {
            return Ok(selected);
        }
        let find = |name: String| {
            let found = files.iter().find(|file| file.path == name).cloned();
            found.ok_or_else(|| SelectionError::NoSuchShard { file: name }.into())
        };
        named.into_iter().map(find).collect()
    }

    /// The file of each tensor, by the index; empty without an index.
    ///
    /// # Errors
    /// An index that cannot be parsed.
    pub fn tensor_files(&self) -> Result<BTreeMap<String, String>, DescriptionError> {
        #[derive(Deserialize)]
        struct Index {
            #[serde(default)]
            weight_map: BTreeMap<String, String>,
        }
        let Some(text) = &self.index else { return Ok(BTreeMap::new()) };
        let index: Result<Index, _> = serde_json::from_str(text);
        let wrong = |error: serde_json::Error| DescriptionError { file: INDEX.into(), why: error.to_string() };
        Ok(index.map_err(wrong)?.weight_map)
    }

    /// The chat template: `chat_template.jinja`, or the default template of `tokenizer_config.json`.
    ///
    /// # Errors
    /// Text that is not JSON.
    pub fn chat_template(&self) -> Result<Option<String>, DescriptionError> {
        if let Some(template) = &self.chat_template {
            return Ok(Some(template.clone()));
        }
        let settings = self.tokenizer_settings()?;
        Ok(match &settings["chat_template"] {
            Value::String(template) => Some(template.clone()),
            Value::Object(several) => several.get("default").and_then(Value::as_str).map(str::to_string),
            Value::Array(several) => several
                .iter()
                .find(|one| one["name"] == "default")
                .and_then(|one| one["template"].as_str())
                .map(str::to_string),
            _ => None,
        })
    }

    /// Ids of the tokens that end a text: from `generation_config.json`, else from `config.json`.
    ///
    /// # Errors
    /// Text that is not JSON, or ids that are not token ids.
    pub fn stop_ids(&self) -> Result<Vec<u32>, DescriptionError> {
        let generation = Self::json(self.generation_config.as_ref(), "generation_config.json")?;
        let config = Self::json(Some(&self.config), "config.json")?;
        let ids = |value: &Value, file: &str| -> Result<Vec<u32>, DescriptionError> {
            let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
            let read = match value {
                Value::Null => Some(vec![]),
                Value::Array(several) => several.iter().map(one).collect(),
                single => one(single).map(|id| vec![id]),
            };
            let why = || format!("`eos_token_id` is {value}, where a token's id or a list of them is expected");
            read.ok_or_else(|| DescriptionError { file: file.into(), why: why() })
        };
        let places = [
            (&generation["eos_token_id"], "generation_config.json"),
            (&config["eos_token_id"], "config.json"),
            (&config["text_config"]["eos_token_id"], "config.json"),
        ];
        for (value, file) in places {
            let found = ids(value, file)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(vec![])
    }
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryFile {
    /// Its path in the repository.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal, if the hub lists it (files in Git LFS).
    pub sha256: Option<String>,
}

/// The files of a repository that make a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Text files to read first; empty for GGUF.
    pub texts: Vec<RepositoryFile>,
    /// Files of weights, in order.
    pub weights: Vec<RepositoryFile>,
}

/// Why a repository has no model that can be read.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SelectionError {
    /// The hub's answer is not a list of files.
    #[error("the hub's list of files cannot be read ({why}): check the hub's address")]
    Listing {
        /// What is wrong.
        why: String,
    },
    /// The repository holds an adapter (LoRA) for another model.
    #[error(
        "the repository holds an adapter (LoRA) for another model, not a model: choose one with the adapter merged into it"
    )]
    Adapter,
    /// The repository holds an embedding model.
    #[error(
        "the repository holds an embedding model (it has {file}), not a language model that writes: choose one that is"
    )]
    Embedding {
        /// The file that identifies it as one.
        file: &'static str,
    },
    /// A file that the index names is missing.
    #[error("the index of tensors names {file}, which is not there: get all of its files")]
    NoSuchShard {
        /// The file.
        file: String,
    },
    /// There is neither a GGUF nor a safetensors file.
    #[error("the repository has no .gguf and no .safetensors file at its top: choose one that has")]
    NoWeights,
    /// The requested file is missing.
    #[error("the repository has no file {wanted}; it has {found}")]
    NoSuchFile {
        /// The requested file.
        wanted: String,
        /// Some of the files there are.
        found: String,
    },
    /// A required text file is missing.
    #[error(
        "the repository has no {file}, without which its weights cannot be used: choose one that has, or a .gguf file"
    )]
    NoText {
        /// The file.
        file: &'static str,
    },
    /// Some files of a split model are missing.
    #[error("the repository has {got} of the {wanted} files that the model is split over")]
    Incomplete {
        /// Files found.
        got: usize,
        /// Files of the model.
        wanted: usize,
    },
}

/// Why the files of weights cannot be determined.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum WeightsError {
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] DescriptionError),
    /// Files are missing.
    #[error(transparent)]
    Files(#[from] SelectionError),
}

/// Order of preference among several GGUF files if none is requested: small files of good quality first.
const PREFERRED: [&str; 12] =
    ["Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0", "Q5_K_M", "IQ4_NL", "IQ4_XS", "Q5_K_S", "Q6_K", "Q8_0", "BF16", "F16"];

/// Parses the hub's answer to `/api/models/{id}/tree/{revision}?recursive=true`.
///
/// # Errors
/// [`SelectionError::Listing`].
pub fn parse_listing(text: &str) -> Result<Vec<RepositoryFile>, SelectionError> {
    #[derive(Deserialize)]
    struct Entry {
        #[serde(rename = "type")]
        kind: String,
        path: String,
        #[serde(default)]
        size: u64,
        lfs: Option<Lfs>,
    }
    #[derive(Deserialize)]
    struct Lfs {
        oid: String,
        size: u64,
    }
    let entries: Vec<Entry> =
        serde_json::from_str(text).map_err(|error| SelectionError::Listing { why: error.to_string() })?;
    let files = entries.into_iter().filter(|entry| entry.kind == "file");
    Ok(files
        .map(|Entry { path, size, lfs, .. }| match lfs {
            Some(Lfs { oid, size }) => RepositoryFile { path, bytes: size, sha256: Some(oid) },
            None => RepositoryFile { path, bytes: size, sha256: None },
        })
        .collect())
}

/// `(part, parts)` of a file stem that ends in `-00001-of-00003`.
fn numbered(stem: &str) -> Option<(usize, usize)> {
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (_, part) = rest.rsplit_once('-')?;
    Some((part.parse().ok()?, count.parse().ok()?))
}

/// All files of a split model, in order, given one of them; a file that is not numbered stands alone.
fn siblings(files: &[RepositoryFile], one: &RepositoryFile) -> Result<Vec<RepositoryFile>, SelectionError> {
    let Some((stem, extension)) = one.path.rsplit_once('.') else { return Ok(vec![one.clone()]) };
    let Some((_, wanted)) = numbered(stem) else { return Ok(vec![one.clone()]) };
    let begins = stem.rsplitn(3, '-').nth(2).map_or("", |rest| rest.rsplit_once('-').map_or(rest, |(begin, _)| begin));
    let mut out: Vec<(usize, RepositoryFile)> = files
        .iter()
        .filter_map(|file| {
            let (stem, of) = file.path.rsplit_once('.')?;
            let (part, count) = numbered(stem)?;
            (of == extension && count == wanted && stem.starts_with(begins)).then(|| (part, file.clone()))
        })
        .collect();
    out.sort_by_key(|(part, _)| *part);
    out.dedup_by_key(|(part, _)| *part);
    if out.len() == wanted {
        Ok(out.into_iter().map(|(_, file)| file).collect())
    } else {
        Err(SelectionError::Incomplete { got: out.len(), wanted })
    }
}

/// Selects the files of the model: the requested file (with its texts unless it is GGUF), else safetensors, else a GGUF
/// file.
///
/// * `wanted` — a file's path, or a part of it such as `Q8_0`.
///
/// # Errors
/// A repository without a complete model that can be read.
pub fn select(files: &[RepositoryFile], wanted: Option<&str>) -> Result<Selection, SelectionError> {
    let of = |extension: &'static str| files.iter().filter(move |file| file.path.to_lowercase().ends_with(extension));
    let gguf = |file: &RepositoryFile| Ok(Selection { texts: vec![], weights: siblings(files, file)? });
    if let Some(wanted) = wanted {
        let exact = files.iter().find(|file| file.path == wanted);
        let part = of(".gguf").find(|file| file.path.to_lowercase().contains(&wanted.to_lowercase()));
        return match exact.or(part) {
            Some(file) if file.path.to_lowercase().ends_with(".gguf") => gguf(file),
            Some(file) => with_texts(files, siblings(files, file)?),
            None => {
                let some: Vec<&str> =
                    of(".gguf").chain(of(".safetensors")).map(|file| file.path.as_str()).take(8).collect();
                let found = if some.is_empty() { "no file of weights".into() } else { some.join(", ") };
                Err(SelectionError::NoSuchFile { wanted: wanted.into(), found })
            }
        };
    }
    if let Some(file) = EMBEDDING_FILES.into_iter().find(|name| files.iter().any(|file| file.path == *name)) {
        return Err(SelectionError::Embedding { file });
    }
    let whole = files.iter().find(|file| file.path == "model.safetensors");
    let shard = of(".safetensors").find(|file| file.path.starts_with("model-") && !file.path.contains('/'));
    if let Some(first) = whole.or(shard) {
        // Among several sets of shards, the index decides later.
        let has_index = whole.is_none() && files.iter().any(|file| file.path == INDEX);
        let weights = siblings(files, first);
        return with_texts(files, if has_index { weights.unwrap_or_else(|_| vec![first.clone()]) } else { weights? });
    }
    if files.iter().any(|file| file.path == "adapter_config.json") {
        return Err(SelectionError::Adapter);
    }
    let preferred = PREFERRED.iter().find_map(|kind| {
        let kind = kind.to_lowercase();
        of(".gguf").find(|file| file.path.to_lowercase().contains(&kind) && !file.path.contains("mmproj"))
    });
    if let Some(file) = preferred.or_else(|| of(".gguf").find(|file| !file.path.contains("mmproj"))) {
        return gguf(file);
    }
    match of(".safetensors").find(|file| !file.path.contains('/')) {
        Some(file) => with_texts(files, siblings(files, file)?),
        None => Err(SelectionError::NoWeights),
    }
}

/// Files that only repositories of embedding models have (sentence-transformers).
const EMBEDDING_FILES: [&str; 2] = ["modules.json", "config_sentence_transformers.json"];

/// Safetensors files together with the text files that describe them.
fn with_texts(files: &[RepositoryFile], weights: Vec<RepositoryFile>) -> Result<Selection, SelectionError> {
    let mut texts = vec![];
    // An index next to a single file is a leftover.
    let whole = weights.iter().any(|file| file.path == "model.safetensors");
    let names = TEXTS.into_iter().filter(|(name, _)| *name != INDEX || !whole);
    for (name, required) in names {
        match files.iter().find(|file| file.path == name) {
            Some(file) => texts.push(file.clone()),
            None if required => return Err(SelectionError::NoText { file: name }),
            None => {}
        }
    }
    Ok(Selection { texts, weights })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<RepositoryFile> {
        paths.iter().map(|path| RepositoryFile { path: (*path).into(), bytes: 1, sha256: None }).collect()
    }

    fn chosen(paths: &[&str], wanted: Option<&str>) -> Vec<String> {
        select(&files(paths), wanted).unwrap().weights.into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn a_listing_tells_sizes_and_checksums() {
        let text = r#"[{"type":"directory","path":"onnx","oid":"x"},{"type":"file","path":"config.json","size":12,"oid":"a"},
            {"type":"file","path":"model.safetensors","size":135,"oid":"b","lfs":{"oid":"c0ffee","size":99,"pointerSize":135}}]"#;
        let files = parse_listing(text).unwrap();
        assert_eq!(
            files[1],
            RepositoryFile { path: "model.safetensors".into(), bytes: 99, sha256: Some("c0ffee".into()) }
        );
        assert_eq!(files[0].bytes, 12);
        assert!(parse_listing("{\"error\":\"x\"}").is_err());
    }

    #[test]
    fn the_right_files_are_chosen() {
        let texts = ["config.json", "tokenizer.json", "README.md"];
        let shards =
            ["model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json"];
        let all = [&texts[..], &shards[..]].concat();
        assert_eq!(chosen(&all, None), ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]);
        let quants = ["x-Q8_0.gguf", "x-Q4_K_M.gguf", "mmproj-Q4_K_M.gguf"];
        assert_eq!(chosen(&quants, None), ["x-Q4_K_M.gguf"]);
        assert_eq!(chosen(&quants, Some("q8_0")), ["x-Q8_0.gguf"]);
        let split = ["a/x-q6-00002-of-00002.gguf", "a/x-q6-00001-of-00002.gguf", "b/y-00001-of-00002.gguf"];
        assert_eq!(chosen(&split, Some("x-q6")), ["a/x-q6-00001-of-00002.gguf", "a/x-q6-00002-of-00002.gguf"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |paths: &[&str], wanted| select(&files(paths), wanted).unwrap_err();
        assert_eq!(error(&["README.md"], None), SelectionError::NoWeights);
        assert_eq!(
            error(&["model.safetensors", "config.json"], None),
            SelectionError::NoText { file: "tokenizer.json" }
        );
        assert_eq!(
            error(&["model-00001-of-00003.safetensors"], None),
            SelectionError::Incomplete { got: 1, wanted: 3 }
        );
        assert!(error(&["x-Q8_0.gguf"], Some("Q2_K")).to_string().contains("x-Q8_0.gguf"));
    }

    #[test]
    fn templates_and_ends_are_found_where_they_may_be() {
        let mut repository = Repository { config: r#"{"eos_token_id": 7}"#.into(), ..Repository::default() };
        assert_eq!((repository.stop_ids().unwrap(), repository.chat_template().unwrap()), (vec![7], None));
        repository.set("generation_config.json", r#"{"eos_token_id": [1, 2]}"#.into());
        repository.set("tokenizer_config.json", r#"{"chat_template": [{"name": "default", "template": "T"}]}"#.into());
        assert_eq!(
            (repository.stop_ids().unwrap(), repository.chat_template().unwrap()),
            (vec![1, 2], Some("T".into()))
        );
        repository.set("chat_template.jinja", "J".into());
        assert_eq!(repository.chat_template().unwrap(), Some("J".into()));
    }
}
