//! Words and symbols explained where they stand: whatever has the attribute `data-term` tells what it means when it is pointed at, focused or
//! tapped.

use gloo::events::{EventListener, EventListenerOptions};
use leptos::prelude::*;
use prunescope_localization::tr;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlElement, KeyboardEvent};

use super::site_text::{self, SiteText};
use super::state::AppState;
use crate::explained::Terms;

/// Marks a word as explained.
#[component]
pub(super) fn Term(
    /// Its key in `public/texts/en/terms.json`.
    term: &'static str,
    /// What is shown.
    children: Children,
) -> impl IntoView {
    // A tap explains; in a label it would also go to the field, which ends the explanation.
    view! { <span class="term" data-term=term tabindex="0" on:click=|event| event.prevent_default()>{children()}</span> }
}

/// The word that is explained now: its key, and where it stands.
#[derive(Clone, PartialEq)]
struct Asked {
    term: String,
    left: f64,
    below: f64,
}

/// The explanation of the word that is pointed at.
#[component]
pub(super) fn Explanation() -> impl IntoView {
    let state = expect_context::<AppState>();
    let asked = RwSignal::new(None::<Asked>);
    let terms = StoredValue::new(None::<SiteText<Terms>>);
    // A card that the keyboard asked for stays, as moving the focus may scroll.
    let is_pointed_at = StoredValue::new(false);
    let scrolled = move |_: &Event| {
        if is_pointed_at.get_value() && asked.with_untracked(Option::is_some) {
            asked.set(None);
        }
    };
    EventListener::new_with_options(&document(), "scroll", EventListenerOptions::run_in_capture_phase(), scrolled)
        .forget();
    for event in ["pointerover", "focusin", "keydown"] {
        EventListener::new(&document(), event, move |event| {
            if let Some(event) = event.dyn_ref::<KeyboardEvent>() {
                match event.key().as_str() {
                    "Escape" => asked.set(None),
                    // The explanation is the last element of the page, so Tab does not lead there.
                    "Enter" if word_under(event).is_some() => {
                        if let Some(button) = document().query_selector("#term button").ok().flatten() {
                            let _ = button.unchecked_into::<HtmlElement>().focus();
                        }
                    }
                    _ => {}
                }
                return;
            }
            let now = word_under(event);
            if now.is_some() && terms.with_value(Option::is_none) {
                terms.set_value(Some(site_text::fetch("terms.json")));
            }
            let is_read = event.target().is_some_and(|target| {
                target.dyn_ref::<Element>().is_some_and(|it| it.closest("#term").is_ok_and(|found| found.is_some()))
            });
            if !is_read && asked.with_untracked(|asked| *asked != now) {
                is_pointed_at.set_value(event.type_() == "pointerover");
                asked.set(now);
            }
        })
        .forget();
    }
    move || {
        let Asked { term, left, below } = asked.get()?;
        let found = terms.get_value()?.with(|terms| terms.as_ref()?.as_ref().ok()?.get(&term).cloned())?;
        let width = window().inner_width().ok().and_then(|width| width.as_f64()).unwrap_or(400.0);
        let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(700.0);
        let left = format!("{:.0}px", left.min(width - 320.0).max(8.0));
        let (top, bottom) = if below > height - 220.0 {
            ("auto".into(), format!("{:.0}px", height - below + 20.0))
        } else {
            (format!("{below:.0}px"), "auto".to_string())
        };
        let to_story = (!state.embedded).then(|| {
            let open = move |_| {
                asked.set(None);
                state.open_chapter(Some(found.chapter));
            };
            view! { <button class="chip" on:click=open>{tr!(terms_in_story, chapter = found.chapter)}<span class="key">" "{tr!(terms_key)}</span></button> }
        });
        Some(view! {
            <div id="term" role="status" style:left=left style:top=top style:bottom=bottom>
                <b>{found.name}</b>
                <p>{found.says}</p>
                <p inner_html=found.formula></p>
                {to_story}
            </div>
        })
    }
}

/// The explained word that an event is about.
fn word_under(event: &Event) -> Option<Asked> {
    let word = event.target()?.dyn_into::<Element>().ok()?.closest("[data-term]").ok()??;
    let place = word.get_bounding_client_rect();
    Some(Asked { term: word.get_attribute("data-term")?, left: place.left(), below: place.bottom() })
}
