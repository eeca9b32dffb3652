//! Measures importance on its text.

use burn::tensor::{Tensor, Transaction};

use super::forward::{ResidualStream, forward};
use super::{Control, ExperimentError};
use crate::metrics::similarity::cosine;
use crate::model::{Decoder, KeyValueCache, ModelTokenizer};
use crate::prune::importance::IMPORTANCE_TEXT;
use crate::prune::{Importance, PruningPlan};

/// Most calibration tokens read, whatever the tokenizer makes of the text.
const MAX_CALIBRATION_TOKENS: usize = 256;

/// Importance of every sublayer and block: 1 − cos of the residual stream before and after, averaged over the
/// calibration text's tokens.
///
/// The first position is left out: its residual stream is an attention sink, unlike any other token's.
///
/// # Errors
/// [`ExperimentError::Stopped`], a failing device, or a tokenizer that refuses the text.
pub async fn measure_importance(
    decoder: &Decoder,
    tokenizer: &ModelTokenizer,
    control: &Control,
) -> Result<Importance, ExperimentError> {
    let mut ids = tokenizer.encode(IMPORTANCE_TEXT, false)?;
    ids.truncate(MAX_CALIBRATION_TOKENS.min(decoder.config.context));
    let mut cache = KeyValueCache::new(decoder.config.layers);
    let x = decoder.embed(&ids, 0);
    let stream = forward(decoder, &PruningPlan::default(), x, 0, 0, &mut cache, control).await?;
    let layers = decoder.config.layers;
    let spans = |from: fn(usize) -> (usize, usize)| (0..layers).map(from).collect::<Vec<_>>();
    let values = read_importance(
        &stream,
        &[spans(|l| (2 * l, 2 * l + 1)), spans(|l| (2 * l + 1, 2 * l + 2)), spans(|l| (2 * l, 2 * l + 2))].concat(),
    )
    .await?;
    Ok(Importance::new(&values[..layers], &values[layers..2 * layers], &values[2 * layers..], ids.len() - 1))
}

/// 1 − cos between pairs of places in the stream, averaged over positions, read back at once.
async fn read_importance(stream: &ResidualStream, spans: &[(usize, usize)]) -> Result<Vec<f32>, ExperimentError> {
    let rows = |x: &Tensor<2>| {
        let [tokens, _] = x.dims();
        let skip = usize::from(tokens > 1);
        x.clone().narrow(0, skip, tokens - skip)
    };
    let means = spans.iter().map(|(from, to)| cosine(rows(&stream[*from]), rows(&stream[*to])).mean());
    let packed = Tensor::cat(means.collect(), 0).neg().add_scalar(1.0);
    let data = Transaction::default().register(packed).execute_async().await.map_err(ExperimentError::device)?;
    let first = data.into_iter().next().ok_or_else(|| ExperimentError::device("it returned nothing"))?;
    first.try_into_vec_as().map_err(ExperimentError::device)
}
