//! Parts of a sweep that several programs measure, each on a machine of its own.

use std::collections::BTreeSet;
use std::str::FromStr;

use thiserror::Error;

/// Which points of a sweep a program measures: every `count`-th, without those that are known already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
    known: BTreeSet<usize>,
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 0, count: 1, known: BTreeSet::new() }
    }
}

/// A shard is not written as I/N.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("a shard is written I/N, such as 1/4 for the first of four")]
pub struct ShardError;

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (index, count) = text.split_once('/').ok_or(ShardError)?;
        let [index, count] = [index, count].map(|number| number.parse::<usize>().ok());
        match (index, count) {
            (Some(index), Some(count)) if (1..=count).contains(&index) => {
                Ok(Self { index: index - 1, count, known: BTreeSet::new() })
            }
            _ => Err(ShardError),
        }
    }
}

impl Shard {
    /// The same without points that are known already.
    ///
    /// * `known`: their places in the sweep's order, counted from 0.
    #[must_use]
    pub fn without(self, known: impl IntoIterator<Item = usize>) -> Self {
        Self { known: known.into_iter().collect(), ..self }
    }

    /// Whether the point at a place, counted from 0, is measured.
    pub fn takes(&self, place: usize) -> bool {
        place % self.count == self.index && !self.known.contains(&place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_shard_is_refused() {
        for text in ["", "1", "0/4", "5/4", "1/0", "-1/2", "a/b", "1/2/3"] {
            assert_eq!(text.parse::<Shard>(), Err(ShardError), "{text}");
        }
        let resumed = "2/3".parse::<Shard>().unwrap().without([4]);
        assert_eq!((0..9).filter(|place| resumed.takes(*place)).collect::<Vec<_>>(), [1, 7]);
    }

    proptest! {
        #[test]
        fn each_point_is_in_one_shard(count in 1usize..20, place in 0usize..200) {
            let takes = |index: &usize| format!("{index}/{count}").parse::<Shard>().unwrap().takes(place);
            prop_assert_eq!((1..=count).filter(takes).count(), 1);
            prop_assert!(Shard::default().takes(place));
        }
    }
}
