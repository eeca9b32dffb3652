//! Retrieval: the right passage's rank in both models.

use prunescope_localization::tr;
use prunescope_protocol::results::Flips;
use prunescope_protocol::results::tasks::{Pooling, PoolingReport, Ranking};

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
    let ranked = tr!(
        figure_retrieval_ranked,
        pooling = match report.pooling {
            Pooling::Mean => "mean",
            Pooling::Last => "last",
        },
        of = report.pruned.recall_1.of,
        first = report.pruned.recall_1.right,
        dense_first = report.dense.recall_1.right,
        among_five = report.pruned.recall_5.right,
        dense_among_five = report.dense.recall_5.right,
        tau = format!("{:.2}", report.kendall_tau),
        cosine = format!("{:.3}", report.cosine)
    );
    let flips = |model: String, other: &Ranking| {
        let flips = Flips::of_ranks(&report.dense.ranks, &other.ranks);
        tr!(
            figure_retrieval_flips,
            model = model,
            flipped = flips.flipped().right,
            of = flips.of,
            percent = format!("{:.0}", 100.0 * flips.flipped().share()),
            to_wrong = flips.to_wrong,
            to_right = flips.to_right
        )
    };
    let ranked = format!("{ranked} {}", flips(tr!(figure_pruned), &report.pruned));
    let sentence = match &report.repaired {
        None => ranked,
        Some(ranking) => {
            let (first, among_five) = (ranking.recall_1.right, ranking.recall_5.right);
            let repaired = tr!(figure_retrieval_repaired, first = first, among_five = among_five);
            format!("{ranked} {repaired} {}", flips(tr!(figure_repaired), ranking))
        }
    };
    let sides = [tr!(figure_dense), tr!(figure_pruned)];
    Figure { chart: Chart::Slopes(SlopeChart { sides, slopes: slopes.collect() }), sentence }
}
