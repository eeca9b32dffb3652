//! A matrix that stays quantized on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::ops::{self, Layout, Stored};
use crate::kernel::PackedMatrix;
use crate::kernel::packed::Codes;

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
        let (bits, words, scales): (u32, Vec<i32>, Vec<f32>) = match matrix.codes() {
            Codes::Four { codes, scales, minimums } => {
                let pairs = scales.iter().zip(minimums).flat_map(|(scale, minimum)| [*scale, *minimum]);
                (4, codes.iter().flat_map(|block| bytemuck::cast::<_, [i32; 4]>(*block)).collect(), pairs.collect())
            }
            Codes::Eight { codes, scales } => {
                let words = codes.iter().flat_map(|block| bytemuck::cast::<_, [i32; 8]>(*block)).collect();
                (8, words, scales.iter().flat_map(|scale| [*scale, 0.0]).collect())
            }
            Codes::Full(_) => return None,
        };
        let mask = matrix.mask().map(|mask| mask.iter().map(|word| *word as i32).collect::<Vec<i32>>());
        let layout = Layout { rows, columns, bits, masked: mask.is_some() };
        Some(Self(Stored {
            codes: integers(words, device),
            scales: Tensor::from_data(TensorData::from(scales.as_slice()), device),
            mask: integers(mask.unwrap_or_else(|| vec![0]), device),
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
        if self.multiplies_codes(&x) { ops::product(x, &self.0, Some(gate)) } else { ops::silu_times(gate, self.apply(x)) }
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
        let blocks = columns / 32;
        let [numbers] = self.0.scales.dims();
        let scales = self.0.scales.clone().reshape([numbers / (2 * blocks), 2 * blocks]).select(0, self.ids(ids));
        let mask = if masked { pick(&self.0.mask, blocks) } else { self.0.mask.clone() };
        ops::dequantize(&Stored {
            codes: pick(&self.0.codes, columns * bits as usize / 32),
            scales: scales.reshape([ids.len() * 2 * blocks]),
            mask,
            layout: Layout { rows: ids.len(), ..self.0.layout },
        })
    }

    fn ids(&self, ids: &[u32]) -> Tensor<1, Int> {
        integers(ids.iter().map(|id| *id as i32).collect(), &self.device())
    }

    /// The same weights without those that are 0 in `values`: a mask over the shared codes.
    pub fn without_zeros_of(&self, values: &[f32]) -> Self {
        let word = |block: &[f32]| {
            block.iter().enumerate().fold(0u32, |word, (bit, value)| word | u32::from(*value != 0.0) << bit) as i32
        };
        let mask = values.chunks_exact(32).map(word).collect();
        let layout = Layout { masked: true, ..self.0.layout };
        Self(Stored { mask: integers(mask, &self.device()), layout, ..self.0.clone() })
    }
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
