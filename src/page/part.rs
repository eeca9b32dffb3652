//! Parts of the page as its link presents them ([`crate::presentation`]).

use leptos::prelude::*;
use prunescope_localization::tr;

use super::state::AppState;
use crate::presentation::{PagePart, PartState};

impl AppState {
    /// How a part is met now. The story may need every part, whatever the link hides or locks.
    pub(super) fn part_state(&self, part: PagePart) -> PartState {
        if self.chapter.with(Option::is_some) {
            return PartState::Shown;
        }
        self.presentation.with(|presentation| presentation.state(part))
    }

    /// Whether a part is not there now.
    pub(super) fn hides(&self, part: PagePart) -> bool {
        self.part_state(part) == PartState::Hidden
    }
}

/// A part of the page, which may be hidden, or shown so that it cannot be used.
#[component]
pub(super) fn Part(part: PagePart, children: Children) -> impl IntoView {
    let state = expect_context::<AppState>();
    let shown = Memo::new(move |_| state.part_state(part));
    view! {
        <div class="part" data-part=part.to_string() hidden=move || shown.get() == PartState::Hidden
            inert=move || shown.get() == PartState::Locked style:--locked=format!("\"{}\"", PartState::Locked.name())>{children()}</div>
    }
}

/// The task that the link sets.
#[component]
pub(super) fn Task() -> impl IntoView {
    let state = expect_context::<AppState>();
    let task = Memo::new(move |_| state.presentation.with(|presentation| presentation.task.clone()));
    view! { <Show when=move || task.with(|task| !task.is_empty())><p class="panel task"><small>{tr!(part_task)}</small><span id="task">{task}</span></p></Show> }
}
