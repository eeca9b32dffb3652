//! What a browser gives: servers, files on the device, a clock, somebody to tell.

use std::future::Future;

/// Everything that downloads need of the outside.
pub trait Platform {
    /// A folder of kept files.
    type Folder: Folder;
    /// A server's answer.
    type Answer: Answer;
    /// Bytes of a kept file that have one checksum.
    const CHUNK: usize = super::record::CHUNK;

    /// Asks a server for a file.
    ///
    /// The error is what the network says: no answer came, or none that may be read.
    fn request(&self, request: &Request<'_>) -> impl Future<Output = Result<Self::Answer, String>>;

    /// The folder in which a model is kept, made where there is none; none where nothing can be kept.
    fn folder(&self, name: &str) -> impl Future<Output = Option<Self::Folder>>;

    /// Waits so many milliseconds.
    fn wait(&self, milliseconds: u32) -> impl Future<Output = ()>;

    /// Seconds since 1970.
    fn unix_time(&self) -> u64;

    /// The origin of the page, such as `https://example.org`.
    fn origin(&self) -> String;

    /// Tells how far the download is.
    fn progress(&self, progress: &Progress);

    /// Tells the visitor a sentence.
    fn notice(&self, message: String);
}

/// A request for a file.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Where.
    pub address: &'a str,
    /// From which byte on; none asks for all of it, without naming a range.
    pub from: Option<u64>,
    /// The visitor's token. Browsers take it away where a server sends the request on to another origin.
    pub token: Option<&'a str>,
    /// Whether a redirect is followed; otherwise the answer to one has the status 0, and says nothing of where it leads.
    pub follows: bool,
}

/// An answer whose bytes are still coming.
pub trait Answer {
    /// Its HTTP status.
    fn status(&self) -> u16;

    /// A header, where there is one that this page may read.
    fn header(&self, name: &str) -> Option<String>;

    /// The next bytes; none at the end.
    ///
    /// The error is what the network says.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, String>>;
}

/// A folder of kept files.
pub trait Folder {
    /// A file that this tab alone has open.
    type File: File;
    /// A file as it was at some moment.
    type Snapshot: Snapshot;

    /// Opens a file alone, made where there is none; none where another tab has it open, or the device refuses.
    fn open(&self, name: &str) -> impl Future<Output = Option<Self::File>>;

    /// A file to read, whoever has it open; none where there is none.
    fn snapshot(&self, name: &str) -> impl Future<Output = Option<Self::Snapshot>>;

    /// Deletes a file, if it is there and nobody has it open.
    fn remove(&self, name: &str) -> impl Future<Output = ()>;
}

/// A file that this tab alone has open, until it is dropped.
pub trait File {
    /// Its length.
    fn bytes(&self) -> u64;

    /// Reads from a place on; how many bytes there were.
    fn read(&self, at: u64, into: &mut [u8]) -> usize;

    /// Writes at a place; whether all bytes could be written.
    fn write(&self, at: u64, bytes: &[u8]) -> bool;

    /// Cuts it off.
    fn truncate(&self, bytes: u64);
}

/// A file as it was at some moment.
pub trait Snapshot {
    /// Its length.
    fn bytes(&self) -> u64;

    /// So many bytes from a place on; none where the file has changed since, or is gone.
    fn read(&self, at: u64, bytes: usize) -> impl Future<Output = Option<Vec<u8>>>;
}

/// How far a download is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that the loader has.
    pub received: u64,
    /// Bytes that it will have.
    pub total: u64,
    /// Of those received, bytes that were kept on this device.
    pub kept: u64,
    /// The file that is being read.
    pub file: String,
}
