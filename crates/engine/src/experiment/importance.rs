//! Importance of sublayers and blocks, measured on a built-in text.

use burn::tensor::Tensor;

use super::forward::Pass;
use super::{Control, ExperimentError};
use crate::compute::Compute;
use crate::compute::KeyValueCache;
use crate::compute::read_back;
use crate::metrics::similarity::cosine;
use crate::model::Decoder;
use prunescope_formats::ModelTokenizer;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::importance::IMPORTANCE_TEXT;
use prunescope_protocol::prune::{Importance, ImportanceInput};

/// Largest number of tokens of the text that are used.
const MAX_CALIBRATION_TOKENS: usize = 256;

/// Importance of every sublayer and block on the calibration text, with its tokens.
///
/// # Errors
/// [`ExperimentError::Stopped`], a failing device, or a tokenizer that refuses the text.
pub async fn measure_importance<C: Compute>(
    decoder: &Decoder<C>,
    tokenizer: &ModelTokenizer,
    input: ImportanceInput,
    control: &Control,
) -> Result<Importance, ExperimentError> {
    let mut ids = tokenizer.encode(IMPORTANCE_TEXT, false)?;
    ids.truncate(MAX_CALIBRATION_TOKENS.min(decoder.config.context));
    importance_on(decoder, &ids, input, control).await
}

/// Importance of every sublayer and block: 1 − cos of what `input` names, for blocks of the residual stream before and
/// after, averaged over the tokens of a text.
///
/// The first position is left out: it is an attention sink, whose residual stream is atypical.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn importance_on<C: Compute>(
    decoder: &Decoder<C>,
    ids: &[u32],
    input: ImportanceInput,
    control: &Control,
) -> Result<Importance, ExperimentError> {
    let mut cache = KeyValueCache::new(decoder.config.layers);
    let x = decoder.embed(ids, 0);
    // cos over the attention, the MLP and the whole of each block in turn, `[1, 1]` each.
    let mut changes = vec![];
    let mut block: Vec<Tensor<2>> = vec![];
    let visit = |place: usize, x: &Tensor<2>| {
        let [tokens, _] = x.dims();
        let skip = usize::from(tokens > 1);
        block.push(x.clone().narrow(0, skip, tokens - skip));
        if let [start, middle, end] = &block[..] {
            let first = place - 2;
            for (index, (from, to)) in [(start, middle), (middle, end)].into_iter().enumerate() {
                let (from, to) = match input {
                    ImportanceInput::Residual => (from.clone(), to.clone()),
                    ImportanceInput::Normed => {
                        let at = Sublayer::from_index(first + index);
                        let read = block[decoder.residual_input(at) - first].clone();
                        (decoder.normed_input(at, read), to.clone().sub(from.clone()))
                    }
                };
                changes.push(cosine(from, to).mean());
            }
            changes.push(cosine(start.clone(), end.clone()).mean());
            block.drain(..2);
        }
    };
    Pass::dense(decoder, 0).visit(x, &mut cache, control, visit).await?;
    let changes = Tensor::cat(changes, 0).neg().add_scalar(1.0).unsqueeze();
    let values: Vec<f32> = read_back(changes).await.map_err(ExperimentError::device)?;
    let each = |which: usize| values.chunks_exact(3).map(|block| block[which]).collect::<Vec<_>>();
    Ok(Importance::new(input, &each(0), &each(1), &each(2), ids.len() - 1))
}
