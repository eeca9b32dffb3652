//! Messages between page and worker, links, and lines of task sets: whatever parses is the same after writing and parsing again.

use std::fmt::Debug;
use std::sync::LazyLock;

use prunescope_downloads::record::Record;
use prunescope_formats::ChatTemplate;
use prunescope_protocol::messages::{Request, WorkerEvent};
use prunescope_protocol::model::ModelSource;
use prunescope_protocol::model::manifest::Manifest;
use prunescope_protocol::model::repository::{parse_listing, select};
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::settings::Settings;
use prunescope_protocol::settings::link::{from_query, to_query};
use prunescope_protocol::tasks;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::bytes::{Bytes, Texts, texts};
use super::json;

/// Texts that have a meaning in such values.
static TEXTS: Texts = Texts::new(|| {
    texts(
        "type;run;settings;model;other;files;at;address;picked;repository;hub;token;precision;stored;8;\
     device;backend;cpu;webgpu;auto;measure;what;drop;a7,m17,b3;sparse;wanda-0.5;layers;4-20;quant;\
     awq4-g64;compare;name;on;mlp;question;choices;answer;A;label;options;query-id;corpus-id;score;_id;\
     text;",
    )
});

/// An example of each kind of message.
static MESSAGES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let settings = serde_json::to_value(Settings::example()).expect("settings have JSON");
    let order = |files: Value| json!({ "source": "a/b", "files": files });
    let device = json!({ "backend": "cpu", "reason": "r", "required": false, "largest_binding": 1, "threads": 2 });
    let picked = json!({ "at": "picked", "files": [{ "name": "a.gguf", "address": "blob:x", "bytes": 9 }] });
    let repository = json!({ "at": "repository", "repository": { "owner": "a", "name": "b", "revision": null, "file": null }, "hub": "https://h.example", "token": "t" });
    let run = |event: Value| json!({ "type": "run", "run": 1, "event": event });
    vec![
        json!({ "type": "load", "model": order(json!({ "at": "address", "address": "https://x.example/a.gguf" })), "other": order(picked), "precision": "stored", "device": device }),
        json!({ "type": "load", "model": order(repository), "other": null, "precision": "8", "device": device }),
        json!({ "type": "run", "run": 1, "settings": settings }),
        json!({ "type": "measure", "run": 2, "settings": settings, "measure": settings, "what": { "measure": "picture", "layer": 1, "matrix": "query" } }),
        json!({ "type": "calibrate", "text": "t" }),
        json!({ "type": "use_questions", "questions": [{ "question": "q", "choices": ["a", "b"], "answer": 1, "topic": "" }] }),
        json!({ "type": "use_retrieval_set", "set": { "passages": ["p"], "queries": [["q", 0]] } }),
        json!({ "type": "stop" }),
        json!({ "type": "hello" }),
        json!({ "type": "starting", "received": 1, "total": 2 }),
        json!({ "type": "progress", "received": 1, "total": 2, "kept": 0, "file": "f" }),
        json!({ "type": "notice", "message": "m" }),
        json!({ "type": "too_big", "message": "m", "fits_in_eight_bits": true }),
        run(json!({ "type": "fixed_trajectory", "steps": [] })),
        run(json!({ "type": "working", "what": "w", "done": 1, "total": 2 })),
        run(json!({ "type": "damage", "step": 3, "tokens": [] })),
        run(json!({ "type": "judged", "advice": [] })),
        run(json!({ "type": "measured", "what": { "measure": "choice" } })),
        run(json!({ "type": "failed", "message": "m", "fatal": true })),
        json!({ "type": "stopped" }),
        json!({ "type": "failed", "stage": "load", "message": "m", "fatal": false }),
        json!({ "type": "usage", "memory": 1, "threads": 2 }),
    ]
});

/// Example lines of task sets, as published.
static LINES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    vec![
        json!({ "question": "q", "choices": ["a", "b"], "answer": 1, "topic": "t" }),
        json!({ "question": { "stem": "q", "choices": [{ "label": "A", "text": "a" }, { "label": "B", "text": "b" }] }, "answerKey": "B" }),
        json!({ "question": "q", "choices": { "text": ["a", "b"], "label": ["1", "2"] }, "answerKey": "1" }),
        json!({ "sentence": "a _ b", "option1": "x", "option2": "y", "answer": "1" }),
        json!({ "ctx": "c", "endings": ["a", "b"], "label": "0" }),
        json!({ "goal": "g", "sol1": "a", "sol2": "b", "label": 1 }),
        json!({ "premise": "p", "hypothesis": "h", "label": 0 }),
        json!({ "question": "q", "passage": "p", "answer": true }),
        json!({ "query": "q", "answer": "1" }),
        json!({ "_id": "1", "title": "t", "text": "p" }),
        json!({ "query-id": "1", "corpus-id": "1", "score": 1 }),
        json!({ "prompt": "p", "answers": ["a"], "topic": "t" }),
        json!({ "question": "q", "answer": "a #### 4" }),
    ]
});

/// The input chooses a kind, and what to parse as that kind.
pub fn run(input: &[u8]) {
    let mut bytes = Bytes::new(input);
    match bytes.choose(8) {
        0 | 1 => {
            let base = MESSAGES[bytes.choose(MESSAGES.len())].clone();
            let text = json::changed(&base, &mut bytes, &TEXTS).to_string();
            if let Ok(request) = serde_json::from_str(&text) {
                round_trip(&checked(request));
            }
            if let Ok(event) = serde_json::from_str::<WorkerEvent>(&text) {
                round_trip(&event);
            }
        }
        2 => {
            let base = serde_json::to_value(Settings::example()).expect("settings have JSON");
            let text = json::changed(&base, &mut bytes, &TEXTS).to_string();
            if let Ok(settings) = serde_json::from_str::<Settings>(&text) {
                let (settings, _) = settings.checked();
                round_trip(&settings);
                linked(&settings);
            }
        }
        3 => {
            let mut lines = String::new();
            for _ in 0..1 + bytes.choose(4) {
                let base = LINES[bytes.choose(LINES.len())].clone();
                let length = bytes.choose(32);
                let mut own = Bytes::new(bytes.take(length));
                lines += &(json::changed(&base, &mut own, &TEXTS).to_string() + "\n");
            }
            sets(&lines);
        }
        4 => sets(&String::from_utf8_lossy(bytes.rest())),
        5 => named(&String::from_utf8_lossy(bytes.rest())),
        6 => {
            let _ = Record::parse(bytes.rest(), 48);
        }
        _ => linked(&from_query(&String::from_utf8_lossy(bytes.rest())).0),
    }
}

/// A request as the page sends it, with settings within their limits.
fn checked(request: Request) -> Request {
    match request {
        Request::Run { run, settings } => {
            let (settings, _) = Settings { run: settings, ..Settings::default() }.checked();
            Request::Run { run, settings: settings.run }
        }
        Request::Measure { run, settings, measure, what } => {
            let (settings, _) = Settings { run: settings, measure, ..Settings::default() }.checked();
            Request::Measure { run, settings: settings.run, measure: settings.measure, what }
        }
        other => other,
    }
}

/// Asserts that a message is the same after writing and parsing.
fn round_trip<T: Debug + DeserializeOwned + PartialEq + Serialize>(message: &T) {
    let written = serde_json::to_string(message).expect("what was JSON is written as JSON");
    assert_eq!(serde_json::from_str::<T>(&written).ok().as_ref(), Some(message), "{written}");
}

/// Asserts that settings are the same after a round trip through a link.
fn linked(settings: &Settings) {
    let query = to_query(settings);
    let (again, notices) = from_query(&query);
    assert_eq!((&again, notices), (settings, vec![]), "{query}");
}

/// Parses a text as each kind of task set.
fn sets(text: &str) {
    let (questions, _) = tasks::choice::parse(text);
    for question in questions {
        assert!(
            question.answer < question.choices.len() && question.choices.len() <= tasks::choice::MAX_OPTIONS,
            "{question:?}"
        );
        let _ = (question.letter_prompt(), question.cloze_prompt());
    }
    let (set, _) = tasks::retrieval::parse(text);
    assert!(set.queries.iter().all(|(_, answer)| *answer < set.passages.len()), "{set:?}");
    for set in tasks::GenerativeSet::ALL {
        for task in set.parse(text).0 {
            assert!(!task.answers.is_empty() && set.is_right(&task, &task.answers[0]), "{task:?}");
        }
    }
}

/// Parses a text as the name of a model.
fn named(text: &str) {
    if let Ok(plan) = text.parse::<PruningPlan>() {
        assert_eq!(plan.to_string().parse::<PruningPlan>().as_ref(), Ok(&plan));
    }
    if let ModelSource::Repository(name) = ModelSource::parse(text) {
        let _ = (name.listing_address("https://hub.example"), name.file_address("https://hub.example", text));
    }
    if let Ok(manifest) = Manifest::parse(text) {
        assert!(!manifest.parts.is_empty());
    }
    if let Ok(files) = parse_listing(text) {
        let _ = (select(&files, None), select(&files, Some("Q4")));
    }
    if let Ok(template) = ChatTemplate::new(text) {
        let _ = template.render("Hi", &Default::default());
    }
}
