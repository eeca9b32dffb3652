//! Passes a model's files, in order, to a loader; tries once more if the bytes kept on this device were wrong.

use sha2::{Digest, Sha256};

use super::error::DownloadError;
use super::kept::keep_text;
use super::order::{Order, plan};
use super::piece::{Reading, Trouble};
use super::platform::{Platform, Progress};
use super::server::{Budget, Refused};
use prunescope_protocol::messages::ModelOrder;
use prunescope_protocol::model::manifest::hexadecimal;
use prunescope_protocol::model::repository::Repository;

/// Builds a model from its bytes as they arrive.
pub trait Loader: Sized {
    /// The loaded model.
    type Model;
    /// Why the files cannot be used.
    type Refusal;

    /// Begins the next file, `bytes` long.
    ///
    /// * `name` — its path.
    ///
    /// # Errors
    /// If the previous file is not complete.
    fn begin_file(&mut self, name: &str, bytes: u64) -> Result<(), Self::Refusal>;

    /// Takes the next bytes of the current file.
    ///
    /// # Errors
    /// As soon as they show that the file cannot be used.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Self::Refusal>;

    /// Returns the model after the last byte of the last file.
    ///
    /// # Errors
    /// If something is missing or cannot be used.
    fn finish(self) -> Result<Self::Model, Self::Refusal>;

    /// Whether damaged bytes could be the cause of the refusal.
    fn may_be_damage(refusal: &Self::Refusal) -> bool;
}

/// Why a model could not be loaded.
#[derive(Debug)]
pub enum Failure<R> {
    /// Its files could not be downloaded.
    Download(DownloadError),
    /// The loader refused its files.
    Refused(R),
}

/// How an attempt to load a model failed.
enum End<R> {
    Failed(DownloadError),
    Again(DownloadError),
    /// Refused by the loader; true if it was given bytes from this device that no SHA-256 has verified.
    Refused(R, bool),
}

impl<R> From<DownloadError> for End<R> {
    fn from(why: DownloadError) -> Self {
        Self::Failed(why)
    }
}

/// Downloads a model, or reads it from this device, and passes it to a loader.
///
/// * `begin` — makes a loader for a number of files; gets the texts that describe the model if its weights are not in
///   GGUF files.
///
/// # Errors
/// [`Failure`].
pub async fn load<P: Platform, L: Loader>(
    platform: &P,
    order: &ModelOrder,
    begin: impl Fn(usize, Option<Repository>) -> Result<L, L::Refusal>,
) -> Result<L::Model, Failure<L::Refusal>> {
    let mut again = false;
    // One budget for both attempts.
    let budget = Budget::new(order.allowance);
    loop {
        let end = match once(platform, order, &budget, &begin, again).await {
            Ok(model) => return Ok(model),
            Err(end) => end,
        };
        match end {
            End::Again(why) if !again => platform.notice(restart(&why)),
            End::Refused(why, true) if !again && L::may_be_damage(&why) => {
                platform.notice("What this device keeps of the model cannot be used; it is downloaded again.".into());
            }
            End::Again(why) | End::Failed(why) => return Err(Failure::Download(why)),
            End::Refused(why, _) => return Err(Failure::Refused(why)),
        }
        again = true;
    }
}

/// The notice that a model is downloaded again, and why.
fn restart(why: &DownloadError) -> String {
    match why {
        DownloadError::Changed { address, how } => {
            format!("{address} on the server {how}; it is downloaded from the beginning.")
        }
        DownloadError::Checksum { label, .. } => {
            format!("The checksum of {label} is wrong, a part of which this device had kept; it is downloaded again.")
        }
        _ => "What this device keeps of the model cannot be read; it is downloaded again.".into(),
    }
}

/// Makes one attempt to load a model.
///
/// * `distrust` — whether kept files without a SHA-256 are discarded.
async fn once<P: Platform, L: Loader>(
    platform: &P,
    order: &ModelOrder,
    budget: &Budget,
    begin: &impl Fn(usize, Option<Repository>) -> Result<L, L::Refusal>,
    distrust: bool,
) -> Result<L::Model, End<L::Refusal>> {
    let Order { server, folder, repository, files, texts } = plan(platform, order, budget).await?;
    let refused = |why| End::Refused(why, false);
    let mut loader = begin(files.len(), repository).map_err(refused)?;
    let sum = |total: u64, bytes: u64| total.saturating_add(bytes);
    let total = files.iter().flat_map(|file| &file.pieces).map(|piece| piece.bytes).fold(0, sum);
    let progress = Progress { total, ..Progress::default() };
    let mut reading = Reading { platform, server, folder, distrust, progress, unvouched: false };
    for file in &files {
        let bytes = file.pieces.iter().map(|piece| piece.bytes).fold(0, sum);
        let name = file.pieces.first().map_or("", |piece| piece.label.as_str());
        loader.begin_file(name, bytes).map_err(|why| End::Refused(why, reading.unvouched))?;
        let mut digest = file.sha256.as_ref().map(|_| Sha256::new());
        for piece in &file.pieces {
            let mut refusal = None;
            let mut take = |bytes: &[u8]| {
                if let Some(digest) = &mut digest {
                    digest.update(bytes);
                }
                loader.push(bytes).map_err(|why| {
                    refusal = Some(why);
                    Refused
                })
            };
            let read = reading.piece(piece, &mut take).await;
            if let Some(why) = refusal {
                return Err(End::Refused(why, reading.unvouched));
            }
            match read {
                Ok(()) | Err(Trouble::Refused) => {}
                Err(Trouble::Final(why)) => return Err(End::Failed(why)),
                Err(Trouble::Again(why)) => return Err(End::Again(why)),
            }
        }
        if let (Some(digest), Some(wanted)) = (digest, &file.sha256) {
            let found = hexadecimal(&digest.finalize());
            if found != *wanted {
                let label = file.pieces.first().map(|piece| piece.label.clone()).unwrap_or_default();
                return Err(End::Failed(DownloadError::Checksum { label, found, wanted: wanted.clone() }));
            }
        }
    }
    let model = loader.finish().map_err(|why| End::Refused(why, reading.unvouched))?;
    if let Some(folder) = &reading.folder {
        for (name, text) in &texts {
            keep_text::<P>(folder, name, text).await;
        }
    }
    Ok(model)
}
