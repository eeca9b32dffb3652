//! Importance of sublayers and blocks, and how far stretches of blocks turn the residual stream, on a built-in text.

use std::f32::consts::PI;

use burn::tensor::Tensor;

use super::forward::{Pass, without_first};
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::Compute;
use crate::compute::KeyValueCache;
use crate::compute::read_back;
use crate::metrics::similarity::cosine;
use prunescope_formats::ModelTokenizer;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::importance::IMPORTANCE_TEXT;
use prunescope_protocol::prune::{Importance, ImportanceInput};

/// Largest number of tokens of the text that are used.
const MAX_CALIBRATION_TOKENS: usize = 256;

/// The built-in text as token ids.
fn text_ids<C: Compute>(model: &PrunedDecoder<C>, tokenizer: &ModelTokenizer) -> Result<Vec<u32>, ExperimentError> {
    let mut ids = tokenizer.encode(IMPORTANCE_TEXT, false)?;
    ids.truncate(MAX_CALIBRATION_TOKENS.min(model.decoder.config.context));
    Ok(ids)
}

/// Importance of every sublayer and block on the calibration text, with its tokens.
///
/// # Errors
/// [`ExperimentError::Stopped`], a failing device, or a tokenizer that refuses the text.
pub async fn measure_importance<C: Compute>(
    model: &PrunedDecoder<C>,
    tokenizer: &ModelTokenizer,
    input: ImportanceInput,
    control: &Control,
) -> Result<Importance, ExperimentError> {
    importance_on(model, &text_ids(model, tokenizer)?, input, control).await
}

/// Importance of every sublayer and block: 1 − cos of what `input` names, for blocks of the residual stream before and
/// after, averaged over all tokens of a text but the first. Before the norm, a dropped sublayer without replacement has
/// none.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn importance_on<C: Compute>(
    model: &PrunedDecoder<C>,
    ids: &[u32],
    input: ImportanceInput,
    control: &Control,
) -> Result<Importance, ExperimentError> {
    let decoder = &model.decoder;
    let mut cache = KeyValueCache::new(decoder.config.layers);
    let x = decoder.embed(ids, 0);
    // cos over the attention, the MLP and the whole of each block in turn, `[1, 1]` each.
    let mut changes = vec![];
    let mut block: Vec<Tensor<2>> = vec![];
    let visit = |place: usize, x: &Tensor<2>| {
        block.push(without_first(x));
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
    Pass::pruned(model, 0, 0).visit(x, &mut cache, control, visit).await?;
    let changes = Tensor::cat(changes, 0).neg().add_scalar(1.0).unsqueeze();
    let values: Vec<f32> = read_back(changes).await.map_err(ExperimentError::device)?;
    let each = |which: usize| values.chunks_exact(3).map(|block| block[which]).collect::<Vec<_>>();
    Ok(Importance::new(input, &each(0), &each(1), &each(2), ids.len() - 1))
}

/// The angular distance arccos(cos) / π, 0 to 1, between the residual stream before and behind every stretch of up to
/// `longest` blocks, by length − 1 and first block (arXiv 2403.17887, eq. 7).
///
/// The paper averages over the last tokens of many texts; of this one text, all tokens but the first are averaged.
///
/// # Errors
/// As [`measure_importance`].
pub async fn stretch_distances<C: Compute>(
    model: &PrunedDecoder<C>,
    longest: usize,
    tokenizer: &ModelTokenizer,
    control: &Control,
) -> Result<Vec<Vec<f32>>, ExperimentError> {
    let decoder = &model.decoder;
    let ids = text_ids(model, tokenizer)?;
    let mut cache = KeyValueCache::new(decoder.config.layers);
    // Before each block and behind the last.
    let mut stream: Vec<Tensor<2>> = vec![];
    let visit = |index: usize, x: &Tensor<2>| {
        if index.is_multiple_of(2) {
            stream.push(without_first(x));
        }
    };
    Pass::pruned(model, 0, 0).visit(decoder.embed(&ids, 0), &mut cache, control, visit).await?;
    let mut distances = vec![];
    for length in 1..=longest.min(decoder.config.layers) {
        control.checkpoint().await?;
        let pairs = stream.iter().zip(&stream[length..]);
        let cosines: Vec<_> = pairs.map(|(before, behind)| cosine(before.clone(), behind.clone())).collect();
        let [tokens, _] = cosines[0].dims();
        let read = read_back(Tensor::cat(cosines, 0)).await.map_err(ExperimentError::device)?;
        let mean = |row: &[f32]| row.iter().map(|cos| cos.clamp(-1.0, 1.0).acos() / PI).sum::<f32>() / tokens as f32;
        distances.push(read.chunks_exact(tokens).map(mean).collect());
    }
    Ok(distances)
}
