//! Retrieval metrics on the host: ranks by cosine similarity, recall, Kendall's τ.

use prunescope_protocol::results::Proportion;
use prunescope_protocol::results::tasks::{Pooling, PoolingReport, Ranking};

/// cos(a, b).
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}

/// Subtracts the passages' mean from all vectors. In language models this common component dominates embeddings and
/// carries no information about a text (Ethayarajh, 2019).
fn centred(vectors: &[&[f32]], passages: usize) -> Vec<Vec<f32>> {
    let width = vectors.first().map_or(0, |vector| vector.len());
    let mut mean = vec![0f64; width];
    for vector in &vectors[..passages] {
        mean.iter_mut().zip(*vector).for_each(|(mean, x)| *mean += f64::from(*x) / passages.max(1) as f64);
    }
    vectors
        .iter()
        .map(|vector| vector.iter().zip(&mean).map(|(x, mean)| (f64::from(*x) - mean) as f32).collect())
        .collect()
}

/// Cosine similarity of centred vectors, `[queries][passages]`. `vectors` holds the passages, then the queries.
fn similarities(vectors: &[&[f32]], passages: usize) -> Vec<Vec<f64>> {
    let vectors = centred(vectors, passages);
    let (passages, queries) = vectors.split_at(passages);
    queries.iter().map(|query| passages.iter().map(|passage| cosine(query, passage)).collect()).collect()
}

/// Rank of each query's own passage (1 is best, ties count against it), and recall at 1 and 5.
fn ranking(similarities: &[Vec<f64>], own: &[usize]) -> Ranking {
    let ranks: Vec<usize> = similarities
        .iter()
        .zip(own)
        .map(|(row, own)| 1 + row.iter().enumerate().filter(|(at, x)| at != own && **x >= row[*own]).count())
        .collect();
    Ranking {
        recall_1: Proportion::of(ranks.iter().map(|rank| *rank == 1)),
        recall_5: Proportion::of(ranks.iter().map(|rank| *rank <= 5)),
        ranks,
    }
}

/// Kendall's τ-a of two scorings of the same items: (concordant − discordant) pairs over all pairs; 1 if there are
/// none.
pub fn kendall_tau(a: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    let mut pairs = 0.0;
    for i in 0..a.len() {
        for j in 0..i {
            let sign = |x: &[f64]| (x[i] - x[j]).partial_cmp(&0.0).map_or(0.0, |order| f64::from(order as i8));
            sum += sign(a) * sign(b);
            pairs += 1.0;
        }
    }
    if pairs == 0.0 { 1.0 } else { sum / pairs }
}

/// Retrieval by both models with one pooling.
///
/// * `dense`, `pruned`: vectors of all passages, then of all queries.
/// * `own`: for each query, the index of its passage.
pub fn compare_retrieval(pooling: Pooling, dense: &[&[f32]], pruned: &[&[f32]], own: &[usize]) -> PoolingReport {
    let passages = dense.len() - own.len();
    let (a, b) = (similarities(dense, passages), similarities(pruned, passages));
    let mean = |sum: f64, of: usize| (sum / of.max(1) as f64) as f32;
    PoolingReport {
        pooling,
        dense: ranking(&a, own),
        pruned: ranking(&b, own),
        repaired: None,
        kendall_tau: mean(a.iter().zip(&b).map(|(a, b)| kendall_tau(a, b)).sum(), own.len()),
        cosine: mean(dense.iter().zip(pruned).map(|(a, b)| cosine(a, b)).sum(), dense.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tau_of_known_orders() {
        assert_eq!(kendall_tau(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]), 1.0);
        assert_eq!(kendall_tau(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
        assert!((kendall_tau(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]) - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_query_finds_the_passage_beside_it() {
        let vectors: [&[f32]; 5] = [&[1.0, 0.0], &[0.0, 1.0], &[-1.0, -1.0], &[0.9, 0.1], &[0.5, 0.6]];
        let report = compare_retrieval(Pooling::Mean, &vectors, &vectors, &[0, 0]);
        assert_eq!(report.dense.ranks, [1, 2]);
        assert_eq!((report.dense.recall_1, report.dense.recall_5.right), (Proportion { right: 1, of: 2 }, 2));
        assert_eq!((report.kendall_tau, report.pruned.ranks.clone()), (1.0, vec![1, 2]));
        assert!((report.cosine - 1.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn tau_is_symmetric_and_bounded(a in proptest::collection::vec(-9f64..9.0, 8), b in proptest::collection::vec(-9f64..9.0, 8)) {
            let tau = kendall_tau(&a, &b);
            prop_assert!((-1.0..=1.0).contains(&tau));
            prop_assert_eq!(tau, kendall_tau(&b, &a));
        }
    }
}
