//! Retrieval by pooled hidden states, which pruning changes little.

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::given_files;
use super::super::state::AppState;
use crate::given_files::TaskSet;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::retrieval::ranks;
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
        measurements.retrieval_set.with(|set| {
            format!("{} passages and {} queries, each answered by one passage.", set.passages.len(), set.queries.len())
        })
    };
    view! {
        <p class="lead">
            "Passages and queries become vectors from the final hidden states, less the mean of all passages, and are ranked by cosine. Nothing goes through softmax and nothing is fed back. "
            {size}
        </p>
        <div class="options">
            <label class="own-file">
                "Your own set (JSON lines: id and passage, or query and answer) "
                <input id="retrieval-file" type="file" accept=".jsonl,.json,.txt" on:change=pick/>
            </label>
            <button class="chip" on:click=move |_| state.use_retrieval_set(RetrievalSet::default())>"built-in set"</button>
        </div>
        <div class="charts two">
            <ChartView id="chart-mean" title="Rank of the right passage, mean of the tokens" figure=figure(Pooling::Mean) height=330.0/>
            <ChartView id="chart-last" title="Rank of the right passage, last token" figure=figure(Pooling::Last) height=330.0/>
        </div>
    }
}
