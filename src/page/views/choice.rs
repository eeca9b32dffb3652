//! Multiple choice: the options' categorical distribution against the whole vocabulary (fig. 7), for one question and for the set.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::given_files;
use super::super::state::AppState;
use crate::given_files::TaskSet;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::choice::{Scoring, options, scores, summary, vocabulary};
use prunescope_localization::tr;
use prunescope_protocol::results::Proportion;
use prunescope_protocol::results::tasks::best;
use prunescope_protocol::tasks::Question;

/// The score on all questions, and one of them in detail.
#[component]
pub(super) fn Choice() -> impl IntoView {
    let state = expect_context::<AppState>();
    let measurements = state.measurements;
    let chosen = RwSignal::new(0usize);
    let scoring = RwSignal::new(Scoring::Cloze);
    let result = Memo::new(move |_| state.results.choice().with(|known| known.get(&chosen.get()).cloned()));
    let question = move || measurements.questions.with(|all| all.get(chosen.get()).cloned());
    let whole = Signal::derive(move || result.get().map(|result| vocabulary(&result)));
    let letters = Signal::derive(move || Some(options(&result.get()?, &question()?)));
    let table = Memo::new(move |_| {
        state.results.choice().with(|known| measurements.questions.with(|all| scores(known, all, scoring.get())))
    });
    let repairs = move || table.with(|table| table.last().is_some_and(|all| all.repaired.of > 0));
    let pick = move |event| given_files::pick(state, &event, Some(TaskSet::Questions));
    // A new set starts at its first question.
    Effect::new(move |_| {
        measurements.questions.track();
        chosen.set(0);
    });
    let answers = move || {
        let (result, question) = (result.get()?, question()?);
        let answer = |scores: &[f32]| {
            let (at, margin) = best(scores);
            let mark = if at == question.answer { "right" } else { "wrong" };
            let choice = question.choices.get(at).cloned().unwrap_or_default();
            tr!(choice_answer, choice = choice, mark = mark, margin = format!("{margin:.2}"))
        };
        let row = |name: String, scoring: Scoring| {
            let repaired = result.repaired.as_ref().map(|repaired| view! { <td>{answer(scoring.of(repaired))}</td> });
            view! { <tr><th scope="row">{name}</th><td>{answer(scoring.of(&result.dense))}</td><td>{answer(scoring.of(&result.pruned))}</td>{repaired}</tr> }
        };
        let repaired = result.repaired.as_ref().map(|_| view! { <th scope="col">{tr!(choice_repaired_answers)}</th> });
        Some(view! {
            <table id="choice-answers">
                <thead><tr><th scope="col">{tr!(choice_scored)}</th><th scope="col">{tr!(choice_dense_answers)}</th><th scope="col">{tr!(choice_pruned_answers)}</th>{repaired}</tr></thead>
                <tbody>{row(tr!(choice_cloze), Scoring::Cloze)}{row(tr!(choice_letter), Scoring::Letter)}</tbody>
            </table>
        })
    };
    let step = move |by: usize| {
        let all = measurements.questions.with_untracked(Vec::len).max(1);
        chosen.update(|at| *at = (*at + by) % all);
    };
    view! {
        <p class="lead">{tr!(choice_lead)}</p>
        <h2>{tr!(choice_all)}</h2>
        <div class="options">
            <label>
                {tr!(choice_scoring)}" "
                <select id="choice-scoring" on:change=move |event| scoring.set(if event_target_value(&event) == "letter" { Scoring::Letter } else { Scoring::Cloze })>
                    <option value="cloze">{tr!(choice_by_cloze)}</option>
                    <option value="letter">{tr!(choice_by_letter)}</option>
                </select>
            </label>
            <label class="own-file">
                {tr!(choice_own)}" "
                <input id="choice-file" type="file" accept=".jsonl,.json,.txt" on:change=pick/>
            </label>
            <button class="chip" on:click=move |_| state.use_questions(vec![])>{tr!(choice_built_in)}</button>
        </div>
        <p class="sentence" id="choice-summary">{move || table.with(|table| measurements.questions.with(|questions| summary(table, questions)))}</p>
        <div class="scroll" tabindex="0" role="region" aria-label=tr!(choice_scores)>
            <table id="choice-scores">
                <thead><tr><th scope="col">{tr!(choice_topic)}</th><th scope="col">{tr!(choice_dense_right)}</th><th scope="col">{tr!(choice_pruned_right)}</th>
                    <Show when=repairs><th scope="col">{tr!(choice_repaired_right)}</th></Show>
                    <th scope="col">{tr!(choice_same)}</th></tr></thead>
                <tbody>{move || table.get().into_iter().map(|row| view! {
                    <tr><th scope="row">{if row.topic.is_empty() { "–".to_string() } else { row.topic }}</th><td>{part(row.dense)}</td><td>{part(row.pruned)}</td>
                        {(row.repaired.of > 0).then(|| view! { <td>{part(row.repaired)}</td> })}<td>{part(row.agreement)}</td></tr>
                }).collect_view()}</tbody>
            </table>
        </div>
        <h2>{tr!(choice_one)}</h2>
        <div class="options">
            <label>
                {tr!(choice_question)}" "
                <select id="choice-question" on:change=move |event| chosen.set(event_target_value(&event).parse().unwrap_or(0))>
                    {move || measurements.questions.get().into_iter().enumerate().map(|(at, one)| view! {
                        <option value=at.to_string() prop:selected=move || chosen.get() == at>{format!("{}. {}", at + 1, one.question.chars().take(80).collect::<String>())}</option>
                    }).collect_view()}
                </select>
            </label>
            <span class="thin">
                <button class="chip" on:click=move |_| step(measurements.questions.with_untracked(Vec::len).saturating_sub(1))>{tr!(choice_previous)}</button>
                <button class="chip" on:click=move |_| step(1)>{tr!(choice_next)}</button>
            </span>
        </div>
        <p id="choice-text">{move || question().map(|question| {
            let list = question.choices.iter().enumerate().map(|(at, text)| format!("{}) {text}", Question::letter(at)));
            format!("{} {}", question.question, list.collect::<Vec<_>>().join("  "))
        })}</p>
        <div class="scroll" tabindex="0" role="region" aria-label=tr!(choice_answers)>{answers}</div>
        <div class="charts two">
            <ChartView id="chart-vocabulary" title=tr!(choice_vocabulary) figure=whole height=330.0/>
            <ChartView id="chart-options" title=tr!(choice_options) figure=letters height=330.0/>
        </div>
    }
}

/// A proportion as "right of total", or a dash where there were no questions.
pub(super) fn part(proportion: Proportion) -> String {
    if proportion.of == 0 { "–".into() } else { tr!(choice_part, right = proportion.right, of = proportion.of) }
}
