//! The story: a panel at the bottom of the page that leads through it, chapter by chapter (`crate::story`).

use js_sys::Reflect;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::prelude::wasm_bindgen;

use super::address::HistoryEntry;
use super::site_text::{self, SiteText};
use super::state::AppState;
use crate::story::{self, Act, Ask, Chapter, Shown};
use prunescope_protocol::settings::link;

// web-sys counts these as unstable; every browser that the page runs in has them.
#[wasm_bindgen]
extern "C" {
    type CSSStyleSheet;
    #[wasm_bindgen(constructor)]
    fn new() -> CSSStyleSheet;
    #[wasm_bindgen(method, js_name = replaceSync)]
    fn replace_sync(this: &CSSStyleSheet, text: &str);
}

impl AppState {
    /// Opens a chapter, counted from 1; `None` leaves the story, and what is shown stays.
    pub(super) fn open_chapter(&self, chapter: Option<usize>) {
        self.chapter.set(chapter);
        self.write_address(HistoryEntry::New);
    }

    /// Shows the state of the page that a link's query describes, on the model that is there.
    pub(super) fn follow(&self, query: &str, entry: HistoryEntry) {
        let (mut settings, _) = link::from_query(query);
        self.change(entry, |current| {
            settings.models = current.models.clone();
            *current = settings;
        });
    }
}

/// The story's panel.
#[component]
pub(super) fn Story() -> impl IntoView {
    let state = expect_context::<AppState>();
    let story: SiteText<story::Story> = site_text::fetch("story.json");
    spawn_local(async move {
        state.add_recorded_story().await;
    });
    let emphasis = CSSStyleSheet::new();
    let sheets = Reflect::get(&document(), &"adoptedStyleSheets".into()).unwrap_or_default();
    let sheets = js_sys::Array::from(&sheets).concat(&js_sys::Array::of1(&emphasis));
    let _ = Reflect::set(&document(), &"adoptedStyleSheets".into(), &sheets);
    let emphasis = StoredValue::new_local(emphasis);
    on_cleanup(move || emphasis.with_value(|sheet| sheet.replace_sync("")));
    let chapter = Memo::new(move |_| {
        let at = state.chapter.get()?.checked_sub(1)?;
        story.with(|story| {
            let chapters = &story.as_ref()?.as_ref().ok()?.chapters;
            Some((at.min(chapters.len() - 1), chapters.len()))
        })
    });
    let shown = move || {
        let (at, count) = chapter.get()?;
        let (title, chapter) = story.with_untracked(|story| {
            let story = story.as_ref()?.as_ref().ok()?;
            Some((story.title.clone(), story.chapters[at].clone()))
        })?;
        Some(view! { <OneChapter title chapter at count emphasis/> })
    };
    let failed = move || {
        story.with(|story| {
            let why = story.as_ref()?.as_ref().err()?;
            Some(view! { <p>{format!("The story's text could not be read: {why}. Open this link again.")}</p> })
        })
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            state.open_chapter(None);
        }
    };
    view! {
        <aside id="story" aria-label="The story" on:keydown=key>
            {shown}
            {failed}
            <button id="story-leave" class="chip" aria-label="Leave the story" on:click=move |_| state.open_chapter(None)>"×"</button>
        </aside>
    }
}

/// One chapter, from its first words to what was found.
#[component]
fn OneChapter(
    /// The story's title.
    title: String,
    chapter: Chapter,
    /// Its number, from 0.
    at: usize,
    /// Number of chapters.
    count: usize,
    /// The style sheet that marks and hides parts of the page.
    emphasis: StoredValue<CSSStyleSheet, LocalStorage>,
) -> impl IntoView {
    let state = expect_context::<AppState>();
    state.follow(&chapter.link, HistoryEntry::Same);
    let heading = NodeRef::<html::H2>::new();
    let said = RwSignal::new(None::<String>);
    let acted = RwSignal::new(chapter.act.is_none());
    let cos_p_before = StoredValue::new(None::<f32>);
    let chapter = StoredValue::new(chapter);
    let read = move |of: &dyn Fn(Shown<'_>, &Chapter) -> Option<String>| {
        state.results.track();
        let questions = state.measurements.questions;
        state.results.with_untracked(|results| {
            questions.with_untracked(|questions| {
                let shown = Shown { results, questions, cos_p_before: cos_p_before.get_value() };
                chapter.with_value(|chapter| of(shown, chapter))
            })
        })
    };
    Effect::new(move |_| {
        let acted = acted.get();
        chapter.with_value(|chapter| {
            let mut rules = String::new();
            for (selectors, rule) in [
                (&chapter.lights, "outline: 3px solid var(--gold); outline-offset: 2px"),
                (&chapter.veils, if acted { "" } else { "visibility: hidden" }),
            ] {
                if !selectors.is_empty() {
                    rules += &format!("{} {{ {rule} }}\n", selectors.join(", "));
                }
            }
            emphasis.with_value(|sheet| sheet.replace_sync(&rules));
        });
    });
    Effect::new(move |_| {
        if let Some(heading) = heading.get() {
            let _ = heading.focus();
        }
        let lit = chapter.with_value(|chapter| document().query_selector(chapter.lights.first()?).ok().flatten());
        if let Some(lit) = lit {
            lit.scroll_into_view();
        }
    });
    let act = move |_| {
        state.results.with_untracked(|results| {
            let shown = Shown { results, questions: &[], cos_p_before: None };
            cos_p_before.set_value(shown.cos_p());
        });
        if let Some(link) = chapter.with_value(|chapter| chapter.act.clone()).and_then(|act| act.link) {
            state.follow(&link, HistoryEntry::Same);
        }
        acted.set(true);
    };
    let told = move || {
        if !acted.get() {
            return None;
        }
        if state.is_stale() {
            return chapter.with_value(|chapter| chapter.truth.is_some()).then(|| "…".to_string());
        }
        let said = said.get();
        read(&|shown, chapter| {
            chapter.truth?;
            let Some(found) = shown.truth(chapter) else { return Some("…".into()) };
            let compared =
                chapter.ask.as_ref().zip(said.as_ref()).map(|(ask, said)| story::compared(ask, said, &found));
            let told = chapter.told.replace("{truth}", &found.text);
            Some(compared.map_or(told.clone(), |compared| format!("{compared} {told}")))
        })
    };
    let paragraphs = chapter.with_value(|chapter| chapter.text.clone());
    let paragraphs = paragraphs
        .into_iter()
        .map(|text| view! { <p>{move || read(&|shown, _| Some(shown.filled(&text)))}</p> })
        .collect_view();
    let ask = chapter.with_value(|chapter| chapter.ask.clone()).map(|ask| view! { <Question ask said acted/> });
    let button = chapter.with_value(|chapter| chapter.act.clone()).map(|Act { label, .. }| {
        view! { <button id="story-act" class="primary" disabled=move || acted.get() || said.with(Option::is_none) on:click=act>{label}</button> }
    });
    let name = chapter.with_value(|chapter| chapter.title.clone());
    let go = move |to: usize| move |_| state.open_chapter(Some(to));
    view! {
        <h2 tabindex="-1" node_ref=heading title=title>{format!("{} of {count}: {name}", at + 1)}</h2>
        {paragraphs}
        {ask}
        <p id="story-told" aria-live="polite">{told}</p>
        <div class="row between">
            <button class="chip" id="story-back" disabled=at == 0 on:click=go(at)>"Back"</button>
            {button}
            <button id="story-next" class:primary=move || acted.get() disabled=at + 1 == count on:click=go(at + 2)>"Next"</button>
        </div>
    }
}

/// What the reader is asked to predict.
#[component]
fn Question(
    ask: Ask,
    /// The key of the chosen answer, or the number.
    said: RwSignal<Option<String>>,
    /// Whether the truth is out.
    acted: RwSignal<bool>,
) -> impl IntoView {
    let Ask { question, options, from, to, step } = ask;
    let answers = if options.is_empty() {
        let middle = format!("{}", f64::midpoint(from, to));
        view! {
            <span class="slider">
                <input type="range" id="story-number" aria-label=question.clone() min=from.to_string() max=to.to_string() step=step.to_string()
                    value=middle disabled=move || acted.get() on:input=move |event| said.set(Some(event_target_value(&event)))/>
                <output for="story-number">{move || said.get().unwrap_or_else(|| "?".into())}</output>
            </span>
        }
        .into_any()
    } else {
        let option = move |(name, key): (String, String)| {
            let value = key.clone();
            let is_chosen = Memo::new(move |_| said.with(|said| said.as_ref() == Some(&key)));
            view! {
                <button class="chip" class:chosen=is_chosen aria-pressed=move || is_chosen.get().to_string() disabled=move || acted.get()
                    on:click=move |_| said.set(Some(value.clone()))>{name}</button>
            }
        };
        view! { <span class="row" id="story-options">{options.into_iter().map(option).collect_view()}</span> }
            .into_any()
    };
    view! { <p class="question">{question}</p>{answers} }
}
