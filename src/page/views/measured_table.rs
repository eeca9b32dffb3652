//! A table of measured numbers.

use leptos::prelude::*;

/// A table that scrolls on its own where it is too wide.
#[component]
pub(super) fn MeasuredTable(
    /// Its id.
    id: &'static str,
    /// Its name for screen readers.
    name: String,
    /// The columns' names.
    head: Vec<String>,
    /// The rows: what a row is of, and its numbers.
    rows: Vec<(AnyView, Vec<String>)>,
) -> impl IntoView {
    let row = |(of, cells): (AnyView, Vec<String>)| {
        let cells = cells.into_iter().map(|cell| view! { <td>{cell}</td> }).collect_view();
        view! { <tr><th scope="row">{of}</th>{cells}</tr> }
    };
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label=name>
            <table id=id>
                <thead><tr>{head.into_iter().map(|column| view! { <th scope="col">{column}</th> }).collect_view()}</tr></thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
