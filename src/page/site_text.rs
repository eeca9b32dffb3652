//! Texts that are files of the site, fetched when they are first needed.

use leptos::prelude::*;
use leptos::task::spawn_local;
use prunescope_localization::{ENGLISH, Language, language};
use serde::de::DeserializeOwned;

use super::address;
use super::recorded::fetched;

/// A text of the site once it is there, or why it cannot be had.
pub(super) type SiteText<T> = RwSignal<Option<Result<T, String>>>;

/// Fetches a text.
///
/// * `name`: its file in `public/texts`.
pub(super) fn fetch<T: DeserializeOwned + Send + Sync + 'static>(name: &'static str) -> SiteText<T> {
    let text = RwSignal::new(None);
    spawn_local(async move {
        let of = async |language: Language| {
            let address = address::absolute(&format!("texts/{}/{name}", language.tag))?;
            serde_json::from_str(&fetched(&address).await?).map_err(|why| why.to_string())
        };
        let mut found = of(language()).await;
        if found.is_err() && language() != ENGLISH {
            // What is not translated is English.
            found = of(ENGLISH).await;
        }
        text.set(Some(found));
    });
    text
}
