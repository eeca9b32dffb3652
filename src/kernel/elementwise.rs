//! Functions of rows, and sums that several kernels share.

use wide::f32x4;

/// Four numbers of a slice.
#[inline(always)]
pub fn four(slice: &[f32]) -> f32x4 {
    f32x4::new([slice[0], slice[1], slice[2], slice[3]])
}

/// ⟨a, b⟩ of two slices of one length.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [f32x4::ZERO; 4];
    let (a, b) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for i in 0..4 {
            sums[i] += four(&a[4 * i..4 * i + 4]) * four(&b[4 * i..4 * i + 4]);
        }
    }
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).reduce_add() + rest
}

/// Root-mean-square norm of each row of `x`: x · weight / √(mean(x²) + ε). Source: Zhang and Sennrich, 2019.
pub fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    for row in x.chunks_exact(weight.len()) {
        let scale = 1.0 / (dot(row, row) / row.len() as f32 + epsilon).sqrt();
        out.extend(row.iter().zip(weight).map(|(x, weight)| x * scale * weight));
    }
    out
}

/// silu(gate) ∘ up, in place of `gate`; silu(x) = x / (1 + e⁻ˣ).
pub fn silu_times(gate: &mut [f32], up: &[f32]) {
    let (gates, gate_rest) = gate.split_at_mut(gate.len() / 4 * 4);
    let (ups, up_rest) = up.split_at(gates.len());
    for (gate, up) in gates.chunks_exact_mut(4).zip(ups.chunks_exact(4)) {
        let x = four(gate);
        let y = x / (f32x4::ONE + (-x).exp()) * four(up);
        gate.copy_from_slice(&y.to_array());
    }
    for (gate, up) in gate_rest.iter_mut().zip(up_rest) {
        *gate = *gate / (1.0 + (-*gate).exp()) * up;
    }
}

/// e^((x − max x) / T) of a row in place; returns max x.
pub fn exponentials(row: &mut [f32], temperature: f32) -> f32 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (fours, rest) = row.as_chunks_mut::<4>();
    for x in fours {
        *x = ((f32x4::new(*x) - f32x4::splat(largest)) / f32x4::splat(temperature)).exp().to_array();
    }
    rest.iter_mut().for_each(|x| *x = ((*x - largest) / temperature).exp());
    largest
}

/// Softmax of a row in place.
pub fn softmax(row: &mut [f32]) {
    exponentials(row, 1.0);
    let (fours, rest) = row.as_chunks::<4>();
    let sums = fours.iter().fold(f32x4::ZERO, |sums, x| sums + f32x4::new(*x));
    let inverse = 1.0 / rest.iter().fold(sums.reduce_add(), |sum, x| sum + x);
    row.iter_mut().for_each(|x| *x *= inverse);
}
