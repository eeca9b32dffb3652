//! The panel that makes links for a class, and figures for other people's pages.

use leptos::prelude::*;
use prunescope_localization::tr;
use strum::IntoEnumIterator;

use super::address;
use super::address::HistoryEntry;
use super::copy_button::CopyButton;
use super::state::AppState;
use crate::presentation::{MAX_TASK, PagePart, PageTheme, PartState, Presentation};
use crate::shared_figure::{bibtex, custom_element, frame, markdown};

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
            view! { <option value=of.to_string() prop:selected=chosen>{of.name()}</option> }
        };
        view! {
            <label class="share-part">{part.name()}" "
                <select data-share=part.to_string() on:change=pick>{PartState::iter().map(option).collect_view()}</select>
            </label>
        }
    };
    let theme = move |of: PageTheme| {
        let chosen = move || state.presentation.with(|presentation| presentation.theme == of);
        view! { <option value=of.to_string() prop:selected=chosen>{of.name()}</option> }
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
    let seen = RwSignal::new(false);
    let class_link = move || {
        state.presentation.with(|presentation| {
            if story.get() {
                address::link_to_story(presentation)
            } else {
                state.settings.with(|settings| address::href(settings, presentation, None))
            }
        })
    };
    let in_frame = Memo::new(move |_| {
        let presentation = state.presentation.with(Presentation::in_frame);
        state.settings.with(|settings| address::href(settings, &presentation, None))
    });
    let page = move || state.settings.with(address::link_to);
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            close();
        }
    };
    view! {
        <section class="panel share" id="sharing" aria-label=tr!(sharing_label) on:keydown=key>
            <div class="row between">
                <h2>{tr!(sharing_title)}</h2>
                <button id="share-close" class="chip" aria-label=tr!(sharing_close) on:click=move |_| close()>"×"</button>
            </div>
            <p class="hint">{tr!(sharing_hint)}</p>
            <div class="row share-parts">
                {PagePart::iter().map(row).collect_view()}
                <label class="share-part">{tr!(sharing_colours)}" "<select id="share-theme" on:change=set_theme>{PageTheme::iter().map(theme).collect_view()}</select></label>
            </div>
            <label class="field">{tr!(sharing_task)}
                <input id="share-task" type="text" maxlength=MAX_TASK.to_string() prop:value=move || state.presentation.with(|presentation| presentation.task.clone()) on:input=set_task/>
            </label>
            <label class="check"><input type="checkbox" id="share-story" on:change=move |event| story.set(event_target_checked(&event))/>{tr!(sharing_story)}</label>
            <div class="row">
                <CopyButton id="copy-class" label=tr!(sharing_copy_link) text=Signal::derive(class_link)/>
                <CopyButton id="copy-frame" label=tr!(sharing_copy_frame) text=Signal::derive(move || frame(&in_frame.get()))/>
                <CopyButton id="copy-element" label=tr!(sharing_copy_element) text=Signal::derive(move || custom_element(&in_frame.get()))/>
                <CopyButton id="copy-bibtex" label=tr!(sharing_copy_bibtex) text=Signal::derive(move || bibtex(&page()))/>
                <CopyButton id="copy-markdown" label=tr!(sharing_copy_markdown) text=Signal::derive(move || markdown(&class_link()))/>
                <button id="save-session" title=tr!(sharing_save_hint) on:click=move |_| state.save_session()
                    disabled=move || state.lacks_run()>
                    {tr!(sharing_save)}
                </button>
            </div>
            <label class="check"><input type="checkbox" id="share-see" on:change=move |event| seen.set(event_target_checked(&event))/>{tr!(sharing_see)}</label>
            // A new frame for each address: another address in the same one would be an entry in the history.
            {move || seen.get().then(|| view! { <iframe class="share-preview" title=tr!(sharing_preview) src=in_frame.get()></iframe> })}
        </section>
    }
}
