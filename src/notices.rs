//! Sentences about what was ignored or changed. The page shows each once, at most [`SHOWN`] at a time, until it is dismissed.

use prunescope_localization::tr;

/// Greatest number of sentences shown at once.
pub const SHOWN: usize = 10;

/// The sentences that were not dismissed, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices(Vec<String>);

impl Notices {
    /// Adds a sentence, unless it is already there.
    pub fn push(&mut self, sentence: String) {
        if !self.0.contains(&sentence) {
            self.0.push(sentence);
        }
    }

    /// Removes a shown sentence; the next one that was not shown takes its place.
    pub fn dismiss(&mut self, sentence: &str) {
        self.0.retain(|other| other != sentence);
    }

    /// Removes all sentences that are not shown.
    pub fn dismiss_rest(&mut self) {
        self.0.truncate(SHOWN);
    }

    /// The sentences to show.
    pub fn shown(&self) -> &[String] {
        &self.0[..self.0.len().min(SHOWN)]
    }

    /// A sentence with the number of sentences not shown; none if all are shown.
    pub fn rest(&self) -> Option<String> {
        match self.0.len().saturating_sub(SHOWN) {
            0 => None,
            more => Some(tr!(notices_rest, count = more)),
        }
    }
}

impl Extend<String> for Notices {
    fn extend<I: IntoIterator<Item = String>>(&mut self, sentences: I) {
        sentences.into_iter().for_each(|sentence| self.push(sentence));
    }
}

impl From<Vec<String>> for Notices {
    fn from(sentences: Vec<String>) -> Self {
        let mut notices = Self::default();
        notices.extend(sentences);
        notices
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rest_is_counted_and_moves_up() {
        let mut notices = Notices::from((0..12).map(|at| at.to_string()).collect::<Vec<_>>());
        assert_eq!((notices.shown().len(), notices.rest().as_deref()), (10, Some("2 more notices are not shown.")));
        notices.dismiss("3");
        assert_eq!(
            (notices.shown()[9].as_str(), notices.rest().as_deref()),
            ("10", Some("One more notice is not shown."))
        );
        notices.dismiss_rest();
        assert_eq!((notices.shown().len(), notices.rest()), (10, None));
    }

    proptest! {
        #[test]
        fn each_once_and_few_at_a_time(sentences in proptest::collection::vec("[a-e]{1,2}", 0..60)) {
            let notices = Notices::from(sentences.clone());
            let mut shown = notices.shown().to_vec();
            prop_assert!(shown.len() <= SHOWN);
            shown.sort();
            shown.dedup();
            prop_assert_eq!(shown.len(), notices.shown().len());
            let different: std::collections::BTreeSet<_> = sentences.into_iter().collect();
            prop_assert_eq!(notices.rest().is_some(), different.len() > SHOWN);
        }
    }
}
