//! Saves what the page shows, with every view that has something to show, as one HTML file (`crate::session_file`).

use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos::task::spawn_local;
use prunescope_localization::{language, tr};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlAnchorElement, HtmlElement};

use super::address;
use super::export::save_text;
use super::pipeline::Pipeline;
use super::recorded::fetched;
use super::state::AppState;
use super::texts::Texts;
use super::views::AllViews;
use crate::session_file::SessionFile;
use prunescope_protocol::trace::{RecordedRun, Trace};

/// What is pressed, which a file cannot answer.
const CONTROLS: &str = "button, input, select, textarea, label, canvas, .offer, [data-side=dense-text] .hint, .experiments, .progress, [hidden], [role=tooltip]";

/// In a context: the page is drawn for a saved file, in which charts are pictures with their numbers.
#[derive(Clone, Copy)]
pub(super) struct InSavedPage;

impl AppState {
    /// Saves the session.
    pub(super) fn save_session(self) {
        let Some(trace) = self.trace() else { return };
        spawn_local(async move {
            let (Ok(text), Some(body), Some(style)) =
                (serde_json::to_string(&trace), shown(self, &trace), style().await)
            else {
                return self.notices.update(|notices| notices.push(tr!(session_not_saved)));
            };
            let (language, model) = (language(), trace.model.shown_name());
            let title = format!("Prunescope: {model}, {}", trace.runs.first().map(plan_of).unwrap_or_default());
            let direction = if language.right_to_left { "rtl" } else { "ltr" };
            let file = SessionFile {
                language: language.tag,
                direction,
                title: &title,
                trace: &text,
                style: &style,
                body: &body,
            };
            save_text(&self, "prunescope.html", "text/html", &file.html());
        });
    }
}

/// The page's style sheet.
async fn style() -> Option<String> {
    let link = document().query_selector("link[rel=stylesheet]").ok().flatten()?;
    fetched(&address::absolute(&link.get_attribute("href")?).ok()?).await.ok()
}

/// The elements below one.
fn all(below: &Element, selector: &str) -> Vec<Element> {
    let Ok(found) = below.query_selector_all(selector) else { return vec![] };
    (0..found.length()).filter_map(|at| found.item(at)?.dyn_into().ok()).collect()
}

/// The name of a run's plan.
fn plan_of(run: &RecordedRun) -> String {
    run.settings.run.plan.name()
}

/// What the page shows, as HTML; none if the browser makes no elements.
fn shown(state: AppState, trace: &Trace) -> Option<String> {
    let place: HtmlElement = document().create_element("div").ok()?.dyn_into().ok()?;
    let run = trace.runs.first()?;
    let link = address::link_to(&run.settings);
    let facts = [
        (tr!(session_model), trace.model.shown_name().to_string()),
        (tr!(session_prompt), run.settings.run.prompt.clone()),
        (tr!(session_plan), format!("{} ({})", plan_of(run), run.settings.run.plan.drop)),
    ];
    let saved = tr!(session_saved, day = trace.recorded.as_str(), program = trace.program.as_str());
    let shown = mount_to(place.clone(), move || {
        provide_context(state);
        provide_context(InSavedPage);
        view! {
            <div class="page">
                <header class="top"><h1><a href=link.clone() rel="home">"Prunescope"</a></h1><p class="tagline">{saved}</p></header>
                <main>
                    <section class="panel"><dl class="facts">
                        {facts.into_iter().map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> }).collect_view()}
                        <div><dt>{tr!(session_link)}</dt><dd><a href=link.clone()>{link.clone()}</a></dd></div>
                    </dl></section>
                    <Pipeline/>
                    <Texts/>
                    <AllViews/>
                </main>
            </div>
        }
    });
    for control in all(&place, CONTROLS) {
        // A button whose label is a result stays as a text.
        match control.class_list().contains("cell") {
            true => control.set_outer_html(&control.inner_html()),
            false => control.remove(),
        }
    }
    for view in all(&place, "main > .explore") {
        let has_numbers = |cell: Element| {
            cell.text_content().is_some_and(|text| text.contains(|letter: char| letter.is_ascii_digit()))
        };
        if all(&view, "svg").is_empty() && !all(&view, "tbody td").into_iter().any(has_numbers) {
            view.remove();
        }
    }
    // A link within the page is one to the page.
    for anchor in all(&place, "a[href]") {
        let anchor: HtmlAnchorElement = anchor.unchecked_into();
        anchor.set_href(&anchor.href());
    }
    let html = place.inner_html();
    drop(shown);
    Some(html)
}
