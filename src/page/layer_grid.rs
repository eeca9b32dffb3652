//! The layer switches: for each layer one for attention, one for the MLP and one for both; and "drop the n least important".

use std::collections::BTreeMap;

use leptos::ev::{KeyboardEvent, MouseEvent, PointerEvent};
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::address::HistoryEntry;
use super::after_paint;
use super::export::save_text;
use super::state::{AppState, EngineStatus};
use super::terms::Term;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::chart::short_number;
use prunescope_localization::tr;
use prunescope_protocol::messages::Request;
use prunescope_protocol::model::{Sublayer, SublayerKind};
use prunescope_protocol::prune::{DropKind, DroppedSublayers, Importance, plan_file};
use prunescope_protocol::settings::Settings;

/// Rise of KL in nats at which a switch's shade by its effect is strongest.
const FULL_SHADE_KL: f32 = 2.0;
/// Rows of the grid, from top to bottom.
const ROWS: [DropKind; 3] = [DropKind::Block, DropKind::Attention, DropKind::Mlp];

/// One switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Switch {
    kind: DropKind,
    layer: usize,
}

impl Switch {
    fn is_off(self, plan: &DroppedSublayers) -> bool {
        self.kind.sublayers(self.layer).all(|sublayer| plan.drops(sublayer))
    }

    fn set(self, settings: &mut Settings, off: bool) {
        self.kind.sublayers(self.layer).for_each(|sublayer| settings.run.plan.drop.set(sublayer, off));
    }

    /// The sublayer that it switches; none if it switches two.
    fn sublayer(self) -> Option<Sublayer> {
        let kind = match self.kind {
            DropKind::Attention => SublayerKind::Attention,
            DropKind::Mlp => SublayerKind::Mlp,
            DropKind::Block => return None,
        };
        Some(Sublayer { layer: self.layer, kind })
    }

    fn name(self) -> String {
        match self.kind {
            DropKind::Attention => tr!(grid_attention, layer = self.layer),
            DropKind::Mlp => tr!(grid_mlp, layer = self.layer),
            DropKind::Block => tr!(grid_layer, layer = self.layer),
        }
    }

    /// Its value in the attribute `data-switch`.
    fn key(self) -> String {
        format!("{}{}", letter(self.kind), self.layer)
    }

    fn from_element(element: &Element) -> Option<Self> {
        let key = element.closest("[data-switch]").ok()??.get_attribute("data-switch")?;
        let kind = ROWS.into_iter().find(|kind| key.starts_with(letter(*kind)))?;
        Some(Self { kind, layer: key[1..].parse().ok()? })
    }
}

/// The letter of a kind in the link parameter `drop=`.
fn letter(kind: DropKind) -> char {
    match kind {
        DropKind::Attention => 'a',
        DropKind::Mlp => 'm',
        DropKind::Block => 'b',
    }
}

/// A drag over the grid, which sets every switch it touches to the same state.
#[derive(Clone, PartialEq)]
struct Stroke {
    off: bool,
    before: DroppedSublayers,
}

/// All switches.
#[component]
pub(super) fn LayerGrid() -> impl IntoView {
    let state = expect_context::<AppState>();
    let stroke = RwSignal::new(None::<Stroke>);
    let focused = RwSignal::new(Switch { kind: DropKind::Attention, layer: 0 });
    let pointed = RwSignal::new(None::<Switch>);
    let by_effect = RwSignal::new(false);
    let grid = NodeRef::<html::Div>::new();
    let layers = Memo::new(move |_| state.layer_count());
    let plan = Memo::new(move |_| state.settings.with(|settings| settings.run.plan.drop.clone()));

    let begin = move |event: PointerEvent| {
        if event.button() != 0 {
            return;
        }
        let Some(switch) = under(&event) else { return };
        let before = plan.get_untracked();
        let off = !switch.is_off(&before);
        stroke.set(Some(Stroke { off, before }));
        focused.set(switch);
        state.change(HistoryEntry::New, |settings| switch.set(settings, off));
    };
    let go_on = move |event: PointerEvent| {
        let switch = under(&event);
        if pointed.get_untracked() != switch {
            pointed.set(switch);
        }
        if let (Some(switch), Some(stroke)) = (switch, stroke.get_untracked()) {
            state.change(HistoryEntry::Same, |settings| switch.set(settings, stroke.off));
        }
    };
    let end = move |_: PointerEvent| stroke.set(None);
    // The browser took over the pointer to scroll, so the touch was not meant for the switches.
    let cancel = move |_: PointerEvent| {
        if let Some(stroke) = stroke.get_untracked() {
            state.change(HistoryEntry::Same, |settings| settings.run.plan.drop = stroke.before);
        }
        stroke.set(None);
    };
    // Assistive technology clicks without a pointer; a pointer's click was already handled on `pointerdown`.
    let click = move |event: MouseEvent| {
        if event.detail() == 0
            && let Some(switch) = event.target().and_then(|target| Switch::from_element(target.unchecked_ref()))
        {
            let off = !switch.is_off(&plan.get_untracked());
            state.change(HistoryEntry::New, |settings| switch.set(settings, off));
        }
    };
    let key = move |event: KeyboardEvent| {
        let Switch { kind, layer } = focused.get_untracked();
        let last = layers.get_untracked().saturating_sub(1);
        let row = ROWS.iter().position(|other| *other == kind).unwrap_or(0);
        let (row, layer) = match event.key().as_str() {
            "ArrowLeft" => (row, layer.saturating_sub(1)),
            "ArrowRight" => (row, (layer + 1).min(last)),
            "ArrowUp" => (row.saturating_sub(1), layer),
            "ArrowDown" => ((row + 1).min(ROWS.len() - 1), layer),
            "Home" => (row, 0),
            "End" => (row, last),
            _ => return,
        };
        event.prevent_default();
        let next = Switch { kind: ROWS[row], layer };
        if event.shift_key() && stroke.get_untracked().is_none() {
            // With shift, the focused switch's state is copied to the next one, as in a drag.
            let off = focused.get_untracked().is_off(&plan.get_untracked());
            state.change(HistoryEntry::New, |settings| next.set(settings, off));
        }
        focused.set(next);
        pointed.set(Some(next));
        if let Some(grid) = grid.get_untracked()
            && let Ok(Some(button)) = grid.query_selector(&format!("[data-switch={}]", next.key()))
        {
            let _ = button.unchecked_into::<HtmlElement>().focus();
        }
    };
    // A switch under the pointer is likely to be pressed: what it would do is measured first, for each run anew.
    let awaited = Memo::new(move |_| {
        let at = pointed.get().and_then(Switch::sublayer)?;
        let is_known = !state.is_stale() && state.results.switches().with(|known| known.contains_key(&at));
        (!is_known && state.engine.get() == EngineStatus::Ready).then(|| (state.newest_run.get(), at))
    });
    Effect::new(move |_| {
        if let Some((_, sublayer)) = awaited.get() {
            state.send(Request::MeasureFirst { sublayer });
        }
    });
    // What the switches are called is for assistive technology, and long: it is written once what can be seen is painted.
    let spoken = RwSignal::new(());
    let to_write = StoredValue::new(false);
    Effect::new(move |_| {
        plan.track();
        state.results.importance().track();
        state.results.switches().track();
        state.is_stale();
        if !to_write.get_value() {
            to_write.set_value(true);
            after_paint(move || {
                to_write.try_set_value(false);
                spoken.try_set(());
            });
        }
    });
    let compare = move |event| {
        let input = event_target_value(&event).parse().unwrap_or_default();
        state.change(HistoryEntry::New, |settings| settings.run.importance = input);
    };
    let save = move |_| {
        let text = state.settings.with_untracked(|settings| plan_file::write(&settings.run.plan));
        save_text(&state, "prunescope-plan.json", "application/json", &text);
    };
    let switch_view = move |switch: Switch| {
        let label = move || {
            spoken.track();
            untrack(|| plan.with(|plan| describe(state, switch, plan)))
        };
        let shade = move || {
            if by_effect.get() {
                effect_shade(state, switch)
            } else {
                shade(switch, state.results.importance().get().as_ref())
            }
        };
        view! {
            <button class="switch" data-switch=switch.key() data-kind=letter(switch.kind).to_string()
                tabindex=move || if focused.get() == switch { "0" } else { "-1" }
                aria-pressed=move || (!plan.with(|plan| switch.is_off(plan))).to_string()
                aria-label=label
                style:--shade=shade
                on:focus=move |_| { focused.set(switch); pointed.set(Some(switch)); }>
                {match switch.kind { DropKind::Block => switch.layer.to_string(), DropKind::Attention => "A".into(), DropKind::Mlp => "M".into() }}
            </button>
        }
    };
    view! {
            <div class="row">
                <h2 id="layers-title">{tr!(grid_title)}</h2>
                // These sliders need more room than an embedded page has.
                <Show when=move || !state.embedded><DropLeast/></Show>
            </div>
            <div class="grid" id="layer-grid" role="group" aria-label=tr!(grid_keys)
                node_ref=grid style:--layers=move || layers.get().to_string()
                on:pointerdown=begin on:pointermove=go_on on:pointerup=end on:pointercancel=cancel
                on:pointerleave=move |event| { end(event); pointed.set(None); }
                on:focusout=move |_| pointed.set(None)
                on:click=click on:keydown=key>
                <For each=move || 0..layers.get() key=|layer| *layer children=move |layer| view! {
                    <div class="layer">{ROWS.map(|kind| switch_view(Switch { kind, layer })).collect_view()}</div>
                }/>
            </div>
            <p class="hint" id="layer-hint">
                {move || match pointed.get() {
                    Some(switch) => describe(state, switch, &plan.get()),
                    None if by_effect.get() => tr!(grid_hint_effect),
                    None => tr!(grid_hint),
                }}
            </p>
            <Show when=move || !state.embedded>
                <div class="row">
                    <label class="check">
                        <input type="checkbox" id="shade-here" prop:checked=move || by_effect.get() on:change=move |event| by_effect.set(event_target_checked(&event))/>
                        {move || tr!(grid_shade_effect, measured = state.results.switches().with(BTreeMap::len), all = 2 * layers.get())}
                    </label>
                    <label class="options">
                        <Term term="importance">{tr!(grid_importance)}" "</Term>
                        <select id="importance" on:change=compare prop:value=move || state.settings.with(|settings| settings.run.importance.to_string())>
                            <option value="residual">{tr!(grid_importance_residual)}</option>
                            <option value="normed">{tr!(grid_importance_normed)}</option>
                        </select>
                    </label>
                    <button class="chip" id="save-plan" on:click=save title=tr!(grid_save_hint)>{tr!(grid_save)}</button>
                </div>
            </Show>
    }
}

/// The switch under a pointer, by coordinates: touch events keep their first target.
fn under(event: &PointerEvent) -> Option<Switch> {
    let at = document().element_from_point(event.client_x() as f32, event.client_y() as f32)?;
    Switch::from_element(&at)
}

/// What flipping a switch would do at this prompt, in words; nothing unless it is measured.
fn effect(state: AppState, switch: Switch) -> Option<String> {
    let at = switch.sublayer()?;
    // Those of an older run are of another plan or prompt.
    if state.is_stale() {
        return None;
    }
    let known = state.results.switches().with(|known| known.get(&at).copied());
    known.map(|known| {
        let to = if known.drops { "off" } else { "on" };
        tr!(grid_effect, to = to, cos = format!("{:.3}", known.cos_p), kl = format!("{:.3}", known.kl_dense_pruned))
    })
}

/// Shade of a switch by how much more of the next token's distribution is lost here when it is switched off too: 0 for
/// nothing, 1 for much.
fn effect_shade(state: AppState, switch: Switch) -> String {
    let now = state.results.next_token().with(|next| next.as_ref().map_or(0.0, |next| next.metrics.kl_dense_pruned));
    let of = |kind| state.results.switches().with(|known| known.get(&Sublayer { layer: switch.layer, kind }).copied());
    let effects = match switch.kind {
        DropKind::Attention => [of(SublayerKind::Attention), None],
        DropKind::Mlp => [of(SublayerKind::Mlp), None],
        DropKind::Block => [of(SublayerKind::Attention), of(SublayerKind::Mlp)],
    };
    let most = effects.into_iter().flatten().map(|effect| effect.kl_dense_pruned).fold(0.0, f32::max);
    format!("{:.2}", ((most - now).max(0.0) / FULL_SHADE_KL).min(1.0).sqrt())
}

/// A switch's state in words, and what flipping it would do.
fn describe(state: AppState, switch: Switch, plan: &DroppedSublayers) -> String {
    let is = if switch.is_off(plan) { "off" } else { "on" };
    let importance = state.results.importance().get();
    let measured = importance.as_ref().and_then(|importance| importance.of(switch.kind).get(switch.layer));
    let name = switch.name();
    let of_state = match measured {
        Some(of) => {
            let importance = short_number(f64::from(of.importance));
            match of.rank {
                0 => tr!(grid_state_least, is = is, switch = name, importance = importance),
                rank => tr!(grid_state_ranked, is = is, switch = name, importance = importance, rank = rank + 1),
            }
        }
        None => tr!(grid_state, is = is, switch = name),
    };
    [of_state].into_iter().chain(effect(state, switch)).collect::<Vec<_>>().join(". ")
}

/// Shade of a switch: 0 for the least important of its kind, 1 for the most important.
fn shade(switch: Switch, importance: Option<&Importance>) -> String {
    let of = importance.map(|importance| importance.of(switch.kind));
    let rank =
        of.and_then(|of| of.get(switch.layer).map(|one| one.rank as f32 / of.len().saturating_sub(1).max(1) as f32));
    format!("{:.2}", rank.unwrap_or(0.0))
}

/// The sliders "drop the n least important".
#[component]
fn DropLeast() -> impl IntoView {
    let state = expect_context::<AppState>();
    let dragging = StoredValue::new(false);
    let slider = move |kind: DropKind, label: String, id: &'static str| {
        let count = move || {
            let layers = state.layer_count();
            state.settings.with(|settings| {
                (0..layers).filter(|layer| Switch { kind, layer: *layer }.is_off(&settings.run.plan.drop)).count()
            })
        };
        let input = move |event: leptos::ev::Event| {
            let wanted = event_target_value(&event).parse().unwrap_or(0);
            let entry = if dragging.get_value() { HistoryEntry::Same } else { HistoryEntry::New };
            dragging.set_value(true);
            if let Some(importance) = state.results.importance().get_untracked() {
                state.change(entry, |settings| {
                    settings.run.plan.drop = importance.drop_least(&settings.run.plan.drop, kind, wanted)
                });
            }
        };
        view! {
            <label class="slider">
                <span>{label}</span>
                <input id=id type="range" min="0" max=move || state.layer_count().to_string() prop:value=move || count().to_string()
                    disabled=move || state.results.importance().with(Option::is_none)
                    on:input=input on:change=move |_| dragging.set_value(false)/>
                <output for=id>{count}</output>
            </label>
        }
    };
    view! {
        <fieldset class="drop-least">
            <legend>{tr!(grid_drop_least)}</legend>
            {slider(DropKind::Attention, tr!(grid_drop_attention), "drop-attention")}
            {slider(DropKind::Mlp, tr!(grid_drop_mlp), "drop-mlp")}
            {slider(DropKind::Block, tr!(grid_drop_blocks), "drop-block")}
        </fieldset>
    }
}
