//! The texts that the dense, the pruned and the repaired model generate, side by side, token by token.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::repair::{OfferRepair, RepairControls};
use super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::text_change::collapsed;
use prunescope_figures::figure::visible;
use prunescope_localization::tr;
use prunescope_protocol::results::{GenerationStep, TokenText, TopTokenText};

/// KL in nats at which a token's tint is strongest.
const FULL_TINT_KL: f32 = 8.0;
/// Number of alternative tokens shown for each model.
const ALTERNATIVES: usize = 5;

/// One of the models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Dense,
    Pruned,
    Repaired,
}

impl Side {
    fn token(self, step: &GenerationStep) -> Option<&TokenText> {
        match self {
            Self::Dense => step.dense.as_ref(),
            // The repaired model has steps of its own, in which it is in the pruned one's place.
            Self::Pruned | Self::Repaired => step.pruned.as_ref(),
        }
    }

    /// What is read from the steps in which it is compared with the dense model.
    fn steps<T>(self, state: AppState, read: impl FnOnce(&Vec<GenerationStep>) -> T) -> T {
        match self {
            Self::Dense | Self::Pruned => state.results.steps().with(read),
            Self::Repaired => state.results.repaired_steps().with(read),
        }
    }

    /// The first step at which its text differs from the dense one's, or for the dense text from the pruned one's.
    fn divergence(self, state: AppState) -> Option<usize> {
        match self {
            Self::Dense | Self::Pruned => state.first_divergence(),
            Self::Repaired => state.repaired_divergence(),
        }
    }
}

/// The token whose details are shown: its text and step, and its position on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Inspected {
    side: Side,
    step: usize,
    left: f64,
    below: f64,
}

/// The texts.
#[component]
pub(super) fn Texts() -> impl IntoView {
    let state = expect_context::<AppState>();
    let inspected = RwSignal::new(None::<Inspected>);
    // Shown as soon as it is asked for, with the progress of the fit.
    let repairs = Memo::new(move |_| state.settings.with(|settings| settings.run.plan.repairs().is_some()));
    view! {
        <section class="texts" class:three=move || repairs.get() aria-label=tr!(texts_title) class:stale=move || state.is_stale()>
            <TextPanel side=Side::Dense title=tr!(texts_dense_writes) id="dense-text" inspected/>
            <TextPanel side=Side::Pruned title=tr!(texts_pruned_writes) id="pruned-text" inspected/>
            <Show when=move || repairs.get()>
                <TextPanel side=Side::Repaired title=tr!(texts_repaired_writes) id="repaired-text" inspected/>
            </Show>
            <Details inspected/>
        </section>
    }
}

/// One text.
#[component]
fn TextPanel(side: Side, title: String, id: &'static str, inspected: RwSignal<Option<Inspected>>) -> impl IntoView {
    let state = expect_context::<AppState>();
    let divergence = Memo::new(move |_| side.divergence(state));
    let focused = RwSignal::new(0);
    let tokens = move || {
        let run = state.results.run().get();
        side.steps(state, |steps| {
            steps
                .iter()
                .filter_map(|step| {
                    let kl = step.compared.as_ref().map(|compared| compared.metrics.kl_dense_pruned);
                    side.token(step).map(|token| (run, step.step, token.clone(), kl))
                })
                .collect::<Vec<_>>()
        })
    };
    let key = move |event: KeyboardEvent| {
        let next = match event.key().as_str() {
            "ArrowLeft" => "previousElementSibling",
            "ArrowRight" => "nextElementSibling",
            "Escape" => return inspected.set(None),
            _ => return,
        };
        event.prevent_default();
        let sibling = event.target().and_then(|target| js_sys::Reflect::get(&target, &next.into()).ok());
        if let Some(sibling) = sibling.and_then(|sibling| sibling.dyn_into::<HtmlElement>().ok()) {
            let _ = sibling.focus();
        }
    };
    let show = move |step: usize, target: Option<web_sys::EventTarget>| {
        if let Some(element) = target.and_then(|target| target.dyn_into::<HtmlElement>().ok()) {
            let place = element.get_bounding_client_rect();
            inspected.set(Some(Inspected { side, step, left: place.left(), below: place.bottom() }));
        }
    };
    let writing = move || {
        state.running.get()
            && !state.is_stale()
            && state.results.report().with(Option::is_none)
            && match side {
                Side::Dense | Side::Pruned => state.results.fixed_trajectory().with(Vec::is_empty),
                Side::Repaired => state.results.repair().with(Option::is_some),
            }
    };
    view! {
        <div class="panel text" data-side=id>
            <h2>{title.clone()}</h2>
            <p class="tokens" id=id role="group" aria-label=title on:keydown=key>
                <For each=tokens key=|(run, step, token, _)| (*run, *step, token.id) children=move |(_, step, token, kl)| {
                    let is_control = token.text.starts_with("<|");
                    // A text of line breaks alone would look empty.
                    let breaks = token.text.contains('\n') && token.text.trim().is_empty();
                    let tint = kl.map_or(0.0, |kl| (kl.max(0.0) / FULL_TINT_KL).min(1.0).sqrt());
                    let text = token.text.as_str();
                    let label = match kl {
                        Some(kl) => tr!(texts_token_said, token = text, kl = format!("{kl:.3}")),
                        None => tr!(texts_token_not_compared, token = text),
                    };
                    view! {
                        <span class="token" class:control=is_control class:breaks=breaks class:diverges=move || divergence.get() == Some(step)
                            class:chosen=move || state.chosen_step.get() == step on:click=move |_| state.choose_token(step + 1)
                            role="img" aria-label=label data-step=step.to_string() style:--tint=format!("{tint:.3}")
                            tabindex=move || if focused.get() == step { "0" } else { "-1" }
                            on:focus=move |event| { focused.set(step); show(step, event.target()); }
                            on:blur=move |_| inspected.set(None)
                            on:pointerenter=move |event| show(step, event.target())
                            on:pointerleave=move |_| inspected.set(None)>
                            {token.text}
                        </span>
                    }
                }/>
                <Show when=writing><span class="caret" aria-hidden="true"></span></Show>
            </p>
            {(side == Side::Pruned).then(|| view! { <Collapse/><OfferRepair/> })}
            <p class="hint">
                {move || match (side, divergence.get()) {
                    (Side::Dense, _) => tr!(texts_tint),
                    (Side::Pruned | Side::Repaired, Some(step)) => tr!(texts_first_difference, token = step + 1),
                    (Side::Pruned | Side::Repaired, None) => "\u{a0}".into(),
                }}
            </p>
            {(side == Side::Repaired).then(|| view! { <RepairControls/> })}
        </div>
    }
}

/// That the pruned text has collapsed, where it has and nothing repairs it.
#[component]
fn Collapse() -> impl IntoView {
    let state = expect_context::<AppState>();
    let repairs = move || state.settings.with(|settings| settings.run.plan.repairs().is_some());
    let told = move || {
        let told = state.results.quality().with(|quality| quality.as_ref().and_then(collapsed));
        told.filter(|_| !repairs()).map(|told| view! { <p class="collapse" id="collapse">{told}</p> })
    };
    view! { {told} }
}

/// The alternatives to the inspected token.
#[component]
fn Details(inspected: RwSignal<Option<Inspected>>) -> impl IntoView {
    let state = expect_context::<AppState>();
    let details = move || {
        let at = inspected.get()?;
        let step = at.side.steps(state, |steps| steps.get(at.step).cloned())?;
        let width = window().inner_width().ok().and_then(|width| width.as_f64()).unwrap_or(400.0);
        let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(700.0);
        let left = at.left.min(width - 340.0).max(8.0);
        // Above the token if there is no room below it.
        let (top, bottom) = if at.below > height - 240.0 {
            ("auto".into(), format!("{:.0}px", height - at.below + 30.0))
        } else {
            (format!("{:.0}px", at.below + 6.0), "auto".into())
        };
        let body = match step.compared {
            Some(compared) => {
                let metrics = compared.metrics;
                let numbers = tr!(
                    texts_token_numbers,
                    token = at.step + 1,
                    cosine = format!("{:.3}", metrics.cos_p),
                    kl = format!("{:.3}", metrics.kl_dense_pruned),
                );
                let list = |name: String, tokens: Vec<TopTokenText>, pruned: bool| {
                    view! {
                        <div>
                            <b>{name}</b>
                            <ol>{tokens.into_iter().take(ALTERNATIVES).map(|token| {
                                let probability = if pruned { token.pruned } else { token.dense };
                                view! { <li><code>{visible(&token.text)}</code><span>{format!("{:.1} %", 100.0 * probability)}</span></li> }
                            }).collect_view()}</ol>
                        </div>
                    }
                };
                view! {
                    <p>{numbers}</p>
                    <div class="alternatives">
                        {list(tr!(texts_dense), compared.top.dense, false)}
                        {list(if at.side == Side::Repaired { tr!(texts_repaired) } else { tr!(texts_pruned) }, compared.top.pruned, true)}
                    </div>
                }.into_any()
            }
            None => view! { <p>{tr!(texts_ended)}</p> }.into_any(),
        };
        Some(
            view! { <div class="details" role="tooltip" id="token-details" style:left=format!("{left:.0}px") style:top=top style:bottom=bottom>{body}</div> },
        )
    };
    view! { {details} }
}
