//! RoPE, appending to the KV cache, and causal attention.

// CubeCL needs compile-time conditions in `if`s of their own, and its numbers and arrays lack the methods Clippy
// suggests.
#![allow(clippy::collapsible_if, clippy::manual_is_multiple_of, clippy::needless_range_loop)]

use burn::backend::Dispatch;
use burn::tensor::Tensor;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;
use prunescope_kernels::attention::AttentionShape;

use crate::launch::{WORKGROUP_SIZE, buffer, by_number, like, rows};
use crate::ops::DecoderOps;

/// Score of a masked key; finite, since WGSL may assume that there are no infinities.
const MASKED_SCORE: f32 = -1e30;

/// Applies RoPE to new keys and appends new keys and values to a KV cache. Returns both, `[all tokens, width]` each.
///
/// * `known`: keys and values in the cache, `[known tokens, width]` each, width = num_kv_heads · head_dim; `None` if
///   the cache is empty.
/// * `angles`: `[new tokens, rotary_dim]`; in each row the cosines of the pairs, then their sines.
pub fn rope_and_append_kv(
    known: Option<[Tensor<2>; 2]>,
    [keys, values]: [Tensor<2>; 2],
    angles: Tensor<2>,
    head_dim: usize,
) -> [Tensor<2>; 2] {
    let count = known.as_ref().map_or(0, |[keys, _]| keys.dims()[0]);
    // A binding in WGSL may not be empty; unused here.
    let [known_keys, known_values] = known.unwrap_or_else(|| [keys.clone(), values.clone()]);
    let (keys, values) = Dispatch::rope_and_append_kv(
        known_keys.into_dispatch(),
        known_values.into_dispatch(),
        keys.into_dispatch(),
        values.into_dispatch(),
        angles.into_dispatch(),
        count,
        head_dim,
    );
    [Tensor::from_dispatch(keys), Tensor::from_dispatch(values)]
}

/// RoPE on the queries, then causal grouped-query attention. Returns `[tokens, num_heads · head_dim]`.
///
/// * `queries`: of the last `tokens` tokens of the context, before RoPE, `[tokens, num_heads · head_dim]`.
/// * `keys`, `values`: `[context, num_kv_heads · head_dim]`; keys after RoPE.
/// * `angles`: `[tokens, rotary_dim]`; in each row the cosines of the pairs, then their sines.
pub fn attend(
    queries: Tensor<2>,
    [keys, values]: [Tensor<2>; 2],
    angles: Tensor<2>,
    heads: AttentionShape,
) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::attend(
        queries.into_dispatch(),
        keys.into_dispatch(),
        values.into_dispatch(),
        angles.into_dispatch(),
        heads,
    ))
}

/// Element `at` of `x` after RoPE, which rotates neighbouring pairs among the first `rotary_dim` elements of each head.
///
/// * `in_head`: position of the element in its head.
/// * `angles`: `[tokens, rotary_dim]`; in each row the cosines of the pairs, then their sines.
#[cube]
fn apply_rope(x: &[f32], at: u32, in_head: u32, angles: &[f32], angle_row: u32, rotary_dim: u32) -> f32 {
    let mut out = x[at as usize];
    if in_head < rotary_dim {
        let pair = in_head / 2;
        let cos = angles[(angle_row * rotary_dim + pair) as usize];
        let sin = angles[(angle_row * rotary_dim + rotary_dim / 2 + pair) as usize];
        if in_head % 2 == 0 {
            out = out * cos - x[(at + 1) as usize] * sin;
        } else {
            out = out * cos + x[(at - 1) as usize] * sin;
        }
    }
    out
}

/// [`rope_and_append_kv`]: one thread per element of the new cache. `known` and `count` are numbers of elements.
#[cube(launch_unchecked)]
fn rope_and_append_kv_kernel(
    known_keys: &[f32],
    known_values: &[f32],
    keys: &[f32],
    values: &[f32],
    angles: &[f32],
    all_keys: &mut [f32],
    all_values: &mut [f32],
    known: u32,
    count: u32,
    width: u32,
    head_dim: u32,
    rotary_dim: u32,
) {
    let at = ABSOLUTE_POS as u32;
    if at < count {
        if at < known {
            all_keys[at as usize] = known_keys[at as usize];
            all_values[at as usize] = known_values[at as usize];
        } else {
            let new = at - known;
            let in_head = new % width % head_dim;
            all_keys[at as usize] = apply_rope(keys, new, in_head, angles, new / width, rotary_dim);
            all_values[at as usize] = values[new as usize];
        }
    }
}

/// Launches [`rope_and_append_kv`].
///
/// * `known`: tokens in the cache; if 0, `known_keys` and `known_values` are not read.
pub(crate) fn launch_rope_and_append_kv(
    known_keys: CubeTensor,
    known_values: CubeTensor,
    keys: CubeTensor,
    values: CubeTensor,
    angles: CubeTensor,
    known: usize,
    head_dim: usize,
) -> (CubeTensor, CubeTensor) {
    let (new, width) = rows(keys.meta.shape());
    let (_, rotary_dim) = rows(angles.meta.shape());
    let count = (known + new) * width;
    let [all_keys, all_values] = [&keys, &values].map(|x| like(x, [known + new, width]));
    let client = keys.client.clone();
    let (cubes, dim) = by_number(&client, count);
    // SAFETY: a thread below `count` reads its element (or pair) from the known rows or the new ones, and for a new row
    // that row of angles; both outputs have `count` elements.
    unsafe {
        rope_and_append_kv_kernel::launch_unchecked(
            &client,
            cubes,
            dim,
            buffer(known_keys),
            buffer(known_values),
            buffer(keys),
            buffer(values),
            buffer(angles),
            buffer(all_keys.clone()),
            buffer(all_values.clone()),
            (known * width) as u32,
            count as u32,
            width as u32,
            head_dim as u32,
            rotary_dim as u32,
        );
    }
    (all_keys, all_values)
}

/// [`attend`]: one workgroup per token and query head.
///
/// A token attends to itself and earlier tokens, at most `window` in all. Keys are processed [`WORKGROUP_SIZE`] at a
/// time: each thread scores one key, then accumulates its own elements of the values. The running maximum and sum are
/// those of FlashAttention (Dao et al., 2022).
#[cube(launch_unchecked)]
fn attend_kernel(
    queries: &[f32],
    keys: &[f32],
    values: &[f32],
    angles: &[f32],
    out: &mut [f32],
    start: u32,
    query_heads: u32,
    key_heads: u32,
    scale: f32,
    window: u32,
    rotary_dim: u32,
    #[comptime] head_dim: u32,
) {
    let token = CUBE_POS_X;
    let head = CUBE_POS_Y;
    let unit = UNIT_POS_X;
    let row = (token * query_heads + head) * head_dim;
    let width = key_heads * head_dim;
    let group = head / (query_heads / key_heads) * head_dim;
    let context = start + token + 1;

    let mut query = Shared::new_slice(comptime!(head_dim as usize));
    let mut at = unit;
    while at < head_dim {
        query[at as usize] = apply_rope(queries, row + at, at, angles, token, rotary_dim) * scale;
        at += WORKGROUP_SIZE;
    }
    let mut scores = Shared::new_slice(comptime!(WORKGROUP_SIZE as usize));
    let own = comptime!(head_dim.div_ceil(WORKGROUP_SIZE));
    let mut sums = Array::<f32>::new(comptime!(own as usize));
    #[unroll]
    for i in 0..own {
        sums[i as usize] = 0.0f32;
    }
    let mut highest = f32::new(MASKED_SCORE);
    let mut whole = 0.0f32;
    sync_cube();

    let mut first = 0u32;
    if context > window {
        first = context - window;
    }
    while first < context {
        let key = first + unit;
        let mut score = f32::new(MASKED_SCORE);
        if key < context {
            score = 0.0f32;
            let base = key * width + group;
            for at in 0..head_dim {
                score += query[at as usize] * keys[(base + at) as usize];
            }
        }
        scores[unit as usize] = score;
        sync_cube();
        let before = highest;
        for other in 0..WORKGROUP_SIZE as usize {
            highest = max(highest, scores[other]);
        }
        sync_cube();
        scores[unit as usize] = (score - highest).exp();
        sync_cube();
        let kept = (before - highest).exp();
        whole *= kept;
        #[unroll]
        for i in 0..own {
            sums[i as usize] *= kept;
        }
        let count = min(WORKGROUP_SIZE, context - first);
        for other in 0..count {
            let weight = scores[other as usize];
            whole += weight;
            let base = (first + other) * width + group;
            #[unroll]
            for i in 0..own {
                let at = i * WORKGROUP_SIZE + unit;
                if at < head_dim {
                    sums[i as usize] += weight * values[(base + at) as usize];
                }
            }
        }
        sync_cube();
        first += WORKGROUP_SIZE;
    }
    #[unroll]
    for i in 0..own {
        let at = i * WORKGROUP_SIZE + unit;
        if at < head_dim {
            out[(row + at) as usize] = sums[i as usize] / whole;
        }
    }
}

/// Launches [`attend`].
pub(crate) fn launch_attend(
    queries: CubeTensor,
    keys: CubeTensor,
    values: CubeTensor,
    angles: CubeTensor,
    heads: AttentionShape,
) -> CubeTensor {
    let (tokens, columns) = rows(queries.meta.shape());
    let (context, _) = rows(keys.meta.shape());
    let (_, rotary_dim) = rows(angles.meta.shape());
    let out = like(&queries, [tokens, columns]);
    let client = queries.client.clone();
    // SAFETY: a workgroup reads one token's queries and angles and the keys and values up to that token, within
    // `context` rows, and writes one head of one token.
    unsafe {
        attend_kernel::launch_unchecked(
            &client,
            CubeCount::Static(tokens as u32, heads.num_heads as u32, 1),
            CubeDim::new_1d(WORKGROUP_SIZE),
            buffer(queries),
            buffer(keys),
            buffer(values),
            buffer(angles),
            buffer(out.clone()),
            (context - tokens) as u32,
            heads.num_heads as u32,
            heads.num_kv_heads as u32,
            heads.scale,
            u32::try_from(heads.window).unwrap_or(u32::MAX),
            rotary_dim as u32,
            heads.head_dim as u32,
        );
    }
    out
}

#[cfg(test)]
mod on_a_gpu {
    use super::*;
    use crate::testing::{assert_close, numbers, read, tensor};
    use prunescope_kernels::attention;

    /// Contexts around the workgroup size, sliding windows, heads narrower and wider than a workgroup, and partial
    /// RoPE.
    #[test]
    fn attends_as_the_host_does() {
        for (start, tokens) in [(0, 1), (0, 65), (62, 1), (63, 1), (64, 1), (130, 7)] {
            for (heads, rotary_dim) in [
                (AttentionShape { num_heads: 9, num_kv_heads: 3, head_dim: 64, scale: 0.125, window: usize::MAX }, 64),
                (AttentionShape { num_heads: 2, num_kv_heads: 2, head_dim: 16, scale: 0.3, window: 5 }, 4),
                (AttentionShape { num_heads: 4, num_kv_heads: 1, head_dim: 80, scale: 0.1, window: 70 }, 80),
            ] {
                let AttentionShape { num_heads: queries, num_kv_heads: groups, head_dim: width, .. } = heads;
                let half = rotary_dim / 2;
                let angle = numbers((start + tokens) * half, 5);
                let [cos, sin] =
                    [f32::cos, f32::sin].map(|of: fn(f32) -> f32| angle.iter().map(|x| of(9.0 * x)).collect());
                let (cos, sin): (Vec<f32>, Vec<f32>) = (cos, sin);
                let query = numbers(tokens * queries * width, 6);
                let [keys, values] = [7, 8].map(|salt| numbers((start + tokens) * groups * width, salt));

                let (mut turned, mut turned_keys) = (query.clone(), keys.clone());
                let pairs = start * half;
                attention::rotate(&mut turned, queries, width, &cos[pairs..], &sin[pairs..]);
                attention::rotate(&mut turned_keys, groups, width, &cos, &sin);
                let wanted = attention::attend(&turned, &turned_keys, &values, heads);

                let angles = |from: usize, to: usize| {
                    let row = |at: usize| [&cos[at * half..(at + 1) * half], &sin[at * half..(at + 1) * half]].concat();
                    tensor(&(from..to).flat_map(row).collect::<Vec<f32>>(), to - from)
                };
                let part = |x: &[f32], from: usize, to: usize| {
                    tensor(&x[from * groups * width..to * groups * width], to - from)
                };
                let rows = |from, to| [part(&keys, from, to), part(&values, from, to)];
                let known = (start > 0).then(|| rope_and_append_kv(None, rows(0, start), angles(0, start), width));
                let all = rope_and_append_kv(known, rows(start, start + tokens), angles(start, start + tokens), width);
                assert_close(&read(all[0].clone()), &turned_keys, 1e-5);
                assert_close(&read(all[1].clone()), &values, 0.0);
                let found = attend(tensor(&query, tokens), all, angles(start, start + tokens), heads);
                assert_close(&read(found), &wanted, 1e-5);
            }
        }
    }
}
