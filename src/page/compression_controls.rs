//! Sparsity and quantization: which weights are removed, how the rest is rounded, in which layers, and with which calibration text.

use std::str::FromStr;

use leptos::prelude::*;
use web_sys::HtmlTextAreaElement;

use super::address::HistoryEntry;
use super::state::AppState;
use super::status::Progress;
use super::terms::Term;
use prunescope_figures::figure::weights::memory;
use prunescope_localization::{PLACE, around, tr};
use prunescope_protocol::prune::quantization::{BITS, GROUPS};
use prunescope_protocol::prune::sparsity::MAX_PERCENT;
use prunescope_protocol::prune::{
    Footprint, LayerRange, MatrixGroup, Pattern, PruningPlan, Quantization, QuantizationMethod, Sparsity,
    SparsityMethod,
};

/// The pattern set when a method is first chosen.
const FIRST_PATTERN: Pattern = Pattern::Percent(50);

/// A menu bound to one part of the plan.
#[component]
fn Menu(
    /// Its id.
    id: &'static str,
    /// Its name.
    label: String,
    /// Value and text of each entry.
    options: Vec<(String, String)>,
    /// The current value.
    chosen: Signal<String>,
    /// Called with the chosen value.
    choose: Callback<String>,
    /// Whether it is disabled.
    #[prop(into, default = Signal::stored(false))]
    disabled: Signal<bool>,
) -> impl IntoView {
    view! {
        <select id=id aria-label=label disabled=disabled on:change=move |event| choose.run(event_target_value(&event))>
            {options.into_iter().map(|(value, text)| {
                let own = value.clone();
                view! { <option value=value prop:selected=move || chosen.get() == own>{text}</option> }
            }).collect_view()}
        </select>
    }
}

fn plan_part<T: Send + Sync + 'static>(state: AppState, part: fn(&PruningPlan) -> T) -> impl Fn() -> T + Copy {
    move || state.settings.with(|settings| part(&settings.run.plan))
}

fn choose(state: AppState, how: impl Fn(&mut PruningPlan, String) + Send + Sync + 'static) -> Callback<String> {
    Callback::new(move |value: String| state.change(HistoryEntry::New, |settings| how(&mut settings.run.plan, value)))
}

/// The row of compression controls.
#[component]
pub(super) fn CompressionControls() -> impl IntoView {
    let state = expect_context::<AppState>();
    let sparse = plan_part(state, |plan| plan.sparse);
    let quant = plan_part(state, |plan| plan.quant);
    let edits = move || sparse().is_some() || quant().is_some();
    let entries = |all: [(String, String); 3]| {
        std::iter::once((String::new(), tr!(compression_none))).chain(all).collect::<Vec<_>>()
    };
    let methods = SparsityMethod::ALL.map(|(method, key, name)| {
        (key.to_string(), if method == SparsityMethod::Magnitude { tr!(compression_magnitude) } else { name.into() })
    });
    let roundings = QuantizationMethod::ALL.map(|(method, key, name)| {
        (
            key.to_string(),
            if method == QuantizationMethod::RoundToNearest { tr!(compression_nearest) } else { name.into() },
        )
    });
    let set_method = choose(state, |plan, key| {
        let pattern = plan.sparse.map_or(FIRST_PATTERN, |sparse| sparse.pattern);
        let method = SparsityMethod::ALL.into_iter().find(|(_, other, _)| *other == key).map(|(method, ..)| method);
        plan.sparse = method.map(|method| Sparsity { method, pattern });
    });
    let set_pattern = choose(state, |plan, value| {
        if let Some(sparse) = &mut plan.sparse {
            sparse.pattern = match value.as_str() {
                "2:4" => Pattern::TwoOfFour,
                "4:8" => Pattern::FourOfEight,
                _ => FIRST_PATTERN,
            };
        }
    });
    let set_rounding = choose(state, |plan, key| {
        let Quantization { bits, group, .. } =
            plan.quant.unwrap_or(Quantization { method: QuantizationMethod::RoundToNearest, bits: 4, group: 64 });
        let found = QuantizationMethod::ALL.into_iter().find(|(_, other, _)| *other == key);
        plan.quant = found.map(|(method, ..)| Quantization { method, bits, group });
    });
    let set_bits = choose(state, |plan, value| {
        if let (Some(quant), Ok(bits)) = (&mut plan.quant, value.parse()) {
            quant.bits = bits;
        }
    });
    let set_group = choose(state, |plan, value| {
        if let (Some(quant), Ok(group)) = (&mut plan.quant, value.parse()) {
            quant.group = group;
        }
    });
    let set_on = choose(state, |plan, value| plan.on = value.parse().unwrap_or_default());
    let pattern = Signal::derive(move || match sparse().map(|sparse| sparse.pattern) {
        Some(pattern) if pattern.percent().is_none() => pattern.to_string(),
        _ => String::new(),
    });
    let percent = move || sparse().and_then(|sparse| sparse.pattern.percent());
    let uneven = move || sparse().is_some_and(|sparse| sparse.pattern.is_outlier_weighed());
    let set_uneven = move |event: leptos::ev::Event| {
        let uneven = event_target_checked(&event);
        state.change(HistoryEntry::New, |settings| {
            if let Some(sparse) = &mut settings.run.plan.sparse
                && let Some(percent) = sparse.pattern.percent()
            {
                sparse.pattern = Pattern::of_percent(percent, uneven);
            }
        });
    };
    let dragging = StoredValue::new(false);
    let slide = move |event: leptos::ev::Event| {
        let Ok(percent) = u8::from_str(&event_target_value(&event)) else { return };
        let entry = if dragging.get_value() { HistoryEntry::Same } else { HistoryEntry::New };
        dragging.set_value(true);
        state.change(entry, |settings| {
            if let Some(sparse) = &mut settings.run.plan.sparse {
                sparse.pattern = Pattern::of_percent(percent.min(MAX_PERCENT), sparse.pattern.is_outlier_weighed());
            }
        });
    };
    let own = |key: &'static str| (key.to_string(), key.to_string());
    let patterns = vec![(String::new(), tr!(compression_ratio)), own("2:4"), own("4:8")];
    let bits = BITS.iter().map(|bits| (bits.to_string(), tr!(compression_bits, count = *bits))).collect();
    let groups = GROUPS.iter().map(|size| (size.to_string(), tr!(compression_group, size = *size))).collect();
    // Updates while a slider is dragged: it needs the plan and the model's shape, but no run.
    let footprint = move || {
        let plan = state.settings.with(|settings| settings.run.plan.clone());
        state.model.with(|model| model.as_ref().map(|model| Footprint::of(&plan, &model.config)).unwrap_or_default())
    };
    view! {
        <div class="thinning" role="group" aria-label=tr!(compression_title)>
            <span class="thin">
                <b><Term term="removed">{tr!(compression_remove)}</Term></b>
                <Menu id="sparse-method" label=tr!(compression_remove_method) options=entries(methods)
                    chosen=Signal::derive(move || sparse().map_or(String::new(), |sparse| sparse.method.key().into())) choose=set_method/>
                <Menu id="sparse-pattern" label=tr!(compression_pattern) options=patterns
                    chosen=pattern choose=set_pattern disabled=Signal::derive(move || sparse().is_none())/>
                <input id="sparse-ratio" type="range" min="0" max=MAX_PERCENT.to_string() aria-label=tr!(compression_percent)
                    prop:value=move || percent().unwrap_or(50).to_string() disabled=move || percent().is_none()
                    on:input=slide on:change=move |_| dragging.set_value(false)/>
                <output for="sparse-ratio">{move || percent().map_or("–".into(), |percent| format!("{percent} %"))}</output>
                <label class="check" title=tr!(compression_uneven_hint)>
                    <input type="checkbox" id="sparse-uneven" prop:checked=uneven disabled=move || percent().is_none() on:change=set_uneven/>
                    {tr!(compression_uneven)}
                </label>
            </span>
            <span class="thin">
                <b><Term term="rounded">{tr!(compression_round)}</Term></b>
                <Menu id="quant-method" label=tr!(compression_round_method) options=entries(roundings)
                    chosen=Signal::derive(move || quant().map_or(String::new(), |quant| quant.method.key().into())) choose=set_rounding/>
                <Menu id="quant-bits" label=tr!(compression_bits_label) options=bits
                    chosen=Signal::derive(move || quant().map_or(4, |quant| quant.bits).to_string()) choose=set_bits
                    disabled=Signal::derive(move || quant().is_none())/>
                <Menu id="quant-group" label=tr!(compression_group_label) options=groups
                    chosen=Signal::derive(move || quant().map_or(64, |quant| quant.group).to_string()) choose=set_group
                    disabled=Signal::derive(move || quant().is_none())/>
            </span>
            <Show when=edits>
                <span class="thin">
                    <b>{tr!(compression_in)}</b>
                    <Menu id="plan-on" label=tr!(compression_matrices) options=MatrixGroup::ALL.map(|(group, key, _)| (key.to_string(), group_name(group))).into()
                        chosen=Signal::derive(move || plan_part(state, |plan| plan.on)().to_string()) choose=set_on/>
                    <Range/>
                    <small id="plan-memory">{move || memory(&footprint())}</small>
                </span>
                <CalibrationText/>
            </Show>
            <Progress of_run=true id="run-progress"/>
        </div>
    }
}

/// A group of matrices in words.
fn group_name(group: MatrixGroup) -> String {
    match group {
        MatrixGroup::All => tr!(compression_matrices_all),
        MatrixGroup::Attention => tr!(compression_matrices_attention),
        MatrixGroup::Mlp => tr!(compression_matrices_mlp),
    }
}

/// The first and last layer that sparsity and quantization apply to.
#[component]
fn Range() -> impl IntoView {
    let state = expect_context::<AppState>();
    let last_layer = move || state.layer_count().saturating_sub(1);
    let range = move || {
        let whole = LayerRange { first: 0, last: last_layer() };
        state.settings.with(|settings| settings.run.plan.layers.unwrap_or(whole))
    };
    let change = move |is_first: bool, event: leptos::ev::Event| {
        let input = event_target::<web_sys::HtmlInputElement>(&event);
        if let Ok(layer) = input.value().parse::<usize>() {
            let (layer, LayerRange { first, last }) = (layer.min(last_layer()), range());
            let (first, last) = if is_first { (layer, last.max(layer)) } else { (first.min(layer), layer) };
            let whole = first == 0 && last == last_layer();
            let layers = (!whole).then_some(LayerRange { first, last });
            state.change(HistoryEntry::New, |settings| settings.run.plan.layers = layers);
        }
        // Shows the value in use in place of one that was refused.
        input.set_value(&if is_first { range().first } else { range().last }.to_string());
    };
    let (before, rest) = around(&tr!(compression_layers, first = PLACE, last = PLACE));
    let (between, behind) = around(&rest);
    view! {
        {before}
        <input id="layers-first" class="layer-number" type="number" min="0" max=move || last_layer().to_string() aria-label=tr!(compression_first)
            prop:value=move || range().first.to_string() on:change=move |event| change(true, event)/>
        {between}
        <input id="layers-last" class="layer-number" type="number" min="0" max=move || last_layer().to_string() aria-label=tr!(compression_last)
            prop:value=move || range().last.to_string() on:change=move |event| change(false, event)/>
        {behind}
    }
}

/// The calibration text of Wanda, SparseGPT, OWL, AWQ and GPTQ.
#[component]
fn CalibrationText() -> impl IntoView {
    let state = expect_context::<AppState>();
    let area = NodeRef::<leptos::html::Textarea>::new();
    let text = state.measurements.calibration;
    let take = move |_| {
        if let Some(area) = area.get_untracked() {
            let area: &HtmlTextAreaElement = &area;
            state.calibrate(area.value().trim().to_string());
        }
    };
    view! {
        <details class="more">
            <summary>{move || if text.with(String::is_empty) { tr!(compression_text_built_in) } else { tr!(compression_text_own) }}</summary>
            <p class="hint">{tr!(compression_text_hint)}</p>
            <textarea id="calibration" rows="3" node_ref=area prop:value=move || text.get() placeholder=tr!(compression_text_placeholder)
                aria-label=tr!(compression_text)></textarea>
            <button on:click=take>{tr!(compression_text_use)}</button>
        </details>
    }
}
