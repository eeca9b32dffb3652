//! Programs for the device. Numbers are f32; matrices are rows one after the other.

// What is decided when a program is compiled stays apart from what it decides, and numbers and arrays of the device know fewer
// methods.
#![allow(clippy::collapsible_if, clippy::manual_is_multiple_of, clippy::needless_range_loop)]

use burn_cubecl::cubecl;
use cubecl::prelude::*;

/// Units that share one output of [`product`].
pub const LANES: u32 = 16;
/// Outputs of one cube of [`product`].
pub const OUTPUTS: u32 = 8;
/// Units of one cube of [`rms_norm`] and [`attend`].
pub const UNITS: u32 = 64;
/// Rows of weights, and rows of inputs, of one cube of [`many_products`].
pub const TILE: u32 = 64;
/// Units along each side of a cube of [`many_products`].
pub const SIDE: u32 = 16;
/// Columns that a cube of [`many_products`] takes at once.
const DEPTH: u32 = 16;
/// Weights of a block.
const BLOCK: u32 = prunescope_kernels::BLOCK as u32;
/// Stands for −∞ where a score must not count.
const NEVER: f32 = -1e30;

/// What a word of codes holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Numbers from 0 to 15, of which each block has a scale and a minimum.
    Nibbles,
    /// Numbers from −128 to 127, of which each block has a scale and a minimum.
    Bytes,
    /// The same with a scale and a minimum for each half of a block.
    BytesInHalves,
    /// IEEE floats of 16 bits, finite.
    Halves,
    /// bfloat16.
    BrainFloats,
}

impl Coding {
    /// Bits of one weight.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Nibbles => 4,
            Self::Bytes | Self::BytesInHalves => 8,
            Self::Halves | Self::BrainFloats => 16,
        }
    }

    /// Pairs of a scale and a minimum in a block.
    pub const fn pairs(self) -> u32 {
        match self {
            Self::Nibbles | Self::Bytes => 1,
            Self::BytesInHalves => 2,
            Self::Halves | Self::BrainFloats => 0,
        }
    }
}

/// One code of a word as a number.
#[cube]
fn code(word: i32, place: u32, #[comptime] coding: Coding) -> f32 {
    if comptime!(matches!(coding, Coding::Nibbles)) {
        f32::cast_from((word >> i32::cast_from(4 * place)) & 15)
    } else if comptime!(coding.bits() == 8) {
        f32::cast_from((word << i32::cast_from(24 - 8 * place)) >> 24)
    } else if comptime!(matches!(coding, Coding::BrainFloats)) {
        f32::reinterpret((word << i32::cast_from(16 - 16 * place)) & -65_536)
    } else {
        let bits = (word >> i32::cast_from(16 * place)) & 65_535;
        let magnitude = bits & 32_767;
        // The exponent counts from another place; a device may take what is subnormal as f32 for 0.
        let mut value = f32::reinterpret((magnitude << 13) + comptime!(112i32 << 23));
        if magnitude < 1024 {
            value = f32::cast_from(magnitude) * comptime!(1.0f32 / (1 << 24) as f32);
        }
        if bits >= 32_768 {
            value = -value;
        }
        value
    }
}

/// The place in its block of one code of a word.
///
/// In blocks of nibbles the low ones are the first half and the high ones the second.
#[cube]
fn place_in_block(word_in_block: u32, place: u32, #[comptime] coding: Coding) -> u32 {
    if comptime!(matches!(coding, Coding::Nibbles)) {
        4 * word_in_block + place / 2 + 16 * (place % 2)
    } else {
        comptime!(32 / coding.bits()) * word_in_block + place
    }
}

/// Where the scale of a word's weights is; their minimum follows.
#[cube]
fn scale_of(block: u32, word_in_block: u32, #[comptime] coding: Coding) -> u32 {
    if comptime!(coding.pairs() == 2) { 4 * block + word_in_block / 4 * 2 } else { 2 * block }
}

#[cube]
fn silu(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
}

/// What becomes of a product, with the numbers that lie beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It stays as it is; nothing is read beside it.
    Alone,
    /// It is multiplied by silu(beside).
    Gated,
    /// Beside is added to it.
    Added,
}

/// A unit's part of the product of one row x and one row of weights: every [`LANES`]-th word of codes.
///
/// * `x_at` — where the row x begins; `output` — the row of weights.
#[cube]
fn part_of_product(
    x: &[f32],
    codes: &[i32],
    scales: &[f32],
    mask: &[i32],
    x_at: u32,
    output: u32,
    columns: u32,
    #[comptime] coding: Coding,
    #[comptime] masked: bool,
) -> f32 {
    let per_word = comptime!(32 / coding.bits());
    let words_in_block = comptime!(BLOCK / per_word);
    let words = columns / per_word;
    let mut sum = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < words {
        let block = at / words_in_block;
        let word_in_block = at % words_in_block;
        let block_of_matrix = output * (columns / BLOCK) + block;
        let word = codes[(output * words + at) as usize];
        let base = x_at + block * BLOCK;
        let mut dot = 0.0f32;
        let mut total = 0.0f32;
        #[unroll]
        for place in 0..per_word {
            let in_block = place_in_block(word_in_block, place, coding);
            let mut input = x[(base + in_block) as usize];
            if masked {
                let kept = (mask[block_of_matrix as usize] >> i32::cast_from(in_block)) & 1;
                input *= f32::cast_from(kept);
            }
            dot += input * code(word, place, coding);
            total += input;
        }
        if comptime!(coding.pairs() == 0) {
            sum += dot;
        } else {
            let scale_at = scale_of(block_of_matrix, word_in_block, coding);
            sum += dot * scales[scale_at as usize] + total * scales[(scale_at + 1) as usize];
        }
        at += LANES;
    }
    sum
}

/// The sum of what the units of one output have; only the first of them knows it.
#[cube]
fn sum_of_parts(part: f32) -> f32 {
    let mut sums = Shared::new_slice(comptime!((LANES * OUTPUTS) as usize));
    let first = (UNIT_POS_Y * LANES) as usize;
    sums[first + UNIT_POS_X as usize] = part;
    sync_cube();
    let mut whole = 0.0f32;
    if UNIT_POS_X == 0 {
        for other in 0..LANES as usize {
            whole += sums[first + other];
        }
    }
    whole
}

/// x Wᵀ for a few rows x: each output is shared by [`LANES`] units.
///
/// `scales` has scales and minimums in turn, as the coding says.
#[cube(launch_unchecked)]
pub fn product(
    x: &[f32],
    codes: &[i32],
    scales: &[f32],
    mask: &[i32],
    beside: &[f32],
    out: &mut [f32],
    columns: u32,
    rows: u32,
    #[comptime] coding: Coding,
    #[comptime] masked: bool,
    #[comptime] ending: Ending,
) {
    let output = CUBE_POS_X * OUTPUTS + UNIT_POS_Y;
    let token = CUBE_POS_Y;
    let mut part = 0.0f32;
    if output < rows {
        part = part_of_product(x, codes, scales, mask, token * columns, output, columns, coding, masked);
    }
    let whole = sum_of_parts(part);
    if UNIT_POS_X == 0 {
        if output < rows {
            let at = (token * rows + output) as usize;
            if comptime!(matches!(ending, Ending::Gated)) {
                out[at] = silu(beside[at]) * whole;
            } else if comptime!(matches!(ending, Ending::Added)) {
                out[at] = beside[at] + whole;
            } else {
                out[at] = whole;
            }
        }
    }
}

/// x Aᵀ and x Bᵀ for a few rows x and two matrices of one shape and coding without a mask; gated, only silu(x Aᵀ) ∘ x Bᵀ.
#[cube(launch_unchecked)]
pub fn two_products(
    x: &[f32],
    codes_a: &[i32],
    scales_a: &[f32],
    codes_b: &[i32],
    scales_b: &[f32],
    out_a: &mut [f32],
    out_b: &mut [f32],
    columns: u32,
    rows: u32,
    #[comptime] coding: Coding,
    #[comptime] gated: bool,
) {
    let output = CUBE_POS_X * OUTPUTS + UNIT_POS_Y;
    let token = CUBE_POS_Y;
    let mut parts_a = 0.0f32;
    let mut parts_b = 0.0f32;
    if output < rows {
        let x_at = token * columns;
        parts_a = part_of_product(x, codes_a, scales_a, codes_a, x_at, output, columns, coding, false);
        parts_b = part_of_product(x, codes_b, scales_b, codes_b, x_at, output, columns, coding, false);
    }
    let a = sum_of_parts(parts_a);
    let b = sum_of_parts(parts_b);
    if UNIT_POS_X == 0 {
        if output < rows {
            let at = (token * rows + output) as usize;
            if gated {
                out_a[at] = silu(a) * b;
            } else {
                out_a[at] = a;
                out_b[at] = b;
            }
        }
    }
}

/// x Wᵀ for many rows x and weights that are numbers: a cube makes [`TILE`] by [`TILE`] sums, a unit four by four of them.
#[cube(launch_unchecked)]
pub fn many_products(x: &[f32], weights: &[f32], out: &mut [f32], count: u32, columns: u32, rows: u32) {
    let first_row = CUBE_POS_X * TILE;
    let first_input = CUBE_POS_Y * TILE;
    let unit = UNIT_POS_Y * SIDE + UNIT_POS_X;
    // Column after column, with a gap so that units that write neighbours do not meet in one bank.
    let mut inputs = Shared::new_slice(comptime!((DEPTH * (TILE + 1)) as usize));
    let mut outputs = Shared::new_slice(comptime!((DEPTH * (TILE + 1)) as usize));
    let mut sums = Array::<f32>::new(16usize);
    #[unroll]
    for i in 0..16usize {
        sums[i] = 0.0f32;
    }
    let mut begin = 0u32;
    while begin < columns {
        #[unroll]
        for i in 0..4u32 {
            let at = unit + SIDE * SIDE * i;
            let line = at / DEPTH;
            let column = begin + at % DEPTH;
            let place = (at % DEPTH * (TILE + 1) + line) as usize;
            let mut input = 0.0f32;
            let mut weight = 0.0f32;
            if column < columns {
                if first_input + line < count {
                    input = x[((first_input + line) * columns + column) as usize];
                }
                if first_row + line < rows {
                    weight = weights[((first_row + line) * columns + column) as usize];
                }
            }
            inputs[place] = input;
            outputs[place] = weight;
        }
        sync_cube();
        for column in 0..DEPTH {
            let base = column * (TILE + 1);
            #[unroll]
            for i in 0..4u32 {
                let input = inputs[(base + UNIT_POS_Y + SIDE * i) as usize];
                #[unroll]
                for j in 0..4u32 {
                    sums[(4 * i + j) as usize] += input * outputs[(base + UNIT_POS_X + SIDE * j) as usize];
                }
            }
        }
        sync_cube();
        begin += DEPTH;
    }
    #[unroll]
    for i in 0..4u32 {
        let input = first_input + UNIT_POS_Y + SIDE * i;
        #[unroll]
        for j in 0..4u32 {
            let row = first_row + UNIT_POS_X + SIDE * j;
            if input < count {
                if row < rows {
                    out[(input * rows + row) as usize] = sums[(4 * i + j) as usize];
                }
            }
        }
    }
}

/// The weights as numbers: one unit a word of codes.
#[cube(launch_unchecked)]
pub fn dequantize(
    codes: &[i32],
    scales: &[f32],
    mask: &[i32],
    out: &mut [f32],
    words: u32,
    #[comptime] coding: Coding,
    #[comptime] masked: bool,
) {
    let per_word = comptime!(32 / coding.bits());
    let words_in_block = comptime!(BLOCK / per_word);
    let at = ABSOLUTE_POS as u32;
    if at < words {
        let block = at / words_in_block;
        let word = codes[at as usize];
        let word_in_block = at % words_in_block;
        let scale_at = scale_of(block, word_in_block, coding);
        #[unroll]
        for place in 0..per_word {
            let in_block = place_in_block(word_in_block, place, coding);
            let mut weight = code(word, place, coding);
            if comptime!(coding.pairs() > 0) {
                weight = weight * scales[scale_at as usize] + scales[(scale_at + 1) as usize];
            }
            if masked {
                if (mask[block as usize] >> i32::cast_from(in_block)) & 1 == 0 {
                    weight = 0.0;
                }
            }
            out[(block * BLOCK + in_block) as usize] = weight;
        }
    }
}

/// The sum of what each of a cube's units has.
#[cube]
fn total(part: f32, parts: &mut [f32], #[comptime] units: u32) -> f32 {
    sync_cube();
    parts[UNIT_POS_X as usize] = part;
    sync_cube();
    let mut whole = 0.0f32;
    for other in 0..units as usize {
        whole += parts[other];
    }
    whole
}

/// `x · w / √(mean(x²) + ε)`: one cube a row.
#[cube(launch_unchecked)]
pub fn rms_norm(x: &[f32], weight: &[f32], out: &mut [f32], columns: u32, epsilon: f32) {
    let base = CUBE_POS_X * columns;
    let mut sum = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < columns {
        let value = x[(base + at) as usize];
        sum += value * value;
        at += UNITS;
    }
    let mut parts = Shared::new_slice(comptime!(UNITS as usize));
    let whole = total(sum, &mut parts, UNITS);
    let scale = 1.0 / (whole / f32::cast_from(columns) + epsilon).sqrt();
    let mut at = UNIT_POS_X;
    while at < columns {
        out[(base + at) as usize] = x[(base + at) as usize] * scale * weight[at as usize];
        at += UNITS;
    }
}

/// silu(gate) ∘ up.
#[cube(launch_unchecked)]
pub fn silu_times(gate: &[f32], up: &[f32], out: &mut [f32], count: u32) {
    if (ABSOLUTE_POS as u32) < count {
        out[ABSOLUTE_POS] = silu(gate[ABSOLUTE_POS]) * up[ABSOLUTE_POS];
    }
}

/// One number of a row of which, in each head, the first `turning` numbers turn as neighbouring pairs; `angles` has a row's
/// cosines, then its sines.
#[cube]
fn turned(x: &[f32], at: u32, in_head: u32, angles: &[f32], angle_row: u32, turning: u32) -> f32 {
    let mut out = x[at as usize];
    if in_head < turning {
        let pair = in_head / 2;
        let cos = angles[(angle_row * turning + pair) as usize];
        let sin = angles[(angle_row * turning + turning / 2 + pair) as usize];
        if in_head % 2 == 0 {
            out = out * cos - x[(at + 1) as usize] * sin;
        } else {
            out = out * cos + x[(at - 1) as usize] * sin;
        }
    }
    out
}

/// The rows of a cache followed by new ones, keys turned by their positions: one unit a number of the new cache.
#[cube(launch_unchecked)]
pub fn append(
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
    turning: u32,
) {
    let at = ABSOLUTE_POS as u32;
    if at < count {
        if at < known {
            all_keys[at as usize] = known_keys[at as usize];
            all_values[at as usize] = known_values[at as usize];
        } else {
            let new = at - known;
            let in_head = new % width % head_dim;
            all_keys[at as usize] = turned(keys, new, in_head, angles, new / width, turning);
            all_values[at as usize] = values[new as usize];
        }
    }
}

/// Causal attention of one token and one query head a cube; queries are turned here.
///
/// A token sees itself and those before it, `window` in all. Keys are taken [`UNITS`] at a time: each unit scores one of them, then sums its own numbers of the values (the running
/// maximum and sum are those of FlashAttention, Dao et al., 2022).
#[cube(launch_unchecked)]
pub fn attend(
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
    turning: u32,
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
        query[at as usize] = turned(queries, row + at, at, angles, token, turning) * scale;
        at += UNITS;
    }
    let mut scores = Shared::new_slice(comptime!(UNITS as usize));
    let own = comptime!(head_dim.div_ceil(UNITS));
    let mut sums = Array::<f32>::new(comptime!(own as usize));
    #[unroll]
    for i in 0..own {
        sums[i as usize] = 0.0f32;
    }
    let mut highest = f32::new(NEVER);
    let mut whole = 0.0f32;
    sync_cube();

    let mut first = 0u32;
    if context > window {
        first = context - window;
    }
    while first < context {
        let key = first + unit;
        let mut score = f32::new(NEVER);
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
        for other in 0..UNITS as usize {
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
        let count = min(UNITS, context - first);
        for other in 0..count {
            let weight = scores[other as usize];
            whole += weight;
            let base = (first + other) * width + group;
            #[unroll]
            for i in 0..own {
                let at = i * UNITS + unit;
                if at < head_dim {
                    sums[i as usize] += weight * values[(base + at) as usize];
                }
            }
        }
        sync_cube();
        first += UNITS;
    }
    #[unroll]
    for i in 0..own {
        let at = i * UNITS + unit;
        if at < head_dim {
            out[(row + at) as usize] = sums[i as usize] / whole;
        }
    }
}

/// Units of one cube of [`compare`].
pub const CROWD: u32 = 256;
/// Numbers of an [`angle`].
pub const ANGLE: u32 = 5;
/// Numbers of [`compare`] before those of the likeliest tokens.
pub const SUMS: u32 = 3 * ANGLE + 9;
/// Numbers of one of the likeliest tokens in [`compare`]: its id, the dense model's logit, the pruned model's.
pub const TOKEN: u32 = 3;

/// The largest of what the units of a cube have.
#[cube]
fn largest(part: f32, parts: &mut [f32]) -> f32 {
    sync_cube();
    parts[UNIT_POS_X as usize] = part;
    sync_cube();
    let mut highest = parts[0];
    for other in 1..CROWD as usize {
        highest = max(highest, parts[other]);
    }
    highest
}

/// A number, or exp((number − highest) / temperature).
#[cube]
fn entry(x: f32, highest: f32, temperature: f32, #[comptime] exponential: bool) -> f32 {
    if comptime!(exponential) { ((x - highest) / temperature).exp() } else { x }
}

/// How two rows of numbers x and y lie to each other, with Δ = scale · y − x: Σx², Σy², Σxy, ΣΔx, Σ(Δ − share · x)², where share
/// is ΣΔx / Σx².
#[cube]
fn angle(
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
        at += CROWD;
    }
    let xx = total(xx, parts, CROWD);
    let yy = total(yy, parts, CROWD);
    let xy = total(xy, parts, CROWD);
    let dx = total(dx, parts, CROWD);
    let share = dx / max(xx, 1e-30);
    let mut across = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < count {
        let a = entry(x[(base + at) as usize], highest_x, temperature, exponential);
        let b = entry(y[(base + at) as usize], highest_y, temperature, exponential);
        let rest = (b * scale - a) - share * a;
        across += rest * rest;
        at += CROWD;
    }
    let across = total(across, parts, CROWD);
    if UNIT_POS_X == 0 {
        out[out_at as usize] = xx;
        out[(out_at + 1) as usize] = yy;
        out[(out_at + 2) as usize] = xy;
        out[(out_at + 3) as usize] = dx;
        out[(out_at + 4) as usize] = across;
    }
}

/// The likeliest tokens of one row: their places, and the numbers of both rows there, likeliest first; of equal ones the first.
#[cube]
fn likeliest(
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
    let mut before = f32::new(-NEVER);
    let mut before_at = 0u32;
    for rank in 0..top {
        let mut best = f32::new(NEVER);
        let mut best_at = count;
        let mut at = UNIT_POS_X;
        while at < count {
            let value = x[(base + at) as usize];
            // Later in the order than what was found, and the first of equal ones since places grow.
            if value < before || (value == before && at > before_at) {
                if value > best {
                    best = value;
                    best_at = at;
                }
            }
            at += CROWD;
        }
        sync_cube();
        parts[UNIT_POS_X as usize] = best;
        places[UNIT_POS_X as usize] = best_at;
        sync_cube();
        for other in 0..CROWD as usize {
            if parts[other] > best || (parts[other] == best && places[other] < best_at) {
                best = parts[other];
                best_at = places[other];
            }
        }
        before = best;
        before_at = best_at;
        if UNIT_POS_X == 0 {
            let to = out_at + TOKEN * rank;
            // A number that is none is larger than nothing.
            let found = min(best_at, count - 1);
            out[to as usize] = f32::cast_from(found);
            out[(to + 1) as usize] = z[(base + found) as usize];
            out[(to + 2) as usize] = y[(base + found) as usize];
        }
    }
}

/// What the metrics of two models need, one cube a row: the numbers that `metrics::host::compared_on_gpu` reads, in its
/// order.
#[cube(launch_unchecked)]
pub fn compare(
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
    let out_at = row * (SUMS + 2 * TOKEN * top);
    let mut parts = Shared::new_slice(comptime!(CROWD as usize));
    let mut places = Shared::<[u32]>::new_slice(comptime!(CROWD as usize));

    angle(hidden, hidden_pruned, row * width, width, 0.0, 0.0, 1.0, 1.0, &mut parts, out, out_at, false);
    angle(z, y, base, vocabulary, 0.0, 0.0, 1.0, 1.0, &mut parts, out, out_at + ANGLE, false);

    let mut highest_z = f32::new(NEVER);
    let mut highest_y = f32::new(NEVER);
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
        at += CROWD;
    }
    let highest_z = largest(highest_z, &mut parts);
    let highest_y = largest(highest_y, &mut parts);
    let delta = total(delta, &mut parts, CROWD);
    let absolute = total(absolute, &mut parts, CROWD);
    let squared = total(squared, &mut parts, CROWD);

    // p and the pruned model's, unnormalised: their largest entries are 1.
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
        at += CROWD;
    }
    let uniform = total(uniform, &mut parts, CROWD);
    let sum_p = total(sum_p, &mut parts, CROWD);
    let sum_q = total(sum_q, &mut parts, CROWD);
    let squares = total(squares, &mut parts, CROWD);
    let mean_p = total(of_p, &mut parts, CROWD) / sum_p;
    let mean_r = total(of_r, &mut parts, CROWD) / squares;

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
        at += CROWD;
    }
    let variance_p = total(variance_p, &mut parts, CROWD);
    let variance_r = total(variance_r, &mut parts, CROWD);
    let forward = total(forward, &mut parts, CROWD);
    let backward = total(backward, &mut parts, CROWD);
    angle(
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
        out_at + 2 * ANGLE,
        true,
    );

    if UNIT_POS_X == 0 {
        let to = out_at + 3 * ANGLE;
        out[to as usize] = absolute;
        out[(to + 1) as usize] = squared;
        out[(to + 2) as usize] = uniform;
        out[(to + 3) as usize] = variance_p / sum_p;
        out[(to + 4) as usize] = variance_r / squares;
        out[(to + 5) as usize] = forward / sum_p;
        out[(to + 6) as usize] = backward / sum_q;
        out[(to + 7) as usize] = highest_z / temperature + sum_p.ln();
        out[(to + 8) as usize] = highest_y / temperature + sum_q.ln();
    }
    likeliest(z, z, y, base, vocabulary, &mut parts, &mut places, out, out_at + SUMS, top);
    likeliest(y, z, y, base, vocabulary, &mut parts, &mut places, out, out_at + SUMS + TOKEN * top, top);
}
