//! The dense model's run on one prompt, kept so that a change of plan computes only the pruned model.

use burn::tensor::Tensor;

use super::forward::{ResidualStream, forward, last_spaces};
use super::{Control, ExperimentError};
use crate::metrics::Spaces;
use crate::model::sampling::{Sampler, Sampling};
use crate::model::{Decoder, KeyValueCache};
use crate::prune::PruningPlan;

/// What a model knows after reading some text: enough to write the next token.
#[derive(Clone, Debug)]
pub struct DenseStep {
    /// h and z of the last position, one row each.
    pub spaces: Spaces,
    /// The residual stream at the last position, `[1, hidden]` each.
    pub stream: ResidualStream,
    /// The token that was chosen from it, once it was.
    pub chosen: Option<u32>,
}

/// The dense model's reading of a prompt and everything it has written after it.
#[derive(Clone, Debug)]
pub struct DenseRun {
    /// The prompt.
    pub prompt_ids: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The residual stream of all prompt positions.
    pub prompt_stream: ResidualStream,
    /// Keys and values of the prompt.
    pub prompt_cache: KeyValueCache,
    /// Keys and values of the prompt and what was written.
    pub cache: KeyValueCache,
    /// One entry a generation step; the first is the end of the prompt.
    pub steps: Vec<DenseStep>,
    /// The source of choices, for sampling.
    pub sampler: Sampler,
}

/// The last row of each tensor of a stream.
fn last_rows(stream: &ResidualStream) -> ResidualStream {
    let last = |x: &Tensor<2>| {
        let [tokens, _] = x.dims();
        if tokens == 1 { x.clone() } else { x.clone().narrow(0, tokens - 1, 1) }
    };
    stream.iter().map(last).collect()
}

impl DenseRun {
    /// Reads a prompt.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn read(
        decoder: &Decoder,
        prompt_ids: Vec<u32>,
        sampling: Sampling,
        control: &Control,
    ) -> Result<Self, ExperimentError> {
        let mut cache = KeyValueCache::new(decoder.config.layers);
        let x = decoder.embed(&prompt_ids, 0);
        let dense = PruningPlan::default();
        let prompt_stream = forward(decoder, &dense, x, 0, 0, &mut cache, control).await?;
        let first = DenseStep {
            spaces: last_spaces(decoder, &prompt_stream[prompt_stream.len() - 1]),
            stream: last_rows(&prompt_stream),
            chosen: None,
        };
        Ok(Self {
            prompt_ids,
            sampling,
            prompt_stream,
            prompt_cache: cache.clone(),
            cache,
            steps: vec![first],
            sampler: Sampler::new(sampling),
        })
    }

    /// Reads the token chosen at the last step, which opens the next step.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`]; the run is then as before.
    pub async fn advance(&mut self, decoder: &Decoder, token: u32, control: &Control) -> Result<(), ExperimentError> {
        let start = self.prompt_ids.len() + self.steps.len() - 1;
        // What a stopped pass has left there.
        self.cache.truncate(start);
        let x = decoder.embed(&[token], start);
        let stream = forward(decoder, &PruningPlan::default(), x, 0, start, &mut self.cache, control).await?;
        let spaces = last_spaces(decoder, &stream[stream.len() - 1]);
        self.push(stream, spaces);
        Ok(())
    }

    /// Notes what was read of the token chosen at the last step, which opens the next step.
    pub(super) fn push(&mut self, stream: ResidualStream, spaces: Spaces) {
        self.steps.push(DenseStep { spaces, stream, chosen: None });
    }

    /// The tokens written so far.
    pub fn written(&self) -> Vec<u32> {
        self.steps.iter().filter_map(|step| step.chosen).collect()
    }
}
