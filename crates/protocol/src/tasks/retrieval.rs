//! A retrieval task: passages, and queries each of which is answered by one passage.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LineError, read_lines};

/// The built-in set, written for this project.
pub const BUILT_IN: &str = include_str!("../../../../public/sets/retrieval.jsonl");

/// Passages and queries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetrievalSet {
    /// The passages.
    pub passages: Vec<String>,
    /// Each query with the index of the passage that answers it.
    pub queries: Vec<(String, usize)>,
}

/// A line of a set: a passage (`id`, `passage`), a query (`query`, `answer`: its passage's id), or both (`query`,
/// `passage`); the names of MS MARCO and BEIR are accepted too. In BEIR, the corpus has titles and the queries, in a
/// file of their own, look like passages. Its judgements (`query-id`, `corpus-id`, `score`), one per line as JSON or
/// TSV, tell them apart.
#[derive(Deserialize)]
struct Line {
    #[serde(alias = "_id", alias = "doc_id", alias = "docid", alias = "pid")]
    id: Option<Value>,
    title: Option<String>,
    #[serde(alias = "text", alias = "contents", alias = "document", alias = "positive", alias = "context")]
    passage: Option<String>,
    #[serde(alias = "question", alias = "anchor")]
    query: Option<String>,
    #[serde(alias = "relevant", alias = "positive_id", alias = "answer_id")]
    answer: Option<Value>,
    #[serde(rename = "query-id")]
    query_id: Option<Value>,
    #[serde(rename = "corpus-id")]
    corpus_id: Option<Value>,
    score: Option<f64>,
}

enum Part {
    /// `titled`: it has a title, even an empty one, as BEIR's passages have and its queries do not.
    Passage {
        id: Option<String>,
        text: String,
        titled: bool,
    },
    Query {
        text: String,
        answer: String,
    },
    Both {
        query: String,
        passage: String,
        id: Option<String>,
    },
    /// The passage answers the query.
    Judgement {
        query: String,
        passage: String,
    },
    /// The passage does not answer the query.
    Nothing,
}

fn key(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

/// Converts a TSV line of BEIR's judgements to JSON; `None` if it is not one. The header line becomes a judgement of
/// score 0.
fn judgement(line: &str) -> Option<String> {
    let [query, passage, score] = line.trim_end().split('\t').collect::<Vec<_>>()[..] else { return None };
    let score: f64 = if query == "query-id" { 0.0 } else { score.parse().ok()? };
    Some(serde_json::json!({ "query-id": query, "corpus-id": passage, "score": score }).to_string())
}

/// Parses a set; returns the lines that cannot be used as errors.
pub fn parse(text: &str) -> (RetrievalSet, Vec<LineError>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<String> = text.lines().map(|line| judgement(line).unwrap_or_else(|| line.into())).collect();
    let (parts, mut errors) = read_lines(&lines.join("\n"), |line: Line| {
        let id = line.id.as_ref().map(key);
        if let (Some(query), Some(passage)) = (&line.query_id, &line.corpus_id) {
            let relevant = line.score.is_none_or(|score| score > 0.0);
            let (query, passage) = (key(query), key(passage));
            return Ok(if relevant { Part::Judgement { query, passage } } else { Part::Nothing });
        }
        let titled = line.title.is_some();
        let title = line.title.filter(|title| !title.trim().is_empty());
        let passage = line.passage.map(|passage| title.map_or(passage.clone(), |title| format!("{title} {passage}")));
        match (passage, line.query, line.answer.or(line.corpus_id)) {
            (Some(passage), Some(query), _) => Ok(Part::Both { query, passage, id }),
            (Some(text), None, _) if !text.trim().is_empty() => Ok(Part::Passage { id, text, titled }),
            (None, Some(text), Some(answer)) => Ok(Part::Query { text, answer: key(&answer) }),
            (None, Some(_), None) => Err("its query has no `answer`, the id of a passage".into()),
            _ => Err("it has neither a `passage` nor a `query`".into()),
        }
    });
    // Texts that a judgement calls queries are not passages.
    let judged: Vec<(usize, String, String)> = parts
        .iter()
        .filter_map(|(line, part)| match part {
            Part::Judgement { query, passage } => Some((*line, query.clone(), passage.clone())),
            _ => None,
        })
        .collect();
    let is_query: HashSet<&str> = judged.iter().map(|(_, query, _)| query.as_str()).collect();
    let is_answer: HashSet<&str> = judged.iter().map(|(.., passage)| passage.as_str()).collect();
    let any_title = parts.iter().any(|(_, part)| matches!(part, Part::Passage { titled: true, .. }));
    let mut set = RetrievalSet::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut asked = vec![];
    let mut queries: HashMap<String, String> = HashMap::new();
    for (line, part) in parts {
        let mut keep = |id: Option<String>, text: String, set: &mut RetrievalSet, errors: &mut Vec<LineError>| {
            let id = id.unwrap_or_else(|| set.passages.len().to_string());
            if places.contains_key(&id) {
                errors.push(LineError { line, why: format!("another passage has the id {id} already") });
                return None;
            }
            places.insert(id, set.passages.len());
            set.passages.push(text);
            Some(set.passages.len() - 1)
        };
        match part {
            Part::Passage { id: Some(id), text, titled: false }
                if is_query.contains(id.as_str()) || any_title && !is_query.is_empty() =>
            {
                if is_answer.contains(id.as_str()) && !any_title {
                    let why =
                        format!("by the judgements {id} is both a query and a passage, and no line has a `title`");
                    errors.push(LineError { line, why });
                } else {
                    queries.insert(id, text);
                }
            }
            Part::Passage { id, text, .. } => {
                keep(id, text, &mut set, &mut errors);
            }
            Part::Query { text, answer } => asked.push((line, text, answer)),
            Part::Both { query, passage, id } => {
                if let Some(place) = keep(id, passage, &mut set, &mut errors) {
                    set.queries.push((query, place));
                }
            }
            Part::Judgement { .. } | Part::Nothing => {}
        }
    }
    // Only the first judgement of a query counts.
    let mut answered = HashSet::new();
    for (line, query, passage) in judged {
        if answered.insert(query.clone()) {
            match queries.get(&query) {
                Some(text) => asked.push((line, text.clone(), passage)),
                None => errors.push(LineError { line, why: format!("no query has the id {query}") }),
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

    /// BEIR's three files, concatenated as published (SciFact).
    #[test]
    fn a_published_set_of_three_files_is_read() {
        let corpus = "\u{feff}{\"_id\": \"4983\", \"title\": \"Microstructural development\", \"text\": \"Alterations of the brain.\", \"metadata\": {}}\r\n\
            {\"_id\": \"5836\", \"title\": \"\", \"text\": \"Myelodysplastic syndromes.\", \"metadata\": {}}\r\n";
        let queries = "{\"_id\": \"0\", \"text\": \"Which syndromes?\", \"metadata\": {}}\n{\"_id\": \"2\", \"text\": \"What is altered?\", \"metadata\": {}}\n";
        let as_tsv = "query-id\tcorpus-id\tscore\n0\t4983\t0\n0\t5836\t1\n2\t4983\t1\n";
        let as_json = "{\"query-id\": 0, \"corpus-id\": 5836, \"score\": 1}\n{\"query-id\": 2, \"corpus-id\": 4983, \"score\": 1}\n";
        for judgements in [as_tsv, as_json] {
            for order in [[corpus, queries, judgements], [corpus, judgements, queries]] {
                let (set, errors) = parse(&order.concat());
                assert_eq!(errors, []);
                assert_eq!(
                    set.passages,
                    ["Microstructural development Alterations of the brain.", "Myelodysplastic syndromes."]
                );
                assert_eq!(set.queries, [("Which syndromes?".to_string(), 1), ("What is altered?".to_string(), 0)]);
            }
        }
        // Passages and queries may share ids, since passages have titles.
        let shared = corpus.replace("4983", "2");
        let (set, errors) = parse(&[&shared, queries, "0\t2\t1\n"].concat());
        assert_eq!((errors, set.passages.len(), set.queries), (vec![], 2, vec![("Which syndromes?".to_string(), 0)]));
        let plain = "{\"_id\": \"2\", \"text\": \"x\"}\n{\"query-id\": 2, \"corpus-id\": 2, \"score\": 1}";
        assert!(parse(plain).1[0].why.contains("both a query and a passage"));
        let (_, errors) = parse(&[corpus, corpus].concat().replace('\u{feff}', ""));
        assert!(errors[0].why.contains("has the id 4983 already"), "an ambiguous id is told");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[\\PC\n]{0,200}") {
            let _ = parse(&text);
        }
    }
}
