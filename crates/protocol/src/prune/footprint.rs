//! Memory of a plan's weights, so that methods of equal footprint can be compared.

use serde::{Deserialize, Serialize};

use super::{Pattern, PruningPlan};
use crate::model::{DecoderConfig, Sublayer};

/// Bits of a kept, unrounded weight: half precision.
const HALF: f64 = 16.0;
/// Bits of the scale of each group of rounded weights: half precision.
const STEP: f64 = 16.0;

/// Memory of the matrices of all blocks. Norms, embedding and head are the same in every plan and not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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
}
