//! Retrieval by pooled hidden states, which pruning changes little.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::given_files;
use super::super::state::AppState;
use crate::given_files::TaskSet;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::retrieval::ranks;
use prunescope_localization::tr;
use prunescope_protocol::results::tasks::Pooling;
use prunescope_protocol::tasks::RetrievalSet;

/// Slope charts of ranks, for both poolings.
#[component]
pub(super) fn Retrieval() -> impl IntoView {
    let state = expect_context::<AppState>();
    let measurements = state.measurements;
    let figure = move |pooling: Pooling| {
        Signal::derive(move || {
            let report = state.results.retrieval().get()?;
            let queries: Vec<String> =
                measurements.retrieval_set.with(|set| set.queries.iter().map(|(query, _)| query.clone()).collect());
            Some(ranks(report.poolings.iter().find(|report| report.pooling == pooling)?, &queries))
        })
    };
    let pick = move |event| given_files::pick(state, &event, Some(TaskSet::Passages));
    let size = move || {
        let (passages, queries) = measurements.retrieval_set.with(|set| (set.passages.len(), set.queries.len()));
        tr!(retrieval_size, passages = passages, queries = queries)
    };
    view! {
        <p class="lead">{tr!(retrieval_lead)}" "{size}</p>
        <div class="options">
            <label class="own-file">
                {tr!(retrieval_own)}" "
                <input id="retrieval-file" type="file" accept=".jsonl,.json,.txt" on:change=pick/>
            </label>
            <button class="chip" on:click=move |_| state.use_retrieval_set(RetrievalSet::default())>{tr!(retrieval_built_in)}</button>
        </div>
        <div class="charts two">
            <ChartView id="chart-mean" title=tr!(retrieval_mean) figure=figure(Pooling::Mean) height=330.0/>
            <ChartView id="chart-last" title=tr!(retrieval_last) figure=figure(Pooling::Last) height=330.0/>
        </div>
    }
}
