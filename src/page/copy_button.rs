//! A button that copies a text, and says for a moment whether it could.

use gloo::timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use prunescope_localization::tr;

use super::address;

/// How long it says so, in milliseconds.
const SAID_MS: u32 = 2500;

/// The button.
#[component]
pub(super) fn CopyButton(
    id: &'static str,
    #[prop(into)] label: String,
    /// What is copied.
    text: Signal<String>,
    /// What it says then.
    #[prop(default = tr!(copy_done))]
    copied: String,
    /// What it says where the browser does not let it.
    #[prop(default = tr!(copy_refused))]
    refused: String,
    /// Whether it is the main button of its place.
    #[prop(optional)]
    primary: bool,
) -> impl IntoView {
    let said = RwSignal::new(None::<String>);
    let copy = move |_| {
        let (copied, refused) = (copied.clone(), refused.clone());
        spawn_local(async move {
            let done = address::copy(text.get_untracked()).await;
            said.set(Some(if done { copied } else { refused }));
            TimeoutFuture::new(SAID_MS).await;
            said.try_set(None);
        });
    };
    view! { <button id=id class:primary=primary data-text=text on:click=copy>{move || said.get().unwrap_or_else(|| label.clone())}</button> }
}
