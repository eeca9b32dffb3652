//! What the plan did to the weights: achieved sparsity of each matrix, and a picture of one.

use std::collections::BTreeMap;

use leptos::prelude::*;

use super::super::chart_view::ChartView;
use super::super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::weights::{mask, summary};
use prunescope_figures::names;
use prunescope_localization::tr;
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
                                title=tr!(weights_change, change = format!("{:.3}", report.change))
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
    let waiting = Signal::derive(move || none().then(|| tr!(weights_waiting)));
    view! {
        <p class="lead" id="weights-summary">{move || state.results.weights().with(summary)}</p>
        <div class="charts two">
            <Show when=move || !none() fallback=|| view! { <p class="hint">{tr!(weights_none)}</p> }>
                <div class="scroll tall" tabindex="0" role="region" aria-label=tr!(weights_zeros)>
                    <table id="matrices">
                        <thead><tr><th scope="col">{tr!(weights_layer)}</th>{Matrix::ALL.map(|matrix| view! { <th scope="col">{names::matrix(matrix)}</th> }).collect_view()}</tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            </Show>
            <ChartView id="chart-mask" title=tr!(weights_corner) figure waiting height=300.0 aspect=0.5/>
        </div>
    }
}
