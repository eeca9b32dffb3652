//! Keys and values of the tokens read so far.

use std::sync::Arc;

use burn::tensor::Tensor;

/// For each layer the keys and values of all tokens read.
///
/// A clone is cheap (layers are shared until one side appends), so a cache can be forked at any point.
#[derive(Clone, Debug)]
pub struct KeyValueCache {
    layers: Vec<Layer>,
}

/// One layer's keys and values.
#[derive(Clone, Debug)]
enum Layer {
    Empty,
    /// On a device, each `[key_value_heads, tokens, head_dim]`, or `[1, tokens, key_value_heads · head_dim]` for the kernels of
    /// a GPU.
    Tensors(Box<[Tensor<3>; 2]>),
    /// On the host.
    Rows(Arc<Rows>),
}

/// Keys and values on the host, each `[tokens, key_value_heads · head_dim]`.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Rotated keys.
    pub keys: Vec<f32>,
    /// Values.
    pub values: Vec<f32>,
    /// Numbers in one row.
    width: usize,
}

impl KeyValueCache {
    /// An empty cache for so many layers.
    pub fn new(layers: usize) -> Self {
        Self { layers: vec![Layer::Empty; layers] }
    }

    /// Appends one layer's keys and values and returns all of that layer.
    pub fn append(&mut self, layer: usize, keys: Tensor<3>, values: Tensor<3>) -> [Tensor<3>; 2] {
        let all = match std::mem::replace(&mut self.layers[layer], Layer::Empty) {
            Layer::Tensors(known) => {
                let [k, v] = *known;
                [Tensor::cat(vec![k, keys], 1), Tensor::cat(vec![v, values], 1)]
            }
            _ => [keys, values],
        };
        self.layers[layer] = Layer::Tensors(Box::new(all.clone()));
        all
    }

    /// Appends one layer's keys, not yet turned, and values, each `[tokens, key_value_heads · head_dim]`, by the kernels of a GPU,
    /// and returns all of that layer.
    ///
    /// * `angles` — cosines, then sines, of each pair that turns, `[tokens, dimensions]`.
    #[cfg(feature = "gpu")]
    pub fn append_turned(
        &mut self,
        layer: usize,
        keys: Tensor<2>,
        values: Tensor<2>,
        angles: Tensor<2>,
        head_dim: usize,
    ) -> [Tensor<2>; 2] {
        let known = match std::mem::replace(&mut self.layers[layer], Layer::Empty) {
            Layer::Tensors(known) => Some(known.map(|x| x.squeeze_dim(0))),
            _ => None,
        };
        let all = prunescope_gpu::ops::append(known, [keys, values], angles, head_dim);
        self.layers[layer] = Layer::Tensors(Box::new(all.clone().map(|x| x.unsqueeze_dim(0))));
        all
    }

    /// Appends rows of one layer's keys and values, each `width` numbers, and returns all of that layer.
    pub fn append_rows(&mut self, layer: usize, keys: &[f32], values: &[f32], width: usize) -> &Rows {
        let place = &mut self.layers[layer];
        if !matches!(place, Layer::Rows(_)) {
            *place = Layer::Rows(Arc::default());
        }
        let Layer::Rows(shared) = place else { unreachable!("it was just put there") };
        let rows = Arc::make_mut(shared);
        rows.width = width;
        rows.keys.extend_from_slice(keys);
        rows.values.extend_from_slice(values);
        rows
    }

    /// Appends what another cache has of one position, in its first `layers` layers.
    pub fn append_from(&mut self, other: &Self, layers: usize, position: usize) {
        for (layer, theirs) in other.layers.iter().enumerate().take(layers) {
            match theirs {
                Layer::Empty => {}
                Layer::Tensors(known) => {
                    let [keys, values] = known.each_ref().map(|x| x.clone().narrow(1, position, 1));
                    self.append(layer, keys, values);
                }
                Layer::Rows(rows) => {
                    let span = position * rows.width..(position + 1) * rows.width;
                    self.append_rows(layer, &rows.keys[span.clone()], &rows.values[span], rows.width);
                }
            }
        }
    }

    /// Forgets all but the first `tokens` tokens, such as those of a pass that was stopped.
    pub fn truncate(&mut self, tokens: usize) {
        for layer in &mut self.layers {
            match layer {
                Layer::Empty => {}
                Layer::Tensors(known) => {
                    let [_, have, _] = known[0].dims();
                    if tokens == 0 {
                        *layer = Layer::Empty;
                    } else if tokens < have {
                        let first = known.each_ref().map(|x| x.clone().narrow(1, 0, tokens));
                        *layer = Layer::Tensors(Box::new(first));
                    }
                }
                Layer::Rows(shared) => {
                    let numbers = tokens * shared.width;
                    if numbers < shared.keys.len() {
                        let rows = Arc::make_mut(shared);
                        rows.keys.truncate(numbers);
                        rows.values.truncate(numbers);
                    }
                }
            }
        }
    }

    /// A new cache that shares the first `layers` layers with this one and has the others empty.
    pub fn fork_below(&self, layers: usize) -> Self {
        let mut fork = self.clone();
        fork.layers.iter_mut().skip(layers).for_each(|layer| *layer = Layer::Empty);
        fork
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_does_not_change_what_it_came_from() {
        let mut cache = KeyValueCache::new(1);
        cache.append_rows(0, &[1.0, 2.0], &[3.0, 4.0], 2);
        let mut fork = cache.clone();
        assert_eq!(fork.append_rows(0, &[5.0, 6.0], &[7.0, 8.0], 2).keys, [1.0, 2.0, 5.0, 6.0]);
        fork.truncate(1);
        assert_eq!(fork.append_rows(0, &[9.0, 9.0], &[9.0, 9.0], 2).values, [3.0, 4.0, 9.0, 9.0]);
        assert_eq!(cache.append_rows(0, &[], &[], 2).keys, [1.0, 2.0]);
        cache.append_from(&fork, 1, 1);
        assert_eq!(cache.append_rows(0, &[], &[], 2).keys, [1.0, 2.0, 9.0, 9.0]);
    }
}
