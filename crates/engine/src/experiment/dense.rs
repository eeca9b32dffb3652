//! The dense model's run on one prompt. It is cached, so that a change of plan recomputes only the pruned model.

use burn::tensor::Tensor;

use super::forward::{Pass, ResidualStream, last_outputs};
use super::{Control, ExperimentError};
use crate::compute::attention::Text;
use crate::compute::{Compute, KeyValueCache};
use crate::metrics::ModelOutputs;
use crate::model::Decoder;
use crate::model::sampling::{Sampler, Sampling};
use prunescope_protocol::model::{Sublayer, SublayerKind};

/// The dense model's outputs at one generation step.
#[derive(Clone, Debug)]
pub struct DenseStep {
    /// h and z of the last position, one row each.
    pub spaces: ModelOutputs,
    /// The residual stream at the last position, `[1, hidden]` per entry.
    pub stream: ResidualStream,
    /// The token sampled from these logits; `None` until it is.
    pub chosen: Option<u32>,
}

/// The dense model's state after a prompt and the tokens generated so far.
#[derive(Clone, Debug)]
pub struct DenseRun<C: Compute> {
    /// Token ids of the prompt.
    pub prompt_ids: Vec<u32>,
    /// Sampling settings.
    pub sampling: Sampling,
    /// The dense decoder.
    pub decoder: Decoder<C>,
    /// The residual stream of all prompt positions before each block and after the last, `[prompt tokens, hidden]`
    /// each.
    prompt_blocks: Vec<Tensor<2>>,
    /// KV cache of the prompt.
    pub prompt_cache: KeyValueCache<C>,
    /// KV cache of the prompt and the generated tokens.
    pub cache: KeyValueCache<C>,
    /// One entry per generation step; the first is at the end of the prompt.
    pub steps: Vec<DenseStep>,
    /// Random sampler of the next token.
    pub sampler: Sampler,
}

/// A copy of the last row of `x`; a view would keep all rows in memory.
fn last_row(x: &Tensor<2>) -> Tensor<2> {
    let [tokens, _] = x.dims();
    x.clone().narrow(0, tokens - 1, 1).mul_scalar(1.0)
}

impl<C: Compute> DenseRun<C> {
    /// Processes a prompt (prefill).
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn read(
        decoder: &Decoder<C>,
        prompt_ids: Vec<u32>,
        sampling: Sampling,
        control: &Control,
    ) -> Result<Self, ExperimentError> {
        let mut cache = KeyValueCache::new(decoder.config.layers);
        let x = decoder.embed(&prompt_ids, 0);
        let (mut stream, mut prompt_blocks) = (vec![], vec![]);
        let visit = |place: usize, x: &Tensor<2>| {
            stream.push(last_row(x));
            if Sublayer::from_index(place).kind == SublayerKind::Attention {
                prompt_blocks.push(x.clone());
            }
        };
        let last = Pass::dense(decoder, 0).visit(x, &mut cache, control, visit).await?;
        let first = DenseStep { spaces: last_outputs(decoder, &last), stream, chosen: None };
        Ok(Self {
            prompt_ids,
            sampling,
            decoder: decoder.clone(),
            prompt_blocks,
            prompt_cache: cache.clone(),
            cache,
            steps: vec![first],
            sampler: Sampler::new(sampling),
        })
    }

    /// The residual stream of all prompt positions before a sublayer, `[tokens, hidden]`.
    ///
    /// Before an MLP it is recomputed from the block's attention: caching it would double the memory, and one attention
    /// is cheap compared with the rest of the model.
    pub fn prompt_before(&self, at: Sublayer) -> Tensor<2> {
        let x = self.prompt_blocks[at.layer].clone();
        match at.kind {
            SublayerKind::Attention => x,
            SublayerKind::Mlp => {
                let attention = Sublayer::attention(at.layer);
                let mut cache = KeyValueCache::new(self.decoder.config.layers);
                let positions = self.decoder.positions(0, self.prompt_ids.len());
                self.decoder.sublayer(attention, x.clone(), x, &mut [Text::new(&positions, &mut cache)])
            }
        }
    }

    /// Decodes the token chosen at the last step, which adds the next step.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`]; no step is added then.
    pub async fn advance(&mut self, token: u32, control: &Control) -> Result<(), ExperimentError> {
        let start = self.prompt_ids.len() + self.steps.len() - 1;
        // Remove entries that a stopped pass may have appended.
        self.cache.truncate(start);
        let decoder = &self.decoder;
        let x = decoder.embed(&[token], start);
        let stream = Pass::dense(decoder, start).stream(x, &mut self.cache, control).await?;
        let spaces = last_outputs(decoder, &stream[stream.len() - 1]);
        self.push(stream, spaces);
        Ok(())
    }

    /// Adds the next step, with the outputs for the token chosen at the last one.
    pub(super) fn push(&mut self, stream: ResidualStream, spaces: ModelOutputs) {
        self.steps.push(DenseStep { spaces, stream, chosen: None });
    }

    /// The tokens generated so far.
    pub fn written(&self) -> Vec<u32> {
        self.steps.iter().filter_map(|step| step.chosen).collect()
    }
}
