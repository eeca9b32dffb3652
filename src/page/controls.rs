//! The prompt with its examples, and the sampling controls.

use std::str::FromStr;

use gloo::timers::callback::Timeout;
use leptos::html;
use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::address::HistoryEntry;
use super::model_picker::ModelPicker;
use super::state::AppState;
use prunescope_localization::tr;
use prunescope_protocol::settings::{DEFAULT_PROMPT, EXAMPLE_PROMPT, MAX_TEMPERATURE, MAX_TOKENS, Settings};

/// How long the visitor must stop typing before the prompt runs, in milliseconds.
const TYPING_RESTS_MS: u32 = 500;

/// Example prompts: a short name, and the text, which is English like the default model.
fn examples() -> [(String, &'static str); 5] {
    [
        (tr!(controls_example_opposite), EXAMPLE_PROMPT),
        (tr!(controls_example_capital), DEFAULT_PROMPT),
        (tr!(controls_example_sums), "What is 12 plus 30? Answer with the number."),
        (tr!(controls_example_story), "Write two sentences about a fox who learns to swim."),
        (
            tr!(controls_example_choice),
            "Which of these is a fruit? a) stone b) apple c) chair d) river. Answer with one letter.",
        ),
    ]
}

/// The prompt and everything about how it is run.
#[component]
pub(super) fn PromptPanel() -> impl IntoView {
    let state = expect_context::<AppState>();
    // A memo, so that other changes of settings do not overwrite text that is being typed.
    let prompt = Memo::new(move |_| state.settings.with(|settings| settings.run.prompt.clone()));
    let area = NodeRef::<html::Textarea>::new();
    let timer = StoredValue::new_local(None::<Timeout>);
    let commit_prompt = move |entry| {
        timer.set_value(None);
        if let Some(area) = area.get_untracked() {
            let text = area.value();
            state.change(entry, |settings| settings.run.prompt = text);
        }
    };
    let typed = move |_| timer.set_value(Some(Timeout::new(TYPING_RESTS_MS, move || commit_prompt(HistoryEntry::New))));
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Enter" && !event.shift_key() {
            event.prevent_default();
            commit_prompt(HistoryEntry::New);
        }
    };
    view! {
        <div class="panel prompt">
            <h2><label for="prompt">{tr!(controls_ask)}</label></h2>
            <textarea id="prompt" rows="2" node_ref=area prop:value=move || prompt.get() on:input=typed on:keydown=key
                on:change=move |_| commit_prompt(HistoryEntry::New) spellcheck="false"></textarea>
            // An embedded page has the prompt and the model of its link.
            <Show when=move || !state.embedded><PromptChoices prompt timer/></Show>
        </div>
    }
}

/// Example prompts, the chat template, the model and sampling.
#[component]
fn PromptChoices(
    /// The prompt of the settings.
    prompt: Memo<String>,
    /// The timer that runs a prompt after typing stops.
    timer: StoredValue<Option<Timeout>, LocalStorage>,
) -> impl IntoView {
    let state = expect_context::<AppState>();
    let model = move || {
        state.model.with(|model| tr!(controls_model, name = model.as_ref().map_or("…", |model| model.shown_name())))
    };
    let has_template = move || state.model.with(|model| model.as_ref().is_none_or(|model| model.has_chat_template));
    view! {
        <div class="examples" role="group" aria-label=tr!(controls_examples)>
            {examples().into_iter().map(|(name, text)| view! {
                <button class="chip" title=text aria-pressed=move || (prompt.get() == text).to_string()
                    on:click=move |_| {
                        timer.set_value(None);
                        state.change(HistoryEntry::New, |settings| settings.run.prompt = text.into());
                    }>{name}</button>
            }).collect_view()}
            <label class="check">
                <input type="checkbox" id="chat" prop:checked=move || state.settings.with(|settings| settings.run.chat)
                    on:change=move |event| {
                        let on = event_target_checked(&event);
                        state.change(HistoryEntry::New, |settings| settings.run.chat = on);
                    }/>
                {tr!(controls_chat)}
            </label>
        </div>
        <Show when=move || !has_template() && state.settings.with(|settings| settings.run.chat)>
            <p class="hint">{tr!(controls_no_template)}</p>
        </Show>
        <div class="mores">
            <details class="more model-choice">
                <summary>{model}</summary>
                <ModelPicker/>
            </details>
            <details class="more sampling">
                <summary>{tr!(controls_sampling)}</summary>
                <Sampling/>
            </details>
        </div>
    }
}

/// A number field, bound to one setting.
#[component]
fn Number<T>(
    /// Its id.
    id: &'static str,
    /// Its label.
    label: String,
    /// Lowest and highest value, and the step.
    range: (f64, f64, f64),
    /// Reads the setting.
    get: fn(&Settings) -> T,
    /// Changes the setting.
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
        // Shows the value in use in place of one that was refused.
        input.set_value(&state.settings.with_untracked(get).to_string());
    };
    view! {
        <label class="number">
            {label}
            <input id=id type="number" min=low max=high step=step prop:value=move || state.settings.with(get).to_string() on:change=change/>
        </label>
    }
}

/// Number of tokens, and how they are sampled.
#[component]
fn Sampling() -> impl IntoView {
    view! {
        <div class="fields">
            <Number id="tokens" label=tr!(controls_tokens) range=(1.0, MAX_TOKENS as f64, 1.0)
                get=|settings| settings.run.tokens set=|settings, value| settings.run.tokens = value/>
            <Number id="temp" label=tr!(controls_temperature) range=(0.0, f64::from(MAX_TEMPERATURE), 0.1)
                get=|settings| settings.run.temp set=|settings, value| settings.run.temp = value/>
            <Number id="top-k" label=tr!(controls_top_k) range=(0.0, 1e6, 1.0)
                get=|settings| settings.run.top_k set=|settings, value| settings.run.top_k = value/>
            <Number id="top-p" label=tr!(controls_top_p) range=(0.0, 1.0, 0.05)
                get=|settings| settings.run.top_p set=|settings, value| settings.run.top_p = value/>
            <Number id="seed" label=tr!(controls_seed) range=(0.0, 9e15, 1.0)
                get=|settings| settings.run.seed set=|settings, value| settings.run.seed = value/>
        </div>
    }
}
