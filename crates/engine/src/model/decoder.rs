//! The decoder: embedding, a list of sublayers `x ← x + f(x)`, final norm, language-model head.

use burn::tensor::Tensor;
use prunescope_protocol::model::{DecoderConfig, Matrix, Sublayer, SublayerKind};

use crate::compute::Compute;
use crate::compute::attention::{Attention, Positions};
use crate::compute::kv_cache::KeyValueCache;
use crate::compute::linear::Linear;
use crate::compute::mlp::Mlp;
use crate::compute::norm::Norm;
use crate::compute::rope::Rope;

/// One block: two sublayers.
#[derive(Clone, Debug)]
pub struct Block<C: Compute> {
    /// First sublayer.
    pub attention: Attention<C>,
    /// Second sublayer.
    pub mlp: Mlp<C>,
}

impl<C: Compute> Block<C> {
    /// One of the block's matrices, where its family has it.
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

    /// Puts another matrix of the same shape in its place.
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

/// A decoder of any family. Cloning is cheap: the weights are shared.
#[derive(Clone, Debug)]
pub struct Decoder<C: Compute> {
    /// Its shape.
    pub config: DecoderConfig,
    /// Token embedding, `[vocabulary, hidden]`; also the head where `head` is none.
    pub embedding: Linear<C>,
    /// Learned positions, `[context, hidden]`, where the family has them.
    pub position_embedding: Option<Linear<C>>,
    /// The blocks in order.
    pub blocks: Vec<Block<C>>,
    /// The norm before the head.
    pub norm: Norm<C>,
    /// Separate language-model head, `[vocabulary, hidden]`.
    pub head: Option<Linear<C>>,
    /// How heads turn in layers that see the whole context; none where positions are learned.
    pub rope: Option<Rope>,
    /// The same in layers that see a window.
    pub window_rope: Option<Rope>,
    /// Where it runs.
    pub compute: C,
}

impl<C: Compute> Decoder<C> {
    /// Embeds token ids: the residual stream before the first sublayer, `[tokens, hidden]`.
    ///
    /// Ids must be below the vocabulary's size (the tokenizer guarantees it).
    ///
    /// * `start` — how many tokens come before these.
    pub fn embed(&self, ids: &[u32], start: usize) -> Tensor<2> {
        let mut x = C::select(&self.embedding.weights, ids);
        if self.config.embedding_scale != 1.0 {
            x = x.mul_scalar(self.config.embedding_scale);
        }
        match &self.position_embedding {
            None => x,
            Some(positions) => {
                // The session keeps texts within the context.
                let last = self.config.context.saturating_sub(1);
                let places: Vec<u32> = (start..start + ids.len()).map(|place| place.min(last) as u32).collect();
                x.add(C::select(&positions.weights, &places))
            }
        }
    }

    /// What the sublayers need to know about `tokens` tokens that follow `start` tokens already in the cache.
    pub fn positions(&self, start: usize, tokens: usize) -> Positions<C> {
        let windowed = |window| self.compute.positions(self.window_rope.as_ref(), Some(window), start, tokens);
        Positions {
            whole: self.compute.positions(self.rope.as_ref(), None, start, tokens),
            windowed: self.config.window.map(windowed),
        }
    }

    /// Which place of the residual stream a sublayer reads: the one before it, but for the MLP of a block whose
    /// sublayers are parallel, which reads what the attention reads.
    pub fn residual_input(&self, at: Sublayer) -> usize {
        if self.config.parallel { Sublayer::attention(at.layer).index() } else { at.index() }
    }

    /// The residual stream after one sublayer: residual + f(x), `[rows, hidden]`.
    ///
    /// * `x` — the residual stream at the place that the sublayer [reads](Self::residual_input); `residual` — just
    ///   before it.
    /// * `positions`, `caches` — as in [`Attention::forward`].
    pub fn sublayer(
        &self,
        at: Sublayer,
        x: Tensor<2>,
        residual: Tensor<2>,
        positions: &Positions<C>,
        caches: &mut [&mut KeyValueCache<C>],
    ) -> Tensor<2> {
        let block = &self.blocks[at.layer];
        match at.kind {
            SublayerKind::Attention => block.attention.forward(x, residual, at.layer, positions, caches),
            SublayerKind::Mlp => block.mlp.forward(x, residual),
        }
    }

    /// The hidden state h: the residual stream after the final norm, `[tokens, hidden]`.
    pub fn final_norm(&self, x: Tensor<2>) -> Tensor<2> {
        self.norm.forward(x)
    }

    /// The logits z = W h, `[tokens, vocabulary]`.
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        self.head.as_ref().unwrap_or(&self.embedding).forward(hidden)
    }
}
