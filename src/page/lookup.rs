//! How much of a model still has to be fetched: what is stored on this device, and the sizes that its host states, where the host may
//! be asked. These are the facts for [`crate::consent::decide`].

use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use leptos::prelude::window;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, FileSystemDirectoryHandle, FileSystemFileHandle, Headers, RequestInit, RequestRedirect, Response,
};

use super::address;
use super::models::{DEFAULT_MODEL, Models};
use crate::consent::{Asker, Claims, Left, Part, Place, claims};
use prunescope_downloads::kept::RECORD;
use prunescope_downloads::kept_models::{self, await_handle};
use prunescope_downloads::names::{self, encoded};
use prunescope_downloads::order::{FULL_PAGE, LISTING, MANIFEST};
use prunescope_downloads::record::{CHUNK, Record};
use prunescope_protocol::model::manifest::{Manifest, is_manifest, path_of};
use prunescope_protocol::model::repository::{
    INDEX, Repository, RepositoryFile, Selection, parse_listing, select as select_files,
};
use prunescope_protocol::model::source::{ModelSource, RepositoryName};
use prunescope_protocol::settings::Settings;

/// Longest wait for a host that is asked for a model's size, in milliseconds.
const PATIENCE_MS: u32 = 4000;
/// Longest text (manifest, file list, index) that is read from such a host, in bytes.
const LONGEST_TEXT: u64 = 16_000_000;

/// Whether the browser asks pages to save data, or says that the network is a mobile one, where data may cost.
pub(super) fn saves_data() -> bool {
    let get = |of: &JsValue, key: &str| Reflect::get(of, &key.into()).unwrap_or(JsValue::UNDEFINED);
    let connection = get(&window().navigator(), "connection");
    let is_mobile = get(&connection, "type").as_string().is_some_and(|kind| kind == "cellular");
    connection.is_object() && (get(&connection, "saveData").is_truthy() || is_mobile)
}

/// Whether nothing has to be looked up: picked files, and the default model unless the browser asks to save data.
pub(super) fn is_plain(settings: &Settings) -> bool {
    let plain = |model: &String| match ModelSource::parse(model) {
        ModelSource::Picked(_) => true,
        ModelSource::Default => settings.models.other.is_empty() && !saves_data(),
        ModelSource::Address(_) | ModelSource::Repository(_) => false,
    };
    claims::models(settings).all(plain)
}

/// The settings' models: where each comes from, who wants it, and how much still has to be fetched.
pub(super) async fn parts(models: Models, settings: &Settings, claims: &Claims) -> Vec<Part> {
    let mut parts = vec![];
    for model in claims::models(settings) {
        let asker = claims.asker(settings, model);
        let place = place(settings, model);
        let left = match (&place, asker) {
            (Place::Device, _) | (_, Asker::Agreed) => Left::Nothing,
            _ => left(models, settings, model, &place, asker).await,
        };
        parts.push(Part { model: model.clone(), place, asker, left });
    }
    parts
}

/// The place of a model that settings name.
pub(super) fn place(settings: &Settings, model: &str) -> Place {
    // A page without an address has no site.
    address::base().map_or(Place::Device, |page| Place::of(model, settings.models.hub(), &page))
}

async fn left(models: Models, settings: &Settings, model: &str, place: &Place, asker: Asker) -> Left {
    // A host that a link chose is not contacted at all.
    let may_ask = asker != Asker::Link || !matches!(place, Place::Elsewhere(_));
    // The page's own site could redirect a link's request anywhere.
    let may_follow = asker != Asker::Link || !matches!(place, Place::Site(_));
    match ModelSource::parse(model) {
        ModelSource::Picked(_) => Left::Nothing,
        ModelSource::Default => default_model().await,
        ModelSource::Address(address) => at_address(&address, may_ask, may_follow).await,
        ModelSource::Repository(repository) => {
            let token = models.token(settings.models.hub());
            in_repository(&repository, settings.models.hub(), may_ask, may_follow, token).await
        }
    }
}

/// The default model, which is stored under the name in its manifest.
async fn default_model() -> Left {
    let Ok(address) = address::absolute(DEFAULT_MODEL) else { return Left::Nothing };
    // Redirects are followed: the site's owner chooses where the default model is.
    match manifest_at(&address, true).await {
        Ok(manifest) => KeptFolder::open(&manifest.name).await.left_of_manifest(&manifest).await,
        Err(left) => left,
    }
}

/// Fetches a manifest; the error is what to assume without one.
async fn manifest_at(address: &str, may_follow: bool) -> Result<Manifest, Left> {
    match ask(address, "GET", None, may_follow).await {
        // Loading reports in full what is wrong with it.
        Answer::Text { text, .. } => Manifest::parse(&text).map_err(|_| Left::Nothing),
        Answer::Refused => Err(Left::Nothing),
        Answer::Redirect => Err(Left::Redirect),
        Answer::None => Err(Left::Unknown),
    }
}

/// A file of weights, or a manifest with its parts.
///
/// * `may_follow`: whether redirects are followed.
async fn at_address(address: &str, may_ask: bool, may_follow: bool) -> Left {
    let Ok(address) = address::absolute(address) else { return Left::Nothing };
    let path = path_of(&address);
    if is_manifest(&address) {
        let folder = KeptFolder::open(&address).await;
        if let Some(text) = folder.text(MANIFEST).await
            && let Ok(manifest) = Manifest::parse(&text)
            && folder.left_of_manifest(&manifest).await == Left::Nothing
        {
            return Left::Nothing;
        }
        if !may_ask {
            return Left::Unknown;
        }
        return match manifest_at(&address, may_follow).await {
            Ok(manifest) => folder.left_of_manifest(&manifest).await,
            Err(left) => left,
        };
    }
    let label = path.rsplit('/').next().unwrap_or(path);
    if KeptFolder::open(&address).await.is_complete(label).await {
        return Left::Nothing;
    }
    if !may_ask {
        return Left::Unknown;
    }
    match ask(&address, "HEAD", None, may_follow).await {
        Answer::Text { length: Some(length), .. } => Left::Bytes(length),
        Answer::Refused => Left::Nothing,
        Answer::Redirect => Left::Redirect,
        Answer::Text { length: None, .. } | Answer::None => Left::Unknown,
    }
}

/// The files of a repository of a hub.
///
/// * `may_follow`: whether redirects are followed.
async fn in_repository(
    name: &RepositoryName,
    hub: &str,
    may_ask: bool,
    may_follow: bool,
    token: Option<String>,
) -> Left {
    let folder = KeptFolder::open(&names::of_repository(name, hub)).await;
    if let Some(listing) = folder.text(LISTING).await
        && let Some(files) = files_of(&listing, name)
        && let Some(weights) = weights_of(&files, folder.text(INDEX).await)
        && folder.left_of(weights).await == Left::Nothing
    {
        return Left::Nothing;
    }
    let (true, Some(address)) = (may_ask, name.listing_address(hub)) else { return Left::Unknown };
    let listing = match ask(address.as_str(), "GET", token.clone(), may_follow).await {
        // Further pages of the list may contain more files.
        Answer::Text { more: true, .. } | Answer::None => return Left::Unknown,
        Answer::Redirect => return Left::Redirect,
        Answer::Text { text, .. } => text,
        Answer::Refused => return Left::Nothing,
    };
    let Some(files) = files_of(&listing, name) else { return Left::Nothing };
    if files.listed.len() >= FULL_PAGE {
        return Left::Unknown;
    }
    // The index, if there is one, says which files contain the weights.
    let index = match name.file_address(hub, INDEX).filter(|_| files.has_index()) {
        None => None,
        Some(address) => match ask(address.as_str(), "GET", token, may_follow).await {
            Answer::Text { text, .. } => Some(text),
            Answer::Redirect => return Left::Redirect,
            Answer::Refused | Answer::None => return Left::Unknown,
        },
    };
    let texts: u64 = files.selection.texts.iter().map(|text| text.bytes).sum();
    // Loading reports what cannot be loaded.
    let Some(weights) = weights_of(&files, index) else { return Left::Nothing };
    match folder.left_of(weights).await {
        Left::Bytes(bytes) => Left::Bytes(bytes.saturating_add(texts)),
        other => other,
    }
}

/// The files of a repository, and the ones selected for loading.
struct Files {
    listed: Vec<RepositoryFile>,
    selection: Selection,
}

impl Files {
    /// Whether an index says which files contain the weights.
    fn has_index(&self) -> bool {
        self.selection.texts.iter().any(|text| text.path == INDEX)
    }
}

/// Parses a hub's file list; none if it is not one, or has no such model.
fn files_of(listing: &str, name: &RepositoryName) -> Option<Files> {
    let listed = parse_listing(listing).ok()?;
    let selection = select_files(&listed, name.file.as_deref()).ok()?;
    Some(Files { listed, selection })
}

/// The files of weights, by the index if there is one; none if the index names files that are not there.
fn weights_of(files: &Files, index: Option<String>) -> Option<Vec<RepositoryFile>> {
    let selected = files.selection.weights.clone();
    if !files.has_index() {
        return Some(selected);
    }
    Repository { index: Some(index?), ..Repository::default() }.weights(&files.listed, selected).ok()
}

/// A host's answer.
enum Answer {
    /// A text with its length, or only the length (`HEAD`); `more`: the list continues on another page.
    Text { text: String, length: Option<u64>, more: bool },
    /// The host has no such file, or not for this visitor; loading reports it in full.
    Refused,
    /// It redirects to another address, and was not followed.
    Redirect,
    /// No usable answer.
    None,
}

/// Asks a host for a small text, or with `HEAD` for the length of a file.
///
/// * `may_follow`: whether redirects are followed.
async fn ask(address: &str, method: &str, token: Option<String>, may_follow: bool) -> Answer {
    let Ok(abort) = AbortController::new() else { return Answer::None };
    let asked = Box::pin(async {
        let init = RequestInit::new();
        init.set_method(method);
        init.set_signal(Some(&abort.signal()));
        if !may_follow {
            init.set_redirect(RequestRedirect::Manual);
        }
        if let (Some(token), Ok(headers)) = (token, Headers::new()) {
            headers.set("Authorization", &format!("Bearer {token}"))?;
            init.set_headers(&headers);
        }
        let response: Response =
            JsFuture::from(window().fetch_with_str_and_init(address, &init)).await?.unchecked_into();
        match response.status() {
            200 => {}
            // A redirect that is not followed has status 0 and reveals nothing.
            0 => return Ok(Answer::Redirect),
            401 | 403 | 404 | 410 => return Ok(Answer::Refused),
            _ => return Ok(Answer::None),
        }
        let header = |name: &str| response.headers().get(name).ok().flatten();
        let length = header("Content-Length").and_then(|length| length.parse().ok());
        if method == "GET" && length.is_some_and(|length| length > LONGEST_TEXT) {
            return Ok(Answer::None);
        }
        let more = header("Link").is_some_and(|link| link.contains("next"));
        let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
        Ok::<_, JsValue>(Answer::Text { text, length, more })
    });
    let answer = match select(asked, TimeoutFuture::new(PATIENCE_MS)).await {
        Either::Left((Ok(answer), _)) => answer,
        Either::Left((Err(_), _)) | Either::Right(_) => Answer::None,
    };
    // Cancels the rest of the answer.
    abort.abort();
    answer
}

/// The folder in which a model is stored on this device ([`prunescope_downloads`]), if there is one.
struct KeptFolder(Option<FileSystemDirectoryHandle>);

impl KeptFolder {
    async fn open(name: &str) -> Self {
        let folder = match kept_models::folder(false).await {
            Some(models) => await_handle(models.get_directory_handle(&encoded(name))).await,
            None => None,
        };
        Self(folder)
    }

    async fn file(&self, name: &str) -> Option<web_sys::File> {
        let handle: FileSystemFileHandle = await_handle(self.0.as_ref()?.get_file_handle(&encoded(name))).await?;
        await_handle(handle.get_file()).await
    }

    /// The record of a stored file.
    async fn record(&self, name: &str) -> Option<Record> {
        let bytes: JsValue = await_handle(self.file(&format!("{name}{RECORD}")).await?.array_buffer()).await?;
        Record::parse(&Uint8Array::new(&bytes).to_vec(), CHUNK)
    }

    /// Whether a file is stored completely.
    async fn is_complete(&self, name: &str) -> bool {
        self.record(name).await.is_some_and(|record| record.sealed)
    }

    async fn text(&self, name: &str) -> Option<String> {
        await_handle::<JsValue>(self.file(name).await?.text()).await?.as_string()
    }

    /// Bytes of the given files (name in the folder, length) that still have to be fetched.
    async fn left(&self, files: impl Iterator<Item = (Option<String>, u64)>) -> Left {
        let (mut left, mut all_whole) = (0u64, true);
        for (name, bytes) in files {
            let kept = match name {
                None => 0,
                Some(name) => match self.record(&name).await {
                    Some(record) if record.sealed => continue,
                    Some(record) => record.covered(),
                    // A file without a record is from an earlier version of the page, and is reused if its content is right.
                    None => self.file(&name).await.map_or(0, |file| file.size() as u64),
                },
            };
            left = left.saturating_add(bytes.saturating_sub(kept));
            all_whole &= kept >= bytes;
        }
        if all_whole { Left::Nothing } else { Left::Bytes(left) }
    }

    /// The same for a manifest's parts.
    async fn left_of_manifest(&self, manifest: &Manifest) -> Left {
        self.left(manifest.parts.iter().map(|part| (part.sha256.clone(), part.bytes))).await
    }

    /// The same for a repository's files of weights.
    async fn left_of(&self, weights: Vec<RepositoryFile>) -> Left {
        self.left(weights.into_iter().map(|file| (Some(names::of_file(&file)), file.bytes))).await
    }
}
