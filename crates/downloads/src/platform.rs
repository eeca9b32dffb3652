//! What downloads need from a browser: servers, files on the device, a clock, messages to the visitor.

use std::future::Future;

/// Everything that downloads need from the browser.
pub trait Platform {
    /// A folder of kept files.
    type Folder: Folder;
    /// A server's answer.
    type Answer: Answer;
    /// Bytes of a chunk of a kept file; each chunk has its own checksum.
    const CHUNK: usize = super::record::CHUNK;

    /// Sends a request and waits for the headers of the answer.
    ///
    /// The error is a message of the network: no answer, or none that the page may read.
    fn request(&self, request: &Request<'_>) -> impl Future<Output = Result<Self::Answer, String>>;

    /// The folder in which a model is kept, created if missing; `None` if nothing can be kept.
    fn folder(&self, name: &str) -> impl Future<Output = Option<Self::Folder>>;

    /// Waits a number of milliseconds.
    fn wait(&self, milliseconds: u32) -> impl Future<Output = ()>;

    /// Unix time in seconds.
    fn unix_time(&self) -> u64;

    /// The origin of the page, such as `https://example.org`.
    fn origin(&self) -> String;

    /// Reports the download's progress.
    fn progress(&self, progress: &Progress);

    /// Shows the visitor a sentence.
    fn notice(&self, message: String);
}

/// A request for a file.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The URL.
    pub address: &'a str,
    /// First byte; `None` requests the whole file without a range header.
    pub from: Option<u64>,
    /// The visitor's access token. Browsers drop it on a redirect to another origin.
    pub token: Option<&'a str>,
    /// Whether redirects are followed. If not, a redirect is an answer with status 0 and no address.
    pub follows: bool,
}

/// An answer whose body is still being received.
pub trait Answer {
    /// Its HTTP status.
    fn status(&self) -> u16;

    /// A header, if it was sent and the page may read it.
    fn header(&self, name: &str) -> Option<String>;

    /// The next bytes; `None` at the end.
    ///
    /// The error is a message of the network.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, String>>;
}

/// A folder of kept files.
pub trait Folder {
    /// A file that this tab has open exclusively.
    type File: File;
    /// A read-only view of a file.
    type Snapshot: Snapshot;

    /// Opens a file exclusively, creating it if missing; `None` if another tab has it open, or the device refuses.
    fn open(&self, name: &str) -> impl Future<Output = Option<Self::File>>;

    /// A file to read, even if another tab has it open; `None` if it is missing.
    fn snapshot(&self, name: &str) -> impl Future<Output = Option<Self::Snapshot>>;

    /// Deletes a file, unless it is missing or open.
    fn remove(&self, name: &str) -> impl Future<Output = ()>;
}

/// A file that this tab has open exclusively, until it is dropped.
pub trait File {
    /// Its length in bytes.
    fn bytes(&self) -> u64;

    /// Reads from offset `at`; returns the number of bytes read.
    fn read(&self, at: u64, into: &mut [u8]) -> usize;

    /// Writes at offset `at`; false if not all bytes could be written.
    fn write(&self, at: u64, bytes: &[u8]) -> bool;

    /// Shortens the file to a length in bytes.
    fn truncate(&self, bytes: u64);
}

/// A read-only view of a file as it was when the view was made.
pub trait Snapshot {
    /// Its length in bytes.
    fn bytes(&self) -> u64;

    /// Reads `bytes` bytes from offset `at`; `None` if the file is shorter, was changed since, or is gone.
    fn read(&self, at: u64, bytes: usize) -> impl Future<Output = Option<Vec<u8>>>;
}

/// Progress of a download.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes passed to the loader so far.
    pub received: u64,
    /// Bytes of the whole model.
    pub total: u64,
    /// Those of the received bytes that were kept on this device.
    pub kept: u64,
    /// Label of the file that is being read.
    pub file: String,
}
