//! A figure on a canvas: sharp at any size, with a tooltip for pointer and keyboard, an explanation, its numbers as a table, and both
//! as files.

use std::time::Duration;

use leptos::ev::{KeyboardEvent, MouseEvent, PointerEvent};
use leptos::html;
use leptos::prelude::*;
use leptos_use_element_size::{UseElementSizeReturn, use_element_size};
use leptos_use_element_visibility::use_element_visibility;
use leptos_use_preferences::use_preferred_dark;
use plotters::prelude::IntoDrawingArea;
use plotters_canvas::CanvasBackend;

use super::export::{save_address, save_text};
use super::session::InSavedPage;
use super::state::{AppState, EngineStatus};
use crate::presentation::PageTheme;
use crate::run_results::RunResultsStoreFields;
use prunescope_figures::chart::{Chart, ChartError, Frame, Ink, Theme};
use prunescope_figures::figure::Figure;
use prunescope_localization::tr;

/// Draws a chart on a canvas; the frame is in CSS pixels.
fn draw(chart: &Chart, canvas: web_sys::HtmlCanvasElement, theme: Theme, scale: f64) -> Result<Frame, ChartError> {
    let none = || ChartError { why: "this browser gives the page no canvas".into() };
    let area = CanvasBackend::with_canvas_object(canvas).ok_or_else(none)?.into_drawing_area();
    let drawn = chart.draw(&area, theme, scale)?;
    let css = |(from, to): (f64, f64)| (from / scale, to / scale);
    Ok(Frame { x: css(drawn.x), y: css(drawn.y) })
}

/// How long a chart that is out of sight waits for further changes before it is drawn: what is in sight comes first.
const OUT_OF_SIGHT: Duration = Duration::from_millis(300);

/// Width of a chart in a saved page, in CSS pixels.
const SAVED_WIDTH: u32 = 560;

/// A figure as a picture with its numbers; nothing where there is none.
fn saved_chart(
    id: &'static str,
    title: String,
    figure: Option<Figure>,
    height: f64,
    aspect: Option<f64>,
) -> Option<impl IntoView> {
    let Figure { chart, sentence, .. } = figure?;
    let height = aspect.map_or(height, |aspect| height.min(aspect * f64::from(SAVED_WIDTH)));
    let picture = chart.svg(Theme::Light, SAVED_WIDTH, height as u32).ok()?;
    Some(view! {
        <figure class="chart" id=id>
            <figcaption><b>{title.clone()}</b><span class="legend">{legend(&chart)}</span></figcaption>
            <div role="img" aria-label=title inner_html=picture></div>
            <p class="sentence">{sentence}</p>
            <details class="table"><summary>{tr!(chart_table)}</summary><div class="scroll">{numbers(&chart)}</div></details>
        </figure>
    })
}

/// The names of a chart's lines or bars, in their colours.
fn legend(chart: &Chart) -> impl IntoView + use<> {
    let key = |(name, ink, dashed): (String, Ink, bool)| view! { <span class=format!("key {}", ink.class()) class:dashed=dashed>{name}</span> };
    chart.legend().into_iter().map(key).collect_view()
}

/// A chart's numbers as a table.
fn numbers(chart: &Chart) -> impl IntoView + use<> {
    let (head, body) = chart.table();
    view! {
        <table>
            <thead><tr>{head.into_iter().map(|cell| view! { <th scope="col">{cell}</th> }).collect_view()}</tr></thead>
            <tbody>{body.into_iter().map(|cells| view! {
                <tr>{cells.into_iter().map(|cell| view! { <td>{cell}</td> }).collect_view()}</tr>
            }).collect_view()}</tbody>
        </table>
    }
}

/// A figure with its title, legend, tooltip, explanation, table and files.
#[component]
pub(super) fn ChartView(
    /// Id of the figure, and the name of its files.
    id: &'static str,
    /// Its title.
    #[prop(into)]
    title: String,
    /// The figure, once there is something to draw.
    #[prop(into)]
    figure: Signal<Option<Figure>>,
    /// Height in CSS pixels.
    #[prop(default = 230.0)]
    height: f64,
    /// Greatest height as a share of the width, for figures that need no more.
    #[prop(optional)]
    aspect: Option<f64>,
    /// Text shown while there is no figure, if its numbers are not simply being computed.
    #[prop(into, default = Signal::stored(None::<String>))]
    waiting: Signal<Option<String>>,
    /// Called with a row that is clicked, or chosen by the keyboard, where rows lead somewhere.
    #[prop(optional)]
    choose: Option<Callback<usize>>,
) -> impl IntoView {
    if use_context::<InSavedPage>().is_some() {
        return saved_chart(id, title, figure.get_untracked(), height, aspect).into_any();
    }
    let state = expect_context::<AppState>();
    // A memo, so that events that do not change this figure do not redraw it.
    let figure = Memo::new(move |_| figure.get());
    let canvas = NodeRef::<html::Canvas>::new();
    let holder = NodeRef::<html::Div>::new();
    let UseElementSizeReturn { width: observed, .. } = use_element_size(holder);
    // Set with the next animation frame: changing the height within the observer's callback would be reported as a loop error.
    let width = RwSignal::new(0.0);
    Effect::new(move |_| {
        let observed = observed.get();
        request_animation_frame(move || {
            width.try_set(observed);
        });
    });
    let height = Memo::new(move |_| aspect.map_or(height, |aspect| height.min((aspect * width.get()).max(60.0))));
    let prefers_dark = use_preferred_dark();
    let is_dark = Memo::new(move |_| match state.presentation.with(|presentation| presentation.theme) {
        PageTheme::Auto => prefers_dark.get(),
        theme => theme == PageTheme::Dark,
    });
    let theme = move || if is_dark.get() { Theme::Dark } else { Theme::Light };
    let frame = RwSignal::new(Frame::default());
    let row = RwSignal::new(None::<usize>);
    let table_open = RwSignal::new(false);
    let is_in_sight = use_element_visibility(holder);
    let is_drawn = StoredValue::new(true);
    let redraw = move || {
        // A late call may come after the chart is gone.
        let canvas = canvas.try_get_untracked().flatten()?;
        let (width, theme) = (width.try_get_untracked().filter(|width| *width >= 1.0)?, untrack(theme));
        is_drawn.set_value(true);
        let scale = window().device_pixel_ratio().max(1.0);
        canvas.set_width((width * scale) as u32);
        canvas.set_height((height.get_untracked() * scale) as u32);
        match figure.with_untracked(|figure| Some(draw(&figure.as_ref()?.chart, canvas, theme, scale)))? {
            Ok(drawn) => frame.set(drawn),
            Err(error) => leptos::logging::warn!("{error}"),
        }
        Some(())
    };
    let mut redraw_later = debounce(OUT_OF_SIGHT, move |()| {
        redraw();
    });
    Effect::new(move |_| {
        canvas.track();
        width.track();
        height.track();
        is_dark.track();
        figure.track();
        is_drawn.set_value(false);
        if is_in_sight.get_untracked() {
            redraw();
        } else {
            redraw_later(());
        }
    });
    Effect::new(move |_| {
        if is_in_sight.get() && !is_drawn.get_value() {
            redraw();
        }
    });
    let with_chart = move |then: &mut dyn FnMut(&Chart)| {
        figure.with_untracked(|figure| {
            if let Some(figure) = figure {
                then(&figure.chart);
            }
        });
    };
    let row_at = move |event: &MouseEvent| {
        let mut at = None;
        with_chart(&mut |chart| {
            at = chart.row_at(&frame.get_untracked(), f64::from(event.offset_x()), f64::from(event.offset_y()));
        });
        at
    };
    let point = move |event: PointerEvent| {
        let at = row_at(&event);
        if row.get_untracked() != at {
            row.set(at);
        }
    };
    // Not by the row under the pointer, which a finger has left by then.
    let click = move |event: MouseEvent| {
        if let Some((choose, at)) = choose.zip(row_at(&event)) {
            choose.run(at);
        }
    };
    let key = move |event: KeyboardEvent| {
        let mut rows = 0;
        with_chart(&mut |chart| rows = chart.rows());
        let now = row.get_untracked();
        let next = match event.key().as_str() {
            "ArrowRight" | "ArrowDown" => now.map_or(0, |now| (now + 1).min(rows.saturating_sub(1))),
            "ArrowLeft" | "ArrowUp" => now.map_or(0, |now| now.saturating_sub(1)),
            "Escape" => return row.set(None),
            "Enter" => {
                if let Some((choose, at)) = choose.zip(now) {
                    choose.run(at);
                }
                return;
            }
            _ => return,
        };
        event.prevent_default();
        row.set((rows > 0).then_some(next));
    };
    let tooltip = move || {
        let at = row.get()?;
        figure.with(|figure| {
            let chart = &figure.as_ref()?.chart;
            let cells = chart.tooltip(at);
            let frame = frame.get();
            let left = chart.place_of(&frame, at);
            let flip = left > width.get() / 2.0;
            let is_line = matches!(chart, Chart::Lines(_));
            Some(view! {
                <Show when=move || is_line>
                    <span class="cursor" style:--at=format!("{left:.1}px") style:top=format!("{:.0}px", frame.y.0) style:height=format!("{:.0}px", frame.y.1 - frame.y.0)></span>
                </Show>
                <dl class="tooltip" role="status" class:flip=flip style:--at=format!("{left:.1}px")>
                    {cells.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> }).collect_view()}
                </dl>
            })
        })
    };
    let save_csv = move |_| with_chart(&mut |chart| save_text(&state, &format!("{id}.csv"), "text/csv", &chart.csv()));
    let save_svg = move |_| {
        let theme = if is_dark.get_untracked() { Theme::Dark } else { Theme::Light };
        with_chart(&mut |chart| match chart.svg(theme, width.get_untracked() as u32, height.get_untracked() as u32) {
            Ok(text) => save_text(&state, &format!("{id}.svg"), "image/svg+xml", &text),
            Err(error) => state.notices.update(|notices| notices.push(error.to_string())),
        });
    };
    let save_png = move |_| {
        if let Some(Ok(address)) = canvas.get_untracked().map(|canvas| canvas.to_data_url()) {
            save_address(&state, &format!("{id}.png"), &address);
        }
    };
    let none = move || figure.with(Option::is_none);
    let waiting = move || {
        if let Some(said) = waiting.get() {
            said
        } else if state.recorded.with(Option::is_some) {
            tr!(chart_not_recorded)
        } else if state.engine.get() == EngineStatus::Down {
            tr!(chart_no_model)
        } else if state.failure.with(Option::is_some) {
            tr!(chart_not_computed)
        } else {
            tr!(chart_computing)
        }
    };
    let sentence = move || {
        if state.results.not_finite().with(Option::is_some) {
            return Some(tr!(chart_not_finite));
        }
        figure.with(|figure| figure.as_ref().map(|figure| figure.sentence.clone()))
    };
    let canvas_name = tr!(chart_canvas, title = title.as_str());
    let table_name = tr!(chart_as_table, title = title.as_str());
    let save_name = tr!(chart_save, title = title.as_str());
    view! {
        <figure class="chart" id=id>
            <figcaption>
                <b>{title}</b>
                <span class="legend">
                    {move || figure.with(|figure| figure.as_ref().map(|figure| legend(&figure.chart)))}
                </span>
            </figcaption>
            <div class="canvas" node_ref=holder style:height=move || format!("{}px", height.get())>
                <canvas node_ref=canvas style:height=move || format!("{}px", height.get()) tabindex="0" role="img"
                    aria-label=canvas_name
                    class:leads=move || choose.is_some() && row.with(Option::is_some)
                    on:pointermove=point on:click=click on:pointerleave=move |_| row.set(None) on:keydown=key on:blur=move |_| row.set(None)></canvas>
                {tooltip}
                <Show when=none><p class="waiting">{waiting}</p></Show>
            </div>
            <p class="sentence">{sentence}</p>
            <div class="row">
                <details class="table" on:toggle=move |event| table_open.set(event_target::<web_sys::Element>(&event).has_attribute("open"))>
                    <summary>{tr!(chart_table)}</summary>
                    {move || table_open.get().then(|| figure.get()).flatten().map(|figure| view! {
                        <div class="scroll" tabindex="0" role="region" aria-label=table_name.clone()>{numbers(&figure.chart)}</div>
                    })}
                </details>
                <Show when=move || !state.embedded>
                    <span class="save" role="group" aria-label=save_name.clone()>
                        <button data-save="png" disabled=none on:click=save_png>"PNG"</button>
                        <button data-save="svg" disabled=none on:click=save_svg>"SVG"</button>
                        <button data-save="csv" disabled=none on:click=save_csv>"CSV"</button>
                    </span>
                </Show>
            </div>
        </figure>
    }
    .into_any()
}
