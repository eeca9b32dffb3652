//! Fig. 7: the most likely tokens of both models.

use prunescope_protocol::results::{Metrics, TopTokens};

use super::{Figure, visible};
use crate::chart::{BarChart, BarRow, Chart, Ink};

/// Number of most likely tokens of each model in the bar chart.
const BARS: usize = 6;

/// A bar chart with the dense model's bar above the pruned model's.
pub(super) fn dense_pruned(rows: Vec<BarRow>, x_label: &str) -> Chart {
    let pair = [("dense".to_string(), Ink::Dense), ("pruned".into(), Ink::Pruned)];
    Chart::Bars(BarChart { x_label: x_label.into(), pair, rows })
}

/// Bars of the tokens that are among the most likely of either model.
pub(super) fn bars(top: &TopTokens, x_label: &str) -> Chart {
    let mut tokens: Vec<_> = top.dense.iter().take(BARS).collect();
    for token in top.pruned.iter().take(BARS) {
        if tokens.iter().all(|other| other.id != token.id) {
            tokens.push(token);
        }
    }
    let row = |token: &prunescope_protocol::results::TopTokenText| BarRow {
        name: visible(&token.text),
        first: token.dense.into(),
        second: token.pruned.into(),
    };
    dense_pruned(tokens.into_iter().map(row).collect(), x_label)
}

/// How many of the dense model's `BARS` most likely tokens are among the pruned model's.
pub(super) fn shared(top: &TopTokens) -> usize {
    let ids: Vec<u32> = top.pruned.iter().take(BARS).map(|token| token.id).collect();
    top.dense.iter().take(BARS).filter(|token| ids.contains(&token.id)).count()
}

/// The most likely tokens right after the prompt.
pub fn next(top: &TopTokens, metrics: &Metrics) -> Option<Figure> {
    let first = top.dense.first()?;
    let sentence = format!(
        "Of the dense model's {} likeliest tokens {} are still among the pruned model's. “{}” goes from {:.1} to {:.1} %; the logits' cosine is {:.3}, the probabilities' {:.3}.",
        BARS.min(top.dense.len()),
        shared(top),
        visible(&first.text),
        100.0 * first.dense,
        100.0 * first.pruned,
        metrics.cos_z,
        metrics.cos_p
    );
    Some(Figure { chart: bars(top, "probability of the next token"), sentence })
}
