//! A weight matrix where the model runs: packed on the CPU, in blocks of codes on a GPU, a plain tensor anywhere.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use prunescope_formats::tensor::{StoredMatrix, TensorInfo};
#[cfg(feature = "gpu")]
use prunescope_gpu::blocks::BlockMatrix;
use prunescope_kernels::{BLOCK, Inputs, PackedMatrix};
use prunescope_quant::TensorType;
use prunescope_quant::dequantize;

/// How a model's weights are held and its products computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Quantized as in the file, by the kernels of [`prunescope_kernels`]: the CPU's way.
    Packed,
    /// Quantized as in the file, by the kernels of [`prunescope_gpu`]: a GPU's way.
    #[cfg(feature = "gpu")]
    Blocks,
    /// f32 tensors, by plain burn: the reference that tests compare the kernels with, on any device. Not in the
    /// browser's engine for a GPU, of which it would be a quarter.
    #[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
    Tensors,
}

/// A matrix `[out, in]`, and what is added to its product. Clones share the weights.
#[derive(Clone, Debug)]
pub struct Linear {
    /// The matrix.
    pub weights: Weights,
    /// Added to every row of outputs, where there is something to add.
    pub bias: Option<RowWeights>,
}

/// How the weights of a matrix are held.
#[derive(Clone, Debug)]
pub enum Weights {
    /// On the host.
    Packed(PackedMatrix),
    /// Quantized on a GPU.
    #[cfg(feature = "gpu")]
    Blocks(Box<BlockMatrix>),
    /// On a device.
    Tensor(Box<Tensor<2>>),
    /// Rows in bands, each of which a GPU can bind; all of the same columns.
    Bands(Vec<Self>),
}

impl Linear {
    /// The matrix with other weights of the same shape, and the same bias.
    fn with(&self, weights: Weights) -> Self {
        Self { weights, bias: self.bias.clone() }
    }

    /// Other weights of the same shape, held in the same way.
    pub fn with_values(&self, values: Vec<f32>) -> Self {
        self.with(self.weights.with_values(values))
    }

    /// Other weights of the same shape and at most 16 evenly spaced values a block, as codes where the matrix is held so.
    ///
    /// * `grid` — the step and the lowest value of each block of [`BLOCK`] neighbours.
    pub fn on_grid(&self, values: Vec<f32>, grid: &[[f32; 2]]) -> Self {
        self.with(self.weights.on_grid(values, grid))
    }

    /// The same weights without those that are 0 in `values`, which is otherwise the same: shares them where it can.
    pub fn without_zeros_of(&self, values: Vec<f32>) -> Self {
        self.with(self.weights.without_zeros_of(values))
    }

    /// x Wᵀ + bias for `x`, `[rows, in]`.
    pub fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        match (&self.weights, &self.bias) {
            (Weights::Packed(weights), Some(_)) => {
                let [rows, columns] = x.dims();
                host_tensor(self.multiply(weights, &Inputs::new(host_values(x), columns)), rows)
            }
            (weights, bias) => {
                let product = weights.apply(x);
                match bias {
                    Some(RowWeights::Device(bias)) => product.add(bias.as_ref().clone()),
                    _ => product,
                }
            }
        }
    }

    /// The products with this matrix and with another.
    pub fn apply_both(&self, x: Tensor<2>, other: &Self) -> [Tensor<2>; 2] {
        #[cfg(feature = "gpu")]
        if let (Weights::Blocks(ours), Weights::Blocks(theirs), None, None) =
            (&self.weights, &other.weights, &self.bias, &other.bias)
        {
            return ours.apply_both(x, theirs);
        }
        [self.apply(x.clone()), other.apply(x)]
    }

    /// onto + x Wᵀ + bias.
    pub fn apply_onto(&self, x: Tensor<2>, onto: Tensor<2>) -> Tensor<2> {
        #[cfg(feature = "gpu")]
        if let (Weights::Blocks(weights), None) = (&self.weights, &self.bias) {
            return weights.apply_onto(x, onto);
        }
        onto.add(self.apply(x))
    }

    /// x Wᵀ + bias of packed weights, those of this matrix.
    pub(super) fn multiply(&self, weights: &PackedMatrix, inputs: &Inputs) -> Vec<f32> {
        let mut out = multiply(weights, inputs);
        if let Some(RowWeights::Host(bias)) = &self.bias {
            for row in out.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias.iter()).for_each(|(out, bias)| *out += bias);
            }
        }
        out
    }
}

impl Weights {
    /// From a tensor's bytes in a file.
    ///
    /// * `rounds` — whether floats are rounded to 8 bits, where rows are whole blocks.
    /// * `binding` — bytes that a program on the device can bind at once; a matrix that is longer as f32 is held in bands.
    pub fn from_file(stored: &StoredMatrix<'_>, storage: Storage, rounds: bool, binding: u64, device: &Device) -> Self {
        let StoredMatrix { tensor_type, bytes, shape: [rows, columns] } = stored;
        // As f32, since codes are turned into numbers for many inputs and when a plan edits them.
        let band = (binding / (size_of::<f32>() * columns.max(&1)) as u64).max(1);
        if storage != Storage::Packed && *rows as u64 > band {
            let bands = (0..*rows).step_by(band as usize).map(|first| {
                let part = stored.rows(first..(first + band as usize).min(*rows));
                Self::from_file(&part, storage, rounds, binding, device)
            });
            return Self::Bands(bands.collect());
        }
        let (tensor_type, rows, columns) = (*tensor_type, *rows, *columns);
        let rounds = rounds && can_be_rounded(tensor_type, columns);
        let packed = || {
            if rounds {
                PackedMatrix::rounded(&dequantize(tensor_type, bytes), columns)
            } else {
                PackedMatrix::from_file(tensor_type, bytes, rows, columns)
            }
        };
        match storage {
            Storage::Packed => Self::Packed(packed()),
            #[cfg(feature = "gpu")]
            Storage::Blocks => Self::upload(&packed(), device),
            #[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
            Storage::Tensors => {
                // Not by way of packed weights where it can be: this is what they are compared with.
                let values = if rounds { packed().values() } else { dequantize(tensor_type, bytes) };
                Self::on_device(values, [rows, columns], device)
            }
        }
    }

    /// Bytes that a tensor takes once it is held.
    pub fn held_bytes(tensor: &TensorInfo, storage: Storage, rounds: bool) -> u64 {
        let [_, columns] = tensor.matrix_shape();
        let Ok(tensor_type) = tensor.tensor_type else { return tensor.bytes };
        let rounded = rounds && can_be_rounded(tensor_type, columns as usize);
        let bits = match storage {
            Storage::Packed => PackedMatrix::bits_a_weight(tensor_type, rounded),
            #[cfg(feature = "gpu")]
            Storage::Blocks => BlockMatrix::bits_a_weight(tensor_type, rounded),
            #[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
            Storage::Tensors => 32.0,
        };
        (tensor.elements() as f64 * bits / 8.0) as u64
    }

    /// In blocks of codes where the weights are quantized.
    #[cfg(feature = "gpu")]
    fn upload(matrix: &PackedMatrix, device: &Device) -> Self {
        match BlockMatrix::upload(matrix, device) {
            Some(blocks) => Self::Blocks(Box::new(blocks)),
            None => Self::on_device(matrix.values(), matrix.shape(), device),
        }
    }

    fn on_device(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Self {
        Self::Tensor(Box::new(Tensor::from_data(TensorData::new(values, shape), device)))
    }

    fn with_values(&self, values: Vec<f32>) -> Self {
        match self {
            Self::Packed(weights) => Self::Packed(PackedMatrix::from_values(values, weights.shape()[1])),
            #[cfg(feature = "gpu")]
            Self::Blocks(weights) => Self::on_device(values, weights.shape(), &weights.device()),
            Self::Tensor(weights) => Self::on_device(values, weights.dims(), &weights.device()),
            Self::Bands(bands) => Self::by_band(bands, &values, |band, values, _| band.with_values(values.to_vec())),
        }
    }

    /// New bands, each from an old one, its share of the values of the whole matrix, and how many values come before.
    fn by_band(bands: &[Self], values: &[f32], edit: impl Fn(&Self, &[f32], usize) -> Self) -> Self {
        let mut first = 0;
        let edited = bands.iter().map(|band| {
            let [rows, columns] = band.shape();
            let start = first;
            first += rows * columns;
            edit(band, &values[start..first], start)
        });
        Self::Bands(edited.collect())
    }

    fn on_grid(&self, values: Vec<f32>, grid: &[[f32; 2]]) -> Self {
        let [_, columns] = self.shape();
        if !columns.is_multiple_of(BLOCK) {
            return self.with_values(values);
        }
        match self {
            Self::Packed(_) => Self::Packed(PackedMatrix::on_grid(&values, columns, grid)),
            #[cfg(feature = "gpu")]
            Self::Blocks(weights) => Self::upload(&PackedMatrix::on_grid(&values, columns, grid), &weights.device()),
            Self::Tensor(_) => self.with_values(values),
            Self::Bands(bands) => Self::by_band(bands, &values, |band, values, first| {
                band.on_grid(values.to_vec(), &grid[first / BLOCK..])
            }),
        }
    }

    fn without_zeros_of(&self, values: Vec<f32>) -> Self {
        match self {
            Self::Packed(weights) => Self::Packed(weights.without_zeros_of(values)),
            #[cfg(feature = "gpu")]
            Self::Blocks(weights) => Self::Blocks(Box::new(weights.without_zeros_of(&values))),
            Self::Tensor(_) => self.with_values(values),
            Self::Bands(bands) => {
                Self::by_band(bands, &values, |band, values, _| band.without_zeros_of(values.to_vec()))
            }
        }
    }

    /// Rows (outputs) and columns (inputs).
    pub fn shape(&self) -> [usize; 2] {
        match self {
            Self::Packed(weights) => weights.shape(),
            #[cfg(feature = "gpu")]
            Self::Blocks(weights) => weights.shape(),
            Self::Tensor(weights) => weights.dims(),
            Self::Bands(bands) => {
                let columns = bands.first().map_or(0, |band| band.shape()[1]);
                [bands.iter().map(|band| band.shape()[0]).sum(), columns]
            }
        }
    }

    /// x Wᵀ for `x`, `[rows, in]`.
    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Packed(weights) => {
                let [rows, columns] = x.dims();
                host_tensor(multiply(weights, &Inputs::new(host_values(x), columns)), rows)
            }
            #[cfg(feature = "gpu")]
            Self::Blocks(weights) => weights.apply(x),
            // On the CPU this is what the kernels are compared with.
            #[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
            Self::Tensor(weights) if x.device() == Device::flex() => x.matmul(weights.as_ref().clone().transpose()),
            Self::Tensor(weights) => product(x, weights.as_ref().clone()),
            Self::Bands(bands) => Tensor::cat(bands.iter().map(|band| band.apply(x.clone())).collect(), 1),
        }
    }

    /// Some rows of the matrix, `[ids, in]`.
    pub fn select(&self, ids: &[u32]) -> Tensor<2> {
        match self {
            Self::Packed(weights) => {
                let [_, columns] = weights.shape();
                let mut out = vec![0.0; ids.len() * columns];
                for (id, row) in ids.iter().zip(out.chunks_exact_mut(columns)) {
                    weights.read_row(*id as usize, row);
                }
                host_tensor(out, ids.len())
            }
            #[cfg(feature = "gpu")]
            Self::Blocks(weights) => weights.select(ids),
            Self::Tensor(weights) => {
                let ids: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
                let count = ids.len();
                weights.as_ref().clone().select(0, Tensor::from_data(TensorData::new(ids, [count]), &weights.device()))
            }
            Self::Bands(bands) => select_of_bands(bands, ids),
        }
    }

    /// All weights, row after row, read back from the device.
    ///
    /// # Errors
    /// What the device says where it fails.
    pub async fn values(&self) -> Result<Vec<f32>, String> {
        match self {
            Self::Packed(weights) => Ok(weights.values()),
            #[cfg(feature = "gpu")]
            Self::Blocks(weights) => read_back(weights.weights()).await,
            Self::Tensor(weights) => read_back(weights.as_ref().clone()).await,
            Self::Bands(bands) => {
                let mut values = vec![];
                for band in bands {
                    values.append(&mut Box::pin(band.values()).await?);
                }
                Ok(values)
            }
        }
    }
}

/// Some rows of a matrix in bands, `[ids, in]`: those of each band, then all in the order asked for.
fn select_of_bands(bands: &[Weights], ids: &[u32]) -> Tensor<2> {
    let (mut picked, mut order, mut first, mut found) = (vec![], vec![0; ids.len()], 0, 0);
    for band in bands {
        let end = first + band.shape()[0] as u32;
        let mut here = vec![];
        for (place, id) in ids.iter().enumerate().filter(|(_, id)| (first..end).contains(id)) {
            here.push(id - first);
            order[place] = found;
            found += 1;
        }
        if !here.is_empty() {
            picked.push(band.select(&here));
        }
        first = end;
    }
    let rows = Tensor::cat(picked, 0);
    let order = Tensor::from_data(TensorData::new(order, [ids.len()]), &rows.device());
    rows.select(0, order)
}

/// Whether weights can be rounded to 8 bits when they are loaded: floats in rows of whole blocks.
fn can_be_rounded(tensor_type: TensorType, columns: usize) -> bool {
    tensor_type.is_float() && columns.is_multiple_of(BLOCK)
}

/// x Wᵀ of two tensors on one device, `[rows of x, rows of W]`, by this crate's kernels.
pub(crate) fn product(x: Tensor<2>, weights: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "gpu")]
    if x.device() != Device::flex() {
        return prunescope_gpu::ops::many_products(x, weights);
    }
    let [rows, columns] = x.dims();
    let weights = PackedMatrix::from_values(host_values(weights), columns);
    host_tensor(multiply(&weights, &Inputs::new(host_values(x), columns)), rows)
}

/// A tensor's numbers, read back from its device.
///
/// # Errors
/// What the device says where it fails.
pub(crate) async fn read_back(x: Tensor<2>) -> Result<Vec<f32>, String> {
    let data = x.into_data_async().await.map_err(|error| error.to_string())?;
    data.try_into_vec_as().map_err(|error| error.to_string())
}

/// x Wᵀ of packed weights.
fn multiply(weights: &PackedMatrix, inputs: &Inputs) -> Vec<f32> {
    let mut out = vec![0.0; inputs.rows() * weights.shape()[0]];
    weights.multiply(inputs, &mut out);
    out
}

/// A tensor's numbers, where it is on the host already.
///
/// Never waits: only for tensors of the CPU's device, whose reading cannot fail.
pub(crate) fn host_values(x: Tensor<2>) -> Vec<f32> {
    x.into_data().try_into_vec_as().unwrap_or_default()
}

/// Rows of numbers as a tensor of the CPU's device.
pub(crate) fn host_tensor(values: Vec<f32>, rows: usize) -> Tensor<2> {
    let columns = values.len() / rows.max(1);
    Tensor::from_data(TensorData::new(values, [rows, columns]), &Device::flex())
}

/// A row of weights that is used element by element, such as a norm's or a bias, where the model runs.
#[derive(Clone, Debug)]
pub enum RowWeights {
    /// On the host.
    Host(Arc<[f32]>),
    /// On a device, `[1, columns]`.
    Device(Box<Tensor<2>>),
}

impl RowWeights {
    /// From the numbers themselves.
    pub fn new(values: Vec<f32>, storage: Storage, device: &Device) -> Self {
        if storage == Storage::Packed {
            return Self::Host(values.into());
        }
        let shape = [1, values.len()];
        Self::Device(Box::new(Tensor::from_data(TensorData::new(values, shape), device)))
    }

    /// How many numbers there are.
    pub fn columns(&self) -> usize {
        match self {
            Self::Host(values) => values.len(),
            Self::Device(values) => values.dims()[1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;

    /// Whole and in bands of three rows, the last of one: the same numbers of everything.
    #[test]
    fn a_matrix_in_bands_is_the_same_matrix() {
        let (rows, columns) = (10, 2 * BLOCK);
        let values: Vec<f32> = (0..rows * columns).map(|at| ((at * 37 % 101) as f32 - 50.0) / 64.0).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let stored = StoredMatrix { tensor_type: TensorType::F32, bytes: bytes.into(), shape: [rows, columns] };
        let device = Device::flex();
        let held = |binding| Weights::from_file(&stored, Storage::Tensors, false, binding, &device);
        let (whole, bands) = (held(u64::MAX), held(3 * 4 * columns as u64 + 100));
        assert!(matches!(&bands, Weights::Bands(bands) if bands.len() == 4));
        let holed: Vec<f32> = values.iter().enumerate().map(|(at, w)| if at % 3 == 0 { 0.0 } else { *w }).collect();
        let grid: Vec<[f32; 2]> = (0..rows * columns / BLOCK).map(|block| [0.1, -(block as f32)]).collect();
        for (whole, bands) in [
            (whole.clone(), bands.clone()),
            (whole.with_values(holed.clone()), bands.with_values(holed.clone())),
            (whole.without_zeros_of(holed.clone()), bands.without_zeros_of(holed.clone())),
            (whole.on_grid(holed.clone(), &grid), bands.on_grid(holed, &grid)),
        ] {
            assert_eq!(whole.shape(), bands.shape());
            assert_eq!(block_on(whole.values()).unwrap(), block_on(bands.values()).unwrap());
            let ids = [9, 0, 4, 4, 2, 8];
            assert_eq!(host_values(whole.select(&ids)), host_values(bands.select(&ids)));
            let x = host_tensor(values[..3 * columns].to_vec(), 3);
            let (whole, bands) = (host_values(whole.apply(x.clone())), host_values(bands.apply(x)));
            assert!(whole.iter().zip(&bands).all(|(a, b)| (a - b).abs() < 1e-5), "{whole:?} {bands:?}");
        }
    }
}
