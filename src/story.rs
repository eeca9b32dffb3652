//! The story: short chapters that lead through the page. Each shows a state of the page, asks what the reader expects, and compares it with
//! what was found. Its texts are a file of the site, `public/texts/en/story.json`.

use prunescope_figures::figure::choice::{Scoring, scores};
use prunescope_figures::figure::text_change::TextChange;
use prunescope_localization::tr;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::DroppedSublayers;
use prunescope_protocol::results::SwitchEffect;
use prunescope_protocol::tasks::Question;
use serde::Deserialize;

use crate::run_results::RunResults;

/// All chapters.
#[derive(Clone, Debug, Deserialize)]
pub struct Story {
    /// Its title.
    pub title: String,
    /// The chapters, in order.
    pub chapters: Vec<Chapter>,
}

/// One chapter.
#[derive(Clone, Debug, Deserialize)]
pub struct Chapter {
    /// Its title.
    pub title: String,
    /// Its paragraphs; `{choice_dense}` and `{choice_total}` stand for what was measured.
    pub text: Vec<String>,
    /// The state of the page that it begins with, as a link's query.
    pub link: String,
    /// CSS selectors of the parts of the page that it is about; the first is brought into view.
    #[serde(default)]
    pub lights: Vec<String>,
    /// CSS selectors of what would give the answer away.
    #[serde(default)]
    pub veils: Vec<String>,
    /// What the reader is asked to predict.
    #[serde(default)]
    pub ask: Option<Ask>,
    /// What the reader does then.
    #[serde(default)]
    pub act: Option<Act>,
    /// What the prediction is compared with.
    #[serde(default)]
    pub truth: Option<Truth>,
    /// What is said then; `{truth}` stands for what was found.
    #[serde(default)]
    pub told: String,
}

/// A question with several answers, or with a number.
#[derive(Clone, Debug, Deserialize)]
pub struct Ask {
    /// The question.
    pub question: String,
    /// Answers: what is shown, and the key of the truth that it stands for. Empty if a number is asked for.
    #[serde(default)]
    pub options: Vec<(String, String)>,
    /// The least number.
    #[serde(default)]
    pub from: f64,
    /// The largest number.
    #[serde(default)]
    pub to: f64,
    /// The steps between numbers.
    #[serde(default)]
    pub step: f64,
}

/// The action that shows the truth.
#[derive(Clone, Debug, Deserialize)]
pub struct Act {
    /// What its button says.
    pub label: String,
    /// The state of the page afterwards, as a link's query; without one, the veils are lifted.
    #[serde(default)]
    pub link: Option<String>,
}

/// What a prediction is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// The pruned model's word at the deciding token.
    PrunedWord,
    /// cos(p, p̃) at the deciding token.
    CosP,
    /// Whether cos(p, p̃) became more or less.
    CosPChange,
    /// On how many questions the pruned model is right by cloze.
    ChoicePruned,
    /// What became of the pruned text.
    TextChange,
    /// Which compared plans write the dense model's text, or other words with its answer.
    VariantsAlike,
    /// Whether the repaired text holds the answer.
    RepairedAnswer,
    /// Which of the offered switches would change the probabilities most, before any of them is flipped.
    WorstSwitch,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The key of the option that is right.
    pub key: String,
    /// In words.
    pub text: String,
    /// As a number, if it is one.
    pub value: Option<f64>,
}

impl Found {
    fn word(key: &str, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into(), value: None }
    }

    fn number(value: f64, text: String) -> Self {
        Self { key: text.clone(), text, value: Some(value) }
    }
}

/// What the page shows when a chapter is read.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The results.
    pub results: &'a RunResults,
    /// The multiple-choice questions.
    pub questions: &'a [Question],
    /// cos(p, p̃) at the deciding token before the reader acted.
    pub cos_p_before: Option<f32>,
}

impl Shown<'_> {
    /// cos(p, p̃) at the deciding token.
    pub fn cos_p(&self) -> Option<f32> {
        let step = self.results.chosen_step(0);
        self.results.position(step).map(|position| position.metrics.cos_p)
    }

    /// How many questions the dense and the pruned model are right on by cloze, and how many there are; `None` until all are answered.
    fn choice(&self) -> Option<[usize; 3]> {
        if self.results.choice.len() < self.questions.len() {
            return None;
        }
        let all = scores(&self.results.choice, self.questions, Scoring::Cloze).pop()?;
        Some([all.dense.right, all.pruned.right, all.dense.of])
    }

    /// What a chapter's prediction is compared with, once it is known.
    pub fn truth(&self, chapter: &Chapter) -> Option<Found> {
        let results = self.results;
        match chapter.truth? {
            Truth::PrunedWord => {
                results.quality.as_ref()?;
                let step = results.first_divergence()?;
                let word = results.steps.get(step)?.pruned.as_ref()?.text.trim().to_string();
                let options = chapter.ask.iter().flat_map(|ask| &ask.options);
                let is_offered = options.into_iter().any(|(_, key)| *key == word);
                Some(Found::word(if is_offered { &word } else { "other" }, &word))
            }
            Truth::CosP => {
                results.quality.as_ref()?;
                self.cos_p().map(|cos_p| Found::number(cos_p.into(), format!("{cos_p:.2}")))
            }
            Truth::CosPChange => {
                results.quality.as_ref()?;
                let (before, now) = (self.cos_p_before?, self.cos_p()?);
                let is_more = now > before;
                let (now, before) = (format!("{now:.2}"), format!("{before:.2}"));
                Some(if is_more {
                    Found::word("more", tr!(story_cosine_more, now = now, before = before))
                } else {
                    Found::word("less", tr!(story_cosine_less, now = now, before = before))
                })
            }
            Truth::ChoicePruned => {
                let [dense, pruned, of] = self.choice()?;
                Some(Found::number(pruned as f64, tr!(story_choice, pruned = pruned, count = of, dense = dense)))
            }
            Truth::TextChange => {
                let (key, text) = match TextChange::of(results.quality.as_ref()?, results.first_divergence()) {
                    TextChange::Same | TextChange::Reworded => ("reworded", tr!(story_text_back)),
                    TextChange::Wrong => ("wrong", tr!(story_text_wrong)),
                    TextChange::Babble => ("babble", tr!(story_text_babble)),
                };
                Some(Found::word(key, text))
            }
            Truth::VariantsAlike => {
                let asked = chapter.ask.as_ref()?.options.iter().map(|(_, key)| key.split(", ").count()).max()?;
                if results.variants.len() < asked {
                    return None;
                }
                let is_alike = |at: &usize| {
                    let generation = &results.variants[at].generation;
                    let change = TextChange::of(&generation.quality, generation.first_divergence);
                    matches!(change, TextChange::Same | TextChange::Reworded)
                };
                let alike: Vec<_> = results.variants.keys().filter(|at| is_alike(at)).collect();
                let names = alike.iter().map(|at| results.variants[at].name.as_str()).collect::<Vec<_>>().join(", ");
                let told = if names.is_empty() { tr!(story_none_alike) } else { names.clone() };
                let texts = results.variants.values().take(asked).map(|variant| {
                    let text = first_sentence(&variant.generation.pruned.text);
                    tr!(story_quoted, name = &variant.name, text = text)
                });
                let texts: Vec<_> = texts.collect();
                Some(Found::word(&names, format!("{told} ({})", texts.join("; "))))
            }
            Truth::RepairedAnswer => {
                let (key, text) = match results.repaired_quality.as_ref()?.pruned.answered? {
                    true => ("yes", tr!(story_answer_back)),
                    false => ("no", tr!(story_answer_lost)),
                };
                Some(Found::word(key, text))
            }
            Truth::WorstSwitch => {
                let options = &chapter.ask.as_ref()?.options;
                let effect = |key: &str| -> Option<SwitchEffect> {
                    let sublayer: Sublayer = key.parse::<DroppedSublayers>().ok()?.dropped().next()?;
                    results.switches.get(&sublayer).copied()
                };
                let known: Option<Vec<_>> =
                    options.iter().map(|(name, key)| Some((name, key, effect(key)?.kl_dense_pruned))).collect();
                let (name, key, kl) = known?.into_iter().max_by(|a, b| a.2.total_cmp(&b.2))?;
                Some(Found::word(key, tr!(story_worst_switch, name = name, kl = format!("{kl:.1}"))))
            }
        }
    }

    /// A paragraph with what was measured in place of its names; "…" where that is not known yet.
    pub fn filled(&self, text: &str) -> String {
        let [dense, _, of] =
            self.choice().map_or(["…".to_string(), String::new(), "…".into()], |all| all.map(|x| x.to_string()));
        text.replace("{choice_dense}", &dense).replace("{choice_total}", &of)
    }
}

/// The beginning of a text: its first line and sentence, at most 60 characters.
fn first_sentence(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let end = line.find(['.', '!', '?']).map_or(line.len(), |at| at + 1);
    line[..end].chars().take(60).collect()
}

/// What the reader expected, beside what was found, in words.
///
/// * `said` — the key of the chosen option, or the number.
pub fn compared(ask: &Ask, said: &str, found: &Found) -> String {
    match (found.value, said.parse::<f64>()) {
        (Some(value), Ok(said)) => {
            let off = (said - value).abs() / (ask.to - ask.from).max(f64::MIN_POSITIVE);
            let said = said.to_string();
            if off <= 0.05 {
                tr!(story_said_close, said = said)
            } else if off <= 0.2 {
                tr!(story_said_near, said = said)
            } else {
                tr!(story_said_far, said = said)
            }
        }
        _ => {
            let name = ask.options.iter().find(|(_, key)| key == said).map_or(said, |(name, _)| name);
            if said == found.key { tr!(story_said_right, answer = name) } else { tr!(story_said_wrong, answer = name) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prunescope_protocol::messages::RunEvent;
    use prunescope_protocol::settings::{Settings, link};
    use prunescope_protocol::tasks;
    use prunescope_protocol::trace::Trace;

    fn story() -> Story {
        serde_json::from_str(include_str!("../public/texts/en/story.json")).unwrap()
    }

    /// The recorded runs, as the page has them while the story is open.
    fn recorded() -> Trace {
        let read = |name: &str| {
            let path = format!("{}/public/traces/{name}.json", env!("CARGO_MANIFEST_DIR"));
            Trace::read(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        let mut trace = read("example");
        trace.runs.extend(["neighbours", "story"].into_iter().flat_map(|name| read(name).runs));
        trace
    }

    fn settings(query: &str) -> Settings {
        let (settings, notices) = link::from_query(query);
        assert_eq!(notices, Vec::<String>::new(), "{query}");
        settings
    }

    fn results(trace: &Trace, query: &str) -> RunResults {
        let settings = settings(query);
        let run = trace.find(&settings.models, &settings.run).unwrap_or_else(|| panic!("{query} is not recorded"));
        let mut results = RunResults::default();
        for event in &run.events {
            results.apply(1, &settings.run, event.clone());
        }
        results
    }

    /// The whole story can be read without an engine: each chapter's states are recorded, and what it asks is found in them.
    #[test]
    fn every_chapter_is_told_by_recorded_runs() {
        let (story, trace) = (story(), recorded());
        let questions = tasks::choice::built_in();
        assert!((7..=9).contains(&story.chapters.len()) && !story.title.is_empty());
        for chapter in &story.chapters {
            let name = &chapter.title;
            let before = results(&trace, &chapter.link);
            let shown = Shown { results: &before, questions: &questions, cos_p_before: None };
            for text in &chapter.text {
                assert!(!shown.filled(text).contains(['{', '…']), "{name}: {text}");
            }
            let (Some(truth), Some(ask), Some(act)) = (chapter.truth, &chapter.ask, &chapter.act) else {
                assert!(chapter.truth.is_none() && chapter.ask.is_none() && chapter.act.is_none(), "{name}");
                continue;
            };
            let after = act.link.as_ref().map(|link| results(&trace, link));
            let results = after.as_ref().unwrap_or(&before);
            let found = Shown { results, questions: &questions, cos_p_before: shown.cos_p() }.truth(chapter);
            let found = found.unwrap_or_else(|| panic!("{name}: {truth:?} is not known"));
            assert!(chapter.told.contains("{truth}"), "{name} tells what was found");
            match found.value {
                Some(value) => {
                    assert!(ask.from < ask.to && ask.step > 0.0 && (ask.from..=ask.to).contains(&value), "{name}")
                }
                None => assert!(ask.options.iter().any(|(_, key)| *key == found.key), "{name}: no option is {found:?}"),
            }
            println!("{name}: {found:?}");
        }
    }

    #[test]
    fn a_prediction_is_compared_with_what_was_found() {
        let ask = |options: &[(&str, &str)]| Ask {
            question: "?".into(),
            options: options.iter().map(|(name, key)| ((*name).into(), (*key).into())).collect(),
            from: 0.0,
            to: 1.0,
            step: 0.01,
        };
        let options = ask(&[("yes, it is", "yes"), ("no", "no")]);
        assert_eq!(compared(&options, "yes", &Found::word("yes", "Yes")), "You said “yes, it is”: right.");
        assert_eq!(compared(&options, "no", &Found::word("yes", "Yes")), "You said “no”: no.");
        let found = Found::number(0.17, "0.17".into());
        for (said, how) in [("0.2", "close"), ("0.3", "not far off"), ("0.8", "far off")] {
            assert_eq!(compared(&ask(&[]), said, &found), format!("You said {said}: {how}."));
        }
    }

    #[test]
    fn a_text_is_quoted_to_the_end_of_its_first_sentence() {
        assert_eq!(first_sentence(" Tokyo. It is large."), "Tokyo.");
        assert_eq!(first_sentence("日本\nJapan."), "日本");
        assert_eq!(first_sentence(""), "");
        assert_eq!(first_sentence(&"é".repeat(90)).chars().count(), 60);
    }

    #[test]
    fn what_is_not_known_yet_is_not_told() {
        let nothing = RunResults::default();
        let questions = tasks::choice::built_in();
        let shown = Shown { results: &nothing, questions: &questions, cos_p_before: Some(0.5) };
        for chapter in story().chapters {
            assert_eq!(shown.truth(&chapter), None, "{}", chapter.title);
        }
        let mut begun = RunResults::default();
        begun.apply(1, &Settings::example().run, RunEvent::NextToken { compared: Box::default() });
        let shown = Shown { results: &begun, ..shown };
        for chapter in story().chapters {
            assert_eq!(shown.truth(&chapter), None, "{}", chapter.title);
        }
        assert_eq!(shown.filled("{choice_dense} of {choice_total}"), "… of …");
    }
}
