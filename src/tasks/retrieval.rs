//! Passages, and queries each of which one passage answers.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LineError, read_lines};

/// The built-in set, written for this project.
pub const BUILT_IN: &str = include_str!("../../public/sets/retrieval.jsonl");

/// Passages and queries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetrievalSet {
    /// Texts to be found.
    pub passages: Vec<String>,
    /// What is asked, and the place of the passage that answers it.
    pub queries: Vec<(String, usize)>,
}

/// A passage (`id`, `passage`), a query (`query`, `answer`: the id of its passage), or both in one line (`query`, `passage`,
/// or MS MARCO's and BEIR's other names for them).
#[derive(Deserialize)]
struct Line {
    #[serde(alias = "_id", alias = "doc_id", alias = "docid", alias = "pid")]
    id: Option<Value>,
    #[serde(alias = "text", alias = "contents", alias = "document", alias = "positive", alias = "context")]
    passage: Option<String>,
    #[serde(alias = "question", alias = "anchor")]
    query: Option<String>,
    #[serde(alias = "relevant", alias = "positive_id", alias = "answer_id", alias = "corpus-id")]
    answer: Option<Value>,
}

enum Part {
    Passage { id: Option<String>, text: String },
    Query { text: String, answer: String },
    Both { query: String, passage: String, id: Option<String> },
}

fn key(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

/// Reads a set; bad lines come back with their numbers.
pub fn parse(text: &str) -> (RetrievalSet, Vec<LineError>) {
    // The numbers of lines are needed again when queries are matched with passages.
    let mut number = 0;
    let numbers: Vec<usize> = text
        .lines()
        .filter_map(|line| {
            number += 1;
            (!line.trim().is_empty()).then_some(number)
        })
        .collect();
    let (parts, mut errors) = read_lines(text, |line: Line| {
        let id = line.id.as_ref().map(key);
        match (line.passage, line.query, line.answer) {
            (Some(passage), Some(query), _) => Ok(Part::Both { query, passage, id }),
            (Some(text), None, _) if !text.trim().is_empty() => Ok(Part::Passage { id, text }),
            (None, Some(text), Some(answer)) => Ok(Part::Query { text, answer: key(&answer) }),
            (None, Some(_), None) => Err("its query has no `answer`, the id of a passage".into()),
            _ => Err("it has neither a `passage` nor a `query`".into()),
        }
    });
    let bad: Vec<usize> = errors.iter().map(|error| error.line).collect();
    let good = numbers.into_iter().filter(|number| !bad.contains(number));
    let mut set = RetrievalSet::default();
    let mut places = HashMap::new();
    let mut asked = vec![];
    for (number, part) in good.zip(parts) {
        match part {
            Part::Passage { id, text } => {
                places.insert(id.unwrap_or_else(|| set.passages.len().to_string()), set.passages.len());
                set.passages.push(text);
            }
            Part::Query { text, answer } => asked.push((number, text, answer)),
            Part::Both { query, passage, id } => {
                set.queries.push((query, set.passages.len()));
                places.insert(id.unwrap_or_else(|| set.passages.len().to_string()), set.passages.len());
                set.passages.push(passage);
            }
        }
    }
    for (line, text, answer) in asked {
        match places.get(&answer) {
            Some(place) => set.queries.push((text, *place)),
            None => errors.push(LineError { line, why: format!("no passage has the id {answer}") }),
        }
    }
    errors.sort_by_key(|error| error.line);
    (set, errors)
}

/// The built-in set.
pub fn built_in() -> RetrievalSet {
    parse(BUILT_IN).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_built_in_set_is_whole() {
        let (set, errors) = parse(BUILT_IN);
        assert_eq!(errors, []);
        assert!(set.passages.len() >= 60 && set.queries.len() >= 30, "{} {}", set.passages.len(), set.queries.len());
        let mut passages = set.passages.clone();
        passages.sort();
        passages.dedup();
        assert_eq!(passages.len(), set.passages.len());
    }

    #[test]
    fn lines_of_both_kinds_and_bad_ones() {
        let text = r#"{"id":"d1","passage":"Sea."}
{"query":"What is wet?","answer":"d1"}
{"query":"Lost?","answer":"d9"}

{"query":"Both?","positive":"Both."}
{"query":"No answer?"}
{"nothing":1}"#;
        let (set, errors) = parse(text);
        assert_eq!(set.passages, ["Sea.", "Both."]);
        assert_eq!(set.queries, [("Both?".to_string(), 1), ("What is wet?".to_string(), 0)]);
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 6, 7]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[\\PC\n]{0,200}") {
            let _ = parse(&text);
        }
    }
}
