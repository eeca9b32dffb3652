//! The decoder: embedding, a list of sublayers `x ← x + f(x)`, final norm, language-model head.

use burn::tensor::{Device, Tensor, TensorData};

use super::attention::{Attention, Positions, TensorPositions};
use super::config::DecoderConfig;
use super::kv_cache::KeyValueCache;
use super::linear::{Linear, Storage};
use super::matrix::Matrix;
use super::mlp::Mlp;
use super::norm::RmsNorm;
use super::rope::Rope;
use super::sublayer::{Sublayer, SublayerKind};

/// One block: two sublayers.
#[derive(Clone, Debug)]
pub struct Block {
    /// First sublayer.
    pub attention: Attention,
    /// Second sublayer.
    pub mlp: Mlp,
}

impl Block {
    /// One of the block's matrices.
    pub fn matrix(&self, matrix: Matrix) -> &Linear {
        match matrix {
            Matrix::Query => &self.attention.query,
            Matrix::Key => &self.attention.key,
            Matrix::Value => &self.attention.value,
            Matrix::Output => &self.attention.output,
            Matrix::Gate => &self.mlp.gate,
            Matrix::Up => &self.mlp.up,
            Matrix::Down => &self.mlp.down,
        }
    }

    /// Puts another matrix of the same shape in its place.
    pub fn set_matrix(&mut self, matrix: Matrix, weights: Linear) {
        let place = match matrix {
            Matrix::Query => &mut self.attention.query,
            Matrix::Key => &mut self.attention.key,
            Matrix::Value => &mut self.attention.value,
            Matrix::Output => &mut self.attention.output,
            Matrix::Gate => &mut self.mlp.gate,
            Matrix::Up => &mut self.mlp.up,
            Matrix::Down => &mut self.mlp.down,
        };
        *place = weights;
    }
}

/// A llama-family decoder. Cloning is cheap: the weights are shared.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Its shape.
    pub config: DecoderConfig,
    /// Token embedding, `[vocabulary, hidden]`; also the head where `head` is none.
    pub embedding: Linear,
    /// The blocks in order.
    pub blocks: Vec<Block>,
    /// The norm before the head.
    pub norm: RmsNorm,
    /// Separate language-model head, `[vocabulary, hidden]`.
    pub head: Option<Linear>,
    /// Rotary tables.
    pub rope: Rope,
    /// How the weights are held.
    pub storage: Storage,
    /// The device that computes.
    pub device: Device,
}

impl Decoder {
    /// Embeds token ids: the residual stream before the first sublayer, `[tokens, hidden]`.
    ///
    /// Ids must be below the vocabulary's size (the tokenizer guarantees it).
    pub fn embed(&self, ids: &[u32]) -> Tensor<2> {
        self.embedding.select(ids)
    }

    /// What the sublayers need to know about `tokens` tokens that follow `start` tokens already in the cache.
    pub fn positions(&self, start: usize, tokens: usize) -> Positions {
        if self.storage == Storage::Packed {
            return Positions::Angles(self.rope.angles(start, tokens));
        }
        #[cfg(feature = "gpu")]
        if self.storage == Storage::Blocks {
            let [cos, sin] = self.rope.angles(start, tokens);
            let half = cos.len() / tokens.max(1);
            let rows = cos.chunks(half).zip(sin.chunks(half)).flat_map(|(cos, sin)| [cos, sin].concat()).collect();
            let data = TensorData::new::<f32, _>(rows, [tokens, 2 * half]);
            return Positions::Blocks(Box::new(Tensor::from_data(data, &self.device)));
        }
        let mask = (tokens > 1).then(|| {
            let context = start + tokens;
            let values: Vec<f32> = (0..tokens)
                .flat_map(|row| (0..context).map(move |column| if column <= start + row { 0.0 } else { -1e9 }))
                .collect();
            Tensor::from_data(TensorData::new(values, [1, tokens, context]), &self.device)
        });
        Positions::Tensors(Box::new(TensorPositions { rotation: self.rope.rotation(start, tokens), mask }))
    }

    /// f(x) of one sublayer on the residual stream `x`, `[tokens, hidden]`.
    pub fn sublayer(&self, at: Sublayer, x: Tensor<2>, positions: &Positions, cache: &mut KeyValueCache) -> Tensor<2> {
        let block = &self.blocks[at.layer];
        match at.kind {
            SublayerKind::Attention => block.attention.forward(x, at.layer, &self.rope, positions, cache),
            SublayerKind::Mlp => block.mlp.forward(x),
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
