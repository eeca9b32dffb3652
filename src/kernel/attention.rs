//! Causal grouped-query attention over a cache of keys and values.

use super::elementwise::{dot, four, softmax};
use wide::f32x4;

/// The shape of an attention sublayer.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Query heads.
    pub queries: usize,
    /// Key and value heads; each serves `queries / keys` query heads.
    pub keys: usize,
    /// Width of one head.
    pub width: usize,
}

/// Turns each interleaved pair of every head of `x`, `[tokens, heads · width]`, by its position's angles.
///
/// * `cos`, `sin` — `[tokens, width / 2]`. Source: RoFormer (Su et al., 2021), eq. 34.
pub fn rotate(x: &mut [f32], heads: usize, width: usize, cos: &[f32], sin: &[f32]) {
    let pairs = width / 2;
    for (row, (cos, sin)) in x.chunks_exact_mut(heads * width).zip(cos.chunks_exact(pairs).zip(sin.chunks_exact(pairs))) {
        for head in row.chunks_exact_mut(width) {
            for (pair, (cos, sin)) in head.chunks_exact_mut(2).zip(cos.iter().zip(sin)) {
                let (a, b) = (pair[0], pair[1]);
                pair[0] = a * cos - b * sin;
                pair[1] = b * cos + a * sin;
            }
        }
    }
}

/// softmax(q Kᵀ / √width) V of each token of `query`, `[tokens, queries · width]`, the last ones of those in the cache.
///
/// * `keys`, `values` — `[context, keys · width]`; token t of the query sees all but the last `tokens − 1 − t`.
pub fn attend(query: &[f32], keys: &[f32], values: &[f32], heads: Heads) -> Vec<f32> {
    let Heads { queries, keys: groups, width } = heads;
    let (row, stride) = (queries * width, groups * width);
    let (tokens, context) = (query.len() / row, keys.len() / stride);
    let scale = 1.0 / (width as f32).sqrt();
    let mut out = vec![0.0; query.len()];
    let mut scores = vec![0.0; context];
    for (token, (query, out)) in query.chunks_exact(row).zip(out.chunks_exact_mut(row)).enumerate() {
        let seen = context - tokens + token + 1;
        for (head, (query, out)) in query.chunks_exact(width).zip(out.chunks_exact_mut(width)).enumerate() {
            let at = head / (queries / groups) * width;
            let scores = &mut scores[..seen];
            for (score, key) in scores.iter_mut().zip(keys.chunks_exact(stride)) {
                *score = dot(query, &key[at..at + width]) * scale;
            }
            softmax(scores);
            for (weight, value) in scores.iter().zip(values.chunks_exact(stride)) {
                add_times(out, &value[at..at + width], *weight);
            }
        }
    }
    out
}

/// out += x · factor.
#[inline(always)]
fn add_times(out: &mut [f32], x: &[f32], factor: f32) {
    let (fours, rest) = out.split_at_mut(out.len() / 4 * 4);
    let (x_fours, x_rest) = x.split_at(fours.len());
    for (out, x) in fours.chunks_exact_mut(4).zip(x_fours.chunks_exact(4)) {
        let sum = four(out) + four(x) * f32x4::splat(factor);
        out.copy_from_slice(&sum.to_array());
    }
    rest.iter_mut().zip(x_rest).for_each(|(out, x)| *out += x * factor);
}
