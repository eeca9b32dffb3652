//! Figs. 3 and 4: non-generative and generative scores against the amount of pruning.

use prunescope_localization::tr;
use prunescope_protocol::results::{Proportion, SweepLine, SweepPoint};
use prunescope_protocol::settings::SweepAxis;
use std::collections::BTreeMap;

use super::{Figure, x_range};
use crate::chart::{Band, Chart, Ink, LineChart, Series};
use crate::names;

/// The score that a panel shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Multiple choice by cloze scoring.
    Choice,
    /// Retrieval, recall at 1: the right passage ranks first.
    Retrieval,
    /// Generated answers that are exactly right.
    Generation,
}

impl Score {
    /// The score of a sweep point.
    pub fn of(self, point: &SweepPoint) -> Proportion {
        match self {
            Self::Choice => point.choice,
            Self::Retrieval => point.recall_1,
            Self::Generation => point.generation,
        }
    }

    /// Its name at the beginning of a sentence.
    fn name(self) -> String {
        match self {
            Self::Choice => tr!(figure_sweep_choice),
            Self::Retrieval => tr!(figure_sweep_retrieval),
            Self::Generation => tr!(figure_sweep_generation),
        }
    }
}

/// Sweep points by line and index.
pub type Points = BTreeMap<(SweepLine, usize), SweepPoint>;

/// One score against the amount of pruning: one line each, with its 95 % interval as a band.
pub fn panel(points: &Points, axis: SweepAxis, score: Score) -> Option<Figure> {
    let mut lines = BTreeMap::<SweepLine, Vec<&SweepPoint>>::new();
    for point in points.values() {
        lines.entry(point.line).or_default().push(point);
    }
    let place = |wanted: SweepLine| lines.keys().position(|line| *line == wanted);
    let series: Vec<Series> = lines
        .iter()
        .enumerate()
        .map(|(at, (line, points))| {
            let interval = |point: &&SweepPoint| score.of(point).interval();
            Series {
                name: names::sweep_line(*line),
                // A repaired line is dashed, in the colour of the one without repair.
                ink: Ink::Variant(line.unrepaired().and_then(place).unwrap_or(at)),
                dashed: line.unrepaired().is_some(),
                points: points.iter().map(|point| (point.x as f64, score.of(point).share())).collect(),
                band: Some(Band {
                    low: points.iter().map(|point| interval(point).0).collect(),
                    high: points.iter().map(|point| interval(point).1).collect(),
                }),
            }
        })
        .collect();
    let x = x_range(&series)?;
    let told = lines.iter().filter_map(|(line, points)| {
        let (first, last) = match axis {
            // On the bit axis the last point is the closest to the dense model.
            SweepAxis::Bits => (points.last()?, points.first()?),
            SweepAxis::Layers | SweepAxis::Sparsity => (points.first()?, points.last()?),
        };
        let (from, to) = (score.of(first).share(), score.of(last).share());
        let percent = |share: f64| format!("{:.0}", 100.0 * share);
        (points.len() > 1).then(|| {
            tr!(figure_sweep_line, line = names::sweep_line(*line), from = percent(from), to = percent(to), at = last.x)
        })
    });
    let told: Vec<String> = told.collect();
    let items = || points.values().map(|point| score.of(point).of);
    let (fewest, items) = (items().min().unwrap_or(0), items().max().unwrap_or(0));
    let sentence = if told.is_empty() {
        tr!(figure_sweep_items, items = items)
    } else if fewest < items {
        tr!(figure_sweep_refining, score = score.name(), lines = told.join(", "), fewest = fewest, items = items)
    } else {
        tr!(figure_sweep_told, score = score.name(), lines = told.join(", "), items = items)
    };
    let x_label = match axis {
        SweepAxis::Layers => tr!(figure_sweep_axis_layers),
        SweepAxis::Sparsity => tr!(figure_sweep_axis_sparsity),
        SweepAxis::Bits => tr!(figure_sweep_axis_bits),
    };
    let y_label = tr!(figure_sweep_right);
    let chart = LineChart { x_label, y_label, x, y: (0.0, 1.0), series, shaded: vec![] };
    Some(Figure { chart: Chart::Lines(chart), sentence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_interval_and_its_fall() {
        let point = |line, x, right| {
            let generation = Proportion { right, of: 20 };
            let other = Proportion { right: 15, of: 20 };
            let plan = String::new();
            (
                (line, x),
                SweepPoint {
                    line,
                    x,
                    plan,
                    choice: other,
                    letters: other,
                    recall_1: other,
                    recall_5: other,
                    generation,
                },
            )
        };
        let points = Points::from([
            point(SweepLine::Attention, 0, 16),
            point(SweepLine::Attention, 8, 1),
            point(SweepLine::Mlp, 0, 16),
        ]);
        let figure = panel(&points, SweepAxis::Layers, Score::Generation).unwrap();
        assert!(figure.sentence.contains("attention from 80 to 5 % at 8"), "{}", figure.sentence);
        let Chart::Lines(chart) = &figure.chart else { panic!("lines") };
        assert_eq!((chart.series.len(), chart.x), (2, (0.0, 8.0)));
        assert!(chart.series[0].band.as_ref().unwrap().low[0] < 0.8);
        let repaired = Points::from([
            point(SweepLine::Mlp, 0, 16),
            point(SweepLine::RepairedMlp, 0, 16),
            point(SweepLine::RepairedMlp, 2, 12),
        ]);
        let Chart::Lines(chart) = panel(&repaired, SweepAxis::Layers, Score::Generation).unwrap().chart else {
            panic!("lines")
        };
        assert_eq!(
            chart.series.iter().map(|series| (series.ink, series.dashed)).collect::<Vec<_>>(),
            [(Ink::Variant(0), false), (Ink::Variant(0), true)]
        );
        assert_eq!(panel(&Points::new(), SweepAxis::Layers, Score::Choice), None);
    }
}
