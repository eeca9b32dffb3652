//! A matrix that stays quantized on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::ops::{self, Layout, Stored};
use crate::kernel::packed::{Codes, mask_of};
use crate::kernel::{BLOCK, PackedMatrix};

/// Up to so many rows are multiplied with the codes themselves; for more the weights are first turned into numbers, a matrix
/// at a time, and multiplied by burn.
const FEW_ROWS: usize = 8;
/// A matrix of more rows than this, such as a language-model head, is never turned into numbers for so few inputs.
const HUGE: usize = 16_384;

/// A matrix `[rows, columns]` in blocks of codes. Clones share the weights.
#[derive(Clone, Debug)]
pub struct BlockMatrix(Stored);

impl BlockMatrix {
    /// The same matrix on a device; none where its weights are not quantized.
    pub fn upload(matrix: &PackedMatrix, device: &Device) -> Option<Self> {
        let [rows, columns] = matrix.shape();
        let (bits, codes, scales): (u32, Vec<i32>, Vec<f32>) = match matrix.codes() {
            Codes::Four { codes, scales, minimums } => {
                let pairs = scales.iter().zip(minimums).flat_map(|(scale, minimum)| [*scale, *minimum]);
                (4, codes.iter().flat_map(|block| bytemuck::cast::<_, [i32; 4]>(*block)).collect(), pairs.collect())
            }
            Codes::Eight { codes, scales, minimums } => {
                let words = codes.iter().flat_map(|block| bytemuck::cast::<_, [i32; 8]>(*block));
                let minimums = minimums.iter().copied().chain(std::iter::repeat(0.0));
                (
                    8,
                    words.collect(),
                    scales.iter().zip(minimums).flat_map(|(scale, minimum)| [*scale, minimum]).collect(),
                )
            }
            // Floats, and scales finer than a block, which the kernels do not know.
            Codes::Halves { .. } | Codes::Sixteen { .. } | Codes::Full(_) => return None,
        };
        let layout = Layout { rows, columns, bits, masked: matrix.mask().is_some() };
        Some(Self(Stored {
            codes: integers(codes, device),
            scales: Tensor::from_data(TensorData::from(scales.as_slice()), device),
            // A program needs all its buffers; without a mask nothing is read of it.
            mask: words(matrix.mask().unwrap_or(&[0]), device),
            layout,
        }))
    }

    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        [self.0.layout.rows, self.0.layout.columns]
    }

    /// The device that holds it.
    pub fn device(&self) -> Device {
        self.0.scales.device()
    }

    /// x Wᵀ for `x`, `[rows, columns]`.
    pub fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        if self.multiplies_codes(&x) { ops::product(x, &self.0, None) } else { x.matmul(self.weights().transpose()) }
    }

    /// silu(gate) ∘ x Wᵀ.
    pub fn apply_gated(&self, x: Tensor<2>, gate: Tensor<2>) -> Tensor<2> {
        if self.multiplies_codes(&x) {
            ops::product(x, &self.0, Some(gate))
        } else {
            ops::silu_times(gate, self.apply(x))
        }
    }

    fn multiplies_codes(&self, x: &Tensor<2>) -> bool {
        let [count, _] = x.dims();
        count <= FEW_ROWS || (self.0.layout.rows > HUGE && count <= 4 * FEW_ROWS)
    }

    /// All weights, `[rows, columns]`.
    pub fn weights(&self) -> Tensor<2> {
        ops::dequantize(&self.0)
    }

    /// Some rows, `[ids, columns]`.
    pub fn select(&self, ids: &[u32]) -> Tensor<2> {
        let Layout { columns, bits, masked, .. } = self.0.layout;
        let pick = |x: &Tensor<1, Int>, width: usize| {
            let [count] = x.dims();
            x.clone().reshape([count / width, width]).select(0, self.ids(ids)).reshape([ids.len() * width])
        };
        let blocks = columns / BLOCK;
        let [numbers] = self.0.scales.dims();
        let scales = self.0.scales.clone().reshape([numbers / (2 * blocks), 2 * blocks]).select(0, self.ids(ids));
        let mask = if masked { pick(&self.0.mask, blocks) } else { self.0.mask.clone() };
        ops::dequantize(&Stored {
            codes: pick(&self.0.codes, columns * bits as usize / i32::BITS as usize),
            scales: scales.reshape([ids.len() * 2 * blocks]),
            mask,
            layout: Layout { rows: ids.len(), ..self.0.layout },
        })
    }

    fn ids(&self, ids: &[u32]) -> Tensor<1, Int> {
        words(ids, &self.device())
    }

    /// The same weights without those that are 0 in `values`: a mask over the shared codes.
    pub fn without_zeros_of(&self, values: &[f32]) -> Self {
        let layout = Layout { masked: true, ..self.0.layout };
        Self(Stored { mask: words(&mask_of(values), &self.device()), layout, ..self.0.clone() })
    }
}

/// Words bit by bit: the device's integers have a sign.
fn words(values: &[u32], device: &Device) -> Tensor<1, Int> {
    integers(values.iter().map(|word| *word as i32).collect(), device)
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::tests::{assert_close, gpu, numbers, read, tensor};
    use crate::kernel::elementwise;
    use crate::model::family::Activation;
    use crate::model::tensor::TensorType;

    /// Bytes of blocks with scales and minimums near those of real models.
    fn stored(tensor_type: TensorType, blocks: usize) -> Vec<u8> {
        let bytes = tensor_type.block_bytes() as usize;
        let random = numbers(blocks * bytes, 11);
        let mut all: Vec<u8> = random.iter().map(|x| (x * 997.0) as i32 as u8).collect();
        for (at, block) in all.chunks_exact_mut(bytes).enumerate() {
            block[..2].copy_from_slice(&half::f16::from_f32(0.01 + at as f32 * 1e-5).to_le_bytes());
            if tensor_type == TensorType::Q4_1 {
                block[2..4].copy_from_slice(&half::f16::from_f32(-0.07).to_le_bytes());
            }
        }
        all
    }

    /// x Wᵀ by the definition.
    fn wanted(x: &[f32], values: &[f32], columns: usize) -> Vec<f32> {
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32;
        x.chunks_exact(columns).flat_map(|x| values.chunks_exact(columns).map(move |row| dot(x, row))).collect()
    }

    /// Every format, with and without a mask, with few rows and many; sizes that fill no cube evenly.
    #[test]
    fn multiplies_as_the_host_does() {
        let [rows, columns] = [13, 160];
        for tensor_type in [TensorType::Q4_0, TensorType::Q4_1, TensorType::Q8_0] {
            let bytes = stored(tensor_type, rows * columns / BLOCK);
            let whole = PackedMatrix::from_file(tensor_type, &bytes, rows, columns);
            let kept: Vec<f32> =
                whole.values().iter().enumerate().map(|(at, w)| if at % 3 == 1 { 0.0 } else { *w }).collect();
            let blocks = BlockMatrix::upload(&whole, &gpu()).unwrap();
            assert_close(&read(blocks.weights()), &whole.values(), 1e-6);
            for (matrix, values) in [
                (blocks.clone(), whole.values()),
                (blocks.without_zeros_of(&kept), kept.clone()),
                (BlockMatrix::upload(&whole.without_zeros_of(kept.clone()), &gpu()).unwrap(), kept),
            ] {
                assert_eq!(matrix.shape(), [rows, columns]);
                let ids = [12u32, 0, 5];
                let picked: Vec<f32> =
                    ids.iter().flat_map(|id| values[*id as usize * columns..][..columns].to_vec()).collect();
                assert_close(&read(matrix.select(&ids)), &picked, 1e-6);
                for count in [1, 3, FEW_ROWS, FEW_ROWS + 1] {
                    let (x, gate) = (numbers(count * columns, 12), numbers(count * rows, 13));
                    let plain = wanted(&x, &values, columns);
                    assert_close(&read(matrix.apply(tensor(&x, count))), &plain, 1e-4);
                    let mut gated = gate.clone();
                    elementwise::activate(Activation::Silu, &mut gated);
                    elementwise::times(&mut gated, &plain);
                    assert_close(&read(matrix.apply_gated(tensor(&x, count), tensor(&gate, count))), &gated, 1e-4);
                }
            }
        }
    }
}
