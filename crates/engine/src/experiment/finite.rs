//! Finds where in a model NaN or infinity first appears.

use burn::tensor::Tensor;

use super::forward::{Pass, last_outputs};
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::KeyValueCache;
use crate::compute::{Compute, read_back};
use prunescope_protocol::results::Place;

/// The first place in the model at which a prompt's last position has NaN or infinity; `None` if there is none.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn first_not_finite<C: Compute>(
    model: &PrunedDecoder<C>,
    prompt_ids: &[u32],
    control: &Control,
) -> Result<Option<Place>, ExperimentError> {
    let decoder = &model.decoder;
    let mut cache = KeyValueCache::new(decoder.config.layers);
    let mut rows = vec![];
    let visit = |_, x: &Tensor<2>| rows.push(x.clone().narrow(0, prompt_ids.len() - 1, 1));
    let last = Pass::pruned(model, 0, 0).visit(decoder.embed(prompt_ids, 0), &mut cache, control, visit).await?;
    let spaces = last_outputs(decoder, &last);
    if let Some(sublayers) = bad_row(Tensor::cat(rows, 0)).await? {
        return Ok(Some(Place::after(sublayers)));
    }
    if bad_row(spaces.hidden).await?.is_some() {
        return Ok(Some(Place::FinalNorm));
    }
    Ok(bad_row(spaces.logits).await?.map(|_| Place::Head))
}

/// Index of the first row with a number that is not finite.
async fn bad_row(x: Tensor<2>) -> Result<Option<usize>, ExperimentError> {
    let [_, width] = x.dims();
    let values = read_back(x).await.map_err(ExperimentError::device)?;
    Ok(values.chunks(width).position(|row| row.iter().any(|x| !x.is_finite())))
}
