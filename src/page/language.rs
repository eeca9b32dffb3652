//! The language of the page: chosen once, before anything is shown; another one is a link with `lang=`, which opens the page anew.

use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use leptos::prelude::*;
use prunescope_localization::{ENGLISH, LANGUAGES, Language, speak, tr};

use super::address;
use super::recorded::fetched;
use super::state::AppState;
use crate::presentation::Presentation;

/// Longest wait for a language's messages, in milliseconds; the page waits for them.
const PATIENCE_MS: u32 = 5000;

/// Chooses the language: that of the link, else the first of the browser's that is translated. Returns what to tell the visitor if its words
/// cannot be had; then the page is in English.
pub(super) async fn choose() -> Option<String> {
    let (presentation, _) = Presentation::from_query(&address::query());
    let tags = window().navigator().languages();
    let tags: Vec<String> = tags.iter().filter_map(|tag| tag.as_string()).collect();
    let language = presentation.language.unwrap_or_else(|| Language::preferred(tags.iter().map(String::as_str)));
    let address = address(language)?;
    let read = match select(Box::pin(fetched(&address)), TimeoutFuture::new(PATIENCE_MS)).await {
        Either::Left((read, _)) => read,
        Either::Right(_) => Err(tr!(language_late)),
    };
    let spoken = read.and_then(|messages| speak(language, &messages).map_err(|why| why.to_string()));
    if let Err(why) = spoken {
        return Some(tr!(language_not_read, language = language.name, why = why));
    }
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("lang", language.tag);
        let _ = root.set_attribute("dir", if language.right_to_left { "rtl" } else { "ltr" });
    }
    None
}

/// The address of a language's messages; none for English, which is in the program.
pub(super) fn address(language: Language) -> Option<String> {
    (language != ENGLISH).then(|| address::absolute(&format!("texts/{}.ftl", language.tag)).ok()).flatten()
}

/// Links to the page in each language, with the same settings.
#[component]
pub(super) fn LanguageChoice() -> impl IntoView {
    let state = expect_context::<AppState>();
    let now = prunescope_localization::language();
    let trace = address::trace(&address::query());
    let links = LANGUAGES.map(|language| {
        let trace = trace.clone();
        let link = move || {
            let presentation = state.presentation.get().spoken(Some(language));
            let link = state.settings.with(|settings| address::href(settings, &presentation, state.chapter.get()));
            let link = address::with_part(&link, "trace", trace.as_deref());
            address::with_part(&link, "engine", state.attached.get().as_ref().map(url::Url::as_str))
        };
        let current = (language == now).then_some("true");
        view! { <a href=link lang=language.tag hreflang=language.tag title=language.name aria-current=current>{language.tag}</a> }
    });
    view! { <nav id="language" aria-label=tr!(language_choice)>{links.into_iter().collect_view()}</nav> }
}
