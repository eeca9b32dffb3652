//! Texts that are files of the site, fetched when they are first needed.

use leptos::prelude::*;
use leptos::task::spawn_local;
use prunescope_localization::{ENGLISH, language};
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
        let mut found = Err(String::new());
        // What is not translated is English.
        for language in [language(), ENGLISH] {
            if found.is_err() {
                found = match address::absolute(&format!("texts/{}/{name}", language.tag)) {
                    Ok(address) => fetched(&address).await,
                    Err(why) => Err(why),
                };
            }
        }
        text.set(Some(found.and_then(|found| serde_json::from_str(&found).map_err(|why| why.to_string()))));
    });
    text
}
