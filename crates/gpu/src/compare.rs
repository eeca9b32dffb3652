//! The sums from which metrics of a dense and a pruned model are computed, one workgroup per row.

// CubeCL needs compile-time conditions in `if`s of their own, and its numbers and arrays lack the methods Clippy
// suggests.
#![allow(clippy::collapsible_if, clippy::manual_is_multiple_of, clippy::needless_range_loop)]

use burn::backend::Dispatch;
use burn::tensor::Tensor;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

use crate::launch::{buffer, like, rows, total};
use crate::ops::DecoderOps;

/// Initial value of a running maximum, in place of −∞.
const MASKED_SCORE: f32 = -1e30;

/// Compares the outputs of a dense and a pruned model. Returns one [`ComparedRow`] per row: sums, then the dense
/// model's `top` likeliest tokens, then the pruned model's.
///
/// * `hidden`: h of the dense and the pruned model, each `[rows, hidden]`.
/// * `logits`: z of both, each `[rows, vocabulary]`.
/// * `temperature`: T > 0 of p = softmax(z / T).
pub fn compare(hidden: [Tensor<2>; 2], logits: [Tensor<2>; 2], temperature: f32, top: usize) -> Tensor<2> {
    let [hidden, hidden_pruned] = hidden.map(Tensor::into_dispatch);
    let [logits, logits_pruned] = logits.map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::compare(hidden, hidden_pruned, logits, logits_pruned, temperature, top))
}

/// Threads per workgroup of [`compare`](compare()).
const COMPARE_WORKGROUP_SIZE: u32 = 256;
/// Numbers in each of [`Slot::HIDDEN`], [`Slot::LOGITS`] and [`Slot::PROBABILITIES`]: Σx², Σy², Σxy, ΣΔx and
/// Σ(Δ − share · x)², where Δ = y − x (normalized, for probabilities) and share = ΣΔx / Σx².
pub const PAIR_STATS: usize = 5;
/// Numbers per top-k token: id, dense logit, pruned logit.
const TOKEN: u32 = 3;

/// Offsets in a row of [`compare`](compare()), for the kernel that writes it and for [`ComparedRow`], which reads it.
///
/// Δz = z̃ − z, where a tilde marks the pruned model; p = softmax(z / T), and r = p² / Σp².
pub struct Slot;

impl Slot {
    /// [`PAIR_STATS`] numbers of h and h̃.
    pub const HIDDEN: u32 = 0;
    /// [`PAIR_STATS`] numbers of z and z̃.
    pub const LOGITS: u32 = Self::HIDDEN + PAIR_STATS as u32;
    /// [`PAIR_STATS`] numbers of p and p̃, both scaled so that their largest entry is 1.
    pub const PROBABILITIES: u32 = Self::LOGITS + PAIR_STATS as u32;
    /// Σ|Δz|.
    pub const ABSOLUTE: u32 = Self::PROBABILITIES + PAIR_STATS as u32;
    /// ΣΔz².
    pub const SQUARED: u32 = Self::ABSOLUTE + 1;
    /// Σ(Δz − mean)².
    pub const UNIFORM: u32 = Self::SQUARED + 1;
    /// Var_p(Δz).
    pub const VARIANCE_P: u32 = Self::UNIFORM + 1;
    /// Var_r(Δz).
    pub const VARIANCE_R: u32 = Self::VARIANCE_P + 1;
    /// KL(p ‖ p̃).
    pub const KL_DENSE_PRUNED: u32 = Self::VARIANCE_R + 1;
    /// KL(p̃ ‖ p).
    pub const KL_PRUNED_DENSE: u32 = Self::KL_DENSE_PRUNED + 1;
    /// log Σ exp(z / T) of the dense, then of the pruned model.
    pub const LOG_TOTALS: u32 = Self::KL_PRUNED_DENSE + 1;
    /// Top-k tokens of the dense, then of the pruned model.
    pub const TOKENS: u32 = Self::LOG_TOTALS + 2;
}

/// One row of [`compare`](compare()), read back.
#[derive(Clone, Copy, Debug)]
pub struct ComparedRow<'a>(pub &'a [f32]);

impl ComparedRow<'_> {
    /// The number at an offset of [`Slot`].
    pub fn at(&self, slot: u32) -> f64 {
        f64::from(self.0[slot as usize])
    }

    /// The [`PAIR_STATS`] numbers from an offset of [`Slot`] on.
    pub fn pair(&self, slot: u32) -> [f64; PAIR_STATS] {
        std::array::from_fn(|at| self.at(slot + at as u32))
    }

    /// Top-k tokens of the dense, then of the pruned model: id, and `[dense logit, pruned logit]`.
    pub fn tokens(&self) -> impl Iterator<Item = (u32, [f64; 2])> {
        let tokens = self.0[Slot::TOKENS as usize..].chunks_exact(TOKEN as usize);
        tokens.map(|token| (token[0] as u32, [token[1], token[2]].map(f64::from)))
    }
}

/// Maximum over the threads of a workgroup.
#[cube]
fn largest(part: f32, parts: &mut [f32]) -> f32 {
    sync_cube();
    parts[UNIT_POS_X as usize] = part;
    sync_cube();
    let mut highest = parts[0];
    for other in 1..COMPARE_WORKGROUP_SIZE as usize {
        highest = max(highest, parts[other]);
    }
    highest
}

/// x, or exp((x − highest) / temperature) if `exponential`.
#[cube]
fn entry(x: f32, highest: f32, temperature: f32, #[comptime] exponential: bool) -> f32 {
    if comptime!(exponential) { ((x - highest) / temperature).exp() } else { x }
}

/// Σx², Σy², Σxy, ΣΔx and Σ(Δ − share · x)² of two rows x and y, where Δ = scale · y − x and share = ΣΔx / Σx².
#[cube]
fn pair_stats(
    x: &[f32],
    y: &[f32],
    base: u32,
    count: u32,
    highest_x: f32,
    highest_y: f32,
    scale: f32,
    temperature: f32,
    parts: &mut [f32],
    out: &mut [f32],
    out_at: u32,
    #[comptime] exponential: bool,
) {
    let mut xx = 0.0f32;
    let mut yy = 0.0f32;
    let mut xy = 0.0f32;
    let mut dx = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < count {
        let a = entry(x[(base + at) as usize], highest_x, temperature, exponential);
        let b = entry(y[(base + at) as usize], highest_y, temperature, exponential);
        xx += a * a;
        yy += b * b;
        xy += a * b;
        dx += (b * scale - a) * a;
        at += COMPARE_WORKGROUP_SIZE;
    }
    let xx = total(xx, parts, COMPARE_WORKGROUP_SIZE);
    let yy = total(yy, parts, COMPARE_WORKGROUP_SIZE);
    let xy = total(xy, parts, COMPARE_WORKGROUP_SIZE);
    let dx = total(dx, parts, COMPARE_WORKGROUP_SIZE);
    let share = dx / max(xx, 1e-30);
    let mut across = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < count {
        let a = entry(x[(base + at) as usize], highest_x, temperature, exponential);
        let b = entry(y[(base + at) as usize], highest_y, temperature, exponential);
        let rest = (b * scale - a) - share * a;
        across += rest * rest;
        at += COMPARE_WORKGROUP_SIZE;
    }
    let across = total(across, parts, COMPARE_WORKGROUP_SIZE);
    if UNIT_POS_X == 0 {
        out[out_at as usize] = xx;
        out[(out_at + 1) as usize] = yy;
        out[(out_at + 2) as usize] = xy;
        out[(out_at + 3) as usize] = dx;
        out[(out_at + 4) as usize] = across;
    }
}

/// The `top` largest entries of a row of `x`, largest first, ties by lower index: index, and the entries of `z` and `y`
/// at that index.
#[cube]
fn top_k(
    x: &[f32],
    z: &[f32],
    y: &[f32],
    base: u32,
    count: u32,
    parts: &mut [f32],
    places: &mut [u32],
    out: &mut [f32],
    out_at: u32,
    top: u32,
) {
    let mut before = f32::new(-MASKED_SCORE);
    let mut before_at = 0u32;
    for rank in 0..top {
        let mut best = f32::new(MASKED_SCORE);
        let mut best_at = count;
        let mut at = UNIT_POS_X;
        while at < count {
            let value = x[(base + at) as usize];
            // Ranks after the last one found. Indices grow, so the first of equal values is kept.
            if value < before || (value == before && at > before_at) {
                if value > best {
                    best = value;
                    best_at = at;
                }
            }
            at += COMPARE_WORKGROUP_SIZE;
        }
        sync_cube();
        parts[UNIT_POS_X as usize] = best;
        places[UNIT_POS_X as usize] = best_at;
        sync_cube();
        for other in 0..COMPARE_WORKGROUP_SIZE as usize {
            if parts[other] > best || (parts[other] == best && places[other] < best_at) {
                best = parts[other];
                best_at = places[other];
            }
        }
        before = best;
        before_at = best_at;
        if UNIT_POS_X == 0 {
            let to = out_at + TOKEN * rank;
            // An all-NaN row leaves `best_at` out of range.
            let found = min(best_at, count - 1);
            out[to as usize] = f32::cast_from(found);
            out[(to + 1) as usize] = z[(base + found) as usize];
            out[(to + 2) as usize] = y[(base + found) as usize];
        }
    }
}

/// [`compare`](compare()): one workgroup per row, written at the offsets of [`Slot`].
#[cube(launch_unchecked)]
fn compare_kernel(
    hidden: &[f32],
    hidden_pruned: &[f32],
    z: &[f32],
    y: &[f32],
    out: &mut [f32],
    width: u32,
    vocabulary: u32,
    temperature: f32,
    top: u32,
) {
    let row = CUBE_POS_X;
    let base = row * vocabulary;
    let out_at = row * (Slot::TOKENS + 2 * TOKEN * top);
    let mut parts = Shared::new_slice(comptime!(COMPARE_WORKGROUP_SIZE as usize));
    let mut places = Shared::<[u32]>::new_slice(comptime!(COMPARE_WORKGROUP_SIZE as usize));

    pair_stats(
        hidden,
        hidden_pruned,
        row * width,
        width,
        0.0,
        0.0,
        1.0,
        1.0,
        &mut parts,
        out,
        out_at + Slot::HIDDEN,
        false,
    );
    pair_stats(z, y, base, vocabulary, 0.0, 0.0, 1.0, 1.0, &mut parts, out, out_at + Slot::LOGITS, false);

    let mut highest_z = f32::new(MASKED_SCORE);
    let mut highest_y = f32::new(MASKED_SCORE);
    let mut delta = 0.0f32;
    let mut absolute = 0.0f32;
    let mut squared = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < vocabulary {
        let a = z[(base + at) as usize];
        let b = y[(base + at) as usize];
        highest_z = max(highest_z, a);
        highest_y = max(highest_y, b);
        let difference = b - a;
        delta += difference;
        absolute += max(difference, -difference);
        squared += difference * difference;
        at += COMPARE_WORKGROUP_SIZE;
    }
    let highest_z = largest(highest_z, &mut parts);
    let highest_y = largest(highest_y, &mut parts);
    let delta = total(delta, &mut parts, COMPARE_WORKGROUP_SIZE);
    let absolute = total(absolute, &mut parts, COMPARE_WORKGROUP_SIZE);
    let squared = total(squared, &mut parts, COMPARE_WORKGROUP_SIZE);

    // p and p̃ (`q`) are unnormalised here: their largest entries are 1.
    let mean = delta / f32::cast_from(vocabulary);
    let mut uniform = 0.0f32;
    let mut sum_p = 0.0f32;
    let mut sum_q = 0.0f32;
    let mut squares = 0.0f32;
    let mut of_p = 0.0f32;
    let mut of_r = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < vocabulary {
        let a = z[(base + at) as usize];
        let b = y[(base + at) as usize];
        let difference = b - a;
        let p = ((a - highest_z) / temperature).exp();
        sum_p += p;
        sum_q += ((b - highest_y) / temperature).exp();
        squares += p * p;
        of_p += p * difference;
        of_r += p * p * difference;
        uniform += (difference - mean) * (difference - mean);
        at += COMPARE_WORKGROUP_SIZE;
    }
    let uniform = total(uniform, &mut parts, COMPARE_WORKGROUP_SIZE);
    let sum_p = total(sum_p, &mut parts, COMPARE_WORKGROUP_SIZE);
    let sum_q = total(sum_q, &mut parts, COMPARE_WORKGROUP_SIZE);
    let squares = total(squares, &mut parts, COMPARE_WORKGROUP_SIZE);
    let mean_p = total(of_p, &mut parts, COMPARE_WORKGROUP_SIZE) / sum_p;
    let mean_r = total(of_r, &mut parts, COMPARE_WORKGROUP_SIZE) / squares;

    // log p̃ − log p is (z̃ − z) / T − shift.
    let shift = (highest_y - highest_z) / temperature + sum_q.ln() - sum_p.ln();
    let mut variance_p = 0.0f32;
    let mut variance_r = 0.0f32;
    let mut forward = 0.0f32;
    let mut backward = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < vocabulary {
        let a = z[(base + at) as usize];
        let b = y[(base + at) as usize];
        let difference = b - a;
        let p = ((a - highest_z) / temperature).exp();
        let q = ((b - highest_y) / temperature).exp();
        let ratio = difference / temperature - shift;
        forward -= p * ratio;
        backward += q * ratio;
        variance_p += p * (difference - mean_p) * (difference - mean_p);
        variance_r += p * p * (difference - mean_r) * (difference - mean_r);
        at += COMPARE_WORKGROUP_SIZE;
    }
    let variance_p = total(variance_p, &mut parts, COMPARE_WORKGROUP_SIZE);
    let variance_r = total(variance_r, &mut parts, COMPARE_WORKGROUP_SIZE);
    let forward = total(forward, &mut parts, COMPARE_WORKGROUP_SIZE);
    let backward = total(backward, &mut parts, COMPARE_WORKGROUP_SIZE);
    pair_stats(
        z,
        y,
        base,
        vocabulary,
        highest_z,
        highest_y,
        sum_p / sum_q,
        temperature,
        &mut parts,
        out,
        out_at + Slot::PROBABILITIES,
        true,
    );

    if UNIT_POS_X == 0 {
        out[(out_at + Slot::ABSOLUTE) as usize] = absolute;
        out[(out_at + Slot::SQUARED) as usize] = squared;
        out[(out_at + Slot::UNIFORM) as usize] = uniform;
        out[(out_at + Slot::VARIANCE_P) as usize] = variance_p / sum_p;
        out[(out_at + Slot::VARIANCE_R) as usize] = variance_r / squares;
        out[(out_at + Slot::KL_DENSE_PRUNED) as usize] = forward / sum_p;
        out[(out_at + Slot::KL_PRUNED_DENSE) as usize] = backward / sum_q;
        out[(out_at + Slot::LOG_TOTALS) as usize] = highest_z / temperature + sum_p.ln();
        out[(out_at + Slot::LOG_TOTALS + 1) as usize] = highest_y / temperature + sum_q.ln();
    }
    top_k(z, z, y, base, vocabulary, &mut parts, &mut places, out, out_at + Slot::TOKENS, top);
    top_k(y, z, y, base, vocabulary, &mut parts, &mut places, out, out_at + Slot::TOKENS + TOKEN * top, top);
}

/// Launches [`compare`](compare()).
pub(crate) fn launch_compare(
    hidden: CubeTensor,
    hidden_pruned: CubeTensor,
    logits: CubeTensor,
    logits_pruned: CubeTensor,
    temperature: f32,
    top: usize,
) -> CubeTensor {
    let ((count, vocabulary), (_, width)) = (rows(logits.meta.shape()), rows(hidden.meta.shape()));
    let out = like(&logits, [count, (Slot::TOKENS + 2 * TOKEN * top as u32) as usize]);
    let client = logits.client.clone();
    // SAFETY: a workgroup reads one row of each of the four inputs, of `width` or `vocabulary` numbers, and writes one
    // row of `out`, which has room for all slots and tokens.
    unsafe {
        compare_kernel::launch_unchecked(
            &client,
            CubeCount::Static(count as u32, 1, 1),
            CubeDim::new_1d(COMPARE_WORKGROUP_SIZE),
            buffer(hidden),
            buffer(hidden_pruned),
            buffer(logits),
            buffer(logits_pruned),
            buffer(out.clone()),
            width as u32,
            vocabulary as u32,
            temperature,
            top as u32,
        );
    }
    out
}
