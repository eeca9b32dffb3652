//! The address bar: the link to the settings, the browser's history, and the clipboard.

use leptos::ev::MouseEvent;
use leptos::prelude::*;
use url::Url;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::consent;
use crate::presentation::Presentation;
use prunescope_localization::tr;
use prunescope_protocol::model::source::shown;
use prunescope_protocol::settings::{Settings, link};

/// Whether a change makes a new entry in the browser's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HistoryEntry {
    /// A new entry: Back returns to the settings before this change.
    New,
    /// Replaces the entry: part of a change that has one already, such as a drag or typing.
    Same,
    /// The change came from the address bar.
    None,
}

/// Handles clicks on a link to another state of this page, which needs no new page. With a key, the browser opens the link elsewhere.
pub(super) fn here(act: impl Fn() + 'static) -> impl Fn(MouseEvent) + 'static {
    move |event| {
        if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
            event.prevent_default();
            act();
        }
    }
}

/// The query of the address bar, including its question mark.
pub(super) fn query() -> String {
    window().location().search().unwrap_or_default()
}

/// Reads a link's query: the settings, how the page presents itself, and sentences about what was ignored or corrected.
pub(super) fn read(query: &str) -> (Settings, Presentation, Vec<String>) {
    let (settings, mut notices) = link::from_query(query);
    let (presentation, more) = Presentation::from_query(query);
    notices.extend(more);
    (settings, presentation, notices)
}

/// The address of the trace that a query asks for.
pub(super) fn trace(query: &str) -> Option<String> {
    parts(query).find(|(key, _)| key == "trace").map(|(_, value)| value.into_owned())
}

/// The engine outside the browser that a query names.
pub(super) fn engine(query: &str) -> Option<String> {
    parts(query).find(|(key, _)| key == "engine").map(|(_, value)| value.into_owned())
}

/// The chapter of the story that a query opens, counted from 1.
pub(super) fn chapter(query: &str) -> Option<usize> {
    parts(query).find(|(key, _)| key == "chapter")?.1.parse().ok().filter(|chapter| *chapter > 0)
}

/// Whether a query holds no settings.
pub(super) fn says_nothing_else(query: &str) -> bool {
    parts(query).all(|(key, _)| link::OTHER_PARAMETERS.contains(&key.as_ref()))
}

/// Whether an address is on another host than the page's.
pub(super) fn is_elsewhere(url: &Url) -> bool {
    url.has_host() && base().is_none_or(|base| base.origin() != url.origin())
}

/// Whether a query names the view to show.
pub(super) fn names_view(query: &str) -> bool {
    parts(query).any(|(key, _)| key == "view")
}

fn parts(query: &str) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(query.trim_start_matches('?').as_bytes())
}

/// The page's address with these settings as its query.
pub(super) fn href(settings: &Settings, presentation: &Presentation, chapter: Option<usize>) -> String {
    let chapter = chapter.map_or(String::new(), |chapter| format!("chapter={chapter}&"));
    with_query(&format!("{}{chapter}{}", presentation.to_query(), link::to_query(settings)))
}

/// The page's address with a query.
fn with_query(query: &str) -> String {
    let location = window().location();
    format!("{}{}?{query}", location.origin().unwrap_or_default(), location.pathname().unwrap_or_default())
}

/// The link to these settings on the whole page, neither embedded nor in the story, in the language that this page's link asks for.
pub(super) fn link_to(settings: &Settings) -> String {
    let (Presentation { language, .. }, _) = Presentation::from_query(&query());
    href(settings, &Presentation::default().spoken(language), None)
}

/// An address with one more part in its query, if that has a value: the recorded run that it shows (`trace`), or an engine (`engine`).
pub(super) fn with_part(address: &str, key: &str, value: Option<&str>) -> String {
    let Some((mut url, value)) = Url::parse(address).ok().zip(value) else { return address.into() };
    url.query_pairs_mut().append_pair(key, value);
    url.into()
}

/// The link to the story's first chapter, which sets the page itself.
pub(super) fn link_to_story(presentation: &Presentation) -> String {
    with_query(&format!("{}chapter=1", presentation.to_query()))
}

/// The page's base address, against which relative addresses are resolved.
pub(super) fn base() -> Option<Url> {
    Url::parse(&document().base_uri().ok().flatten()?).ok()
}

/// Resolves an address that may be relative to the page.
///
/// The error is a sentence for the visitor.
pub(super) fn absolute_url(address: &str) -> Result<Url, String> {
    let url = base().map_or_else(|| Url::parse(address), |base| base.join(address));
    let url = url.map_err(|error| tr!(address_wrong, address = shown(address), why = error.to_string()))?;
    consent::check(&url)?;
    Ok(url)
}

/// The same as a text, for the worker, which has another base address.
pub(super) fn absolute(address: &str) -> Result<String, String> {
    absolute_url(address).map(Into::into)
}

/// Writes settings into the address bar.
///
/// * `engine`: the engine outside the browser that the page is attached to. It stays there for a reload; links to send on do not have it.
pub(super) fn write(
    settings: &Settings,
    presentation: &Presentation,
    chapter: Option<usize>,
    engine: Option<&Url>,
    entry: HistoryEntry,
) {
    let Ok(history) = window().history() else { return };
    let href = with_part(&href(settings, presentation, chapter), "engine", engine.map(Url::as_str));
    // Browsers refuse very frequent writes; the next change writes again.
    let _ = match entry {
        HistoryEntry::New => history.push_state_with_url(&JsValue::NULL, "", Some(&href)),
        HistoryEntry::Same => history.replace_state_with_url(&JsValue::NULL, "", Some(&href)),
        HistoryEntry::None => Ok(()),
    };
}

/// Copies a text to the clipboard; returns whether it worked.
pub(super) async fn copy(text: String) -> bool {
    let clipboard = window().navigator().clipboard();
    // The clipboard is undefined where the page is not in a secure context.
    !JsValue::from(clipboard.clone()).is_undefined() && JsFuture::from(clipboard.write_text(&text)).await.is_ok()
}
