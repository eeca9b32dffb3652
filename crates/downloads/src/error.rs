//! Why a model could not be downloaded, as messages for the visitor.

use thiserror::Error;

use crate::words::amount;
use prunescope_protocol::messages::Excess;
use prunescope_protocol::model::manifest::ManifestError;
use prunescope_protocol::model::repository::{SelectionError, WeightsError};

/// Why a model could not be downloaded.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum DownloadError {
    /// The hub refuses the access token.
    #[error(
        "the hub {host} refuses {repository} with this access token: ask for access on the repository's page, or use another token"
    )]
    TokenRefused {
        /// The hub's host.
        host: String,
        /// The repository.
        repository: String,
    },
    /// The hub has no such repository, or shows it to nobody without a token.
    #[error(
        "the hub {host} has no open repository {repository}: check the name; if it is private or gated, give an access token for {host} under Model"
    )]
    NotOpen {
        /// The hub's host.
        host: String,
        /// The repository.
        repository: String,
    },
    /// The hub has no such revision or file.
    #[error("the hub has no {address} in {repository}: check the name and the revision")]
    NotOnHub {
        /// The URL.
        address: String,
        /// The repository.
        repository: String,
    },
    /// The server refuses, or has no such file.
    #[error("the server answers {status} for {address}; check the address")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The URL.
        address: String,
    },
    /// The server asks for a longer wait than is done automatically.
    #[error("the server answers {status} for {address} and asks to wait {}: press Try again then", minutes(*seconds))]
    Wait {
        /// The HTTP status.
        status: u16,
        /// The URL.
        address: String,
        /// The wait in seconds.
        seconds: u64,
    },
    /// No answer came.
    #[error("{why}; check the address and the connection, then press Try again")]
    Unreachable {
        /// What happened.
        why: String,
    },
    /// A download failed after all retries.
    #[error(
        "the download of {address} stopped at byte {got} of {total} ({why}); check the connection, then press Try again"
    )]
    Stopped {
        /// The URL.
        address: String,
        /// Bytes received.
        got: u64,
        /// Bytes expected.
        total: u64,
        /// What happened.
        why: String,
    },
    /// The server does not say how long a file is.
    #[error(
        "the server does not say how long {address} is{}; host it where Content-Length is sent and nothing is compressed on the way",
        if *encoded { ", since it compresses what it sends" } else { "" }
    )]
    NoLength {
        /// The URL.
        address: String,
        /// Whether the answer is known to be compressed.
        encoded: bool,
    },
    /// The server sends a web page instead of the file.
    #[error(
        "{address} is a web page, not a file of weights: give the address of the file itself (on a hub, of its download button), or sign in to the network if that is what the page asks"
    )]
    WebPage {
        /// The URL.
        address: String,
    },
    /// The download of a link's model goes beyond what the visitor agreed to; the page asks.
    #[error("{}", ask_first(*.excess))]
    AskFirst {
        /// The reason to ask.
        excess: Excess,
    },
    /// The server sends another file than it announced.
    #[error("{address} on the server {how}; press Try again, or ask whoever serves it")]
    Changed {
        /// The URL.
        address: String,
        /// How it differs.
        how: Difference,
    },
    /// A text (listing, manifest, configuration) that is too long.
    #[error("{address} is longer than {} MB, too long for a text that describes a model; check the address", limit / 1_000_000)]
    LongText {
        /// The URL.
        address: String,
        /// Largest length in bytes.
        limit: usize,
    },
    /// The content has another checksum than expected.
    #[error(
        "the checksum of {label} is {}… where {}… is expected, so it was damaged on the way, or changed on the server; press Try again, or reload without the cache",
        begin(found),
        begin(wanted)
    )]
    Checksum {
        /// The file's name.
        label: String,
        /// Its SHA-256 in hexadecimal.
        found: String,
        /// The expected SHA-256.
        wanted: String,
    },
    /// The hub lists more files than are read.
    #[error(
        "the hub lists more than {files} files in this repository, more than this page reads; use another repository"
    )]
    ManyFiles {
        /// Files read before the limit.
        files: usize,
    },
    /// The hub's listing goes on, but the next page's address cannot be read.
    #[error(
        "the hub's list of files ends after {files} and does not say where it goes on (its header Link cannot be read here); use another hub or repository"
    )]
    CutListing {
        /// Files listed so far.
        files: usize,
    },
    /// Not a hub's address.
    #[error("{hub} is not the address of a hub")]
    Hub {
        /// The given text.
        hub: String,
    },
    /// The manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The repository has no model that can be read.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The repository's own index of its files cannot be followed.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// How a file on a server differs from what was announced.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Difference {
    /// It has fewer bytes.
    #[error("ends after {found} bytes where {wanted} were announced: it changed")]
    Shorter {
        /// Its length in bytes.
        found: u64,
        /// Announced length in bytes.
        wanted: u64,
    },
    /// It has more bytes.
    #[error("has more than the {wanted} bytes that were announced: it changed, or the server compresses it on the way")]
    Longer {
        /// Announced length in bytes.
        wanted: u64,
    },
    /// Its server announces another version.
    #[error("is another version than a moment ago: it changed during the download")]
    Version,
}

fn ask_first(excess: Excess) -> String {
    let what = match excess {
        Excess::Bytes(bytes) => format!("it has {}", amount(bytes)),
        Excess::Redirect => "its host redirects to another address".into(),
        Excess::Unknown => "it has more than was found before".into(),
    };
    format!("{what}, which the visitor has not agreed to")
}

/// The first digits of a checksum.
fn begin(sum: &str) -> String {
    sum.chars().take(12).collect()
}

fn minutes(seconds: u64) -> String {
    if seconds < 120 { format!("{seconds} seconds") } else { format!("{} minutes", seconds.div_ceil(60)) }
}
