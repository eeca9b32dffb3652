//! A weight matrix that stays quantized on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::elementwise::silu_times;
use crate::format::{BlockFormat, Epilogue, Layout};
use crate::matmul::{self, Stored};
use prunescope_kernels::packed::{PackedWeights, mask_of};
use prunescope_kernels::{BLOCK, PackedMatrix};
use prunescope_quant::TensorType;

/// Largest number of activation rows for qgemv; for more, the whole matrix is dequantized to f32 and passed to gemm.
const MAX_GEMV_ROWS: usize = 8;
/// A matrix of more rows than this, such as the LM head, uses qgemv up to 4 · [`MAX_GEMV_ROWS`] activation rows, since
/// dequantizing it is expensive.
const LM_HEAD_MIN_ROWS: usize = 16_384;

/// A weight matrix W, `[rows, columns]`, quantized or in 16-bit floats, with an optional mask. Clones share the
/// weights.
#[derive(Clone, Debug)]
pub struct BlockMatrix(Stored);

impl BlockMatrix {
    /// Uploads a matrix to a device; `None` if its weights are f32 or its rows are not whole blocks.
    pub fn upload(matrix: &PackedMatrix, device: &Device) -> Option<Self> {
        let [rows, columns] = matrix.shape();
        if !columns.is_multiple_of(BLOCK) {
            return None;
        }
        let (format, codes, scales): (BlockFormat, Vec<i32>, Vec<f32>) = match matrix.weights() {
            PackedWeights::Q4 { codes, scales, mins } => {
                (BlockFormat::Q4, bytemuck::cast_slice(codes).to_vec(), in_turn(scales, mins))
            }
            PackedWeights::Q8 { codes, scales, mins } => {
                (BlockFormat::Q8, bytemuck::cast_slice(codes).to_vec(), in_turn(scales, mins))
            }
            PackedWeights::Q8SubBlock16 { codes, scales, mins } => {
                let scales = in_turn(bytemuck::cast_slice(scales), bytemuck::cast_slice(mins));
                (BlockFormat::Q8SubBlock16, bytemuck::cast_slice(codes).to_vec(), scales)
            }
            PackedWeights::Float16 { words, bfloat } => {
                let format = if *bfloat { BlockFormat::BF16 } else { BlockFormat::F16 };
                let pairs = words.as_chunks::<2>().0.iter();
                // A binding in WGSL may not be empty; unused here.
                (
                    format,
                    pairs.map(|[low, high]| (u32::from(*high) << 16 | u32::from(*low)) as i32).collect(),
                    vec![0.0],
                )
            }
            PackedWeights::F32(_) => return None,
        };
        let layout = Layout { rows, columns, format, masked: matrix.mask().is_some() };
        Some(Self(Stored {
            codes: integers(codes, device),
            scales: Tensor::from_data(TensorData::from(scales.as_slice()), device),
            // A binding in WGSL may not be empty; unused without a mask.
            mask: words(matrix.mask().unwrap_or(&[0]), device),
            layout,
        }))
    }

    /// Bits per weight on the device of a tensor of this type, scales and minimums included.
    ///
    /// * `rounded`: whether the weights are [rounded](PackedMatrix::rounded) to 8 bits.
    pub fn bits_a_weight(tensor_type: TensorType, rounded: bool) -> f64 {
        // One f32 per block, in bits per weight.
        let number = 32.0 / BLOCK as f64;
        match PackedMatrix::bits_a_weight(tensor_type, rounded) {
            floats if tensor_type.is_float() && !rounded => floats,
            codes if codes < 8.0 => 4.0 + 2.0 * number,
            _ if PackedMatrix::has_sub_blocks(tensor_type) => 8.0 + 4.0 * number,
            _ => 8.0 + 2.0 * number,
        }
    }

    /// `[rows, columns]`.
    pub fn shape(&self) -> [usize; 2] {
        [self.0.layout.rows, self.0.layout.columns]
    }

    /// The device that holds it.
    pub fn device(&self) -> Device {
        self.0.scales.device()
    }

    /// x Wᵀ for `x` `[tokens, columns]`. Returns `[tokens, rows]`.
    pub fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        if self.multiplies_codes(&x) {
            matmul::qgemv(x, &self.0, None, Epilogue::None)
        } else {
            matmul::gemm(x, self.weights())
        }
    }

    /// silu(x Gᵀ) ∘ x Wᵀ for a matrix G of the same shape. Returns `[tokens, rows]`.
    pub fn apply_gated(&self, x: Tensor<2>, gate: &Self) -> Tensor<2> {
        if gate.pairs_with(self, &x) {
            let [gated, _] = matmul::qgemv_pair(x, &gate.0, &self.0, true);
            return gated;
        }
        let gate = gate.apply(x.clone());
        if self.multiplies_codes(&x) {
            matmul::qgemv(x, &self.0, Some(gate), Epilogue::SiluGate)
        } else {
            silu_times(gate, self.apply(x))
        }
    }

    /// The products of `x` with this matrix and with another of the same shape, `[tokens, rows]` each.
    pub fn apply_both(&self, x: Tensor<2>, other: &Self) -> [Tensor<2>; 2] {
        if self.pairs_with(other, &x) {
            matmul::qgemv_pair(x, &self.0, &other.0, false)
        } else {
            [self.apply(x.clone()), other.apply(x)]
        }
    }

    /// Whether one launch of `qgemv_pair` computes both products.
    fn pairs_with(&self, other: &Self, x: &Tensor<2>) -> bool {
        self.0.layout == other.0.layout && !self.0.layout.masked && self.multiplies_codes(x)
    }

    /// residual + x Wᵀ, `[tokens, rows]`.
    pub fn multiply_residual(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        if self.multiplies_codes(&x) {
            matmul::qgemv(x, &self.0, Some(residual), Epilogue::Residual)
        } else {
            residual.add(self.apply(x))
        }
    }

    fn multiplies_codes(&self, x: &Tensor<2>) -> bool {
        let [count, _] = x.dims();
        count <= MAX_GEMV_ROWS || (self.0.layout.rows > LM_HEAD_MIN_ROWS && count <= 4 * MAX_GEMV_ROWS)
    }

    /// All weights in f32, mask applied, `[rows, columns]`.
    pub fn weights(&self) -> Tensor<2> {
        matmul::dequantize(&self.0)
    }

    /// Some rows in f32, mask applied, `[ids, columns]`.
    pub fn select(&self, ids: &[u32]) -> Tensor<2> {
        let Layout { columns, format, masked, .. } = self.0.layout;
        let pick = |x: &Tensor<1, Int>, width: usize| {
            let [count] = x.dims();
            x.clone().reshape([count / width, width]).select(0, self.ids(ids)).reshape([ids.len() * width])
        };
        let blocks = columns / BLOCK;
        let scales = match 2 * blocks * format.pairs() as usize {
            0 => self.0.scales.clone(),
            width => {
                let [count] = self.0.scales.dims();
                let rows = self.0.scales.clone().reshape([count / width, width]).select(0, self.ids(ids));
                rows.reshape([ids.len() * width])
            }
        };
        let mask = if masked { pick(&self.0.mask, blocks) } else { self.0.mask.clone() };
        matmul::dequantize(&Stored {
            codes: pick(&self.0.codes, columns * format.bits() as usize / u32::BITS as usize),
            scales,
            mask,
            layout: Layout { rows: ids.len(), ..self.0.layout },
        })
    }

    fn ids(&self, ids: &[u32]) -> Tensor<1, Int> {
        words(ids, &self.device())
    }

    /// Prunes the weights that are 0 in `values` (`[rows, columns]`), by a mask over the shared codes.
    pub fn with_mask_from(&self, values: &[f32]) -> Self {
        let layout = Layout { masked: true, ..self.0.layout };
        Self(Stored { mask: words(&mask_of(values), &self.device()), layout, ..self.0.clone() })
    }
}

/// Interleaves scales and minimums; missing minimums are 0.
fn in_turn(scales: &[f32], mins: &[f32]) -> Vec<f32> {
    let mins = mins.iter().copied().chain(std::iter::repeat(0.0));
    scales.iter().zip(mins).flat_map(|(scale, minimum)| [*scale, minimum]).collect()
}

/// Uploads words with their bits unchanged; the device's integers are signed.
fn words(values: &[u32], device: &Device) -> Tensor<1, Int> {
    integers(values.iter().map(|word| *word as i32).collect(), device)
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod on_a_gpu {
    use super::*;
    use crate::testing::{assert_close, gpu, numbers, read, tensor};
    use prunescope_kernels::elementwise;

    /// Pseudorandom bytes of blocks, with scales and mins near those of real models.
    fn stored(tensor_type: TensorType, blocks: usize) -> Vec<u8> {
        let bytes = tensor_type.block_bytes() as usize;
        let random = numbers(blocks * bytes, 11);
        let mut all: Vec<u8> = random.iter().map(|x| (x * 997.0) as i32 as u8).collect();
        for (at, block) in all.chunks_exact_mut(bytes).enumerate() {
            let mut put = |place: usize, number: f32| {
                block[place..place + 2].copy_from_slice(&half::f16::from_f32(number).to_le_bytes());
            };
            let number = 0.01 + at as f32 * 1e-5;
            match tensor_type {
                TensorType::Q4_1 => {
                    put(0, number);
                    put(2, -0.07);
                }
                TensorType::Q2_K => {
                    put(80, number);
                    put(82, 0.003);
                }
                TensorType::Q3_K => put(108, number / 100.0),
                TensorType::Q6_K => put(208, number / 1000.0),
                // Includes subnormal numbers.
                TensorType::F16 => put(0, [number, -2.0 * number, 3e-6, -6e-8][at % 4]),
                TensorType::BF16 => block.copy_from_slice(&half::bf16::from_f32(number - 0.02).to_le_bytes()),
                _ => put(0, number),
            }
        }
        all
    }

    /// x Wᵀ by definition, summed in f64.
    fn wanted(x: &[f32], values: &[f32], columns: usize) -> Vec<f32> {
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32;
        x.chunks_exact(columns).flat_map(|x| values.chunks_exact(columns).map(move |row| dot(x, row))).collect()
    }

    /// Every format, with and without a mask, by qgemv and by gemm; sizes that divide no workgroup evenly.
    #[test]
    fn multiplies_as_the_host_does() {
        use TensorType::*;
        for (tensor_type, rows, columns) in [
            (Q4_0, 13, 160),
            (Q4_1, 13, 160),
            (Q8_0, 13, 160),
            (F16, 13, 160),
            (BF16, 13, 160),
            (Q2_K, 13, 256),
            (Q3_K, 13, 256),
            (Q6_K, 13, 256),
        ] {
            let bytes = stored(tensor_type, rows * columns / tensor_type.block_len() as usize);
            let whole = PackedMatrix::from_file(tensor_type, &bytes, rows, columns);
            let kept: Vec<f32> =
                whole.values().iter().enumerate().map(|(at, w)| if at % 3 == 1 { 0.0 } else { *w }).collect();
            let blocks = BlockMatrix::upload(&whole, &gpu()).unwrap();
            assert_close(&read(blocks.weights()), &whole.values(), if tensor_type.is_float() { 0.0 } else { 1e-6 });
            for (matrix, values) in [
                (blocks.clone(), whole.values()),
                (blocks.with_mask_from(&kept), kept.clone()),
                (BlockMatrix::upload(&whole.with_mask_from(kept.clone()), &gpu()).unwrap(), kept),
            ] {
                assert_eq!(matrix.shape(), [rows, columns]);
                let ids = [12u32, 0, 5];
                let picked: Vec<f32> =
                    ids.iter().flat_map(|id| values[*id as usize * columns..][..columns].to_vec()).collect();
                assert_close(&read(matrix.select(&ids)), &picked, 1e-6);
                for count in [1, 3, MAX_GEMV_ROWS, MAX_GEMV_ROWS + 1] {
                    let (x, epilogue_input) = (numbers(count * columns, 12), numbers(count * rows, 13));
                    let plain = wanted(&x, &values, columns);
                    assert_close(&read(matrix.apply(tensor(&x, count))), &plain, 1e-4);
                    let onto: Vec<f32> = plain.iter().zip(&epilogue_input).map(|(a, b)| a + b).collect();
                    assert_close(
                        &read(matrix.multiply_residual(tensor(&x, count), tensor(&epilogue_input, count))),
                        &onto,
                        1e-4,
                    );
                    // The other matrix is unmasked, so both the paired and the separate products are tested.
                    let other = wanted(&x, &whole.values(), columns);
                    let [first, second] = matrix.apply_both(tensor(&x, count), &blocks);
                    assert_close(&read(first), &plain, 1e-4);
                    assert_close(&read(second), &other, 1e-4);
                    let mut gated = other;
                    elementwise::silu(&mut gated);
                    elementwise::times(&mut gated, &plain);
                    assert_close(&read(matrix.apply_gated(tensor(&x, count), &blocks)), &gated, 1e-4);
                }
            }
        }
    }
}
