//! Rotary position embedding on interleaved pairs, as GGUF stores llama-family q and k.
//!
//! Source: RoFormer (Su et al., 2021), eq. 34; the pair (2i, 2i+1) of a head turns by `position · base^(−2i/head_dim)`.

use burn::tensor::{Device, Tensor, TensorData};

/// Tables for the rotation of queries and keys.
///
/// On a device the rotation is written as `x ∘ cos + (x R) ∘ sin`, where R sends (x₀, x₁) to (−x₁, x₀) in each pair: one small
/// matrix product instead of strided slices, the same on every device.
#[derive(Clone, Debug)]
pub struct Rope {
    /// `[head_dim, head_dim]`.
    swap: Tensor<2>,
    /// Angle of each pair at position 1.
    frequencies: Vec<f64>,
}

/// Cosines and sines for a run of positions, each `[tokens, 1, head_dim]`.
#[derive(Clone, Debug)]
pub struct Rotation {
    cos: Tensor<3>,
    sin: Tensor<3>,
}

impl Rope {
    /// Tables for heads of width `head_dim` (even) and a base frequency.
    pub fn new(head_dim: usize, base: f64, device: &Device) -> Self {
        let mut swap = vec![0f32; head_dim * head_dim];
        for pair in (0..head_dim).step_by(2) {
            swap[(pair + 1) * head_dim + pair] = -1.0;
            swap[pair * head_dim + pair + 1] = 1.0;
        }
        let frequencies = (0..head_dim / 2).map(|i| base.powf(-((2 * i) as f64) / head_dim as f64)).collect();
        Self { swap: Tensor::from_data(TensorData::new(swap, [head_dim, head_dim]), device), frequencies }
    }

    /// Cosines and sines of each pair at `tokens` positions from `start` on, each `[tokens, head_dim / 2]`.
    pub fn angles(&self, start: usize, tokens: usize) -> [Vec<f32>; 2] {
        [f64::cos, f64::sin].map(|function: fn(f64) -> f64| {
            (start..start + tokens)
                .flat_map(|position| self.frequencies.iter().map(move |w| function(position as f64 * w) as f32))
                .collect()
        })
    }

    /// The rotation of `tokens` positions from `start` on.
    pub fn rotation(&self, start: usize, tokens: usize) -> Rotation {
        let device = self.swap.device();
        let [cos, sin] = self.angles(start, tokens).map(|pairs| {
            let columns: Vec<f32> = pairs.into_iter().flat_map(|x| [x, x]).collect();
            Tensor::from_data(TensorData::new(columns, [tokens, 1, 2 * self.frequencies.len()]), &device)
        });
        Rotation { cos, sin }
    }

    /// Rotates `x`, `[tokens, heads, head_dim]`.
    pub fn apply(&self, x: Tensor<3>, rotation: &Rotation) -> Tensor<3> {
        let [tokens, heads, width] = x.dims();
        let swapped = x.clone().reshape([tokens * heads, width]).matmul(self.swap.clone());
        x.mul(rotation.cos.clone()).add(swapped.reshape([tokens, heads, width]).mul(rotation.sin.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::attention::rotate;

    #[test]
    fn turns_each_pair_by_its_own_angle() {
        let device = Device::flex();
        let rope = Rope::new(4, 100.0, &device);
        let rows = [1.0, 0.0, 0.0, 2.0, 1.0, 0.0, 0.0, 2.0];
        let x = Tensor::<3>::from_data(TensorData::new(rows.to_vec(), [2, 1, 4]), &device);
        let out = rope.apply(x, &rope.rotation(0, 2)).into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(&out[..4], &[1.0, 0.0, 0.0, 2.0]);
        let (a, b) = (1f32, 0.1f32);
        for (got, want) in out[4..].iter().zip([a.cos(), a.sin(), -2.0 * b.sin(), 2.0 * b.cos()]) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
        let mut on_host = rows;
        let [cos, sin] = rope.angles(0, 2);
        rotate(&mut on_host, 1, 4, &cos, &sin);
        assert!(on_host.iter().zip(&out).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
