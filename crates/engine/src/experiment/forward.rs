//! Forward passes through the decoder's sublayers under a plan, with access to the residual stream.

use std::ops::Range;

use burn::tensor::Tensor;

use super::pruned_decoder::PrunedDecoder;
use super::{Control, ExperimentError};
use crate::compute::attention::Text;
use crate::compute::{Compute, KeyValueCache};
use crate::metrics::ModelOutputs;
use crate::model::Decoder;
use prunescope_protocol::model::Sublayer;

/// The residual stream before each sublayer and after the last: `2 · layers + 1` tensors `[tokens, hidden]`.
///
/// A pass that starts at a later sublayer gives only the entries from there on.
pub type ResidualStream = Vec<Tensor<2>>;

/// One forward pass of some tokens through a range of the decoder's sublayers.
#[derive(Clone, Debug)]
pub struct Pass<'a, C: Compute> {
    /// The decoder.
    pub decoder: &'a Decoder<C>,
    /// Says which sublayers are dropped and what replaces them; `None` drops none.
    pruned: Option<&'a PrunedDecoder<C>>,
    /// Indices of the sublayers. In a model with parallel sublayers the range must start at an attention.
    pub sublayers: Range<usize>,
    /// Number of tokens in the KV cache before these.
    pub start: usize,
}

impl<'a, C: Compute> Pass<'a, C> {
    /// A pass through all sublayers of a decoder.
    pub fn dense(decoder: &'a Decoder<C>, start: usize) -> Self {
        Self { decoder, pruned: None, sublayers: 0..decoder.config.sublayers(), start }
    }

    /// A pass through a pruned decoder from sublayer `first` to the last.
    pub fn pruned(model: &'a PrunedDecoder<C>, first: usize, start: usize) -> Self {
        let decoder = &model.decoder;
        Self { decoder, pruned: Some(model), sublayers: first..decoder.config.sublayers(), start }
    }

    /// Runs the pass. `x` is the residual stream before the first sublayer of the range, `[tokens, hidden]`; returns
    /// that after the last.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn last(
        &self,
        x: Tensor<2>,
        cache: &mut KeyValueCache<C>,
        control: &Control,
    ) -> Result<Tensor<2>, ExperimentError> {
        self.visit(x, cache, control, |_, _| {}).await
    }

    /// As [`Self::last`], but returns the residual stream before the first sublayer and after each one.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn stream(
        &self,
        x: Tensor<2>,
        cache: &mut KeyValueCache<C>,
        control: &Control,
    ) -> Result<ResidualStream, ExperimentError> {
        let mut stream = vec![];
        self.visit(x, cache, control, |_, x| stream.push(x.clone())).await?;
        Ok(stream)
    }

    /// As [`Self::last`], but calls `each(index, x)` with the residual stream before sublayer `index`, for each
    /// sublayer and once after the last. For long texts, whose streams are too large to keep.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn visit(
        &self,
        x: Tensor<2>,
        cache: &mut KeyValueCache<C>,
        control: &Control,
        each: impl FnMut(usize, &Tensor<2>),
    ) -> Result<Tensor<2>, ExperimentError> {
        let positions = self.decoder.positions(self.start, x.dims()[0]);
        self.visit_texts(x, &mut [Text::new(&positions, cache)], control, each).await
    }

    /// As [`Self::last`], but of several texts, so that each weight is read once for all of them; each text is at its own positions.
    ///
    /// * `x`: the residual stream of the texts' rows, in order, `[rows, hidden]`.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`].
    pub async fn texts(
        &self,
        x: Tensor<2>,
        texts: &mut [Text<'_, C>],
        control: &Control,
    ) -> Result<Tensor<2>, ExperimentError> {
        self.visit_texts(x, texts, control, |_, _| {}).await
    }

    async fn visit_texts(
        &self,
        mut x: Tensor<2>,
        texts: &mut [Text<'_, C>],
        control: &Control,
        mut each: impl FnMut(usize, &Tensor<2>),
    ) -> Result<Tensor<2>, ExperimentError> {
        let [rows, _] = x.dims();
        // Residual input of the next sublayer; with parallel sublayers both read the stream before the block.
        let mut before = x.clone();
        each(self.sublayers.start, &x);
        for index in self.sublayers.clone() {
            pause(index, rows, control).await?;
            let at = Sublayer::from_index(index);
            if self.decoder.residual_input(at) == index {
                before = x.clone();
            }
            x = match self.pruned.filter(|model| model.plan().drops(at)) {
                Some(model) => model.in_place_of(at, before.clone(), x),
                None => self.decoder.sublayer(at, before.clone(), x, texts),
            };
            each(index + 1, &x);
        }
        Ok(x)
    }
}

/// Passes a checkpoint every few sublayers: often for many tokens, where its cost is negligible, rarely for few.
async fn pause(index: usize, tokens: usize, control: &Control) -> Result<(), ExperimentError> {
    let every = if tokens > 4 { 2 } else { 20 };
    if index.is_multiple_of(every) { control.checkpoint().await } else { Ok(()) }
}

/// Decodes one token with the dense decoder and one with the same decoder with some sublayers dropped or replaced, in
/// one pass that reads each weight matrix once for both.
///
/// * `x`: the dense model's residual stream before the first sublayer, `[1, hidden]`.
/// * `own`: the pruned model's residual stream before sublayer `first`, `[1, hidden]`; `None` if equal to the dense
///   one.
/// * `model`: the pruned decoder; it shares its weights with the dense one.
/// * `first`: the sublayer from which on the pruned model is computed; its plan drops none before it.
/// * `start`: number of tokens in both KV caches (dense, pruned) before these.
///
/// Returns the dense model's residual stream, and h and z of the dense and the pruned model.
///
/// # Errors
/// [`ExperimentError::Stopped`].
pub async fn forward_pair<C: Compute>(
    model: &PrunedDecoder<C>,
    (x, own): (Tensor<2>, Option<Tensor<2>>),
    first: usize,
    start: usize,
    [dense, pruned]: [&mut KeyValueCache<C>; 2],
    control: &Control,
) -> Result<(ResidualStream, [ModelOutputs; 2]), ExperimentError> {
    let decoder = &model.decoder;
    let positions = decoder.positions(start, 1);
    let row = |both: &Tensor<2>, row: usize| both.clone().narrow(0, row, 1);
    let alone = Pass { sublayers: 0..first, ..Pass::dense(decoder, start) };
    let mut stream = alone.stream(x, dense, control).await?;
    let x = stream.remove(first);
    // Residual streams from sublayer `first` on, `[2, hidden]` each: the dense row, then the pruned row.
    let mut both = vec![Tensor::cat(vec![x.clone(), own.unwrap_or(x)], 0)];
    for index in first..decoder.config.sublayers() {
        pause(index, 1, control).await?;
        let at = Sublayer::from_index(index);
        let x = both[index - first].clone();
        let input = &both[decoder.residual_input(at) - first];
        both.push(if model.plan().drops(at) {
            let after = decoder.sublayer(at, row(input, 0), row(&x, 0), &mut [Text::new(&positions, dense)]);
            Tensor::cat(vec![after, model.in_place_of(at, row(input, 1), row(&x, 1))], 0)
        } else {
            decoder.sublayer(at, input.clone(), x, &mut [Text::new(&positions, dense), Text::new(&positions, pruned)])
        });
    }
    stream.extend(both.iter().map(|both| row(both, 0)));
    let mut hidden = decoder.norm.forward(both[both.len() - 1].clone());
    if decoder.head_map.bias.is_some() {
        hidden = Tensor::cat(vec![row(&hidden, 0), decoder.head_map.hidden(row(&hidden, 1))], 0);
    }
    let logits = decoder.unrepaired_logits(hidden.clone());
    let [z, pruned_z] = [0, 1].map(|at| row(&logits, at));
    // Only the pruned model's head is repaired.
    let logits = [z, decoder.head_map.logits(pruned_z)];
    let spaces = [0, 1].map(|at| ModelOutputs { hidden: row(&hidden, at), logits: logits[at].clone() });
    Ok((stream, spaces))
}

/// The rows but the first, if there are more: the first position is an attention sink, whose residual stream is
/// atypical.
pub fn without_first(x: &Tensor<2>) -> Tensor<2> {
    let [tokens, _] = x.dims();
    let skip = usize::from(tokens > 1);
    x.clone().narrow(0, skip, tokens - skip)
}

/// h and z of some positions, one row each.
///
/// * `hidden`: h of all positions, `[positions, hidden]`.
pub fn outputs_at<C: Compute>(decoder: &Decoder<C>, hidden: &Tensor<2>, positions: Range<usize>) -> ModelOutputs {
    let hidden = hidden.clone().narrow(0, positions.start, positions.len());
    ModelOutputs { logits: decoder.logits(hidden.clone()), hidden }
}

/// h and z of the last position, `[1, hidden]` and `[1, vocabulary]`.
///
/// * `x`: the residual stream after the last sublayer, `[rows, hidden]`.
pub fn last_outputs<C: Compute>(decoder: &Decoder<C>, x: &Tensor<2>) -> ModelOutputs {
    let [rows, _] = x.dims();
    let hidden = decoder.final_norm(x.clone().narrow(0, rows - 1, 1));
    ModelOutputs { logits: decoder.logits(hidden.clone()), hidden }
}
