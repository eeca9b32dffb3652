//! The GPU backend: weights stay quantized as in the file, and steps are the kernels of `prunescope_gpu`.

use burn::tensor::activation::{gelu, silu};
use burn::tensor::{Device, Tensor, TensorData};
use prunescope_formats::tensor::{StoredMatrix, TensorInfo};
use prunescope_gpu::blocks::BlockMatrix;
use prunescope_gpu::{attention, elementwise, matmul};
use prunescope_kernels::elementwise::GELU_TANH;
use prunescope_kernels::{BLOCK, PackedMatrix};
use prunescope_protocol::messages::Backend;
use prunescope_protocol::model::family::Activation;

use super::kv_cache::TensorLayerCache;
use super::{Compute, TextRows, bytes_of, on_device, packed, read_back, text_by_text};
use crate::compute::attention::Attention;
use crate::compute::linear::Linear;
use crate::compute::mlp::Mlp;
use crate::compute::norm::Norm;
use crate::compute::rope::Rope;
use crate::metrics::ModelOutputs;
use crate::metrics::comparison::{PendingComparison, compare_on_gpu};

/// The GPU backend on an open device.
#[derive(Clone, Debug)]
pub struct Gpu {
    device: Device,
    /// Largest buffer binding, in bytes.
    largest_binding: u64,
}

impl Gpu {
    /// A device without a limit on bindings.
    pub fn new(device: Device) -> Self {
        Self { device, largest_binding: u64::MAX }
    }

    /// Sets the device's largest buffer binding; a matrix that exceeds it in f32 is stored in bands of rows.
    pub fn with_largest_binding(self, bytes: u64) -> Self {
        Self { largest_binding: bytes, ..self }
    }
}

/// A matrix in bands of rows, each small enough for one binding; usually there is one band.
#[derive(Clone, Debug)]
pub struct GpuMatrix {
    bands: Vec<Band>,
    columns: usize,
}

/// Some rows of a matrix.
#[derive(Clone, Debug)]
enum Band {
    /// Quantized or in 16-bit floats.
    Codes(Box<BlockMatrix>),
    /// In f32: f32 files, rows that are not whole blocks, or edited weights that do not fit a quantized format.
    Floats(Box<Tensor<2>>),
}

impl Band {
    fn upload(matrix: &PackedMatrix, device: &Device) -> Self {
        match BlockMatrix::upload(matrix, device) {
            Some(blocks) => Self::Codes(Box::new(blocks)),
            None => Self::Floats(Box::new(on_device(matrix.values(), matrix.shape(), device))),
        }
    }

    fn shape(&self) -> [usize; 2] {
        match self {
            Self::Codes(blocks) => blocks.shape(),
            Self::Floats(weights) => weights.dims(),
        }
    }

    fn device(&self) -> Device {
        match self {
            Self::Codes(blocks) => blocks.device(),
            Self::Floats(weights) => weights.device(),
        }
    }

    fn with_values(&self, values: Vec<f32>) -> Self {
        Self::Floats(Box::new(on_device(values, self.shape(), &self.device())))
    }

    /// x Wᵀ.
    fn product(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Codes(blocks) => blocks.apply(x),
            Self::Floats(weights) => matmul::gemm(x, weights.as_ref().clone()),
        }
    }

    fn select(&self, ids: &[u32]) -> Tensor<2> {
        match self {
            Self::Codes(blocks) => blocks.select(ids),
            Self::Floats(weights) => {
                let places: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
                weights
                    .as_ref()
                    .clone()
                    .select(0, Tensor::from_data(TensorData::from(places.as_slice()), &weights.device()))
            }
        }
    }
}

impl GpuMatrix {
    /// The quantized matrix, if it is in one band.
    fn codes(&self) -> Option<&BlockMatrix> {
        match &self.bands[..] {
            [Band::Codes(blocks)] => Some(blocks),
            _ => None,
        }
    }

    /// Replaces each band by `edit(band, its values, index of the first of them)`.
    ///
    /// * `values`: values of the whole matrix, row-major.
    fn by_band(&self, values: &[f32], edit: impl Fn(&Band, Vec<f32>, usize) -> Band) -> Self {
        let mut first = 0;
        let edited = self.bands.iter().map(|band| {
            let [rows, columns] = band.shape();
            let start = first;
            first += rows * columns;
            edit(band, values[start..first].to_vec(), start)
        });
        Self { bands: edited.collect(), columns: self.columns }
    }

    /// x Wᵀ.
    fn product(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.bands[..] {
            [band] => band.product(x),
            bands => Tensor::cat(bands.iter().map(|band| band.product(x.clone())).collect(), 1),
        }
    }
}

/// Keys and values each `[tokens, num_kv_heads · head_dim]`.
type GpuLayerCache = TensorLayerCache<2, 0>;

impl Compute for Gpu {
    const BACKEND: Backend = Backend::WebGpu;
    const IS_CHECKED: bool = true;

    type Matrix = GpuMatrix;
    /// `[1, columns]`.
    type Vector = Tensor<2>;
    /// `[tokens, rotary_dim]`; in each row the cosines of the pairs, then their sines.
    type Positions = Tensor<2>;
    type LayerCache = GpuLayerCache;

    fn device(&self) -> Device {
        self.device.clone()
    }

    fn matrix(&self, stored: &StoredMatrix<'_>, rounds: bool) -> GpuMatrix {
        let [rows, columns] = stored.shape;
        // Sized in f32, since weights are dequantized for gemm and when a plan edits them.
        let band = (self.largest_binding / (size_of::<f32>() * columns.max(1)) as u64).max(1);
        let upload = |stored: &StoredMatrix<'_>| Band::upload(&packed(stored, rounds), &self.device);
        let bands = if rows as u64 <= band {
            vec![upload(stored)]
        } else {
            let band = band as usize;
            let first_rows = (0..rows).step_by(band);
            first_rows.map(|first| upload(&stored.rows(first..(first + band).min(rows)))).collect()
        };
        GpuMatrix { bands, columns }
    }

    fn held_bytes(tensor: &TensorInfo, rounds: bool) -> u64 {
        bytes_of(tensor, rounds, BlockMatrix::bits_a_weight)
    }

    fn vector(&self, values: Vec<f32>) -> Tensor<2> {
        let columns = values.len();
        on_device(values, [1, columns], &self.device)
    }

    fn shape(matrix: &GpuMatrix) -> [usize; 2] {
        [matrix.bands.iter().map(|band| band.shape()[0]).sum(), matrix.columns]
    }

    async fn values(matrix: &GpuMatrix) -> Result<Vec<f32>, String> {
        let mut values = vec![];
        for band in &matrix.bands {
            let weights = match band {
                Band::Codes(blocks) => blocks.weights(),
                Band::Floats(weights) => weights.as_ref().clone(),
            };
            values.append(&mut read_back(weights).await?);
        }
        Ok(values)
    }

    fn with_values(matrix: &GpuMatrix, values: Vec<f32>) -> GpuMatrix {
        matrix.by_band(&values, |band, values, _| band.with_values(values))
    }

    fn with_grid(matrix: &GpuMatrix, values: Vec<f32>, grid: &[[f32; 2]]) -> GpuMatrix {
        let columns = matrix.columns;
        if !columns.is_multiple_of(BLOCK) {
            return Self::with_values(matrix, values);
        }
        matrix.by_band(&values, |band, values, first| {
            Band::upload(&PackedMatrix::on_grid(&values, columns, &grid[first / BLOCK..]), &band.device())
        })
    }

    fn with_mask_from(matrix: &GpuMatrix, values: Vec<f32>) -> GpuMatrix {
        matrix.by_band(&values, |band, values, _| match band {
            Band::Codes(blocks) => Band::Codes(Box::new(blocks.with_mask_from(&values))),
            Band::Floats(_) => band.with_values(values),
        })
    }

    fn select(matrix: &GpuMatrix, ids: &[u32]) -> Tensor<2> {
        match &matrix.bands[..] {
            [band] => band.select(ids),
            bands => select_of_bands(bands, ids),
        }
    }

    fn positions(&self, rope: Option<&Rope>, _: Option<usize>, start: usize, tokens: usize) -> Tensor<2> {
        let angles = rope.map(|rope| rope.angles(start, tokens));
        // With learned positions one pair with angle 0: the kernels need at least one pair.
        let [cos, sin] = angles.unwrap_or_else(|| [vec![1.0; tokens], vec![0.0; tokens]]);
        let pairs = cos.len() / tokens.max(1);
        let rows = cos.chunks(pairs).zip(sin.chunks(pairs)).flat_map(|(cos, sin)| [cos, sin].concat()).collect();
        on_device(rows, [tokens, 2 * pairs], &self.device)
    }

    fn norm(norm: &Norm<Self>, x: Tensor<2>) -> Tensor<2> {
        if !norm.centred {
            return elementwise::rms_norm(x, norm.weight.clone(), norm.epsilon as f32);
        }
        let x = x.clone().sub(x.mean_dim(1));
        let scale = x.clone().square().mean_dim(1).add_scalar(norm.epsilon).sqrt().recip();
        let normed = x.mul(scale).mul(norm.weight.clone());
        match &norm.bias {
            Some(bias) => normed.add(bias.clone()),
            None => normed,
        }
    }

    fn linear(Linear { weights, bias }: &Linear<Self>, x: Tensor<2>) -> Tensor<2> {
        match bias {
            Some(bias) => weights.product(x).add(bias.clone()),
            None => weights.product(x),
        }
    }

    fn linear_residual(linear: &Linear<Self>, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        match (linear.weights.codes(), &linear.bias) {
            (Some(codes), None) => codes.multiply_residual(x, residual),
            _ => residual.add(Self::linear(linear, x)),
        }
    }

    fn mlp_intermediate(mlp: &Mlp<Self>, x: Tensor<2>) -> Tensor<2> {
        let Some(gate) = &mlp.gate else { return activate(mlp.activation, Self::linear(&mlp.up, x)) };
        if let (Some(up), Some(codes), Activation::Silu, None, None) =
            (mlp.up.weights.codes(), gate.weights.codes(), mlp.activation, &mlp.up.bias, &gate.bias)
        {
            return up.apply_gated(x, codes);
        }
        let [gate, up] = both(gate, &mlp.up, x);
        activate(mlp.activation, gate).mul(up)
    }

    fn attend(layer: &Attention<Self>, x: Tensor<2>, texts: &mut [TextRows<'_, Self>]) -> Tensor<2> {
        let head_dim = layer.heads.head_dim;
        let query = Self::linear(&layer.query, x.clone());
        let [key, value] = both(&layer.key, &layer.value, x);
        let [query, key] = layer.normed_heads(query, key);
        text_by_text([query, key, value], texts, |[query, key, value], text| {
            let angles = text.positions;
            let all = attention::rope_and_append_kv(text.cache.0.take(), [key, value], angles.clone(), head_dim);
            text.cache.0 = Some(all.clone());
            attention::attend(query, all, angles.clone(), layer.heads)
        })
    }

    fn product(x: Tensor<2>, weights: Tensor<2>) -> Tensor<2> {
        matmul::gemm(x, weights)
    }

    fn compare(dense: &ModelOutputs, pruned: &ModelOutputs, temperature: f32, with_top: bool) -> PendingComparison {
        compare_on_gpu(dense, pruned, temperature, with_top)
    }
}

/// The outputs of two linear layers for one input, in one launch if possible.
fn both(a: &Linear<Gpu>, b: &Linear<Gpu>, x: Tensor<2>) -> [Tensor<2>; 2] {
    match (a.weights.codes(), b.weights.codes(), &a.bias, &b.bias) {
        (Some(codes), Some(other), None, None) => codes.apply_both(x, other),
        _ => [Gpu::linear(a, x.clone()), Gpu::linear(b, x)],
    }
}

fn activate(activation: Activation, x: Tensor<2>) -> Tensor<2> {
    match activation {
        Activation::Silu => silu(x),
        Activation::Gelu => gelu(x),
        Activation::GeluTanh => {
            let [a, b] = GELU_TANH.map(f64::from);
            let inner = x.clone().add(x.clone().powi_scalar(3).mul_scalar(b)).mul_scalar(a);
            x.mul_scalar(0.5).mul(inner.tanh().add_scalar(1.0))
        }
    }
}

/// Some rows of a matrix in bands, `[ids, in]`: selected band by band, then brought into the order of `ids`.
fn select_of_bands(bands: &[Band], ids: &[u32]) -> Tensor<2> {
    let (mut picked, mut order, mut first, mut found) = (vec![], vec![0i32; ids.len()], 0, 0);
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
    let order = Tensor::from_data(TensorData::from(order.as_slice()), &rows.device());
    rows.select(0, order)
}

/// The GPU of this program's tests, which can be opened only once.
#[cfg(test)]
pub(crate) fn test_device() -> Device {
    static DEVICE: std::sync::LazyLock<Device> =
        std::sync::LazyLock::new(|| Device::wgpu_options().init().expect("a GPU"));
    DEVICE.clone()
}

#[cfg(test)]
mod on_a_gpu {
    use super::*;
    use futures::executor::block_on;
    use prunescope_quant::TensorType;

    /// Every operation gives the same numbers on a whole matrix and on bands of three rows (the last one has one row).
    #[test]
    fn a_matrix_in_bands_is_the_same_matrix() {
        let (rows, columns) = (10, 2 * BLOCK);
        let values: Vec<f32> = (0..rows * columns).map(|at| ((at * 37 % 101) as f32 - 50.0) / 64.0).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let stored = StoredMatrix { tensor_type: TensorType::F32, bytes: bytes.into(), shape: [rows, columns] };
        let gpu = Gpu::new(test_device());
        let whole = gpu.matrix(&stored, false);
        let narrow = gpu.clone().with_largest_binding(3 * 4 * columns as u64 + 100);
        let bands = narrow.matrix(&stored, false);
        assert_eq!((whole.bands.len(), bands.bands.len()), (1, 4));
        let holed: Vec<f32> = values.iter().enumerate().map(|(at, w)| if at % 3 == 0 { 0.0 } else { *w }).collect();
        let grid: Vec<[f32; 2]> = (0..rows * columns / BLOCK).map(|block| [0.1, -(block as f32)]).collect();
        let (with_values, with_mask) = (Gpu::with_values, Gpu::with_mask_from);
        for (whole, bands) in [
            (whole.clone(), bands.clone()),
            (with_values(&whole, holed.clone()), with_values(&bands, holed.clone())),
            (with_mask(&whole, holed.clone()), with_mask(&bands, holed.clone())),
            (Gpu::with_grid(&whole, holed.clone(), &grid), Gpu::with_grid(&bands, holed, &grid)),
        ] {
            assert_eq!(Gpu::shape(&whole), Gpu::shape(&bands));
            assert_eq!(block_on(Gpu::values(&whole)).unwrap(), block_on(Gpu::values(&bands)).unwrap());
            let ids = [9, 0, 4, 4, 2, 8];
            let read = |x: Tensor<2>| block_on(read_back(x)).unwrap();
            assert_eq!(read(Gpu::select(&whole, &ids)), read(Gpu::select(&bands, &ids)));
            let x = on_device(values[..3 * columns].to_vec(), [3, columns], &gpu.device());
            let (whole, bands) = (read(whole.product(x.clone())), read(bands.product(x)));
            assert!(whole.iter().zip(&bands).all(|(a, b)| (a - b).abs() < 1e-5), "{whole:?} {bands:?}");
        }
    }
}
