//! The story: a panel at the bottom of the page that leads through it, chapter by chapter (`crate::story`).

use js_sys::Reflect;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::prelude::wasm_bindgen;

use super::address::HistoryEntry;
use super::site_text::{self, SiteText};
use super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use crate::story::{self, Act, Ask, Chapter, Found, Shown};
use prunescope_localization::tr;
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
        self.chapter_sets.set_value(true);
        self.chapter.set(chapter);
        self.write_address(HistoryEntry::New);
    }

    /// Shows the state of the page that a link's query describes, on the model that is there.
    pub(super) fn follow(&self, query: &str, entry: HistoryEntry) {
        let (mut settings, _) = link::from_query(query);
        let loaded = self.model.get_untracked();
        self.change(entry, |current| {
            settings.models = current.models.clone();
            *current = settings;
            if let Some(loaded) = loaded {
                current.fit(loaded.config.layers, loaded.has_chat_template);
            }
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
    on_cleanup(move || {
        let sheets = Reflect::get(&document(), &"adoptedStyleSheets".into()).unwrap_or_default();
        let others = emphasis.with_value(|own| js_sys::Array::from(&sheets).filter(&mut |sheet, _, _| sheet != **own));
        let _ = Reflect::set(&document(), &"adoptedStyleSheets".into(), &others);
    });
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
            Some(view! { <p>{tr!(story_not_read, why = why)}</p> })
        })
    };
    let is_default = Memo::new(move |_| {
        state.settings.with(|settings| settings.models.model.is_empty() && settings.models.other.is_empty())
    });
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            state.open_chapter(None);
        }
    };
    view! {
        <aside id="story" aria-label=tr!(story_label) on:keydown=key>
            <Show when=move || !is_default.get()>
                <p class="row">
                    {tr!(story_other_model)}" "
                    <button class="chip" id="story-default" on:click=move |_| state.use_default()>{tr!(story_use_default)}</button>
                </p>
            </Show>
            {shown}
            {failed}
            <button id="story-leave" class="chip" aria-label=tr!(story_leave) on:click=move |_| state.open_chapter(None)>"×"</button>
        </aside>
    }
}

/// A chapter that is read: what the reader said, and whether the truth is out.
#[derive(Clone, Copy)]
struct Reading {
    state: AppState,
    chapter: StoredValue<Chapter>,
    /// The key of the chosen answer, or the number.
    said: RwSignal<Option<String>>,
    /// Whether the reader has acted, or has nothing to do.
    acted: RwSignal<bool>,
    /// cos(p, p̃) at the deciding token before that.
    cos_p_before: StoredValue<Option<f32>>,
    /// What was found then; later changes of the page do not change it.
    found: RwSignal<Option<Found>>,
}

impl Reading {
    fn new(state: AppState, chapter: Chapter) -> Self {
        Self {
            state,
            said: RwSignal::new(None),
            acted: RwSignal::new(chapter.act.is_none()),
            cos_p_before: StoredValue::new(None),
            found: RwSignal::new(None),
            chapter: StoredValue::new(chapter),
        }
    }

    /// Reads something from the chapter and what the page shows, again whenever that changes.
    fn read<T>(self, of: impl FnOnce(Shown<'_>, &Chapter) -> T) -> T {
        let results = self.state.results;
        results.run().track();
        results.next_token().track();
        results.steps().track();
        results.quality().track();
        results.repaired_quality().track();
        results.choice().track();
        results.variants().track();
        results.switches().track();
        results.with_untracked(|results| {
            self.state.measurements.questions.with_untracked(|questions| {
                let shown = Shown { results, questions, cos_p_before: self.cos_p_before.get_value() };
                self.chapter.with_value(|chapter| of(shown, chapter))
            })
        })
    }

    /// Does what the chapter asks for.
    fn act(self) {
        let (cos_p, link) = untrack(|| {
            self.read(|shown, chapter| (shown.cos_p(), chapter.act.as_ref().and_then(|act| act.link.clone())))
        });
        self.cos_p_before.set_value(cos_p);
        if let Some(link) = link {
            self.state.follow(&link, HistoryEntry::Same);
        }
        self.acted.set(true);
    }

    /// Whether the state that the chapter begins with is on the page with all that the chapter asks about.
    fn is_ready(self) -> bool {
        !self.state.is_stale() && self.read(|shown, _| shown.results.quality.is_some())
    }

    /// Keeps what was found as soon as it is known.
    fn find(self) {
        if self.acted.get() && self.found.with_untracked(Option::is_none) && !self.state.is_stale() {
            self.found.set(self.read(|shown, chapter| shown.truth(chapter)));
        }
    }

    /// What the reader expected and what was found; "…" until it is.
    fn told(self) -> Option<String> {
        if !self.acted.get() || self.chapter.with_value(|chapter| chapter.truth.is_none()) {
            return None;
        }
        let said = self.said.get();
        let Some(found) = self.found.get() else { return Some("…".into()) };
        self.chapter.with_value(|chapter| {
            let compared = chapter.ask.as_ref().zip(said).map(|(ask, said)| story::compared(ask, &said, &found));
            Some(format!("{} {}", compared.unwrap_or_default(), chapter.told.replace("{truth}", &found.text)))
        })
    }

    /// CSS that marks what the chapter is about, and hides what would give the answer away.
    fn emphasis(self) -> String {
        let veil = if self.acted.get() { "" } else { "visibility: hidden" };
        self.chapter.with_value(|chapter| {
            let rule = |selectors: &[String], rule: &str| match selectors {
                [] => String::new(),
                selectors => format!("{} {{ {rule} }}\n", selectors.join(", ")),
            };
            let light = rule(&chapter.lights, "outline: 3px solid var(--gold); outline-offset: 2px");
            light + &rule(&chapter.veils, veil)
        })
    }

    /// Brings what the chapter is about into view.
    fn scroll(self) {
        let lit = self.chapter.with_value(|chapter| document().query_selector(chapter.lights.first()?).ok().flatten());
        if let Some(lit) = lit {
            lit.scroll_into_view();
        }
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
    if state.chapter_sets.get_value() {
        state.follow(&chapter.link, HistoryEntry::Same);
    }
    let heading = NodeRef::<html::H2>::new();
    let Chapter { title: name, text, ask, act, .. } = chapter.clone();
    let reading = Reading::new(state, chapter);
    let Reading { said, acted, .. } = reading;
    Effect::new(move |_| reading.find());
    Effect::new(move |_| emphasis.with_value(|sheet| sheet.replace_sync(&reading.emphasis())));
    Effect::new(move |_| {
        if let Some(heading) = heading.get() {
            let _ = heading.focus();
        }
        reading.scroll();
    });
    // In a low window the panel scrolls, and what was found may lie below its edge.
    let told = NodeRef::<html::P>::new();
    Effect::new(move |_| {
        if let Some(told) = told.get().filter(|_| reading.told().is_some()) {
            // Once the text is in its place.
            request_animation_frame(move || {
                if let Some(panel) = told.offset_parent() {
                    panel.set_scroll_top(told.offset_top());
                }
            });
        }
    });
    let paragraph = |text: String| view! { <p>{move || reading.read(|shown, _| shown.filled(&text))}</p> };
    let button = act.map(|Act { label, .. }| {
        view! { <button id="story-act" class="primary" disabled=move || acted.get() || said.with(Option::is_none) || !reading.is_ready() on:click=move |_| reading.act()>{label}</button> }
    });
    let next = Some(at + 2).filter(|next| *next <= count);
    let go = move |to: usize| move |_| state.open_chapter(Some(to));
    view! {
        <h2 tabindex="-1" node_ref=heading title=title>{tr!(story_chapter, number = at + 1, count = count, title = name)}</h2>
        {text.into_iter().map(paragraph).collect_view()}
        {ask.map(|ask| view! { <Question ask said acted/> })}
        <p id="story-told" aria-live="polite" node_ref=told>{move || reading.told()}</p>
        <div class="row between">
            <button class="chip" id="story-back" disabled=at == 0 on:click=go(at)>{tr!(story_back)}</button>
            {button}
            <button id="story-next" class:primary=move || acted.get() on:click=move |_| state.open_chapter(next)>{if next.is_some() { tr!(story_next) } else { tr!(story_finish) }}</button>
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
