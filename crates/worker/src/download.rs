//! Streams a model's bytes into the loader, from an address, the visitor's files, a hub or this device. The logic is in
//! [`prunescope_downloads`]; this is its browser side.

use std::cell::Cell;

use gloo::timers::future::TimeoutFuture;

use super::fetch::{Fetched, fetch};
use super::store::KeptFolder;
use super::{now, scope, tell};
use prunescope_downloads::{DownloadError, Loader, Platform, Progress, Request};
use prunescope_engine::compute::Compute;
use prunescope_engine::model::loader::Limits;
use prunescope_engine::model::{LoadedModel, ModelLoader};
use prunescope_formats::LoadError;
use prunescope_protocol::messages::{Excess, ModelFiles, ModelOrder, WorkerEvent};
use prunescope_protocol::model::source::shown;
use prunescope_protocol::settings::Precision;

/// Least time between two progress events, in milliseconds.
const PROGRESS_EVERY_MS: f64 = 50.0;

/// Why a model was not loaded.
pub(crate) enum Failure {
    /// The message, a sentence.
    Message(String),
    /// The model is too big in its stored precision.
    TooBig {
        /// The message, a sentence.
        message: String,
        /// Whether it would fit with weights rounded to 8 bits.
        fits_in_eight_bits: bool,
    },
    /// The visitor has to be asked first ([`WorkerEvent::AskFirst`]).
    AskFirst {
        /// How the download goes beyond its allowance.
        excess: Excess,
    },
}

/// Loads a model onto a backend.
pub(crate) async fn model<C: Compute>(
    order: &ModelOrder,
    compute: C,
    precision: Precision,
    limits: Limits,
) -> Result<LoadedModel<C>, Failure> {
    let name = match &order.files {
        ModelFiles::Address { address } => format!("The model at {address}"),
        ModelFiles::Picked { files } => {
            format!("The model in {}", files.first().map_or("no file", |file| file.name.as_str()))
        }
        ModelFiles::Repository { repository, .. } => format!("The model {repository}"),
    };
    let rounds = precision == Precision::Eight;
    let browser = Browser::default();
    let loaded = prunescope_downloads::load(&browser, order, |files, repository| {
        let mut loader = ModelLoader::new(files, compute.clone()).within(limits).quantize_floats_to_q8(rounds);
        if let Some(repository) = repository {
            loader.describe(repository)?;
        }
        Ok(IntoModel(loader))
    });
    loaded.await.map_err(|why| match why {
        prunescope_downloads::Failure::Refused(why @ LoadError::TooBig { rounded, .. }) => {
            Failure::TooBig { message: format!("{name} cannot be used: {why}."), fits_in_eight_bits: rounded.is_some() }
        }
        prunescope_downloads::Failure::Refused(why) => {
            Failure::Message(in_short(order, format!("{name} cannot be used: {why}.")))
        }
        prunescope_downloads::Failure::Download(DownloadError::AskFirst { excess }) => Failure::AskFirst { excess },
        prunescope_downloads::Failure::Download(why) => {
            Failure::Message(in_short(order, format!("{name} cannot be used: {why}.")))
        }
    })
}

/// Shortens the model's address in a message, since a `data:` address may hold the whole model.
fn in_short(order: &ModelOrder, sentence: String) -> String {
    match &order.files {
        ModelFiles::Address { address } => sentence.replace(address.as_str(), &shown(address)),
        ModelFiles::Picked { .. } | ModelFiles::Repository { .. } => sentence,
    }
}

/// Adapts [`ModelLoader`] for [`prunescope_downloads::load`].
struct IntoModel<C: Compute>(ModelLoader<C>);

impl<C: Compute> Loader for IntoModel<C> {
    type Model = LoadedModel<C>;
    type Refusal = LoadError;

    fn begin_file(&mut self, name: &str, bytes: u64) -> Result<(), LoadError> {
        self.0.begin_file(name, bytes)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        self.0.push(bytes)
    }

    fn finish(self) -> Result<LoadedModel<C>, LoadError> {
        self.0.finish()
    }

    fn may_be_damage(refusal: &LoadError) -> bool {
        refusal.may_be_damage()
    }
}

/// The browser as a [`Platform`].
#[derive(Default)]
struct Browser {
    /// Time of the last progress event, in milliseconds.
    told: Cell<f64>,
}

impl Platform for Browser {
    type Folder = KeptFolder;
    type Answer = Fetched;

    async fn request(&self, request: &Request<'_>) -> Result<Fetched, String> {
        fetch(request).await
    }

    async fn folder(&self, name: &str) -> Option<KeptFolder> {
        KeptFolder::open(name).await
    }

    async fn wait(&self, milliseconds: u32) {
        TimeoutFuture::new(milliseconds).await;
    }

    fn unix_time(&self) -> u64 {
        (js_sys::Date::now() / 1000.0) as u64
    }

    fn origin(&self) -> String {
        scope().location().origin()
    }

    fn progress(&self, progress: &Progress) {
        if now() - self.told.get() > PROGRESS_EVERY_MS || progress.received == progress.total {
            self.told.set(now());
            let Progress { received, total, kept, file } = progress.clone();
            tell(&WorkerEvent::Progress { received, total, kept, file });
        }
    }

    fn notice(&self, message: String) {
        tell(&WorkerEvent::Notice { message });
    }
}
