//! The KV cache.

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
