//! The choice of the model, the second model and the device.

use leptos::html;
use leptos::prelude::*;

use super::address::HistoryEntry;
use super::given_files;
use super::models::SUGGESTIONS;
use super::state::AppState;
use super::status::megabytes;
use crate::consent::tokens;
use prunescope_downloads::words::host_of;
use prunescope_localization::tr;
use prunescope_protocol::model::source::{DEFAULT_HUB, PICKED};
use prunescope_protocol::settings::{Precision, Settings};

/// A text field for a model.
#[component]
fn ModelField(
    /// Its id.
    id: &'static str,
    /// Its label.
    label: String,
    /// Text shown while it is empty.
    #[prop(into)]
    placeholder: String,
    /// Reads the setting.
    get: fn(&Settings) -> &String,
    /// Changes the setting.
    set: fn(&mut Settings, String),
) -> impl IntoView {
    let state = expect_context::<AppState>();
    let field = NodeRef::<html::Input>::new();
    let shown = Memo::new(move |_| state.settings.with(|settings| get(settings).clone()));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(input) = field.get_untracked() else { return };
        let value = input.value().trim().to_string();
        choose(&state, get, set, value);
    };
    view! {
        <form class="model" on:submit=submit>
            <label for=id>{label}</label>
            <div class="row">
                <input id=id type="text" inputmode="url" spellcheck="false" autocapitalize="off" placeholder=placeholder
                    node_ref=field prop:value=move || shown.get()/>
                <button type="submit">{tr!(picker_load)}</button>
            </div>
        </form>
    }
}

/// Sets a model that the visitor named. Naming the current one again reloads it, for example with an access token.
fn choose(state: &AppState, get: fn(&Settings) -> &String, set: fn(&mut Settings, String), model: String) {
    if state.settings.with_untracked(|settings| *get(settings) == model) && !model.is_empty() {
        state.claims.update(|claims| claims.visitor_named(&model));
        state.load_model();
    } else {
        state.change(HistoryEntry::New, |settings| set(settings, model));
    }
}

/// The choice of model and device.
#[component]
pub(super) fn ModelPicker() -> impl IntoView {
    let state = expect_context::<AppState>();
    let pick = move |event| given_files::pick(state, &event, None);
    let is_picked = move || state.settings.with(|settings| settings.models.model.starts_with(PICKED));
    view! {
        <div class="fields models">
            <ModelField id="model-address" label=tr!(picker_model) placeholder="SmolLM2-135M-Instruct"
                get=|settings| &settings.models.model set=|settings, value| settings.models.model = value/>
            <Suggestions/>
            <label class="file">
                {tr!(picker_files)}
                <input id="model-file" type="file" multiple accept=".gguf,.safetensors,.json,.jinja,.html" on:change=pick/>
            </label>
            <Show when=is_picked>
                <p class="hint">{tr!(picker_files_in_links)}</p>
            </Show>
            <ModelField id="other-address" label=tr!(picker_other) placeholder=tr!(picker_other_none)
                get=|settings| &settings.models.other set=|settings, value| settings.models.other = value/>
            <Device/>
            <Hub/>
            <KeptModels/>
        </div>
    }
}

/// Models that the page suggests.
#[component]
fn Suggestions() -> impl IntoView {
    let state = expect_context::<AppState>();
    view! {
        <div class="examples suggestions" role="group" aria-label=tr!(picker_suggestions)>
            {SUGGESTIONS.into_iter().map(|suggestion| {
                let model = suggestion.model;
                let title = tr!(
                    picker_suggestion_hint,
                    model = model,
                    megabytes = suggestion.megabytes,
                    memory = suggestion.memory,
                    licence = suggestion.licence
                );
                view! {
                    <button class="chip" title=title aria-pressed=move || state.settings.with(|settings| settings.models.model == model).to_string()
                        on:click=move |_| choose(&state, |settings| &settings.models.model, |settings, value| settings.models.model = value, model.into())>
                        {suggestion.name}" "<small>{tr!(picker_megabytes, megabytes = suggestion.megabytes)}</small>
                    </button>
                }
            }).collect_view()}
        </div>
    }
}

/// The choice of the device and of the weights' precision.
#[component]
fn Device() -> impl IntoView {
    let state = expect_context::<AppState>();
    let choose_backend = move |event: leptos::ev::Event| {
        let choice = event_target_value(&event).parse().unwrap_or_default();
        state.change(HistoryEntry::New, |settings| settings.models.backend = choice);
    };
    let choose_precision = move |event: leptos::ev::Event| {
        let precision = if event_target_checked(&event) { Precision::Eight } else { Precision::Stored };
        state.change(HistoryEntry::New, |settings| settings.models.precision = precision);
    };
    view! {
        <label class="number">
            {tr!(picker_device)}
            <select id="backend" on:change=choose_backend
                prop:value=move || state.settings.with(|settings| settings.models.backend.to_string())>
                <option value="auto">{tr!(picker_device_best)}</option>
                <option value="cpu">"CPU"</option>
                <option value="webgpu">"WebGPU"</option>
            </select>
        </label>
        <label class="check">
            <input type="checkbox" id="precision" prop:checked=move || state.settings.with(|settings| settings.models.precision == Precision::Eight)
                on:change=choose_precision/>
            {tr!(picker_precision)}
        </label>
    }
}

/// The hub, and the access token for it.
#[component]
fn Hub() -> impl IntoView {
    let state = expect_context::<AppState>();
    let hub = Memo::new(move |_| state.settings.with(|settings| settings.models.hub.clone()));
    let set_hub = move |event: leptos::ev::Event| {
        let value = event_target_value(&event).trim().trim_end_matches('/').to_string();
        let value = if value == DEFAULT_HUB { String::new() } else { value };
        state.change(HistoryEntry::New, |settings| settings.models.hub = value);
    };
    let address = Memo::new(move |_| state.settings.with(|settings| settings.models.hub().to_string()));
    view! {
        <details class="hub">
            <summary>{tr!(picker_hubs)}</summary>
            <label class="number">
                {tr!(picker_hub)}
                <input id="hub" type="url" placeholder=DEFAULT_HUB prop:value=move || hub.get() on:change=set_hub/>
            </label>
            {move || view! { <Token hub=address.get()/> }}
        </details>
    }
}

/// The field for a hub's access token, or why there is none.
#[component]
fn Token(
    /// The hub's address.
    hub: String,
) -> impl IntoView {
    let state = expect_context::<AppState>();
    let host = host_of(&hub);
    if state.embedded {
        return view! { <p class="hint">{tr!(picker_no_token_in_frame)}</p> }.into_any();
    }
    if let Err(why) = tokens::key(&hub) {
        return view! { <p class="hint" id="no-token">{why.to_string()}</p> }.into_any();
    }
    let is_trusted = {
        let hub = hub.clone();
        // A visitor who gave it a token in this tab has trusted it.
        Memo::new(move |_| state.claims.with(|claims| claims.is_trusted(&hub)) || state.models.token(&hub).is_some())
    };
    let hub = StoredValue::new(hub);
    let host = StoredValue::new(host);
    let token = move || hub.with_value(|hub| state.models.token(hub)).unwrap_or_default();
    let set_token =
        move |event: leptos::ev::Event| hub.with_value(|hub| state.models.set_token(hub, &event_target_value(&event)));
    let trust = move |_| hub.with_value(|hub| state.claims.update(|claims| claims.trust(hub)));
    let ask = move || {
        let host = host.get_value();
        view! {
            <p class="hint">{tr!(picker_hub_of_link, host = host.as_str())}</p>
            <button id="trust-hub" on:click=trust>{tr!(picker_trust_hub, host = host)}</button>
        }
    };
    view! {
        <Show when=move || is_trusted.get() fallback=ask>
            <label class="number">
                {tr!(picker_token, host = host.get_value())}
                <input id="token" type="password" autocomplete="off" prop:value=token on:change=set_token/>
            </label>
            <p class="hint">{tr!(picker_token_stays, host = host.get_value())}</p>
        </Show>
    }
    .into_any()
}

/// Models stored on this device.
#[component]
fn KeptModels() -> impl IntoView {
    let state = expect_context::<AppState>();
    let (kept, evictable, undeleted) = (state.models.kept, state.models.evictable, state.models.undeleted);
    view! {
        <Show when=move || kept.with(|kept| !kept.is_empty())>
            <div class="kept">
                <h3>{tr!(picker_kept)}</h3>
                <ul id="kept">
                    {move || kept.get().into_iter().map(|model| {
                        let label = tr!(picker_delete_hint, model = model.name.as_str());
                        let size = format!("{:.0}", megabytes(model.bytes).max(1.0));
                        view! {
                            <li>
                                <span>{model.name.clone()}</span>
                                <span class="size">{tr!(picker_megabytes, megabytes = size)}</span>
                                <button class="chip" aria-label=label on:click=move |_| state.models.delete(&model)>{tr!(picker_delete)}</button>
                            </li>
                        }
                    }).collect_view()}
                </ul>
                {move || undeleted.get().map(|why| view! { <p class="hint" id="undeleted" role="status">{why}</p> })}
                <Show when=move || evictable.get()>
                    <p class="hint" id="evictable">{tr!(picker_evictable)}</p>
                </Show>
            </div>
        </Show>
    }
}
