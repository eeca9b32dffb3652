//! The paper's pipeline h → z → p at the first token after the prompt, with the similarity in each space.

use leptos::prelude::*;

use super::shown_trace::Recorded;
use super::state::AppState;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::figure::verdict;
use prunescope_protocol::model::SublayerKind;

/// The pipeline with its three similarities.
#[component]
pub(super) fn Pipeline() -> impl IntoView {
    let state = expect_context::<AppState>();
    let metric = move |of: fn(&prunescope_protocol::results::Metrics) -> f32| {
        Signal::derive(move || state.results.next_token().with(|next| next.as_ref().map(|next| of(&next.metrics))))
    };
    let repaired = move |of: fn(&prunescope_protocol::results::Metrics) -> f32| {
        Signal::derive(move || {
            state.results.repaired_next_token().with(|next| next.as_ref().map(|next| of(&next.metrics)))
        })
    };
    // Known before the run of a flipped switch has its first result.
    let preview = Memo::new(move |_| state.preview());
    let (found_cos_p, found_kl) = (metric(|metrics| metrics.cos_p), metric(|metrics| metrics.kl_dense_pruned));
    let cos_p = Signal::derive(move || preview.get().map(|effect| effect.cos_p).or_else(|| found_cos_p.get()));
    let kl = move || preview.get().map(|effect| effect.kl_dense_pruned).or_else(|| found_kl.get());
    let repaired_token = move || {
        state.results.repaired_next_token().with(|next| {
            let top = next.as_ref()?.top.pruned.first()?;
            Some(view! { <span id="repaired-token">"repaired "{token(top.text.clone(), top.pruned)}</span> })
        })
    };
    let winner = move |pruned: bool| {
        state.results.next_token().with(|next| {
            next.as_ref().and_then(|next| {
                let top = if pruned { next.top.pruned.first() } else { next.top.dense.first() };
                top.map(|token| (token.text.clone(), if pruned { token.pruned } else { token.dense }))
            })
        })
    };
    let next = move |pruned: bool| winner(pruned).map(|(text, probability)| token(text, probability));
    let kept = move || {
        let dropped: usize = state.settings.with(|settings| {
            [SublayerKind::Attention, SublayerKind::Mlp].iter().map(|kind| settings.run.plan.drop.count(*kind)).sum()
        });
        (dropped, 2 * state.layer_count())
    };
    let thinned = move || {
        state
            .settings
            .with(|settings| settings.run.plan.edits_weights().then(|| settings.run.plan.weights_only().name()))
    };
    let recorded = move || {
        state.recorded.get().map(|recorded| {
            let Recorded { model, day, program, .. } = recorded;
            let title = format!(
                "Recorded on {day} by Prunescope {program} on the model {model}; an engine's own numbers take its place"
            );
            view! { " "<span class="badge" id="recorded" title=title>{format!("recorded {day}")}</span> }
        })
    };
    view! {
        <div class="panel pipeline" class:stale=move || state.is_stale() class:previews=move || preview.get().is_some()>
            <h2>"How much survives, from layer to word"{recorded}</h2>
            <div class="flow" id="pipeline">
                <div class="stage">
                    <b>{move || kept().1 - kept().0}</b>
                    <span>{move || format!("of {} sublayers on", kept().1)}</span>
                    <small>{thinned}</small>
                </div>
                <Arrow label="layers"/>
                <Space name="Hidden state" symbol="h" ink="ink-hidden" id="cos-h" value=metric(|metrics| metrics.cos_h) repaired=repaired(|metrics| metrics.cos_h)
                    detail=Signal::derive(move || metric(|metrics| metrics.orthogonal_h).get().map(turned))/>
                <Arrow label="LM head"/>
                <Space name="Logits" symbol="z" ink="ink-logits" id="cos-z" value=metric(|metrics| metrics.cos_z) repaired=repaired(|metrics| metrics.cos_z)
                    detail=Signal::derive(move || metric(|metrics| metrics.orthogonal_z).get().map(turned))/>
                <Arrow label="softmax"/>
                <Space name="Probabilities" symbol="p" ink="ink-probabilities" id="cos-p" value=cos_p repaired=repaired(|metrics| metrics.cos_p)
                    detail=Signal::derive(move || kl().map(|x| format!("KL(dense ‖ pruned) {x:.3} nats")))
                    previewed=Signal::derive(move || preview.get().is_some())/>
                <Arrow label="pick"/>
                <div class="stage next" id="next-token">
                    <span>"dense "{move || next(false)}</span>
                    <span>"pruned "{move || next(true)}</span>
                    {repaired_token}
                    <small title="The chosen token is appended to the input; so errors feed back">"↺ back to the input"</small>
                </div>
            </div>
            <p class="verdict" id="verdict" aria-live="polite">{move || verdict(state)}</p>
        </div>
    }
}

/// A token with its probability.
fn token(text: String, probability: f32) -> impl IntoView {
    view! { <code>{text}</code><small>{format!("{:.0} %", 100.0 * probability)}</small> }
}

#[component]
fn Arrow(
    /// The operation between two spaces.
    label: &'static str,
) -> impl IntoView {
    view! { <div class="arrow"><span>{label}</span></div> }
}

/// One space with its similarity.
#[component]
fn Space(
    /// Its name.
    name: &'static str,
    /// The letter of the space in the paper.
    symbol: &'static str,
    /// CSS class of its colour.
    ink: &'static str,
    /// Element id of the number.
    id: &'static str,
    /// Cosine similarity of the dense and the pruned model in this space.
    value: Signal<Option<f32>>,
    /// The same of the repaired model, if there is one.
    repaired: Signal<Option<f32>>,
    /// A further number.
    detail: Signal<Option<String>>,
    /// Whether both numbers are what the switch's preview says, while the others wait for the run.
    #[prop(into, default = Signal::stored(false))]
    previewed: Signal<bool>,
) -> impl IntoView {
    let number = move || value.get().map_or_else(|| "…".to_string(), |x| format!("{x:.3}"));
    view! {
        <div class=format!("space {ink}") class:previewed=move || previewed.get()>
            <span class="name">{name}" "<i>{symbol}</i></span>
            <b id=id data-value=move || value.get().map(|x| x.to_string()) style:--letters=move || number().chars().count().to_string()
                title="Cosine similarity of the dense and the pruned model; 1 is the same">{number}</b>
            <span class="bar" aria-hidden="true"><span style:width=move || format!("{:.1}%", 100.0 * value.get().unwrap_or(0.0).clamp(0.0, 1.0))></span></span>
            {move || repaired.get().map(|x| view! {
                <span class="repaired" id=format!("repaired-{id}") data-value=x.to_string()
                    title="Cosine similarity of the dense and the repaired model">{format!("repaired {x:.3}")}</span>
                <span class="bar repaired-bar" aria-hidden="true"><span style:width=format!("{:.1}%", 100.0 * x.clamp(0.0, 1.0))></span></span>
            })}
            <small>{move || detail.get().unwrap_or_else(|| "\u{a0}".into())}</small>
            <Show when=move || previewed.get()>
                <small class="preview" id=format!("preview-{id}") title="Measured before the switch was flipped; the run that confirms it is under way">"as previewed"</small>
            </Show>
        </div>
    }
}

/// The length of a change's orthogonal part, relative to the vector's length, in words.
fn turned(orthogonal: f32) -> String {
    if orthogonal > 1.0 {
        format!("thrown aside by {orthogonal:.1} times its length")
    } else {
        format!("turned by {:.1} %", 100.0 * orthogonal)
    }
}

/// One sentence on what the numbers mean.
fn verdict(state: AppState) -> String {
    let Some(metrics) = state.results.next_token().with(|next| next.as_ref().map(|next| next.metrics)) else {
        return "\u{a0}".into();
    };
    if state.results.not_finite().with(Option::is_none)
        && state.results.settings().with(|settings| settings.plan.is_dense())
    {
        return "Nothing is switched off: both models are the same. Switch a layer off below.".into();
    }
    let numbers = verdict::first_token(&metrics);
    if state.results.not_finite().with(Option::is_some) {
        return format!("{numbers}.");
    }
    let repaired = state.results.repaired_next_token().with(|next| next.as_ref().map(|next| next.metrics));
    if let Some(repaired) = repaired.filter(|_| {
        state.results.repair().with(|repair| repair.as_ref().is_some_and(|repair| repair.changes_the_model()))
    }) {
        let is_done = state.results.report().with(Option::is_some);
        let texts = match state.repaired_divergence() {
            None if is_done => "; the repaired model writes the dense model's text again",
            _ => "",
        };
        return format!("{numbers}. {}{texts}.", verdict::repaired(&metrics, &repaired));
    }
    match state.first_divergence() {
        Some(0) => format!("{numbers}, and the texts differ from the first token on."),
        Some(step) => format!("{numbers}; the texts part at token {}.", step + 1),
        None if state.results.report().with(Option::is_some) => format!("{numbers}; the texts are the same so far."),
        None => format!("{numbers}."),
    }
}
