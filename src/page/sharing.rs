//! The panel that makes links for a class, and figures for other people's pages.

use leptos::prelude::*;
use leptos::task::spawn_local;
use strum::IntoEnumIterator;

use super::address;
use super::address::HistoryEntry;
use super::state::AppState;
use crate::presentation::{MAX_TASK, PagePart, PageTheme, PartState, Presentation};
use crate::shared_figure::{custom_element, frame, markdown};

/// How a part is met, in words.
const fn name_of(state: PartState) -> &'static str {
    match state {
        PartState::Shown => "shown",
        PartState::Locked => "locked",
        PartState::Hidden => "hidden",
    }
}

/// A panel with a link for a class, which sets what is shown of the page, and with the figure for another page.
#[component]
pub(super) fn Sharing(close: impl Fn() + Copy + Send + Sync + 'static) -> impl IntoView {
    let state = expect_context::<AppState>();
    let change = move |how: &dyn Fn(&mut Presentation)| {
        state.presentation.update(how);
        state.write_address(HistoryEntry::Same);
    };
    let row = move |part: PagePart| {
        let pick = move |event: leptos::ev::Event| {
            if let Ok(as_state) = event_target_value(&event).parse() {
                change(&|presentation: &mut Presentation| presentation.set(part, as_state));
            }
        };
        let option = move |of: PartState| {
            let chosen = move || state.presentation.with(|presentation| presentation.state(part) == of);
            view! { <option value=of.to_string() prop:selected=chosen>{name_of(of)}</option> }
        };
        view! {
            <label class="share-part">{part.name()}" "
                <select data-share=part.to_string() on:change=pick>{PartState::iter().map(option).collect_view()}</select>
            </label>
        }
    };
    let theme = move |of: PageTheme| {
        let chosen = move || state.presentation.with(|presentation| presentation.theme == of);
        let name = match of {
            PageTheme::Auto => "as the browser",
            PageTheme::Light => "light",
            PageTheme::Dark => "dark",
        };
        view! { <option value=of.to_string() prop:selected=chosen>{name}</option> }
    };
    let set_theme = move |event: leptos::ev::Event| {
        if let Ok(theme) = event_target_value(&event).parse() {
            change(&|presentation: &mut Presentation| presentation.theme = theme);
        }
    };
    let set_task = move |event: leptos::ev::Event| {
        let task: String = event_target_value(&event).chars().take(MAX_TASK).collect();
        change(&|presentation: &mut Presentation| presentation.task.clone_from(&task));
    };
    let story = RwSignal::new(false);
    let class_link = move || {
        let chapter = story.get().then_some(1);
        state.presentation.with(|presentation| state.settings.with(|settings| address::href(settings, presentation, chapter)))
    };
    let in_frame = Memo::new(move |_| {
        let presentation = state.presentation.with(|presentation| Presentation { embedded: true, ..presentation.clone() });
        state.settings.with(|settings| address::href(settings, &presentation, None))
    });
    let page = move || state.settings.with(address::link_to);
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            close();
        }
    };
    view! {
        <section class="panel share" id="sharing" aria-label="Share this page" on:keydown=key>
            <div class="row between">
                <h2>"For a class, or in another page"</h2>
                <button id="share-close" class="chip" aria-label="Close" on:click=move |_| close()>"×"</button>
            </div>
            <p class="hint">"Choose what readers see. The page shows it at once; “locked” can be seen but not used."</p>
            <div class="row share-parts">
                {PagePart::iter().map(row).collect_view()}
                <label class="share-part">"Colours "<select id="share-theme" on:change=set_theme>{PageTheme::iter().map(theme).collect_view()}</select></label>
            </div>
            <label class="field">"A task above the page"
                <input id="share-task" type="text" maxlength=MAX_TASK.to_string() prop:value=move || state.presentation.with(|presentation| presentation.task.clone()) on:change=set_task/>
            </label>
            <label class="check"><input type="checkbox" id="share-story" on:change=move |event| story.set(event_target_checked(&event))/>"begin with the story"</label>
            <div class="row">
                <Copy id="copy-class" label="Copy the link for a class" text=Signal::derive(class_link)/>
                <Copy id="copy-frame" label="Copy as a frame (HTML)" text=Signal::derive(move || frame(&in_frame.get()))/>
                <Copy id="copy-element" label="Copy as a figure (HTML, grows with its content)" text=Signal::derive(move || custom_element(&in_frame.get()))/>
                <Copy id="copy-markdown" label="Copy as Markdown" text=Signal::derive(move || markdown(&page()))/>
            </div>
            <details class="more">
                <summary>"See the figure"</summary>
                <iframe class="share-preview" title="The figure as another page shows it" loading="lazy" src=move || in_frame.get()></iframe>
            </details>
        </section>
    }
}

/// A button that copies a text, and says so.
#[component]
fn Copy(id: &'static str, label: &'static str, text: Signal<String>) -> impl IntoView {
    let said = RwSignal::new(None::<&'static str>);
    let copy = move |_| {
        spawn_local(async move {
            let done = address::copy(text.get_untracked()).await;
            said.set(Some(if done { "Copied" } else { "The browser does not allow copying" }));
            gloo::timers::future::TimeoutFuture::new(2500).await;
            said.try_set(None);
        });
    };
    view! { <button id=id data-text=text on:click=copy>{move || said.get().unwrap_or(label)}</button> }
}
