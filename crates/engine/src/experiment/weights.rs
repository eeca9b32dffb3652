//! Applies a plan to a decoder's weights: sparsity first, then quantization of the remaining weights.

use std::collections::HashMap;

use burn::tensor::{Tensor, TensorData};

use super::activations::{ActivationCollector, Activations, hessian, index, summarize};
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::Compute;
use crate::compute::read_back;
use crate::model::Decoder;
use crate::prune::mask::{self, Thresholds};
use crate::prune::quantize::{self, SEARCH_STEPS};
use crate::prune::sparsegpt::{Factorization, InverseFactor, SparseGpt};
use prunescope_kernels::BLOCK;
use prunescope_protocol::model::{InputSite, Matrix, Sublayer};
use prunescope_protocol::prune::{Pattern, Quantization, QuantizationMethod, Sparsity, SparsityMethod};
use prunescope_protocol::results::{MaskPicture, MatrixReport};

/// Largest numbers of rows and columns of a mask picture.
const PICTURE: [usize; 2] = [48, 96];

/// Progress callback: label, items done, items in total.
pub type Progress<'a> = &'a mut dyn FnMut(&str, usize, usize);

/// Cached statistics of one model on a calibration text, so that each is computed once.
pub struct Calibration {
    ids: Vec<u32>,
    activations: Option<Activations>,
    thresholds: HashMap<(SparsityMethod, usize, Matrix), Thresholds>,
    factors: HashMap<(usize, InputSite), InverseFactor>,
}

impl Calibration {
    /// An empty cache for a calibration text, given as token ids.
    pub fn new(ids: Vec<u32>) -> Self {
        Self { ids, activations: None, thresholds: HashMap::new(), factors: HashMap::new() }
    }

    /// Applies the edits of a decoder's plan to its weights.
    ///
    /// * `unedited`: the decoder with original weights and the plan to apply.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`] (statistics finished by then stay cached), or a failing device.
    pub async fn edit<C: Compute>(
        &mut self,
        unedited: PrunedDecoder<C>,
        control: &Control,
        progress: Progress<'_>,
    ) -> Result<PrunedDecoder<C>, ExperimentError> {
        let (decoder, plan) = (&unedited.decoder, &unedited.key.plan);
        let mut out = unedited.clone();
        if !plan.edits_weights() {
            return Ok(out);
        }
        let layers = decoder.config.layers;
        let sites: Vec<(usize, InputSite)> = (0..layers)
            .flat_map(|layer| InputSite::ALL.map(|site| (layer, site)))
            .filter(|(layer, site)| {
                let kind = site.matrices().next().map(Matrix::sublayer);
                // Dropped sublayers are edited too, so that restoring one needs no new edit.
                kind.is_some_and(|kind| plan.edits(Sublayer { layer: *layer, kind }))
            })
            .collect();
        let sparse = plan.sparse.filter(|sparse| sparse.pattern != Pattern::Percent(0));
        let second_order = sparse.is_some_and(|sparse| sparse.method == SparsityMethod::SparseGpt);
        let only_removes = !second_order && plan.quant.is_none();
        let needs_activations = second_order
            || sparse.is_some_and(|sparse| sparse.method == SparsityMethod::Wanda)
            || plan.quant.is_some_and(|quant| quant.method == QuantizationMethod::ActivationAware);
        if needs_activations {
            self.read_text(decoder, if second_order { &sites } else { &[] }, control, progress).await?;
            out.report.calibration_tokens = self.ids.len();
        }
        for (done, (layer, site)) in sites.iter().copied().enumerate() {
            progress("Editing the weights", done, sites.len());
            control.checkpoint().await?;
            let matrices: Vec<Matrix> = decoder.config.matrices().filter(|matrix| matrix.site() == site).collect();
            let dense = read_matrices(decoder, layer, &matrices).await?;
            let mut edited = vec![];
            for (matrix, weights) in matrices.iter().zip(&dense) {
                edited.push(match sparse {
                    Some(sparse) => {
                        let [_, columns] = matrix.shape(&decoder.config);
                        self.sparsify(sparse, layer, *matrix, columns, weights, control).await?
                    }
                    None => weights.clone(),
                });
            }
            let grids = match plan.quant {
                Some(quant) => self.quantize(quant, decoder, layer, site, &mut edited).await?,
                None => vec![],
            };
            for (at, ((matrix, dense), weights)) in matrices.into_iter().zip(dense).zip(edited).enumerate() {
                let (sparsity, change) = mask::effect(&dense, &weights);
                out.report.matrices.push(MatrixReport { layer, matrix, sparsity, change });
                let Some(before) = decoder.blocks[layer].matrix(matrix) else { continue };
                let weights = match grids.get(at) {
                    _ if only_removes => before.with_mask_from(weights),
                    Some(grid) => before.with_grid(weights, grid),
                    None => before.with_values(weights),
                };
                out.decoder.blocks[layer].set_matrix(matrix, weights);
            }
        }
        progress("Editing the weights", sites.len(), sites.len());
        Ok(out)
    }

    /// Computes activation statistics of the calibration text and the given Hessian factors, unless cached.
    async fn read_text<C: Compute>(
        &mut self,
        decoder: &Decoder<C>,
        factors: &[(usize, InputSite)],
        control: &Control,
        progress: Progress<'_>,
    ) -> Result<(), ExperimentError> {
        let wanted: Vec<_> = factors.iter().filter(|site| !self.factors.contains_key(site)).copied().collect();
        if self.activations.is_some() && wanted.is_empty() {
            return Ok(());
        }
        let mut layers = vec![];
        let mut collector = ActivationCollector::new(decoder, &self.ids);
        let all = decoder.config.layers;
        loop {
            let layer = layers.len();
            progress("Reading the calibration text", layer, all);
            let Some(inputs) = collector.next_layer(control).await? else { break };
            layers.push(summarize(&inputs).await?);
            for (_, site) in wanted.iter().filter(|(of, _)| *of == layer) {
                control.checkpoint().await?;
                let input = &inputs[index(*site)];
                let [_, columns] = input.dims();
                let mut work = Factorization::new(hessian::<C>(input).await?, columns);
                while work.row() {
                    control.checkpoint().await?;
                }
                self.factors.insert((layer, *site), work.finish());
            }
            // The statistics are cached already and all wanted factors are done: skip later layers.
            if self.activations.is_some() && wanted.iter().all(|(of, _)| *of <= layer) {
                return Ok(());
            }
        }
        self.activations = Some(layers);
        Ok(())
    }

    fn site(&self, layer: usize, site: InputSite) -> Result<&super::activations::SiteActivations, ExperimentError> {
        self.activations
            .as_ref()
            .and_then(|layers| layers.get(layer))
            .map(|sites| &sites[index(site)])
            .ok_or(ExperimentError::Internal { what: "the calibration text was not read" })
    }

    /// Prunes one matrix. Returns its weights with the pruned ones set to 0 (SparseGPT also updates the others).
    async fn sparsify(
        &mut self,
        sparse: Sparsity,
        layer: usize,
        matrix: Matrix,
        columns: usize,
        weights: &[f32],
        control: &Control,
    ) -> Result<Vec<f32>, ExperimentError> {
        let lost = || ExperimentError::Internal { what: "the calibration text was not read" };
        if sparse.method == SparsityMethod::SparseGpt {
            let factor = self.factors.get(&(layer, matrix.site())).ok_or_else(lost)?;
            let mut out = weights.to_vec();
            let mut work = SparseGpt::new(&mut out, factor, sparse.pattern);
            while work.block() {
                control.checkpoint().await?;
            }
            return Ok(out);
        }
        let by_row = sparse.method == SparsityMethod::Wanda;
        let (norms, line) = if by_row {
            (self.site(layer, matrix.site())?.norms.clone(), columns)
        } else {
            (vec![1.0; columns], weights.len())
        };
        if let Some((n, m)) = sparse.pattern.n_of_m() {
            return Ok(mask::prune_n_of_m(weights, &norms, n, m));
        }
        let key = (sparse.method, layer, matrix);
        let thresholds = self.thresholds.entry(key).or_insert_with(|| Thresholds::new(weights, &norms, line));
        Ok(thresholds.prune(weights, &norms, (sparse.pattern.ratio() * 100.0).round() as u8))
    }

    /// Quantizes the matrices of one site in place; zero weights stay zero.
    ///
    /// Returns the [`quantize::grid`] of each matrix for round-to-nearest with at most 4 bits; else an empty vector.
    async fn quantize<C: Compute>(
        &self,
        quant: Quantization,
        decoder: &Decoder<C>,
        layer: usize,
        site: InputSite,
        weights: &mut [Vec<f32>],
    ) -> Result<Vec<Vec<[f32; 2]>>, ExperimentError> {
        let group = usize::from(quant.group);
        let rounded = |scales: &[f32], weights: &[f32]| {
            let mut out = weights.to_vec();
            quantize::round_scaled(&mut out, scales, quant.bits, group);
            out.iter_mut().zip(weights).filter(|(_, before)| **before == 0.0).for_each(|(after, _)| *after = 0.0);
            out
        };
        let columns = site.matrices().next().map_or(0, |matrix| matrix.shape(&decoder.config)[1]);
        let mut grids = vec![];
        let scales = match quant.method {
            QuantizationMethod::RoundToNearest => {
                if quant.bits <= 4 {
                    let grid = |weights: &Vec<f32>| quantize::grid(weights, columns, quant.bits, group, BLOCK);
                    grids = weights.iter().map(grid).collect();
                }
                vec![1.0; columns]
            }
            QuantizationMethod::ActivationAware => {
                let seen = self.site(layer, site)?;
                let candidates = (0..SEARCH_STEPS)
                    .map(|step| quantize::channel_scales(&seen.mean_abs, step as f32 / SEARCH_STEPS as f32));
                let candidates: Vec<_> = candidates.collect();
                let mut losses = vec![];
                for scales in &candidates {
                    let mut of_site = vec![];
                    for before in weights.iter() {
                        let mut difference = rounded(scales, before);
                        difference.iter_mut().zip(before).for_each(|(after, before)| *after -= before);
                        let rows = difference.len() / columns;
                        let difference = Tensor::<2>::from_data(
                            TensorData::new(difference, [rows, columns]),
                            &decoder.compute.device(),
                        );
                        of_site.push(C::product(seen.sample.clone(), difference).square().sum());
                    }
                    losses.push(Tensor::cat(of_site, 0).sum());
                }
                let losses = Tensor::cat(losses, 0).unsqueeze();
                let losses = read_back(losses).await.map_err(ExperimentError::device)?;
                let best = losses.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(step, _)| step);
                candidates.into_iter().nth(best).unwrap_or_default()
            }
        };
        for weights in weights {
            *weights = rounded(&scales, weights);
        }
        Ok(grids)
    }
}

/// Reads matrices of one layer back to the host in f32, `[rows, columns]` row-major each.
async fn read_matrices<C: Compute>(
    decoder: &Decoder<C>,
    layer: usize,
    matrices: &[Matrix],
) -> Result<Vec<Vec<f32>>, ExperimentError> {
    let mut out = vec![];
    for matrix in matrices {
        let Some(matrix) = decoder.blocks[layer].matrix(*matrix) else { continue };
        out.push(C::values(&matrix.weights).await.map_err(ExperimentError::device)?);
    }
    Ok(out)
}

/// Magnitudes of the upper left corner of a decoder's matrix, at most `PICTURE` rows and columns: 0 for zero weights,
/// else 1 + 254 · |w| / max |w| rounded down.
///
/// # Errors
/// A failing device.
pub async fn picture<C: Compute>(
    decoder: &Decoder<C>,
    layer: usize,
    matrix: Matrix,
) -> Result<MaskPicture, ExperimentError> {
    let [all_rows, all_columns] = matrix.shape(&decoder.config);
    let (rows, columns) = (PICTURE[0].min(all_rows), PICTURE[1].min(all_columns));
    let ids: Vec<u32> = (0..rows as u32).collect();
    let weights = match decoder.blocks[layer].matrix(matrix) {
        Some(matrix) => {
            let corner = C::select(&matrix.weights, &ids).narrow(1, 0, columns);
            read_back(corner).await.map_err(ExperimentError::device)?
        }
        None => vec![],
    };
    let largest = weights.iter().fold(f32::MIN_POSITIVE, |largest, weight| largest.max(weight.abs()));
    let cell = |weight: &f32| if *weight == 0.0 { 0 } else { 1 + (weight.abs() / largest * 254.0) as u8 };
    Ok(MaskPicture { layer, matrix, rows, columns, cells: weights.iter().map(cell).collect() })
}
