//! Statistics of the inputs of the decoder's matrices on the calibration text.
//!
//! They are collected on the unpruned model, so that one pass serves every method, ratio and layer range. (The papers'
//! implementations prune layer by layer and feed each layer the output of the pruned layers before it.)

use burn::tensor::{Tensor, Transaction};

use super::{Control, ExperimentError};
use crate::compute::attention::Text;
use crate::compute::{Compute, KeyValueCache, read_back};
use crate::model::Decoder;
use prunescope_protocol::model::InputSite;

/// Tokens that are processed between two checkpoints.
const CHUNK: usize = 128;
/// Longest calibration sequence, in tokens.
const MAX_SEQUENCE: usize = 2048;
/// Number of inputs, spread evenly over the calibration tokens, on which AWQ's search measures its loss.
pub const SAMPLE: usize = 64;

/// Statistics of the inputs X `[tokens, columns]` of one input site.
#[derive(Clone, Debug)]
pub struct SiteActivations {
    /// ‖X_j‖₂ of each column, `[columns]`.
    pub norms: Vec<f32>,
    /// mean |X_j| of each column, `[columns]`.
    pub mean_abs: Vec<f32>,
    /// A sample of rows of X, `[at most SAMPLE, columns]`.
    pub sample: Tensor<2>,
}

/// Statistics of all input sites: by layer, in the order of [`InputSite::ALL`].
pub type Activations = Vec<[SiteActivations; 4]>;

/// Processes the calibration text layer by layer, so that the inputs of only one layer are in memory at a time.
pub struct ActivationCollector<'a, C: Compute> {
    decoder: &'a Decoder<C>,
    /// The residual stream of each sequence before `layer`, `[tokens, hidden]`.
    streams: Vec<Tensor<2>>,
    layer: usize,
}

impl<'a, C: Compute> ActivationCollector<'a, C> {
    /// Starts before the first layer. A text longer than the model's context or `MAX_SEQUENCE` is split into sequences.
    pub fn new(decoder: &'a Decoder<C>, ids: &[u32]) -> Self {
        let sequence = decoder.config.context.min(MAX_SEQUENCE);
        Self { decoder, streams: ids.chunks(sequence).map(|ids| decoder.embed(ids, 0)).collect(), layer: 0 }
    }

    /// The inputs of the next layer's sites, each `[tokens, columns]`, in the order of [`InputSite::ALL`]; `None` after
    /// the last layer.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn next_layer(&mut self, control: &Control) -> Result<Option<[Tensor<2>; 4]>, ExperimentError> {
        let Some(block) = self.decoder.blocks.get(self.layer) else { return Ok(None) };
        let (attention, mlp) = (&block.attention, &block.mlp);
        let mut sites: [Vec<Tensor<2>>; 4] = Default::default();
        for stream in &mut self.streams {
            let [tokens, _] = stream.dims();
            let mut cache = KeyValueCache::new(self.decoder.config.layers);
            let mut out = vec![];
            for start in (0..tokens).step_by(CHUNK) {
                control.checkpoint().await?;
                let x = stream.clone().narrow(0, start, CHUNK.min(tokens - start));
                let [count, _] = x.dims();
                let normed = attention.norm.forward(x.clone());
                let positions = self.decoder.positions(start, count);
                let mixed = attention.attend(normed.clone(), self.layer, &mut [Text::new(&positions, &mut cache)]);
                let between = attention.o_proj(mixed.clone(), x.clone());
                let read = if self.decoder.config.parallel { x } else { between.clone() };
                let normed_again = mlp.norm.forward(read);
                let inner = mlp.intermediate(normed_again.clone());
                out.push(mlp.down_proj(inner.clone(), between));
                for (site, input) in sites.iter_mut().zip([normed, mixed, normed_again, inner]) {
                    site.push(input);
                }
            }
            *stream = Tensor::cat(out, 0);
        }
        self.layer += 1;
        Ok(Some(sites.map(|inputs| Tensor::cat(inputs, 0))))
    }
}

/// H = XᵀX of the inputs `[tokens, n]`, read back as `[n, n]`.
///
/// # Errors
/// A failing device.
pub async fn hessian<C: Compute>(inputs: &Tensor<2>) -> Result<Vec<f32>, ExperimentError> {
    let transposed = inputs.clone().transpose();
    read_back(C::product(transposed.clone(), transposed)).await.map_err(ExperimentError::device)
}

/// Statistics of one layer's sites, in one readback.
///
/// # Errors
/// A failing device.
pub async fn summarize(inputs: &[Tensor<2>; 4]) -> Result<[SiteActivations; 4], ExperimentError> {
    let mut transaction = Transaction::default();
    for input in inputs {
        let norms = input.clone().square().sum_dim(0).sqrt();
        transaction = transaction.register(norms).register(input.clone().abs().mean_dim(0));
    }
    let data = transaction.execute_async().await.map_err(ExperimentError::device)?;
    let mut vectors = vec![];
    for data in data {
        vectors.push(data.try_into_vec_as::<f32>().map_err(ExperimentError::device)?);
    }
    let mut vectors = vectors.into_iter();
    let mut out = vec![];
    for input in inputs {
        let (Some(norms), Some(mean_abs)) = (vectors.next(), vectors.next()) else {
            return Err(ExperimentError::Internal {
                what: "a device gave another number of results than were asked for",
            });
        };
        out.push(SiteActivations { norms, mean_abs, sample: sample(input) });
    }
    out.try_into()
        .map_err(|_| ExperimentError::Internal { what: "a device gave another number of results than were asked for" })
}

/// Rows spread evenly over the inputs, from the middle of each of [`SAMPLE`] equal spans. This avoids the first token,
/// an attention sink with atypical activations.
fn sample(inputs: &Tensor<2>) -> Tensor<2> {
    let [tokens, _] = inputs.dims();
    let count = SAMPLE.min(tokens);
    let rows = (0..count).map(|i| inputs.clone().narrow(0, (2 * i + 1) * tokens / (2 * count), 1));
    Tensor::cat(rows.collect(), 0)
}

/// The site's index in [`InputSite::ALL`].
pub fn index(site: InputSite) -> usize {
    InputSite::ALL.iter().position(|other| *other == site).unwrap_or(0)
}
