//! Experiments to try with the open view.

use leptos::prelude::*;
use prunescope_localization::tr;

use super::address::{HistoryEntry, here, link_to};
use super::site_text::SiteText;
use super::state::AppState;
use crate::explained::Experiment;
use prunescope_protocol::settings::link;

/// The experiments of the open view, each with what to look for.
#[component]
pub(super) fn Experiments(experiments: SiteText<Vec<Experiment>>) -> impl IntoView {
    let state = expect_context::<AppState>();
    let open = Memo::new(move |_| state.settings.with(|settings| settings.view.to_string()));
    let of_view = move || {
        let view = open.get();
        experiments.with(|experiments| {
            let all = experiments.as_ref().and_then(|experiments| experiments.as_ref().ok())?;
            let of_view: Vec<_> = all.iter().filter(|experiment| experiment.view == view).cloned().collect();
            (!of_view.is_empty()).then_some(of_view)
        })
    };
    let one = move |Experiment { name, look, link, .. }: Experiment| {
        let href = link_to(&link::from_query(&link).0);
        let follow = here(move || state.follow(&link, HistoryEntry::New));
        view! { <li><a href=href on:click=follow>{name}</a>": "{look}</li> }
    };
    move || {
        of_view().map(|all| {
            view! {
                <section class="experiments" id="experiments">
                    <h3>{tr!(experiments_title)}</h3>
                    <ul>{all.into_iter().map(one).collect_view()}</ul>
                    <p><a href="gallery/">{tr!(experiments_all)}</a></p>
                </section>
            }
        })
    }
}
