//! Where models come from, on the page's side: picked files, a hub with its access token, and models stored on this device.

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
use prunescope_localization::tr;
use prunescope_protocol::messages::{Allowance, ModelFiles, ModelOrder, PickedFile};
use prunescope_protocol::model::source::{ModelSource, PICKED};
use prunescope_protocol::settings::Settings;

/// Address of the default model's manifest, relative to the page.
pub(super) const DEFAULT_MODEL: &str = "models/SmolLM2-135M-Instruct.Q4_1.json";
/// Session storage key of the access tokens.
const TOKENS: &str = "prunescope-tokens";

/// A repository that the page suggests.
pub(super) struct Suggestion {
    /// The text for the model field.
    pub model: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Size of the download in megabytes.
    pub megabytes: u32,
    /// Memory that its weights take, in megabytes.
    pub memory: u32,
    /// Its licence: the name, or `gemma` for Google's terms.
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
        licence: "gemma",
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

/// A model stored on this device.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    /// Its folder.
    folder: String,
    /// Its display name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Where models come from.
#[derive(Clone, Copy)]
pub(super) struct Models {
    /// Files picked in this visit, by the model's name.
    picked: StoredValue<BTreeMap<String, Vec<PickedFile>>>,
    /// Access tokens by hub.
    tokens: RwSignal<Tokens>,
    /// Whether tokens are used at all: not in a frame, where the embedding page can read the results.
    uses_tokens: bool,
    /// Models stored on this device.
    pub kept: RwSignal<Vec<Kept>>,
    /// Whether the browser may delete stored models when it needs room.
    pub evictable: RwSignal<bool>,
    /// Why a stored model was not deleted, as a sentence.
    pub undeleted: RwSignal<Option<String>>,
    /// Whether the browser was asked for persistent storage in this visit.
    asked_to_stay: StoredValue<bool>,
}

impl Models {
    /// Starts with this tab's stored tokens, if any.
    ///
    /// * `embedded`: whether another page embeds this one and can read the results; no token is used then.
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

    /// Sets the token of a hub; an empty one removes it.
    pub(super) fn set_token(&self, hub: &str, token: &str) {
        self.tokens.update(|tokens| tokens.set(hub, token));
        let stored = self.tokens.with_untracked(Tokens::stored);
        if let Some(storage) = storage() {
            // If the browser stores nothing, the tokens last until the page is closed.
            let _ = match stored {
                Some(text) => storage.set_item(TOKENS, &text),
                None => storage.remove_item(TOKENS),
            };
        }
    }

    /// Adds files that the visitor picked, under a name; returns the text for the model field.
    pub(super) fn pick(&self, name: String, files: Vec<PickedFile>) -> String {
        let model = format!("{PICKED}{name}");
        self.picked.update_value(|known| {
            known.insert(name, files);
        });
        model
    }

    /// The address of a model's manifest, if it has one on this site.
    pub(super) fn manifest(model: &str) -> Option<String> {
        let address = match ModelSource::parse(model) {
            ModelSource::Default => DEFAULT_MODEL.to_string(),
            ModelSource::Address(address) if address.ends_with(".json") => address,
            _ => return None,
        };
        let url = address::absolute_url(&address).ok()?;
        (!address::is_elsewhere(&url)).then(|| url.into())
    }

    /// The worker's source for a model that settings name.
    ///
    /// * `allowance`: limits on what may be fetched, if there are any.
    ///
    /// The error is a sentence for the visitor.
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
                None => return Err(tr!(models_file_of_link, name = name)),
            },
            ModelSource::Repository(repository) => ModelFiles::Repository {
                repository,
                hub: settings.models.hub().to_string(),
                token: untrack(|| self.token(settings.models.hub())),
            },
        };
        Ok(ModelOrder { source: model.into(), files, allowance })
    }

    /// Reads again which models are stored on this device. If there are some, the browser is asked for persistent storage.
    pub(super) fn refresh_cached(&self) {
        let this = *self;
        spawn_local(async move {
            this.look().await;
            let has_some = this.kept.with_untracked(|kept| !kept.is_empty());
            // Asked once a visit: some browsers show the visitor a prompt.
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

    /// Deletes a stored model.
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

/// Why a stored model was not deleted; none if it was gone already.
fn undeleted(name: &str, error: &JsValue) -> Option<String> {
    let Some(error) = error.dyn_ref::<DomException>() else {
        return Some(tr!(models_undeleted, model = name, why = format!("{error:?}")));
    };
    match error.name().as_str() {
        "NotFoundError" => None,
        // Its files are open while they are read.
        "NoModificationAllowedError" => Some(tr!(models_undeleted_while_read, model = name)),
        _ => Some(tr!(models_undeleted, model = name, why = error.message())),
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
        // A folder of empty files is left over when the device had no room.
        if bytes > 0 {
            out.push(Kept { name: names::shown(&folder), folder, bytes });
        }
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Some(out)
}
