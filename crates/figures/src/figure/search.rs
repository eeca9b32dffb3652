//! Which sublayers to drop: how far the plans that searches find are from the dense model.

use std::collections::BTreeMap;

use prunescope_localization::tr;
use prunescope_protocol::results::{SearchMethod, SearchPoint};

use super::{Figure, dashed, line, x_range};
use crate::chart::{Chart, Ink, LineChart, Series};
use crate::names;

/// The plans found, by method and number of dropped sublayers.
pub type Points = BTreeMap<(SearchMethod, usize), SearchPoint>;

/// Selects one divergence of a point.
type Pick = fn(&SearchPoint) -> f32;

/// KL against the number of dropped sublayers: one solid line for each method, and a dashed one for its plans repaired.
pub fn distances(points: &Points) -> Option<Figure> {
    let mut series: Vec<Series> = vec![];
    for method in SearchMethod::ALL {
        let of_method = |pick: Pick| -> Vec<(f64, f64)> {
            let own = points.values().filter(|point| point.method == method);
            own.map(|point| (point.dropped as f64, f64::from(pick(point)))).collect()
        };
        if of_method(|point| point.kl).is_empty() {
            continue;
        }
        let repaired = of_method(|point| point.kl_repaired);
        if method == SearchMethod::GreedyRepaired {
            // It looks for plans to be repaired.
            series.push(dashed(names::search(method), ink(method), repaired));
        } else {
            series.push(line(names::search(method), ink(method), of_method(|point| point.kl)));
            let name = tr!(figure_search_then_repaired, method = names::search(method));
            series.push(dashed(name, ink(method), repaired));
        }
    }
    let chart = LineChart {
        x_label: tr!(figure_search_axis),
        y_label: tr!(figure_axis_kl),
        x: x_range(&series)?,
        y: LineChart::range_of(&series, (0.0, 0.1)),
        series,
        shaded: vec![],
    };
    Some(Figure { chart: Chart::Lines(chart), sentence: sentence(points) })
}

/// A method's colour; what needs no search is grey.
fn ink(method: SearchMethod) -> Ink {
    match SearchMethod::ALL.iter().position(|other| *other == method) {
        None | Some(0) => Ink::Dense,
        Some(at) => Ink::Variant(at - 1),
    }
}

/// The plans by number of dropped sublayers, of each number the closest to the dense model first.
pub fn plans(points: &Points) -> Vec<&SearchPoint> {
    let mut plans: Vec<_> = points.values().collect();
    plans.sort_by(|a, b| a.dropped.cmp(&b.dropped).then(a.kl.total_cmp(&b.kl)));
    plans
}

/// Which method is closest, with its numbers and those of the next.
fn sentence(points: &Points) -> String {
    let of = |count: usize| points.values().filter(move |point| point.dropped == count);
    let counts = points.keys().map(|(_, count)| *count);
    let Some(count) = counts.filter(|count| of(*count).count() > 1).max() else {
        return tr!(figure_search_lower);
    };
    let closest = |pick: Pick| {
        let mut found: Vec<_> = of(count).collect();
        found.sort_by(|a, b| pick(a).total_cmp(&pick(b)));
        let tell = |point: &SearchPoint| {
            let kl = format!("{:.3}", pick(point));
            tr!(figure_search_found, method = names::search(point.method), kl = kl)
        };
        (tell(found[0]), tell(found[1]))
    };
    let (first, second) = closest(|point| point.kl);
    let (first_repaired, second_repaired) = closest(|point| point.kl_repaired);
    tr!(
        figure_search_closest,
        count = count,
        first = first,
        second = second,
        first_repaired = first_repaired,
        second_repaired = second_repaired
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(found: &[(SearchMethod, usize, f32, f32)]) -> Points {
        let point = |(method, dropped, kl, kl_repaired): &(SearchMethod, usize, f32, f32)| {
            let (method, dropped, plan) = (*method, *dropped, format!("a{dropped}"));
            ((method, dropped), SearchPoint { method, dropped, plan, kl: *kl, kl_repaired: *kl_repaired })
        };
        found.iter().map(point).collect()
    }

    #[test]
    fn the_sentence_names_the_closest_and_the_next() {
        let found = points(&[
            (SearchMethod::Joint, 1, 0.1, 0.05),
            (SearchMethod::Joint, 2, 0.5, 0.4),
            (SearchMethod::Greedy, 1, 0.05, 0.04),
            (SearchMethod::Greedy, 2, 0.25, 0.2),
            (SearchMethod::GreedyRepaired, 2, 0.3, 0.1),
            (SearchMethod::Greedy, 3, 0.9, 0.8),
        ]);
        let sentence = distances(&found).unwrap().sentence;
        let wanted = "With 2 sublayers dropped, the closest to the dense model is greedy by KL (0.250 nats), before repaired greedy (0.300 nats); repaired, repaired greedy (0.100 nats), before greedy by KL (0.200 nats).";
        assert!(sentence.starts_with(wanted), "{sentence}");
        let alone = distances(&points(&[(SearchMethod::Joint, 1, 0.1, 0.05)])).unwrap().sentence;
        assert!(alone.starts_with("A lower line"), "{alone}");
        assert_eq!(distances(&Points::new()), None);
    }

    #[test]
    fn each_method_has_a_colour_and_its_repaired_plans_are_dashed() {
        let found: Vec<_> = SearchMethod::ALL.into_iter().map(|method| (method, 2, 0.2, 0.1)).collect();
        let Chart::Lines(chart) = distances(&points(&found)).unwrap().chart else { panic!("lines") };
        let (dashed, solid): (Vec<_>, Vec<_>) = chart.series.iter().partition(|line| line.dashed);
        assert_eq!((solid.len(), dashed.len()), (5, 6));
        assert!(solid.iter().all(|line| line.points == [(2.0, f64::from(0.2f32))]));
        assert!(dashed.iter().all(|line| line.points == [(2.0, f64::from(0.1f32))]));
        let names: Vec<_> = dashed.iter().map(|line| line.ink.colour(crate::chart::Theme::Light)).collect();
        assert!((0..names.len()).all(|at| !names[..at].contains(&names[at])), "no two methods look the same");
    }

    #[test]
    fn plans_are_listed_by_number_and_closeness() {
        let found = points(&[
            (SearchMethod::Joint, 1, 0.1, 0.0),
            (SearchMethod::Greedy, 1, 0.05, 0.0),
            (SearchMethod::Greedy, 2, 0.01, 0.0),
        ]);
        let listed: Vec<_> = plans(&found).iter().map(|point| (point.method, point.dropped)).collect();
        assert_eq!(listed, [(SearchMethod::Greedy, 1), (SearchMethod::Joint, 1), (SearchMethod::Greedy, 2)]);
    }
}
