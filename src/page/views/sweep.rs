//! Figs. 3 and 4: non-generative and generative scores against the amount of pruning; and a verdict on the current plan.

use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::super::address::HistoryEntry;
use super::super::chart_view::ChartView;
use super::super::state::AppState;
use super::super::status::duration;
use super::fidelity::Fidelity;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::sweep::{Score, panel};
use prunescope_protocol::messages::Measurement;

/// The sweep and the verdict.
#[component]
pub(super) fn Sweep() -> impl IntoView {
    let state = expect_context::<AppState>();
    let measurements = state.measurements;
    let axis = Memo::new(move |_| state.settings.with(|settings| settings.measure.sweep));
    let figure = move |score: Score| {
        Signal::derive(move || state.results.sweep().with(|points| panel(points, axis.get(), score)))
    };
    let running = move || measurements.wanted.get() == Some(Measurement::Sweep);
    let choose = move |event: leptos::ev::Event| {
        let axis = event_target_value(&event).parse().unwrap_or_default();
        state.change(HistoryEntry::New, |settings| settings.measure.sweep = axis);
    };
    let set_sample = move |event: leptos::ev::Event| {
        let input = event_target::<HtmlInputElement>(&event);
        if let Ok(sample) = input.value().parse() {
            state.change(HistoryEntry::New, |settings| settings.measure.sample = sample);
        }
        input.set_value(&state.settings.with_untracked(|settings| settings.measure.sample).to_string());
    };
    let progress = move || {
        let (done, total) = state.results.sweep_progress().get();
        if total == 0 {
            return None;
        }
        let left = measurements.time_left.get().filter(|_| running() && done < total);
        let left = left.map_or(String::new(), |seconds| format!(", about {} left", duration(seconds)));
        Some(format!("{done} of {total} points{left}"))
    };
    let begin = move || match state.results.sweep_progress().get() {
        (0, _) => "Start the sweep",
        (done, total) if done < total => "Go on",
        _ => "Show again",
    };
    let waiting = Signal::stored("Press Start the sweep.".to_string());
    view! {
        <p class="lead">
            "How do task scores fall as more is removed? Each point puts a sample of multiple-choice questions, retrieval queries and prompts with exact answers to the pruned model. This takes minutes; points appear one by one, and a stopped sweep goes on where it was."
        </p>
        <div class="options">
            <label>
                "Vary "
                <select id="sweep-axis" on:change=choose prop:value=move || axis.get().to_string()>
                    <option value="layers">"dropped sublayers and blocks"</option>
                    <option value="sparsity">"sparsity: magnitude and Wanda"</option>
                    <option value="bits">"bits: round to nearest, AWQ and GPTQ"</option>
                </select>
            </label>
            <label>
                "items of each set (0: all) "
                <input id="sample" class="layer-number" type="number" min="0" max="2000" prop:value=move || state.settings.with(|settings| settings.measure.sample.to_string()) on:change=set_sample/>
            </label>
            <button id="sweep-start" class="primary" disabled=running on:click=move |_| state.start_measurement(Measurement::Sweep)>{begin}</button>
            <span id="sweep-progress" role="status">{progress}</span>
        </div>
        <div class="charts three">
            <ChartView id="sweep-choice" title="Multiple choice (one step)" figure=figure(Score::Choice) waiting/>
            <ChartView id="sweep-retrieval" title="Retrieval (reads h)" figure=figure(Score::Retrieval) waiting/>
            <ChartView id="sweep-generation" title="Generation (fed back)" figure=figure(Score::Generation) waiting/>
        </div>
        <h2>"What is the current plan good for?"</h2>
        <Judgement/>
        <Fidelity/>
    }
}

/// The verdict on the current plan, with the numbers it is based on.
#[component]
fn Judgement() -> impl IntoView {
    let state = expect_context::<AppState>();
    let measurements = state.measurements;
    let running = move || measurements.wanted.get() == Some(Measurement::Judge);
    let name = move || state.settings.with(|settings| settings.run.plan.name());
    let tasks = move || {
        let all = measurements.generative.get_value();
        state
            .results
            .written()
            .get()
            .into_values()
            .filter_map(|result| {
                let mark = |right: bool, text: &str| format!("{} {}", if right { "✓" } else { "✗" }, text.trim());
                let prompt = all.get(result.index)?.prompt.clone();
                let repaired = result.repaired.as_ref().map(|text| view! { <td class="answer">{mark(result.repaired_right, text)}</td> });
                Some(view! {
                    <tr><th scope="row">{prompt}</th><td class="answer">{mark(result.dense_right, &result.dense)}</td><td class="answer">{mark(result.pruned_right, &result.pruned)}</td>{repaired}</tr>
                })
            })
            .collect_view()
    };
    view! {
        <div class="options">
            <button id="judge" disabled=running on:click=move |_| state.start_measurement(Measurement::Judge)>
                {move || format!("Judge “{}”", name())}
            </button>
            <span class="hint">"The dense, the pruned and, if there is one, the repaired model do the same sample of every set."</span>
        </div>
        <ul class="advice" id="advice">
            {move || state.results.advice().get().into_iter().map(|advice| view! {
                <li class="panel" data-verdict=advice.verdict.name()>
                    <b>{advice.purpose}": "<span class="verdict-word">{advice.verdict.name()}</span></b>
                    <p>{advice.because}</p>
                </li>
            }).collect_view()}
        </ul>
        <Show when=move || state.results.written().with(|written| !written.is_empty())>
            <details class="table">
                <summary>"Prompts with exact answers, and what the models wrote"</summary>
                <div class="scroll" tabindex="0" role="region" aria-label="Exact answers">
                    <table class="answers">
                        <thead><tr><th scope="col">"prompt"</th><th scope="col" class="answer">"dense"</th><th scope="col" class="answer">"pruned"</th>
                            <Show when=move || state.results.written().with(|written| written.values().any(|result| result.repaired.is_some()))><th scope="col" class="answer">"repaired"</th></Show></tr></thead>
                        <tbody>{tasks}</tbody>
                    </table>
                </div>
            </details>
        </Show>
    }
}
