//! Files that the visitor drops anywhere on the page, or picks: each is used according to its content ([`crate::given_files`]).

use gloo::events::{EventListener, EventListenerOptions};
use js_sys::Uint8Array;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DragEvent, Element, File, FileList};

use super::address::HistoryEntry;
use super::recorded;
use super::state::AppState;
use crate::given_files::{GivenFile, HEAD_BYTES, Sorted, TaskSet, is_text, sort};
use prunescope_localization::tr;
use prunescope_protocol::messages::PickedFile;
use prunescope_protocol::model::repository::{RepositoryFile, select};
use prunescope_protocol::prune::PlanFile;
use prunescope_protocol::settings::View;
use prunescope_protocol::tasks::{KindText, LineError, choice, retrieval};

/// Bytes of a file that are read as a task set or calibration text; the rest is ignored.
const MAX_SET_BYTES: f64 = 67_108_864.0;
/// Greatest number of a file's wrong lines that are reported one by one.
const NAMED_LINES: usize = 5;

/// Accepts files that are dropped on the page.
pub(super) fn follow_drops(state: AppState) {
    // Without `preventDefault` on both events the browser opens a dropped file.
    let options = EventListenerOptions::enable_prevent_default();
    let has_files =
        |event: &DragEvent| event.data_transfer().is_some_and(|data| data.types().includes(&"Files".into(), 0));
    EventListener::new_with_options(&window(), "dragover", options, move |event| {
        let event: &DragEvent = event.unchecked_ref();
        if has_files(event) {
            event.prevent_default();
        }
    })
    .forget();
    EventListener::new_with_options(&window(), "drop", options, move |event| {
        let event: &DragEvent = event.unchecked_ref();
        if !has_files(event) {
            return;
        }
        event.prevent_default();
        let on = |id: &str| {
            let element = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            element.is_some_and(|element| element.closest(&format!("#{id}")).is_ok_and(|found| found.is_some()))
        };
        let files = listed(event.data_transfer().and_then(|data| data.files()));
        let expected = match () {
            () if on("choice-file") => Some(TaskSet::Questions),
            () if on("retrieval-file") => Some(TaskSet::Passages),
            () => None,
        };
        let calibrates = on("calibration");
        spawn_local(async move {
            match &files[..] {
                [one] if calibrates => calibrate(state, one.clone()).await,
                _ => take(state, files, expected).await,
            }
        });
    })
    .forget();
}

/// Accepts the files of a picker.
///
/// * `expected`: the set that the picker is for, if any; see [`crate::given_files::sort`].
pub(super) fn pick(state: AppState, event: &leptos::ev::Event, expected: Option<TaskSet>) {
    let input = event_target::<web_sys::HtmlInputElement>(event);
    let files = listed(input.files());
    // Lets the visitor pick the same file again after correcting it.
    input.set_value("");
    spawn_local(take(state, files, expected));
}

/// Accepts the texts of a picker, on which models are compared.
pub(super) fn pick_texts(state: AppState, event: &leptos::ev::Event) {
    let input = event_target::<web_sys::HtmlInputElement>(event);
    let files = listed(input.files());
    input.set_value("");
    spawn_local(async move {
        let mut texts = vec![];
        for file in files {
            match text(&file).await {
                Some(text) if !text.trim().is_empty() => texts.push(KindText { kind: file.name(), text }),
                _ => return unreadable(state, &file.name()),
            }
        }
        if !texts.is_empty() {
            state.use_texts(texts);
        }
    });
}

fn listed(list: Option<FileList>) -> Vec<File> {
    list.iter().flat_map(|list| (0..list.length()).filter_map(|at| list.get(at))).collect()
}

/// Uses each file according to its content, and opens the view of a task set.
async fn take(state: AppState, files: Vec<File>, expected: Option<TaskSet>) {
    let mut given = vec![];
    for file in &files {
        match head(file).await {
            Some(head) => given.push(GivenFile { name: file.name(), bytes: file.size() as u64, head }),
            // All or none: a model that lacks one of its files would be a different model.
            None => return unreadable(state, &file.name()),
        }
    }
    let Sorted { model, plan, trace, questions, passages, sentences } = sort(&given, expected);
    state.notices.update(|notices| notices.extend(sentences));
    if let Some(file) = trace.and_then(|at| files.get(at)) {
        let text = recorded::read(file).await;
        if state.open_trace(&file.name(), text) {
            state.write_address(HistoryEntry::New);
        }
        return;
    }
    let mut view = None;
    let all = |places: &[usize]| places.iter().filter_map(|at| files.get(*at).cloned()).collect::<Vec<_>>();
    for file in all(&passages) {
        let Some(text) = text(&file).await else { return unreadable(state, &file.name()) };
        let (set, errors) = retrieval::parse(&text);
        let usable = if set.passages.is_empty() { 0 } else { set.queries.len() };
        tell_lines(&state, &file.name(), &errors, usable);
        if usable > 0 {
            state.use_retrieval_set(set);
            view = Some(View::Retrieval);
        }
    }
    for file in all(&questions) {
        let Some(text) = text(&file).await else { return unreadable(state, &file.name()) };
        let (questions, errors) = choice::parse(&text);
        tell_lines(&state, &file.name(), &errors, questions.len());
        if !questions.is_empty() {
            state.use_questions(questions);
            view = Some(View::Choice);
        }
    }
    let mut dropping = None;
    if let Some(file) = plan.and_then(|at| files.get(at)) {
        let Some(text) = text(file).await else { return unreadable(state, &file.name()) };
        match PlanFile::read(&text) {
            Ok(read) => dropping = Some(read),
            Err(error) => {
                let sentence = tr!(files_plan_not_read, file = file.name(), why = error.to_string());
                state.notices.update(|notices| notices.push(sentence));
            }
        }
    }
    // The weights that are loaded give the model its name; the visitor is told about other weights.
    let listed: Vec<RepositoryFile> = model
        .iter()
        .filter_map(|(at, name)| {
            Some(RepositoryFile { path: name.clone(), bytes: given.get(*at)?.bytes, sha256: None })
        })
        .collect();
    let loaded = select(&listed, None).map(|selection| selection.weights).unwrap_or_default();
    let chosen = loaded.first().or(listed.first()).map(|file| file.path.clone());
    let left_out = listed.iter().filter(|file| is_gguf(&file.path) && !loaded.contains(file));
    if let Some(chosen) = chosen.as_ref().filter(|_| !loaded.is_empty()) {
        let sentences = left_out.map(|file| tr!(files_not_loaded, file = &file.path, loaded = chosen));
        state.notices.update(|notices| notices.extend(sentences));
    }
    let place = model.iter().find(|(_, name)| Some(name) == chosen.as_ref()).map(|(at, _)| *at);
    let name = place.and_then(|at| given.get(at)).map(|file| file.name.clone());
    let picked: Vec<PickedFile> = model
        .into_iter()
        .filter_map(|(at, name)| {
            let file = files.get(at)?;
            let address = web_sys::Url::create_object_url_with_blob(file).ok()?;
            Some(PickedFile { name, address, bytes: file.size() as u64 })
        })
        .collect();
    let model = name.map(|name| state.models.pick(name, picked));
    let again =
        model.as_ref().is_some_and(|model| state.settings.with_untracked(|settings| settings.models.model == *model));
    // The plan is for the model that comes with it, else for the loaded one.
    let layers = state.model.with_untracked(|loaded| loaded.as_ref().map(|loaded| loaded.config.layers));
    let layers = layers.filter(|_| model.is_none());
    state.change(HistoryEntry::New, |settings| {
        settings.models.model = model.unwrap_or_else(|| settings.models.model.clone());
        settings.view = view.unwrap_or(settings.view);
        if let Some(file) = dropping {
            let plan = file.plan(&settings.run.plan);
            let (plan, outside) = layers.map_or((plan.clone(), vec![]), |layers| plan.within(layers));
            settings.run.plan = plan;
            state.notices.update(|notices| notices.extend(outside));
        }
    });
    if again {
        state.load_model();
    }
}

/// Uses a text file as the calibration text.
async fn calibrate(state: AppState, file: File) {
    let given = GivenFile { name: file.name(), bytes: file.size() as u64, head: head(&file).await.unwrap_or_default() };
    if !is_text(&given) {
        return take(state, vec![file], None).await;
    }
    match text(&file).await {
        Some(text) => state.calibrate(text.trim().to_string()),
        None => unreadable(state, &given.name),
    }
}

fn is_gguf(path: &str) -> bool {
    path.to_lowercase().ends_with(".gguf")
}

/// Reads a file's first bytes.
async fn head(file: &File) -> Option<Vec<u8>> {
    let part = file.slice_with_f64_and_f64(0.0, HEAD_BYTES as f64).ok()?;
    let bytes = JsFuture::from(part.array_buffer()).await.ok()?;
    Some(Uint8Array::new(&bytes).to_vec())
}

async fn text(file: &File) -> Option<String> {
    let part = file.slice_with_f64_and_f64(0.0, MAX_SET_BYTES).ok()?;
    JsFuture::from(part.text()).await.ok()?.as_string()
}

fn unreadable(state: AppState, name: &str) {
    state.notices.update(|notices| notices.push(tr!(files_not_read, file = name)));
}

/// Reports the lines of a file that were skipped.
fn tell_lines(state: &AppState, name: &str, errors: &[LineError], read: usize) {
    let mut told: Vec<String> = errors.iter().take(NAMED_LINES).map(|error| format!("{name}: {error}.")).collect();
    if errors.len() > NAMED_LINES {
        told.push(tr!(files_more_lines, file = name, count = errors.len() - NAMED_LINES));
    }
    if read == 0 {
        told.push(tr!(files_nothing_usable, file = name));
    }
    state.notices.update(|notices| notices.extend(told));
}
