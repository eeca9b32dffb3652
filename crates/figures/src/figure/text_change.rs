//! What became of the text that a pruned model writes, judged by the dense model.

use prunescope_localization::tr;
use prunescope_protocol::results::{GenerationStep, Quality, TextQuality, TokenText};

use super::visible;

/// Share of a text's 3-grams that repeat, above the dense text's, from which on the text counts as collapsed.
const COLLAPSED_REPEATS: f32 = 0.25;
/// The same for the dense model's mean loss, in nats above that of its own text. Measured on the default model: fluent texts of mildly
/// pruned models are at 0.2 to 0.6, babble (four MLPs dropped) at 1.5 to 3.
const COLLAPSED_LOSS: f32 = 1.5;

/// Most nats a token by which the dense model's mean loss on the pruned text may exceed that on its own, if the text is called reworded.
/// Measured on the default model, 8 plans × 24 questions, 24 tokens: by the dense model's losses alone 18 of the 35 other texts that hold the
/// answer are called reworded, and 7 of the 72 that do not.
const REWORDED_LOSS: f32 = 0.35;
/// Loss of one token, in nats, from which on the dense model would hardly write it (a probability of 1 %), so that a text with it is not
/// called reworded.
const UNLIKELY: f32 = 4.6;

/// What became of the pruned text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextChange {
    /// It is the dense model's text.
    Same,
    /// Other words, with which the dense model is as content as with its own, or which hold the known answer.
    Reworded,
    /// A text that the dense model would hardly write, or without the known answer.
    Wrong,
    /// It has collapsed.
    Babble,
}

impl TextChange {
    /// What became of the pruned text.
    ///
    /// * `divergence` — the first step at which the texts differ.
    pub fn of(quality: &Quality, divergence: Option<usize>) -> Self {
        let Quality { dense, pruned } = quality;
        if divergence.is_none() {
            return Self::Same;
        }
        if collapsed(quality).is_some() {
            return Self::Babble;
        }
        match (dense.answered, pruned.answered) {
            (Some(true), Some(true)) => Self::Reworded,
            (Some(true), Some(false)) => Self::Wrong,
            _ if is_as_likely(dense, pruned) => Self::Reworded,
            _ => Self::Wrong,
        }
    }
}

/// Whether the dense model is as content with the pruned text as with its own.
fn is_as_likely(dense: &TextQuality, pruned: &TextQuality) -> bool {
    let (Some(own), Some(other)) = (dense.dense_loss, pruned.dense_loss) else { return false };
    let worst = |text: &TextQuality| text.dense_losses.iter().copied().fold(0.0, f32::max);
    other - own <= REWORDED_LOSS && worst(pruned) <= worst(dense).max(UNLIKELY)
}

/// The headline on the pruned text: its first word says what became of it.
///
/// * `steps` — both texts.
/// * `divergence` — the first step at which they differ.
pub fn headline(quality: &Quality, steps: &[GenerationStep], divergence: Option<usize>) -> String {
    let change = TextChange::of(quality, divergence);
    let parts = divergence.map(|step| parting(steps, step)).unwrap_or_default();
    let Quality { dense, pruned } = quality;
    match change {
        TextChange::Same => tr!(figure_text_change_same),
        TextChange::Reworded if pruned.answered == Some(true) => tr!(figure_text_change_answered, parting = parts),
        TextChange::Reworded => tr!(figure_text_change_reworded, parting = parts),
        TextChange::Wrong if dense.answered == Some(true) && pruned.answered == Some(false) => {
            tr!(figure_text_change_wrong, parting = parts)
        }
        TextChange::Wrong => tr!(figure_text_change_off_course, parting = parts),
        TextChange::Babble => tr!(figure_text_change_babble, parting = parts),
    }
}

/// What became of the repaired text, after [`headline`]; its first words say whose text it is.
pub fn repaired_headline(quality: &Quality, divergence: Option<usize>) -> String {
    match TextChange::of(quality, divergence) {
        TextChange::Same => tr!(figure_text_change_repaired_same),
        TextChange::Reworded if quality.pruned.answered == Some(true) => tr!(figure_text_change_repaired_answered),
        TextChange::Reworded => tr!(figure_text_change_repaired_reworded),
        TextChange::Wrong => tr!(figure_text_change_repaired_off_course),
        TextChange::Babble => tr!(figure_text_change_repaired_babble),
    }
}

/// Where the texts part, and with which words.
pub fn parting(steps: &[GenerationStep], step: usize) -> String {
    let token = step + 1;
    let (dense, pruned) = steps.get(step).map_or((None, None), |step| (step.dense.as_ref(), step.pruned.as_ref()));
    match (pruned.map(word), dense.map(word)) {
        (None, None) => tr!(figure_text_change_parting, token = token),
        (Some(Some(pruned)), Some(Some(dense))) => {
            tr!(figure_text_change_word_for_word, token = token, pruned = pruned, dense = dense)
        }
        (Some(Some(pruned)), Some(None) | None) => {
            tr!(figure_text_change_word_for_end, token = token, pruned = pruned)
        }
        (Some(None), Some(Some(dense))) => tr!(figure_text_change_end_for_word, token = token, dense = dense),
        (Some(None), Some(None) | None) => tr!(figure_text_change_end_for_end, token = token),
        (None, Some(Some(dense))) => tr!(figure_text_change_nothing_for_word, token = token, dense = dense),
        (None, Some(None)) => tr!(figure_text_change_nothing_for_end, token = token),
    }
}

/// A token's text for a sentence; `None` for one that ends the text.
fn word(token: &TokenText) -> Option<String> {
    match token.text.trim() {
        _ if token.text.starts_with("<|") => None,
        "" => Some(visible(&token.text)),
        text => Some(text.into()),
    }
}

/// That the pruned text has collapsed, as a sentence with the numbers; `None` if it has not.
///
/// A text counts as collapsed if it repeats itself much more than the dense model's, or if the dense model is much more
/// surprised by it than by its own.
pub fn collapsed(quality: &Quality) -> Option<String> {
    let (dense, pruned) = (&quality.dense, &quality.pruned);
    let repeats = pruned.repeated_3 - dense.repeated_3 >= COLLAPSED_REPEATS;
    let losses = dense.dense_loss.zip(pruned.dense_loss).filter(|(dense, pruned)| pruned - dense >= COLLAPSED_LOSS);
    let percent = |share: f32| format!("{:.0}", 100.0 * share);
    let (runs, dense_runs) = (percent(pruned.repeated_3), percent(dense.repeated_3));
    let losses = losses.map(|(dense, pruned)| (format!("{dense:.1}"), format!("{pruned:.1}")));
    match (repeats, losses) {
        (true, Some((dense_loss, loss))) => Some(tr!(
            figure_text_change_collapsed_both,
            runs = runs,
            dense_runs = dense_runs,
            loss = loss,
            dense_loss = dense_loss,
        )),
        (true, None) => Some(tr!(figure_text_change_collapsed_repeats, runs = runs, dense_runs = dense_runs)),
        (false, Some((dense_loss, loss))) => {
            Some(tr!(figure_text_change_collapsed_surprises, loss = loss, dense_loss = dense_loss))
        }
        (false, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(repeated_3: f32, loss: f32) -> TextQuality {
        TextQuality {
            distinct_2: 1.0 - repeated_3,
            repeated_3,
            dense_loss: Some(loss),
            dense_losses: vec![loss; 2],
            ..TextQuality::default()
        }
    }

    fn of(pruned: TextQuality) -> Quality {
        Quality { dense: text(0.1, 0.5), pruned }
    }

    #[test]
    fn a_text_collapses_by_repeats_or_by_surprise() {
        assert_eq!(collapsed(&of(text(0.1, 0.5))), None);
        assert_eq!(collapsed(&of(text(0.3, 1.75))), None, "another text, but no collapse");
        let looping = collapsed(&of(text(0.6, 1.0))).unwrap();
        assert_eq!(looping, "The text has collapsed: 60 % of its runs of three tokens repeat (dense 10 %).");
        let babble = collapsed(&of(text(0.0, 6.0))).unwrap();
        assert!(babble.contains("by 6.0 nats a token (its own text by 0.5)") && !babble.contains("repeat"), "{babble}");
        assert!(collapsed(&of(text(0.6, 6.0))).unwrap().contains("(dense 10 %), and it surprises"));
        let unknown = Quality { dense: text(0.1, 0.5), pruned: TextQuality { dense_loss: None, ..text(0.0, 9.0) } };
        assert_eq!(collapsed(&unknown), None);
    }

    #[test]
    fn the_dense_model_and_the_answer_judge_the_text() {
        let change = |pruned: TextQuality| TextChange::of(&of(pruned), Some(3));
        assert_eq!(TextChange::of(&of(text(0.1, 0.5)), None), TextChange::Same);
        assert_eq!(change(text(0.1, 0.75)), TextChange::Reworded);
        assert_eq!(change(text(0.1, 1.0)), TextChange::Wrong);
        assert_eq!(change(text(0.9, 0.5)), TextChange::Babble);
        // One word that the dense model would hardly write.
        let unlikely = TextQuality { dense_losses: vec![0.0, 7.0], ..text(0.1, 0.5) };
        assert_eq!(change(unlikely), TextChange::Wrong);
        assert_eq!(
            change(TextQuality { dense_loss: None, ..text(0.1, 0.0) }),
            TextChange::Wrong,
            "not known to be content"
        );
        // A known answer decides, unless the text collapses or the dense model has no answer either.
        let answered = |has: bool, loss: f32| TextQuality { answered: Some(has), ..text(0.1, loss) };
        let with = |dense: bool, pruned| TextChange::of(&Quality { dense: answered(dense, 0.5), pruned }, Some(3));
        assert_eq!(with(true, answered(true, 1.5)), TextChange::Reworded);
        assert_eq!(with(true, answered(false, 0.5)), TextChange::Wrong);
        assert_eq!(with(true, answered(true, 9.0)), TextChange::Babble);
        assert_eq!(with(false, answered(false, 0.5)), TextChange::Reworded);
    }

    #[test]
    fn a_headline_says_what_where_and_with_which_words() {
        let token = |text: &str| Some(TokenText { id: 0, text: text.into() });
        let step = |step, dense, pruned| GenerationStep { step, dense, pruned, compared: None };
        let steps = [
            step(0, token("The"), token("The")),
            step(1, token(" cold"), token(" hot")),
            step(2, token("<|im_end|>"), token("\n")),
            step(3, None, token(" hot")),
            step(4, token("."), None),
        ];
        let at = |step: usize| parting(&steps, step);
        assert_eq!(at(1), "at token 2 “hot” instead of “cold”");
        assert_eq!(at(2), "at token 3 “⏎” instead of the end");
        assert_eq!(at(3), "at token 4 “hot” instead of the end");
        assert_eq!(at(4), "at token 5 nothing instead of “.”");
        assert_eq!(at(9), "at token 10");
        for (pruned, divergence, word) in [
            (text(0.1, 0.5), None, "Same"),
            (text(0.1, 0.5), Some(1), "Reworded"),
            (text(0.1, 1.0), Some(1), "Off course"),
            (text(0.9, 1.0), Some(1), "Babble"),
        ] {
            let quality = of(pruned);
            let told = headline(&quality, &steps, divergence);
            assert!(told.starts_with(&format!("{word}: ")) && told.ends_with('.'), "{told}");
            assert!(repaired_headline(&quality, divergence).starts_with("Repaired: "));
        }
        let answered = |answered| TextQuality { answered: Some(answered), ..text(0.1, 0.5) };
        let lost = Quality { dense: answered(true), pruned: answered(false) };
        assert_eq!(
            headline(&lost, &steps, Some(1)),
            "Wrong: at token 2 “hot” instead of “cold”, and the answer is lost."
        );
    }
}
