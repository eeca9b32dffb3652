//! Streams a model's bytes into the loader, from wherever it is: an address, the visitor's files, a hub, this device.

use burn::tensor::Device;
use sha2::{Digest, Sha256};

use super::fetch::Server;
use super::store::{Folder, KeptFile};
use super::{now, scope, tell};
use crate::engine::protocol::{Event, ModelFiles, ModelOrder, PickedFile};
use crate::model::loader::Limits;
use crate::model::manifest::{Manifest, hexadecimal};
use crate::model::repository::{Repository, RepositoryFile, Selection, parse_listing, select};
use crate::model::{LoadError, LoadedModel, ModelLoader, RepositoryName, Storage};
use crate::settings::Precision;

/// Least time between two progress events, in milliseconds.
const PROGRESS_EVERY_MS: f64 = 50.0;
/// Bytes that are read at once from this device.
const READ_AT_ONCE: usize = 4 << 20;
/// The name under which a repository's list of files is kept.
const LISTING: &str = "listing.json";
/// The name under which what tells a file's version is kept.
const VERSION: &str = "version";

/// Why a model was not loaded.
pub enum Failure {
    /// A sentence.
    Message(String),
    /// It is too big as it is stored.
    TooBig {
        /// A sentence.
        message: String,
        /// Whether it would fit in 8 bits.
        fits_in_eight_bits: bool,
    },
}

/// How a model is to be held.
#[derive(Clone, Copy)]
pub struct Holding {
    /// How its weights are held.
    pub storage: Storage,
    /// How exactly.
    pub precision: Precision,
    /// What the device can hold.
    pub limits: Limits,
}

/// A piece of a file of weights.
struct Piece {
    /// What to call it.
    label: String,
    address: String,
    bytes: u64,
    sha256: Option<String>,
    /// The name under which it is kept on this device.
    kept_as: Option<String>,
}

/// What there is to read.
struct Order {
    server: Server,
    folder: Option<Folder>,
    /// What describes the model, where its weights are not in GGUF files.
    repository: Option<Repository>,
    /// The files, each in pieces that follow each other.
    files: Vec<Vec<Piece>>,
}

/// Loads a model onto a device.
pub async fn model(order: &ModelOrder, device: &Device, holding: Holding) -> Result<LoadedModel, Failure> {
    let name = match &order.files {
        ModelFiles::Address { address } => format!("The model at {address}"),
        ModelFiles::Picked { files } => {
            format!("The model in {}", files.first().map_or("no file", |file| file.name.as_str()))
        }
        ModelFiles::Repository { repository, .. } => format!("The model {repository}"),
    };
    let failed = |why: String| Failure::Message(format!("{name} cannot be used: {why}."));
    let refused = |why: LoadError| match why {
        LoadError::TooBig { rounded, .. } => {
            Failure::TooBig { message: format!("{name} cannot be used: {why}."), fits_in_eight_bits: rounded.is_some() }
        }
        why => failed(why.to_string()),
    };
    let order = match &order.files {
        ModelFiles::Address { address } => at_address(address).await,
        ModelFiles::Picked { files } => picked(files).await,
        ModelFiles::Repository { repository, hub, token } => in_repository(repository, hub, token.clone()).await,
    };
    let Order { server, mut folder, repository, files } = order.map_err(failed)?;
    let rounds = holding.precision == Precision::Eight;
    let mut loader = ModelLoader::new(files.len(), device, holding.storage).within(holding.limits).rounded(rounds);
    if let Some(repository) = repository {
        loader.describe(repository).map_err(refused)?;
    }
    let total = files.iter().flatten().map(|piece| piece.bytes).sum();
    let mut progress = Progress { received: 0, total, kept: 0, told: 0.0, file: String::new() };
    for file in &files {
        let name = file.first().map_or("", |piece| piece.label.as_str());
        loader.begin_file(name, file.iter().map(|piece| piece.bytes).sum()).map_err(refused)?;
        for piece in file {
            let mut why = None;
            let mut push = |bytes: &[u8]| {
                loader.push(bytes).map_err(|error| {
                    let message = error.to_string();
                    why = Some(error);
                    message
                })
            };
            let read = read(piece, &server, &mut folder, &mut progress, &mut push).await;
            if let Some(why) = why {
                return Err(refused(why));
            }
            read.map_err(failed)?;
        }
    }
    loader.finish().map_err(refused)
}

/// A `.gguf` file, or a `.json` manifest with its parts beside it.
async fn at_address(address: &str) -> Result<Order, String> {
    let server = Server::default();
    let path = address.split(['?', '#']).next().unwrap_or(address);
    let piece = |label: &str, address: String, bytes, sha256, kept_as| Piece {
        label: label.into(),
        address,
        bytes,
        sha256,
        kept_as,
    };
    if path.ends_with(".json") {
        let text = server.text(address, true).await.map_err(|(why, _)| why)?;
        let manifest = Manifest::parse(&text).map_err(|error| error.to_string())?;
        let base = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
        // The address changes with the content, so that no copy on the way is an old one.
        let parts = manifest.parts.into_iter().map(|part| {
            let sum = part.sha256.iter().map(|sum| format!("?sha256={sum}")).collect::<String>();
            let address = format!("{base}{}{sum}", part.file);
            piece(&part.file, address, part.bytes, part.sha256.clone(), part.sha256)
        });
        // Where nothing can be kept, the default model is not what has to be told of.
        let folder = Folder::open(&manifest.name).await;
        return Ok(Order { server, folder, repository: None, files: vec![parts.collect()] });
    }
    let label = path.rsplit('/').next().unwrap_or(path).to_string();
    // What the page's own site serves, its service worker keeps.
    let own = scope().location().origin();
    let elsewhere = address.starts_with("http") && !address.starts_with(&own);
    let folder = if elsewhere { folder(address).await } else { None };
    let known = match &folder {
        Some(folder) => folder.text(VERSION).await,
        None => None,
    };
    let (bytes, version) = match (server.size(address).await, &known) {
        (Ok(found), _) => found,
        // Without network, what is kept will do.
        (Err(why), Some(known)) => {
            let bytes = known.split_once(' ').and_then(|(bytes, _)| bytes.parse().ok());
            (bytes.ok_or(why)?, known.clone())
        }
        (Err(why), None) => return Err(why),
    };
    let version = if version.starts_with(&format!("{bytes} ")) { version } else { format!("{bytes} {version}") };
    if let Some(folder) = &folder
        && known.as_ref() != Some(&version)
    {
        folder.remove(&label).await;
        folder.keep_text(VERSION, &version).await;
    }
    let piece = piece(&label, address.into(), bytes, None, folder.is_some().then(|| label.clone()));
    Ok(Order { server, folder, repository: None, files: vec![vec![piece]] })
}

/// Files that the visitor picked: a GGUF file, or those of a repository.
async fn picked(files: &[PickedFile]) -> Result<Order, String> {
    let server = Server::default();
    let listed: Vec<RepositoryFile> =
        files.iter().map(|file| RepositoryFile { path: file.name.clone(), bytes: file.bytes, sha256: None }).collect();
    let address = |name: &str| files.iter().find(|file| file.name == name).map(|file| file.address.clone());
    // One file alone is taken for what it is; its header says more than its name.
    let Selection { texts, mut weights } = match &listed[..] {
        [one] => Selection { texts: vec![], weights: vec![one.clone()] },
        several => select(several, None).map_err(|error| error.to_string())?,
    };
    let mut repository = None;
    if !texts.is_empty() {
        let mut described = Repository { name: weights[0].path.clone(), ..Repository::default() };
        for text in &texts {
            let content = server.text(&address(&text.path).unwrap_or_default(), true).await.map_err(|(why, _)| why)?;
            described.set(&text.path, content);
        }
        weights = described.weights(&listed, weights).map_err(|error| error.to_string())?;
        repository = Some(described);
    }
    let piece = |file: RepositoryFile| {
        let address = address(&file.path).unwrap_or_default();
        vec![Piece { label: file.path, address, bytes: file.bytes, sha256: None, kept_as: None }]
    };
    Ok(Order { server, folder: None, repository, files: weights.into_iter().map(piece).collect() })
}

/// The folder in which a model is kept; where there can be none, the visitor is told.
async fn folder(name: &str) -> Option<Folder> {
    let folder = Folder::open(name).await;
    if folder.is_none() {
        tell(&Event::Notice {
            message: "This browser keeps no files for this page (in a private window, for example): the model works now, and is downloaded again next time."
                .into(),
        });
    }
    folder
}

/// The files of a repository of a hub, kept on this device.
async fn in_repository(name: &RepositoryName, hub: &str, token: Option<String>) -> Result<Order, String> {
    let server = Server { token, repository: Some(name.to_string()) };
    let folder = folder(&format!("{}@{} {hub}", name.id, name.revision())).await;
    let wrong = || format!("{hub} is not the address of a hub");
    let listing_address = name.listing_address(hub).ok_or_else(wrong)?;
    let mut shelf = Shelf { folder: folder.as_ref(), offline: false };
    let listing = shelf.text(&server, listing_address.as_str(), LISTING).await?;
    let listed = parse_listing(&listing).map_err(|error| error.to_string())?;
    let Selection { texts, mut weights } = select(&listed, name.file.as_deref()).map_err(|error| error.to_string())?;
    let address = |path: &str| name.file_address(hub, path).map(String::from).ok_or_else(wrong);
    let mut repository = None;
    if !texts.is_empty() {
        let mut described = Repository { name: name.id.clone(), ..Repository::default() };
        for file in &texts {
            let content = shelf.text(&server, &address(&file.path)?, &file.path).await?;
            described.set(&file.path, content);
        }
        weights = described.weights(&listed, weights).map_err(|error| error.to_string())?;
        repository = Some(described);
    }
    let mut files = vec![];
    for file in weights {
        let kept_as = file.sha256.clone().or_else(|| Some(format!("{} {}", file.path, file.bytes)));
        let address = address(&file.path)?;
        files.push(vec![Piece { label: file.path, address, bytes: file.bytes, sha256: file.sha256, kept_as }]);
    }
    Ok(Order { server, folder, repository, files })
}

/// Small texts from a server, or as they were kept where the network fails.
struct Shelf<'a> {
    folder: Option<&'a Folder>,
    /// Whether the network has failed.
    offline: bool,
}

impl Shelf<'_> {
    async fn text(&mut self, server: &Server, address: &str, name: &str) -> Result<String, String> {
        let Some(folder) = self.folder else { return server.text(address, true).await.map_err(|(why, _)| why) };
        let kept = folder.text(name).await;
        if let (true, Some(text)) = (self.offline, &kept) {
            return Ok(text.clone());
        }
        // With a copy at hand nobody has to wait for the network.
        match (server.text(address, kept.is_none()).await, kept) {
            (Ok(text), _) => {
                folder.keep_text(name, &text).await;
                Ok(text)
            }
            (Err((_, true)), Some(kept)) => {
                self.offline = true;
                Ok(kept)
            }
            (Err((why, _)), _) => Err(why),
        }
    }
}

/// Reads a piece: what is kept of it on this device, then the rest from its server, which is kept.
async fn read(
    piece: &Piece,
    server: &Server,
    folder: &mut Option<Folder>,
    progress: &mut Progress,
    take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), String> {
    progress.file.clone_from(&piece.label);
    let mut digest = piece.sha256.as_ref().map(|_| Sha256::new());
    let mut got = 0;
    let mut kept: Option<KeptFile> = None;
    let mut whole = false;
    if let (Some(folder), Some(name)) = (&*folder, &piece.kept_as) {
        whole = folder.is_whole(name).await;
        kept = folder.file(name).await;
        if let Some(file) = &kept {
            if file.bytes() > piece.bytes {
                file.truncate(0);
            }
            let mut chunk = vec![0; READ_AT_ONCE.min(piece.bytes as usize)];
            while got < file.bytes() {
                let count = file.read(got, &mut chunk);
                if count == 0 {
                    break;
                }
                if let Some(digest) = digest.as_mut().filter(|_| !whole) {
                    digest.update(&chunk[..count]);
                }
                take(&chunk[..count])?;
                got += count as u64;
                progress.kept += count as u64;
                progress.tell(count);
            }
            whole &= got == piece.bytes;
        }
    }
    if whole {
        return Ok(());
    }
    let mut full = false;
    let mut at = got;
    server
        .stream(&piece.address, got, piece.bytes, &mut |bytes| {
            if let Some(digest) = &mut digest {
                digest.update(bytes);
            }
            if kept.as_ref().is_some_and(|file| !file.write(at, bytes)) {
                full = true;
                kept = None;
            }
            at += bytes.len() as u64;
            take(bytes)?;
            progress.tell(bytes.len());
            Ok(())
        })
        .await?;
    drop(kept);
    let sum = digest.map(|digest| hexadecimal(&digest.finalize()));
    if let (Some(wanted), Some(sum)) = (&piece.sha256, &sum)
        && wanted != sum
    {
        if let (Some(folder), Some(name)) = (&*folder, &piece.kept_as) {
            folder.remove(name).await;
        }
        return Err(format!(
            "the checksum of {} is {}… where {}… is expected, so it was damaged on the way; press Try again, or reload without the cache",
            piece.label,
            &sum[..12],
            wanted.chars().take(12).collect::<String>()
        ));
    }
    match (&*folder, &piece.kept_as) {
        (Some(kept), Some(name)) if full => {
            kept.remove(name).await;
            // Once is enough to be told.
            *folder = None;
            tell(&Event::Notice {
                message: "This device has no room to keep the model: it works now, and is downloaded again next time. Delete kept models under Model to make room."
                    .into(),
            });
        }
        (Some(kept), Some(name)) => kept.mark_whole(name).await,
        _ => {}
    }
    Ok(())
}

/// How far the download is.
struct Progress {
    received: u64,
    total: u64,
    kept: u64,
    told: f64,
    file: String,
}

impl Progress {
    fn tell(&mut self, bytes: usize) {
        self.received += bytes as u64;
        if now() - self.told > PROGRESS_EVERY_MS || self.received == self.total {
            self.told = now();
            let Self { received, total, kept, .. } = *self;
            tell(&Event::Progress { received, total, kept, file: self.file.clone() });
        }
    }
}
