//! The KV cache.

use burn::tensor::Tensor;

use crate::compute::{Compute, LayerCache};

/// Keys and values of all processed tokens, by layer.
///
/// Clones share layers until one of them is modified, so forking a cache is cheap.
#[derive(Clone, Debug)]
pub struct KeyValueCache<C: Compute> {
    layers: Vec<C::LayerCache>,
}

impl<C: Compute> KeyValueCache<C> {
    /// An empty cache for `layers` layers.
    pub fn new(layers: usize) -> Self {
        Self { layers: vec![C::LayerCache::default(); layers] }
    }

    /// The cache of one layer.
    pub(super) fn layer(&mut self, layer: usize) -> &mut C::LayerCache {
        &mut self.layers[layer]
    }

    /// Appends one position of another cache, in the first `layers` layers only.
    pub fn append_from(&mut self, other: &Self, layers: usize, position: usize) {
        for (ours, theirs) in self.layers.iter_mut().zip(&other.layers).take(layers) {
            ours.append_from(theirs, position);
        }
    }

    /// Keeps only the first `tokens` tokens, for example to undo a stopped pass.
    pub fn truncate(&mut self, tokens: usize) {
        self.layers.iter_mut().for_each(|layer| layer.truncate(tokens));
    }

    /// A copy that shares the first `layers` layers and has the others empty.
    pub fn fork_below(&self, layers: usize) -> Self {
        let mut fork = self.clone();
        fork.layers.iter_mut().skip(layers).for_each(|layer| *layer = C::LayerCache::default());
        fork
    }
}

/// Cache of one layer in tensors: keys (after RoPE) and values, whose tokens lie along dimension `TOKENS`; `None` if
/// empty.
#[derive(Clone, Debug, Default)]
pub struct TensorLayerCache<const D: usize, const TOKENS: usize>(pub(super) Option<[Tensor<D>; 2]>);

impl<const D: usize, const TOKENS: usize> TensorLayerCache<D, TOKENS> {
    /// Appends keys and values of some tokens; returns those of all tokens.
    pub(super) fn append(&mut self, keys: Tensor<D>, values: Tensor<D>) -> [Tensor<D>; 2] {
        let all = match self.0.take() {
            Some([k, v]) => [Tensor::cat(vec![k, keys], TOKENS), Tensor::cat(vec![v, values], TOKENS)],
            None => [keys, values],
        };
        self.0 = Some(all.clone());
        all
    }
}

impl<const D: usize, const TOKENS: usize> LayerCache for TensorLayerCache<D, TOKENS> {
    fn append_from(&mut self, other: &Self, position: usize) {
        if let Some(theirs) = &other.0 {
            let [keys, values] = theirs.each_ref().map(|x| x.clone().narrow(TOKENS, position, 1));
            self.append(keys, values);
        }
    }

    fn truncate(&mut self, tokens: usize) {
        let Some([keys, _]) = &self.0 else { return };
        if tokens == 0 {
            self.0 = None;
        } else if tokens < keys.dims()[TOKENS] {
            self.0 = self.0.take().map(|all| all.map(|x| x.narrow(TOKENS, 0, tokens)));
        }
    }
}
