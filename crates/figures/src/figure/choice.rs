//! Multiple choice: the options' categorical distribution against the whole vocabulary (fig. 7), and the score by topic.

use prunescope_localization::tr;
use prunescope_protocol::results::tasks::best;
use prunescope_protocol::results::{ChoiceAnswer, ChoiceResult, Proportion};
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
}

/// What the models did with one question.
#[derive(Clone, Copy)]
struct Marks {
    dense: bool,
    pruned: bool,
    /// `None` if the plan does not repair.
    repaired: Option<bool>,
    /// Whether the dense and the pruned model choose the same option.
    agreement: bool,
}

/// Scores by topic, and of all questions as the last row.
pub fn scores(results: &BTreeMap<usize, ChoiceResult>, questions: &[Question], scoring: Scoring) -> Vec<TopicScore> {
    let mut topics = BTreeMap::<&str, Vec<Marks>>::new();
    let mut all = vec![];
    for result in results.values() {
        let Some(question) = questions.get(result.index) else { continue };
        let (dense, pruned) = (best(scoring.of(&result.dense)).0, best(scoring.of(&result.pruned)).0);
        let repaired = result.repaired.as_ref().map(|answer| best(scoring.of(answer)).0 == question.answer);
        let marks = Marks {
            dense: dense == question.answer,
            pruned: pruned == question.answer,
            repaired,
            agreement: dense == pruned,
        };
        topics.entry(&question.topic).or_default().push(marks);
        all.push(marks);
    }
    let row = |topic: &str, marks: &[Marks]| TopicScore {
        topic: topic.into(),
        dense: Proportion::of(marks.iter().map(|marks| marks.dense)),
        pruned: Proportion::of(marks.iter().map(|marks| marks.pruned)),
        repaired: Proportion::of(marks.iter().filter_map(|marks| marks.repaired)),
        agreement: Proportion::of(marks.iter().map(|marks| marks.agreement)),
    };
    let mut rows: Vec<_> = topics.iter().map(|(topic, flags)| row(topic, flags)).collect();
    rows.push(row(&tr!(figure_choice_all), &all));
    rows
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
    Some([right].into_iter().chain(repaired).chain([guessing]).collect::<Vec<_>>().join(" "))
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
