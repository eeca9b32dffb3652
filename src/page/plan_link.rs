//! A link that sets a plan and leaves the other settings as they are.

use leptos::prelude::*;

use super::address::{HistoryEntry, here, link_to};
use super::state::AppState;
use prunescope_protocol::prune::PruningPlan;

/// The link.
#[component]
pub(super) fn PlanLink(
    /// The plan that it sets.
    plan: PruningPlan,
    /// What is shown.
    text: String,
    /// Its name for screen readers, if the text does not say enough.
    #[prop(optional, into)]
    label: Option<String>,
    /// Its tooltip.
    #[prop(optional, into)]
    title: Option<String>,
) -> impl IntoView {
    let state = expect_context::<AppState>();
    let linked = plan.clone();
    let href = move || {
        let mut settings = state.settings.get();
        settings.run.plan = linked.clone();
        link_to(&settings)
    };
    let set = here(move || state.change(HistoryEntry::New, |settings| settings.run.plan = plan.clone()));
    view! { <a href=href aria-label=label title=title on:click=set>{text}</a> }
}
