//! Memory of a plan's weights, in half precision and against a model's files, so that methods of equal footprint can be
//! compared.

use serde::{Deserialize, Serialize};

use super::{Pattern, PruningPlan};
use crate::model::{DecoderConfig, Sublayer};

/// Bits of a kept, unrounded weight: half precision.
const HALF: f64 = 16.0;
/// Bits of the scale of each group of rounded weights: half precision.
const STEP: f64 = 16.0;

/// Memory of the matrices of all blocks. Norms, embedding and head are the same in every plan and not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Footprint {
    /// Bytes of the dense model's matrices in half precision.
    pub dense_bytes: u64,
    /// Bytes under the plan. Dropped matrices take none; rounded weights take their bits plus a scale and a zero point
    /// per group; of removed weights, only the mask counts: one bit per weight (unstructured, 2:4) or 7/8 bit (4:8).
    /// With ratios that are uneven over the layers, each layer counts with their mean.
    pub plan_bytes: u64,
}

impl Footprint {
    /// The footprint of a plan on a decoder.
    pub fn of(plan: &PruningPlan, config: &DecoderConfig) -> Self {
        let (mut dense, mut planned) = (0.0, 0.0);
        for layer in 0..config.layers {
            for matrix in config.matrices() {
                let [rows, columns] = matrix.shape(config);
                let weights = (rows * columns) as f64;
                dense += weights * HALF;
                let sublayer = Sublayer { layer, kind: matrix.sublayer() };
                if !plan.drops(sublayer) {
                    planned += weights * if plan.edits(sublayer) { bits_a_weight(plan) } else { HALF };
                }
            }
        }
        Self { dense_bytes: (dense / 8.0) as u64, plan_bytes: (planned / 8.0) as u64 }
    }
}

/// Bytes of the blocks' matrices as a model's files store them, by [`Sublayer::index`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StoredBytes(Vec<u64>);

impl StoredBytes {
    /// Adds a matrix of a sublayer.
    pub fn add(&mut self, at: Sublayer, bytes: u64) {
        if self.0.len() <= at.index() {
            self.0.resize(at.index() + 1, 0);
        }
        self.0[at.index()] += bytes;
    }

    /// Bytes of a sublayer's matrices.
    pub fn of(&self, at: Sublayer) -> u64 {
        self.0.get(at.index()).copied().unwrap_or(0)
    }

    /// Bytes of all matrices.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Memory of the matrices of all blocks under a plan against what the dense model's files store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileFootprint {
    /// Bytes of the dense model's matrices in its files; 0 if unknown.
    pub file_bytes: u64,
    /// Bytes under the plan. Matrices that the plan leaves alone stay as their file stores them; edited and dropped ones
    /// count as in [`Footprint`], so weights that are kept and not rounded take half precision.
    pub plan_bytes: u64,
}

impl FileFootprint {
    /// The footprint of a plan on a decoder.
    ///
    /// * `dense` — what the dense model's files store.
    /// * `base` — the same of the model that the plan applies to.
    pub fn of(plan: &PruningPlan, config: &DecoderConfig, dense: &StoredBytes, base: &StoredBytes) -> Self {
        let bytes = |at: Sublayer| {
            if plan.drops(at) {
                0
            } else if plan.edits(at) {
                let matrices = config.matrices().filter(|matrix| matrix.sublayer() == at.kind);
                let weights: usize = matrices.map(|matrix| matrix.shape(config).iter().product::<usize>()).sum();
                (weights as f64 * bits_a_weight(plan) / 8.0) as u64
            } else {
                base.of(at)
            }
        };
        let plan_bytes = (0..config.sublayers()).map(|index| bytes(Sublayer::from_index(index))).sum();
        Self { file_bytes: dense.total(), plan_bytes }
    }

    /// Whether the plan takes less than the file.
    pub fn saves(self) -> bool {
        self.plan_bytes < self.file_bytes
    }
}

/// Average bits per weight of an edited matrix.
fn bits_a_weight(plan: &PruningPlan) -> f64 {
    let value = plan.quant.map_or(HALF, |quant| f64::from(quant.bits));
    let groups = plan.quant.map_or(0.0, |quant| (STEP + f64::from(quant.bits)) / f64::from(quant.group));
    let (kept, places) = match plan.sparse.map(|sparse| sparse.pattern) {
        None | Some(Pattern::Percent(0) | Pattern::OutlierWeighed(0)) => (1.0, 0.0),
        // Uneven ratios have this one as their mean over layers of equal size.
        Some(pattern @ (Pattern::Percent(_) | Pattern::OutlierWeighed(_))) => (1.0 - pattern.ratio(), 1.0),
        // 2:4: two index bits for each of the two kept weights of four. 4:8: 70 choices need seven bits per eight
        // weights.
        Some(pattern @ Pattern::TwoOfFour) => (1.0 - pattern.ratio(), 1.0),
        Some(pattern @ Pattern::FourOfEight) => (1.0 - pattern.ratio(), 7.0 / 8.0),
    };
    kept * value + places + groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_known_plans() {
        let bits = |text: &str| bits_a_weight(&text.parse().unwrap());
        assert_eq!(bits(""), 16.0);
        assert_eq!(bits("wanda-0.5"), 9.0);
        assert_eq!(bits("wanda-0.5-owl"), 9.0);
        assert_eq!(bits("wanda-0-owl"), 16.0);
        assert_eq!(bits("wanda-2:4"), 9.0);
        assert_eq!(bits("awq4-g64"), 4.0 + 20.0 / 64.0);
        assert_eq!(bits("wanda-4:8_rtn8-g32"), 4.0 + 7.0 / 8.0 + 24.0 / 32.0);
    }

    /// Two layers of 8 · 8 weights in each attention matrix and 16 · 8 in each of the MLP's, stored with 5 bits a weight.
    #[test]
    fn plans_against_a_file_of_five_bits() {
        let config: DecoderConfig = serde_json::from_value(serde_json::json!({
            "name": "", "family": "llama", "layers": 2, "hidden": 8, "feed_forward": 16, "heads": 2, "key_value_heads": 2,
            "head_dim": 4, "vocabulary": 9, "context": 9, "norm_epsilon": 0.0, "activation": "silu", "rotary": null,
            "window": null, "windowed": [], "attention_scale": 1.0, "embedding_scale": 1.0, "parallel": false,
            "parts": { "attention_bias": "absent", "output_bias": "absent", "mlp_bias": "absent", "head": "absent" },
        }))
        .unwrap();
        let mut stored = StoredBytes::default();
        for layer in 0..2 {
            (0..4).for_each(|_| stored.add(Sublayer::attention(layer), 40));
            (0..3).for_each(|_| stored.add(Sublayer::mlp(layer), 80));
        }
        let of = |text: &str| FileFootprint::of(&text.parse().unwrap(), &config, &stored, &stored);
        assert_eq!(of(""), FileFootprint { file_bytes: 800, plan_bytes: 800 });
        assert_eq!(of("a1,m0").plan_bytes, 400);
        assert_eq!(of("wanda-0.5"), FileFootprint { file_bytes: 800, plan_bytes: 1440 });
        assert_eq!(of("m0_wanda-0.5_on-mlp").plan_bytes, 2 * 160 + 432);
        assert!(of("a1").saves() && !of("").saves() && !of("wanda-0.5").saves() && of("wanda-0.5_rtn4-g128").saves());
    }
}
