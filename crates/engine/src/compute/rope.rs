//! Rotary position embedding (RoPE) on interleaved pairs; the loader reorders every family's rows to that layout.
//!
//! Source: RoFormer (Su et al., 2021), eq. 34: the pair (2i, 2i+1) of a head is rotated by the angle
//! `position · base^(−2i/dimensions)` in radians. Context extensions: transformers, `modeling_rope_utils.py`.

use std::f64::consts::TAU;

use prunescope_formats::config::{RopeScaling, Rotary};

/// RoPE frequencies: the angle of each pair per position, in radians.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    frequencies: Vec<f64>,
    /// Factor of cosines and sines (`attention_factor` in transformers).
    magnitude: f64,
}

impl Rope {
    /// The frequencies of a configuration.
    ///
    /// * `windowed`: for layers with sliding-window attention, which may have another base.
    pub fn new(rotary: &Rotary, windowed: bool) -> Self {
        let (base, scaling, factors) = match rotary.window_base.filter(|_| windowed) {
            Some(base) => (base, RopeScaling::None, &[][..]),
            None => (rotary.base, rotary.scaling, &rotary.factors[..]),
        };
        let dimensions = rotary.dimensions as f64;
        let factor = |pair: usize| factors.get(pair).copied().map_or(1.0, f64::from);
        let plain = |pair: usize| base.powf(-((2 * pair) as f64) / dimensions) / factor(pair);
        // The fractional index of the pair that makes `turns` full rotations over the original context length.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in Phi-3, whose layers all have a window and one rotary embedding (transformers, `modeling_phi3.py`).
    #[test]
    fn windows_without_a_base_of_their_own_keep_scaling_and_factors() {
        let scaling = RopeScaling::Factors { magnitude: 1.19 };
        let rotary = Rotary { base: 100.0, window_base: None, dimensions: 4, scaling, factors: vec![1.5, 3.0] };
        assert_eq!(Rope::new(&rotary, true), Rope::new(&rotary, false));
        let plain = Rotary { scaling: RopeScaling::None, factors: vec![], ..rotary.clone() };
        assert_ne!(Rope::new(&rotary, true), Rope::new(&plain, true));
    }

    #[test]
    fn windows_have_a_base_of_their_own() {
        let scaling = RopeScaling::Linear { factor: 4.0 };
        let rotary = Rotary { base: 100.0, window_base: Some(16.0), dimensions: 4, scaling, factors: vec![] };
        assert_eq!(Rope::new(&rotary, false).frequencies, [0.25, 0.025]);
        assert_eq!(Rope::new(&rotary, true).frequencies, [1.0, 0.25]);
    }
}
