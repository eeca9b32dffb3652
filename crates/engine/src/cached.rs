//! A cache of one entry.

/// A cache of one value with the key it was computed from. A lookup by another key finds nothing, so a stale value is
/// never returned and nothing is invalidated by hand.
#[derive(Clone, Debug)]
pub(crate) struct Cached<K, V>(Option<(K, V)>);

impl<K, V> Default for Cached<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialEq, V> Cached<K, V> {
    /// The value, if it is cached for this key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.0.as_ref().filter(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Removes and returns the value, if it is cached for this key. A value of another key is dropped.
    pub(crate) fn take(&mut self, key: &K) -> Option<V> {
        self.0.take().filter(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The value of this key; if another key is cached, its value is replaced by a default one.
    pub(crate) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if self.get(&key).is_none() {
            self.0 = None;
        }
        &mut self.0.get_or_insert_with(|| (key, V::default())).1
    }

    /// Stores a value in place of the old one.
    pub(crate) fn set(&mut self, key: K, value: V) {
        self.0 = Some((key, value));
    }

    /// Empties the cache.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

/// A cache of the values that were last stored, with the keys they were computed from.
#[derive(Clone, Debug)]
pub(crate) struct Recent<K, V> {
    /// The latest last.
    entries: Vec<(K, V)>,
    limit: usize,
}

impl<K: PartialEq, V> Recent<K, V> {
    /// An empty cache of at most `limit` values.
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: vec![], limit }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Removes and returns the value of a key.
    pub(crate) fn take(&mut self, key: &K) -> Option<V> {
        let at = self.entries.iter().position(|(known, _)| known == key)?;
        Some(self.entries.remove(at).1)
    }

    /// Stores a value; the oldest goes where there are too many.
    pub(crate) fn set(&mut self, key: K, value: V) {
        self.take(&key);
        self.entries.push((key, value));
        if self.entries.len() > self.limit {
            self.entries.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_value_goes() {
        let mut recent = Recent::new(2);
        for (key, value) in [(1, "one"), (2, "two"), (1, "one again"), (3, "three")] {
            recent.set(key, value);
        }
        assert_eq!((recent.get(&1), recent.get(&2)), (Some(&"one again"), None));
        assert_eq!((recent.take(&2), recent.take(&1), recent.take(&1)), (None, Some("one again"), None));
        assert_eq!(recent.take(&3), Some("three"));
    }

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
