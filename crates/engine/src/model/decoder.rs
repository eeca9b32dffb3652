//! The decoder: embedding, a sequence of sublayers `x ← x + f(x)`, final norm, LM head.

use burn::tensor::Tensor;
use prunescope_protocol::model::{DecoderConfig, Matrix, Sublayer, SublayerKind};

use crate::compute::Compute;
use crate::compute::attention::{Attention, Positions, Text};
use crate::compute::linear::Linear;
use crate::compute::mlp::Mlp;
use crate::compute::norm::Norm;
use crate::compute::rope::Rope;
use crate::model::replacement::HeadMap;

/// One block: an attention and an MLP sublayer.
#[derive(Clone, Debug)]
pub struct Block<C: Compute> {
    /// First sublayer.
    pub attention: Attention<C>,
    /// Second sublayer.
    pub mlp: Mlp<C>,
}

impl<C: Compute> Block<C> {
    /// One of the block's matrices; `None` for the gate of an ungated MLP.
    pub fn matrix(&self, matrix: Matrix) -> Option<&Linear<C>> {
        Some(match matrix {
            Matrix::Query => &self.attention.query,
            Matrix::Key => &self.attention.key,
            Matrix::Value => &self.attention.value,
            Matrix::Output => &self.attention.output,
            Matrix::Gate => return self.mlp.gate.as_ref(),
            Matrix::Up => &self.mlp.up,
            Matrix::Down => &self.mlp.down,
        })
    }

    /// Replaces one of the block's matrices by another of the same shape.
    pub fn set_matrix(&mut self, matrix: Matrix, weights: Linear<C>) {
        let place = match matrix {
            Matrix::Query => &mut self.attention.query,
            Matrix::Key => &mut self.attention.key,
            Matrix::Value => &mut self.attention.value,
            Matrix::Output => &mut self.attention.output,
            Matrix::Gate => return self.mlp.gate = Some(weights),
            Matrix::Up => &mut self.mlp.up,
            Matrix::Down => &mut self.mlp.down,
        };
        *place = weights;
    }
}

/// A decoder of any supported family. Clones share the weights.
#[derive(Clone, Debug)]
pub struct Decoder<C: Compute> {
    /// Shape and hyperparameters.
    pub config: DecoderConfig,
    /// Token embedding, `[vocabulary, hidden]`; also the LM head if `head` is `None`.
    pub embedding: Linear<C>,
    /// Learned position embedding, `[context, hidden]`; `None` for families that use RoPE.
    pub position_embedding: Option<Linear<C>>,
    /// The blocks in order.
    pub blocks: Vec<Block<C>>,
    /// Final norm.
    pub norm: Norm<C>,
    /// Separate LM head, `[vocabulary, hidden]`; `None` if tied to the embedding.
    pub head: Option<Linear<C>>,
    /// The repair of the head; changes nothing in a model as it was loaded.
    pub head_map: HeadMap,
    /// RoPE of layers with full attention; `None` with learned positions.
    pub rope: Option<Rope>,
    /// RoPE of layers with sliding-window attention; `None` if there are none.
    pub window_rope: Option<Rope>,
    /// The backend.
    pub compute: C,
}

impl<C: Compute> Decoder<C> {
    /// Embeds token ids: the residual stream before the first sublayer, `[tokens, hidden]`.
    ///
    /// Ids must be below the vocabulary size (the tokenizer guarantees it).
    ///
    /// * `start`: number of tokens before these.
    pub fn embed(&self, ids: &[u32], start: usize) -> Tensor<2> {
        let mut x = C::select(&self.embedding.weights, ids);
        if self.config.embedding_scale != 1.0 {
            x = x.mul_scalar(self.config.embedding_scale);
        }
        match &self.position_embedding {
            None => x,
            Some(positions) => {
                // Clamped for safety; the session keeps texts within the context.
                let last = self.config.context.saturating_sub(1);
                let places: Vec<u32> = (start..start + ids.len()).map(|place| place.min(last) as u32).collect();
                x.add(C::select(&positions.weights, &places))
            }
        }
    }

    /// Position data of `tokens` tokens that follow `start` tokens in the KV cache.
    pub fn positions(&self, start: usize, tokens: usize) -> Positions<C> {
        let windowed = |window| self.compute.positions(self.window_rope.as_ref(), Some(window), start, tokens);
        Positions {
            tokens,
            whole: self.compute.positions(self.rope.as_ref(), None, start, tokens),
            windowed: self.config.window.map(windowed),
        }
    }

    /// Index of the residual-stream entry that a sublayer takes as input: the one just before it, except for an MLP
    /// parallel to its attention, which takes the attention's input.
    pub fn residual_input(&self, at: Sublayer) -> usize {
        if self.config.parallel { Sublayer::attention(at.layer).index() } else { at.index() }
    }

    /// The residual stream after one sublayer: residual + f(x), `[rows, hidden]`.
    ///
    /// * `x`: the residual stream at [`Self::residual_input`], `[rows, hidden]`.
    /// * `residual`: the residual stream just before the sublayer, `[rows, hidden]`.
    /// * `texts`: as in [`Attention::forward`].
    pub fn sublayer(&self, at: Sublayer, x: Tensor<2>, residual: Tensor<2>, texts: &mut [Text<'_, C>]) -> Tensor<2> {
        let block = &self.blocks[at.layer];
        match at.kind {
            SublayerKind::Attention => block.attention.forward(x, residual, at.layer, texts),
            SublayerKind::Mlp => block.mlp.forward(x, residual),
        }
    }

    /// The normed input of a sublayer, `[rows, hidden]`.
    ///
    /// * `x`: the residual stream at [`Self::residual_input`], `[rows, hidden]`.
    pub fn normed_input(&self, at: Sublayer, x: Tensor<2>) -> Tensor<2> {
        let block = &self.blocks[at.layer];
        match at.kind {
            SublayerKind::Attention => block.attention.norm.forward(x),
            SublayerKind::Mlp => block.mlp.norm.forward(x),
        }
    }

    /// The hidden state h: the residual stream after the final norm (and the head's repair), `[tokens, hidden]`.
    pub fn final_norm(&self, x: Tensor<2>) -> Tensor<2> {
        self.head_map.hidden(self.norm.forward(x))
    }

    /// The logits z = W h (and the head's repair), `[tokens, vocabulary]`.
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        self.head_map.logits(self.unrepaired_logits(hidden))
    }

    /// W h, `[tokens, vocabulary]`.
    pub fn unrepaired_logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        self.head.as_ref().unwrap_or(&self.embedding).forward(hidden)
    }

    /// The same decoder with a repair of its head.
    pub fn with_head_map(&self, head_map: HeadMap) -> Self {
        Self { head_map, ..self.clone() }
    }
}
