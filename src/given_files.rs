//! Recognises files that the visitor drops on the page or picks, by their first bytes; names are only a fallback.
//!
//! [`sort`] decides where each file of a drop goes; the page reads the bytes and puts it there.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::session_file;
use prunescope_localization::tr;
use prunescope_protocol::model::repository::MAX_SAFETENSORS_HEADER_BYTES as MAX_HEADER_BYTES;
use prunescope_protocol::prune::plan_file;
use prunescope_protocol::tasks::{MAX_LINES, choice, retrieval};
use prunescope_protocol::trace;

/// Bytes read from the beginning of each file: enough for the longest lines of common task sets.
pub const HEAD_BYTES: usize = 256 << 10;

/// A file's name, size and beginning.
#[derive(Clone, Debug)]
pub struct GivenFile {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its first [`HEAD_BYTES`] bytes, or all of them if there are fewer.
    pub head: Vec<u8>,
}

/// A kind of task set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskSet {
    /// Multiple-choice questions.
    Questions,
    /// Passages and queries.
    Passages,
}

/// What a file contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Weights, under the name (with ending) by which the loader recognises the format.
    Weights(String),
    /// A text file that describes a safetensors model, such as `config.json`, under its usual name.
    Description(&'static str),
    /// Lists of dropped layers.
    Plan {
        /// Whether it describes a model, too: then it is the `config.json` of a model with dropped layers.
        describes: bool,
    },
    /// A recorded run, perhaps compressed by gzip.
    Trace,
    /// A task set, as JSON lines.
    TaskSet(TaskSet),
    /// Something else: a sentence that says what.
    Unknown(String),
}

/// Where the files of a drop go. Each file appears in exactly one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Files that make a model, weights first: index in the drop, and the name by which the loader recognises it.
    pub model: Vec<(usize, String)>,
    /// Index of the plan file.
    pub plan: Option<usize>,
    /// Index of the recorded run, which is shown in place of everything else.
    pub trace: Option<usize>,
    /// Indices of question sets.
    pub questions: Vec<usize>,
    /// Indices of passage sets.
    pub passages: Vec<usize>,
    /// Sentences about the remaining files.
    pub sentences: Vec<String>,
}

/// Decides where each file goes.
///
/// * `expected`: the set that the visitor was asked for, if any. It decides where a file can be read as either set, and a text that
///   is not recognised as anything else counts as that set, so that its wrong lines are reported.
pub fn sort(files: &[GivenFile], expected: Option<TaskSet>) -> Sorted {
    let mut sorted = Sorted::default();
    let kinds: Vec<Kind> = files.iter().map(|file| kind(file, expected)).collect();
    let has_weights = kinds.iter().any(|kind| matches!(kind, Kind::Weights(_)));
    let (mut descriptions, mut beside) = (vec![], vec![]);
    for (at, (file, kind)) in files.iter().zip(kinds).enumerate() {
        match kind {
            Kind::Weights(name) => sorted.model.push((at, name)),
            Kind::Description(name) if has_weights => descriptions.push((at, name.to_string())),
            // Beside weights it is about them; alone it says what to drop from the loaded model.
            Kind::Plan { describes: true } if has_weights => descriptions.push((at, "config.json".into())),
            Kind::Plan { .. } if sorted.plan.is_none() => sorted.plan = Some(at),
            Kind::Plan { .. } => sorted.sentences.push(tr!(files_another_plan, file = &file.name)),
            Kind::Trace if sorted.trace.is_none() => sorted.trace = Some(at),
            Kind::Trace => sorted.sentences.push(tr!(files_another_run, file = &file.name)),
            Kind::TaskSet(TaskSet::Questions) => sorted.questions.push(at),
            Kind::TaskSet(TaskSet::Passages) => sorted.passages.push(at),
            Kind::Unknown(_) if has_weights => beside.push(file.name.as_str()),
            Kind::Description(_) => sorted.sentences.push(model_stays(&tr!(files_no_weights, file = &file.name))),
            Kind::Unknown(what) => sorted.sentences.push(model_stays(&what)),
        }
    }
    sorted.model.extend(descriptions);
    // Models come with files that are not needed here, such as their README.
    if !beside.is_empty() {
        sorted.sentences.push(tr!(files_left_alone, files = beside.join(", ")));
    }
    sorted
}

/// A sentence on a file that is not used, and that it changes nothing.
fn model_stays(sentence: &str) -> String {
    format!("{sentence} {}", tr!(files_model_stays))
}

/// Whether a file is UTF-8 text without NUL characters.
pub fn is_text(file: &GivenFile) -> bool {
    !file.head.is_empty() && as_text(&file.head, file.head.len() as u64 >= file.bytes).is_some()
}

/// Recognises a file.
fn kind(file: &GivenFile, expected: Option<TaskSet>) -> Kind {
    let head = &file.head[..];
    let has_ending = |ending: &str| file.name.to_lowercase().ends_with(ending);
    let named = |ending: &str| if has_ending(ending) { file.name.clone() } else { format!("{}{ending}", file.name) };
    if head.starts_with(b"GGUF") {
        return Kind::Weights(named(".gguf"));
    }
    if is_safetensors(file) {
        return Kind::Weights(named(".safetensors"));
    }
    // Whether it is one shows when it is uncompressed.
    if head.starts_with(b"\x1f\x8b") && has_ending(".json.gz") {
        return Kind::Trace;
    }
    if let Some(what) = other_format(file) {
        return Kind::Unknown(what);
    }
    let whole = head.len() as u64 >= file.bytes;
    let Some(text) = as_text(head, whole) else {
        // A damaged file of weights, or one of an unknown version: the loader reports what is wrong.
        return if has_ending(".gguf") || has_ending(".safetensors") {
            Kind::Weights(file.name.clone())
        } else {
            Kind::Unknown(tr!(files_unknown, file = &file.name))
        };
    };
    if session_file::is_session(text) {
        return Kind::Trace;
    }
    if let Some(kind) = set(&file.name, text, whole, expected) {
        return kind;
    }
    if let Some(kind) = top_level_keys(text).and_then(|keys| of_object(&file.name, &keys)) {
        return kind;
    }
    if has_ending(".jinja") && (text.contains("{%") || text.contains("{{")) {
        return Kind::Description("chat_template.jinja");
    }
    if has_ending(".gguf") || has_ending(".safetensors") {
        return Kind::Weights(file.name.clone());
    }
    if let Some(expected) = expected {
        return Kind::TaskSet(expected);
    }
    Kind::Unknown(match text.trim_start().chars().next() {
        Some('[') => tr!(files_json_list, file = &file.name),
        Some('{') => tr!(files_json, file = &file.name),
        Some('<') => tr!(files_web_page, file = &file.name),
        _ => tr!(files_text, file = &file.name),
    })
}

/// A safetensors file begins with the length of its header, which is a JSON object.
fn is_safetensors(file: &GivenFile) -> bool {
    let Some((length, header)) = file.head.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    header.first() == Some(&b'{') && (2..=MAX_HEADER_BYTES.min(file.bytes.saturating_sub(8))).contains(&length)
}

/// A sentence on a file of another format, which its first bytes tell.
fn other_format(file: &GivenFile) -> Option<String> {
    let name = &file.name;
    Some(match &file.head[..] {
        [] => tr!(files_empty, file = name),
        [b'P', b'K', 0x03, 0x04, ..] => tr!(files_zip, file = name),
        [0x80, 0x02..=0x04, ..] => tr!(files_pickle, file = name),
        [0x1f, 0x8b, ..] => tr!(files_gzip, file = name),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => tr!(files_zstd, file = name),
        [b'P', b'A', b'R', b'1', ..] => tr!(files_parquet, file = name),
        [b'l', b'm', b'g', b'g', ..] | [b't', b'j', b'g', b'g', ..] => tr!(files_before_gguf, file = name),
        [b'%', b'P', b'D', b'F', ..] => tr!(files_pdf, file = name),
        _ => return None,
    })
}

/// The beginning as text; none if it is not UTF-8 or has a NUL. A character cut off at the end is dropped.
fn as_text(head: &[u8], whole: bool) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if !whole && error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    (!text.contains('\0')).then_some(text)
}

/// Recognises a task set by parsing it: the expected kind if any line fits it; otherwise the kind that more of the complete lines fit.
/// Ties count as questions, since a question with its passage can be read as both.
fn set(name: &str, text: &str, whole: bool, expected: Option<TaskSet>) -> Option<Kind> {
    let lines = if whole { text } else { &text[..text.rfind('\n')? + 1] };
    let questions = choice::parse(lines).0.len();
    let (found, errors) = retrieval::parse(lines);
    let count = lines.lines().filter(|line| !line.trim().is_empty()).take(MAX_LINES).count();
    let of_passages = count.saturating_sub(errors.len());
    // The queries may come later in the file.
    let ranks = !found.passages.is_empty() && (!whole || !found.queries.is_empty());
    Some(match expected {
        Some(TaskSet::Questions) if questions > 0 => Kind::TaskSet(TaskSet::Questions),
        Some(TaskSet::Passages) if ranks => Kind::TaskSet(TaskSet::Passages),
        _ if questions > 0 && (questions >= of_passages || !ranks) => Kind::TaskSet(TaskSet::Questions),
        _ if ranks => Kind::TaskSet(TaskSet::Passages),
        _ if found.passages.is_empty() => return None,
        _ => Kind::Unknown(tr!(files_no_queries, file = name)),
    })
}

/// What a JSON object is, by its keys; none if it is not recognised.
fn of_object(name: &str, keys: &[String]) -> Option<Kind> {
    let has = |key: &str| keys.iter().any(|other| other == key);
    let is_config = has("model_type") || has("architectures");
    Some(if has(trace::KEY) {
        Kind::Trace
    } else if has("prompt_ids") && has("settings") {
        Kind::Unknown(tr!(files_results, file = name))
    } else if has("parts") && has("sha256") {
        Kind::Unknown(tr!(files_parts, file = name))
    } else if has("weight_map") {
        Kind::Description("model.safetensors.index.json")
    } else if has("added_tokens") && ["model", "normalizer", "pre_tokenizer", "truncation"].into_iter().any(has) {
        Kind::Description("tokenizer.json")
    } else if plan_file::LISTS.into_iter().any(has) {
        Kind::Plan { describes: is_config }
    } else if is_config {
        Kind::Description("config.json")
    } else if has("tokenizer_class") || has("added_tokens_decoder") || has("chat_template") {
        Kind::Description("tokenizer_config.json")
    } else if has("_from_model_config") || (has("eos_token_id") && (has("transformers_version") || has("bos_token_id")))
    {
        Kind::Description("generation_config.json")
    } else {
        return None;
    })
}

/// The keys of the JSON object that a text begins with, as far as the text goes; none if there are none.
fn top_level_keys(text: &str) -> Option<Vec<String>> {
    struct Keys<'a>(&'a mut Vec<String>);
    impl<'de> Visitor<'de> for Keys<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<String>()? {
                self.0.push(key);
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }
    let mut keys = vec![];
    // The text may end within the object; the keys read so far are kept.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(Keys(&mut keys));
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(name: &str, content: impl AsRef<[u8]>) -> GivenFile {
        let content = content.as_ref();
        let head = content[..content.len().min(HEAD_BYTES)].to_vec();
        GivenFile { name: name.into(), bytes: content.len() as u64, head }
    }

    fn safetensors() -> Vec<u8> {
        let header = br#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat()
    }

    const QUESTION: &str = r#"{"question":"Where do fish swim?","choices":["river","town"],"answer":0}"#;
    const PASSAGES: &str = "{\"id\":1,\"passage\":\"A fox swims.\"}\n{\"query\":\"Who swims?\",\"answer\":1}\n";

    const QUESTIONS: Kind = Kind::TaskSet(TaskSet::Questions);
    const PASSAGES_KIND: Kind = Kind::TaskSet(TaskSet::Passages);

    fn told(file: &GivenFile) -> Kind {
        kind(file, None)
    }

    fn weights(name: &str) -> Kind {
        Kind::Weights(name.into())
    }

    #[test]
    fn content_tells_whatever_the_name_says() {
        for name in ["a.gguf", "a.bin", "questions.jsonl", ""] {
            assert!(matches!(told(&file(name, b"GGUF\x03\0\0\0")), Kind::Weights(name) if name.ends_with(".gguf")));
            assert_eq!(told(&file(name, QUESTION)), QUESTIONS, "{name}");
            assert_eq!(told(&file(name, PASSAGES)), PASSAGES_KIND, "{name}");
            assert_eq!(
                told(&file(name, r#"{"model_type":"llama","hidden_size":4}"#)),
                Kind::Description("config.json")
            );
        }
        assert_eq!(told(&file("x", safetensors())), weights("x.safetensors"));
        assert_eq!(told(&file("Model.SafeTensors", safetensors())), weights("Model.SafeTensors"));
    }

    #[test]
    fn sets_of_every_form() {
        let long = format!("{}\n", QUESTION.replace("fish", &"fish ".repeat(2000))).repeat(100);
        assert!(long.len() > HEAD_BYTES);
        for (text, expected) in [
            (choice::BUILT_IN, QUESTIONS),
            (retrieval::BUILT_IN, PASSAGES_KIND),
            (&long, QUESTIONS),
            // BoolQ questions have a passage, too.
            (r#"{"question":"Is snow cold?","passage":"Snow is ice.","answer":true}"#, QUESTIONS),
            (r#"{"query":"Who swims?","positive":"A fox swims."}"#, PASSAGES_KIND),
            // A few unusable lines change nothing.
            (&format!("broken\n{QUESTION}\n{{}}\n"), QUESTIONS),
            (&format!("\u{feff}{QUESTION}"), QUESTIONS),
            (&format!("{QUESTION}\r\n{QUESTION}\r\n"), QUESTIONS),
        ] {
            assert_eq!(told(&file("x", text)), expected, "{}", &text[..text.len().min(80)]);
        }
    }

    #[test]
    fn a_long_set_of_passages_is_known_before_its_queries_come() {
        let passage = format!("{{\"id\":1,\"passage\":\"{}\"}}\n", "A fox swims. ".repeat(1000));
        let text = passage.repeat(40) + "{\"query\":\"Who swims?\",\"answer\":1}\n";
        assert!(text.len() > HEAD_BYTES);
        assert_eq!(told(&file("x", text)), PASSAGES_KIND);
    }

    #[test]
    fn what_is_unknown_is_named() {
        let results = r#"{"model":{"name":"x"},"backend":"cpu","settings":{},"prompt_ids":[1],"next_token":{}}"#;
        let whole_config = r#"{"weights":1}"#;
        for (content, says) in [
            (results.as_bytes(), "results that this page saved"),
            (b"", "is empty"),
            (b"PK\x03\x04rest", "PyTorch"),
            (b"\x80\x02}q", "pickle"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"lmgg\x01", "before GGUF"),
            (b"<!doctype html>", "page of the web"),
            (b"[{\"question\":1}]", "JSON list"),
            (whole_config.as_bytes(), "neither questions nor passages"),
            (b"Once upon a time", "Calibration text"),
            (b"\xff\xd8\xff\xe0", "no file that this page can read"),
            (br#"{"name":"t","sha256":"x","parts":[]}"#, "lists the parts"),
            (br#"{"_id":"1","text":"A fox swims."}"#, "no queries"),
        ] {
            let sorted = sort(&[file("some.gguf.txt", content)], None);
            assert_eq!((sorted.model.len(), sorted.questions.len(), sorted.passages.len()), (0, 0, 0));
            let [sentence] = &sorted.sentences[..] else { panic!("{sorted:?}") };
            assert!(sentence.starts_with("some.gguf.txt ") && sentence.contains(says), "{sentence}");
            assert!(sentence.ends_with("The model stays as it is."), "{sentence}");
        }
    }

    #[test]
    fn a_damaged_file_of_weights_is_for_the_loader_to_name() {
        assert_eq!(told(&file("a.gguf", b"\xff\xfe\x00damaged")), weights("a.gguf"));
        assert_eq!(told(&file("a.safetensors", b"not a header at all")), weights("a.safetensors"));
        assert_eq!(told(&file("a.gguf", QUESTION)), QUESTIONS);
    }

    #[test]
    fn a_mixed_drop_does_both() {
        let files = [
            file("q.txt", QUESTION),
            file("model (1)", safetensors()),
            file("config (2).json", r#"{"architectures":["LlamaForCausalLM"],"model_type":"llama"}"#),
            file("tok.json", r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"model":{}}"#),
            file("t.json", r#"{"tokenizer_class":"X","chat_template":"{{ x }}"}"#),
            file("g.json", r#"{"bos_token_id":1,"eos_token_id":2}"#),
            file("i.json", r#"{"metadata":{},"weight_map":{}}"#),
            file("my.jinja", "{% for x in y %}{{ x }}{% endfor %}"),
            file("README.md", "# A model"),
            file("p.jsonl", PASSAGES),
        ];
        let sorted = sort(&files, None);
        let model: Vec<(usize, &str)> = sorted.model.iter().map(|(at, name)| (*at, name.as_str())).collect();
        assert_eq!(
            model,
            [
                (1, "model (1).safetensors"),
                (2, "config.json"),
                (3, "tokenizer.json"),
                (4, "tokenizer_config.json"),
                (5, "generation_config.json"),
                (6, "model.safetensors.index.json"),
                (7, "chat_template.jinja")
            ]
        );
        assert_eq!((&sorted.questions[..], &sorted.passages[..]), (&[0][..], &[9][..]));
        assert_eq!(sorted.sentences, ["Not needed beside the weights, and left alone: README.md."]);
        // The description alone is no model.
        let alone = sort(&files[2..3], None);
        assert!(alone.model.is_empty() && alone.sentences[0].contains("weights are not among the files"), "{alone:?}");
    }

    #[test]
    fn a_recorded_run_is_shown_whatever_comes_with_it() {
        let text = r#"{"prunescope_trace": 1, "program": "0.1.0", "model": {"model_type": "llama"}"#;
        assert_eq!(told(&file("x.json", text)), Kind::Trace);
        assert_eq!(told(&file("x.json.gz", b"\x1f\x8b\x08")), Kind::Trace);
        assert_eq!(
            told(&file("saved page.html", format!("<!doctype html><script id=\"prunescope-trace\">{text}"))),
            Kind::Trace
        );
        assert!(matches!(told(&file("x.tar.gz", b"\x1f\x8b\x08")), Kind::Unknown(_)));
        let sorted = sort(&[file("a.json", text), file("b.json", text)], None);
        assert_eq!((sorted.trace, sorted.sentences.len()), (Some(0), 1));
    }

    const PLAN: &str = "{\n  \"drop_attn_list\": [7, 26],\n  \"drop_mlp_list\": []\n}";
    const DROPPED_MODEL: &str =
        r#"{"architectures":["MistralForCausalLM"],"drop_attn_list":[1],"model_type":"mistral"}"#;

    #[test]
    fn a_plan_is_told_from_a_models_description() {
        assert_eq!(told(&file("config.json", PLAN)), Kind::Plan { describes: false });
        assert_eq!(
            told(&file("anything", plan_file::write(&"a7,m3_wanda-0.5".parse().unwrap()))),
            Kind::Plan { describes: false }
        );
        assert_eq!(told(&file("plan.json", DROPPED_MODEL)), Kind::Plan { describes: true });
        // A model without dropped layers is no plan, whatever its file is called.
        assert_eq!(told(&file("plan.json", r#"{"model_type":"llama"}"#)), Kind::Description("config.json"));
        for expected in [TaskSet::Questions, TaskSet::Passages] {
            assert_eq!(kind(&file("x", PLAN), Some(expected)), Kind::Plan { describes: false });
        }
        let weights = || file("model", safetensors());
        let sorted = sort(&[file("a", PLAN), weights()], None);
        assert_eq!((sorted.plan, sorted.model.len()), (Some(0), 1), "a plan beside a model applies to it");
        let sorted = sort(&[file("a", DROPPED_MODEL), weights()], None);
        assert_eq!(
            (sorted.plan, sorted.model[1].clone()),
            (None, (0, "config.json".into())),
            "a model's own description"
        );
        let sorted = sort(&[file("a", DROPPED_MODEL)], None);
        assert!(sorted.plan == Some(0) && sorted.sentences.is_empty(), "alone it is what to drop");
        let sorted = sort(&[file("a", PLAN), file("b", PLAN)], None);
        assert!(sorted.plan == Some(0) && sorted.sentences[0].starts_with("b is another plan"), "{sorted:?}");
    }

    #[test]
    fn what_is_expected_wins_where_it_can_be() {
        let both = file("x", r#"{"question":"Is snow cold?","passage":"Snow is ice.","answer":true}"#);
        assert_eq!(kind(&both, Some(TaskSet::Passages)), PASSAGES_KIND);
        for expected in [TaskSet::Questions, TaskSet::Passages] {
            // The other set, a model or binary data still goes where it belongs.
            assert_eq!(kind(&file("x", QUESTION), Some(expected)), QUESTIONS);
            assert_eq!(kind(&file("x", PASSAGES), Some(expected)), PASSAGES_KIND);
            assert_eq!(kind(&file("x", b"GGUF"), Some(expected)), weights("x.gguf"));
            assert!(matches!(kind(&file("x", b"\x80\x02"), Some(expected)), Kind::Unknown(_)));
            // Any other text counts as the expected set, so that its lines are reported.
            assert_eq!(kind(&file("x", "{}"), Some(expected)), Kind::TaskSet(expected));
            assert_eq!(kind(&file("x", "some text"), Some(expected)), Kind::TaskSet(expected));
        }
    }

    #[test]
    fn a_long_tokenizer_is_known_by_its_beginning() {
        let mut text = String::from(
            r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"model":{"vocab":{"#,
        );
        for at in 0..40_000 {
            text.push_str(&format!("\"token{at}\":{at},"));
        }
        text.push_str("\"end\":1}}}");
        assert!(text.len() > HEAD_BYTES);
        assert_eq!(told(&file("x", text)), Kind::Description("tokenizer.json"));
    }

    proptest! {
        /// Every file is handled exactly once: it goes somewhere, or a sentence names it.
        #[test]
        fn every_file_is_told_of_once(contents in proptest::collection::vec(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..60),
            "\\PC{0,60}".prop_map(String::into_bytes),
            Just(QUESTION.as_bytes().to_vec()), Just(PASSAGES.as_bytes().to_vec()), Just(safetensors()),
            Just(br#"{"model_type":"llama"}"#.to_vec()), Just(PLAN.as_bytes().to_vec()), Just(DROPPED_MODEL.as_bytes().to_vec()),
        ], 0..6)) {
            let files: Vec<GivenFile> = contents.iter().enumerate().map(|(at, content)| file(&format!("file{at}."), content)).collect();
            let sorted = sort(&files, None);
            let sentences = sorted.sentences.join(" ");
            for at in 0..files.len() {
                let went = sorted.model.iter().filter(|(place, _)| *place == at).count()
                    + sorted.questions.iter().chain(&sorted.passages).chain(&sorted.plan).filter(|place| **place == at).count();
                let named = usize::from(sentences.contains(&format!("file{at}.")));
                prop_assert_eq!(went + named, 1, "file{} in {:?}", at, sorted);
            }
        }

        /// Cutting a long set anywhere does not change what it is recognised as.
        #[test]
        fn the_beginning_of_a_set_is_enough(cut in 120usize..4000) {
            for (text, expected) in [(choice::BUILT_IN, QUESTIONS), (retrieval::BUILT_IN, PASSAGES_KIND)] {
                let head = text.as_bytes()[..cut.max(text.find('\n').unwrap() + 1)].to_vec();
                prop_assert_eq!(told(&GivenFile { name: "x".into(), bytes: text.len() as u64, head }), expected);
            }
        }
    }
}
