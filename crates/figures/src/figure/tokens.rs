//! Fig. 7: the most likely tokens of the models.

use prunescope_localization::tr;
use prunescope_protocol::results::{ComparedPosition, TopTokenText, TopTokens};

use super::{Figure, visible};
use crate::chart::{BarChart, BarRow, Chart, Ink};

/// Number of most likely tokens of each model in the bar chart.
const BARS: usize = 6;

/// A bar chart with the dense model's bar above the pruned model's, and the repaired model's below if the rows have it.
pub(super) fn by_model(rows: Vec<BarRow>, x_label: String) -> Chart {
    let models =
        [(tr!(figure_dense), Ink::Dense), (tr!(figure_pruned), Ink::Pruned), (tr!(figure_repaired), Ink::Repaired)];
    let count = rows.iter().map(|row| row.values.len()).max().unwrap_or(0).max(2);
    let bars = models.into_iter().take(count).collect();
    Chart::Bars(BarChart { x_label, bars, rows })
}

/// A token among the most likely of either model.
fn find(top: &TopTokens, id: u32) -> Option<&TopTokenText> {
    top.dense.iter().chain(&top.pruned).find(|token| token.id == id)
}

/// The tokens that are among the `BARS` most likely of any model.
fn likeliest<'a>(top: &'a TopTokens, repaired: Option<&'a TopTokens>) -> Vec<&'a TopTokenText> {
    let mut tokens: Vec<&TopTokenText> = vec![];
    let lists = [Some(&top.dense), Some(&top.pruned), repaired.map(|repaired| &repaired.pruned)];
    for token in lists.into_iter().flatten().flat_map(|list| list.iter().take(BARS)) {
        if tokens.iter().all(|other| other.id != token.id) {
            tokens.push(token);
        }
    }
    tokens
}

/// Bars of the tokens that are among the most likely of any model.
///
/// * `repaired` — the dense model's and the repaired model's most likely tokens, if there is a repaired model. A
///   probability is not known where a token is neither among the dense model's nor among that model's most likely.
pub(super) fn bars(top: &TopTokens, repaired: Option<&TopTokens>, x_label: String) -> Chart {
    let row = |token: &TopTokenText| {
        let of = |top: &TopTokens| find(top, token.id).map_or(f64::NAN, |token| token.pruned.into());
        let values = [f64::from(token.dense), of(top)].into_iter().chain(repaired.map(of)).collect();
        BarRow { name: visible(&token.text), values }
    };
    by_model(likeliest(top, repaired).into_iter().map(row).collect(), x_label)
}

/// How many of the dense model's `BARS` most likely tokens are among the pruned model's.
pub(super) fn shared(top: &TopTokens) -> usize {
    let ids: Vec<u32> = top.pruned.iter().take(BARS).map(|token| token.id).collect();
    top.dense.iter().take(BARS).filter(|token| ids.contains(&token.id)).count()
}

/// The most likely tokens right after the prompt.
///
/// * `repaired` — dense against repaired, if there is a repaired model.
pub fn next(pruned: &ComparedPosition, repaired: Option<&ComparedPosition>) -> Option<Figure> {
    let first = pruned.top.dense.first()?;
    let name = visible(&first.text);
    let percent = |share: f32| format!("{:.1}", 100.0 * share);
    let cosine = |cosine: f32| format!("{cosine:.3}");
    let mut sentence = tr!(
        figure_tokens_next,
        count = BARS.min(pruned.top.dense.len()),
        shared = shared(&pruned.top),
        name = name.as_str(),
        from = percent(first.dense),
        to = percent(first.pruned),
        cos_z = cosine(pruned.metrics.cos_z),
        cos_p = cosine(pruned.metrics.cos_p),
    );
    if let Some(repaired) = repaired {
        let probability = find(&repaired.top, first.id).map_or(f32::NAN, |token| token.pruned);
        sentence.push(' ');
        sentence += &tr!(
            figure_tokens_next_repaired,
            shared = shared(&repaired.top),
            name = name,
            probability = percent(probability),
            cos_z = cosine(repaired.metrics.cos_z),
            cos_p = cosine(repaired.metrics.cos_p),
        );
    }
    let chart = bars(&pruned.top, repaired.map(|repaired| &repaired.top), tr!(figure_axis_next_token));
    let Chart::Bars(BarChart { rows, .. }) = &chart else { return None };
    if rows.iter().any(|row| row.values.iter().any(|value| value.is_nan())) {
        sentence.push(' ');
        sentence += &tr!(figure_tokens_bar_missing);
    }
    Some(Figure { chart, sentence })
}

/// What pruning did to the logit of each of the most likely tokens: the table's columns, its rows, and a sentence.
///
/// * `repaired` — dense against repaired, if there is a repaired model.
pub fn parts(
    pruned: &ComparedPosition,
    repaired: Option<&ComparedPosition>,
) -> (Vec<String>, Vec<Vec<String>>, String) {
    let models = || std::iter::once(pruned).chain(repaired);
    let changes = ["Δz∥", "Δz⊥"];
    let mut columns = vec![tr!(figure_tokens_column_token), "z".into()];
    columns.extend(changes.map(String::from));
    if repaired.is_some() {
        columns.extend(changes.map(|change| tr!(figure_tokens_column_repaired, change = change)));
    }
    let row = |token: &TopTokenText| {
        let of = |model: &ComparedPosition| match find(&model.top, token.id) {
            Some(found) => [found.delta_z_parallel, found.delta_z_orthogonal].map(|part| format!("{part:+.2}")),
            None => ["–".into(), "–".into()],
        };
        let parts = models().flat_map(of);
        [visible(&token.text), format!("{:.2}", token.z)].into_iter().chain(parts).collect()
    };
    let rows = likeliest(&pruned.top, repaired.map(|repaired| &repaired.top)).into_iter().map(row).collect();
    let alpha = |model: &ComparedPosition| format!("{:+.3}", model.metrics.alpha_z);
    let sentence = match repaired {
        Some(repaired) => tr!(figure_tokens_parts_repaired, alpha = alpha(pruned), repaired = alpha(repaired)),
        None => tr!(figure_tokens_parts, alpha = alpha(pruned)),
    };
    (columns, rows, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prunescope_protocol::results::Metrics;

    /// Tokens by id, dense and other probability.
    fn top(dense: &[(u32, f32, f32)], other: &[(u32, f32, f32)]) -> ComparedPosition {
        let tokens = |list: &[(u32, f32, f32)]| {
            let token = |(id, dense, pruned): &(u32, f32, f32)| TopTokenText {
                id: *id,
                text: format!("t{id}"),
                dense: *dense,
                pruned: *pruned,
                z: 4.0,
                delta_z_parallel: -0.5,
                delta_z_orthogonal: *id as f32,
            };
            list.iter().map(token).collect()
        };
        ComparedPosition {
            metrics: Metrics { cos_z: 0.5, cos_p: 0.25, alpha_z: -0.125, ..Metrics::default() },
            top: TopTokens { dense: tokens(dense), pruned: tokens(other) },
        }
    }

    #[test]
    fn each_token_has_its_logit_and_the_parts_of_its_change() {
        let pruned = top(&[(1, 0.9, 0.1)], &[(3, 0.01, 0.6)]);
        let (columns, rows, sentence) = parts(&pruned, None);
        assert_eq!((columns.len(), rows.len()), (4, 2));
        assert_eq!(rows[1], ["t3", "4.00", "-0.50", "+3.00"]);
        assert!(sentence.starts_with("Δz∥ = α z with α = -0.125: "), "{sentence}");
        let repaired = top(&[(1, 0.9, 0.8)], &[(1, 0.9, 0.8)]);
        let (columns, rows, sentence) = parts(&pruned, Some(&repaired));
        assert_eq!(columns.len(), 6);
        assert_eq!(rows[0], ["t1", "4.00", "-0.50", "+1.00", "-0.50", "+1.00"]);
        assert_eq!(rows[1][4..], ["–", "–"]);
        assert!(sentence.contains("-0.125, repaired -0.125"), "{sentence}");
    }

    #[test]
    fn each_token_has_a_bar_of_every_model_that_knows_it() {
        let pruned = top(&[(1, 0.9, 0.1), (2, 0.05, 0.2)], &[(3, 0.01, 0.6), (2, 0.05, 0.2)]);
        let repaired = top(&[(1, 0.9, 0.8), (2, 0.05, 0.02)], &[(1, 0.9, 0.8), (4, 0.002, 0.1)]);
        let figure = next(&pruned, Some(&repaired)).unwrap();
        let Chart::Bars(chart) = &figure.chart else { panic!("bars") };
        assert_eq!(
            chart.bars.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["dense", "pruned", "repaired"]
        );
        let row = |at: usize| {
            (chart.rows[at].name.as_str(), chart.rows[at].values.iter().map(|x| *x as f32).collect::<Vec<_>>())
        };
        assert_eq!(row(0), ("t1", vec![0.9, 0.1, 0.8]));
        assert_eq!(row(1), ("t2", vec![0.05, 0.2, 0.02]));
        let (name, values) = row(2);
        assert!(name == "t3" && values[..2] == [0.01, 0.6] && values[2].is_nan(), "{values:?}");
        let (name, values) = row(3);
        assert!(name == "t4" && values[0] == 0.002 && values[1].is_nan() && values[2] == 0.1, "{values:?}");
        assert_eq!(chart.rows.len(), 4);
        assert!(figure.sentence.contains("Repaired, 1 are, “t1” has 80.0 %"), "{}", figure.sentence);
        assert!(figure.sentence.ends_with("ten likeliest."), "{}", figure.sentence);
        let without = next(&pruned, None).unwrap();
        let Chart::Bars(chart) = &without.chart else { panic!("bars") };
        assert_eq!((chart.bars.len(), chart.rows.len()), (2, 3));
        assert!(!without.sentence.contains("epaired") && !without.sentence.contains("missing"), "{}", without.sentence);
    }
}
