//! A chart on a canvas: drawn sharp at any size, with a tooltip for pointer and keyboard, and its numbers as a table.

use leptos::ev::{KeyboardEvent, PointerEvent};
use leptos::html;
use leptos::prelude::*;
use leptos_use_element_size::{UseElementSizeReturn, use_element_size};
use leptos_use_preferences::use_preferred_dark;
use plotters::prelude::IntoDrawingArea;
use plotters_canvas::CanvasBackend;

use crate::chart::{BarChart, ChartError, Frame, Ink, LineChart, Theme, short_number};

/// A chart of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Chart {
    /// Lines over a numeric axis.
    Lines(LineChart),
    /// Pairs of bars.
    Bars(BarChart),
}

impl Chart {
    /// Legend: what each colour and dash stands for.
    fn legend(&self) -> Vec<(String, Ink, bool)> {
        match self {
            Self::Lines(chart) => chart.series.iter().map(|line| (line.name.clone(), line.ink, line.dashed)).collect(),
            Self::Bars(_) => vec![("dense".into(), Ink::Dense, false), ("pruned".into(), Ink::Pruned, false)],
        }
    }

    /// All numbers, with a header row.
    fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        match self {
            Self::Lines(chart) => {
                let mut head = vec![chart.x_label.clone()];
                for line in &chart.series {
                    head.push(line.name.clone());
                    if line.band.is_some() {
                        head.extend([format!("{} lowest", line.name), format!("{} highest", line.name)]);
                    }
                }
                let rows = chart.series.iter().map(|line| line.points.len()).max().unwrap_or(0);
                let body = (0..rows).map(|row| {
                    let x = chart.series.iter().find_map(|line| line.points.get(row)).map_or(0.0, |(x, _)| *x);
                    let mut cells = vec![format!("{x:.0}")];
                    for line in &chart.series {
                        let show = |value: Option<&f64>| {
                            value.filter(|y| y.is_finite()).map_or("–".into(), |y| short_number(*y))
                        };
                        cells.push(show(line.points.get(row).map(|(_, y)| y)));
                        if let Some(band) = &line.band {
                            cells.extend([show(band.low.get(row)), show(band.high.get(row))]);
                        }
                    }
                    cells
                });
                (head, body.collect())
            }
            Self::Bars(chart) => {
                let head = ["token", "dense", "pruned"].map(String::from).into();
                let cells = |row: &crate::chart::BarRow| {
                    vec![row.name.clone(), short_number(row.dense), short_number(row.pruned)]
                };
                (head, chart.rows.iter().map(cells).collect())
            }
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Lines(chart) => chart.series.iter().map(|line| line.points.len()).max().unwrap_or(0),
            Self::Bars(chart) => chart.rows.len(),
        }
    }

    /// The row of the table nearest to a place within the drawing, in CSS pixels.
    fn row_at(&self, frame: &Frame, x: f64, y: f64) -> Option<usize> {
        match self {
            Self::Lines(chart) => {
                let points = &chart.series.first()?.points;
                let value = frame.value_at(x, chart.x.0, chart.x.1.max(chart.x.0 + 1.0));
                let nearest = |a: &(usize, &(f64, f64)), b: &(usize, &(f64, f64))| {
                    (a.1.0 - value).abs().total_cmp(&(b.1.0 - value).abs())
                };
                points.iter().enumerate().min_by(nearest).map(|(row, _)| row)
            }
            Self::Bars(chart) => {
                let part = (y - frame.y.0) / (frame.y.1 - frame.y.0).max(1.0);
                (0.0..1.0).contains(&part).then_some((part * chart.rows.len() as f64) as usize)
            }
        }
    }

    /// Where a row's tooltip belongs, in CSS pixels from the left.
    fn place_of(&self, frame: &Frame, row: usize) -> f64 {
        match self {
            Self::Lines(chart) => {
                let x = chart.series.first().and_then(|line| line.points.get(row)).map_or(0.0, |(x, _)| *x);
                frame.x_of(x, chart.x.0, chart.x.1.max(chart.x.0 + 1.0))
            }
            Self::Bars(_) => (frame.x.0 + frame.x.1) / 2.0,
        }
    }

    fn draw(&self, canvas: web_sys::HtmlCanvasElement, theme: Theme, scale: f64) -> Result<Frame, ChartError> {
        let none = || ChartError { why: "this browser gives the page no canvas".into() };
        let area = CanvasBackend::with_canvas_object(canvas).ok_or_else(none)?.into_drawing_area();
        let drawn = match self {
            Self::Lines(chart) => chart.draw(&area, theme, scale)?,
            Self::Bars(chart) => chart.draw(&area, theme, scale)?,
        };
        let css = |(from, to): (f64, f64)| (from / scale, to / scale);
        Ok(Frame { x: css(drawn.x), y: css(drawn.y) })
    }
}

/// A chart with its title, legend, tooltip and table.
#[component]
pub fn ChartView(
    /// Id of the figure.
    id: &'static str,
    /// What it shows.
    title: &'static str,
    /// The chart, once there is something to draw.
    #[prop(into)]
    chart: Signal<Option<Chart>>,
    /// Height in CSS pixels.
    #[prop(default = 230.0)]
    height: f64,
) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    let holder = NodeRef::<html::Div>::new();
    let UseElementSizeReturn { width, .. } = use_element_size(holder);
    let is_dark = use_preferred_dark();
    let frame = RwSignal::new(Frame::default());
    let row = RwSignal::new(None::<usize>);
    Effect::new(move |_| {
        let (Some(canvas), width) = (canvas.get(), width.get()) else { return };
        let theme = if is_dark.get() { Theme::Dark } else { Theme::Light };
        if width < 1.0 {
            return;
        }
        let scale = window().device_pixel_ratio().max(1.0);
        canvas.set_width((width * scale) as u32);
        canvas.set_height((height * scale) as u32);
        chart.with(|chart| {
            if let Some(chart) = chart {
                match chart.draw(canvas, theme, scale) {
                    Ok(drawn) => frame.set(drawn),
                    Err(error) => leptos::logging::warn!("{error}"),
                }
            }
        });
    });
    let point = move |event: PointerEvent| {
        let at = chart.with_untracked(|chart| {
            chart.as_ref().and_then(|chart| {
                chart.row_at(&frame.get_untracked(), f64::from(event.offset_x()), f64::from(event.offset_y()))
            })
        });
        row.set(at);
    };
    let key = move |event: KeyboardEvent| {
        let rows = chart.with_untracked(|chart| chart.as_ref().map_or(0, Chart::rows));
        let now = row.get_untracked();
        let next = match event.key().as_str() {
            "ArrowRight" | "ArrowDown" => now.map_or(0, |now| (now + 1).min(rows.saturating_sub(1))),
            "ArrowLeft" | "ArrowUp" => now.map_or(0, |now| now.saturating_sub(1)),
            "Escape" => return row.set(None),
            _ => return,
        };
        event.prevent_default();
        row.set((rows > 0).then_some(next));
    };
    let tooltip = move || {
        let at = row.get()?;
        chart.with(|chart| {
            let chart = chart.as_ref()?;
            let (head, body) = chart.table();
            let cells = body.get(at)?.clone();
            let frame = frame.get();
            let left = chart.place_of(&frame, at);
            let flip = left > width.get() / 2.0;
            let is_line = matches!(chart, Chart::Lines(_));
            Some(view! {
                <Show when=move || is_line>
                    <span class="cursor" style=format!("left:{left:.1}px;top:{:.0}px;height:{:.0}px", frame.y.0, frame.y.1 - frame.y.0)></span>
                </Show>
                <dl class="tooltip" role="status" class:flip=flip style=format!("left:{left:.1}px")>
                    {head.into_iter().zip(cells).map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> }).collect_view()}
                </dl>
            })
        })
    };
    view! {
        <figure class="chart" id=id>
            <figcaption>
                <b>{title}</b>
                <span class="legend">
                    {move || chart.get().map(|chart| chart.legend().into_iter().map(|(name, ink, dashed)| view! {
                        <span class=format!("key {}", ink.class()) class:dashed=dashed>{name}</span>
                    }).collect_view())}
                </span>
            </figcaption>
            <div class="canvas" node_ref=holder style:height=format!("{height}px")>
                <canvas node_ref=canvas style:height=format!("{height}px") tabindex="0" role="img"
                    aria-label=format!("Chart: {title}. Arrow keys read its values; a table follows.")
                    on:pointermove=point on:pointerleave=move |_| row.set(None) on:keydown=key on:blur=move |_| row.set(None)></canvas>
                {tooltip}
                <Show when=move || chart.with(Option::is_none)><p class="waiting">"Computing…"</p></Show>
            </div>
            <details class="table">
                <summary>"Numbers as a table"</summary>
                {move || chart.get().map(|chart| {
                    let (head, body) = chart.table();
                    view! {
                        <div class="scroll" tabindex="0" role="region" aria-label=format!("{title}, as a table")>
                            <table>
                                <thead><tr>{head.into_iter().map(|cell| view! { <th scope="col">{cell}</th> }).collect_view()}</tr></thead>
                                <tbody>{body.into_iter().map(|cells| view! {
                                    <tr>{cells.into_iter().map(|cell| view! { <td>{cell}</td> }).collect_view()}</tr>
                                }).collect_view()}</tbody>
                            </table>
                        </div>
                    }
                })}
            </details>
        </figure>
    }
}
