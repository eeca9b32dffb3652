//! What became of the text, and the paper's pipeline h → z → p at the chosen token, with the similarity in each space.

use leptos::prelude::*;

use super::address::HistoryEntry;
use super::shown_trace::Recorded;
use super::state::AppState;
use super::terms::Term;
use crate::presentation::PagePart;
use crate::run_results::{RunResults, RunResultsStoreFields};
use prunescope_figures::figure::{text_change, verdict};
use prunescope_localization::{PLACE, around, tr};
use prunescope_protocol::model::SublayerKind;
use prunescope_protocol::results::{ComparedPosition, Metrics};

/// Most characters that are shown of what stands before the chosen token, beside the slider.
const MOST_CONTEXT: usize = 48;
/// The same in the strip at the top of a small screen, so that the chosen token is on it.
const MOST_CONTEXT_IN_STRIP: usize = 14;

/// The headline on the text, and the pipeline with its three similarities at the chosen token.
#[component]
pub(super) fn Pipeline() -> impl IntoView {
    let state = expect_context::<AppState>();
    let position = Memo::new(move |_| state.position());
    let repaired_position = Memo::new(move |_| state.repaired_position());
    let metric = move |of: fn(&Metrics) -> f32| {
        Signal::derive(move || position.with(|position| position.as_ref().map(|at| of(&at.metrics))))
    };
    let repaired = move |of: fn(&Metrics) -> f32| {
        Signal::derive(move || repaired_position.with(|position| position.as_ref().map(|at| of(&at.metrics))))
    };
    // Known before the run of a flipped switch has its first result.
    let preview = Memo::new(move |_| state.preview());
    let (found_cos_p, found_kl) = (metric(|metrics| metrics.cos_p), metric(|metrics| metrics.kl_dense_pruned));
    let cos_p = Signal::derive(move || preview.get().map(|effect| effect.cos_p).or_else(|| found_cos_p.get()));
    let kl = move || preview.get().map(|effect| effect.kl_dense_pruned).or_else(|| found_kl.get());
    let repaired_token = move || {
        repaired_position.with(|position| {
            let top = position.as_ref()?.top.pruned.first()?;
            Some(view! { <span id="repaired-token">{tr!(pipeline_repaired)}" "{token(top.text.clone(), top.pruned)}</span> })
        })
    };
    let next = move |pruned: bool| {
        position.with(|position| {
            let top = &position.as_ref()?.top;
            let likeliest = if pruned { &top.pruned } else { &top.dense }.first()?;
            Some(token(likeliest.text.clone(), if pruned { likeliest.pruned } else { likeliest.dense }))
        })
    };
    let kept = move || {
        let dropped: usize = state.settings.with(|settings| {
            [SublayerKind::Attention, SublayerKind::Mlp].iter().map(|kind| settings.run.plan.drop.count(*kind)).sum()
        });
        (dropped, 2 * state.layer_count())
    };
    // What stands before and behind the word that is explained.
    let sublayers_on = move || around(&tr!(pipeline_sublayers_on, total = kept().1, sublayers = PLACE));
    let thinned = move || {
        state
            .settings
            .with(|settings| settings.run.plan.edits_weights().then(|| settings.run.plan.weights_only().name()))
    };
    let previewed = move || {
        preview.get().map(|_| match state.chosen_step.get() {
            0 => tr!(pipeline_previewed),
            _ => tr!(pipeline_previewed_first),
        })
    };
    let recorded = move || {
        state.recorded.get().map(|recorded| {
            let Recorded { model, day, program, .. } = recorded;
            let title = tr!(pipeline_recorded_hint, day = day.as_str(), program = program, model = model);
            view! { " "<span class="badge" id="recorded" title=title>{tr!(pipeline_recorded, day = day)}</span> }
        })
    };
    view! {
        <div class="panel pipeline" class:stale=move || state.is_stale() class:previews=move || preview.get().is_some()>
            <h2>{tr!(pipeline_title)}{recorded}</h2>
            <p class="headline" id="headline" aria-live="polite">{move || headline(state)}</p>
            <ChosenToken/>
            <div class="flow" id="pipeline">
                <div class="stage">
                    <b>{move || kept().1 - kept().0}</b>
                    <span>{move || sublayers_on().0}<Term term="sublayer">{tr!(pipeline_sublayers)}</Term>{move || sublayers_on().1}</span>
                    <small>{thinned}</small>
                </div>
                <Arrow label=tr!(pipeline_layers)/>
                <Space term="hidden" name=tr!(pipeline_hidden) symbol="h" ink="ink-hidden" id="cos-h" value=metric(|metrics| metrics.cos_h) repaired=repaired(|metrics| metrics.cos_h)
                    detail=Signal::derive(move || metric(|metrics| metrics.cos_h).get().and_then(verdict::angle))/>
                <Arrow label=tr!(pipeline_head) term="head"/>
                <Space term="logits" name=tr!(pipeline_logits) symbol="z" ink="ink-logits" id="cos-z" value=metric(|metrics| metrics.cos_z) repaired=repaired(|metrics| metrics.cos_z)
                    detail=Signal::derive(move || metric(|metrics| metrics.cos_z).get().and_then(verdict::angle))/>
                <Arrow label=tr!(pipeline_softmax) term="softmax"/>
                <Space term="probabilities" name=tr!(pipeline_probabilities) symbol="p" ink="ink-probabilities" id="cos-p" value=cos_p repaired=repaired(|metrics| metrics.cos_p)
                    detail_term="kl" detail=Signal::derive(move || kl().map(|x| tr!(pipeline_kl, kl = format!("{x:.3}"))))
                    previewed=Signal::derive(previewed)/>
                <Arrow label=tr!(pipeline_pick)/>
                <div class="stage next" id="next-token">
                    <span>{tr!(pipeline_dense)}" "{move || next(false)}</span>
                    <span>{tr!(pipeline_pruned)}" "{move || next(true)}</span>
                    {repaired_token}
                    <small title=tr!(pipeline_back_hint)>{tr!(pipeline_back)}</small>
                </div>
            </div>
            <p class="verdict" id="verdict">{move || verdict(state, position.get(), repaired_position.get())}</p>
        </div>
    }
}

/// The numbers and the pruned text in two lines, which stay at the top of a small screen while the switches are used. What it shows is on the
/// page a second time.
#[component]
pub(super) fn Strip() -> impl IntoView {
    let state = expect_context::<AppState>();
    let metrics = Memo::new(move |_| state.position().map(|position| position.metrics));
    let number = move |of: fn(&Metrics) -> f32| {
        metrics.with(|metrics| metrics.as_ref().map_or("…".into(), |it| format!("{:.2}", of(it))))
    };
    let text = move || {
        let at = state.chosen_step.get();
        state.results.steps().with(|steps| {
            let tokens: Vec<&str> =
                steps.iter().filter_map(|step| step.pruned.as_ref().map(|token| token.text.as_str())).collect();
            let (before, rest) = tokens.split_at(at.min(tokens.len()));
            let chosen = rest.first().map(|token| view! { <b>{token.to_string()}</b> });
            (tail(&before.concat(), MOST_CONTEXT_IN_STRIP), chosen, rest.get(1..).map(<[&str]>::concat))
        })
    };
    view! {
        <div class="strip" aria-hidden="true" class:stale=move || state.is_stale()
            hidden=move || state.hides(PagePart::Pipeline) && state.hides(PagePart::Texts)>
            <Show when=move || !state.hides(PagePart::Pipeline)>
                <span class="ink-hidden">"h "<b>{move || number(|metrics| metrics.cos_h)}</b></span>
                <span class="ink-logits">"z "<b>{move || number(|metrics| metrics.cos_z)}</b></span>
                <span class="ink-probabilities">"p "<b>{move || number(|metrics| metrics.cos_p)}</b></span>
            </Show>
            <span class="text-line" hidden=move || state.hides(PagePart::Texts)>{text}</span>
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
    label: String,
    /// Its key among the explained words, if it is one.
    #[prop(optional)]
    term: Option<&'static str>,
) -> impl IntoView {
    view! { <div class="arrow"><span class:term=term.is_some() data-term=term tabindex=term.map(|_| "0")>{label}</span></div> }
}

/// One space with its similarity.
#[component]
fn Space(
    /// Its key among the explained words.
    term: &'static str,
    /// Its name.
    name: String,
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
    /// Its key among the explained words, if it is one.
    #[prop(optional)]
    detail_term: Option<&'static str>,
    /// That both numbers are what the switch's preview says, while the others wait for the run.
    #[prop(into, default = Signal::stored(None))]
    previewed: Signal<Option<String>>,
) -> impl IntoView {
    let number = move || value.get().map_or_else(|| "…".to_string(), |x| format!("{x:.3}"));
    view! {
        <div class=format!("space {ink}") class:previewed=move || previewed.get().is_some()>
            <span class="name"><Term term=term>{name}" "<i>{symbol}</i></Term></span>
            <b id=id data-term="cosine" data-value=move || value.get().map(|x| x.to_string()) style:--letters=move || number().chars().count().to_string()
                title=tr!(pipeline_cosine_hint)>{number}</b>
            <span class="bar" aria-hidden="true"><span style:width=move || format!("{:.1}%", 100.0 * value.get().unwrap_or(0.0).clamp(0.0, 1.0))></span></span>
            {move || repaired.get().map(|x| view! {
                <span class="repaired" id=format!("repaired-{id}") data-value=x.to_string()
                    title=tr!(pipeline_cosine_repaired_hint)>{tr!(pipeline_cosine_repaired, cosine = format!("{x:.3}"))}</span>
                <span class="bar repaired-bar" aria-hidden="true"><span style:width=format!("{:.1}%", 100.0 * x.clamp(0.0, 1.0))></span></span>
            })}
            <small><span class:term=detail_term.is_some() data-term=detail_term tabindex=detail_term.map(|_| "0")>{move || detail.get().unwrap_or_else(|| "\u{a0}".into())}</span></small>
            {move || previewed.get().map(|what| view! {
                <small class="preview" id=format!("preview-{id}") title=tr!(pipeline_previewed_hint)>{what}</small>
            })}
        </div>
    }
}

/// What became of the text; while it is being written, what is known so far.
fn headline(state: AppState) -> String {
    let results = state.results;
    if results.next_token().with(Option::is_none) || results.not_finite().with(Option::is_some) {
        return "\u{a0}".into();
    }
    if is_dense(state) {
        return tr!(pipeline_nothing_off);
    }
    let divergence = state.first_divergence();
    let told = results.steps().with(|steps| match results.quality().get() {
        Some(quality) => text_change::headline(&quality, steps, divergence),
        None => {
            divergence.map_or("…".into(), |step| tr!(pipeline_parting, place = text_change::parting(steps, step)))
        }
    });
    let repaired = results.repaired_quality().with(|quality| {
        quality.as_ref().map(|quality| text_change::repaired_headline(quality, state.repaired_divergence()))
    });
    format!("{told} {}", repaired.unwrap_or_default())
}

/// Whether both models are the same.
fn is_dense(state: AppState) -> bool {
    state.results.settings().with(|settings| settings.plan.is_dense())
        && state.settings.with(|settings| settings.models.other.is_empty())
}

/// The token whose numbers are shown: a slider along the text, which starts at the deciding token.
#[component]
fn ChosenToken() -> impl IntoView {
    let state = expect_context::<AppState>();
    let step = state.chosen_step;
    let count = Memo::new(move |_| {
        state.results.steps().track();
        state.results.with_untracked(RunResults::compared_steps)
    });
    let chosen = move || state.settings.with(|settings| settings.token > 0);
    // What both models have read before it, as long as their texts are the same.
    let place = move || {
        let at = step.get();
        let parts = state.first_divergence();
        let before = state.results.steps().with(|steps| {
            let read = steps.iter().take(at).filter_map(|step| step.dense.as_ref().map(|token| token.text.as_str()));
            read.collect::<String>()
        });
        match parts {
            Some(parts) if at > parts => tr!(pipeline_place_own),
            _ if at == 0 => tr!(pipeline_place_prompt),
            _ => tr!(pipeline_place_after, text = tail(before.trim(), MOST_CONTEXT)),
        }
    };
    let context = move || match state.first_divergence() == Some(step.get()) {
        true => tr!(pipeline_place_parting, place = place()),
        false if state.position().is_none() && state.recorded.with(Option::is_some) => {
            tr!(pipeline_place_not_recorded, place = place())
        }
        false => place(),
    };
    let slide = move |event: leptos::ev::Event| {
        if let Ok(token) = event_target_value(&event).parse::<usize>() {
            state.choose_token(token);
        }
    };
    let (before_number, behind_number) = around(&tr!(pipeline_token, number = PLACE));
    view! {
        <div class="chosen-token">
            <label for="chosen-token"><Term term="deciding">{before_number}</Term><b id="token-number">{move || step.get() + 1}</b>{behind_number}</label>
            <input id="chosen-token" type="range" min="1" step="1" max=move || count.get().max(1).to_string() prop:value=move || (step.get() + 1).to_string()
                disabled=move || count.get() < 2 on:input=slide aria-valuetext=move || tr!(pipeline_token_said, number = step.get() + 1, place = context())/>
            <span id="token-context">{context}</span>
            <Show when=chosen>
                <button id="deciding-token" class="chip" title=tr!(pipeline_deciding_hint) on:click=move |_| state.choose_token(0)>{tr!(pipeline_deciding)}</button>
            </Show>
        </div>
    }
}

impl AppState {
    /// Shows the numbers of a token, counted from 1; 0 is the deciding one.
    pub(super) fn choose_token(&self, token: usize) {
        self.change(HistoryEntry::Same, |settings| settings.token = token);
    }
}

/// The last `most` characters of a text, from a word on.
fn tail(text: &str, most: usize) -> String {
    let Some((cut, _)) = text.char_indices().rev().nth(most) else { return text.into() };
    let end = &text[cut..];
    format!("…{}", end.split_once(' ').map_or(end, |(_, rest)| rest))
}

/// One sentence on what the numbers of the chosen token mean.
fn verdict(state: AppState, position: Option<ComparedPosition>, repaired: Option<ComparedPosition>) -> String {
    let Some(ComparedPosition { metrics, .. }) = position else { return "\u{a0}".into() };
    if is_dense(state) {
        return "\u{a0}".into();
    }
    let step = state.chosen_step.get();
    let is_behind = |parting: Option<usize>| parting.is_some_and(|parting| step > parting);
    if is_behind(state.first_divergence()) {
        return tr!(pipeline_two_contexts);
    }
    let numbers = verdict::at_token(&metrics, step);
    let changes = state.results.repair().with(|repair| repair.as_ref().is_some_and(|it| it.changes_the_model()));
    match repaired.filter(|_| {
        changes && !is_behind(state.repaired_divergence()) && state.results.not_finite().with(Option::is_none)
    }) {
        Some(repaired) => format!("{numbers}. {}.", verdict::repaired(&metrics, &repaired.metrics, step)),
        None => format!("{numbers}."),
    }
}
