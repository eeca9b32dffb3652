//! What the plan did to the weights: achieved sparsity of each matrix, and a picture of one.

use std::collections::BTreeMap;

use leptos::prelude::*;

use super::super::chart_view::{COMPUTING, ChartView};
use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::weights::{mask, summary};
use prunescope_protocol::messages::Measurement;
use prunescope_protocol::model::Matrix;
use prunescope_protocol::results::MatrixReport;

/// The table of matrices and the picture.
#[component]
pub(super) fn Weights() -> impl IntoView {
    let state = expect_context::<AppState>();
    let measurements = state.measurements;
    let look = move |layer: usize, matrix: Matrix| {
        measurements.pictured.set((layer, matrix));
        state.start_measurement(Measurement::Picture { layer, matrix });
    };
    let figure = Signal::derive(move || state.results.picture().with(|picture| picture.as_ref().map(mask)));
    let rows = move || {
        let mut layers = BTreeMap::<usize, Vec<MatrixReport>>::new();
        for report in state.results.weights().get().matrices {
            layers.entry(report.layer).or_default().push(report);
        }
        layers
            .into_iter()
            .map(|(layer, reports)| {
                let cells = Matrix::ALL.map(|matrix| {
                    let report = reports.iter().find(|report| report.matrix == matrix).copied();
                    view! {
                        <td>{report.map(|report| view! {
                            <button class="cell" style:--tint=format!("{:.2}", report.sparsity) data-matrix=format!("{layer}-{}", matrix.name())
                                title=format!("relative change {:.3}; click for its picture", report.change)
                                aria-pressed=move || (measurements.pictured.get() == (layer, matrix)).to_string()
                                on:click=move |_| look(layer, matrix)>{format!("{:.1} %", 100.0 * report.sparsity)}</button>
                        })}</td>
                    }
                });
                view! { <tr><th scope="row">{layer}</th>{cells.collect_view()}</tr> }
            })
            .collect_view()
    };
    let none = move || state.results.weights().with(|weights| weights.matrices.is_empty());
    let waiting = Signal::derive(move || {
        if none() { "Choose a method under “Remove weights” or “Round weights” above." } else { COMPUTING }.to_string()
    });
    view! {
        <p class="lead" id="weights-summary">{move || state.results.weights().with(summary)}</p>
        <div class="charts two">
            <Show when=move || !none() fallback=|| view! { <p class="hint">"Nothing is edited, so there is no table."</p> }>
                <div class="scroll tall" tabindex="0" role="region" aria-label="Zeros of each matrix">
                    <table id="matrices">
                        <thead><tr><th scope="col">"layer"</th>{Matrix::ALL.map(|matrix| view! { <th scope="col">{matrix.name()}</th> }).collect_view()}</tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            </Show>
            <ChartView id="chart-mask" title="Corner of a matrix" figure waiting height=300.0 aspect=0.5/>
        </div>
    }
}
