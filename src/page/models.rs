//! Where models come from, on the page's side: picked files, a hub with its access token, and what is kept on this device.

use std::collections::BTreeMap;

use js_sys::{AsyncIterator, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemRemoveOptions};

use super::address;
use crate::consent::Tokens;
use crate::engine::protocol::{ModelFiles, ModelOrder, PickedFile};
use crate::kept_models;
use crate::model::source::{DEFAULT_HUB, ModelSource, PICKED};
use crate::settings::Settings;

/// Where the default model is served, beside the page.
pub const DEFAULT_MODEL: &str = "models/SmolLM2-135M-Instruct.Q4_1.json";
/// Under what tokens are kept, in this tab's storage only.
const TOKENS: &str = "prunescope-tokens";

/// A repository that visitors may like to try.
pub struct Suggestion {
    /// What to write as the model.
    pub model: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Megabytes to download.
    pub megabytes: u32,
    /// Megabytes of memory that its weights take.
    pub memory: u32,
    /// Its licence.
    pub licence: &'static str,
}

/// Small public models of several families.
pub const SUGGESTIONS: [Suggestion; 6] = [
    Suggestion {
        model: "HuggingFaceTB/SmolLM2-360M-Instruct",
        name: "SmolLM2 360M Instruct",
        megabytes: 724,
        memory: 730,
        licence: "Apache-2.0",
    },
    Suggestion {
        model: "Qwen/Qwen2.5-0.5B-Instruct-GGUF:q4_k_m",
        name: "Qwen2.5 0.5B Instruct",
        megabytes: 491,
        memory: 560,
        licence: "Apache-2.0",
    },
    Suggestion {
        model: "Qwen/Qwen3-0.6B-GGUF:Q8_0",
        name: "Qwen3 0.6B",
        megabytes: 639,
        memory: 680,
        licence: "Apache-2.0",
    },
    Suggestion {
        model: "ggml-org/gemma-3-270m-it-GGUF:Q8_0",
        name: "Gemma 3 270M Instruct",
        megabytes: 292,
        memory: 310,
        licence: "Gemma terms",
    },
    Suggestion {
        model: "EleutherAI/pythia-160m",
        name: "Pythia 160M",
        megabytes: 375,
        memory: 380,
        licence: "Apache-2.0",
    },
    Suggestion { model: "openai-community/gpt2", name: "GPT-2", megabytes: 548, memory: 550, licence: "MIT" },
];

/// A model that is kept on this device.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Its folder.
    folder: String,
    /// What it is.
    pub name: String,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// Where models come from.
#[derive(Clone, Copy)]
pub struct Models {
    /// Files that were picked in this visit, by the name of the model.
    picked: StoredValue<BTreeMap<String, Vec<PickedFile>>>,
    /// Access tokens by hub.
    tokens: RwSignal<Tokens>,
    /// Whether tokens are used at all: not in a frame, whose surrounding page can read the results.
    uses_tokens: bool,
    /// What is kept on this device.
    pub kept: RwSignal<Vec<Kept>>,
}

impl Models {
    /// With the tokens of this tab, if it has any.
    ///
    /// * `embedded`: whether the page is shown in another one, which can read the results; no token is used there.
    pub fn new(embedded: bool) -> Self {
        let stored = storage().and_then(|storage| storage.get_item(TOKENS).ok().flatten()).unwrap_or_default();
        let this = Self {
            picked: StoredValue::new(BTreeMap::new()),
            tokens: RwSignal::new(Tokens::from_stored(&stored)),
            uses_tokens: !embedded,
            kept: RwSignal::new(vec![]),
        };
        this.look_again();
        this
    }

    /// The token for a hub.
    pub fn token(&self, hub: &str) -> Option<String> {
        self.tokens.with(|tokens| tokens.of(hub).cloned()).filter(|_| self.uses_tokens)
    }

    /// Takes a token for a hub; an empty one takes it away.
    pub fn set_token(&self, hub: &str, token: &str) {
        self.tokens.update(|tokens| tokens.set(hub, token));
        let stored = self.tokens.with_untracked(Tokens::stored);
        if let Some(storage) = storage() {
            // Where a browser keeps nothing, the signal has them until the page is closed.
            let _ = match stored {
                Some(text) => storage.set_item(TOKENS, &text),
                None => storage.remove_item(TOKENS),
            };
        }
    }

    /// Takes files that the visitor picked, under a name; returns what to write as the model.
    pub fn pick(&self, name: String, files: Vec<PickedFile>) -> String {
        let model = format!("{PICKED}{name}");
        self.picked.update_value(|known| {
            known.insert(name, files);
        });
        model
    }

    /// What the worker must do to load a model that settings name.
    ///
    /// The error is a sentence.
    pub fn order(&self, settings: &Settings, model: &str) -> Result<ModelOrder, String> {
        let files = match ModelSource::parse(model) {
            ModelSource::Default => ModelFiles::Address { address: address::absolute(DEFAULT_MODEL)? },
            ModelSource::Address(address) => ModelFiles::Address { address: address::absolute(&address)? },
            ModelSource::Picked(name) => match self.picked.with_value(|known| known.get(&name).cloned()) {
                Some(files) => ModelFiles::Picked { files },
                None => {
                    return Err(format!(
                        "The model is the file {name} on the sender's computer: choose that file under Model, or use the default model."
                    ));
                }
            },
            ModelSource::Repository(repository) => ModelFiles::Repository {
                repository,
                hub: settings.hub().to_string(),
                token: untrack(|| self.token(settings.hub())),
            },
        };
        Ok(ModelOrder { source: model.into(), files })
    }

    /// Looks anew what is kept on this device.
    pub fn look_again(&self) {
        let kept = self.kept;
        spawn_local(async move { kept.set(list().await.unwrap_or_default()) });
    }

    /// Deletes a kept model.
    pub fn delete(&self, model: &Kept) {
        let (this, folder) = (*self, model.folder.clone());
        spawn_local(async move {
            if let Some(models) = kept_models::folder(false).await {
                let options = FileSystemRemoveOptions::new();
                options.set_recursive(true);
                // A model that is being loaded cannot be deleted; it stays in the list.
                let _ = JsFuture::from(models.remove_entry_with_options(&folder, &options)).await;
            }
            this.look_again();
        });
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().session_storage().ok().flatten()
}

/// The next value of an iterator, with its key.
async fn next(iterator: &AsyncIterator) -> Option<(String, JsValue)> {
    let item = JsFuture::from(iterator.next().ok()?).await.ok()?;
    if Reflect::get(&item, &"done".into()).ok()?.is_truthy() {
        return None;
    }
    let pair: js_sys::Array = Reflect::get(&item, &"value".into()).ok()?.unchecked_into();
    Some((pair.get(0).as_string()?, pair.get(1)))
}

async fn list() -> Option<Vec<Kept>> {
    let models = kept_models::folder(false).await?;
    let mut out = vec![];
    let folders = models.entries();
    while let Some((folder, handle)) = next(&folders).await {
        let files = handle.unchecked_into::<FileSystemDirectoryHandle>().entries();
        let mut bytes = 0;
        while let Some((_, handle)) = next(&files).await {
            let handle: FileSystemFileHandle = handle.unchecked_into();
            if let Ok(file) = JsFuture::from(handle.get_file()).await {
                bytes += file.unchecked_into::<web_sys::File>().size() as u64;
            }
        }
        let name = js_sys::decode_uri_component(&folder).map_or(folder.clone(), String::from);
        let name = name.trim_end_matches(DEFAULT_HUB).trim_end().to_string();
        out.push(Kept { folder, name, bytes });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Some(out)
}
