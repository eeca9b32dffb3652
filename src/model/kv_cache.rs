//! Keys and values of the tokens read so far.

use burn::tensor::Tensor;

/// For each layer the keys and values of all tokens read, `[key_value_heads, tokens, head_dim]`.
///
/// It only appends. A clone is cheap (tensors are shared), so a cache can be forked at any point.
#[derive(Clone, Debug)]
pub struct KeyValueCache {
    layers: Vec<Option<(Tensor<3>, Tensor<3>)>>,
}

impl KeyValueCache {
    /// An empty cache for so many layers.
    pub fn new(layers: usize) -> Self {
        Self { layers: vec![None; layers] }
    }

    /// Appends one layer's keys and values and returns all of that layer.
    pub fn append(&mut self, layer: usize, keys: Tensor<3>, values: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let all = match self.layers[layer].take() {
            None => (keys, values),
            Some((k, v)) => (Tensor::cat(vec![k, keys], 1), Tensor::cat(vec![v, values], 1)),
        };
        self.layers[layer] = Some(all.clone());
        all
    }

    /// A new cache that shares the first `layers` layers with this one and has the others empty.
    pub fn fork_below(&self, layers: usize) -> Self {
        let mut fork = self.clone();
        fork.layers.iter_mut().skip(layers).for_each(|layer| *layer = None);
        fork
    }
}
