//! Keys and values of the tokens read so far.

use crate::compute::{Compute, LayerCache};

/// For each layer the keys and values of all tokens read.
///
/// A clone is cheap (layers are shared until one side appends), so a cache can be forked at any point.
#[derive(Clone, Debug)]
pub struct KeyValueCache<C: Compute> {
    layers: Vec<C::LayerCache>,
}

impl<C: Compute> KeyValueCache<C> {
    /// An empty cache for so many layers.
    pub fn new(layers: usize) -> Self {
        Self { layers: vec![C::LayerCache::default(); layers] }
    }

    /// One layer's.
    pub(super) fn layer(&mut self, layer: usize) -> &mut C::LayerCache {
        &mut self.layers[layer]
    }

    /// Appends what another cache has of one position, in its first `layers` layers.
    pub fn append_from(&mut self, other: &Self, layers: usize, position: usize) {
        for (ours, theirs) in self.layers.iter_mut().zip(&other.layers).take(layers) {
            ours.append_from(theirs, position);
        }
    }

    /// Forgets all but the first `tokens` tokens, such as those of a pass that was stopped.
    pub fn truncate(&mut self, tokens: usize) {
        self.layers.iter_mut().for_each(|layer| layer.truncate(tokens));
    }

    /// A new cache that shares the first `layers` layers with this one and has the others empty.
    pub fn fork_below(&self, layers: usize) -> Self {
        let mut fork = self.clone();
        fork.layers.iter_mut().skip(layers).for_each(|layer| *layer = C::LayerCache::default());
        fork
    }
}
