//! The decoder: embedding, a list of sublayers `x ← x + f(x)`, final norm, language-model head.

use burn::tensor::{Device, Tensor, TensorData};

#[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
use super::attention::TensorPositions;
use super::attention::{Attention, PositionTable, Positions};
use super::kv_cache::KeyValueCache;
use super::linear::{Linear, Storage};
use super::mlp::Mlp;
use super::norm::Norm;
use super::rope::Rope;
use prunescope_formats::config::DecoderConfig;
use prunescope_protocol::model::matrix::Matrix;
use prunescope_protocol::model::sublayer::{Sublayer, SublayerKind};

/// One block: two sublayers.
#[derive(Clone, Debug)]
pub struct Block {
    /// First sublayer.
    pub attention: Attention,
    /// Second sublayer.
    pub mlp: Mlp,
}

impl Block {
    /// One of the block's matrices, where its family has it.
    pub fn matrix(&self, matrix: Matrix) -> Option<&Linear> {
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
    pub fn set_matrix(&mut self, matrix: Matrix, weights: Linear) {
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
pub struct Decoder {
    /// Its shape.
    pub config: DecoderConfig,
    /// Token embedding, `[vocabulary, hidden]`; also the head where `head` is none.
    pub embedding: Linear,
    /// Learned positions, `[context, hidden]`, where the family has them.
    pub position_embedding: Option<Linear>,
    /// The blocks in order.
    pub blocks: Vec<Block>,
    /// The norm before the head.
    pub norm: Norm,
    /// Separate language-model head, `[vocabulary, hidden]`.
    pub head: Option<Linear>,
    /// How heads turn in layers that see the whole context; none where positions are learned.
    pub rope: Option<Rope>,
    /// The same in layers that see a window.
    pub window_rope: Option<Rope>,
    /// How the weights are held.
    pub storage: Storage,
    /// The device that computes.
    pub device: Device,
}

impl Decoder {
    /// Embeds token ids: the residual stream before the first sublayer, `[tokens, hidden]`.
    ///
    /// Ids must be below the vocabulary's size (the tokenizer guarantees it).
    ///
    /// * `start` — how many tokens come before these.
    pub fn embed(&self, ids: &[u32], start: usize) -> Tensor<2> {
        let mut x = self.embedding.weights.select(ids);
        if self.config.embedding_scale != 1.0 {
            x = x.mul_scalar(self.config.embedding_scale);
        }
        match &self.position_embedding {
            None => x,
            Some(positions) => {
                // The session keeps texts within the context.
                let last = self.config.context.saturating_sub(1);
                let places: Vec<u32> = (start..start + ids.len()).map(|place| place.min(last) as u32).collect();
                x.add(positions.weights.select(&places))
            }
        }
    }

    /// What the sublayers need to know about `tokens` tokens that follow `start` tokens already in the cache.
    pub fn positions(&self, start: usize, tokens: usize) -> Positions {
        Positions {
            whole: self.position_table(self.rope.as_ref(), None, start, tokens),
            windowed: self
                .config
                .window
                .map(|window| self.position_table(self.window_rope.as_ref(), Some(window), start, tokens)),
        }
    }

    // Kernels take their window from the heads.
    #[cfg_attr(all(feature = "gpu", target_arch = "wasm32"), allow(unused_variables))]
    fn position_table(&self, rope: Option<&Rope>, window: Option<usize>, start: usize, tokens: usize) -> PositionTable {
        let angles = || rope.map(|rope| rope.angles(start, tokens));
        match self.storage {
            Storage::Packed => PositionTable::Angles(angles().unwrap_or_default()),
            #[cfg(feature = "gpu")]
            Storage::Blocks => {
                // A pair that does not turn, where positions are learned: the kernels turn at least one.
                let [cos, sin] = angles().unwrap_or_else(|| [vec![1.0; tokens], vec![0.0; tokens]]);
                let half = cos.len() / tokens.max(1);
                let rows = cos.chunks(half).zip(sin.chunks(half)).flat_map(|(cos, sin)| [cos, sin].concat()).collect();
                let data = TensorData::new::<f32, _>(rows, [tokens, 2 * half]);
                PositionTable::Blocks(Box::new(Tensor::from_data(data, &self.device)))
            }
            #[cfg(not(all(feature = "gpu", target_arch = "wasm32")))]
            Storage::Tensors => {
                let context = start + tokens;
                let mask = (tokens > 1 || window.is_some_and(|window| context > window)).then(|| {
                    let sees = |row: usize, column: usize| {
                        column <= start + row && window.is_none_or(|window| column + window > start + row)
                    };
                    let values: Vec<f32> = (0..tokens)
                        .flat_map(|row| (0..context).map(move |column| if sees(row, column) { 0.0 } else { -1e9 }))
                        .collect();
                    Tensor::from_data(TensorData::new(values, [1, tokens, context]), &self.device)
                });
                let rotation = rope.map(|rope| rope.rotation(start, tokens, &self.device));
                PositionTable::Tensors(Box::new(TensorPositions { rotation, mask }))
            }
        }
    }

    /// Which place of the residual stream a sublayer reads: the one before it, but for the MLP of a block whose sublayers are
    /// parallel, which reads what the attention reads.
    pub fn reads(&self, at: Sublayer) -> usize {
        if self.config.parallel { Sublayer::attention(at.layer).index() } else { at.index() }
    }

    /// The residual stream after one sublayer: onto + f(x), `[rows, hidden]`.
    ///
    /// * `x` — the residual stream at the place that the sublayer [reads](Self::reads); `onto` — just before it.
    /// * `positions`, `caches` — as in [`Attention::forward`].
    pub fn sublayer(
        &self,
        at: Sublayer,
        x: Tensor<2>,
        onto: Tensor<2>,
        positions: &Positions,
        caches: &mut [&mut KeyValueCache],
    ) -> Tensor<2> {
        let block = &self.blocks[at.layer];
        match at.kind {
            SublayerKind::Attention => block.attention.forward(x, onto, at.layer, positions, caches),
            SublayerKind::Mlp => block.mlp.forward(x, onto),
        }
    }

    /// The hidden state h: the residual stream after the final norm, `[tokens, hidden]`.
    pub fn final_norm(&self, x: Tensor<2>) -> Tensor<2> {
        self.norm.forward(x)
    }

    /// The logits z = W h, `[tokens, vocabulary]`.
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        self.head.as_ref().unwrap_or(&self.embedding).apply(hidden)
    }
}
