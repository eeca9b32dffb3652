//! The language of the page: chosen once, before anything is shown; another one is a link with `lang=`, which opens the page anew.

use leptos::prelude::*;
use prunescope_localization::{LANGUAGES, Language, speak, tr};

use super::address;
use super::recorded::fetched;
use super::state::AppState;
use crate::presentation::Presentation;

/// Chooses the language: that of the link, else the first of the browser's that is translated. Returns what to tell the visitor if its words
/// cannot be had; then the page is in English.
pub(super) async fn choose() -> Option<String> {
    let (presentation, _) = Presentation::from_query(&address::query());
    let tags = window().navigator().languages();
    let tags: Vec<String> = tags.iter().filter_map(|tag| tag.as_string()).collect();
    let language = presentation.language.unwrap_or_else(|| Language::preferred(tags.iter().map(String::as_str)));
    if language == LANGUAGES[0] {
        return None;
    }
    let read = match address::absolute(&format!("texts/{}.ftl", language.tag)) {
        Ok(address) => fetched(&address).await,
        Err(why) => Err(why),
    };
    let spoken = read.and_then(|messages| speak(language, Some(messages)).map_err(|why| why.to_string()));
    if let Err(why) = spoken {
        return Some(tr!(language_not_read, language = language.name, why = why));
    }
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("lang", language.tag);
        let _ = root.set_attribute("dir", if language.right_to_left { "rtl" } else { "ltr" });
    }
    None
}

/// The choice of a language, which opens the page anew with the same settings.
#[component]
pub(super) fn LanguageChoice() -> impl IntoView {
    let state = expect_context::<AppState>();
    let now = prunescope_localization::language();
    let choose = move |event| {
        let language = Language::from_tag(&event_target_value(&event));
        state.presentation.update_untracked(|presentation| presentation.language = language);
        let presentation = state.presentation.get_untracked();
        let chapter = state.chapter.get_untracked();
        let link = state.settings.with_untracked(|settings| address::href(settings, &presentation, chapter));
        let _ = window().location().set_href(&link);
    };
    let options = LANGUAGES.map(|language| {
        view! { <option value=language.tag lang=language.tag selected=language == now>{language.name}</option> }
    });
    view! { <select id="language" aria-label=tr!(language_choice) on:change=choose>{options.into_iter().collect_view()}</select> }
}
