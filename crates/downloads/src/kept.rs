//! A kept file: what is good of it is read, the rest is written anew.
//!
//! The file lies under its name, its record ([`Record`]) beside it. Only who has the file open alone writes either. Of a file that
//! another tab has open, a whole one is read. Nothing here trusts that writes arrive: what a crash loses, a full disk cuts or a
//! failing disk changes is found by the checksum of its chunk when it is read, and is written anew from there.

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

use super::platform::{File, Folder, Platform, Snapshot};
use super::record::{Chunk, LONGEST, Record, Subject, sum_of};
use prunescope_protocol::model::manifest::hexadecimal;

/// Ends the name of a record.
pub const RECORD: &str = ".record";
/// Ends the name of the empty file by which earlier versions of the page marked a complete one.
const OLD_MARK: &str = ".whole";
/// How long a file that is open elsewhere is waited for, in milliseconds: a worker that was ended a moment ago may still hold it.
const WAITS: [u32; 4] = [0, 50, 200, 800];

/// A kept file that can be read.
pub enum Kept<F: Folder> {
    /// This tab alone has it open, and may write.
    Own(Own<F::File>),
    /// Another tab has it open; it is whole.
    Whole {
        /// Its bytes.
        copy: F::Snapshot,
        /// Its record.
        record: Record,
    },
}

/// A kept file that this tab alone has open.
pub struct Own<H> {
    data: H,
    beside: H,
    record: Record,
    /// Bytes of a full chunk.
    chunk: usize,
    /// The checksum of the last chunk as it grows, where that is not full.
    growing: Box<Xxh3>,
    /// Whether something else lies under its name until the first bytes are written.
    is_other: bool,
}

impl<F: Folder> Kept<F> {
    /// Opens a file; none where that is not possible now, so that nothing of it can be read or kept.
    ///
    /// * `subject` — what it should be. A file that is something else stays until the first bytes of this one are written.
    /// * `sha256` — its SHA-256, where that is known: then a file without a record is taken over, such as an earlier version of
    ///   the page kept.
    /// * `distrust` — whether its content is to be thrown away, unless it is whole and has this SHA-256.
    pub async fn open<P: Platform<Folder = F>>(
        platform: &P,
        folder: &F,
        name: &str,
        subject: &Subject,
        sha256: Option<&str>,
        distrust: bool,
    ) -> Option<Self> {
        let trusted = |record: &Record| record.subject == *subject && (!distrust || record.sealed && sha256.is_some());
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
                // A whole file of another version stays: what comes in its place may be no model.
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

    /// Reads a chunk; none where it is not what its record says.
    ///
    /// * `into` — takes its bytes.
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

    /// Whether something else lies under its name until the first bytes are written.
    pub fn is_other(&self) -> bool {
        self.is_other
    }

    /// Gives back all room, and keeps nothing of this file.
    pub fn give_up(self) {
        if !self.is_other {
            self.beside.truncate(0);
            self.data.truncate(0);
        }
    }

    /// Throws away what was written of this file.
    pub fn discard(&mut self) {
        if !self.is_other {
            self.begin_anew();
        }
    }

    /// Throws away what there is.
    pub fn begin_anew(&mut self) {
        self.is_other = false;
        self.beside.truncate(0);
        self.data.truncate(0);
        self.record.chunks.clear();
        self.record.sealed = false;
        self.growing.reset();
        // Where this cannot be written, no chunk can be found again: the file is as good as not kept.
        self.beside.write(0, &Record::head(&self.record.subject, self.chunk));
    }

    /// Goes on behind a number of chunks that were found good.
    ///
    /// * `last` — the bytes of the last of them.
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

    /// Writes what follows; whether there was room for it.
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

    /// Notes that the file is whole and right.
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

    /// Takes over a file that has no record, if it has the right SHA-256.
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

/// The record in a file that is open.
fn read_record(file: &impl File, chunk: usize) -> Option<Record> {
    let mut bytes = vec![0; usize::try_from(file.bytes()).ok().filter(|bytes| *bytes <= LONGEST)?];
    let count = file.read(0, &mut bytes);
    Record::parse(bytes.get(..count)?, chunk)
}

/// The record of a file, whoever has it open; none where it is not sealed, so that the file is not whole.
async fn sealed_record<F: Folder>(folder: &F, name: &str, chunk: usize) -> Option<Record> {
    let snapshot = folder.snapshot(&format!("{name}{RECORD}")).await?;
    let bytes = usize::try_from(snapshot.bytes()).ok().filter(|bytes| *bytes <= LONGEST)?;
    Record::parse(&snapshot.read(0, bytes).await?, chunk).filter(|record| record.sealed)
}

/// A whole file, whoever has it open.
async fn whole<F: Folder>(folder: &F, name: &str, subject: &Subject, chunk: usize) -> Option<(F::Snapshot, Record)> {
    let record = sealed_record(folder, name, chunk).await.filter(|record| record.subject == *subject)?;
    let copy = folder.snapshot(name).await?;
    (copy.bytes() == subject.bytes).then_some((copy, record))
}

/// What a whole file is, where one is kept under this name.
pub async fn subject<P: Platform>(folder: &P::Folder, name: &str) -> Option<Subject> {
    Some(sealed_record(folder, name, P::CHUNK).await?.subject)
}

/// Stands as the identity of texts: they are asked for anew at every visit that has network.
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

/// A kept text; none where none is kept, what is kept is damaged, or no record vouches for it, as of one that an earlier version of
/// the page kept.
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

    /// A file on a device that says that it wrote what it lost.
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
        // Nor is one that is not all there.
        let mut own = Own::new(Liar::default(), Liar::default(), &Subject { identity: "v".into(), bytes: 40 }, 16);
        own.begin_anew();
        assert!(own.write(&[7; 39]));
        own.seal();
        assert!(!read_record(&own.beside, 16).unwrap().sealed);
    }
}
