//! The prompt with its examples, how tokens are chosen, and which model runs where.

use std::str::FromStr;

use gloo::timers::callback::Timeout;
use leptos::html;
use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::state::{AppState, HistoryEntry, LOCAL_FILE};
use crate::settings::{BackendChoice, EXAMPLE_PROMPT, MAX_TEMPERATURE, MAX_TOKENS, Settings, link};

/// How long typing must rest before the prompt runs, in milliseconds.
const TYPING_RESTS_MS: u32 = 500;

/// Prompts to pick: a short name and the text.
const EXAMPLES: [(&str, &str); 4] = [
    ("Capital", EXAMPLE_PROMPT),
    ("Sums", "What is 12 plus 30? Answer with the number."),
    ("Story", "Write two sentences about a fox who learns to swim."),
    ("Choice", "Which of these is a fruit? a) stone b) apple c) chair d) river. Answer with one letter."),
];

/// The prompt and everything about how it is run.
#[component]
pub fn PromptPanel() -> impl IntoView {
    let state = expect_context::<AppState>();
    // A memo: other settings change without touching what is being typed.
    let prompt = Memo::new(move |_| state.settings.with(|settings| settings.prompt.clone()));
    let area = NodeRef::<html::Textarea>::new();
    let timer = StoredValue::new_local(None::<Timeout>);
    let take_over = move |entry| {
        timer.set_value(None);
        if let Some(area) = area.get_untracked() {
            let text = area.value();
            state.change(entry, |settings| settings.prompt = text);
        }
    };
    let typed = move |_| timer.set_value(Some(Timeout::new(TYPING_RESTS_MS, move || take_over(HistoryEntry::New))));
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Enter" && !event.shift_key() {
            event.prevent_default();
            take_over(HistoryEntry::New);
        }
    };
    let has_template = move || state.model.with(|model| model.as_ref().is_none_or(|model| model.has_chat_template));
    view! {
        <div class="panel prompt">
            <h2><label for="prompt">"Ask the model"</label></h2>
            <textarea id="prompt" rows="2" node_ref=area prop:value=move || prompt.get() on:input=typed on:keydown=key
                on:change=move |_| take_over(HistoryEntry::New) spellcheck="false"></textarea>
            <div class="examples" role="group" aria-label="Example prompts">
                {EXAMPLES.into_iter().map(|(name, text)| view! {
                    <button class="chip" title=text aria-pressed=move || (prompt.get() == text).to_string()
                        on:click=move |_| {
                            timer.set_value(None);
                            state.change(HistoryEntry::New, |settings| settings.prompt = text.into());
                        }>{name}</button>
                }).collect_view()}
                <label class="check">
                    <input type="checkbox" id="chat" prop:checked=move || state.settings.with(|settings| settings.chat)
                        on:change=move |event| {
                            let on = event_target_checked(&event);
                            state.change(HistoryEntry::New, |settings| settings.chat = on);
                        }/>
                    "as a chat"
                </label>
            </div>
            <Show when=move || !has_template() && state.settings.with(|settings| settings.chat)>
                <p class="hint">"This model brings no chat template: untick “as a chat”."</p>
            </Show>
            <details class="more">
                <summary>"Sampling, model, device"</summary>
                <Sampling/>
                <ModelPicker/>
            </details>
        </div>
    }
}

/// A number's field, bound to one setting.
#[component]
fn Number<T>(
    /// Its id.
    id: &'static str,
    /// Its label.
    label: &'static str,
    /// Lowest and highest value, and the step.
    range: (f64, f64, f64),
    /// Reads it.
    get: fn(&Settings) -> T,
    /// Sets it.
    set: fn(&mut Settings, T),
) -> impl IntoView
where
    T: ToString + FromStr + Send + Sync + 'static,
{
    let state = expect_context::<AppState>();
    let (low, high, step) = range;
    let change = move |event: leptos::ev::Event| {
        let input = event_target::<HtmlInputElement>(&event);
        match input.value().parse::<T>() {
            Ok(value) if input.value_as_number().is_finite() => {
                state.change(HistoryEntry::New, |settings| set(settings, value));
            }
            _ => {}
        }
        // What cannot be used is shown as what is in use.
        input.set_value(&state.settings.with_untracked(get).to_string());
    };
    view! {
        <label class="number">
            {label}
            <input id=id type="number" min=low max=high step=step prop:value=move || state.settings.with(get).to_string() on:change=change/>
        </label>
    }
}

/// How many tokens, and how they are chosen.
#[component]
fn Sampling() -> impl IntoView {
    view! {
        <div class="fields">
            <Number id="tokens" label="Tokens to write" range=(1.0, MAX_TOKENS as f64, 1.0)
                get=|settings| settings.tokens set=|settings, value| settings.tokens = value/>
            <Number id="temp" label="Temperature (0 is greedy)" range=(0.0, f64::from(MAX_TEMPERATURE), 0.1)
                get=|settings| settings.temp set=|settings, value| settings.temp = value/>
            <Number id="top-k" label="Top-k (0 is all)" range=(0.0, 1e6, 1.0)
                get=|settings| settings.top_k set=|settings, value| settings.top_k = value/>
            <Number id="top-p" label="Top-p" range=(0.0, 1.0, 0.05)
                get=|settings| settings.top_p set=|settings, value| settings.top_p = value/>
            <Number id="seed" label="Seed" range=(0.0, 9e15, 1.0)
                get=|settings| settings.seed set=|settings, value| settings.seed = value/>
        </div>
    }
}

/// Which model, and where it runs.
#[component]
fn ModelPicker() -> impl IntoView {
    let state = expect_context::<AppState>();
    let address = NodeRef::<html::Input>::new();
    let pick = move |event: leptos::ev::Event| {
        let input = event_target::<HtmlInputElement>(&event);
        if let Some(file) = input.files().and_then(|files| files.get(0))
            && let Ok(url) = web_sys::Url::create_object_url_with_blob(&file)
        {
            state.use_file(file.name(), url);
        }
        // The same file may be picked again after it was mended.
        input.set_value("");
    };
    let use_address = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(input) = address.get_untracked() {
            let value = input.value().trim().to_string();
            state.change(HistoryEntry::New, |settings| settings.model = value);
        }
    };
    let shown = Memo::new(move |_| state.settings.with(|settings| settings.model.clone()));
    let choose_backend = move |event: leptos::ev::Event| {
        let name = event_target_value(&event);
        let choice = match name.as_str() {
            "cpu" => BackendChoice::Cpu,
            "webgpu" => BackendChoice::WebGpu,
            _ => BackendChoice::Auto,
        };
        state.change(HistoryEntry::New, |settings| settings.backend = choice);
    };
    view! {
        <div class="fields">
            <form class="model" on:submit=use_address>
                <label for="model-address">"Model: address of a GGUF file (empty: SmolLM2-135M-Instruct)"</label>
                <div class="row">
                    <input id="model-address" type="text" inputmode="url" placeholder="SmolLM2-135M-Instruct" node_ref=address prop:value=move || shown.get()/>
                    <button type="submit">"Load"</button>
                </div>
            </form>
            <label class="file">
                "or a file on this computer"
                <input id="model-file" type="file" accept=".gguf" on:change=pick/>
            </label>
            <Show when=move || shown.with(|model| model.starts_with(LOCAL_FILE))>
                <p class="hint">"A link cannot carry a file: whoever opens it must have the file too."</p>
            </Show>
            <label class="number">
                "Device"
                <select id="backend" on:change=choose_backend
                    prop:value=move || state.settings.with(|settings| link::backend_name(settings.backend))>
                    <option value="auto">"best"</option>
                    <option value="cpu">"CPU"</option>
                    <option value="webgpu">"WebGPU"</option>
                </select>
            </label>
        </div>
    }
}
