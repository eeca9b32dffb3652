//! A link that sets a plan, and the second model where it names one, and leaves the other settings as they are.

use leptos::prelude::*;

use super::address::{HistoryEntry, here, link_to};
use super::state::AppState;
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::settings::Settings;

/// Sets a plan, and the second model if one is given.
pub(super) fn set_plan(settings: &mut Settings, plan: &PruningPlan, other: Option<&str>) {
    settings.run.plan = plan.clone();
    if let Some(other) = other {
        settings.models.other = other.into();
    }
}

/// The link.
#[component]
pub(super) fn PlanLink(
    /// The plan that it sets.
    plan: PruningPlan,
    /// The second model that it sets; the present one stays if this is `None`.
    #[prop(optional, into)]
    other: Option<String>,
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
    let set = move |settings: &mut Settings| set_plan(settings, &plan, other.as_deref());
    let linked = set.clone();
    let href = move || {
        let mut settings = state.settings.get();
        linked(&mut settings);
        link_to(&settings)
    };
    let set = here(move || state.change(HistoryEntry::New, |settings| set(settings)));
    view! { <a href=href aria-label=label title=title on:click=set>{text}</a> }
}
