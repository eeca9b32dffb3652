//! A value that is valid for one key.

/// The newest value, with what it was computed from. Whoever asks with another key finds nothing: so nothing is
/// invalidated by hand.
#[derive(Clone, Debug)]
pub(crate) struct Cached<K, V>(Option<(K, V)>);

impl<K, V> Default for Cached<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialEq, V> Cached<K, V> {
    /// The value of a key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.0.as_ref().filter(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Takes the value of a key out; one of another key goes.
    pub(crate) fn take(&mut self, key: &K) -> Option<V> {
        self.0.take().filter(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The value of a key; where that is not known, a fresh one in place of the old.
    pub(crate) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if self.get(&key).is_none() {
            self.0 = None;
        }
        &mut self.0.get_or_insert_with(|| (key, V::default())).1
    }

    /// Keeps a value.
    pub(crate) fn set(&mut self, key: K, value: V) {
        self.0 = Some((key, value));
    }

    /// Keeps nothing.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_key_alone() {
        let mut cached = Cached::default();
        cached.set(1, "one");
        assert_eq!((cached.get(&1), cached.get(&2)), (Some(&"one"), None));
        assert_eq!((cached.take(&2), cached.take(&1)), (None, None), "one of another key goes");
        let mut list: Cached<u8, Vec<u8>> = Cached::default();
        list.entry(1).push(5);
        list.entry(1).push(6);
        assert_eq!(list.get(&1), Some(&vec![5, 6]));
        assert!(list.entry(2).is_empty());
    }
}
