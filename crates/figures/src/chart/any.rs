//! A chart of any kind: drawing, legend and table of numbers.

use plotters::coord::Shift;
use plotters::prelude::*;
use prunescope_localization::tr;

use super::{BarChart, ChartError, Frame, HeatMap, Ink, LineChart, ScatterChart, SlopeChart, Theme, short_number};

/// A legend entry: name, colour, whether dashed.
pub type Legend = (String, Ink, bool);

/// A chart of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Chart {
    /// Lines over a numeric axis.
    Lines(LineChart),
    /// Rows of bars.
    Bars(BarChart),
    /// Ranks on two sides.
    Slopes(SlopeChart),
    /// Points over two numeric axes.
    Scatter(ScatterChart),
    /// A picture of a matrix.
    Heat(HeatMap),
}

impl Chart {
    /// The legend's entries.
    pub fn legend(&self) -> Vec<Legend> {
        match self {
            Self::Lines(chart) => chart.series.iter().map(|line| (line.name.clone(), line.ink, line.dashed)).collect(),
            Self::Bars(chart) => chart.bars.iter().map(|(name, ink)| (name.clone(), *ink, false)).collect(),
            Self::Slopes(_) => {
                vec![(tr!(figure_slope_better), Ink::Dense, false), (tr!(figure_slope_worse), Ink::Pruned, false)]
            }
            Self::Scatter(chart) => chart.legend.clone(),
            Self::Heat(_) => vec![(tr!(figure_heat_kept), Ink::Hidden, false)],
        }
    }

    /// Names of the table's columns.
    fn head(&self) -> Vec<String> {
        match self {
            Self::Lines(chart) => {
                let mut head = vec![chart.x_label.clone()];
                for line in &chart.series {
                    head.push(line.name.clone());
                    if line.band.is_some() {
                        let name = line.name.as_str();
                        head.extend([tr!(figure_lowest, name = name), tr!(figure_highest, name = name)]);
                    }
                }
                head
            }
            Self::Bars(chart) => {
                std::iter::once(chart.x_label.clone()).chain(chart.bars.iter().map(|(name, _)| name.clone())).collect()
            }
            Self::Slopes(chart) => vec![tr!(figure_slope_query), chart.sides[0].clone(), chart.sides[1].clone()],
            Self::Scatter(chart) => {
                [&chart.name_label, &chart.x_label, &chart.y_label, &chart.error_label].map(Clone::clone).into()
            }
            Self::Heat(chart) => (0..chart.columns).map(|column| column.to_string()).collect(),
        }
    }

    /// The x values of a line chart, sorted, each once.
    fn places(chart: &LineChart) -> Vec<f64> {
        let mut places: Vec<f64> = chart.series.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        places
    }

    /// One row of the table; `show` formats a number.
    fn row(&self, row: usize, show: &dyn Fn(f64) -> String) -> Vec<String> {
        match self {
            Self::Lines(chart) => {
                let Some(x) = Self::places(chart).get(row).copied() else { return vec![] };
                let mut cells = vec![format!("{x}")];
                for line in &chart.series {
                    let at = line.points.iter().position(|(place, _)| *place == x);
                    let value = |y: Option<f64>| y.filter(|y| y.is_finite()).map_or(String::new(), show);
                    cells.push(value(at.map(|at| line.points[at].1)));
                    if let Some(band) = &line.band {
                        cells.push(value(at.and_then(|at| band.low.get(at).copied())));
                        cells.push(value(at.and_then(|at| band.high.get(at).copied())));
                    }
                }
                cells
            }
            Self::Bars(chart) => chart.rows.get(row).map_or(vec![], |row| {
                let value = |value: &f64| if value.is_finite() { show(*value) } else { String::new() };
                std::iter::once(row.name.clone()).chain(row.values.iter().map(value)).collect()
            }),
            Self::Slopes(chart) => chart
                .slopes
                .get(row)
                .map_or(vec![], |slope| vec![slope.name.clone(), slope.left.to_string(), slope.right.to_string()]),
            Self::Scatter(chart) => chart
                .points
                .get(row)
                .map_or(vec![], |point| vec![point.name.clone(), show(point.x), show(point.y), show(point.error)]),
            Self::Heat(chart) => chart
                .cells
                .chunks(chart.columns.max(1))
                .nth(row)
                .unwrap_or_default()
                .iter()
                .map(u8::to_string)
                .collect(),
        }
    }

    /// Number of the table's rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Lines(chart) => Self::places(chart).len(),
            Self::Bars(chart) => chart.rows.len(),
            Self::Slopes(chart) => chart.slopes.len(),
            Self::Scatter(chart) => chart.points.len(),
            Self::Heat(chart) => chart.cells.len().div_ceil(chart.columns.max(1)),
        }
    }

    /// The columns' names and one row, for a tooltip.
    pub fn tooltip(&self, row: usize) -> Vec<(String, String)> {
        self.head().into_iter().zip(self.row(row, &short_number)).collect()
    }

    /// The table's header and rows, with numbers formatted for reading.
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        (self.head(), (0..self.rows()).map(|row| self.row(row, &short_number)).collect())
    }

    /// The table as comma-separated values, in full precision.
    pub fn csv(&self) -> String {
        let full = |value: f64| (value as f32).to_string();
        csv(&self.head(), (0..self.rows()).map(|row| self.row(row, &full)))
    }

    /// The row nearest to a position within the drawing.
    pub fn row_at(&self, frame: &Frame, x: f64, y: f64) -> Option<usize> {
        match self {
            Self::Lines(chart) => {
                let value = frame.value_at(x, chart.x.0, chart.x.1.max(chart.x.0 + 1.0));
                let places = Self::places(chart);
                let nearest =
                    |a: &(usize, &f64), b: &(usize, &f64)| (a.1 - value).abs().total_cmp(&(b.1 - value).abs());
                places.iter().enumerate().min_by(nearest).map(|(row, _)| row)
            }
            Self::Bars(chart) => {
                let part = (y - frame.y.0) / (frame.y.1 - frame.y.0).max(1.0);
                (0.0..1.0).contains(&part).then_some((part * chart.rows.len() as f64) as usize)
            }
            Self::Slopes(chart) => {
                let part = ((x - frame.x.0) / (frame.x.1 - frame.x.0).max(1.0)).clamp(0.0, 1.0);
                let worst = (chart.worst() as f64).ln().max(1e-9);
                let height = |rank: usize| frame.y.0 + (rank as f64).ln() / worst * (frame.y.1 - frame.y.0);
                let off = |at: usize| {
                    let slope = &chart.slopes[at];
                    (height(slope.left) * (1.0 - part) + height(slope.right) * part - y).abs()
                };
                (0..chart.slopes.len()).min_by(|a, b| off(*a).total_cmp(&off(*b)))
            }
            Self::Scatter(chart) => chart.point_at(frame, x, y),
            Self::Heat(_) => None,
        }
    }

    /// Horizontal position of a row's tooltip within the drawing.
    pub fn place_of(&self, frame: &Frame, row: usize) -> f64 {
        match self {
            Self::Lines(chart) => {
                let x = Self::places(chart).get(row).copied().unwrap_or(0.0);
                frame.x_of(x, chart.x.0, chart.x.1.max(chart.x.0 + 1.0))
            }
            Self::Scatter(chart) => chart.place_of(frame, row),
            Self::Bars(_) | Self::Slopes(_) | Self::Heat(_) => (frame.x.0 + frame.x.1) / 2.0,
        }
    }

    /// Draws the chart.
    ///
    /// * `scale` — pixels of the drawing per CSS pixel.
    ///
    /// # Errors
    /// [`ChartError`] where the backend fails.
    pub fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        theme: Theme,
        scale: f64,
    ) -> Result<Frame, ChartError> {
        match self {
            Self::Lines(chart) => chart.draw(area, theme, scale),
            Self::Bars(chart) => chart.draw(area, theme, scale),
            Self::Slopes(chart) => chart.draw(area, theme, scale),
            Self::Scatter(chart) => chart.draw(area, theme, scale),
            Self::Heat(chart) => chart.draw(area, theme),
        }
    }

    /// The chart as an SVG document.
    ///
    /// # Errors
    /// [`ChartError`] where drawing fails.
    pub fn svg(&self, theme: Theme, width: u32, height: u32) -> Result<String, ChartError> {
        let mut out = String::new();
        {
            let area = SVGBackend::with_string(&mut out, (width, height)).into_drawing_area();
            self.draw(&area, theme, 1.0)?;
            area.present().map_err(ChartError::new)?;
        }
        Ok(out)
    }
}

/// A table in Markdown.
pub fn markdown(head: &[String], body: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = vec!["---".to_owned(); head.len()];
    [line(head), line(&rule)].into_iter().chain(body.map(|cells| line(&cells))).collect()
}

/// A table as comma-separated values (RFC 4180). Text that a spreadsheet would run as a formula is prefixed with an apostrophe.
pub(crate) fn csv(head: &[String], body: impl Iterator<Item = Vec<String>>) -> String {
    let field = |text: &String| {
        let text = &harmless(text);
        if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() }
    };
    let line = |cells: &[String]| cells.iter().map(field).collect::<Vec<_>>().join(",") + "\r\n";
    line(head) + &body.map(|cells| line(&cells)).collect::<String>()
}

/// Characters that begin a formula in a spreadsheet (OWASP, CSV injection), with their full-width forms.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A cell that no spreadsheet reads as a formula; numbers, even negative ones, stay as they are.
fn harmless(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
    if text.starts_with(FORMULA) && !is_number { format!("'{text}") } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{BarRow, Series, Slope};

    fn lines() -> Chart {
        let line = |name: &str, points: &[(f64, f64)]| Series {
            name: name.into(),
            ink: Ink::Hidden,
            dashed: false,
            points: points.to_vec(),
            band: None,
        };
        Chart::Lines(LineChart {
            x_label: "x".into(),
            y_label: "y".into(),
            x: (0.0, 2.0),
            y: (0.0, 1.0),
            series: vec![line("a, b", &[(0.0, 0.5), (2.0, 0.25)]), line("c", &[(0.0, f64::NAN), (1.0, 1.0)])],
            shaded: vec![],
        })
    }

    #[test]
    fn lines_with_other_places_share_one_table() {
        assert_eq!(lines().csv(), "x,\"a, b\",c\r\n0,0.5,\r\n1,,1\r\n2,0.25,\r\n");
        assert_eq!(lines().rows(), 3);
        assert_eq!(lines().tooltip(1), [("x", "1"), ("a, b", ""), ("c", "1.0000")].map(|(a, b)| (a.into(), b.into())));
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+x", "'+x"),
            ("-x", "'-x"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("＝1", "'＝1"),
            ("-0.5", "-0.5"),
            ("+3e-5", "+3e-5"),
            ("-inf", "'-inf"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), expected);
        }
        let row = |name: &str| BarRow { name: name.into(), values: vec![-0.5, 0.25] };
        let rows = ["=HYPERLINK(\"https://hub.example\",\"x\")", "\r\n"].map(row).to_vec();
        let bars = vec![("dense".into(), Ink::Dense), ("=cmd".into(), Ink::Pruned)];
        let csv = Chart::Bars(BarChart { x_label: "p".into(), bars, rows }).csv();
        assert_eq!(
            csv,
            "p,dense,'=cmd\r\n\"'=HYPERLINK(\"\"https://hub.example\"\",\"\"x\"\")\",-0.5,0.25\r\n\"'\r\n\",-0.5,0.25\r\n"
        );
    }

    #[test]
    fn every_kind_draws_itself_into_a_document() {
        let bars = Chart::Bars(BarChart {
            x_label: "p".into(),
            bars: vec![("dense".into(), Ink::Dense), ("pruned".into(), Ink::Pruned)],
            rows: vec![BarRow { name: "<b>".into(), values: vec![0.5, 0.25] }],
        });
        let slope = Slope { name: "Q".into(), left: 1, right: 7 };
        let slopes = Chart::Slopes(SlopeChart { sides: ["dense".into(), "pruned".into()], slopes: vec![slope] });
        let heat = Chart::Heat(HeatMap { columns: 2, cells: vec![0, 255, 3, 0] });
        for (chart, holds) in [(lines(), "<polyline"), (bars, "&lt;b&gt;"), (slopes, "rank 5"), (heat, "<rect")] {
            let text = chart.svg(Theme::Light, 400, 200).unwrap();
            assert!(text.starts_with("<svg") && text.contains(holds), "{text}");
            assert_eq!(chart.csv().lines().count(), chart.rows() + 1);
        }
    }

    #[test]
    fn the_nearest_slope_is_found() {
        let slopes = [("a", 1, 1), ("b", 5, 5)].map(|(name, left, right)| Slope { name: name.into(), left, right });
        let chart = Chart::Slopes(SlopeChart { sides: ["l".into(), "r".into()], slopes: slopes.to_vec() });
        let frame = Frame { x: (0.0, 100.0), y: (0.0, 100.0) };
        assert_eq!(chart.row_at(&frame, 50.0, 10.0), Some(0));
        assert_eq!(chart.row_at(&frame, 50.0, 90.0), Some(1));
    }
}
