//! Rotary position embedding, and causal grouped-query attention over a KV cache.

use super::elementwise::{dot, four, softmax};
use super::threads::{Parts, SharedSlice};
use wide::f32x4;

/// The shape of an attention sublayer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape {
    /// Number of query heads.
    pub num_heads: usize,
    /// Number of key and value heads; each serves `num_heads / num_kv_heads` query heads.
    pub num_kv_heads: usize,
    /// Elements per head.
    pub head_dim: usize,
    /// Factor of the scores q · k.
    pub scale: f32,
    /// Sliding window: tokens that a token attends to, itself included.
    pub window: usize,
}

/// Applies RoPE in place to `x`, `[tokens, heads · width]`: rotates the first interleaved pairs of each head by the
/// angles of its token's position. Source: RoFormer (Su et al., 2021), eq. 34.
///
/// * `width`: head_dim.
/// * `cos`, `sin`: `[tokens, pairs]`; pairs = rotary_dim / 2. Later elements of a head are unchanged.
pub fn rotate(x: &mut [f32], heads: usize, width: usize, cos: &[f32], sin: &[f32]) {
    let pairs = cos.len() / (x.len() / (heads * width)).max(1);
    if pairs == 0 {
        return;
    }
    for (row, (cos, sin)) in x.chunks_exact_mut(heads * width).zip(cos.chunks_exact(pairs).zip(sin.chunks_exact(pairs)))
    {
        for head in row.chunks_exact_mut(width) {
            for (pair, (cos, sin)) in head.chunks_exact_mut(2).zip(cos.iter().zip(sin)) {
                let (a, b) = (pair[0], pair[1]);
                pair[0] = a * cos - b * sin;
                pair[1] = b * cos + a * sin;
            }
        }
    }
}

/// softmax(scale · q Kᵀ) V for `query`, `[tokens, num_heads · head_dim]`: the last `tokens` tokens in the cache.
///
/// * `keys`, `values`: `[context, num_kv_heads · head_dim]`. Query token t attends to all but the last
///   `tokens − 1 − t` of them (causal mask), limited to the sliding window.
///
/// Returns the shape of `query`.
pub fn attend(query: &[f32], keys: &[f32], values: &[f32], heads: AttentionShape) -> Vec<f32> {
    let AttentionShape { num_heads: queries, num_kv_heads: groups, head_dim: width, scale, window } = heads;
    let (row, stride) = (queries * width, groups * width);
    let (tokens, context) = (query.len() / row, keys.len() / stride);
    let mut out = vec![0.0; query.len()];
    let parts = Parts::of(tokens * queries, 2 * width * context);
    // One score buffer per part, allocated here: helper threads must not allocate.
    let mut scores = vec![0.0; parts.count() * context];
    let (all, scores) = (SharedSlice::new(&mut out), SharedSlice::new(&mut scores));
    parts.parallel_for(|part, heads| {
        for (token, head) in heads.map(|at| (at / queries, at % queries)) {
            let seen = context - tokens + token + 1;
            let first = seen.saturating_sub(window);
            let (keys, values) = (&keys[first * stride..], &values[first * stride..]);
            let (begin, at) = (token * row + head * width, head / (queries / groups) * width);
            let query = &query[begin..begin + width];
            // SAFETY: each part has its own scores and its own (token, head) rows of the output.
            let (scores, out) = unsafe { (scores.part(part * context, seen - first), all.part(begin, width)) };
            for (score, key) in scores.iter_mut().zip(keys.chunks_exact(stride)) {
                *score = dot(query, &key[at..at + width]) * scale;
            }
            softmax(scores);
            mix(scores, values, stride, at, out);
        }
    });
    out
}

/// out = Σᵢ weightᵢ · valueᵢ, where valueᵢ is the `out.len()` numbers from `at` on in row i of `values`.
///
/// * `stride`: numbers per row of `values`.
#[inline(always)]
fn mix(weights: &[f32], values: &[f32], stride: usize, at: usize, out: &mut [f32]) {
    let (pieces, rest) = out.as_chunks_mut::<16>();
    let at_rest = at + 16 * pieces.len();
    for (piece, out) in pieces.iter_mut().enumerate() {
        let at = at + 16 * piece;
        let mut sums = [f32x4::ZERO; 4];
        for (weight, value) in weights.iter().zip(values.chunks_exact(stride)) {
            let value = &value[at..at + 16];
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum += four(&value[4 * i..4 * i + 4]) * f32x4::splat(*weight);
            }
        }
        *out = bytemuck::cast(sums);
    }
    for (i, out) in rest.iter_mut().enumerate() {
        let terms = weights.iter().zip(values.chunks_exact(stride));
        *out = terms.map(|(weight, value)| weight * value[at_rest + i]).sum();
    }
}
