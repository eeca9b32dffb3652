//! Everyday questions whose answers, written by the dense model itself, are calibration text for repairs.
//!
//! A pruned chat model is repaired best on the kind of text that it is to write; the dense model writes that text
//! itself (self-distillation), so nobody has to supply it.

use serde::{Deserialize, Serialize};

/// The questions, written for this project. None of them is an item of a built-in task set.
pub const QUESTIONS: [&str; 32] = [
    "Tell me about the sea.",
    "What is photosynthesis?",
    "Give me three tips for sleeping well.",
    "Who was Napoleon?",
    "How do I boil an egg?",
    "What is gravity?",
    "Name two animals that live in the desert.",
    "What is the capital of Finland?",
    "Describe a forest in autumn.",
    "What is 3 plus 5?",
    "Write a sentence about dogs.",
    "Which month comes after October?",
    "Why do people read books?",
    "What is the color of an emerald?",
    "How can I learn to play the guitar?",
    "What is bread made of?",
    "Copy this line: The train leaves at nine.",
    "How many strings does a violin have?",
    "Who painted the Mona Lisa?",
    "What is the opposite of slow?",
    "Name the five senses.",
    "What is 7 plus 2? Give only the number.",
    "Which animal gives us wool?",
    "What is the capital of Norway?",
    "Spell the word sun letter by letter.",
    "What is the plural of flower?",
    "Count from ten down to six.",
    "Is ice hot or cold?",
    "Which ocean lies between Europe and America?",
    "Say this again: My brother plays the drums.",
    "What do cows eat?",
    "Write a short greeting to a friend.",
];

/// A question with the answer of the dense model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnAnswer {
    /// The question.
    pub question: String,
    /// The answer, greedy, through the model's chat template.
    pub answer: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{GenerativeSet, choice, retrieval};

    #[test]
    fn no_question_is_an_item_that_models_are_judged_by() {
        let plain = |text: &str| text.trim_end_matches(['?', '.']).to_lowercase();
        let judged: Vec<String> = GenerativeSet::ALL
            .into_iter()
            .flat_map(GenerativeSet::tasks)
            .map(|task| task.prompt)
            .chain(choice::built_in().into_iter().map(|question| question.question))
            .chain(retrieval::built_in().queries.into_iter().map(|(query, _)| query))
            .map(|text| plain(&text))
            .collect();
        let own: std::collections::BTreeSet<String> = QUESTIONS.iter().map(|question| plain(question)).collect();
        assert_eq!(own.len(), QUESTIONS.len(), "no question is asked twice");
        let both: Vec<_> = own.iter().filter(|question| judged.contains(question)).collect();
        assert!(both.is_empty(), "{both:?}");
    }
}
