//! Where models come from, on the page's side: picked files, a hub with its access token, and what is kept on this device.

use std::collections::BTreeMap;

use futures::StreamExt;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::stream::JsStream;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DomException, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemRemoveOptions};

use super::address;
use crate::consent::Tokens;
use prunescope_downloads::kept_models;
use prunescope_downloads::names;
use prunescope_protocol::messages::{Allowance, ModelFiles, ModelOrder, PickedFile};
use prunescope_protocol::model::source::{ModelSource, PICKED};
use prunescope_protocol::settings::Settings;

/// Where the default model is served, beside the page.
pub(super) const DEFAULT_MODEL: &str = "models/SmolLM2-135M-Instruct.Q4_1.json";
/// Under what tokens are kept, in this tab's storage only.
const TOKENS: &str = "prunescope-tokens";

/// A repository that visitors may like to try.
pub(super) struct Suggestion {
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
pub(super) const SUGGESTIONS: [Suggestion; 6] = [
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
pub(super) struct Kept {
    /// Its folder.
    folder: String,
    /// What it is.
    pub name: String,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// Where models come from.
#[derive(Clone, Copy)]
pub(super) struct Models {
    /// Files that were picked in this visit, by the name of the model.
    picked: StoredValue<BTreeMap<String, Vec<PickedFile>>>,
    /// Access tokens by hub.
    tokens: RwSignal<Tokens>,
    /// Whether tokens are used at all: not in a frame, whose surrounding page can read the results.
    uses_tokens: bool,
    /// What is kept on this device.
    pub kept: RwSignal<Vec<Kept>>,
    /// Whether the browser says that it may delete what is kept when it needs room.
    pub evictable: RwSignal<bool>,
    /// Why a kept model was not deleted, as a sentence.
    pub undeleted: RwSignal<Option<String>>,
    /// Whether the browser was asked in this visit to let what is kept stay.
    asked_to_stay: StoredValue<bool>,
}

impl Models {
    /// With the tokens of this tab, if it has any.
    ///
    /// * `embedded`: whether the page is shown in another one, which can read the results; no token is used there.
    pub(super) fn new(embedded: bool) -> Self {
        let stored = storage().and_then(|storage| storage.get_item(TOKENS).ok().flatten()).unwrap_or_default();
        let this = Self {
            picked: StoredValue::new(BTreeMap::new()),
            tokens: RwSignal::new(Tokens::from_stored(&stored)),
            uses_tokens: !embedded,
            kept: RwSignal::new(vec![]),
            evictable: RwSignal::new(false),
            undeleted: RwSignal::new(None),
            asked_to_stay: StoredValue::new(false),
        };
        spawn_local(this.look());
        this
    }

    /// The token for a hub.
    pub(super) fn token(&self, hub: &str) -> Option<String> {
        self.tokens.with(|tokens| tokens.of(hub).cloned()).filter(|_| self.uses_tokens)
    }

    /// Takes a token for a hub; an empty one takes it away.
    pub(super) fn set_token(&self, hub: &str, token: &str) {
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
    pub(super) fn pick(&self, name: String, files: Vec<PickedFile>) -> String {
        let model = format!("{PICKED}{name}");
        self.picked.update_value(|known| {
            known.insert(name, files);
        });
        model
    }

    /// What the worker must do to load a model that settings name.
    ///
    /// * `allowance`: what may come of it, where that has a limit.
    ///
    /// The error is a sentence.
    pub(super) fn order(
        &self,
        settings: &Settings,
        model: &str,
        allowance: Option<Allowance>,
    ) -> Result<ModelOrder, String> {
        let files = match ModelSource::parse(model) {
            ModelSource::Default => ModelFiles::Address { address: address::absolute(DEFAULT_MODEL)? },
            ModelSource::Address(address) => ModelFiles::Address { address: address::absolute(&address)? },
            ModelSource::Picked(name) => match self.picked.with_value(|known| known.get(&name).cloned()) {
                Some(files) => ModelFiles::Picked { files },
                None => {
                    return Err(format!(
                        "The model is the file {name} on the computer of whoever made this link: choose that file under Model, or use the default model."
                    ));
                }
            },
            ModelSource::Repository(repository) => ModelFiles::Repository {
                repository,
                hub: settings.models.hub().to_string(),
                token: untrack(|| self.token(settings.models.hub())),
            },
        };
        Ok(ModelOrder { source: model.into(), files, allowance })
    }

    /// Looks anew what is kept on this device, after a model was loaded: if one is kept, the browser is asked to let it stay.
    pub(super) fn refresh_cached(&self) {
        let this = *self;
        spawn_local(async move {
            this.look().await;
            let has_some = this.kept.with_untracked(|kept| !kept.is_empty());
            // Once is enough: some browsers ask the visitor.
            if has_some && this.evictable.get_untracked() && !this.asked_to_stay.get_value() {
                this.asked_to_stay.set_value(true);
                this.evictable.set(!kept_models::persist().await.unwrap_or(false));
            }
        });
    }

    async fn look(self) {
        let kept = list().await.unwrap_or_default();
        let evictable = !kept.is_empty() && kept_models::persisted().await == Some(false);
        self.kept.set(kept);
        self.evictable.set(evictable);
    }

    /// Deletes a kept model.
    pub(super) fn delete(&self, model: &Kept) {
        let (this, Kept { folder, name, .. }) = (*self, model.clone());
        spawn_local(async move {
            if let Some(models) = kept_models::folder(false).await {
                let options = FileSystemRemoveOptions::new();
                options.set_recursive(true);
                let deleted = JsFuture::from(models.remove_entry_with_options(&folder, &options)).await;
                this.undeleted.set(deleted.err().and_then(|error| undeleted(&name, &error)));
            }
            this.look().await;
        });
    }
}

/// Why a kept model was not deleted; none where it was gone already.
fn undeleted(name: &str, error: &JsValue) -> Option<String> {
    let Some(error) = error.dyn_ref::<DomException>() else {
        return Some(format!("{name} could not be deleted ({error:?}): reload the page and try again."));
    };
    match error.name().as_str() {
        "NotFoundError" => None,
        // Its files are open while they are read.
        "NoModificationAllowedError" => Some(format!(
            "{name} is being read just now, here or in another tab: delete it when it has loaded, or close that tab."
        )),
        _ => Some(format!("{name} could not be deleted ({}): reload the page and try again.", error.message())),
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().session_storage().ok().flatten()
}

/// The next entry of a folder: its name, and its handle.
async fn next(entries: &mut JsStream) -> Option<(String, JsValue)> {
    let pair: js_sys::Array = entries.next().await?.ok()?.unchecked_into();
    Some((pair.get(0).as_string()?, pair.get(1)))
}

async fn list() -> Option<Vec<Kept>> {
    let models = kept_models::folder(false).await?;
    let mut out = vec![];
    let mut folders = JsStream::from(models.entries());
    while let Some((folder, handle)) = next(&mut folders).await {
        let mut files = JsStream::from(handle.unchecked_into::<FileSystemDirectoryHandle>().entries());
        let mut bytes = 0;
        while let Some((_, handle)) = next(&mut files).await {
            let handle: FileSystemFileHandle = handle.unchecked_into();
            if let Ok(file) = JsFuture::from(handle.get_file()).await {
                bytes += file.unchecked_into::<web_sys::File>().size() as u64;
            }
        }
        // A folder of empty files is what a device without room leaves.
        if bytes > 0 {
            out.push(Kept { name: names::shown(&folder), folder, bytes });
        }
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Some(out)
}
