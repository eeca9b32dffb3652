//! y = x Wᵀ with packed weights W `[rows, columns]` and activations x `[activation rows, columns]`.

mod gemm;
mod gemv;

use std::ops::Range;
use std::sync::OnceLock;

use prunescope_relaxed_simd::gemm_tile::GemmTile;
use prunescope_relaxed_simd::gemv_abi::GemvJob;

use crate::activations::{Activations, MAX_GEMV_ROWS};
use crate::packed::PackedMatrix;
use crate::threads::Parts;

/// Pointer to `relaxed_simd::gemm_tile::add_products`, which adds the products of one tile.
pub type Gemm = unsafe extern "C" fn(*const GemmTile);
/// Pointer to `relaxed_simd::gemv::multiply`, the gemv of packed weights.
pub type Gemv = unsafe extern "C" fn(*const GemvJob);

/// Entry points of the module compiled with relaxed SIMD.
pub struct RelaxedSimd {
    /// For more than [`MAX_GEMV_ROWS`] activation rows.
    pub gemm: Gemm,
    /// For up to [`MAX_GEMV_ROWS`] activation rows.
    pub gemv: Gemv,
}

/// Replaces this crate's own loops once set. Process-wide, since it depends only on the CPU.
static RELAXED_SIMD: OnceLock<RelaxedSimd> = OnceLock::new();

/// Computes products with the relaxed-SIMD module from now on. Later calls have no effect.
pub fn use_relaxed_simd(program: RelaxedSimd) {
    // Already set: the first one stays.
    let _ = RELAXED_SIMD.set(program);
}

impl PackedMatrix {
    /// Returns x Wᵀ, `[activations.rows(), rows]`.
    pub fn product(&self, activations: &Activations) -> Vec<f32> {
        let mut out = vec![0.0; activations.rows() * self.shape()[0]];
        self.multiply(activations, &mut out);
        out
    }

    /// Writes x Wᵀ, `[activations.rows(), rows]`, to `out`.
    pub fn multiply(&self, activations: &Activations, out: &mut [f32]) {
        if let (1..=MAX_GEMV_ROWS, true) = (activations.rows(), activations.are_split()) {
            match activations.rows() {
                _ if self.gemv_relaxed_simd(activations, out) => {}
                1 => self.gemv::<1>(activations, out),
                2 => self.gemv::<2>(activations, out),
                _ => self.gemv::<MAX_GEMV_ROWS>(activations, out),
            }
        } else {
            self.gemm(activations, out);
        }
    }

    /// Divides the rows of weights among all threads, in multiples of `step` rows.
    fn share_rows(&self, step: usize, activation_rows: usize, work: impl Fn(Range<usize>) + Sync) {
        let [rows, columns] = self.shape();
        Parts::of(rows, columns * activation_rows).in_steps_of(step).parallel_for(|_, rows| work(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BLOCK;
    use crate::threads::{POOL, start_helpers};
    use half::f16;
    use proptest::prelude::*;
    use prunescope_quant::TensorType;

    /// Random bytes of `blocks` blocks of a quantized tensor, with scales and mins of ordinary size.
    fn stored(tensor_type: TensorType, blocks: usize) -> impl Strategy<Value = Vec<u8>> {
        let bytes = tensor_type.block_bytes() as usize;
        proptest::collection::vec(any::<u8>(), blocks * bytes).prop_map(move |mut all| {
            for (at, block) in all.chunks_exact_mut(bytes).enumerate() {
                let header =
                    [f16::from_f32(0.01 + at as f32 * 1e-3), f16::from_f32(-0.07)].map(f16::to_le_bytes).concat();
                let length = bytes - if tensor_type == TensorType::Q8_0 { 32 } else { 16 };
                block[..length].copy_from_slice(&header[..length]);
            }
            all
        })
    }

    /// Random activations `[rows, columns]` with one outlier per row, up to 5000 times as large.
    fn activations(rows: usize, columns: usize) -> impl Strategy<Value = Vec<f32>> {
        let row = (proptest::collection::vec(-1f32..1.0, columns), 0..columns, 1f32..5000.0);
        proptest::collection::vec(row, rows).prop_map(|rows| {
            rows.into_iter()
                .flat_map(|(mut row, at, outlier)| {
                    row[at] *= outlier;
                    row
                })
                .collect()
        })
    }

    /// Largest error of a product relative to its bound Σ|x| · max|w|.
    fn error(matrix: &PackedMatrix, x: &[f32]) -> f64 {
        let [rows, columns] = matrix.shape();
        let activations = Activations::new(x.to_vec(), columns);
        let mut found = vec![f32::NAN; activations.rows() * rows];
        matrix.multiply(&activations, &mut found);
        let values = matrix.values();
        // scale · code and min may cancel, so the error scales with the larger of them: at least 0.15 here.
        let largest = values.iter().fold(0.15f32, |largest, w| largest.max(w.abs()));
        let mut worst = 0f64;
        for (x, found) in x.chunks_exact(columns).zip(found.chunks_exact(rows)) {
            let size = x.iter().map(|x| f64::from(x.abs())).sum::<f64>().max(1e-9) * f64::from(largest);
            for (weights, found) in values.chunks_exact(columns).zip(found) {
                let wanted: f64 = weights.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                worst = worst.max((f64::from(*found) - wanted).abs() / size);
            }
        }
        worst
    }

    #[test]
    fn threads_change_no_bit() {
        let columns = 640;
        let value = |at: usize| ((at * 7919 + at * at % 1013) % 2027) as f32 / 1000.0 - 1.0;
        let weights: Vec<f32> = (0..300 * columns).map(value).collect();
        let matrices = [PackedMatrix::rounded(&weights, columns), PackedMatrix::from_values(weights, columns)];
        let products = || -> Vec<Vec<f32>> {
            let product = |(matrix, rows): (&PackedMatrix, usize)| {
                let mut out = vec![f32::NAN; rows * 300];
                matrix.multiply(&Activations::new((0..rows * columns).map(value).collect(), columns), &mut out);
                out
            };
            matrices.iter().flat_map(|matrix| [1, 2, 3, 40].map(|rows| (matrix, rows))).map(product).collect()
        };
        let alone = products();
        start_helpers(&POOL, 3);
        for _ in 0..20 {
            assert!(products() == alone);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn products_of_all_formats_are_right(
            four in stored(TensorType::Q4_1, 5 * 3),
            offset in stored(TensorType::Q4_0, 5 * 3),
            eight in stored(TensorType::Q8_0, 5 * 3),
            full in proptest::collection::vec(-1f32..1.0, 5 * 96),
            mask in proptest::collection::vec(any::<u32>(), 5 * 3),
            rows in 1usize..8,
            x in activations(7, 96),
        ) {
            let x = &x[..rows * 96];
            let sixteen: Vec<u8> = full.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
            for matrix in [
                PackedMatrix::from_file(TensorType::F16, &sixteen, 5, 96),
                PackedMatrix::from_file(TensorType::BF16, &sixteen, 5, 96),
                PackedMatrix::from_file(TensorType::Q4_1, &four, 5, 96),
                PackedMatrix::from_file(TensorType::Q4_0, &offset, 5, 96),
                PackedMatrix::from_file(TensorType::Q8_0, &eight, 5, 96),
                PackedMatrix::from_values(full, 96),
            ] {
                prop_assert!(error(&matrix, x) < 2e-6, "{}", error(&matrix, x));
                let masked = matrix.masked(mask.clone());
                for (at, (before, after)) in matrix.values().into_iter().zip(masked.values()).enumerate() {
                    let kept = mask[at / BLOCK] >> (at % BLOCK) & 1 == 1;
                    prop_assert_eq!(after.to_bits(), if kept { before.to_bits() } else { 0 });
                }
                prop_assert!(error(&masked, x) < 2e-6, "{}", error(&masked, x));
            }
        }

        /// Types whose memory layout differs from the file's: weights equal `dequantize`, and products are right.
        #[test]
        fn repacked_types_are_what_they_were(
            codes in proptest::collection::vec(any::<u8>(), 3 * 2 * 292),
            rows in 1usize..5,
            x in activations(4, 512),
            mask in proptest::collection::vec(any::<u32>(), 3 * 16),
        ) {
            use TensorType::*;
            for (tensor_type, floats) in [
                (Q2_K, vec![80, 82]), (Q3_K, vec![108]), (Q4_K, vec![0, 2]), (Q5_K, vec![0, 2]), (Q6_K, vec![208]),
                (IQ4_NL, vec![0]), (IQ4_XS, vec![0]), (Q5_0, vec![0]), (Q5_1, vec![0, 2]),
            ] {
                let size = tensor_type.block_bytes() as usize;
                let count = 3 * 512 / tensor_type.block_len() as usize;
                let mut bytes: Vec<u8> = codes.iter().copied().cycle().take(count * size).collect();
                for block in bytes.chunks_exact_mut(size) {
                    for at in &floats {
                        block[*at..at + 2].copy_from_slice(&f16::from_f32(0.0004).to_le_bytes());
                    }
                }
                let matrix = PackedMatrix::from_file(tensor_type, &bytes, 3, 512);
                prop_assert_eq!(matrix.values(), prunescope_quant::dequantize(tensor_type, &bytes), "{:?}", tensor_type);
                prop_assert!(error(&matrix, &x[..rows * 512]) < 2e-6, "{tensor_type:?} {}", error(&matrix, x.as_slice()));
                let masked = matrix.masked(mask.clone());
                prop_assert!(error(&masked, &x[..rows * 512]) < 2e-6, "{tensor_type:?} masked {}", error(&masked, x.as_slice()));
            }
        }
    }
}
