//! Norms, activation functions, softmax, and the dot product and reductions that kernels share.

use wide::{f32x4, u32x4};

use super::threads::{Parts, SharedSlice};

/// The first four numbers of a slice.
#[inline(always)]
pub fn four(slice: &[f32]) -> f32x4 {
    f32x4::new([slice[0], slice[1], slice[2], slice[3]])
}

/// Dot product of two slices of equal length.
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

/// RMSNorm of each row of `x`, `[rows, weight.len()]`: x · weight / √(mean(x²) + ε). Source: Zhang and Sennrich, 2019.
pub fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    for row in x.chunks_exact(weight.len()) {
        let scale = 1.0 / (dot(row, row) / row.len() as f32 + epsilon).sqrt();
        out.extend(row.iter().zip(weight).map(|(x, weight)| x * scale * weight));
    }
    out
}

/// LayerNorm of each row of `x`, `[rows, weight.len()]`: (x − mean) · weight / √(var + ε) + bias.
///
/// An empty `bias` adds nothing. Source: Ba et al., 2016.
pub fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], epsilon: f32) -> Vec<f32> {
    let mut centred = x.to_vec();
    for row in centred.chunks_exact_mut(weight.len()) {
        let mean = row.iter().sum::<f32>() / row.len() as f32;
        row.iter_mut().for_each(|x| *x -= mean);
    }
    let mut out = rms_norm(&centred, weight, epsilon);
    if !bias.is_empty() {
        out.chunks_exact_mut(bias.len()).for_each(|row| row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias));
    }
    out
}

/// Constants of the tanh approximation of GELU, u = a (x + b x³): a = √(2/π) and b.
pub const GELU_TANH: [f32; 2] = [0.797_884_6, 0.044_715];

/// Estimated operations per activation function; most of it is the exponential.
const ACTIVATION: usize = 20;

/// SiLU in place: x / (1 + e⁻ˣ).
pub fn silu(x: &mut [f32]) {
    in_parallel(x, |x| each(x, |x| x / (f32x4::ONE + exp(-x))));
}

/// GELU (tanh approximation) in place: x (1 + tanh u) / 2, u as in [`GELU_TANH`].
pub fn gelu_tanh(x: &mut [f32]) {
    // x (1 + tanh u) / 2 = x / (1 + e⁻²ᵘ).
    in_parallel(x, |x| {
        each(x, |x| {
            let [a, b] = GELU_TANH.map(f32x4::splat);
            x / (f32x4::ONE + exp(f32x4::splat(-2.0) * a * (x + b * x * x * x)))
        });
    });
}

/// GELU in place: x (1 + erf(x / √2)) / 2.
pub fn gelu(x: &mut [f32]) {
    in_parallel(x, |x| {
        each(x, |x| {
            let half = f32x4::splat(0.5) * x;
            half + half * error_function(x * f32x4::splat(std::f32::consts::FRAC_1_SQRT_2))
        });
    });
}

/// Applies an activation function in place, divided among threads.
fn in_parallel(x: &mut [f32], activation: fn(&mut [f32])) {
    let length = x.len();
    let x = SharedSlice::new(x);
    Parts::of(length, ACTIVATION).in_steps_of(4).parallel_for(|_, some| {
        // SAFETY: each part has its own numbers.
        activation(unsafe { x.part(some.start, some.len()) });
    });
}

/// eˣ with relative error about 1e-7; 0 below about −87.7, clamped to e⁸⁸ above 88, NaN for NaN.
///
/// eˣ = 2ⁿ eʳ with |r| ≤ ln 2 / 2. The polynomial and ln 2 in two parts are from `expf` of Cephes (Moshier).
/// Hand-written because a library function that handles every special value takes at least twice as long.
#[inline(always)]
pub fn exp(x: f32x4) -> f32x4 {
    // Adding 1.5 · 2²³ rounds to an integer, held in the low mantissa bits; 127 is the exponent bias of 2ⁿ.
    const WHOLE: f32 = 12_582_912.0 + 127.0;
    const TERMS: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5];
    // NaN compares false, so it passes through both clamps.
    let [lowest, highest] = [-88.0, 88.0].map(f32x4::splat);
    let x = x.simd_lt(lowest).select(lowest, x);
    let x = x.simd_gt(highest).select(highest, x);
    let whole = x * f32x4::splat(std::f32::consts::LOG2_E) + f32x4::splat(WHOLE);
    let n = whole - f32x4::splat(WHOLE);
    let r = x - n * f32x4::splat(0.693_359_4) + n * f32x4::splat(2.121_944_4e-4);
    let series = TERMS.iter().skip(1).fold(f32x4::splat(TERMS[0]), |sum, term| sum * r + f32x4::splat(*term));
    let of_r = series * (r * r) + r + f32x4::ONE;
    of_r * bytemuck::cast::<u32x4, f32x4>(bytemuck::cast::<f32x4, u32x4>(whole) << 23)
}

/// erf(x), absolute error below 1.5e-7. Source: Abramowitz and Stegun, 7.1.26.
fn error_function(x: f32x4) -> f32x4 {
    let size = x.abs();
    let t = f32x4::ONE / (f32x4::ONE + f32x4::splat(0.327_591_1) * size);
    let terms = [1.061_405_4, -1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6].map(f32x4::splat);
    let series = terms.iter().fold(f32x4::ZERO, |sum, term| sum * t + *term) * t;
    let positive = f32x4::ONE - series * exp(-(size * size));
    positive.copysign(x)
}

/// Applies a function to each number in place, four at a time.
#[inline(always)]
fn each(x: &mut [f32], function: impl Fn(f32x4) -> f32x4) {
    let (fours, rest) = x.as_chunks_mut::<4>();
    fours.iter_mut().for_each(|x| *x = function(f32x4::new(*x)).to_array());
    rest.iter_mut().for_each(|x| *x = function(f32x4::splat(*x)).to_array()[0]);
}

/// x ∘ y, in place of `x`.
pub fn times(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x *= y);
}

/// Maximum of `function` over a row; −∞ for an empty row.
///
/// Vectorized because a scalar `f32::max` is a function call in WebAssembly.
pub fn largest_of(row: &[f32], function: impl Fn(f32x4) -> f32x4) -> f32 {
    let (pieces, rest) = row.as_chunks::<16>();
    let mut largest = [f32x4::splat(f32::NEG_INFINITY); 4];
    for piece in pieces {
        for (i, four) in piece.as_chunks::<4>().0.iter().enumerate() {
            largest[i] = largest[i].fast_max(function(f32x4::new(*four)));
        }
    }
    for x in rest {
        largest[0] = largest[0].fast_max(function(f32x4::splat(*x)));
    }
    let [a, b, c, d] = largest;
    a.fast_max(b).fast_max(c.fast_max(d)).to_array().into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// e^((x − max x) / temperature) of a row in place; returns max x.
pub fn exponentials(row: &mut [f32], temperature: f32) -> f32 {
    let largest = largest_of(row, |x| x);
    each(row, |x| exp((x - f32x4::splat(largest)) / f32x4::splat(temperature)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right_everywhere() {
        for at in -4000..4000 {
            let x = at as f32 * 0.025;
            let found = f64::from(exp(f32x4::splat(x)).to_array()[0]);
            let wanted = f64::from(x.min(88.0)).exp();
            assert!((found - wanted).abs() <= 1.2e-7 * wanted || (x < -87.0 && found < 2e-38), "e^{x} is {found}");
        }
        assert_eq!(exp(f32x4::splat(f32::NEG_INFINITY)).to_array(), [0.0; 4]);
        assert!(exp(f32x4::splat(f32::INFINITY)).to_array()[0] > 1e38);
        assert!(exp(f32x4::splat(f32::NAN)).to_array()[0].is_nan());
    }

    #[test]
    fn activations_at_known_places() {
        // Values of torch.nn.functional in double precision.
        let x = [-3.0f32, -0.5, 0.0, 0.7, 2.5];
        for (activation, wanted) in [
            (silu as fn(&mut [f32]), [-0.142_277_62, -0.188_770_33, 0.0, 0.467_731_5, 2.310_354]),
            (gelu, [-0.004_049_694, -0.154_268_77, 0.0, 0.530_625_6, 2.484_475_8]),
            (gelu_tanh, [-0.003_637_392, -0.154_286, 0.0, 0.530_570_15, 2.484_915_7]),
        ] {
            let mut found = x;
            activation(&mut found);
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found - wanted).abs() < 5e-7, "{found} {wanted}");
            }
        }
    }

    #[test]
    fn layer_norm_has_mean_and_variance_of_its_weights() {
        let out = layer_norm(&[1.0, 2.0, 3.0, 6.0], &[1.0, 1.0, 2.0, 1.0], &[0.0, 0.5, 0.0, 0.0], 0.0);
        let unit = 3.5f32.sqrt();
        for (found, wanted) in out.iter().zip([-2.0 / unit, -1.0 / unit + 0.5, 0.0, 3.0 / unit]) {
            assert!((found - wanted).abs() < 1e-6, "{out:?}");
        }
    }
}
