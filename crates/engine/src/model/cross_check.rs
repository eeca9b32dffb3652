//! A small part of a model on the CPU, beside the whole on another device: what the device computes is held to it.
//!
//! Some blocks whole; of the embedding the rows of a probe's tokens; of the head rows spread over the vocabulary.

use super::decoder::Decoder;
use super::parts::Parts;
use crate::compute::{Compute, Cpu};
use prunescope_formats::config::DecoderConfig;
use prunescope_formats::layout::Part;
use prunescope_formats::load_error::LoadError;
use prunescope_quant::dequantize;

/// Tokens of the probe.
pub const PROBE_TOKENS: usize = 16;
/// Most rows of the head.
const MOST_HEAD_ROWS: usize = 4096;
/// Under what rows of the embedding are kept that stand for the head, should there be no other.
const TIED_HEAD: &str = "tied_head.weight";

/// A part of a model on the CPU.
#[derive(Clone, Debug)]
pub struct CrossCheck {
    /// Its blocks are [`CrossCheck::layers`] of the model; its vocabulary is [`CrossCheck::probe`].
    pub decoder: Decoder<Cpu>,
    /// The blocks, by their place in the model.
    pub layers: Vec<usize>,
    /// The probe, as ids of the model.
    pub probe: Vec<u32>,
    /// The rows of the head, as ids of the model.
    pub head_rows: Vec<u32>,
}

/// The same as its files come.
pub(super) struct Collector {
    layers: Vec<usize>,
    probe: Vec<u32>,
    head_rows: Vec<u32>,
    /// Whether floats are rounded to 8 bits.
    rounds: bool,
    parts: Parts<Cpu>,
}

/// So many ids spread over a vocabulary.
fn spread(vocabulary: usize, count: usize) -> Vec<u32> {
    let count = count.min(vocabulary);
    (0..count).map(|i| ((2 * i + 1) * vocabulary / (2 * count)) as u32).collect()
}

/// The first, a middle and the last block, and one that sees another context than the first, where there is one.
fn layers_of(config: &DecoderConfig) -> Vec<usize> {
    let first = config.window_of(0);
    let other = (0..config.layers).find(|layer| config.window_of(*layer) != first);
    let mut layers: Vec<usize> = [0, config.layers / 2, config.layers - 1].into_iter().chain(other).collect();
    layers.sort_unstable();
    layers.dedup();
    layers
}

impl Collector {
    /// For a model of a shape.
    pub(super) fn new(config: &DecoderConfig, rounds: bool) -> Self {
        Self {
            layers: layers_of(config),
            probe: spread(config.vocabulary, PROBE_TOKENS),
            head_rows: spread(config.vocabulary, MOST_HEAD_ROWS),
            rounds,
            parts: Parts::default(),
        }
    }

    /// Copies what it needs of a part of the model.
    ///
    /// * `row` — the part's numbers, where it is one row.
    pub(super) fn take(&mut self, part: &Part<'_>, row: Option<&[f32]>) {
        let name = part.name.as_str();
        let in_block = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
        let name = match in_block {
            Some((layer, rest)) => {
                let Some(at) = self.layers.iter().position(|known| layer.parse() == Ok(*known)) else { return };
                format!("blk.{at}.{rest}")
            }
            None => name.to_string(),
        };
        if let Some(values) = row {
            let picked = |ids: &[u32]| ids.iter().map(|id| values[*id as usize]).collect();
            let values = if name == "output.bias" { picked(&self.head_rows) } else { values.to_vec() };
            self.parts.rows.insert(name, Cpu.vector(values));
            return;
        }
        let rows = |ids: &[u32]| part.stored.rows(ids.iter().map(|id| *id as usize));
        match name.as_str() {
            "token_embd.weight" => {
                self.keep(name, &rows(&self.probe));
                self.keep(TIED_HEAD.into(), &rows(&self.head_rows));
            }
            "output.weight" => self.keep(name, &rows(&self.head_rows)),
            "position_embd.weight" => {
                let count = PROBE_TOKENS.min(part.stored.shape[0]);
                self.keep(name, &part.stored.rows(0..count));
            }
            _ => self.keep(name, &part.stored),
        }
    }

    fn keep(&mut self, name: String, stored: &prunescope_formats::tensor::StoredMatrix<'_>) {
        let weights = Cpu.matrix(stored, self.rounds);
        self.parts.matrices.insert(name, weights);
    }

    /// The part of the model, once all of its files have come.
    pub(super) fn finish(mut self, config: &DecoderConfig) -> Result<CrossCheck, LoadError> {
        let tied = self.parts.matrices.remove(TIED_HEAD);
        if let Some(tied) = tied {
            self.parts.matrices.entry("output.weight".into()).or_insert(tied);
        }
        let config = DecoderConfig {
            layers: self.layers.len(),
            windowed: self.layers.iter().map(|layer| config.windowed.get(*layer).copied().unwrap_or(false)).collect(),
            vocabulary: self.probe.len(),
            context: config.context.min(PROBE_TOKENS),
            ..config.clone()
        };
        let decoder = self.parts.decoder(config, Cpu)?;
        Ok(CrossCheck { decoder, layers: self.layers, probe: self.probe, head_rows: self.head_rows })
    }
}

/// A tensor's numbers, for a part that is one row.
pub(super) fn row_values(part: &Part<'_>) -> Vec<f32> {
    let mut values = dequantize(part.stored.tensor_type, &part.stored.bytes);
    if part.plus_one {
        values.iter_mut().for_each(|value| *value += 1.0);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_spread() {
        assert_eq!(spread(4, 16), [0, 1, 2, 3]);
        assert_eq!(spread(400, 4), [50, 150, 250, 350]);
    }
}
