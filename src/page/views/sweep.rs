//! Figs. 3 and 4: non-generative and generative scores against the amount of pruning; a verdict on the current plan, and all
//! plans judged so far.

use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::super::address::HistoryEntry;
use super::super::chart_view::ChartView;
use super::super::export::save_text;
use super::super::plan_link::PlanLink;
use super::super::state::AppState;
use super::fidelity::Fidelity;
use super::measured_table::MeasuredTable;
use super::speed::Speed;
use super::text_fidelity::TextFidelity;
use super::{progress_of, start_label};
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::judged::{self, JudgedRow};
use prunescope_figures::figure::sweep::{Score, panel};
use prunescope_figures::names;
use prunescope_localization::{PLACE, around, tr};
use prunescope_protocol::messages::Measurement;
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::results::{Advice, GenerativeResult, Judgement};

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
        let left = measurements.time_left.get().filter(|_| running());
        progress_of(state.results.sweep_progress().get(), "points", left)
    };
    let begin = move || start_label(state.results.sweep_progress().get(), tr!(sweep_start));
    let waiting = Signal::stored(Some(tr!(sweep_waiting)));
    view! {
        <p class="lead">{tr!(sweep_lead)}</p>
        <div class="options">
            <label>
                {tr!(sweep_vary)}" "
                <select id="sweep-axis" on:change=choose prop:value=move || axis.get().to_string()>
                    <option value="layers">{tr!(sweep_by_layers)}</option>
                    <option value="sparsity">{tr!(sweep_by_sparsity)}</option>
                    <option value="bits">{tr!(sweep_by_bits)}</option>
                </select>
            </label>
            <label>
                {tr!(sweep_sample)}" "
                <input id="sample" class="layer-number" type="number" min="0" max="2000" prop:value=move || state.settings.with(|settings| settings.measure.sample.to_string()) on:change=set_sample/>
            </label>
            <button id="sweep-start" class="primary" disabled=running on:click=move |_| state.start_measurement(Measurement::Sweep)>{begin}</button>
            <span id="sweep-progress" role="status">{progress}</span>
        </div>
        <div class="charts three">
            <ChartView id="sweep-choice" title=tr!(sweep_choice) figure=figure(Score::Choice) waiting/>
            <ChartView id="sweep-retrieval" title=tr!(sweep_retrieval) figure=figure(Score::Retrieval) waiting/>
            <ChartView id="sweep-generation" title=tr!(sweep_generation) figure=figure(Score::Generation) waiting/>
        </div>
        <h2>{tr!(sweep_verdicts)}</h2>
        <Verdicts/>
        <JudgedPlans/>
        <Fidelity/>
        <TextFidelity/>
        <Speed/>
    }
}

/// The verdict on the current plan, with the numbers it is based on, and what to do next.
#[component]
fn Verdicts() -> impl IntoView {
    let state = expect_context::<AppState>();
    let measurements = state.measurements;
    let running = move || measurements.wanted.get() == Some(Measurement::Judge);
    let name = move || state.settings.with(|settings| settings.run.plan.name());
    let advice = move || {
        let advice = state.results.judgement().get().map(|judgement| judgement.advice).unwrap_or_default();
        let item = |advice: Advice| {
            let (before, behind) =
                around(&tr!(sweep_verdict, purpose = names::purpose(advice.purpose), verdict = PLACE));
            view! {
                <li class="panel" data-verdict=advice.verdict.name()>
                    <b>{before}<span class="verdict-word">{names::verdict(advice.verdict)}</span>{behind}</b>
                    <p>{advice.because}</p>
                </li>
            }
        };
        advice.into_iter().map(item).collect_view()
    };
    let next = move || {
        let next = state.results.judgement().get().map(|judgement| judgement.next).unwrap_or_default();
        let steps = next.into_iter().map(|step| view! { <li>{step}</li> }).collect_view();
        state
            .results
            .judgement()
            .with(Option::is_some)
            .then(|| view! { <h3>{tr!(sweep_next)}</h3><ul id="next">{steps}</ul> })
    };
    view! {
        <div class="options">
            <button id="judge" disabled=running on:click=move |_| state.start_measurement(Measurement::Judge)>
                {move || tr!(sweep_judge, plan = name())}
            </button>
            <span class="hint">{tr!(sweep_judge_hint)}</span>
        </div>
        <ul class="advice" id="advice">{advice}</ul>
        {next}
        <Written/>
    }
}

/// The prompts with exact answers of every set, and what the models wrote.
#[component]
fn Written() -> impl IntoView {
    let state = expect_context::<AppState>();
    let none = move || state.results.written().with(|written| written.is_empty());
    let repairs =
        move || state.results.written().with(|written| written.values().any(|result| result.repaired.is_some()));
    let tasks = move || {
        let all = state.measurements.generative.get_value();
        let row = |result: GenerativeResult| {
            let mark = |right: bool, text: &str| format!("{} {}", if right { "✓" } else { "✗" }, text.trim());
            let prompt = all.get(&result.set)?.get(result.index)?.prompt.clone();
            let repaired = result
                .repaired
                .as_ref()
                .map(|text| view! { <td class="answer">{mark(result.repaired_right, text)}</td> });
            Some(view! {
                <tr><th scope="row">{prompt}</th><td class="answer">{mark(result.dense_right, &result.dense)}</td><td class="answer">{mark(result.pruned_right, &result.pruned)}</td>{repaired}</tr>
            })
        };
        state.results.written().get().into_values().filter_map(row).collect_view()
    };
    view! {
        <Show when=move || !none()>
            <details class="table">
                <summary>{tr!(sweep_written)}</summary>
                <p class="hint">{tr!(sweep_written_hint)}</p>
                <div class="scroll" tabindex="0" role="region" aria-label=tr!(sweep_exact)>
                    <table class="answers">
                        <thead><tr><th scope="col">{tr!(sweep_prompt)}</th><th scope="col" class="answer">{tr!(sweep_dense)}</th><th scope="col" class="answer">{tr!(sweep_pruned)}</th>
                            <Show when=repairs><th scope="col" class="answer">{tr!(sweep_repaired)}</th></Show></tr></thead>
                        <tbody>{tasks}</tbody>
                    </table>
                </div>
            </details>
        </Show>
    }
}

/// The plans judged in this visit, each with a link that restores it.
#[component]
fn JudgedPlans() -> impl IntoView {
    let state = expect_context::<AppState>();
    let table = move || {
        let row = |judged: &Judgement| {
            let JudgedRow { plan, name, memory, repair, scores } = judged::row(judged);
            let set = plan.parse::<PruningPlan>().unwrap_or_default();
            let link = view! { <PlanLink plan=set text=name title=plan/> }.into_any();
            (link, [memory, repair].into_iter().chain(scores).collect())
        };
        let rows = state.results.judged().with(|judged| judged.iter().map(row).collect());
        view! { <MeasuredTable id="judged" name=tr!(sweep_judged) head=judged::head() rows/> }
    };
    let save = move |_| {
        let text = state.results.judged().with_untracked(|judged| judged::table_csv(judged));
        save_text(&state, "judged.csv", "text/csv", &text);
    };
    view! {
        <Show when=move || state.results.judged().with(|judged| !judged.is_empty())>
            <h2>{tr!(sweep_judged)}</h2>
            <p class="hint">{tr!(sweep_judged_hint)}</p>
            {table}
            <p class="sentence" id="judged-bytes">{move || state.results.judged().with(|judged| judged::better_at_equal_bytes(judged))}</p>
            <Show when=move || !state.embedded>
                <span class="save" role="group" aria-label=tr!(sweep_judged_save)><button data-save="csv" on:click=save>"CSV"</button></span>
            </Show>
        </Show>
    }
}
