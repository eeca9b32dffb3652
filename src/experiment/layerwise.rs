//! Measurement 1, the layerwise transition: what dropping each sublayer alone does to the dense residual stream.
//!
//! At sublayer ℓ, on the dense residual stream x: x + f(x) against x, with the language-model head applied to both.
//! The paper's script applies the head to the raw residual; the "logit lens" applies the final norm first.

use burn::tensor::Tensor;

use super::{Control, ExperimentError};
use crate::metrics::{Spaces, compare, read_all};
use crate::model::{Decoder, Sublayer};
use crate::results::LayerTransition;

/// Sublayers compared at once; bounds memory and the time between pauses.
const ROWS_AT_ONCE: usize = 6;

/// Measures every sublayer on one position.
///
/// * `stream` — the dense residual stream at that position, `[2 · layers + 1, hidden]`.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn layer_transitions(
    decoder: &Decoder,
    stream: &Tensor<2>,
    temperature: f32,
    control: &Control,
) -> Result<Vec<LayerTransition>, ExperimentError> {
    let sublayers = decoder.config.sublayers();
    let mut out = vec![];
    for begin in (0..sublayers).step_by(ROWS_AT_ONCE) {
        let rows = ROWS_AT_ONCE.min(sublayers - begin);
        // One row more than sublayers: each row is the output of one and the input of the next.
        let residual = stream.clone().narrow(0, begin, rows + 1);
        let mut pending = vec![];
        for hidden in [residual.clone(), decoder.final_norm(residual)] {
            control.checkpoint().await?;
            let logits = decoder.logits(hidden.clone());
            let part = |from: usize| Spaces {
                hidden: hidden.clone().narrow(0, from, rows),
                logits: logits.clone().narrow(0, from, rows),
            };
            pending.push(compare(&part(1), &part(0), temperature, false));
        }
        let read = read_all(pending).await.map_err(ExperimentError::device)?;
        let (raw, normed) = read.split_at(rows);
        for (row, (raw, normed)) in raw.iter().zip(normed).enumerate() {
            let at = Sublayer::from_index(begin + row);
            out.push(LayerTransition {
                layer: at.layer,
                sublayer: at.kind,
                raw: raw.metrics,
                with_final_norm: normed.metrics,
            });
        }
    }
    Ok(out)
}
