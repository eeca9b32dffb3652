//! One piece of a file of weights: what is kept of it on this device, then the rest from its server, which is kept.

use sha2::{Digest, Sha256};

use super::error::{Difference, DownloadError};
use super::kept::{Kept, Own};
use super::platform::{File, Folder, Platform, Progress};
use super::record::Subject;
use super::server::{Interrupted, Refused, Server, Span};
use prunescope_protocol::messages::Excess;
use prunescope_protocol::model::manifest::hexadecimal;

/// A piece of a file of weights.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// What to call it.
    pub label: String,
    /// Where it is.
    pub address: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal, where it is known.
    pub sha256: Option<String>,
    /// What its server says of its version, where that tells one from another.
    pub version: Option<String>,
    /// Whether its server is asked for ranges from the first byte on.
    pub ranged: bool,
    /// The name under which it is kept on this device.
    pub kept_as: Option<String>,
    /// What tells it from every other file that may be kept under that name.
    pub identity: String,
}

/// Why a piece did not come.
#[derive(Debug)]
pub enum Trouble {
    /// For good.
    Final(DownloadError),
    /// What was kept of it was wrong, or it changed on its server: from the beginning it may come.
    Again(DownloadError),
    /// Who takes the bytes wants no more.
    Refused,
}

/// What reading a model's pieces needs and brings about.
pub struct Reading<'a, P: Platform> {
    /// The outside.
    pub platform: &'a P,
    /// Where the pieces are.
    pub server: Server,
    /// Where they are kept; none where nothing is kept.
    pub folder: Option<P::Folder>,
    /// Whether kept pieces that no SHA-256 vouches for are thrown away.
    pub distrust: bool,
    /// How far it is.
    pub progress: Progress,
    /// Whether bytes were read from this device that no SHA-256 vouches for.
    pub unvouched: bool,
}

/// What came from this device.
struct Begun<F: Folder> {
    /// Bytes that were given on.
    got: u64,
    /// Where the rest is to be kept.
    own: Option<Own<F::File>>,
    /// What was given on, hashed, where the rest is to be checked with it.
    digest: Sha256,
    /// Whether nothing is missing.
    complete: bool,
}

/// Bytes of a file that takes another's place that are held until the loader has seen them: more than its first look takes.
const HELD: usize = 4 << 20;

/// Writes bytes where they are kept, if there are any; whether there was room.
fn keep<H: File>(own: &mut Option<Own<H>>, bytes: &[u8]) -> bool {
    let refused = own.take_if(|own| !bytes.is_empty() && !own.write(bytes));
    let has_room = refused.is_none();
    refused.into_iter().for_each(Own::give_up);
    has_room
}

impl<P: Platform> Reading<'_, P> {
    /// Reads a piece.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn piece(
        &mut self,
        piece: &Piece,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Refused>,
    ) -> Result<(), Trouble> {
        self.progress.file.clone_from(&piece.label);
        let Begun { got, mut own, mut digest, complete } = self.kept(piece, take).await?;
        if complete {
            return Ok(());
        }
        if !self.server.budget.allows(piece.bytes.saturating_sub(got)) {
            let excess = Excess::Bytes(self.progress.total.saturating_sub(self.progress.kept));
            return Err(Trouble::Final(DownloadError::AskFirst { excess }));
        }
        let mut span = Span {
            address: &piece.address,
            from: got,
            total: piece.bytes,
            version: piece.version.as_deref(),
            checked: piece.sha256.is_some(),
            ranged: piece.ranged,
        };
        let checks = span.checked;
        let mut is_full = false;
        let mut held = vec![];
        let (platform, progress) = (self.platform, &mut self.progress);
        let streamed = loop {
            let mut any = false;
            let mut receive = |bytes: &[u8]| {
                any = true;
                if checks {
                    digest.update(bytes);
                }
                take(bytes)?;
                // What the loader refuses does not take the place of what is kept; it may refuse only when it has some of it.
                let is_other = own.as_ref().is_some_and(Own::is_other);
                if is_other && held.len() + bytes.len() < HELD {
                    held.extend(bytes);
                } else {
                    is_full |= !keep(&mut own, &std::mem::take(&mut held));
                    is_full |= !keep(&mut own, bytes);
                }
                progress.received += bytes.len() as u64;
                platform.progress(progress);
                Ok(())
            };
            match self.server.stream(platform, &span, &mut receive).await {
                Err(Interrupted::Changed(DownloadError::Changed { how: Difference::Version, .. }))
                    if got == 0 && !any && span.version.is_some() =>
                {
                    // Another version than was announced, from its first byte on, can be used; but it is not what would be kept.
                    if let Some(own) = own.take() {
                        own.give_up();
                    }
                    span.version = None;
                }
                streamed => break streamed,
            }
        };
        match streamed {
            Ok(()) => is_full |= !keep(&mut own, &held),
            Err(Interrupted::Refused) => return Err(Trouble::Refused),
            Err(Interrupted::Changed(why)) => {
                own.iter_mut().for_each(Own::discard);
                return Err(Trouble::Again(why));
            }
            Err(Interrupted::Final(why)) => return Err(Trouble::Final(why)),
            Err(Interrupted::Cut { why, .. }) => return Err(Trouble::Final(DownloadError::Unreachable { why })),
            Err(Interrupted::NoRange) => {
                let why = "the server does not send it".into();
                return Err(Trouble::Final(DownloadError::Unreachable { why }));
            }
        }
        if let Some(wanted) = &piece.sha256 {
            let found = hexadecimal(&digest.finalize());
            if found != *wanted {
                own.iter_mut().for_each(Own::discard);
                let why = DownloadError::Checksum { label: piece.label.clone(), found, wanted: wanted.clone() };
                // Who is to blame, the device or the network, only bytes that all come from the network can tell.
                return Err(if got > 0 { Trouble::Again(why) } else { Trouble::Final(why) });
            }
        }
        own.iter_mut().for_each(Own::seal);
        if is_full {
            // Once is enough to be told.
            self.folder = None;
            self.platform.notice(
                "This device has no room to keep the model, or does not let it be kept: it works now, and is downloaded again next time. Delete kept models under Model to make room."
                    .into(),
            );
        }
        Ok(())
    }

    /// Gives on what is kept of a piece and good.
    async fn kept(
        &mut self,
        piece: &Piece,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Refused>,
    ) -> Result<Begun<P::Folder>, Trouble> {
        let mut begun = Begun { got: 0, own: None, digest: Sha256::new(), complete: false };
        let (Some(folder), Some(name)) = (&self.folder, &piece.kept_as) else { return Ok(begun) };
        let subject = Subject { identity: piece.identity.clone(), bytes: piece.bytes };
        let sha256 = piece.sha256.as_deref();
        let opened = Kept::open(self.platform, folder, name, &subject, sha256, self.distrust).await;
        let Some(kept) = opened else { return Ok(begun) };
        // A file that is whole was checked when it was downloaded, and its chunks are checked now.
        let hashes = sha256.is_some() && !kept.record().sealed;
        let mut chunk = vec![];
        let mut last = vec![];
        let mut good = 0;
        while kept.chunk(good, P::CHUNK, &mut chunk).await.is_some() {
            if hashes {
                begun.digest.update(&chunk);
            }
            begun.got += chunk.len() as u64;
            good += 1;
            self.unvouched |= sha256.is_none() || hashes;
            take(&chunk).map_err(|Refused| Trouble::Refused)?;
            self.progress.kept += chunk.len() as u64;
            self.progress.received += chunk.len() as u64;
            self.platform.progress(&self.progress);
            std::mem::swap(&mut chunk, &mut last);
        }
        begun.complete = kept.record().sealed && begun.got == piece.bytes;
        if begun.complete {
            return Ok(begun);
        }
        if kept.record().sealed {
            if matches!(kept, Kept::Own(_)) {
                self.platform.notice(format!(
                    "A part of {} that this device kept is damaged or gone; it is downloaded again.",
                    piece.label
                ));
            }
            if sha256.is_some() {
                // Now the beginning has to be hashed after all.
                for number in 0..good {
                    let again = kept.chunk(number, P::CHUNK, &mut chunk).await;
                    if again.is_none() {
                        let why = format!("{} cannot be read from this device", piece.label);
                        return Err(Trouble::Again(DownloadError::Unreachable { why }));
                    }
                    begun.digest.update(&chunk);
                }
            }
        }
        if let Kept::Own(mut own) = kept {
            own.go_on_behind(good, &last);
            begun.own = Some(own);
        }
        Ok(begun)
    }
}
