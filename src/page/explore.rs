//! Below the first screen: cosine by layer (paper fig. 2), metrics by step (fig. 8), top tokens (fig. 7).

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::chart_view::{Chart, ChartView};
use super::state::{AppState, HistoryEntry};
use super::texts::visible;
use crate::chart::{Band, BarChart, BarRow, Ink, LineChart, Series};
use crate::model::SublayerKind;
use crate::results::{ComparedPosition, LayerTransition, Metrics};
use crate::settings::{View, link};

/// The views with their names.
const VIEWS: [(View, &str); 3] =
    [(View::Layers, "Layer by layer"), (View::Steps, "Token by token"), (View::Tokens, "Top tokens")];
/// How many of each model's likeliest tokens the bars show.
const BARS: usize = 6;

/// The tabs and the open one.
#[component]
pub fn Explore() -> impl IntoView {
    let state = expect_context::<AppState>();
    let open = Memo::new(move |_| state.settings.with(|settings| settings.view));
    let choose = move |view: View| state.change(HistoryEntry::New, |settings| settings.view = view);
    let key = move |event: KeyboardEvent| {
        let at = VIEWS.iter().position(|(view, _)| *view == open.get_untracked()).unwrap_or(0);
        let next = match event.key().as_str() {
            "ArrowRight" => (at + 1) % VIEWS.len(),
            "ArrowLeft" => (at + VIEWS.len() - 1) % VIEWS.len(),
            _ => return,
        };
        event.prevent_default();
        choose(VIEWS[next].0);
        let tab = document().get_element_by_id(&format!("tab-{}", link::view_name(VIEWS[next].0)));
        if let Some(tab) = tab {
            let _ = tab.unchecked_into::<web_sys::HtmlElement>().focus();
        }
    };
    view! {
        <section class="panel explore" aria-label="Charts" class:stale=move || state.is_stale()>
            <div class="tabs" role="tablist" aria-label="Charts" on:keydown=key>
                {VIEWS.map(|(view, name)| view! {
                    <button role="tab" id=format!("tab-{}", link::view_name(view)) aria-controls="view"
                        aria-selected=move || (open.get() == view).to_string() tabindex=move || if open.get() == view { "0" } else { "-1" }
                        on:click=move |_| choose(view)>{name}</button>
                }).collect_view()}
            </div>
            <div id="view" role="tabpanel" aria-labelledby=move || format!("tab-{}", link::view_name(open.get()))>
                {move || match open.get() {
                    View::Layers => view! { <Layers/> }.into_any(),
                    View::Steps => view! { <Steps/> }.into_any(),
                    View::Tokens => view! { <Tokens/> }.into_any(),
                }}
            </div>
        </section>
    }
}

/// Fig. 2: what dropping each sublayer alone does to the dense residual stream.
#[component]
fn Layers() -> impl IntoView {
    let state = expect_context::<AppState>();
    let with_norm = RwSignal::new(false);
    let chart = move |kind: SublayerKind| {
        Signal::derive(move || state.layers.with(|layers| layer_chart(layers.values(), kind, with_norm.get())))
    };
    let measured = move || state.layers.with(|layers| layers.len());
    view! {
        <p class="lead">
            "If this one sublayer alone were dropped, how similar would the dense model stay right there? Logits hardly notice; probabilities do. "
            {move || format!("Lines: mean over {} generated token(s); bands: lowest to highest.", measured())}
        </p>
        <label class="check">
            <input type="checkbox" id="with-norm" prop:checked=move || with_norm.get() on:change=move |event| with_norm.set(event_target_checked(&event))/>
            "with the final norm before the LM head (“logit lens”); the paper's script leaves it out"
        </label>
        <div class="charts two">
            <ChartView id="chart-attention" title="Dropping one attention sublayer" chart=chart(SublayerKind::Attention)/>
            <ChartView id="chart-mlp" title="Dropping one MLP sublayer" chart=chart(SublayerKind::Mlp)/>
        </div>
    }
}

/// Three lines with bands over the layers, or nothing before there are results.
fn layer_chart<'a>(
    steps: impl Iterator<Item = &'a Vec<LayerTransition>>,
    kind: SublayerKind,
    with_norm: bool,
) -> Option<Chart> {
    let steps: Vec<Vec<&LayerTransition>> =
        steps.map(|step| step.iter().filter(|transition| transition.sublayer == kind).collect()).collect();
    let layers = steps.first()?.len();
    let line = |name: &str, ink: Ink, of: fn(&Metrics) -> f32| {
        let column = |layer: usize| {
            let pick = move |step: &Vec<&LayerTransition>| {
                step.get(layer).map(|transition| {
                    f64::from(of(if with_norm { &transition.with_final_norm } else { &transition.raw }))
                })
            };
            steps.iter().filter_map(pick).collect::<Vec<f64>>()
        };
        let columns: Vec<Vec<f64>> = (0..layers).map(column).collect();
        let fold = |pick: fn(f64, f64) -> f64, start: f64| {
            columns.iter().map(|column| column.iter().copied().fold(start, pick)).collect()
        };
        Series {
            name: name.into(),
            ink,
            dashed: false,
            points: columns
                .iter()
                .enumerate()
                .map(|(layer, column)| (layer as f64, column.iter().sum::<f64>() / column.len() as f64))
                .collect(),
            band: Some(Band { low: fold(f64::min, f64::INFINITY), high: fold(f64::max, f64::NEG_INFINITY) }),
        }
    };
    let series = vec![
        line("p", Ink::Probabilities, |metrics| metrics.cos_p),
        line("h", Ink::Hidden, |metrics| metrics.cos_h),
        line("z", Ink::Logits, |metrics| metrics.cos_z),
    ];
    let y = LineChart::range_of(&series, (0.0, 1.0));
    Some(Chart::Lines(LineChart {
        x_label: "layer".into(),
        y_label: "cosine similarity".into(),
        x: (0.0, layers as f64 - 1.0),
        y,
        series,
    }))
}

/// Fig. 8: the metrics as generation goes on.
#[component]
fn Steps() -> impl IntoView {
    let state = expect_context::<AppState>();
    let chart = move |lines: &'static [Line], y_label: &'static str, at_least: (f64, f64)| {
        Signal::derive(move || {
            let mut series = vec![];
            for line in lines {
                let own = state.steps.with(|steps| {
                    let value = |compared: &Option<_>| {
                        compared
                            .as_ref()
                            .map_or(f64::NAN, |compared: &ComparedPosition| f64::from((line.of)(&compared.metrics)))
                    };
                    steps.iter().map(|step| (step.step as f64, value(&step.compared))).collect::<Vec<_>>()
                });
                let fixed = state.fixed_trajectory.with(|steps| {
                    steps
                        .iter()
                        .enumerate()
                        .map(|(step, metrics)| (step as f64, f64::from((line.of)(metrics))))
                        .collect::<Vec<_>>()
                });
                series.push(Series { name: line.name.into(), ink: line.ink, dashed: false, points: own, band: None });
                if !fixed.is_empty() {
                    series.push(Series {
                        name: format!("{} on the dense text", line.name),
                        ink: line.ink,
                        dashed: true,
                        points: fixed,
                        band: None,
                    });
                }
            }
            let last = series.iter().map(|line| line.points.len()).max().unwrap_or(0);
            if last == 0 {
                return None;
            }
            let y = LineChart::range_of(&series, at_least);
            Some(Chart::Lines(LineChart {
                x_label: "generated token".into(),
                y_label: y_label.into(),
                x: (0.0, last as f64 - 1.0),
                y,
                series,
            }))
        })
    };
    view! {
        <p class="lead">
            "Solid: each model reads its own text, so errors feed back. Dashed: both read the dense model's text. The gap between the two is what the feedback adds."
        </p>
        <div class="charts three">
            <ChartView id="chart-hidden-logits" title="Hidden state and logits"
                chart=chart(&[Line { name: "h", ink: Ink::Hidden, of: |metrics| metrics.cos_h }, Line { name: "z", ink: Ink::Logits, of: |metrics| metrics.cos_z }], "cosine similarity", (0.0, 1.0))/>
            <ChartView id="chart-probabilities" title="Probabilities"
                chart=chart(&[Line { name: "p", ink: Ink::Probabilities, of: |metrics| metrics.cos_p }], "cosine similarity", (0.0, 1.0))/>
            <ChartView id="chart-kl" title="KL(dense ‖ pruned)"
                chart=chart(&[Line { name: "KL", ink: Ink::Probabilities, of: |metrics| metrics.kl_dense_pruned }], "nats", (0.0, 0.1))/>
        </div>
    }
}

/// One line of a chart over steps.
struct Line {
    name: &'static str,
    ink: Ink,
    of: fn(&Metrics) -> f32,
}

/// Fig. 7, left: the likeliest tokens after the prompt in both models.
#[component]
fn Tokens() -> impl IntoView {
    let state = expect_context::<AppState>();
    let chart = Signal::derive(move || {
        state.next_token.with(|next| {
            let top = &next.as_ref()?.top;
            let mut tokens: Vec<_> = top.dense.iter().take(BARS).collect();
            for token in top.pruned.iter().take(BARS) {
                if tokens.iter().all(|other| other.id != token.id) {
                    tokens.push(token);
                }
            }
            let rows = tokens.into_iter().map(|token| BarRow {
                name: visible(&token.text),
                dense: token.dense.into(),
                pruned: token.pruned.into(),
            });
            Some(Chart::Bars(BarChart { rows: rows.collect() }))
        })
    });
    view! {
        <p class="lead">"The tokens that either model finds likeliest right after the prompt, with the probability that each gives them."</p>
        <ChartView id="chart-tokens" title="Next token: dense against pruned" chart height=380.0/>
    }
}
