//! The record of a kept file: the file's identity and length, and a checksum of every chunk written so far.
//!
//! A reader trusts only chunks whose checksum is right. The checksums detect damage; they do not protect against
//! someone who can write on the visitor's device.
//!
//! Layout (integers little-endian): 8 bytes `PSKEPT1\n`; chunk length, `u32`; identity length, `u32`; file length,
//! `u64`; identity, UTF-8; XXH3-64 of all that, `u64`. Then for each chunk the number of bytes written, `u32`, and
//! their XXH3-64, `u64`. At the end, once the whole file is verified, the seal: `u32::MAX` and the XXH3-64 of
//! everything before the seal.

use xxhash_rust::xxh3::xxh3_64;

/// First bytes of a record.
const MAGIC: &[u8; 8] = b"PSKEPT1\n";
/// Bytes before the identity.
const FIXED: usize = 24;
/// Bytes of a chunk's entry.
const ENTRY: usize = 12;
/// Value in place of the byte count that marks the seal.
const SEAL: u32 = u32::MAX;
/// Longest record that is read, in bytes; enough for a file of more than 100 GB.
pub const LONGEST: usize = 2 << 20;

/// Bytes of a chunk on a visitor's device.
pub const CHUNK: usize = 1 << 20;

/// Identity and length of the file that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its SHA-256, or what identifies its version on its server.
    pub identity: String,
    /// Length in bytes.
    pub bytes: u64,
}

/// A chunk, as far as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Bytes written.
    pub bytes: u32,
    /// XXH3-64 of those bytes.
    pub sum: u64,
}

/// The record of a kept file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Identity and length of the file.
    pub subject: Subject,
    /// Its chunks in order; all but the last are full.
    pub chunks: Vec<Chunk>,
    /// Whether the file was complete, and had the right SHA-256 if that is known.
    pub sealed: bool,
}

/// XXH3-64 of a chunk's bytes.
pub fn sum_of(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

impl Record {
    /// Parses a record; `None` if its head is damaged or it has another chunk length. Stops at the first invalid entry.
    pub fn parse(bytes: &[u8], chunk: usize) -> Option<Self> {
        let u32_at = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let u64_at = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        if !bytes.starts_with(MAGIC) || u32_at(8)? as usize != chunk {
            return None;
        }
        let begin = FIXED.checked_add(u32_at(12)? as usize)?;
        let identity = bytes.get(FIXED..begin)?;
        if u64_at(begin)? != xxh3_64(&bytes[..begin]) {
            return None;
        }
        let identity = String::from_utf8(identity.to_vec()).ok()?;
        let mut record = Self { subject: Subject { identity, bytes: u64_at(16)? }, chunks: vec![], sealed: false };
        let mut at = begin + 8;
        while let (Some(count), Some(sum)) = (u32_at(at), u64_at(at + 4)) {
            if count == SEAL {
                record.sealed = record.covered() == record.subject.bytes && sum == xxh3_64(&bytes[..at]);
                break;
            }
            let is_after_a_full_one = record.chunks.last().is_none_or(|last| last.bytes as usize == chunk);
            let fits = count as usize <= chunk && record.covered() + u64::from(count) <= record.subject.bytes;
            if count == 0 || !is_after_a_full_one || !fits {
                break;
            }
            record.chunks.push(Chunk { bytes: count, sum });
            at += ENTRY;
        }
        Some(record)
    }

    /// Bytes that its chunks hold together.
    pub fn covered(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum()
    }

    /// The bytes of a record before its first entry.
    pub fn head(subject: &Subject, chunk: usize) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend((chunk as u32).to_le_bytes());
        out.extend((subject.identity.len() as u32).to_le_bytes());
        out.extend(subject.bytes.to_le_bytes());
        out.extend(subject.identity.as_bytes());
        out.extend(xxh3_64(&out).to_le_bytes());
        out
    }

    /// Offset of a chunk's entry in the record.
    pub fn place(subject: &Subject, chunk: usize) -> u64 {
        (FIXED + subject.identity.len() + 8 + chunk * ENTRY) as u64
    }

    /// The bytes of a chunk's entry.
    pub fn entry(chunk: &Chunk) -> Vec<u8> {
        [&chunk.bytes.to_le_bytes()[..], &chunk.sum.to_le_bytes()].concat()
    }

    /// The bytes of this record's seal.
    pub fn seal(&self, chunk: usize) -> Vec<u8> {
        let mut all = Self::head(&self.subject, chunk);
        all.extend(self.chunks.iter().flat_map(Self::entry));
        [&SEAL.to_le_bytes()[..], &xxh3_64(&all).to_le_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHUNK: usize = 16;

    fn record(bytes: u64, covered: u64, identity: &str) -> Record {
        let subject = Subject { identity: identity.into(), bytes };
        let mut record = Record { subject, chunks: vec![], sealed: false };
        while record.covered() < covered {
            let bytes = (covered - record.covered()).min(CHUNK as u64) as u32;
            record.chunks.push(Chunk { bytes, sum: u64::from(bytes) * 7 });
        }
        record
    }

    fn written(record: &Record) -> Vec<u8> {
        let mut out = Record::head(&record.subject, CHUNK);
        for (at, chunk) in record.chunks.iter().enumerate() {
            assert_eq!(out.len() as u64, Record::place(&record.subject, at));
            out.extend(Record::entry(chunk));
        }
        if record.sealed {
            out.extend(record.seal(CHUNK));
        }
        out
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in 1u64..200, covered in 0u64..200, identity in ".{0,20}", seals: bool) {
            let mut record = record(bytes, covered.min(bytes), &identity);
            record.sealed = seals && record.covered() == bytes;
            prop_assert_eq!(Record::parse(&written(&record), CHUNK), Some(record.clone()));
            prop_assert_eq!(Record::parse(&written(&record), CHUNK * 2), None);
        }

        /// A sealed record with any change is either invalid or no longer sealed.
        #[test]
        fn a_seal_holds_everything(bytes in 1u64..100, at: prop::sample::Index, change in 1u8.., cut: bool) {
            let mut record = record(bytes, bytes, "identity");
            record.sealed = true;
            let mut text = written(&record);
            let at = at.index(text.len());
            if cut { text.truncate(at) } else { text[at] ^= change }
            prop_assert!(Record::parse(&text, CHUNK).is_none_or(|record| !record.sealed));
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>, begins: bool) {
            let bytes = if begins { [Record::head(&Subject { identity: "i".into(), bytes: 40 }, CHUNK), bytes].concat() } else { bytes };
            if let Some(record) = Record::parse(&bytes, CHUNK) {
                prop_assert!(record.covered() <= record.subject.bytes);
            }
        }
    }
}
