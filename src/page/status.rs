//! Notices, the loading bar, failures, and the status line at the bottom.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address;
use super::address::HistoryEntry;
use super::state::{AppState, EngineStatus, Failure};
use crate::attached_engine;
use crate::consent;
use crate::pace::Pace;
use crate::run_results::RunResultsStoreFields;
use prunescope_downloads::words;
use prunescope_localization::{PLACE, around, tr};
use prunescope_protocol::messages::{Backend, Stage};
use prunescope_protocol::results::DeviceCheck;
use prunescope_protocol::results::device_check::milliseconds;

/// Where the default model comes from.
const DEFAULT_ORIGIN: &str = "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct";

/// Sentences about what was ignored or changed, each until it is dismissed.
#[component]
pub(super) fn Notices() -> impl IntoView {
    let state = expect_context::<AppState>();
    let notice = move |sentence: String| {
        let text = sentence.clone();
        view! {
            <p class="notice">
                <span>{text}</span>
                <button aria-label=tr!(status_dismiss) on:click=move |_| state.notices.update(|all| all.dismiss(&sentence))>"×"</button>
            </p>
        }
    };
    view! {
        <div class="notices" role="status">
            {move || state.notices.with(|all| all.shown().to_vec()).into_iter().map(notice).collect_view()}
            {move || state.notices.with(|all| all.rest()).map(|sentence| view! {
                <p class="notice rest">
                    <span>{sentence}</span>
                    <button aria-label=tr!(status_dismiss_rest) on:click=move |_| state.notices.update(|all| all.dismiss_rest())>"×"</button>
                </p>
            })}
        </div>
    }
}

/// The question before a model is fetched: which model, from where, how large, and why it is asked.
#[component]
pub(super) fn Asking() -> impl IntoView {
    let state = expect_context::<AppState>();
    view! {
        {move || state.question.get().map(|question| {
            let offers_default = question.offers_default();
            view! {
                <section class="panel question" id="question" role="alert" aria-labelledby="question-title">
                    <h2 id="question-title">{question.title()}</h2>
                    <ul>{question.models().into_iter().map(|model| view! { <li>{model}</li> }).collect_view()}</ul>
                    <p class="hint">{question.reasons().join(" ")}</p>
                    <div class="actions">
                        <button class="primary" id="agree" on:click=move |_| state.agree()>{question.button()}</button>
                        <Show when=move || offers_default>
                            <button id="decline" on:click=move |_| state.use_default()>{tr!(status_use_default)}</button>
                        </Show>
                    </div>
                </section>
            }
        })}
    }
}

/// The question before a recorded run is fetched from another host. The page goes on meanwhile.
#[component]
pub(super) fn AskingForTrace() -> impl IntoView {
    let state = expect_context::<AppState>();
    let answer = move |agrees: bool| move |_| spawn_local(state.answer_trace_question(agrees));
    view! {
        {move || state.trace_question.with(|asked| asked.as_ref().and_then(words::host)).map(|host| view! {
            <div class="loading" id="trace-question" role="status">
                <span>{tr!(status_trace_question, host = host)}</span>
                <button class="primary" id="trace-agree" on:click=answer(true)>{tr!(status_trace_show)}</button>
                <button id="trace-decline" on:click=answer(false)>{tr!(status_trace_without)}</button>
            </div>
        })}
    }
}

/// What a recorded run cannot show, and how to go on from there.
#[component]
pub(super) fn RecordedOnly() -> impl IntoView {
    let state = expect_context::<AppState>();
    let opened = move || state.recorded.with(|recorded| recorded.as_ref().map(|recorded| recorded.opened));
    let sentence = move || {
        let opened = opened()?;
        match (state.is_stale(), opened) {
            (true, true) => Some(tr!(status_not_recorded)),
            (true, false) => Some(tr!(status_not_recorded_yet)),
            (false, true) => Some(tr!(status_recorded)),
            (false, false) => None,
        }
    };
    view! {
        {move || sentence().map(|sentence| view! {
            <div class="loading" id="recorded-only" role="status">
                <span>{sentence}</span>
                <Show when=move || opened() == Some(true)>
                    <button class="primary" id="load-live" on:click=move |_| state.load_for_trace()>{tr!(status_load_model)}</button>
                </Show>
            </div>
        })}
    }
}

/// That another figure has the engine, where this one has nothing complete to show.
#[component]
pub(super) fn Resting() -> impl IntoView {
    let state = expect_context::<AppState>();
    // Before it had an engine for the first time.
    let waits_first = move || state.results.next_token().with(Option::is_none);
    view! {
        <Show when=move || state.waits_for_touch.get() && (state.is_stale() || waits_first())>
            <div class="loading" id="resting" role="status">
                <span>{move || if waits_first() { tr!(status_waiting) } else { tr!(status_resting) }}</span>
                <button class="primary">{tr!(status_go_on)}</button>
            </div>
        </Show>
    }
}

/// That the run was stopped, and a way on.
#[component]
pub(super) fn Stopped() -> impl IntoView {
    let state = expect_context::<AppState>();
    let stopped = Memo::new(move |_| {
        state.engine.get() == EngineStatus::Ready
            && !state.running.get()
            && state.newest_run.get() > 0
            && state.failure.with(Option::is_none)
            && (state.is_stale()
                || state.recorded.with(Option::is_none) && state.results.report().with(Option::is_none))
    });
    view! {
        <Show when=move || stopped.get()>
            <div class="loading" id="stopped" role="status">
                <span>{tr!(status_stopped)}</span>
                <button class="primary" id="go-on" on:click=move |_| state.start_run()>{tr!(status_go_on)}</button>
            </div>
        </Show>
    }
}

/// The progress of loading, or a failure with the ways out.
#[component]
pub(super) fn LoadingOrFailure() -> impl IntoView {
    let state = expect_context::<AppState>();
    let loading = move || match state.engine.get() {
        EngineStatus::Looking => Some((tr!(status_looking), None)),
        EngineStatus::Starting => Some(match state.program.get() {
            Some((received, total)) if received < total => {
                let (had, all) = (megabytes(received), megabytes(total));
                let text = tr!(status_starting_part, had = format!("{had:.1}"), all = format!("{all:.1}"));
                (text, Some(received as f64 / total as f64))
            }
            _ => (tr!(status_starting), None),
        }),
        EngineStatus::Loading { received, total, file, pace } => {
            let digits = if total < 10_000_000 { 2 } else { 0 };
            let (had, all) = (megabytes(received), megabytes(total));
            let (had, all) = (format!("{had:.digits$}"), format!("{all:.digits$}"));
            let text = match pace {
                Some(Pace { speed, left }) => {
                    let speed = format!("{:.0}", (speed / 1e6).max(1.0));
                    tr!(status_loading_pace, file = file, had = had, all = all, speed = speed, left = duration(left))
                }
                None => tr!(status_loading, file = file, had = had, all = all),
            };
            Some((text, Some(received as f64 / (total as f64).max(1.0))))
        }
        EngineStatus::Ready | EngineStatus::Down => None,
    };
    view! {
        {move || loading().map(|(text, part)| view! {
            <div class="loading" role="status">
                <label for="model-progress">{text}</label>
                <progress id="model-progress" max="1" value=part></progress>
                <button class="chip" id="pause" on:click=move |_| state.stop()>{tr!(status_pause)}</button>
            </div>
        })}
        {move || state.failure.get().map(|failure| {
            let down = move || state.engine.get() == EngineStatus::Down;
            let Failure { offers_cpu, offers_eight_bits, offers_reload, .. } = failure;
            let loads = failure.stage == Stage::Load;
            let other_model = loads && state.settings.with_untracked(|settings| !settings.models.model.is_empty());
            let second_model = loads && state.settings.with_untracked(|settings| !settings.models.other.is_empty());
            view! {
                <div class="failure" role="alert">
                    <p>{failure.message}</p>
                    <div class="actions">
                        <button class="primary" id="retry" on:click=move |_| if down() { state.load_model() } else { state.start_run() }>
                            {tr!(status_try_again)}
                        </button>
                        <Show when=move || offers_reload>
                            <button id="reload" on:click=move |_| { let _ = window().location().reload(); }>{tr!(status_reload)}</button>
                        </Show>
                        <Show when=move || offers_cpu>
                            <button id="use-cpu" on:click=move |_| state.use_cpu(&tr!(status_chose_cpu))>{tr!(status_use_cpu)}</button>
                        </Show>
                        <Show when=move || state.attached.with(Option::is_some)>
                            <button id="detach" on:click=move |_| state.detach()>{tr!(attached_detach)}</button>
                        </Show>
                        <Show when=move || offers_eight_bits>
                            <button id="use-eight-bits" on:click=move |_| state.round_to_eight_bits()>{tr!(status_use_eight_bits)}</button>
                        </Show>
                        <Show when=move || second_model>
                            <button id="use-one" on:click=move |_| state.change(HistoryEntry::New, |settings| settings.models.other.clear())>
                                {tr!(status_use_one)}
                            </button>
                        </Show>
                        <Show when=move || other_model>
                            <button id="use-default" on:click=move |_| state.use_default()>{tr!(status_use_default)}</button>
                        </Show>
                    </div>
                </div>
            }
        })}
    }
}

/// The progress of a long piece of work, with a button that stops it.
#[component]
pub(super) fn Progress(
    /// Whether the work is part of the main run, not a measurement outside it.
    of_run: bool,
    /// Id of the bar.
    id: &'static str,
) -> impl IntoView {
    let state = expect_context::<AppState>();
    let working = move || state.results.working().get().filter(|_| state.running.get() == of_run);
    view! {
        <span class="working" role="status">
            {move || working().map(|work| view! {
                <label for=id>{tr!(status_working, what = work.what, done = work.done, total = work.total)}</label>
                <progress id=id max=work.total.to_string() value=work.done.to_string()></progress>
                <button class="chip" on:click=move |_| state.stop()>{tr!(header_stop)}</button>
            })}
        </span>
    }
}

/// The line at the bottom: model, licence, device, memory.
#[component]
pub(super) fn StatusLine() -> impl IntoView {
    let state = expect_context::<AppState>();
    let attached = move || state.attached.with(|address| address.as_ref().map(attached_engine::shown));
    let is_default = move || attached().is_none() && state.settings.with(|settings| settings.models.model.is_empty());
    let model = move || {
        state.model.get().map(|model| {
            let (name, layers, stored) = (model.shown_name(), model.config.layers, model.stored_as.as_str());
            let text = tr!(status_model, name = name, layers = layers, stored = stored);
            let other = model.other.as_ref();
            let other =
                other.map(|it| tr!(status_other_model, name = it.name.as_str(), stored = it.stored_as.as_str()));
            [text].into_iter().chain(other).collect::<Vec<_>>().join(" ")
        })
    };
    let on_cpu = move || state.device.with(|device| matches!(device, Some((Backend::Cpu, _))));
    let device = move || {
        state.device.get().map(|(backend, reason)| {
            let name = if backend == Backend::Cpu { tr!(status_cpu) } else { "WebGPU".into() };
            let check =
                state.model.with(|model| model.as_ref().and_then(|model| model.device_check.as_ref().map(checked)));
            view! {
                <span id="device" data-backend=backend.name()>
                    <b>{name}</b>". "{reason}{check.map(|check| format!(" {check}"))}
                </span>
            }
        })
    };
    let leaves = move || {
        if let Some(address) = attached() {
            return Some(tr!(status_attached, address = address));
        }
        let page = address::base()?;
        state.settings.with(|settings| {
            let has_token = state.models.token(settings.models.hub()).is_some();
            Some(consent::leaves(settings, &page, has_token, state.embedded))
        })
    };
    let version = tr!(status_version, version = env!("CARGO_PKG_VERSION"), paper = PLACE);
    let (before_paper, behind_paper) = around(&version);
    view! {
        <footer class="status">
            <p>
                {model}" "
                <Show when=is_default><DefaultModel/></Show>
            </p>
            <p>
                {device}
                {move || state.usage.get().map(|(memory, threads)| view! {
                    <span id="memory" data-threads=threads>
                        {(threads > 1 && on_cpu()).then(|| format!(" {}", tr!(status_threads, count = threads)))}
                        " "{tr!(status_memory, memory = format!("{:.0}", megabytes(memory)))}
                    </span>
                })}
                " "{leaves}" "{before_paper}<a href="https://arxiv.org/abs/2603.24652">"He et al. 2026"</a>{behind_paper}
            </p>
        </footer>
    }
}

/// Where the default model comes from, and its licence.
#[component]
fn DefaultModel() -> impl IntoView {
    let (before, rest) = around(&tr!(status_default_model, model = PLACE, licence = PLACE));
    let (between, behind) = around(&rest);
    view! {
        {before}<a href=DEFAULT_ORIGIN>"SmolLM2-135M-Instruct"</a>{between}
        <a href="models/LICENSE">{tr!(status_licence)}</a>{behind}
    }
}

/// The comparison of a GPU with the CPU in words.
fn checked(check: &DeviceCheck) -> String {
    let DeviceCheck { tokens, largest_error, kl, gpu_ms, cpu_ms, .. } = check;
    tr!(
        status_device_check,
        tokens = *tokens,
        error = format!("{largest_error:.0e}"),
        kl = format!("{kl:.0e}"),
        gpu = milliseconds(*gpu_ms),
        cpu = milliseconds(*cpu_ms),
    )
}

/// Seconds as a readable duration.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 90.0 { format!("{:.0} s", seconds.ceil()) } else { format!("{:.0} min", (seconds / 60.0).ceil()) }
}

/// Bytes in megabytes.
pub(super) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
