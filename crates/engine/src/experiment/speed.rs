//! How fast a model reads and writes, alone.

use super::forward::{Pass, last_outputs};
use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::{Compute, KeyValueCache};
use prunescope_protocol::model::{DecoderConfig, Sublayer, SublayerKind};
use prunescope_protocol::prune::PruningPlan;

/// Tokens of the prompt.
pub const PROMPT_TOKENS: usize = 256;
/// Tokens that are written.
pub const WRITTEN_TOKENS: usize = 32;
/// Tokens for which the cache is counted.
pub const CACHED_TOKENS: usize = 1024;
/// Times that each model is measured; the fastest counts, since whatever else the machine does only makes it slower.
pub const ROUNDS: usize = 3;

/// Milliseconds of reading a prompt, and of writing [`WRITTEN_TOKENS`] behind it.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn times<C: Compute>(
    model: &PrunedDecoder<C>,
    prompt: &[u32],
    clock: fn() -> f64,
    control: &Control,
) -> Result<[f64; 2], ExperimentError> {
    let decoder = &model.decoder;
    let mut cache = KeyValueCache::new(decoder.config.layers);
    let (mut ids, mut tokens) = (prompt.to_vec(), 0);
    let (begin, mut read) = (clock(), 0.0);
    for step in 0..=WRITTEN_TOKENS {
        let pass = Pass::pruned(model, 0, tokens);
        let last = pass.last(decoder.embed(&ids, tokens), &mut cache, control).await?;
        tokens += ids.len();
        // Reading the token back waits for the device.
        let likeliest = last_outputs(decoder, &last).logits.argmax(1);
        let data = likeliest.into_data_async().await.map_err(ExperimentError::device)?;
        ids = data.try_into_vec_as().map_err(ExperimentError::device)?;
        if step == 0 {
            read = clock() - begin;
        }
    }
    Ok([read, clock() - begin - read])
}

/// Bytes that keys and values of [`CACHED_TOKENS`] tokens take in half precision: none where the attention is dropped.
pub fn cache_bytes(plan: &PruningPlan, config: &DecoderConfig) -> u64 {
    let keeps = |layer: &usize| !plan.drops(Sublayer { layer: *layer, kind: SublayerKind::Attention });
    let numbers = 2 * config.key_value_heads * config.head_dim * CACHED_TOKENS;
    2 * numbers as u64 * (0..config.layers).filter(keeps).count() as u64
}
