//! A kept file: its good chunks are read, the rest is written anew.
//!
//! Its record ([`Record`]) is a second file of the same name with the suffix [`RECORD`]. Only the tab that has both
//! open may write them; other tabs may read the file if it is complete. Writes are not trusted: what is lost by a
//! crash, a full disk or a failing disk is detected by the chunk's checksum when it is read, and written anew from
//! there.

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

use super::platform::{File, Folder, Platform, Snapshot};
use super::record::{Chunk, LONGEST, Record, Subject, sum_of};
use prunescope_protocol::model::manifest::hexadecimal;

/// Suffix of a record's name.
pub const RECORD: &str = ".record";
/// Suffix of the empty file by which earlier versions of the page marked a complete file.
const OLD_MARK: &str = ".whole";
/// Waits before each try to open a file, in milliseconds: a worker that has just ended may still hold it.
const WAITS: [u32; 4] = [0, 50, 200, 800];

/// A kept file that can be read.
pub enum Kept<F: Folder> {
    /// This tab has it open exclusively and may write.
    Own(Own<F::File>),
    /// Another tab has it open, but it is complete.
    Whole {
        /// Its content.
        copy: F::Snapshot,
        /// Its record.
        record: Record,
    },
}

/// A kept file that this tab has open exclusively.
pub struct Own<H> {
    data: H,
    beside: H,
    record: Record,
    /// Bytes of a full chunk.
    chunk: usize,
    /// Running checksum of the last chunk while that is not full.
    growing: Box<Xxh3>,
    /// Whether the stored file is another one, which is replaced when the first bytes are written.
    is_other: bool,
}

impl<F: Folder> Kept<F> {
    /// Opens a kept file; `None` if it can be neither read nor written now.
    ///
    /// * `subject` — the file that is expected. Another complete file under this name stays until the first bytes of
    ///   this one are written.
    /// * `sha256` — its SHA-256 in hexadecimal, if known: then a file without a record, as earlier versions of the page
    ///   kept it, is verified and reused.
    /// * `resumes` — whether an incomplete file is continued. If not, it is discarded.
    /// * `distrust` — whether to discard the content unless it is sealed and has a SHA-256.
    pub async fn open<P: Platform<Folder = F>>(
        platform: &P,
        folder: &F,
        name: &str,
        subject: &Subject,
        sha256: Option<&str>,
        resumes: bool,
        distrust: bool,
    ) -> Option<Self> {
        let trusted = |record: &Record| {
            record.subject == *subject && (record.sealed || resumes) && (!distrust || record.sealed && sha256.is_some())
        };
        for wait in WAITS {
            if wait > 0 {
                platform.wait(wait).await;
            }
            if let Some(data) = folder.open(name).await
                && let Some(beside) = folder.open(&format!("{name}{RECORD}")).await
            {
                let mut own = Own::new(data, beside, subject, P::CHUNK);
                let complete = own.data.bytes() == subject.bytes;
                let record = read_record(&own.beside, P::CHUNK);
                // A complete file of another version stays for now: the new download may not be a model.
                own.is_other = record.as_ref().is_some_and(|record| record.sealed && record.subject != *subject);
                if let Some(record) = record.filter(trusted) {
                    if own.data.bytes() > subject.bytes {
                        own.data.truncate(subject.bytes);
                    }
                    own.record = record;
                } else if let Some(sha256) = sha256.filter(|_| complete && !distrust) {
                    own.take_over(sha256);
                } else if !own.is_other {
                    own.begin_anew();
                }
                folder.remove(&format!("{name}{OLD_MARK}")).await;
                return Some(Self::Own(own));
            }
            if let Some((copy, record)) = whole(folder, name, subject, P::CHUNK).await.filter(|(_, it)| trusted(it)) {
                return Some(Self::Whole { copy, record });
            }
        }
        None
    }

    /// Its record.
    pub fn record(&self) -> &Record {
        match self {
            Self::Own(own) => &own.record,
            Self::Whole { record, .. } => record,
        }
    }

    /// Reads a chunk; `None` if its bytes do not match the record.
    ///
    /// * `number` — index of the chunk.
    /// * `chunk` — bytes of a full chunk.
    /// * `into` — receives its bytes.
    pub async fn chunk(&self, number: usize, chunk: usize, into: &mut Vec<u8>) -> Option<()> {
        let wanted = *self.record().chunks.get(number)?;
        let at = number as u64 * chunk as u64;
        let count = wanted.bytes as usize;
        match self {
            Self::Own(own) => {
                into.resize(count, 0);
                (own.data.read(at, into) == count).then_some(())?;
            }
            Self::Whole { copy, .. } => *into = copy.read(at, count).await.filter(|bytes| bytes.len() == count)?,
        }
        (sum_of(into) == wanted.sum).then_some(())
    }
}

impl<H: File> Own<H> {
    fn new(data: H, beside: H, subject: &Subject, chunk: usize) -> Self {
        let record = Record { subject: subject.clone(), chunks: vec![], sealed: false };
        Self { data, beside, record, chunk, growing: Box::default(), is_other: false }
    }

    /// Whether the stored file is another one, which is replaced when the first bytes are written.
    pub fn is_other(&self) -> bool {
        self.is_other
    }

    /// Deletes the content to free its space.
    pub fn give_up(self) {
        if !self.is_other {
            self.beside.truncate(0);
            self.data.truncate(0);
        }
    }

    /// Discards what was written of this file.
    pub fn discard(&mut self) {
        if !self.is_other {
            self.begin_anew();
        }
    }

    /// Discards all content and writes the head of a new record.
    pub fn begin_anew(&mut self) {
        self.is_other = false;
        self.beside.truncate(0);
        self.data.truncate(0);
        self.record.chunks.clear();
        self.record.sealed = false;
        self.growing.reset();
        // If this write fails, no chunk can be found later; the file counts as not kept.
        self.beside.write(0, &Record::head(&self.record.subject, self.chunk));
    }

    /// Continues writing after the first `chunks` chunks and discards the rest.
    ///
    /// * `last` — bytes of the last of those chunks.
    pub fn go_on_behind(&mut self, chunks: usize, last: &[u8]) {
        if self.is_other {
            return;
        }
        self.record.chunks.truncate(chunks);
        self.record.sealed = false;
        self.growing.reset();
        if last.len() < self.chunk {
            self.growing.update(last);
        }
        self.beside.truncate(Record::place(&self.record.subject, chunks));
        self.data.truncate(self.record.covered());
    }

    /// Appends bytes; false if the device refuses them.
    pub fn write(&mut self, mut bytes: &[u8]) -> bool {
        if self.is_other {
            self.begin_anew();
        }
        while !bytes.is_empty() {
            let last = self.record.chunks.last().filter(|last| (last.bytes as usize) < self.chunk);
            let there = last.map_or(0, |last| last.bytes as usize);
            let number = self.record.chunks.len() - usize::from(there > 0);
            let (now, later) = bytes.split_at(bytes.len().min(self.chunk - there));
            if !self.data.write(self.record.covered(), now) {
                return false;
            }
            self.growing.update(now);
            let chunk = Chunk { bytes: (there + now.len()) as u32, sum: self.growing.digest() };
            self.record.chunks.truncate(number);
            self.record.chunks.push(chunk);
            if !self.beside.write(Record::place(&self.record.subject, number), &Record::entry(&chunk)) {
                return false;
            }
            if chunk.bytes as usize == self.chunk {
                self.growing.reset();
            }
            bytes = later;
        }
        true
    }

    /// Marks the file as complete and verified, if its length is right.
    pub fn seal(&mut self) {
        if self.is_other {
            self.begin_anew();
        }
        let bytes = self.record.subject.bytes;
        if self.record.covered() == bytes && self.data.bytes() == bytes {
            let place = Record::place(&self.record.subject, self.record.chunks.len());
            self.record.sealed = self.beside.write(place, &self.record.seal(self.chunk));
        }
    }

    /// Writes a record for a file that has none, if its SHA-256 is right; otherwise discards it.
    fn take_over(&mut self, sha256: &str) {
        let (mut digest, mut chunks, mut at) = (Sha256::new(), vec![], 0);
        let mut bytes = vec![0; self.chunk];
        while at < self.record.subject.bytes {
            let count = self.data.read(at, &mut bytes);
            if count == 0 {
                break;
            }
            digest.update(&bytes[..count]);
            chunks.push(Chunk { bytes: count as u32, sum: sum_of(&bytes[..count]) });
            at += count as u64;
        }
        let right = hexadecimal(&digest.finalize()) == sha256;
        let full = |(at, chunk): (usize, &Chunk)| chunk.bytes as usize == self.chunk || at + 1 == chunks.len();
        if !right || !chunks.iter().enumerate().all(full) {
            return self.begin_anew();
        }
        self.record.chunks = chunks;
        let mut text = Record::head(&self.record.subject, self.chunk);
        text.extend(self.record.chunks.iter().flat_map(Record::entry));
        if self.beside.write(0, &text) {
            self.seal();
        }
    }
}

/// Parses the record in an open file.
fn read_record(file: &impl File, chunk: usize) -> Option<Record> {
    let mut bytes = vec![0; usize::try_from(file.bytes()).ok().filter(|bytes| *bytes <= LONGEST)?];
    let count = file.read(0, &mut bytes);
    Record::parse(bytes.get(..count)?, chunk)
}

/// The record of a file, even if another tab has it open; `None` if it is not sealed, so that the file is incomplete.
async fn sealed_record<F: Folder>(folder: &F, name: &str, chunk: usize) -> Option<Record> {
    let snapshot = folder.snapshot(&format!("{name}{RECORD}")).await?;
    let bytes = usize::try_from(snapshot.bytes()).ok().filter(|bytes| *bytes <= LONGEST)?;
    Record::parse(&snapshot.read(0, bytes).await?, chunk).filter(|record| record.sealed)
}

/// A complete file and its record, even if another tab has it open.
async fn whole<F: Folder>(folder: &F, name: &str, subject: &Subject, chunk: usize) -> Option<(F::Snapshot, Record)> {
    let record = sealed_record(folder, name, chunk).await.filter(|record| record.subject == *subject)?;
    let copy = folder.snapshot(name).await?;
    (copy.bytes() == subject.bytes).then_some((copy, record))
}

/// Identity and length of the complete file that is kept under this name, if there is one.
pub async fn subject<P: Platform>(folder: &P::Folder, name: &str) -> Option<Subject> {
    Some(sealed_record(folder, name, P::CHUNK).await?.subject)
}

/// Identity of all kept texts; with network they are fetched anew at every visit.
const TEXT: &str = "text";

/// Keeps a text, unless another tab has it open.
pub async fn keep_text<P: Platform>(folder: &P::Folder, name: &str, text: &str) {
    let Some(data) = folder.open(name).await else { return };
    let Some(beside) = folder.open(&format!("{name}{RECORD}")).await else { return };
    let mut own = Own::new(data, beside, &Subject { identity: TEXT.into(), bytes: text.len() as u64 }, P::CHUNK);
    own.begin_anew();
    if own.write(text.as_bytes()) {
        own.seal();
    }
}

/// A kept text; `None` if there is none, it is damaged or empty, or it has no record (earlier versions of the page
/// wrote none).
pub async fn kept_text<P: Platform>(folder: &P::Folder, name: &str) -> Option<String> {
    let record = sealed_record(folder, name, P::CHUNK).await?;
    let (copy, record) = whole(folder, name, &record.subject, P::CHUNK).await?;
    let kept = Kept::<P::Folder>::Whole { copy, record };
    let (mut text, mut bytes) = (vec![], vec![]);
    for number in 0..kept.record().chunks.len() {
        kept.chunk(number, P::CHUNK, &mut bytes).await?;
        text.extend_from_slice(&bytes);
    }
    String::from_utf8(text).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A file on a device that reports success for writes it loses.
    #[derive(Default)]
    struct Liar {
        bytes: RefCell<Vec<u8>>,
        loses_from: Option<usize>,
    }

    impl File for Liar {
        fn bytes(&self) -> u64 {
            self.bytes.borrow().len() as u64
        }

        fn read(&self, at: u64, into: &mut [u8]) -> usize {
            let bytes = self.bytes.borrow();
            let there = bytes.get(at as usize..).unwrap_or(&[]);
            let count = there.len().min(into.len());
            into[..count].copy_from_slice(&there[..count]);
            count
        }

        fn write(&self, at: u64, bytes: &[u8]) -> bool {
            let mut all = self.bytes.borrow_mut();
            all.resize(at as usize, 0);
            all.extend(bytes);
            all.truncate(self.loses_from.unwrap_or(usize::MAX));
            true
        }

        fn truncate(&self, bytes: u64) {
            self.bytes.borrow_mut().truncate(bytes as usize);
        }
    }

    #[test]
    fn a_file_is_marked_as_whole_by_its_length_too() {
        for (loses_from, seals) in [(None, true), (Some(30), false)] {
            let subject = Subject { identity: "v".into(), bytes: 40 };
            let mut own = Own::new(Liar { loses_from, ..Liar::default() }, Liar::default(), &subject, 16);
            own.begin_anew();
            for piece in [1, 16, 20, 3] {
                assert!(own.write(&vec![7; piece]));
            }
            own.seal();
            let record = read_record(&own.beside, 16).unwrap();
            assert_eq!((record.sealed, record.covered()), (seals, 40));
        }
        // An incomplete file is not sealed either.
        let mut own = Own::new(Liar::default(), Liar::default(), &Subject { identity: "v".into(), bytes: 40 }, 16);
        own.begin_anew();
        assert!(own.write(&[7; 39]));
        own.seal();
        assert!(!read_record(&own.beside, 16).unwrap().sealed);
    }
}
