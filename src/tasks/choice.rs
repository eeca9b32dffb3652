//! Multiple-choice questions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LineError, read_lines};

/// The built-in set, written for this project.
pub const BUILT_IN: &str = include_str!("../../public/sets/multiple_choice.jsonl");
/// Most options of a question.
pub const MAX_OPTIONS: usize = 8;

/// A question with its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked.
    pub question: String,
    /// The options, 2 to [`MAX_OPTIONS`].
    pub choices: Vec<String>,
    /// The place of the right option.
    pub answer: usize,
    /// What it is about; may be empty.
    pub topic: String,
}

impl Question {
    /// The letter of an option.
    pub fn letter(option: usize) -> char {
        (b'a' + option as u8) as char
    }

    /// The prompt that ends where the letter comes.
    pub fn letter_prompt(&self) -> String {
        let options: String =
            self.choices.iter().enumerate().map(|(at, text)| format!("{}) {text}\n", Self::letter(at))).collect();
        format!("Question: {}\n{options}Answer:", self.question)
    }

    /// The prompt that ends where an option's own text comes. One worked example shows a model the form; without it the
    /// default model answers 43 of the 66 built-in questions, with it 58.
    pub fn cloze_prompt(&self) -> String {
        format!("Question: What color is snow?\nAnswer: white\n\nQuestion: {}\nAnswer:", self.question)
    }
}

/// A line of a common public set; the names are those of MMLU, ARC, OpenBookQA, CommonsenseQA, HellaSwag, PIQA, WinoGrande
/// and BoolQ.
#[derive(Deserialize)]
struct Line {
    #[serde(
        alias = "question_stem",
        alias = "ctx",
        alias = "goal",
        alias = "sentence",
        alias = "prompt",
        alias = "input"
    )]
    question: Value,
    #[serde(alias = "endings", alias = "options")]
    choices: Option<Value>,
    sol1: Option<String>,
    sol2: Option<String>,
    option1: Option<String>,
    option2: Option<String>,
    #[serde(alias = "answerKey", alias = "label", alias = "target", alias = "answer_index", alias = "gold")]
    answer: Value,
    #[serde(alias = "subject", alias = "category")]
    topic: Option<String>,
}

/// Reads a set; bad lines come back with their numbers.
pub fn parse(text: &str) -> (Vec<Question>, Vec<LineError>) {
    read_lines(text, from_line)
}

/// The built-in set.
pub fn built_in() -> Vec<Question> {
    parse(BUILT_IN).0
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|one| one.as_str().map(String::from)).collect()
}

fn from_line(line: Line) -> Result<Question, String> {
    let mut stated = line.choices;
    // OpenBookQA's raw form nests the options beside the stem.
    let question = match &line.question {
        Value::String(text) => text.clone(),
        Value::Object(inner) => {
            stated = stated.or_else(|| inner.get("choices").cloned());
            inner.get("stem").and_then(Value::as_str).unwrap_or_default().to_string()
        }
        _ => String::new(),
    };
    if question.trim().is_empty() {
        return Err("`question` is no text".into());
    }
    let mut labels = None;
    let choices = match stated {
        Some(Value::Object(both)) => {
            labels = both.get("label").and_then(texts);
            both.get("text").and_then(texts)
        }
        Some(Value::Array(list)) if list.iter().all(Value::is_object) => {
            let part = |key: &str| {
                list.iter()
                    .map(|one| one.get(key).and_then(Value::as_str).map(String::from))
                    .collect::<Option<Vec<_>>>()
            };
            labels = part("label");
            part("text")
        }
        Some(list) => texts(&list),
        None => match (line.sol1.or(line.option1), line.sol2.or(line.option2)) {
            (Some(first), Some(second)) => Some(vec![first, second]),
            _ if line.answer.is_boolean() => Some(vec!["no".into(), "yes".into()]),
            _ => None,
        },
    };
    let choices = choices.ok_or("it has no `choices` that are texts")?;
    if !(2..=MAX_OPTIONS).contains(&choices.len()) || choices.iter().any(|choice| choice.trim().is_empty()) {
        return Err(format!(
            "it has {} choices, some may be empty; 2 to {MAX_OPTIONS} texts are needed",
            choices.len()
        ));
    }
    let answer = place(&line.answer, &choices, labels.as_deref())
        .ok_or_else(|| format!("its answer {} is none of its choices", line.answer))?;
    Ok(Question { question, choices, answer, topic: line.topic.unwrap_or_default() })
}

/// The right option: by its label, its text, its letter, its number from 0, or true and false.
fn place(answer: &Value, choices: &[String], labels: Option<&[String]>) -> Option<usize> {
    let place = match answer {
        Value::Bool(truth) => usize::from(*truth),
        Value::Number(number) => number.as_u64()? as usize,
        Value::String(text) => {
            let by = |list: &[String]| list.iter().position(|one| one == text);
            if let Some(place) = labels.and_then(by).or_else(|| by(choices)) {
                place
            } else if let [letter @ (b'a'..=b'h' | b'A'..=b'H')] = text.as_bytes() {
                usize::from(letter.to_ascii_lowercase() - b'a')
            } else {
                let number: usize = text.parse().ok()?;
                // WinoGrande counts its two options from 1.
                if choices.len() == 2 && number == 2 { 1 } else { number }
            }
        }
        _ => return None,
    };
    (place < choices.len()).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_built_in_set_is_whole() {
        let (questions, errors) = parse(BUILT_IN);
        assert_eq!(errors, []);
        assert!(questions.len() >= 60, "{}", questions.len());
        let mut topics = BTreeMap::<&str, usize>::new();
        let mut places = [0; 4];
        for question in &questions {
            *topics.entry(&question.topic).or_default() += 1;
            assert_eq!(question.choices.len(), 4, "{}", question.question);
            places[question.answer] += 1;
            let mut choices = question.choices.clone();
            choices.sort();
            choices.dedup();
            assert_eq!(choices.len(), 4, "{}", question.question);
        }
        assert!(topics.len() >= 5 && topics.values().all(|count| *count >= 5), "{topics:?}");
        assert!(places.iter().all(|count| *count * 6 >= questions.len()), "the right letters are spread: {places:?}");
    }

    #[test]
    fn common_sets_are_understood() {
        let lines = [
            r#"{"question":"Q","choices":["w","x","y","z"],"answer":2,"subject":"law"}"#,
            r#"{"question":"Q","choices":{"text":["w","x","y","z"],"label":["1","2","3","4"]},"answerKey":"3"}"#,
            r#"{"question_stem":"Q","choices":{"text":["w","x","y","z"],"label":["A","B","C","D"]},"answerKey":"C"}"#,
            r#"{"ctx":"Q","endings":["w","x","y","z"],"label":"2"}"#,
            r#"{"question":"Q","options":["w","x","y","z"],"answer":"c"}"#,
            r#"{"question":"Q","choices":["w","x","y","z"],"answer":"y"}"#,
            r#"{"question":{"stem":"Q","choices":[{"label":"A","text":"w"},{"label":"B","text":"x"},{"label":"C","text":"y"}]},"answerKey":"C"}"#,
        ];
        let (questions, errors) = parse(&lines.join("\n"));
        assert_eq!(errors, []);
        assert!(questions.iter().all(|question| question.choices[question.answer] == "y"), "{questions:#?}");
        assert_eq!(questions[0].topic, "law");
        let two = [
            r#"{"goal":"Q","sol1":"a","sol2":"b","label":1}"#,
            r#"{"sentence":"Q","option1":"a","option2":"b","answer":"2"}"#,
            r#"{"question":"Q","passage":"…","answer":true}"#,
        ];
        let (questions, errors) = parse(&two.join("\n"));
        assert_eq!(errors, []);
        assert!(questions.iter().all(|question| question.answer == 1 && question.choices.len() == 2));
    }

    #[test]
    fn bad_lines_are_named_and_the_others_stay() {
        let text = "{\"question\":\"Q\",\"choices\":[\"a\",\"b\"],\"answer\":0}\n\nnot json\n{\"question\":\"Q\",\"answer\":0}\n\
                    {\"question\":\"Q\",\"choices\":[\"a\",\"b\"],\"answer\":7}\n{\"question\":\"Q\",\"choices\":[\"a\"],\"answer\":0}";
        let (questions, errors) = parse(text);
        assert_eq!(questions.len(), 1);
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!(errors[2].to_string().contains("line 5") && errors[2].to_string().contains("none of its choices"));
    }

    #[test]
    fn prompts_end_where_the_answer_begins() {
        let (questions, _) = parse(r#"{"question":"Q?","choices":["x","y"],"answer":0}"#);
        assert_eq!(questions[0].letter_prompt(), "Question: Q?\na) x\nb) y\nAnswer:");
        assert!(questions[0].cloze_prompt().ends_with("\n\nQuestion: Q?\nAnswer:"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[\\PC\n]{0,200}") {
            let _ = parse(&text);
        }
    }
}
