//! A link that sets a plan and leaves the other settings as they are.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use super::address::{HistoryEntry, link_to};
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
    let set = move |event: MouseEvent| {
        // With a key, the browser opens the link elsewhere.
        if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
            event.prevent_default();
            state.change(HistoryEntry::New, |settings| settings.run.plan = plan.clone());
        }
    };
    view! { <a href=href aria-label=label title=title on:click=set>{text}</a> }
}
