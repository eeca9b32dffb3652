//! The dense model's run on one prompt, kept so that a change of plan computes only the pruned model.

use burn::tensor::Tensor;

use super::forward::{Pass, ResidualStream, last_outputs};
use super::{Control, ExperimentError};
use crate::compute::Compute;
use crate::compute::KeyValueCache;
use crate::metrics::ModelOutputs;
use crate::model::Decoder;
use crate::model::sampling::{Sampler, Sampling};
use prunescope_protocol::model::{Sublayer, SublayerKind};
use prunescope_protocol::prune::PruningPlan;

/// What a model knows after reading some text: enough to write the next token.
#[derive(Clone, Debug)]
pub struct DenseStep {
    /// h and z of the last position, one row each.
    pub spaces: ModelOutputs,
    /// The residual stream at the last position, `[1, hidden]` each.
    pub stream: ResidualStream,
    /// The token that was chosen from it, once it was.
    pub chosen: Option<u32>,
}

/// The dense model's reading of a prompt and everything it has written after it.
#[derive(Clone, Debug)]
pub struct DenseRun<C: Compute> {
    /// The prompt.
    pub prompt_ids: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The model.
    pub decoder: Decoder<C>,
    /// The residual stream of all prompt positions before each block, and after the last.
    prompt_blocks: Vec<Tensor<2>>,
    /// Keys and values of the prompt.
    pub prompt_cache: KeyValueCache<C>,
    /// Keys and values of the prompt and what was written.
    pub cache: KeyValueCache<C>,
    /// One entry a generation step; the first is the end of the prompt.
    pub steps: Vec<DenseStep>,
    /// The source of choices, for sampling.
    pub sampler: Sampler,
}

/// The last row of `x`, in memory of its own: a view of it would keep all rows.
fn last_row(x: &Tensor<2>) -> Tensor<2> {
    let [tokens, _] = x.dims();
    x.clone().narrow(0, tokens - 1, 1).mul_scalar(1.0)
}

impl<C: Compute> DenseRun<C> {
    /// Reads a prompt.
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
        let dense = PruningPlan::default();
        let (mut stream, mut prompt_blocks) = (vec![], vec![]);
        let visit = |place: usize, x: &Tensor<2>| {
            stream.push(last_row(x));
            if Sublayer::from_index(place).kind == SublayerKind::Attention {
                prompt_blocks.push(x.clone());
            }
        };
        let last = Pass::from(decoder, &dense, 0, 0).visit(x, &mut cache, control, visit).await?;
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
    /// Before an MLP it is computed again: to keep it too would take as much memory as all that is before attentions,
    /// and the attention is a small part of what comes after.
    pub fn prompt_before(&self, at: Sublayer) -> Tensor<2> {
        let x = self.prompt_blocks[at.layer].clone();
        match at.kind {
            SublayerKind::Attention => x,
            SublayerKind::Mlp => {
                let attention = Sublayer::attention(at.layer);
                let mut cache = KeyValueCache::new(self.decoder.config.layers);
                let positions = self.decoder.positions(0, self.prompt_ids.len());
                self.decoder.sublayer(attention, x.clone(), x, &positions, &mut [&mut cache])
            }
        }
    }

    /// Reads the token chosen at the last step, which opens the next step.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`]; the run is then as before.
    pub async fn advance(&mut self, token: u32, control: &Control) -> Result<(), ExperimentError> {
        let start = self.prompt_ids.len() + self.steps.len() - 1;
        // What a stopped pass has left there.
        self.cache.truncate(start);
        let decoder = &self.decoder;
        let x = decoder.embed(&[token], start);
        let plan = PruningPlan::default();
        let stream = Pass::from(decoder, &plan, 0, start).stream(x, &mut self.cache, control).await?;
        let spaces = last_outputs(decoder, &stream[stream.len() - 1]);
        self.push(stream, spaces);
        Ok(())
    }

    /// Notes what was read of the token chosen at the last step, which opens the next step.
    pub(super) fn push(&mut self, stream: ResidualStream, spaces: ModelOutputs) {
        self.steps.push(DenseStep { spaces, stream, chosen: None });
    }

    /// The tokens written so far.
    pub fn written(&self) -> Vec<u32> {
        self.steps.iter().filter_map(|step| step.chosen).collect()
    }
}
