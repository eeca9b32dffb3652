//! A small part of a model kept on the CPU, against which the numbers of another device are checked.
//!
//! It has some whole blocks, the embedding rows of a probe text's tokens, and LM-head rows spread over the vocabulary.

use super::decoder::Decoder;
use super::parts::Parts;
use crate::compute::{Compute, Cpu};
use prunescope_formats::config::DecoderConfig;
use prunescope_formats::layout::Part;
use prunescope_formats::load_error::LoadError;
use prunescope_formats::tensor_names::within_block;
use prunescope_quant::dequantize;

/// Number of tokens of the probe text.
pub const PROBE_TOKENS: usize = 16;
/// Largest number of checked LM-head rows.
const MOST_HEAD_ROWS: usize = 4096;
/// Internal name of the embedding rows that serve as LM head if the model has no separate one.
const TIED_HEAD: &str = "tied_head.weight";

/// A part of a model on the CPU.
#[derive(Clone, Debug)]
pub struct CrossCheck {
    /// Decoder whose blocks are [`CrossCheck::layers`] of the model and whose token ids index [`CrossCheck::probe`].
    pub decoder: Decoder<Cpu>,
    /// Indices of the blocks in the model.
    pub layers: Vec<usize>,
    /// The probe text as token ids of the model.
    pub probe: Vec<u32>,
    /// Token ids of the LM-head rows.
    pub head_rows: Vec<u32>,
}

/// Builds a [`CrossCheck`] while the model's tensors are loaded.
pub(super) struct Collector {
    layers: Vec<usize>,
    probe: Vec<u32>,
    head_rows: Vec<u32>,
    /// Whether float weights are rounded to 8 bits.
    rounds: bool,
    parts: Parts<Cpu>,
}

/// Up to `count` ids spread evenly over a vocabulary.
fn spread(vocabulary: usize, count: usize) -> Vec<u32> {
    let count = count.min(vocabulary);
    (0..count).map(|i| ((2 * i + 1) * vocabulary / (2 * count)) as u32).collect()
}

/// Indices of the first, the middle and the last block, and of the first one whose attention window differs from the
/// first block's, if any.
fn layers_of(config: &DecoderConfig) -> Vec<usize> {
    let first = config.window_of(0);
    let other = (0..config.layers).find(|layer| config.window_of(*layer) != first);
    let mut layers: Vec<usize> = [0, config.layers / 2, config.layers - 1].into_iter().chain(other).collect();
    layers.sort_unstable();
    layers.dedup();
    layers
}

impl Collector {
    /// A collector for a model of this shape.
    pub(super) fn new(config: &DecoderConfig, rounds: bool) -> Self {
        Self {
            layers: layers_of(config),
            probe: spread(config.vocabulary, PROBE_TOKENS),
            head_rows: spread(config.vocabulary, MOST_HEAD_ROWS),
            rounds,
            parts: Parts::default(),
        }
    }

    /// Copies what the check needs of one tensor.
    ///
    /// * `row`: the tensor's numbers if it has one row (a norm or a bias).
    pub(super) fn take(&mut self, part: &Part<'_>, row: Option<&[f32]>) {
        let name = part.name.as_str();
        let name = match within_block(name) {
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

    /// Builds the partial model once all files are loaded.
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

/// The numbers of a one-row tensor in f32, plus 1 if the format stores weight − 1.
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
