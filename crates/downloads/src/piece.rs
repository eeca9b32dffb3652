//! Reads one piece of a file of weights: first what is kept on this device, then the rest from its server, which is
//! then kept.

use sha2::{Digest, Sha256};

use super::error::{Difference, DownloadError};
use super::kept::{Kept, Own};
use super::platform::{File, Folder, Platform, Progress};
use super::record::Subject;
use super::server::{Interrupted, Refused, Server, Span};
use prunescope_protocol::messages::Excess;
use prunescope_protocol::model::manifest::hexadecimal;

/// A piece of a file of weights, downloaded and kept as one file.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// Its name in messages and progress.
    pub label: String,
    /// Its URL.
    pub address: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal, if known.
    pub sha256: Option<String>,
    /// Its version on its server (see [`version`](super::headers::version)), if the server announced one.
    pub version: Option<String>,
    /// Whether a range is requested even from the first byte on.
    pub ranged: bool,
    /// The name under which it is kept on this device; `None` if it is not kept.
    pub kept_as: Option<String>,
    /// Identifies its content among all files that may be kept under that name.
    pub identity: String,
}

/// Why a piece could not be read.
#[derive(Debug)]
pub enum Trouble {
    /// A retry would not help.
    Final(DownloadError),
    /// The kept bytes were wrong, or the file changed on its server; reading it from the beginning may succeed.
    Again(DownloadError),
    /// The receiver of the bytes refused them.
    Refused,
}

/// State of reading a model's pieces.
pub struct Reading<'a, P: Platform> {
    /// Network, device and messages.
    pub platform: &'a P,
    /// The server that has the pieces.
    pub server: Server,
    /// The folder in which they are kept, if they are.
    pub folder: Option<P::Folder>,
    /// Whether kept pieces without a SHA-256 are discarded.
    pub distrust: bool,
    /// Progress of the whole model.
    pub progress: Progress,
    /// Whether bytes were read from this device that no SHA-256 has verified.
    pub unvouched: bool,
}

/// What was read from this device.
struct Begun<F: Folder> {
    /// Bytes that were passed to the loader.
    got: u64,
    /// The file in which the rest is to be kept.
    own: Option<Own<F::File>>,
    /// Running SHA-256 of those bytes, if the rest is to be checked with it.
    digest: Sha256,
    /// Whether the piece is complete.
    complete: bool,
}

/// Bytes held back from a kept file of another version until the loader has checked them; more than its first check
/// needs.
const HELD: usize = 4 << 20;

/// Writes bytes to the kept file, if there is one; gives the file up and returns false if the device refuses.
fn keep<H: File>(own: &mut Option<Own<H>>, bytes: &[u8]) -> bool {
    let refused = own.take_if(|own| !bytes.is_empty() && !own.write(bytes));
    let has_room = refused.is_none();
    refused.into_iter().for_each(Own::give_up);
    has_room
}

impl<P: Platform> Reading<'_, P> {
    /// Reads a piece and passes its bytes to `take`, in order.
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
                // Bytes that the loader refuses must not replace a kept file, and it may refuse only after some of
                // them.
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
                    // If the version changed before the first byte, the new one can be used, but not kept under the
                    // announced identity.
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
                // Kept bytes may be the cause; only a download of all bytes can tell.
                return Err(if got > 0 { Trouble::Again(why) } else { Trouble::Final(why) });
            }
        }
        own.iter_mut().for_each(Own::seal);
        if is_full {
            // Keep no further pieces, so that this is said once.
            self.folder = None;
            self.platform.notice(
                "This device has no room to keep the model, or does not let it be kept: it works now, and is downloaded again next time. Delete kept models under Model to make room."
                    .into(),
            );
        }
        Ok(())
    }

    /// Passes the good kept chunks of a piece to `take`.
    async fn kept(
        &mut self,
        piece: &Piece,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Refused>,
    ) -> Result<Begun<P::Folder>, Trouble> {
        let mut begun = Begun { got: 0, own: None, digest: Sha256::new(), complete: false };
        let (Some(folder), Some(name)) = (&self.folder, &piece.kept_as) else { return Ok(begun) };
        let subject = Subject { identity: piece.identity.clone(), bytes: piece.bytes };
        let sha256 = piece.sha256.as_deref();
        // The identity alone (a hub's object id) is not compared with what the server sends, so nothing tells whether
        // the rest belongs to what an earlier visit kept.
        let resumes = sha256.is_some() || piece.version.is_some();
        let opened = Kept::open(self.platform, folder, name, &subject, sha256, resumes, self.distrust).await;
        let Some(kept) = opened else { return Ok(begun) };
        // A sealed file was verified when it was downloaded, and its chunks are verified now.
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
                // The rest will be downloaded, so the good chunks have to be hashed after all.
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
