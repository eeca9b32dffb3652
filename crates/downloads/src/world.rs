//! A simulation for tests of downloads: several tabs that share a device, servers, and faults of all of them.
//!
//! The bytes of a script choose what happens at every step; after its end no more faults occur. [`run`] plays a script
//! and panics where an invariant is broken. Property tests play random scripts, and so does the fuzzer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use sha2::{Digest, Sha256};

use super::error::DownloadError;
use super::load::{Failure, Loader, load};
use super::names::encoded;
use super::platform::{Answer, File, Folder, Platform, Progress, Request, Snapshot};
use super::record::{Record, sum_of};
use prunescope_protocol::messages::{Allowance, Excess, ModelFiles, ModelOrder};
use prunescope_protocol::model::RepositoryName;
use prunescope_protocol::model::manifest::hexadecimal;
use prunescope_protocol::model::repository::Repository;

/// Bytes of a chunk in this simulation.
const CHUNK: usize = 16;
/// Bytes of a script that are played; the rest is ignored.
const LONGEST_SCRIPT: usize = 4000;
/// Steps after which a script is considered to run forever.
const MOST_STEPS: usize = 200_000;
/// First byte of every file of weights; the loader refuses others.
const MAGIC: u8 = b'G';

/// Bytes at which the loader first checks its input.
const FIRST_LOOK: u64 = 30;

const SITE: &str = "https://site.example";
const OTHER: &str = "https://other.example";
const HUB: &str = "https://hub.example";

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// A file of weights with pseudo-random content that depends on the seed.
fn weights(seed: u8, bytes: usize) -> Vec<u8> {
    let mut out = vec![MAGIC];
    while out.len() < bytes {
        out.extend(sum_of(&[seed, out.len() as u8, (out.len() >> 8) as u8]).to_le_bytes());
    }
    out.truncate(bytes);
    out
}

/// The two parts of the default model; the second begins with the magic byte too.
fn parts() -> [Vec<u8>; 2] {
    [weights(1, 75), weights(2, 40)]
}

/// The content of [`Wanted::Address`] in a version.
fn version(number: u8) -> Vec<u8> {
    // Some versions have the same length.
    weights(10 + number, [61, 61, 48, 90][usize::from(number) % 4])
}

fn tag(number: u8) -> String {
    format!("\"v{number}\"")
}

/// The models that a visitor may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// The default model: a manifest with checksums.
    Default,
    /// A file at an address; only its ETag identifies the version.
    Address,
    /// A repository with texts and a file of weights that has a SHA-256.
    Repository,
    /// A file without SHA-256 of the same repository, on the second page of its listing.
    Plain,
    /// A manifest with a checksum of the whole file only, not of its parts.
    Manifest,
    /// A manifest on another host that has the default model's name and states a wrong length for its first part.
    Impostor,
}

const ALL: [Wanted; 6] =
    [Wanted::Default, Wanted::Address, Wanted::Repository, Wanted::Plain, Wanted::Manifest, Wanted::Impostor];

impl Wanted {
    fn order(self) -> ModelOrder {
        let address = |address: String| ModelFiles::Address { address };
        let repository = |name: &str| ModelFiles::Repository {
            repository: RepositoryName::parse(name).unwrap(),
            hub: HUB.into(),
            token: None,
        };
        let files = match self {
            Self::Default => address(format!("{SITE}/models/d.json")),
            Self::Address => address(format!("{OTHER}/x.gguf")),
            Self::Repository => repository("a/b"),
            Self::Plain => repository("a/b:plain.gguf"),
            Self::Manifest => address(format!("{OTHER}/m.json")),
            Self::Impostor => address(format!("{OTHER}/evil.json")),
        };
        let source = if self == Self::Default { String::new() } else { "x".into() };
        ModelOrder { source, files, allowance: None }
    }

    /// The contents that a loader may receive: those of all versions so far.
    fn right(self, versions: u8) -> Vec<Vec<u8>> {
        match self {
            Self::Default => vec![parts().concat()],
            Self::Address => (0..=versions).map(version).collect(),
            Self::Repository => vec![weights(3, 83)],
            Self::Plain => vec![weights(4, 37)],
            Self::Manifest => vec![[weights(5, 20), weights(6, 31)].concat()],
            // No content is right.
            Self::Impostor => vec![],
        }
    }

    /// Whether it is kept on the device and loads offline.
    fn is_kept(self) -> bool {
        !matches!(self, Self::Manifest | Self::Impostor)
    }
}

/// Source of the choices that decide what happens.
struct Script {
    bytes: Vec<u8>,
    at: usize,
    calm: bool,
}

impl Script {
    /// A number below `possibilities`; 0 once the script has ended.
    fn choose(&mut self, possibilities: usize) -> usize {
        if self.calm || possibilities < 2 {
            return 0;
        }
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(byte) % possibilities
    }

    fn has_ended(&self) -> bool {
        self.calm || self.at >= self.bytes.len()
    }
}

/// A file on the simulated device.
#[derive(Clone, Debug, Default)]
struct Stored {
    /// Distinguishes it from an earlier file of the same name.
    id: u64,
    bytes: Vec<u8>,
    /// The flushed content, which survives a loss of power.
    durable: Vec<u8>,
    open: bool,
    /// Number of changes so far.
    stamp: u64,
}

/// The state that all tabs share.
struct World {
    script: RefCell<Script>,
    files: RefCell<BTreeMap<(String, String), Stored>>,
    next_id: Cell<u64>,
    /// Capacity of the device in bytes.
    room: Cell<usize>,
    /// Current version of the file of [`Wanted::Address`].
    version: Cell<u8>,
    is_online: Cell<bool>,
    /// Set if every server answers with a web page, as on a network that requires a sign-in; true if the answer's
    /// Content-Type says so.
    sign_in: Cell<Option<bool>>,
    /// Whether a tab is crashing, so that its open files are not flushed.
    crashes: Cell<bool>,
    /// Whether the device may damage files.
    damages: bool,
    /// Whether a server sent wrong bytes at some time.
    garbles: Cell<bool>,
    /// Bytes of weights that servers sent.
    sent: Cell<usize>,
}

impl World {
    fn new(damages: bool, script: &[u8]) -> Rc<Self> {
        Rc::new(Self {
            script: RefCell::new(Script { bytes: script.into(), at: 0, calm: false }),
            files: RefCell::default(),
            next_id: Cell::default(),
            room: Cell::new(2000),
            version: Cell::new(0),
            is_online: Cell::new(true),
            sign_in: Cell::new(None),
            crashes: Cell::new(false),
            damages,
            garbles: Cell::new(false),
            sent: Cell::new(0),
        })
    }

    fn choose(&self, possibilities: usize) -> usize {
        self.script.borrow_mut().choose(possibilities)
    }

    /// True with probability 1 / `one_in`.
    fn happens(&self, one_in: usize) -> bool {
        self.choose(one_in) == one_in - 1
    }

    /// Changes the network, the server's file, the device's capacity or its files.
    fn befall(&self) {
        match self.choose(10) {
            1 => self.is_online.set(!self.is_online.get()),
            2 => self.version.set(self.version.get().saturating_add(1).min(20)),
            3 => self.room.set([2000, 150, 60, 0][self.choose(4)]),
            4 => {
                // The visitor deletes a model that is not open.
                let folder = self.files.borrow().keys().nth(self.choose(8)).map(|(folder, _)| folder.clone());
                let mut files = self.files.borrow_mut();
                if !files.iter().any(|((of, _), file)| Some(of) == folder.as_ref() && file.open) {
                    files.retain(|(of, _), _| Some(of) != folder.as_ref());
                }
            }
            // The browser evicts everything.
            5 => self.files.borrow_mut().clear(),
            6 | 7 if self.damages => self.damage(),
            8 if self.damages => self.plant(),
            9 => self.sign_in.set([None, Some(true), Some(false)][self.choose(3)]),
            _ => {}
        }
    }

    /// Damages a random file.
    fn damage(&self) {
        let number = self.choose(16);
        let (kind, at, value) = (self.choose(5), self.choose(200), self.choose(256) as u8);
        let mut files = self.files.borrow_mut();
        let count = files.len();
        let Some(file) = files.values_mut().nth(number % count.max(1)) else { return };
        let at = at % file.bytes.len().max(1);
        match kind {
            0 | 1 => {
                if let Some(byte) = file.bytes.get_mut(at) {
                    *byte ^= value.max(1);
                }
            }
            2 => file.bytes.truncate(at),
            3 => file.bytes.extend(vec![value; at]),
            _ => file.bytes[at..].fill(0),
        }
        file.stamp += 1;
        file.durable.clone_from(&file.bytes);
    }

    /// Adds a part of the default model, right or damaged, as an earlier version of the page kept it: with a `.whole`
    /// marker.
    fn plant(&self) {
        let part = parts()[self.choose(2)].clone();
        let name = sha256(&part);
        let mut bytes = part;
        match self.choose(4) {
            1 => bytes.truncate(20),
            2 => bytes[30] ^= 1,
            3 => bytes.push(0),
            _ => {}
        }
        let mark = format!("{name}.whole");
        let mut files = self.files.borrow_mut();
        let is_open = files.get(&("d".into(), name.clone())).is_some_and(|file| file.open);
        if is_open {
            return;
        }
        // That version wrote no records.
        for (name, bytes) in [(name, bytes), (mark, vec![])] {
            let file = files.entry(("d".into(), name)).or_default();
            *file = Stored { id: self.new_id(), durable: bytes.clone(), bytes, open: false, stamp: file.stamp + 1 };
        }
    }

    fn new_id(&self) -> u64 {
        self.next_id.set(self.next_id.get() + 1);
        self.next_id.get()
    }

    /// Loses some of what was written and not flushed.
    fn lose_power(&self) {
        for file in self.files.borrow_mut().values_mut() {
            if file.bytes != file.durable {
                let at = self.choose(200).min(file.bytes.len());
                match self.choose(4) {
                    0 => file.bytes.clone_from(&file.durable),
                    1 => file.bytes.truncate(at),
                    2 => file.bytes[at..].fill(0),
                    _ => {}
                }
                file.durable.clone_from(&file.bytes);
                file.stamp += 1;
            }
        }
    }

    /// Asserts that every sealed record belongs to a complete, right file.
    fn check(&self) {
        let files = self.files.borrow();
        for ((folder, name), record) in files.iter() {
            let Some(data) = name.strip_suffix(".record") else { continue };
            let Some(record) = Record::parse(&record.bytes, CHUNK).filter(|record| record.sealed) else { continue };
            let bytes = files.get(&(folder.clone(), data.into())).map(|file| file.bytes.clone());
            let bytes = bytes.unwrap_or_default();
            let identity = &record.subject.identity;
            let right = match identity.strip_prefix('v') {
                Some(number) => bytes == version(number.parse().unwrap()),
                // All texts here are JSON, which a part of a text is not.
                None if identity == "text" => serde_json::from_slice::<serde_json::Value>(&bytes).is_ok(),
                None if identity == "object" => bytes == weights(4, 37),
                None => sha256(&bytes) == *identity,
            };
            assert!(
                right && bytes.len() as u64 == record.subject.bytes,
                "{folder}/{data} is marked as whole: {record:?}"
            );
        }
    }

    /// The content at an address: its bytes, its `ETag` and its `Link` header.
    fn content(&self, address: &str) -> Option<(Vec<u8>, Option<String>, Option<String>)> {
        let plain = |bytes: Vec<u8>| Some((bytes, None, None));
        let (host, rest) = address.split_at(address.find(".example").unwrap() + 8);
        let path = rest.split('?').next().unwrap();
        let part = |file: &str, bytes: &[u8]| serde_json::json!({ "file": file, "bytes": bytes.len(), "sha256": sha256(bytes) });
        let [first, second] = parts();
        match (host, path) {
            (SITE, "/models/d.json") => plain(
                serde_json::json!({ "name": "d", "parts": [part("p0", &first), part("p1", &second)] })
                    .to_string()
                    .into(),
            ),
            (SITE, "/models/p0") => plain(first),
            (SITE, "/models/p1") => plain(second),
            (OTHER, "/x.gguf") => Some((version(self.version.get()), Some(tag(self.version.get())), None)),
            (OTHER, "/m.json") => {
                let whole = [weights(5, 20), weights(6, 31)].concat();
                let parts =
                    [("m0", 20), ("m1", 31)].map(|(file, bytes)| serde_json::json!({ "file": file, "bytes": bytes }));
                plain(serde_json::json!({ "name": "m", "sha256": sha256(&whole), "parts": parts }).to_string().into())
            }
            (OTHER, "/m0") => plain(weights(5, 20)),
            (OTHER, "/m1") => plain(weights(6, 31)),
            (OTHER, "/evil.json") => {
                let part = serde_json::json!({ "file": "e", "bytes": 1, "sha256": sha256(&first) });
                plain(serde_json::json!({ "name": "d", "parts": [part] }).to_string().into())
            }
            (OTHER, "/e") => plain(vec![MAGIC]),
            (HUB, "/api/models/a/b/tree/main") => {
                let file = |path: &str, bytes: usize| serde_json::json!({ "type": "file", "path": path, "size": bytes, "oid": "object" });
                let mut model = file("model.safetensors", 83);
                model["lfs"] = serde_json::json!({ "oid": sha256(&weights(3, 83)), "size": 83 });
                if rest.contains("cursor") {
                    return plain(serde_json::json!([file("plain.gguf", 37), model]).to_string().into());
                }
                let next = format!("<{HUB}{path}?recursive=true&cursor=2>; rel=\"next\"");
                let first = serde_json::json!([file("config.json", 2), file("tokenizer.json", 3)]);
                Some((first.to_string().into(), None, Some(next)))
            }
            (HUB, "/a/b/resolve/main/config.json") => plain(b"{}".to_vec()),
            (HUB, "/a/b/resolve/main/tokenizer.json") => plain(b"{ }".to_vec()),
            (HUB, "/a/b/resolve/main/model.safetensors") => plain(weights(3, 83)),
            (HUB, "/a/b/resolve/main/plain.gguf") => plain(weights(4, 37)),
            _ => None,
        }
    }

    /// A server's answer, with a random fault.
    fn answer(&self, request: &Request<'_>) -> Result<Sent, String> {
        // The service worker caches the page's own manifest.
        let is_local = request.address.ends_with("/models/d.json");
        if !self.is_online.get() && !is_local {
            return Err("no network".into());
        }
        if let Some(says) = self.sign_in.get().filter(|_| !is_local) {
            self.garbles.set(true);
            let page = b"<html>".to_vec();
            let mut headers = vec![("Content-Length", page.len().to_string()), ("ETag", "\"page\"".into())];
            headers.extend(says.then(|| ("Content-Type", "text/html; charset=utf-8".into())));
            return Ok(Sent { status: 200, headers, bytes: page, ..Sent::default() });
        }
        let Some((bytes, tag, link)) = self.content(request.address) else {
            return Ok(Sent { status: 404, ..Sent::default() });
        };
        let is_text = request.address.contains(".json") || request.address.contains("/api/");
        let checked = request.address.contains("sha256=") || request.address.ends_with("model.safetensors");
        let total = bytes.len();
        let from = request.from.map(|from| from as usize);
        if from.is_some_and(|from| from >= total) {
            return Ok(Sent { status: 416, ..Sent::default() });
        }
        let mut sent = Sent { status: 200, is_local, ..Sent::default() };
        sent.headers.extend(tag.map(|tag| ("ETag", tag)));
        sent.headers.extend(link.map(|link| ("Link", link)));
        let fault = self.choose(24);
        let start = match (from, fault) {
            // A server without range support.
            (None, _) | (_, 4) => 0,
            (Some(from), 5) => from / 2,
            (Some(from), _) => from,
        };
        let ranged = from.is_some() && fault != 4;
        if ranged {
            sent.status = 206;
        }
        // A server that sends a wrong range of the right length.
        let end = from.filter(|_| fault == 5).map_or(total, |from| start + total - from);
        // The headers that the page may read.
        match fault {
            6 if ranged => sent.headers.push(("Content-Length", (total - start).to_string())),
            7 => {}
            // Content-Length counts compressed bytes.
            8 if !ranged => sent.headers.push(("Content-Length", (total / 2).to_string())),
            9 if !ranged => {
                sent.headers.push(("Content-Encoding", "gzip".into()));
                sent.headers.push(("Content-Length", (total / 2).to_string()));
            }
            _ => {
                sent.headers.push(("Content-Length", (end - start).to_string()));
                if ranged {
                    sent.headers.push(("Content-Range", format!("bytes {start}-{}/{total}", end - 1)));
                }
            }
        }
        let mut bytes = bytes[start..end].to_vec();
        match fault {
            1 => return Err("the connection failed".into()),
            2 | 10 => sent.breaks_after = Some(self.choose(100)),
            // Some browsers report a broken connection as the end.
            3 => bytes.truncate(self.choose(100)),
            11 => {
                let status = [500, 429, 503, 404, 401][self.choose(5)];
                let wait = ["1", "Sun, 06 Nov 1994 08:49:37 GMT", "Wed, 31 Dec 2098 08:49:37 GMT", "900", "soon"];
                return Ok(Sent {
                    status,
                    headers: vec![("Retry-After", wait[self.choose(5)].into())],
                    ..Sent::default()
                });
            }
            12 if checked => {
                let at = self.choose(100) % bytes.len();
                bytes[at] ^= 1;
                self.garbles.set(true);
            }
            13 if !is_text => bytes.extend([0; 5]),
            _ => {}
        }
        if !is_text {
            self.sent.set(self.sent.get() + bytes.len());
        }
        sent.bytes = bytes;
        Ok(sent)
    }
}

/// A simulated browser tab.
struct Tab {
    world: Rc<World>,
    keeps: bool,
    notices: Rc<RefCell<Vec<String>>>,
}

/// Yields once, so that the other tabs may run.
async fn others_first() {
    let mut waited = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

impl Platform for Tab {
    type Folder = DeviceFolder;
    type Answer = Coming;
    const CHUNK: usize = CHUNK;

    async fn request(&self, request: &Request<'_>) -> Result<Coming, String> {
        others_first().await;
        let sent = self.world.answer(request)?;
        Ok(Coming { sent, at: 0, world: self.world.clone() })
    }

    async fn folder(&self, name: &str) -> Option<DeviceFolder> {
        others_first().await;
        self.keeps.then(|| DeviceFolder { world: self.world.clone(), name: encoded(name) })
    }

    async fn wait(&self, _: u32) {
        others_first().await;
    }

    fn unix_time(&self) -> u64 {
        1_800_000_000
    }

    fn origin(&self) -> String {
        SITE.into()
    }

    fn progress(&self, progress: &Progress) {
        assert!(progress.kept <= progress.received && progress.received <= progress.total, "{progress:?}");
    }

    fn notice(&self, message: String) {
        assert!(message.ends_with('.') && !message.ends_with(".."), "{message}");
        self.notices.borrow_mut().push(message);
    }
}

/// A simulated server's answer.
#[derive(Default)]
struct Sent {
    status: u16,
    headers: Vec<(&'static str, String)>,
    bytes: Vec<u8>,
    breaks_after: Option<usize>,
    /// Whether it is available offline.
    is_local: bool,
}

/// An answer that is being read.
struct Coming {
    sent: Sent,
    at: usize,
    world: Rc<World>,
}

impl Answer for Coming {
    fn status(&self) -> u16 {
        self.sent.status
    }

    fn header(&self, name: &str) -> Option<String> {
        self.sent.headers.iter().find(|(of, _)| *of == name).map(|(_, value)| value.clone())
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        others_first().await;
        if self.world.happens(40) {
            // Yields so often that a timeout which began at the same time expires.
            others_first().await;
        }
        if self.sent.breaks_after.is_some_and(|at| self.at >= at) || !(self.world.is_online.get() || self.sent.is_local)
        {
            return Err("the connection broke".into());
        }
        let left = self.sent.bytes.len() - self.at;
        if left == 0 {
            return Ok(None);
        }
        let count = (left - self.world.choose(left)).min(self.sent.breaks_after.map_or(left, |at| at - self.at).max(1));
        self.at += count;
        Ok(Some(self.sent.bytes[self.at - count..self.at].to_vec()))
    }
}

/// A folder on the simulated device.
struct DeviceFolder {
    world: Rc<World>,
    name: String,
}

impl DeviceFolder {
    fn key(&self, name: &str) -> (String, String) {
        (self.name.clone(), name.into())
    }
}

impl Folder for DeviceFolder {
    type File = Opened;
    type Snapshot = Copied;

    async fn open(&self, name: &str) -> Option<Opened> {
        others_first().await;
        let world = self.world.clone();
        // A browser may refuse at any time.
        if world.happens(40) {
            return None;
        }
        let key = self.key(name);
        let mut files = world.files.borrow_mut();
        let file = files.entry(key.clone()).or_insert_with(|| Stored { id: world.new_id(), ..Stored::default() });
        if file.open {
            return None;
        }
        file.open = true;
        let id = file.id;
        drop(files);
        Some(Opened { world, key, id })
    }

    async fn snapshot(&self, name: &str) -> Option<Copied> {
        others_first().await;
        let key = self.key(name);
        let files = self.world.files.borrow();
        let file = files.get(&key)?;
        let (id, stamp, bytes) = (file.id, file.stamp, file.bytes.len() as u64);
        Some(Copied { world: self.world.clone(), key, id, stamp, bytes })
    }

    async fn remove(&self, name: &str) {
        others_first().await;
        let key = self.key(name);
        let mut files = self.world.files.borrow_mut();
        if files.get(&key).is_some_and(|file| !file.open) {
            files.remove(&key);
        }
    }
}

/// A file that one tab has open.
struct Opened {
    world: Rc<World>,
    key: (String, String),
    id: u64,
}

impl Opened {
    fn with<T>(&self, what: impl FnOnce(&mut Stored) -> T) -> Option<T> {
        self.world.files.borrow_mut().get_mut(&self.key).filter(|file| file.id == self.id).map(what)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let flushes = !self.world.crashes.get();
        self.with(|file| {
            file.open = false;
            if flushes {
                file.durable.clone_from(&file.bytes);
            }
        });
    }
}

impl File for Opened {
    fn bytes(&self) -> u64 {
        self.with(|file| file.bytes.len() as u64).unwrap_or(0)
    }

    fn read(&self, at: u64, into: &mut [u8]) -> usize {
        self.with(|file| {
            let there = file.bytes.get(at as usize..).unwrap_or(&[]);
            let count = there.len().min(into.len());
            into[..count].copy_from_slice(&there[..count]);
            count
        })
        .unwrap_or(0)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> bool {
        let used: usize = self.world.files.borrow().values().map(|file| file.bytes.len()).sum();
        let room = self.world.room.get();
        self.with(|file| {
            let end = at as usize + bytes.len();
            let fits = bytes.len().min((room + file.bytes.len()).saturating_sub(used + at as usize));
            let fits = if end <= file.bytes.len() { bytes.len() } else { fits };
            if fits > 0 {
                file.bytes.resize(file.bytes.len().max(at as usize + fits), 0);
                file.bytes[at as usize..at as usize + fits].copy_from_slice(&bytes[..fits]);
                file.stamp += 1;
            }
            fits == bytes.len()
        })
        .unwrap_or(false)
    }

    fn truncate(&self, bytes: u64) {
        self.with(|file| {
            file.bytes.resize(bytes as usize, 0);
            file.stamp += 1;
        });
    }
}

/// A snapshot of a file.
struct Copied {
    world: Rc<World>,
    key: (String, String),
    id: u64,
    stamp: u64,
    bytes: u64,
}

impl Snapshot for Copied {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    async fn read(&self, at: u64, bytes: usize) -> Option<Vec<u8>> {
        others_first().await;
        // Some browsers return the new content of a changed file instead of an error.
        let lenient = self.world.happens(2);
        let files = self.world.files.borrow();
        let file = files.get(&self.key).filter(|file| lenient || (file.id, file.stamp) == (self.id, self.stamp))?;
        file.bytes.get(at as usize..at as usize + bytes).map(<[u8]>::to_vec)
    }
}

/// A loader that accepts anything beginning with [`MAGIC`].
#[derive(Default)]
struct Collector {
    wanted: u64,
    bytes: Vec<u8>,
}

impl Loader for Collector {
    type Model = Vec<u8>;
    type Refusal = &'static str;

    fn begin_file(&mut self, _: &str, bytes: u64) -> Result<(), &'static str> {
        self.wanted += bytes;
        Ok(())
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        assert!(!bytes.is_empty());
        self.bytes.extend(bytes);
        // Like real loaders, it checks only once it may have a header.
        let looks = self.bytes.len() as u64 >= FIRST_LOOK.min(self.wanted);
        if !looks || self.bytes[0] == MAGIC { Ok(()) } else { Err("it begins as no file does") }
    }

    fn finish(self) -> Result<Vec<u8>, &'static str> {
        // A truncated file must never reach the end.
        assert_eq!(self.bytes.len() as u64, self.wanted);
        Ok(self.bytes)
    }

    fn may_be_damage(_: &&'static str) -> bool {
        true
    }
}

type Outcome = Result<Vec<u8>, Failure<&'static str>>;

/// A tab that loads a model.
struct Visit {
    wanted: Wanted,
    notices: Rc<RefCell<Vec<String>>>,
    work: Pin<Box<dyn Future<Output = Outcome>>>,
}

impl Visit {
    fn begin(world: &Rc<World>, wanted: Wanted, keeps: bool) -> Self {
        let notices = Rc::new(RefCell::new(vec![]));
        let tab = Tab { world: world.clone(), keeps, notices: notices.clone() };
        let work = async move {
            let order = wanted.order();
            let begin = |files: usize, repository: Option<Repository>| {
                assert_eq!((files, repository.is_some()), (1, wanted == Wanted::Repository));
                if let Some(repository) = repository {
                    assert_eq!((&*repository.config, &*repository.tokenizer), ("{}", "{ }"));
                }
                Ok(Collector::default())
            };
            load::<_, Collector>(&tab, &order, begin).await
        };
        Self { wanted, notices, work: Box::pin(work) }
    }

    /// Polls the work once.
    fn step(&mut self) -> Option<Outcome> {
        match self.work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// Asserts that the loader got right bytes, or that the error is a sentence.
    fn check(&self, outcome: &Outcome, world: &World) {
        match outcome {
            Ok(bytes) => {
                let right = self.wanted.right(world.version.get());
                assert!(right.contains(bytes), "{:?} was given {bytes:?}", self.wanted);
            }
            Err(Failure::Download(why)) => {
                let sentence = why.to_string();
                assert!(sentence.len() > 20 && !sentence.ends_with('.'), "{sentence}");
            }
            // The loader may refuse wrong bytes before the checksum is verified.
            Err(Failure::Refused(why)) => assert!(world.garbles.get(), "{:?}: {why}", self.wanted),
        }
    }

    /// Runs to the end while no other tab runs.
    fn alone(mut self, world: &World) -> (Outcome, Vec<String>) {
        for _ in 0..MOST_STEPS {
            if let Some(outcome) = self.step() {
                self.check(&outcome, world);
                return (outcome, self.notices.take());
            }
        }
        panic!("{:?} never ends", self.wanted);
    }
}

/// Plays a script, then ends all faults and asserts that every model loads, online and offline.
///
/// # Panics
/// If an invariant is broken.
pub fn run(script: &[u8]) {
    let script = &script[..script.len().min(LONGEST_SCRIPT)];
    let (damages, script) = script.split_first().map_or((false, script), |(first, rest)| (first % 2 == 1, rest));
    let world = World::new(damages, script);
    let mut visits: Vec<Visit> = vec![];
    for step in 0.. {
        assert!(step < MOST_STEPS, "it never ends");
        if visits.len() < 3 && !world.script.borrow().has_ended() {
            let wanted = ALL[world.choose(ALL.len())];
            visits.push(Visit::begin(&world, wanted, !world.happens(8)));
        }
        if visits.is_empty() {
            break;
        }
        let number = world.choose(visits.len());
        match world.choose(30) {
            27 => {
                // The tab is closed.
                let closed = visits.swap_remove(number);
                world.crashes.set(true);
                drop(closed);
                world.crashes.set(false);
            }
            28 if damages => {
                world.crashes.set(true);
                visits.clear();
                world.crashes.set(false);
                world.lose_power();
            }
            29 => world.befall(),
            _ => {
                if let Some(outcome) = visits[number].step() {
                    let visit = visits.swap_remove(number);
                    visit.check(&outcome, &world);
                }
            }
        }
        if !damages {
            world.check();
        }
    }
    // Without faults, whatever is on the device, every model loads online, and then offline.
    world.script.borrow_mut().calm = true;
    world.is_online.set(true);
    world.sign_in.set(None);
    world.room.set(1 << 20);
    for wanted in ALL {
        let (outcome, _) = Visit::begin(&world, wanted, true).alone(&world);
        if wanted == Wanted::Impostor {
            assert!(matches!(outcome, Err(Failure::Download(_))), "{outcome:?}");
            continue;
        }
        let newest = wanted.right(world.version.get()).pop();
        assert_eq!(outcome.ok(), newest, "{wanted:?}");
    }
    world.check();
    world.is_online.set(false);
    world.sent.set(0);
    // In the second round another tab has all files open.
    for is_open in [false, true] {
        world.files.borrow_mut().values_mut().for_each(|file| file.open = is_open);
        for wanted in ALL {
            let (outcome, notices) = Visit::begin(&world, wanted, true).alone(&world);
            assert_eq!(outcome.is_ok(), wanted.is_kept(), "{wanted:?} without network: {outcome:?}");
            assert!(notices.is_empty(), "{notices:?}");
        }
    }
    assert_eq!(world.sent.get(), 0);
}

#[cfg(test)]
mod tests {
    use super::super::record::{Chunk, Subject};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_world_where_nothing_goes_wrong() {
        run(&[]);
        run(&[1]);
    }

    /// A world without faults.
    fn calm() -> Rc<World> {
        World::new(false, &[])
    }

    fn visit(world: &Rc<World>, wanted: Wanted) -> (Option<Vec<u8>>, Vec<String>) {
        let (outcome, notices) = Visit::begin(world, wanted, true).alone(world);
        (outcome.ok(), notices)
    }

    fn change(world: &World, wanted: &str, how: impl FnOnce(&mut Stored)) {
        let mut files = world.files.borrow_mut();
        how(files.iter_mut().find(|((_, name), _)| name == wanted).unwrap().1);
    }

    #[test]
    fn damage_is_told_and_only_what_is_damaged_comes_again() {
        let world = calm();
        let [first, second] = parts();
        visit(&world, Wanted::Default);
        change(&world, &sha256(&first), |file| file.bytes[50] ^= 1);
        world.sent.set(0);
        let (bytes, notices) = visit(&world, Wanted::Default);
        assert_eq!(bytes, Some([first, second].concat()));
        assert!(notices.len() == 1 && notices[0].contains("p0 that this device kept is damaged"), "{notices:?}");
        assert_eq!(world.sent.get(), 75 - 48, "from the damaged chunk on");
        assert_eq!(visit(&world, Wanted::Default).1, [""; 0], "it is healed");
    }

    #[test]
    fn a_file_that_another_tab_writes_is_left_to_it() {
        let world = calm();
        let mut first = Visit::begin(&world, Wanted::Default, true);
        let name = sha256(&parts()[0]);
        while world.files.borrow().get(&("d".into(), name.clone())).is_none_or(|file| file.bytes.is_empty()) {
            assert!(first.step().is_none());
        }
        // All bytes are written, but the file is not sealed yet.
        assert_eq!(visit(&world, Wanted::Default).0, Some(parts().concat()));
        assert!(world.files.borrow()[&("d".into(), name.clone())].open);
        assert!(
            Record::parse(&world.files.borrow()[&("d".into(), name.clone() + ".record")].bytes, CHUNK)
                .is_some_and(|it| !it.sealed)
        );
        assert_eq!(first.alone(&world).0.ok(), Some(parts().concat()));
        world.check();
        assert!(
            Record::parse(&world.files.borrow()[&("d".into(), name + ".record")].bytes, CHUNK)
                .is_some_and(|it| it.sealed)
        );
    }

    #[test]
    fn what_an_earlier_version_of_the_page_kept_is_used_where_it_is_right() {
        for (damage, sent) in [(false, 0), (true, 75)] {
            let world = calm();
            for part in parts() {
                for (name, bytes) in [(sha256(&part), part.clone()), (sha256(&part) + ".whole", vec![])] {
                    world.files.borrow_mut().insert(("d".into(), name), Stored { bytes, ..Stored::default() });
                }
            }
            if damage {
                change(&world, &sha256(&parts()[0]), |file| file.bytes[9] ^= 1);
            }
            assert_eq!(visit(&world, Wanted::Default), (Some(parts().concat()), vec![]));
            assert_eq!(world.sent.get(), sent);
            assert!(!world.files.borrow().keys().any(|(_, name)| name.ends_with(".whole")));
        }
    }

    #[test]
    fn another_version_on_the_server_takes_the_place_of_the_kept_one() {
        let world = calm();
        visit(&world, Wanted::Address);
        world.version.set(1);
        assert_eq!(visit(&world, Wanted::Address), (Some(version(1)), vec![]));
        world.is_online.set(false);
        assert_eq!(visit(&world, Wanted::Address), (Some(version(1)), vec![]));
    }

    #[test]
    fn an_incomplete_file_is_not_continued_where_nothing_identifies_its_bytes() {
        let world = calm();
        visit(&world, Wanted::Plain);
        // An earlier visit ended with a sign-in page.
        let kept = b"Ghtml>";
        let subject = Subject { identity: "object".into(), bytes: 37 };
        let entry = Record::entry(&Chunk { bytes: kept.len() as u32, sum: sum_of(kept) });
        change(&world, "plain.gguf 37", |file| file.bytes = kept.to_vec());
        change(&world, "plain.gguf 37.record", |file| file.bytes = [Record::head(&subject, CHUNK), entry].concat());
        assert_eq!(visit(&world, Wanted::Plain), (Some(weights(4, 37)), vec![]));
        world.check();
    }

    #[test]
    fn a_web_page_in_place_of_a_kept_file_does_not_take_its_place() {
        for says in [true, false] {
            let world = calm();
            visit(&world, Wanted::Address);
            world.sign_in.set(Some(says));
            let (outcome, notices) = Visit::begin(&world, Wanted::Address, true).alone(&world);
            // A page with the Content-Type of a web page is not downloaded.
            assert_eq!((outcome.ok(), notices), (says.then(|| version(0)), vec![]));
            world.is_online.set(false);
            assert_eq!(visit(&world, Wanted::Address), (Some(version(0)), vec![]));
            world.check();
        }
    }

    /// Loads a file that its host announces as 61 bytes, with an allowance for downloads without consent.
    #[test]
    fn no_more_comes_than_may_come_unasked() {
        let world = calm();
        let load = |bytes| {
            let tab = Tab { world: world.clone(), keeps: true, notices: Rc::default() };
            let allowance = Allowance { bytes, counts_resent: true, follows_redirects: true };
            let order = ModelOrder { allowance: Some(allowance), ..Wanted::Address.order() };
            let work = async move { load::<_, Collector>(&tab, &order, |_, _| Ok(Collector::default())).await };
            Visit { wanted: Wanted::Address, notices: Rc::default(), work: Box::pin(work) }.alone(&world).0
        };
        let asks = |outcome| match outcome {
            Err(Failure::Download(DownloadError::AskFirst { excess })) => excess,
            other => panic!("{other:?}"),
        };
        assert_eq!(asks(load(60)), Excess::Bytes(61));
        assert_eq!(load(61).ok(), Some(version(0)));
        // The kept version loads; a new version needs consent.
        assert_eq!(load(0).ok(), Some(version(0)));
        world.version.set(3);
        assert_eq!(asks(load(0)), Excess::Bytes(90));
        assert_eq!(asks(load(61)), Excess::Bytes(90));
        world.is_online.set(false);
        assert_eq!(load(0).ok(), Some(version(0)), "and the kept one is still there");
    }

    #[test]
    fn a_manifest_that_names_another_model_touches_nothing_of_it() {
        let world = calm();
        visit(&world, Wanted::Default);
        let before = world.files.borrow().keys().filter(|(folder, _)| folder == "d").count();
        assert_eq!(visit(&world, Wanted::Impostor).0, None);
        world.is_online.set(false);
        assert_eq!(visit(&world, Wanted::Default), (Some(parts().concat()), vec![]));
        assert_eq!(world.files.borrow().keys().filter(|(folder, _)| folder == "d").count(), before);
    }

    /// Plays the fuzzer's corpus; `tests/fuzz/corpus.rs` plays the other targets' inputs.
    #[test]
    fn promises_are_kept_in_every_world_that_is_kept() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/corpus/kept");
        let scripts: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!scripts.is_empty());
        for script in scripts {
            // Printed since a panic's message does not name the file.
            println!("{}", script.display());
            run(&std::fs::read(script).unwrap());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

        /// Several tabs, locks, broken connections, crashes, a full disk, damage, other deployments and versions; see
        /// [`run`].
        #[test]
        fn promises_are_kept_in_any_world(script in proptest::collection::vec(any::<u8>(), 0..1500)) {
            run(&script);
        }
    }
}
