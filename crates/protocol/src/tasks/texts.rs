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

/// The names of the built-in texts, in their order. They are files of the site, `kinds/NAME.txt`.
pub const KINDS: [&str; 6] = ["prose", "dialogue", "code", "lists", "numbers", "german"];

/// The built-in texts, written for Prunescope: three windows of 512 tokens each, as the default model counts them. In the browser there are
/// none: the page gives them to its engine when they are asked for, since every visit would have to download them.
pub fn built_in() -> Vec<KindText> {
    #[cfg(not(target_arch = "wasm32"))]
    let texts = [
        include_str!("../../../../public/kinds/prose.txt"),
        include_str!("../../../../public/kinds/dialogue.txt"),
        include_str!("../../../../public/kinds/code.txt"),
        include_str!("../../../../public/kinds/lists.txt"),
        include_str!("../../../../public/kinds/numbers.txt"),
        include_str!("../../../../public/kinds/german.txt"),
    ];
    #[cfg(target_arch = "wasm32")]
    let texts: [&str; 0] = [];
    KINDS.into_iter().zip(texts).map(|(kind, text)| KindText::new(kind, text)).collect()
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
