//! Parser for a repository's `tokenizer.json`.
//!
//! The `tokenizers` crate panics on some malformed documents (found by fuzzing and by an audit), and follows training
//! settings that transformers resets. So the document is parsed into the types below, and only these are serialized
//! again for the crate. Source of the format: the `tokenizers` crate, `tokenizer/serialization.rs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokenizers::Tokenizer;

/// A tokenizer, and the tokens added around every text.
pub(crate) struct HubTokenizer {
    /// Converts text to ids and back, without adding tokens around it.
    pub tokenizer: Tokenizer,
    /// Tokens added before and after a text.
    pub around: Around,
    /// Tokens whose id differs from the document's: the crate numbers added tokens from the end of the vocabulary.
    pub renumbered: Vec<String>,
}

/// Ids of tokens added before and after a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Around {
    /// Before the text.
    pub before: Vec<u32>,
    /// After the text.
    pub after: Vec<u32>,
}

/// The document. Padding and truncation are ignored: transformers resets both for a plain call.
#[derive(Deserialize, Serialize)]
struct Document<'a> {
    version: Option<String>,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Option<Normalizer>,
    pre_tokenizer: Option<PreTokenizer>,
    #[serde(skip_serializing)]
    post_processor: Option<PostProcessor>,
    decoder: Option<Decoder>,
    #[serde(borrow)]
    model: Model<'a>,
}

/// A token that is matched before the model splits a text.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub(crate) struct AddedToken {
    /// Its id; [`NO_ID`] if there is none, 0 if the document does not state it.
    #[serde(default)]
    pub id: u32,
    /// Its text.
    pub content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
    /// Whether it is a control token.
    #[serde(default)]
    pub special: bool,
}

/// What a repository's other files state about its tokenizer.
#[derive(Default)]
pub(crate) struct Additions {
    /// Added tokens in the order of their ids. Their flags replace those of the document's token with the same text;
    /// others are added.
    pub listed: Vec<AddedToken>,
    /// Texts of special tokens; those that the document does not have are added.
    pub special: Vec<String>,
    /// Replaces the byte-level pre-tokenizer's `add_prefix_space`, if stated.
    pub add_prefix_space: Option<bool>,
}

impl Additions {
    /// Adds them to a document, in the order of transformers (`TokenizersBackend.__init__`).
    fn apply(self, document: &mut Document<'_>) {
        let tokens = &mut document.added_tokens;
        for token in self.listed {
            match tokens.iter_mut().find(|known| known.content == token.content) {
                Some(known) => *known = AddedToken { id: known.id, ..token },
                None => tokens.push(token),
            }
        }
        for content in self.special {
            if !tokens.iter().any(|known| known.content == content) {
                tokens.push(AddedToken {
                    id: NO_ID,
                    content,
                    single_word: false,
                    lstrip: false,
                    rstrip: false,
                    normalized: false,
                    special: true,
                });
            }
        }
        if let (Some(adds), Some(PreTokenizer::ByteLevel(bytes))) = (self.add_prefix_space, &mut document.pre_tokenizer)
        {
            bytes.add_prefix_space = adds;
        }
    }
}

/// Id of an added token for which no file states one; the crate gives it the next one.
const NO_ID: u32 = u32::MAX;

/// The model. Vocabulary and merges are passed on unparsed: the crate reports errors in both without a panic.
#[derive(Deserialize, Serialize)]
struct Model<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    vocab: &'a RawValue,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    merges: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unk_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unk_id: Option<usize>,
    /// Rejected unless empty: the crate panics if it is longer than a merge, and no supported family has one.
    #[serde(skip_serializing)]
    continuing_subword_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_of_word_suffix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fuse_unk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte_fallback: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_merges: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum Normalizer {
    Sequence {
        normalizers: Vec<Normalizer>,
    },
    #[serde(rename = "NFC")]
    Nfc,
    #[serde(rename = "NFD")]
    Nfd,
    #[serde(rename = "NFKC")]
    Nfkc,
    #[serde(rename = "NFKD")]
    Nfkd,
    Lowercase,
    StripAccents,
    Strip {
        strip_left: bool,
        strip_right: bool,
    },
    Prepend {
        prepend: String,
    },
    Replace {
        pattern: Literal,
        content: String,
    },
}

/// A pattern that is a plain text. A regular expression is not accepted here: it can fail for some texts, and the crate
/// then panics.
#[derive(Deserialize, Serialize)]
enum Literal {
    String(String),
}

#[derive(Deserialize, Serialize)]
enum Pattern {
    String(String),
    Regex(String),
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum PreTokenizer {
    Sequence {
        pretokenizers: Vec<PreTokenizer>,
    },
    ByteLevel(ByteLevel),
    Split {
        pattern: Pattern,
        behavior: Behavior,
        #[serde(default)]
        invert: bool,
    },
    Digits {
        individual_digits: bool,
    },
    Punctuation {
        #[serde(default)]
        behavior: Behavior,
    },
    Metaspace(Metaspace),
    Whitespace,
    WhitespaceSplit,
}

#[derive(Default, Deserialize, Serialize)]
enum Behavior {
    Removed,
    #[default]
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

#[derive(Deserialize, Serialize)]
struct ByteLevel {
    #[serde(default = "yes")]
    add_prefix_space: bool,
    #[serde(default = "yes")]
    trim_offsets: bool,
    #[serde(default = "yes")]
    use_regex: bool,
}

#[derive(Deserialize, Serialize)]
struct Metaspace {
    replacement: char,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_prefix_space: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prepend_scheme: Option<PrependScheme>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum PrependScheme {
    First,
    Never,
    Always,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum Decoder {
    Sequence { decoders: Vec<Decoder> },
    ByteLevel(ByteLevel),
    Metaspace(Metaspace),
    ByteFallback,
    Fuse,
    Strip { content: char, start: usize, stop: usize },
    Replace { pattern: Literal, content: String },
}

/// The tokens added around a text.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum PostProcessor {
    Sequence {
        processors: Vec<PostProcessor>,
    },
    TemplateProcessing {
        single: Vec<Piece>,
        special_tokens: BTreeMap<String, SpecialToken>,
    },
    RobertaProcessing {
        sep: (String, u32),
        cls: (String, u32),
    },
    BertProcessing {
        sep: (String, u32),
        cls: (String, u32),
    },
    /// Only maps tokens to characters; adds nothing.
    ByteLevel {},
}

#[derive(Deserialize)]
enum Piece {
    Sequence { id: String },
    SpecialToken { id: String },
}

#[derive(Deserialize)]
struct SpecialToken {
    ids: Vec<u32>,
}

fn yes() -> bool {
    true
}

impl PostProcessor {
    /// Adds this processor's tokens around those of an inner processor.
    fn around(&self, inner: Around) -> Result<Around, String> {
        let Around { mut before, mut after } = inner;
        match self {
            Self::ByteLevel {} => {}
            Self::Sequence { processors } => {
                return processors
                    .iter()
                    .try_fold(Around { before, after }, |inner, processor| processor.around(inner));
            }
            Self::RobertaProcessing { sep, cls } | Self::BertProcessing { sep, cls } => {
                before.insert(0, cls.1);
                after.push(sep.1);
            }
            Self::TemplateProcessing { single, special_tokens } => {
                let mut first = vec![];
                let mut seen = false;
                for piece in single {
                    match piece {
                        Piece::Sequence { id } if id == "A" && !seen => seen = true,
                        Piece::Sequence { .. } => return Err("the template around a text names a second text".into()),
                        Piece::SpecialToken { id } => {
                            let token = special_tokens.get(id);
                            let token = token.ok_or_else(|| {
                                format!("the template around a text names {id:?}, which it does not give")
                            })?;
                            if seen { after.extend(&token.ids) } else { first.extend(&token.ids) }
                        }
                    }
                }
                first.extend(before);
                before = first;
            }
        }
        Ok(Around { before, after })
    }
}

/// Largest factor by which the normalizer or the decoder may lengthen a text.
const MOST_GROWTH: f64 = 1000.0;

/// Largest factor by which a replacement lengthens a text.
fn growth(Literal::String(pattern): &Literal, content: &str) -> f64 {
    match pattern.len() {
        // An empty pattern matches between all characters.
        0 => 1.0 + content.len() as f64,
        length => (content.len() as f64 / length as f64).max(1.0),
    }
}

/// Checks that a text does not become too long.
fn check_growth(what: &str, times: f64) -> Result<(), String> {
    if times > MOST_GROWTH {
        return Err(format!(
            "its {what} may make a text {times:.0} times longer, where {MOST_GROWTH} times is the most"
        ));
    }
    Ok(())
}

impl Normalizer {
    /// Largest factor by which its replacements lengthen a text.
    fn growth(&self) -> f64 {
        match self {
            Self::Sequence { normalizers } => normalizers.iter().map(Self::growth).product(),
            Self::Replace { pattern, content } => growth(pattern, content),
            _ => 1.0,
        }
    }
}

impl Decoder {
    /// Largest factor by which its replacements lengthen a text.
    fn growth(&self) -> f64 {
        match self {
            Self::Sequence { decoders } => decoders.iter().map(Self::growth).product(),
            Self::Replace { pattern, content } => growth(pattern, content),
            _ => 1.0,
        }
    }

    /// Checks that the crate cannot panic: stripping the end of a text fails if no character is left.
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Sequence { decoders } => decoders.iter().try_for_each(Self::check),
            Self::Strip { stop: 1.., .. } => Err("it has a decoder that strips the end of texts".into()),
            _ => Ok(()),
        }
    }
}

/// Parses a `tokenizer.json`.
///
/// * `additions` — what other files of the repository state.
///
/// # Errors
/// What is wrong with it: not JSON, an unsupported part, or parts that do not fit together.
pub(crate) fn read(text: &str, additions: Additions) -> Result<HubTokenizer, String> {
    let mut document: Document<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if document.version.as_ref().is_some_and(|version| version != "1.0") {
        return Err(format!("its version is {}, where 1.0 is read", document.version.unwrap_or_default()));
    }
    let model = &mut document.model;
    if model.continuing_subword_prefix.as_ref().is_some_and(|prefix| !prefix.is_empty()) {
        return Err("its model has a `continuing_subword_prefix`".into());
    }
    match model.kind.as_deref() {
        Some("BPE" | "Unigram" | "WordLevel") => {}
        // Older versions wrote no type.
        None if model.merges.is_some() => model.kind = Some("BPE".into()),
        None if model.vocab.get().starts_with('[') => model.kind = Some("Unigram".into()),
        other => return Err(format!("its model is of the type {}", other.unwrap_or("unknown"))),
    }
    if model.kind.as_deref() == Some("Unigram") && model.unk_id.is_none() {
        model.unk_token = None;
    }
    document.decoder.as_ref().map_or(Ok(()), Decoder::check)?;
    check_growth("normalizer", document.normalizer.as_ref().map_or(1.0, Normalizer::growth))?;
    check_growth("decoder", document.decoder.as_ref().map_or(1.0, Decoder::growth))?;
    let around = document
        .post_processor
        .as_ref()
        .map_or(Ok(Around::default()), |processor| processor.around(Around::default()))?;
    document.version = Some("1.0".into());
    additions.apply(&mut document);
    let known = serde_json::to_string(&document).map_err(|error| error.to_string())?;
    let tokenizer: Tokenizer = known.parse().map_err(|error: tokenizers::Error| error.to_string())?;
    let renumbered =
        document.added_tokens.iter().filter(|token| tokenizer.token_to_id(&token.content) != Some(token.id));
    let renumbered = renumbered.filter(|token| token.id != NO_ID && !token.content.is_empty());
    let renumbered = renumbered.map(|token| token.content.clone()).collect();
    Ok(HubTokenizer { tokenizer, around, renumbered })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn small() -> Value {
        json!({
            "version": "1.0",
            "truncation": { "direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 7 },
            "padding": { "strategy": { "Fixed": 400_000_000u64 }, "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "a" },
            "added_tokens": [{ "id": 4, "content": "<s>", "special": true }],
            "normalizer": { "type": "Replace", "pattern": { "String": " " }, "content": "b" },
            "pre_tokenizer": null,
            "post_processor": { "type": "TemplateProcessing", "pair": [], "special_tokens": { "<s>": { "id": "<s>", "ids": [4], "tokens": ["<s>"] } },
                "single": [{ "SpecialToken": { "id": "<s>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }] },
            "decoder": { "type": "Strip", "content": "a", "start": 1, "stop": 0 },
            "model": { "type": "BPE", "dropout": 0.5, "vocab": { "a": 0, "b": 1, "ab": 2, "<s>": 4 }, "merges": ["a b"], "continuing_subword_prefix": "" }
        })
    }

    fn error(document: &Value) -> String {
        read(&document.to_string(), Additions::default()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn a_text_does_not_grow_without_bounds() {
        let replace = |pattern: &str, content: &str| json!({ "type": "Replace", "pattern": { "String": pattern }, "content": content });
        let with = |part: &str, kind: &str, list: &str, steps: Vec<Value>| {
            let mut document = small();
            document[part] = json!({ "type": kind, list: steps });
            read(&document.to_string(), Additions::default()).map(|_| ())
        };
        let doubled = |times| vec![replace("a", "aa"); times];
        for (part, list) in [("normalizer", "normalizers"), ("decoder", "decoders")] {
            assert_eq!(with(part, "Sequence", list, doubled(9)), Ok(()));
            let why = with(part, "Sequence", list, doubled(30)).unwrap_err();
            assert_eq!(
                why,
                format!("its {part} may make a text 1073741824 times longer, where 1000 times is the most")
            );
            assert!(with(part, "Sequence", list, vec![replace("", &"x".repeat(1000))]).is_err());
            // A replacement that shortens does not compensate: its pattern may not occur in the text.
            let steps = [doubled(30), vec![replace("ccc", ""); 30]].concat();
            assert!(with(part, "Sequence", list, steps).is_err());
        }
        // As SentencePiece's tokenizers do.
        assert_eq!(with("normalizer", "Sequence", "normalizers", vec![replace(" ", "▁")]), Ok(()));
    }

    #[test]
    fn a_text_is_neither_cut_nor_padded() {
        let read = read(&small().to_string(), Additions::default()).unwrap();
        let encode = |text: &str| read.tokenizer.encode(text, true).unwrap().get_ids().to_vec();
        assert_eq!(encode("ab ab ab"), [2, 1, 2, 1, 2], "and never at random");
        assert_eq!(encode("a<s>b"), [0, 4, 1]);
        assert_eq!(read.around, Around { before: vec![4], after: vec![] });
        assert_eq!(read.renumbered, Vec::<String>::new());
    }

    #[test]
    fn tokens_of_other_files_are_added() {
        let token = |content: &str, id: u32, rstrip: bool| AddedToken {
            id,
            content: content.into(),
            single_word: false,
            lstrip: false,
            rstrip,
            normalized: false,
            special: false,
        };
        let additions = Additions {
            listed: vec![token("<s>", 4, true), token("<x>", 5, false)],
            special: vec!["<s>".into(), "ab".into(), "<y>".into()],
            add_prefix_space: Some(true),
        };
        let mut document = small();
        document["normalizer"] = Value::Null;
        document["pre_tokenizer"] = json!({ "type": "ByteLevel", "add_prefix_space": false, "use_regex": false });
        document["model"]["vocab"]["Ġ"] = json!(3);
        let read = read(&document.to_string(), additions).unwrap();
        let encode = |text: &str| read.tokenizer.encode(text, false).unwrap().get_ids().to_vec();
        assert_eq!(encode("b<s>  <x>"), [3, 1, 4, 5], "a space before the text, and flags of the other file");
        assert_eq!(encode("<y>"), [6]);
        let special = read.tokenizer.get_added_tokens_decoder();
        assert_eq!(special.iter().filter(|(_, token)| token.special).map(|(id, _)| *id).max(), Some(6));
        assert_eq!(read.renumbered, Vec::<String>::new());
    }

    #[test]
    fn a_hole_in_the_ids_is_told() {
        let mut document = small();
        document["model"]["vocab"] = json!({ "a": 0, "b": 1, "ab": 2 });
        let read = read(&document.to_string(), Additions::default()).unwrap();
        assert_eq!(read.renumbered, ["<s>"], "the crate counts on from 3");
    }

    #[test]
    fn what_is_put_around_a_text_is_found_by_id() {
        let around = |processor: Value| {
            let processor: PostProcessor = serde_json::from_value(processor).unwrap();
            processor.around(Around::default()).map(|around| (around.before, around.after))
        };
        let template = |single: Value| json!({ "type": "TemplateProcessing", "single": single, "special_tokens": { "x": { "ids": [7, 8] } } });
        let (x, a) = (json!({ "SpecialToken": { "id": "x" } }), json!({ "Sequence": { "id": "A" } }));
        assert_eq!(around(template(json!([x, a, x]))), Ok((vec![7, 8], vec![7, 8])));
        assert_eq!(around(template(json!([a]))), Ok((vec![], vec![])));
        assert!(
            around(template(json!([{ "SpecialToken": { "id": "y" } }, a])))
                .unwrap_err()
                .contains("\"y\", which it does not give")
        );
        assert!(around(template(json!([a, { "Sequence": { "id": "B" } }]))).unwrap_err().contains("second text"));
        let roberta = json!({ "type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": true, "add_prefix_space": false });
        assert_eq!(around(roberta.clone()), Ok((vec![0], vec![2])));
        let both = json!({ "type": "Sequence", "processors": [{ "type": "ByteLevel", "trim_offsets": false }, roberta, template(json!([x, a]))] });
        assert_eq!(around(both), Ok((vec![7, 8, 0], vec![2])));
    }

    /// Documents on which the tokenizers crate panics, found by an audit and a fuzzer, and variants of them.
    #[test]
    fn what_the_crate_panics_on_is_refused_in_words() {
        let with = |path: &str, value: Value| {
            let mut document = small();
            *document.pointer_mut(path).unwrap() = value;
            document
        };
        let prefix = with("/model/continuing_subword_prefix", json!("longer than any merge"));
        assert!(error(&prefix).contains("continuing_subword_prefix"));
        let strip = json!({ "type": "Strip", "content": "a", "start": 1, "stop": 1 });
        assert!(error(&with("/decoder", strip.clone())).contains("strips the end"));
        assert!(
            error(&with("/decoder", json!({ "type": "Sequence", "decoders": [strip] }))).contains("strips the end")
        );
        // Serde accepts a list for an object.
        let template = json!([{ "SpecialToken": ["[X]", 0] }, { "Sequence": ["A", 0] }]);
        assert!(error(&with("/post_processor/single", template)).contains("invalid"), "{}", error(&small()));
        let precompiled = json!({ "type": "Precompiled", "precompiled_charsmap": "AAAA" });
        assert!(error(&with("/normalizer", precompiled)).contains("Precompiled"));
        // The same name with an escape.
        let escaped = small().to_string().replace("\"type\":\"Replace\"", r#""type":"\u0050recompiled""#);
        assert!(read(&escaped, Additions::default()).map(|_| ()).unwrap_err().contains("Precompiled"));
        assert!(
            error(&with("/normalizer", json!({ "type": "Replace", "pattern": { "Regex": "(a+)+$" }, "content": "" })))
                .contains("Regex")
        );
        assert!(error(&with("/pre_tokenizer", json!({ "type": "FixedLength", "length": 0 }))).contains("FixedLength"));
        assert!(error(&with("/model/merges", json!(["a x"]))).contains('x'));
        assert!(error(&with("/model/type", json!("WordPiece"))).contains("WordPiece"));
    }

    /// A small JSON value of any shape.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            prop_oneof![Just(0u64), Just(1), Just(7), Just(u64::MAX), Just(1 << 33)].prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no other numbers", |x| x.is_finite()).prop_map(Value::from),
            prop_oneof![
                Just(""),
                Just("a"),
                Just("▁"),
                Just("é"),
                Just("[X]"),
                Just("A"),
                Just("(a|a)*$"),
                Just("Strip"),
                Just("Sequence")
            ]
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[a-c]|type|id|content", inner, 0..3).prop_map(|map| json!(map)),
            ]
        })
    }

    /// The JSON pointers of all values in a document.
    fn places(value: &Value, at: String, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                places(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out)
            }),
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(i, value)| places(value, format!("{at}/{i}"), out))
            }
            _ => {}
        }
        out.push(at);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Any value at any place of a document gives an error or a tokenizer that encodes and decodes; never a panic.
        #[test]
        fn any_value_anywhere_never_panics(place: prop::sample::Index, value in any_json(), text in "[ab <s>é▁]{0,12}") {
            let mut document = small();
            let mut all = vec![];
            places(&document, String::new(), &mut all);
            *document.pointer_mut(&all[place.index(all.len())]).unwrap() = value;
            if let Ok(read) = read(&document.to_string(), Additions::default()) {
                if let Ok(encoding) = read.tokenizer.encode(text.as_str(), false) {
                    let _ = read.tokenizer.decode(encoding.get_ids(), false);
                }
                let _ = read.tokenizer.decode(&[0, 1, 2, 4, 99], false);
            }
        }
    }
}
