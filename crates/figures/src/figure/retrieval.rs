//! Retrieval: the right passage's rank in both models.

use prunescope_protocol::results::tasks::{Pooling, PoolingReport};

use super::Figure;
use crate::chart::{Chart, Slope, SlopeChart};

/// Ranks of each query's right passage, dense against pruned.
pub fn ranks(report: &PoolingReport, queries: &[String]) -> Figure {
    let both = report.dense.ranks.iter().zip(&report.pruned.ranks);
    let slopes = both.enumerate().map(|(at, (left, right))| Slope {
        name: queries.get(at).cloned().unwrap_or_default(),
        left: *left,
        right: *right,
    });
    let pooling = match report.pooling {
        Pooling::Mean => "mean of the tokens",
        Pooling::Last => "last token",
    };
    let repaired = report.repaired.as_ref().map_or(String::new(), |ranking| {
        format!(" Repaired: first for {}, among five for {}.", ranking.recall_1.right, ranking.recall_5.right)
    });
    let sentence = format!(
        "Vectors from the {pooling}: the right passage is first for {} of {} queries (dense {}), among five for {} (dense {}). Kendall's τ of both orders is {:.2}; the vectors keep a cosine of {:.3}.{repaired}",
        report.pruned.recall_1.right,
        report.pruned.recall_1.of,
        report.dense.recall_1.right,
        report.pruned.recall_5.right,
        report.dense.recall_5.right,
        report.kendall_tau,
        report.cosine
    );
    let sides = ["dense".to_string(), "pruned".into()];
    Figure { chart: Chart::Slopes(SlopeChart { sides, slopes: slopes.collect() }), sentence }
}
