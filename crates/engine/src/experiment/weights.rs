//! Applies a plan to a decoder's weights: sparsity first, then quantization of the remaining weights.

use std::collections::{BTreeSet, HashMap};

use burn::tensor::Tensor;

use super::activations::{ActivationCollector, Activations, SiteActivations, hessian, index, summarize};
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::{Compute, on_device, read_back};
use crate::model::Decoder;
use crate::prune::gptq::Gptq;
use crate::prune::mask::{self, Removal, Share, Thresholds};
use crate::prune::owl;
use crate::prune::quantize::{self, SEARCH_STEPS};
use crate::prune::sparsegpt::{Damping, Factorization, InverseFactor, SparseGpt};
use prunescope_kernels::BLOCK;
use prunescope_protocol::model::{DecoderConfig, InputSite, Matrix, Sublayer};
use prunescope_protocol::prune::{
    MatrixGroup, Pattern, PruningPlan, Quantization, QuantizationMethod, Sparsity, SparsityMethod,
};
use prunescope_protocol::results::{MaskPicture, MatrixReport};

/// Largest numbers of rows and columns of a mask picture.
const PICTURE: [usize; 2] = [48, 96];

const NOT_READ: ExperimentError = ExperimentError::Internal { what: "the calibration text was not read" };

/// Progress callback: label, items done, items in total.
pub type Progress<'a> = &'a mut dyn FnMut(&str, usize, usize);

/// Cached statistics of one model on a calibration text, so that each is computed once.
pub struct Calibration {
    ids: Vec<u32>,
    activations: Option<Activations>,
    thresholds: HashMap<(SparsityMethod, usize, Matrix), Thresholds>,
    factors: HashMap<(usize, InputSite, Damping), InverseFactor>,
    /// OWL's share of outliers in the matrices of a group in a layer.
    outliers: HashMap<(usize, MatrixGroup), f64>,
}

impl Calibration {
    /// An empty cache for a calibration text, given as token ids.
    pub fn new(ids: Vec<u32>) -> Self {
        Self { ids, activations: None, thresholds: HashMap::new(), factors: HashMap::new(), outliers: HashMap::new() }
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
        let sites = edited_sites(plan, decoder.config.layers);
        let sparse = plan.sparse.filter(|sparse| sparse.removes_any());
        let only_removes = plan.only_removes_weights();
        if needs_activations(sparse, plan.quant) {
            let dampings = Damping::of(sparse, plan.quant);
            let factors: Vec<_> =
                dampings.flat_map(|of| sites.iter().map(move |(layer, site)| (*layer, *site, of))).collect();
            self.read_text(decoder, &factors, control, progress).await?;
            out.report.calibration_tokens = self.ids.len();
        }
        let shares = match sparse {
            Some(sparse) => self.shares(sparse.pattern, decoder, (&sites, plan.on), control, progress).await?,
            None => HashMap::new(),
        };
        for (done, (layer, site)) in sites.iter().copied().enumerate() {
            progress("Editing the weights", done, sites.len());
            control.checkpoint().await?;
            let matrices = matrices_of(&decoder.config, site);
            let dense = read_matrices(decoder, layer, &matrices).await?;
            let mut edited = vec![];
            for (matrix, weights) in matrices.iter().zip(&dense) {
                edited.push(match (sparse, shares.get(&layer)) {
                    (Some(sparse), Some(share)) => {
                        self.sparsify(sparse, *share, (layer, *matrix), &decoder.config, weights, control).await?
                    }
                    _ => weights.clone(),
                });
            }
            let grids = match plan.quant {
                Some(quant) => self.quantize(quant, decoder, layer, site, &mut edited, control).await?,
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
        factors: &[(usize, InputSite, Damping)],
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
            for (_, site, damping) in wanted.iter().filter(|(of, ..)| *of == layer) {
                control.checkpoint().await?;
                let input = &inputs[index(*site)];
                let [tokens, columns] = input.dims();
                let mut work = Factorization::new(hessian::<C>(input).await?, columns, damping.share(tokens, columns));
                while work.row() {
                    control.checkpoint().await?;
                }
                self.factors.insert((layer, *site, *damping), work.finish());
            }
            // The statistics are cached already and all wanted factors are done: skip later layers.
            if self.activations.is_some() && wanted.iter().all(|(of, ..)| *of <= layer) {
                return Ok(());
            }
        }
        self.activations = Some(layers);
        Ok(())
    }

    fn site(&self, layer: usize, site: InputSite) -> Result<&SiteActivations, ExperimentError> {
        let layer = self.activations.as_ref().and_then(|layers| layers.get(layer));
        layer.map(|sites| &sites[index(site)]).ok_or(NOT_READ)
    }

    fn factor(&self, layer: usize, site: InputSite, damping: Damping) -> Result<&InverseFactor, ExperimentError> {
        self.factors.get(&(layer, site, damping)).ok_or(NOT_READ)
    }

    /// The share of weights to remove in each layer of these sites, for a pattern that is not N:M: the same in all, or
    /// weighed by the outliers of the layers' matrices in these sites.
    ///
    /// With uneven ratios, the mean over these layers is the target, whichever layers and matrices the plan touches;
    /// dropped sublayers count, so that switching one leaves the others' weights as they are.
    async fn shares<C: Compute>(
        &mut self,
        pattern: Pattern,
        decoder: &Decoder<C>,
        (sites, on): (&[(usize, InputSite)], MatrixGroup),
        control: &Control,
        progress: Progress<'_>,
    ) -> Result<HashMap<usize, Share>, ExperimentError> {
        let layers: BTreeSet<usize> = sites.iter().map(|(layer, _)| *layer).collect();
        if !pattern.is_outlier_weighed() {
            let share = Share::percent(pattern.percent().unwrap_or(0));
            return Ok(layers.into_iter().map(|layer| (layer, share)).collect());
        }
        let mut outlier_shares = vec![];
        for (done, layer) in layers.iter().copied().enumerate() {
            let share = match self.outliers.get(&(layer, on)) {
                Some(known) => *known,
                None => {
                    progress("Counting outliers", done, layers.len());
                    control.checkpoint().await?;
                    let share = self.outlier_share(decoder, sites.iter().filter(|(of, _)| *of == layer)).await?;
                    self.outliers.insert((layer, on), share);
                    share
                }
            };
            outlier_shares.push(share);
        }
        let ratios = owl::layer_ratios(&outlier_shares, pattern.ratio());
        Ok(layers.into_iter().zip(ratios.into_iter().map(Share::nearest)).collect())
    }

    /// OWL's share of outliers in the matrices of some sites of one layer.
    async fn outlier_share<C: Compute>(
        &self,
        decoder: &Decoder<C>,
        sites: impl Iterator<Item = &(usize, InputSite)>,
    ) -> Result<f64, ExperimentError> {
        let mut all = vec![];
        for (layer, site) in sites {
            let norms = self.site(*layer, *site)?.norms.as_slice();
            let weights = read_matrices(decoder, *layer, &matrices_of(&decoder.config, *site)).await?;
            all.extend(weights.into_iter().map(|weights| (weights, norms)));
        }
        Ok(owl::outlier_share(&all))
    }

    /// Prunes one matrix. Returns its weights with the pruned ones set to 0 (SparseGPT also updates the others).
    ///
    /// * `share`: what to remove, unless the pattern is N:M.
    async fn sparsify(
        &mut self,
        sparse: Sparsity,
        share: Share,
        (layer, matrix): (usize, Matrix),
        config: &DecoderConfig,
        weights: &[f32],
        control: &Control,
    ) -> Result<Vec<f32>, ExperimentError> {
        let removal = sparse.pattern.n_of_m().map_or(Removal::Share(share), |(n, m)| Removal::NOfM(n, m));
        if sparse.method == SparsityMethod::SparseGpt {
            let mut out = weights.to_vec();
            let mut work = SparseGpt::new(&mut out, self.factor(layer, matrix.site(), Damping::Least)?, removal);
            while work.block() {
                control.checkpoint().await?;
            }
            return Ok(out);
        }
        let [_, columns] = matrix.shape(config);
        let (norms, line) = if sparse.method == SparsityMethod::Wanda {
            (self.site(layer, matrix.site())?.norms.clone(), columns)
        } else {
            (vec![1.0; columns], weights.len())
        };
        if let Pattern::Percent(percent) = sparse.pattern {
            let key = (sparse.method, layer, matrix);
            let thresholds = self.thresholds.entry(key).or_insert_with(|| Thresholds::new(weights, &norms, line));
            return Ok(thresholds.prune(weights, &norms, percent));
        }
        Ok(match removal {
            Removal::NOfM(n, m) => mask::prune_n_of_m(weights, &norms, n, m),
            Removal::Share(share) => mask::prune_share(weights, &norms, line, share),
        })
    }

    /// Quantizes the matrices of one site in place; zero weights stay zero.
    ///
    /// Returns the grid of each matrix ([`quantize::grid`]) if its weights lie on one and have at most 4 bits; else an empty
    /// vector.
    async fn quantize<C: Compute>(
        &self,
        quant: Quantization,
        decoder: &Decoder<C>,
        layer: usize,
        site: InputSite,
        weights: &mut [Vec<f32>],
        control: &Control,
    ) -> Result<Vec<Vec<[f32; 2]>>, ExperimentError> {
        let (bits, group) = (quant.bits, usize::from(quant.group));
        let columns = site.matrices().next().map_or(0, |matrix| matrix.shape(&decoder.config)[1]);
        let mut grids = vec![];
        match quant.method {
            QuantizationMethod::RoundToNearest => {
                for weights in weights {
                    grids.extend((bits <= 4).then(|| quantize::grid(weights, columns, bits, group, BLOCK)));
                    *weights = rounded(quant, &vec![1.0; columns], weights);
                }
            }
            QuantizationMethod::ActivationAware => {
                let scales = search_scales(quant, &decoder.compute, self.site(layer, site)?, weights).await?;
                weights.iter_mut().for_each(|weights| *weights = rounded(quant, &scales, weights));
            }
            QuantizationMethod::Gptq => {
                for weights in weights {
                    let mut work = Gptq::new(weights, self.factor(layer, site, Damping::ByLength)?, bits, group);
                    while work.block() {
                        control.checkpoint().await?;
                    }
                    grids.extend((bits <= 4).then(|| work.grid(BLOCK)));
                }
            }
        }
        Ok(grids)
    }
}

/// Whether any of the methods needs statistics of the matrices' inputs on the calibration text.
fn needs_activations(sparse: Option<Sparsity>, quant: Option<Quantization>) -> bool {
    let by_sparsity = |sparse: Sparsity| match sparse.method {
        SparsityMethod::Magnitude => sparse.pattern.is_outlier_weighed(),
        SparsityMethod::Wanda | SparsityMethod::SparseGpt => true,
    };
    let by_quantization = |quant: Quantization| match quant.method {
        QuantizationMethod::RoundToNearest => false,
        QuantizationMethod::ActivationAware | QuantizationMethod::Gptq => true,
    };
    sparse.is_some_and(by_sparsity) || quant.is_some_and(by_quantization)
}

/// The input sites whose matrices a plan edits, by layer, in the order of the forward pass.
fn edited_sites(plan: &PruningPlan, layers: usize) -> Vec<(usize, InputSite)> {
    let all = (0..layers).flat_map(|layer| InputSite::ALL.map(|site| (layer, site)));
    let is_edited = |(layer, site): &(usize, InputSite)| {
        let kind = site.matrices().next().map(Matrix::sublayer);
        // Dropped sublayers are edited too, so that restoring one needs no new edit.
        kind.is_some_and(|kind| plan.edits(Sublayer { layer: *layer, kind }))
    };
    all.filter(is_edited).collect()
}

/// A decoder's matrices that read a site.
fn matrices_of(config: &DecoderConfig, site: InputSite) -> Vec<Matrix> {
    config.matrices().filter(|matrix| matrix.site() == site).collect()
}

/// Weights rounded to nearest under a scale of each input channel ([`quantize::round_scaled`]); zeros stay zero.
fn rounded(quant: Quantization, scales: &[f32], weights: &[f32]) -> Vec<f32> {
    let mut out = weights.to_vec();
    quantize::round_scaled(&mut out, scales, quant.bits, usize::from(quant.group));
    out.iter_mut().zip(weights).filter(|(_, before)| **before == 0.0).for_each(|(after, _)| *after = 0.0);
    out
}

/// AWQ's search: the scales under which rounding changes the outputs of a site's matrices least on its sample.
async fn search_scales<C: Compute>(
    quant: Quantization,
    compute: &C,
    seen: &SiteActivations,
    weights: &[Vec<f32>],
) -> Result<Vec<f32>, ExperimentError> {
    let candidates: Vec<_> = (0..SEARCH_STEPS)
        .map(|step| quantize::channel_scales(&seen.mean_abs, step as f32 / SEARCH_STEPS as f32))
        .collect();
    let columns = seen.mean_abs.len();
    let mut losses = vec![];
    for scales in &candidates {
        let mut of_site = vec![];
        for before in weights {
            let mut difference = rounded(quant, scales, before);
            difference.iter_mut().zip(before).for_each(|(after, before)| *after -= before);
            let rows = difference.len() / columns;
            let difference = on_device(difference, [rows, columns], &compute.device());
            of_site.push(C::product(seen.sample.clone(), difference).square().sum());
        }
        losses.push(Tensor::cat(of_site, 0).sum());
    }
    let losses = read_back(Tensor::cat(losses, 0).unsqueeze()).await.map_err(ExperimentError::device)?;
    let best = losses.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(step, _)| step);
    Ok(candidates.into_iter().nth(best).unwrap_or_default())
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
