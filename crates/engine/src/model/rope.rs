//! Rotary position embedding on interleaved pairs; the loader brings every family's rows into that order.
//!
//! Source: RoFormer (Su et al., 2021), eq. 34; the pair (2i, 2i+1) of a head turns by `position · base^(−2i/dimensions)`.
//! Stretched versions: transformers, `modeling_rope_utils.py`.

use std::f64::consts::TAU;

#[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
use burn::tensor::{Device, Tensor, TensorData};

use prunescope_formats::config::{RopeScaling, Rotary};

/// By which angle each pair turns from one position to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    frequencies: Vec<f64>,
    /// What turned pairs are multiplied by.
    magnitude: f64,
}

/// Cosines and sines for a run of positions on a device, each `[tokens, 1, dimensions]`.
///
/// The rotation is written as `x ∘ cos + (x R) ∘ sin`, where R sends (x₀, x₁) to (−x₁, x₀) in each pair: one small matrix
/// product instead of strided slices, the same on every device.
#[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
#[derive(Clone, Debug)]
pub struct Rotation {
    cos: Tensor<3>,
    sin: Tensor<3>,
    /// `[dimensions, dimensions]`.
    swap: Tensor<2>,
}

impl Rope {
    /// For heads that turn as a configuration says.
    ///
    /// * `windowed` — for the layers that see a window, whose base may be another.
    pub fn new(rotary: &Rotary, windowed: bool) -> Self {
        let (base, scaling) = match rotary.window_base.filter(|_| windowed) {
            Some(base) => (base, RopeScaling::None),
            None => (rotary.base, rotary.scaling),
        };
        let dimensions = rotary.dimensions as f64;
        let factor = |pair: usize| rotary.factors.get(pair).copied().map_or(1.0, f64::from);
        let factor = |pair: usize| if windowed { 1.0 } else { factor(pair) };
        let plain = |pair: usize| base.powf(-((2 * pair) as f64) / dimensions) / factor(pair);
        // The pair that makes so many turns in the original context, as a place between pairs.
        let place = |turns: f64, original: f64| dimensions * (original / (turns * TAU)).ln() / (2.0 * base.ln());
        let stretched = |pair: usize| {
            let frequency = plain(pair);
            match scaling {
                RopeScaling::None => frequency,
                RopeScaling::Linear { factor } => frequency / factor,
                RopeScaling::Factors { .. } => frequency,
                RopeScaling::Llama3 { factor, low, high, original } => {
                    let turns = original * frequency / TAU;
                    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    frequency * (kept + (1.0 - kept) / factor)
                }
                RopeScaling::Yarn { factor, original, fast, slow, truncate, .. } => {
                    let (first, last) = (place(fast, original), place(slow, original));
                    let (first, last) = if truncate { (first.floor(), last.ceil()) } else { (first, last) };
                    let (first, last) = (first.max(0.0), last.min(dimensions - 1.0));
                    let stretched = ((pair as f64 - first) / (last - first).max(1e-3)).clamp(0.0, 1.0);
                    frequency * (1.0 - stretched + stretched / factor)
                }
            }
        };
        let magnitude = match scaling {
            RopeScaling::Yarn { magnitude, .. } | RopeScaling::Factors { magnitude } => magnitude,
            _ => 1.0,
        };
        Self { frequencies: (0..rotary.dimensions / 2).map(stretched).collect(), magnitude }
    }

    /// Cosines and sines of each pair at `tokens` positions from `start` on, each `[tokens, dimensions / 2]`.
    pub fn angles(&self, start: usize, tokens: usize) -> [Vec<f32>; 2] {
        [f64::cos, f64::sin].map(|function: fn(f64) -> f64| {
            let turned = |position: usize, w: &f64| (function(position as f64 * w) * self.magnitude) as f32;
            let all = start..start + tokens;
            all.flat_map(|position| self.frequencies.iter().map(move |w| turned(position, w))).collect()
        })
    }

    /// The rotation of `tokens` positions from `start` on.
    #[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
    pub fn rotation(&self, start: usize, tokens: usize, device: &Device) -> Rotation {
        let width = 2 * self.frequencies.len();
        let mut swap = vec![0f32; width * width];
        for pair in (0..width).step_by(2) {
            swap[(pair + 1) * width + pair] = -1.0;
            swap[pair * width + pair + 1] = 1.0;
        }
        let [cos, sin] = self.angles(start, tokens).map(|pairs| {
            let columns: Vec<f32> = pairs.into_iter().flat_map(|x| [x, x]).collect();
            Tensor::from_data(TensorData::new(columns, [tokens, 1, width]), device)
        });
        Rotation { cos, sin, swap: Tensor::from_data(TensorData::new(swap, [width, width]), device) }
    }
}

#[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
impl Rotation {
    /// Rotates `x`, `[tokens, heads, head_dim]`: the first numbers of each head, as many as turn.
    pub fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        let [tokens, heads, width] = x.dims();
        let [_, _, turning] = self.cos.dims();
        let part = x.clone().narrow(2, 0, turning);
        let swapped = part.clone().reshape([tokens * heads, turning]).matmul(self.swap.clone());
        let turned = part.mul(self.cos.clone()).add(swapped.reshape([tokens, heads, turning]).mul(self.sin.clone()));
        if turning == width {
            return turned;
        }
        Tensor::cat(vec![turned, x.narrow(2, turning, width - turning)], 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prunescope_kernels::attention::rotate;

    #[test]
    fn turns_each_pair_by_its_own_angle_and_leaves_the_rest() {
        let device = Device::flex();
        let rotary =
            Rotary { base: 100.0, window_base: None, dimensions: 4, scaling: RopeScaling::None, factors: vec![] };
        let rope = Rope::new(&rotary, false);
        let rows = [1.0, 0.0, 0.0, 2.0, 7.0, 8.0, 1.0, 0.0, 0.0, 2.0, 7.0, 8.0];
        let x = Tensor::<3>::from_data(TensorData::new(rows.to_vec(), [2, 1, 6]), &device);
        let out = rope.rotation(0, 2, &device).apply(x).into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(&out[..6], &[1.0, 0.0, 0.0, 2.0, 7.0, 8.0]);
        let (a, b) = (1f32, 0.1f32);
        for (got, want) in out[6..].iter().zip([a.cos(), a.sin(), -2.0 * b.sin(), 2.0 * b.cos(), 7.0, 8.0]) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
        let mut on_host = rows;
        let [cos, sin] = rope.angles(0, 2);
        rotate(&mut on_host, 1, 6, &cos, &sin);
        assert!(on_host.iter().zip(&out).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn windows_have_a_base_of_their_own() {
        let scaling = RopeScaling::Linear { factor: 4.0 };
        let rotary = Rotary { base: 100.0, window_base: Some(16.0), dimensions: 4, scaling, factors: vec![] };
        assert_eq!(Rope::new(&rotary, false).frequencies, [0.25, 0.025]);
        assert_eq!(Rope::new(&rotary, true).frequencies, [1.0, 0.25]);
    }
}
