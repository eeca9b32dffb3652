//! Which files a model consists of and where they are: turns a [`ModelOrder`] into pieces to read in order.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::error::DownloadError;
use super::kept::{kept_text, subject};
use super::names;
use super::piece::Piece;
use super::platform::Platform;
use super::server::{Announced, Budget, HubRepository, NoText, Server};
use crate::words::host;
use prunescope_protocol::messages::{ModelFiles, ModelOrder, PickedFile};
use prunescope_protocol::model::RepositoryName;
use prunescope_protocol::model::manifest::{Manifest, is_manifest, path_of};
use prunescope_protocol::model::repository::{
    Repository, RepositoryFile, Selection, SelectionError, parse_listing, select,
};

/// Name under which a repository's file listing is kept.
pub const LISTING: &str = "listing.json";
/// Name under which a manifest is kept.
pub const MANIFEST: &str = "manifest.json";
/// Most pages of a file listing that are read.
const MOST_PAGES: usize = 20;
/// Entries on a full page of a listing. A full page may have a successor whose `Link` header the page cannot read.
pub const FULL_PAGE: usize = 1000;

/// The files to read for a model.
pub struct Order<P: Platform> {
    /// The server that has them.
    pub server: Server,
    /// The folder in which they are kept, if they are.
    pub folder: Option<P::Folder>,
    /// The texts that describe the model, if its weights are not in GGUF files.
    pub repository: Option<Repository>,
    /// The files of weights.
    pub files: Vec<WeightFile>,
    /// Fetched texts by the name under which they are kept. They are written only once the model is loaded, so that the
    /// texts of the kept version stay until then.
    pub texts: Vec<(String, String)>,
}

/// A file of weights.
pub struct WeightFile {
    /// Its consecutive pieces.
    pub pieces: Vec<Piece>,
    /// SHA-256 of the whole file in hexadecimal, if known and not implied by those of all its pieces.
    pub sha256: Option<String>,
}

/// Finds out which files to read for an order.
///
/// * `budget` — limit for the bytes fetched from the network.
///
/// # Errors
/// [`DownloadError`].
pub async fn plan<P: Platform>(platform: &P, order: &ModelOrder, budget: &Budget) -> Result<Order<P>, DownloadError> {
    let server = Server { budget: budget.clone(), ..Server::default() };
    match &order.files {
        ModelFiles::Address { address } => {
            if is_manifest(address) {
                manifest(platform, server, address, order.source.is_empty()).await
            } else {
                let path = path_of(address);
                file(platform, server, address, path.rsplit('/').next().unwrap_or(path)).await
            }
        }
        ModelFiles::Picked { files } => picked(platform, files).await,
        ModelFiles::Repository { repository, hub, token } => {
            in_repository(platform, server, repository, hub, token.clone()).await
        }
    }
}

/// A manifest whose parts are at addresses relative to it.
async fn manifest<P: Platform>(
    platform: &P,
    server: Server,
    address: &str,
    is_default: bool,
) -> Result<Order<P>, DownloadError> {
    let url = parsed(address)?;
    // Another manifest's folder is named by its address, so that manifests cannot overwrite each other's files. The
    // default model's folder has the model's name, and its files are named by their checksums; if it cannot be kept, no
    // notice is shown.
    let (manifest, folder, texts) = if is_default {
        let text = server.text(platform, &url, true).await.map_err(|no| no.why)?;
        let manifest = Manifest::parse(&text)?;
        let folder = platform.folder(&manifest.name).await;
        (manifest, folder, vec![])
    } else {
        let folder = folder(platform, address).await;
        let mut shelf = MetadataCache::<P>::new(folder.as_ref());
        let fetch = async |patient| {
            let text = server.text(platform, &url, patient).await?;
            // Only a valid manifest is kept.
            Manifest::parse(&text).map(|_| text).map_err(|why| NoText::finally(why.into()))
        };
        let text = shelf.fetched(MANIFEST, None, fetch).await?;
        let texts = shelf.fresh;
        (Manifest::parse(&text)?, folder, texts)
    };
    let all_known = manifest.parts.iter().all(|part| part.sha256.is_some());
    let sha256 = manifest.sha256.filter(|_| !all_known);
    let pieces = manifest.parts.into_iter().map(|part| {
        let mut url = url.join(&part.file).map_err(|_| DownloadError::Hub { hub: part.file.clone() })?;
        // The address changes with the content, so no cache can return an old version.
        url.set_query(part.sha256.as_ref().map(|sum| format!("sha256={sum}")).as_deref());
        Ok(Piece {
            label: part.file,
            address: url.into(),
            bytes: part.bytes,
            kept_as: part.sha256.clone(),
            identity: part.sha256.clone().unwrap_or_default(),
            sha256: part.sha256,
            ..Piece::default()
        })
    });
    let pieces = pieces.collect::<Result<_, DownloadError>>()?;
    Ok(Order { server, folder, repository: None, files: vec![WeightFile { pieces, sha256 }], texts })
}

/// A GGUF file at an address.
async fn file<P: Platform>(
    platform: &P,
    server: Server,
    address: &str,
    label: &str,
) -> Result<Order<P>, DownloadError> {
    let url = parsed(address)?;
    let is_served = ["http", "https"].contains(&url.scheme());
    let mut folder = match url.origin().ascii_serialization() == platform.origin() {
        // No notice is shown if a file of the page's own origin cannot be kept.
        true if is_served => platform.folder(address).await,
        false if is_served => folder(platform, address).await,
        _ => None,
    };
    let name = if label.is_empty() { "model" } else { label };
    let announced = match (server.announced(platform, address).await, &folder) {
        (Ok(announced), _) => announced,
        // Without network, behind a sign-in page, or before the visitor agrees, the kept file is used.
        (
            Err(
                why @ (DownloadError::Unreachable { .. }
                | DownloadError::Wait { .. }
                | DownloadError::WebPage { .. }
                | DownloadError::AskFirst { .. }),
            ),
            Some(folder),
        ) => {
            let kept = subject::<P>(folder, name).await.ok_or(why)?;
            Announced { bytes: kept.bytes, version: kept.identity, ranged: false }
        }
        (Err(why), _) => return Err(why),
    };
    let Announced { bytes, version, ranged } = announced;
    if version.is_empty() {
        // Without a version a changed file could not be detected.
        folder = None;
    }
    let piece = Piece {
        label: label.into(),
        address: address.into(),
        bytes,
        sha256: None,
        version: Some(version.clone()).filter(|version| !version.is_empty()),
        ranged,
        kept_as: folder.is_some().then(|| name.into()),
        identity: version,
    };
    Ok(Order {
        server,
        folder,
        repository: None,
        files: vec![WeightFile { pieces: vec![piece], sha256: None }],
        texts: vec![],
    })
}

/// Files that the visitor picked: one GGUF file, or the files of a repository.
async fn picked<P: Platform>(platform: &P, files: &[PickedFile]) -> Result<Order<P>, DownloadError> {
    let server = Server::default();
    let listed: Vec<RepositoryFile> =
        files.iter().map(|file| RepositoryFile { path: file.name.clone(), bytes: file.bytes, sha256: None }).collect();
    let address =
        |name: &str| files.iter().find(|file| file.name == name).map(|file| file.address.clone()).unwrap_or_default();
    // A single file is used whatever its name; its header identifies the format.
    let Selection { texts, mut weights } = match &listed[..] {
        [one] => Selection { texts: vec![], weights: vec![one.clone()] },
        several => select(several, None)?,
    };
    let mut repository = None;
    if !texts.is_empty() {
        let name = weights.first().map(|file| file.path.clone()).unwrap_or_default();
        let mut described = Repository { name, ..Repository::default() };
        for text in &texts {
            let content = server.text(platform, &parsed(&address(&text.path))?, true).await.map_err(|no| no.why)?;
            described.set(&text.path, content);
        }
        weights = described.weights(&listed, weights)?;
        repository = Some(described);
    }
    let file = |file: RepositoryFile| {
        let address = address(&file.path);
        let piece = Piece { label: file.path, address, bytes: file.bytes, ..Piece::default() };
        WeightFile { pieces: vec![piece], sha256: None }
    };
    Ok(Order { server, folder: None, repository, files: weights.into_iter().map(file).collect(), texts: vec![] })
}

/// The folder in which a model is kept; tells the visitor if there can be none.
async fn folder<P: Platform>(platform: &P, name: &str) -> Option<P::Folder> {
    let folder = platform.folder(name).await;
    if folder.is_none() {
        platform.notice(
            "This browser keeps no files for this page (in a private window or a sandboxed frame, for example): the model works now, and is downloaded again next time."
                .into(),
        );
    }
    folder
}

/// The files of a hub's repository, kept on this device.
async fn in_repository<P: Platform>(
    platform: &P,
    server: Server,
    name: &RepositoryName,
    hub: &str,
    token: Option<String>,
) -> Result<Order<P>, DownloadError> {
    let wrong = || DownloadError::Hub { hub: hub.into() };
    let listing_address = name.listing_address(hub).ok_or_else(wrong)?;
    let host = host(&listing_address).unwrap_or_default();
    let server = Server { token, hub: Some(HubRepository { host, repository: name.to_string() }), ..server };
    let folder = folder(platform, &names::of_repository(name, hub)).await;
    let mut shelf = MetadataCache::<P>::new(folder.as_ref());
    let pages = shelf
        .fetched(LISTING, None, async |patient| listing(platform, &server, &listing_address, name, patient).await)
        .await?;
    let listed = parse_listing(&pages)?;
    let versions = object_ids(&pages);
    let Selection { texts, mut weights } = select(&listed, name.file.as_deref())?;
    let address = |path: &str| name.file_address(hub, path).ok_or_else(wrong);
    let mut repository = None;
    if !texts.is_empty() {
        let mut described = Repository { name: name.id.clone(), ..Repository::default() };
        for file in &texts {
            let address = address(&file.path)?;
            // Length 0 means that the hub lists no sizes.
            let bytes = Some(file.bytes).filter(|bytes| *bytes > 0);
            let fetch = async |patient| server.page(platform, &address, bytes, patient).await.map(|(text, _)| text);
            let content = shelf.fetched(&file.path, bytes, fetch).await?;
            described.set(&file.path, content);
        }
        weights = described.weights(&listed, weights)?;
        repository = Some(described);
    }
    let texts = shelf.fresh;
    let mut files = vec![];
    for file in weights {
        let identity = file.sha256.clone().or_else(|| versions.get(&file.path).cloned());
        let piece = Piece {
            address: address(&file.path)?.into(),
            bytes: file.bytes,
            kept_as: Some(names::of_file(&file)),
            identity: identity.unwrap_or_else(|| names::by_path(&file)),
            label: file.path,
            sha256: file.sha256,
            ..Piece::default()
        };
        files.push(WeightFile { pieces: vec![piece], sha256: None });
    }
    Ok(Order { server, folder, repository, files, texts })
}

/// The git object id of each file in a listing, by path. It identifies a version where there is no SHA-256.
fn object_ids(listing: &str) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Entry {
        path: String,
        oid: Option<String>,
    }
    let entries: Vec<Entry> = serde_json::from_str(listing).unwrap_or_default();
    entries.into_iter().filter_map(|Entry { path, oid }| Some((path, oid?))).collect()
}

/// The hub's listing of a repository's files, all pages joined into one JSON array.
async fn listing<P: Platform>(
    platform: &P,
    server: &Server,
    address: &Url,
    name: &RepositoryName,
    patient: bool,
) -> Result<String, NoText> {
    let mut all = vec![];
    let mut next = Some(address.clone());
    let mut pages = 0;
    while let Some(page) = next {
        if pages == MOST_PAGES {
            return Err(NoText::finally(DownloadError::ManyFiles { files: all.len() }));
        }
        let (entries, after) = entries(platform, server, &page, patient).await?;
        pages += 1;
        all.extend(entries);
        next = after;
    }
    if pages == 1 && all.len() == FULL_PAGE {
        // There may be another page whose `Link` header this page cannot read. List the root and the requested file's
        // folder without recursion instead: those listings are shorter.
        let folder = name.file.as_deref().and_then(|file| file.rsplit_once('/')).map(|(folder, _)| folder);
        for folder in [None, folder].into_iter().take(1 + usize::from(folder.is_some())) {
            let mut address = address.clone();
            address.set_query(None);
            if let (Some(folder), Ok(mut segments)) = (folder, address.path_segments_mut()) {
                segments.extend(folder.split('/'));
            }
            let (entries, _) = entries(platform, server, &address, patient).await?;
            if entries.len() == FULL_PAGE {
                return Err(NoText::finally(DownloadError::CutListing { files: all.len() }));
            }
            all.extend(entries);
        }
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|entry| seen.insert(entry["path"].to_string()));
    }
    Ok(Value::Array(all).to_string())
}

/// The entries of one page of a listing, and the next page's address.
async fn entries<P: Platform>(
    platform: &P,
    server: &Server,
    address: &Url,
    patient: bool,
) -> Result<(Vec<Value>, Option<Url>), NoText> {
    let (text, next) = server.page(platform, address, None, patient).await?;
    let entries = serde_json::from_str(&text);
    let entries =
        entries.map_err(|error| NoText::finally(SelectionError::Listing { why: error.to_string() }.into()))?;
    Ok((entries, next.filter(|next| next != address)))
}

fn parsed(address: &str) -> Result<Url, DownloadError> {
    Url::parse(address)
        .map_err(|error| DownloadError::Unreachable { why: format!("{address} is no address ({error})") })
}

/// Fetches small texts; uses the kept copies where the network fails.
struct MetadataCache<'a, P: Platform> {
    folder: Option<&'a P::Folder>,
    /// Whether the network has failed; kept copies are used without asking from then on.
    offline: bool,
    /// Fetched texts that differ from the kept ones: name and content.
    fresh: Vec<(String, String)>,
}

impl<'a, P: Platform> MetadataCache<'a, P> {
    fn new(folder: Option<&'a P::Folder>) -> Self {
        Self { folder, offline: false, fresh: vec![] }
    }

    /// Calls `fetch` (its argument: whether to retry), or returns the kept copy of the text.
    ///
    /// * `bytes` — the text's length, if known.
    async fn fetched(
        &mut self,
        name: &str,
        bytes: Option<u64>,
        fetch: impl AsyncFnOnce(bool) -> Result<String, NoText>,
    ) -> Result<String, DownloadError> {
        let Some(folder) = self.folder else { return fetch(true).await.map_err(|no| no.why) };
        let kept =
            kept_text::<P>(folder, name).await.filter(|text| bytes.is_none_or(|bytes| text.len() as u64 == bytes));
        if let (true, Some(text)) = (self.offline, &kept) {
            return Ok(text.clone());
        }
        // With a kept copy there is no need to wait for retries.
        match (fetch(kept.is_none()).await, kept) {
            (Ok(text), kept) => {
                if kept.as_ref() != Some(&text) {
                    self.fresh.push((name.into(), text.clone()));
                }
                Ok(text)
            }
            (Err(NoText { offline: true, .. } | NoText { why: DownloadError::AskFirst { .. }, .. }), Some(kept)) => {
                self.offline = true;
                Ok(kept)
            }
            (Err(NoText { why, .. }), _) => Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, Written, done};
    use super::super::platform::Request;
    use super::*;

    const TREE: &str = "https://hub.example/api/models/a/b/tree/main";

    fn files(range: std::ops::Range<usize>) -> String {
        let entry = |n| serde_json::json!({ "type": "file", "path": format!("c/{n}.txt"), "size": 1, "oid": "x" });
        Value::Array(range.map(entry).collect()).to_string()
    }

    fn model(path: &str) -> String {
        serde_json::json!([{ "type": "file", "path": path, "size": 9, "oid": "x" }]).to_string()
    }

    /// Plans the model `a/b` of a hub; `pages` maps the end of a listing's address to its text and the next page.
    /// Returns the labels of the pieces.
    fn planned(name: &str, pages: impl Fn(&str) -> Option<(String, Option<String>)>) -> Result<Vec<String>, String> {
        let platform = Fake::new(|request: &Request<'_>| {
            let (text, next) = pages(request.address.strip_prefix(TREE)?)?;
            let next = next.map(|next| format!("<{TREE}{next}>; rel=\"next\""));
            let headers: Vec<(&str, &str)> = next.iter().map(|next| ("Link", next.as_str())).collect();
            Some(Written::new(200, &headers, text.as_bytes()))
        });
        let files = ModelFiles::Repository {
            repository: RepositoryName::parse(name).unwrap(),
            hub: "https://hub.example".into(),
            token: None,
        };
        let order = ModelOrder { source: "x".into(), files, allowance: None };
        let planned = done(plan(&platform, &order, &Budget::default())).map_err(|why| why.to_string())?;
        Ok(planned.files.into_iter().flat_map(|file| file.pieces).map(|piece| piece.label).collect())
    }

    #[test]
    fn every_page_of_a_list_is_read() {
        let found = planned("a/b", |page| {
            Some(match page {
                "?recursive=true" => (files(0..1000), Some("?recursive=true&cursor=1".into())),
                "?recursive=true&cursor=1" => (files(1000..2000), Some("?recursive=true&cursor=2".into())),
                _ => (model("x.gguf"), None),
            })
        });
        assert_eq!(found, Ok(vec!["x.gguf".into()]));
    }

    #[test]
    fn a_list_without_end_is_refused() {
        let count = std::cell::Cell::new(0);
        let found = planned("a/b", |_| {
            count.set(count.get() + 1);
            Some((files(0..3), Some(format!("?cursor={}", count.get()))))
        });
        assert!(found.unwrap_err().contains("more than 60 files"));
        assert_eq!(count.get(), MOST_PAGES);
        // A page that names itself as the next one is the last.
        let found = planned("a/b", |_| Some((model("x.gguf"), Some("?recursive=true".into()))));
        assert_eq!(found, Ok(vec!["x.gguf".into()]));
    }

    #[test]
    fn where_the_next_page_cannot_be_seen_shorter_lists_are_asked_for() {
        let pages = |page: &str| {
            Some(match page {
                "?recursive=true" => (files(0..1000), None),
                "" => (model("x.gguf"), None),
                "/q%20x" => (model("q x/y.gguf"), None),
                _ => return None,
            })
        };
        assert_eq!(planned("a/b", pages), Ok(vec!["x.gguf".into()]));
        assert_eq!(planned("a/b:q x/y.gguf", pages), Ok(vec!["q x/y.gguf".into()]));
        let full = |_: &str| Some((files(0..1000), None));
        assert!(planned("a/b", full).unwrap_err().contains("ends after 1000 and does not say where it goes on"));
        let short = |_: &str| Some((files(0..999), None));
        assert!(planned("a/b", short).unwrap_err().contains("no .gguf and no .safetensors"));
    }

    #[test]
    fn a_model_at_an_address_is_planned_by_what_its_server_says() {
        let planned = |address: &str| {
            let platform = Fake::new(|_: &Request<'_>| {
                Some(Written::new(
                    200,
                    &[("Content-Length", "9"), ("ETag", "\"a\"")],
                    b"{\"name\": \"m\", \"parts\": [{\"file\": \"p q\", \"bytes\": 5}]}",
                ))
            });
            let files = ModelFiles::Address { address: address.into() };
            let order = ModelOrder { source: "x".into(), files, allowance: None };
            let piece = done(plan(&platform, &order, &Budget::default())).unwrap().files.remove(0).pieces.remove(0);
            (piece.address, piece.bytes, piece.version)
        };
        let address = "https://other.example/a/x.gguf?download=true";
        assert_eq!(planned(address), (address.into(), 9, Some("a".into())));
        assert_eq!(planned("https://other.example/a/m.JSON"), ("https://other.example/a/p%20q".into(), 5, None));
    }
}
