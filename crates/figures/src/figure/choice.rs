//! Multiple choice: the options' categorical distribution against the whole vocabulary (fig. 7), and the score by topic.

use prunescope_localization::tr;
use prunescope_protocol::results::tasks::best;
use prunescope_protocol::results::{ChoiceAnswer, ChoiceResult, Flips, Proportion};
use prunescope_protocol::tasks::Question;
use std::collections::BTreeMap;

use super::{Figure, tokens};
use crate::chart::BarRow;

/// How a model's choice among the options is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scoring {
    /// By the probability of its letter.
    Letter,
    /// By the log-probability of its text.
    Cloze,
}

impl Scoring {
    /// A model's scores of the options.
    pub fn of(self, answer: &ChoiceAnswer) -> &[f32] {
        match self {
            Self::Letter => &answer.letters,
            Self::Cloze => &answer.cloze,
        }
    }
}

/// The most likely tokens at the position of the letter.
pub fn vocabulary(result: &ChoiceResult) -> Figure {
    let sentence = tr!(
        figure_choice_vocabulary,
        shared = tokens::shared(&result.top),
        cos_z = format!("{:.3}", result.global.cos_z),
        cos_p = format!("{:.3}", result.global.cos_p),
        kl = format!("{:.3}", result.global.kl_dense_pruned)
    );
    Figure { chart: tokens::bars(&result.top, None, tr!(figure_axis_next_token)), sentence }
}

/// The options' letters only, renormalised.
pub fn options(result: &ChoiceResult, question: &Question) -> Figure {
    let models = || [&result.dense, &result.pruned].into_iter().chain(&result.repaired);
    let rows = question.choices.iter().enumerate().map(|(at, text)| BarRow {
        name: format!("{} {text}", Question::letter(at)),
        values: models().map(|model| model.letters.get(at).copied().unwrap_or(0.0).into()).collect(),
    });
    let (dense, pruned) = (best(&result.dense.letters), best(&result.pruned.letters));
    let repaired = result.repaired.as_ref().map(|answer| best(&answer.letters));
    let letter = |(at, _): (usize, f32)| Question::letter(at).to_string();
    let margin = |(_, margin): (usize, f32)| format!("{margin:.2}");
    let sentence = tr!(
        figure_choice_options,
        agreement = if dense.0 == pruned.0 { "same" } else { "other" },
        dense = letter(dense),
        pruned = letter(pruned),
        repaired = repaired.map_or("none".into(), letter),
        dense_margin = margin(dense),
        pruned_margin = margin(pruned),
        repaired_margin = repaired.map_or(String::new(), margin),
        cos_z = format!("{:.3}", result.categorical.cos_z),
        cos_p = format!("{:.3}", result.categorical.cos_p),
        kl = format!("{:.3}", result.categorical.kl_dense_pruned)
    );
    Figure { chart: tokens::by_model(rows.collect(), tr!(figure_choice_axis)), sentence }
}

/// Scores on a group of questions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicScore {
    /// The questions' topic.
    pub topic: String,
    /// Right answers of the dense model.
    pub dense: Proportion,
    /// Right answers of the pruned model.
    pub pruned: Proportion,
    /// Right answers of the repaired model; of no questions if the plan does not repair.
    pub repaired: Proportion,
    /// Questions for which both models choose the same option.
    pub agreement: Proportion,
    /// The pruned model's flips.
    pub flips: Flips,
    /// The repaired model's flips.
    pub repaired_flips: Flips,
}

/// What the models chose for one question, and the right choice.
#[derive(Clone, Copy)]
struct Choices {
    dense: usize,
    pruned: usize,
    /// `None` if the plan does not repair.
    repaired: Option<usize>,
    right: usize,
}

/// Scores by topic, and of all questions as the last row.
pub fn scores(results: &BTreeMap<usize, ChoiceResult>, questions: &[Question], scoring: Scoring) -> Vec<TopicScore> {
    let mut topics = BTreeMap::<&str, Vec<Choices>>::new();
    let mut all = vec![];
    for result in results.values() {
        let Some(question) = questions.get(result.index) else { continue };
        let choice = |answer: &ChoiceAnswer| best(scoring.of(answer)).0;
        let choices = Choices {
            dense: choice(&result.dense),
            pruned: choice(&result.pruned),
            repaired: result.repaired.as_ref().map(choice),
            right: question.answer,
        };
        topics.entry(&question.topic).or_default().push(choices);
        all.push(choices);
    }
    let row = |topic: &str, of: &[Choices]| {
        let repaired = || of.iter().filter_map(|of| Some([of.dense, of.repaired?, of.right]));
        TopicScore {
            topic: topic.into(),
            dense: Proportion::of(of.iter().map(|of| of.dense == of.right)),
            pruned: Proportion::of(of.iter().map(|of| of.pruned == of.right)),
            repaired: Proportion::of(repaired().map(|[_, repaired, right]| repaired == right)),
            agreement: Proportion::of(of.iter().map(|of| of.dense == of.pruned)),
            flips: Flips::count(of.iter().map(|of| [of.dense, of.pruned, of.right])),
            repaired_flips: Flips::count(repaired()),
        }
    };
    let mut rows: Vec<_> = topics.iter().map(|(topic, choices)| row(topic, choices)).collect();
    rows.push(row(&tr!(figure_choice_all), &all));
    rows
}

/// A model's flips in words.
fn told(model: String, flips: Flips) -> Option<String> {
    let Flips { of, to_wrong, to_right, to_other_wrong } = flips;
    (of > 0).then(|| {
        tr!(
            figure_choice_flips,
            model = model,
            flipped = flips.flipped().right,
            of = of,
            percent = format!("{:.0}", 100.0 * flips.flipped().share()),
            to_wrong = to_wrong,
            to_right = to_right,
            to_other = to_other_wrong
        )
    })
}

/// The total scores in words, with what guessing would give.
///
/// * `questions` — all questions; as long as some are not answered, the sentence says so.
pub fn summary(scores: &[TopicScore], questions: &[Question]) -> Option<String> {
    let all = scores.last().filter(|all| all.dense.of > 0)?;
    let chance: f64 = questions.iter().map(|question| 1.0 / question.choices.len().max(1) as f64).sum();
    let (low, high) = all.pruned.interval();
    let right = tr!(
        figure_choice_right,
        dense = all.dense.right,
        dense_of = all.dense.of,
        pruned = all.pruned.right,
        pruned_of = all.pruned.of,
        low = format!("{:.0}", 100.0 * low),
        high = format!("{:.0}", 100.0 * high),
        agreement = all.agreement.right
    );
    let right = match all.dense.of {
        of if of < questions.len() => tr!(figure_choice_so_far, of = of, all = questions.len(), right = right),
        _ => right,
    };
    let repaired =
        (all.repaired.of > 0).then(|| tr!(figure_choice_repaired, right = all.repaired.right, of = all.repaired.of));
    let guessing =
        tr!(figure_choice_guessing, percent = format!("{:.0}", 100.0 * chance / questions.len().max(1) as f64));
    let flips = [(tr!(figure_pruned), all.flips), (tr!(figure_repaired), all.repaired_flips)];
    let flips = flips.into_iter().filter_map(|(model, flips)| told(model, flips));
    Some([right].into_iter().chain(repaired).chain(flips).chain([guessing]).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Chart;
    use prunescope_protocol::results::{SubspaceMetrics, TopTokens};

    fn result(index: usize, dense: [f32; 2], pruned: [f32; 2]) -> ChoiceResult {
        let answer = |letters: [f32; 2]| ChoiceAnswer { letters: letters.to_vec(), cloze: vec![-1.0, -2.0] };
        ChoiceResult {
            index,
            dense: answer(dense),
            pruned: answer(pruned),
            repaired: None,
            global: SubspaceMetrics::default(),
            categorical: SubspaceMetrics::default(),
            top: TopTokens::default(),
        }
    }

    #[test]
    fn scores_by_topic_and_in_all() {
        let question = |topic: &str, answer| Question {
            question: "?".into(),
            choices: vec!["x".into(), "y".into()],
            answer,
            topic: topic.into(),
        };
        let questions = [question("one", 0), question("two", 1)];
        let results = BTreeMap::from([(0, result(0, [0.9, 0.1], [0.8, 0.2])), (1, result(1, [0.3, 0.7], [0.6, 0.4]))]);
        let scores = super::scores(&results, &questions, Scoring::Letter);
        assert_eq!(scores.len(), 3);
        assert_eq!((scores[2].dense.right, scores[2].pruned.right, scores[2].agreement.right), (2, 1, 1));
        let told = summary(&scores, &questions).unwrap();
        assert!(
            told.starts_with("Dense 2 of 2, pruned 1 of 2") && told.ends_with("Guessing would give 50 %."),
            "{told}"
        );
        let more = [questions.clone(), questions.clone()].concat();
        assert!(summary(&scores, &more).unwrap().starts_with("So far, 2 of 4 questions: Dense 2 of 2"));
        assert!(
            told.contains("Flips, pruned: 1 of 2 answers (50 %)") && told.contains("1 to wrong and 0 to right"),
            "{told}"
        );
        assert!(options(&results[&1], &questions[1]).sentence.contains("dense chooses b, pruned a"));
        let cloze = super::scores(&results, &questions, Scoring::Cloze);
        assert_eq!((cloze[2].dense.right, cloze[2].agreement.right), (1, 2));
        assert_eq!(summary(&[], &questions), None);
        let mut repaired = results.clone();
        for result in repaired.values_mut() {
            result.repaired = Some(result.dense.clone());
        }
        let scores = super::scores(&repaired, &questions, Scoring::Letter);
        assert!(summary(&scores, &questions).unwrap().contains("Repaired 2 of 2."));
        let figure = options(&repaired[&1], &questions[1]);
        let Chart::Bars(chart) = &figure.chart else { panic!("bars") };
        assert_eq!(chart.rows[1].values.iter().map(|x| *x as f32).collect::<Vec<_>>(), [0.7, 0.4, 0.7]);
        assert!(figure.sentence.contains("repaired chooses b, with margin 0.40"), "{}", figure.sentence);
    }
}
