//! Texts of several kinds, on which a pruned model is compared with the dense one; nothing is fitted to them.

use serde::{Deserialize, Serialize};

/// A text of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindText {
    /// The name of the kind, or of the visitor's file.
    pub kind: String,
    /// The text.
    pub text: String,
}

impl KindText {
    /// A text under its kind's name.
    pub fn new(kind: &str, text: &str) -> Self {
        Self { kind: kind.into(), text: text.into() }
    }
}

/// The built-in texts, written for Prunescope: three windows of 512 tokens each, as the default model counts them.
pub fn built_in() -> Vec<KindText> {
    [
        ("prose", include_str!("../../../../public/sets/texts/prose.txt")),
        ("dialogue", include_str!("../../../../public/sets/texts/dialogue.txt")),
        ("code", include_str!("../../../../public/sets/texts/code.txt")),
        ("lists", include_str!("../../../../public/sets/texts/lists.txt")),
        ("numbers", include_str!("../../../../public/sets/texts/numbers.txt")),
        ("german", include_str!("../../../../public/sets/texts/german.txt")),
    ]
    .map(|(kind, text)| KindText::new(kind, text))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_texts_are_texts() {
        for KindText { kind, text } in built_in() {
            assert!(
                text.len() > 1500 && text.ends_with('\n') && !text.contains('\r') && !text.contains(" \n"),
                "{kind}"
            );
        }
    }
}
