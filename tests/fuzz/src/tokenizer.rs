//! A `tokenizer.json` and a `tokenizer_config.json` with any value changed: they are refused, or encode and decode.

use std::sync::LazyLock;

use prunescope_formats::ModelTokenizer;
use prunescope_protocol::model::repository::Repository;
use serde_json::{Value, json};

use super::bytes::{Bytes, Texts, texts};
use super::json;

/// Texts that have a meaning in such documents.
static TEXTS: Texts = Texts::new(|| {
    texts(
        "type;id;content;ids;single;special_tokens;Sequence;SpecialToken;A;B;pattern;String;Regex;behavior;\
     Isolated;Removed;MergedWithPrevious;MergedWithNext;Contiguous;invert;replacement;prepend_scheme;\
     first;never;always;split;normalizers;pretokenizers;decoders;processors;NFC;NFKD;Lowercase;\
     StripAccents;Strip;Prepend;Replace;ByteLevel;Split;Digits;Punctuation;Metaspace;Whitespace;\
     WhitespaceSplit;ByteFallback;Fuse;TemplateProcessing;RobertaProcessing;BPE;Unigram;WordLevel;\
     unk_token;unk_id;merges;vocab;byte_fallback;fuse_unk;end_of_word_suffix;<s>;a b;\u{2581};Ġ;(a|a)*$;",
    )
});

/// A document of each kind of tokenizer model, with its settings.
static BASES: LazyLock<Vec<[Value; 2]>> = LazyLock::new(|| {
    let token = |id: u32, content: &str| json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true });
    let template = json!({ "type": "TemplateProcessing", "special_tokens": { "<s>": { "id": "<s>", "ids": [1], "tokens": ["<s>"] } },
        "single": [{ "SpecialToken": { "id": "<s>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }], "pair": [] });
    let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false });
    // Without Unicode classes, whose compilation takes most of the time.
    let pattern = json!({ "Regex": "[a-zé]+|[0-9]{1,3}|[ \\n]+(?!x)" });
    let split = json!({ "type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false });
    let settings = json!({ "bos_token": "<s>", "eos_token": { "content": "</s>" }, "add_bos_token": true, "add_eos_token": false,
        "add_prefix_space": true, "extra_special_tokens": ["<x>"], "added_tokens_decoder": { "2": token(2, "</s>") } });
    let replace = json!({ "type": "Replace", "pattern": { "String": " " }, "content": "\u{2581}" });
    let back = json!({ "type": "Replace", "pattern": { "String": "\u{2581}" }, "content": " " });
    let vocabulary = json!({ "<unk>": 0, "<s>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5, "\u{2581}": 6, "\u{2581}a": 7, "<0xC3>": 8, "Ġ": 9, "Ã": 10, "©": 11, "1": 12 });
    let models = [
        json!({ "type": "BPE", "dropout": 0.1, "vocab": vocabulary, "merges": [["a", "b"], ["\u{2581}", "a"]], "ignore_merges": true }),
        json!({ "type": "BPE", "vocab": vocabulary, "merges": ["a b", "\u{2581} a"], "unk_token": "<unk>", "byte_fallback": true, "fuse_unk": true }),
        json!({ "type": "Unigram", "unk_id": 0, "byte_fallback": true, "vocab": [["<unk>", 0.0], ["<s>", 0.0], ["</s>", 0.0], ["a", -1.0], ["b", -1.5], ["\u{2581}", -2.0], ["ab", -0.5]] }),
        json!({ "type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>" }),
    ];
    let metaspace =
        json!({ "type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "always", "split": true });
    let around = [
        (Value::Null, json!({ "type": "Sequence", "pretokenizers": [split, bytes] }), bytes.clone()),
        (
            json!({ "type": "Sequence", "normalizers": [{ "type": "Prepend", "prepend": "\u{2581}" }, replace] }),
            Value::Null,
            json!({ "type": "Sequence", "decoders": [back, { "type": "ByteFallback" }, { "type": "Fuse" }, { "type": "Strip", "content": " ", "start": 1, "stop": 0 }] }),
        ),
        (json!({ "type": "NFKC" }), metaspace.clone(), metaspace),
        (
            json!({ "type": "Lowercase" }),
            json!({ "type": "Sequence", "pretokenizers": [{ "type": "Punctuation", "behavior": "Isolated" }, { "type": "Digits", "individual_digits": true }, { "type": "WhitespaceSplit" }] }),
            Value::Null,
        ),
    ];
    let documents = models.into_iter().zip(around).map(|(model, (normalizer, pre_tokenizer, decoder))| {
        json!({ "version": "1.0", "truncation": { "max_length": 2 }, "padding": { "strategy": { "Fixed": 400 } }, "added_tokens": [token(1, "<s>"), token(20, "<|x|>")],
            "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": template, "decoder": decoder, "model": model })
    });
    documents.map(|document| [document, settings.clone()]).collect()
});

/// A fixed text that is encoded in addition to the input's.
const TEXT: &str = "ab é <s> 12\u{2581}日本🙂\r\n  a";

/// The input chooses a document, changes it and its settings, and gives a text.
pub fn run(input: &[u8]) {
    let mut bytes = Bytes::new(input);
    let [document, settings] = &BASES[bytes.choose(BASES.len())];
    let changes_settings = bytes.happens(2);
    let (own, vocabulary) = (bytes.text(16), bytes.pick(&[24, 24, 24, 1 << 24]));
    let mut repository = Repository { config: "{}".into(), ..Repository::default() };
    if changes_settings {
        let length = bytes.choose(64);
        let mut first = Bytes::new(bytes.take(length));
        repository.set("tokenizer_config.json", json::changed(settings, &mut first, &TEXTS).to_string());
    }
    repository.set("tokenizer.json", json::changed(document, &mut bytes, &TEXTS).to_string());
    let _ = repository.chat_template();
    let Ok(tokenizer) = ModelTokenizer::from_hub(&repository, vocabulary) else { return };
    for text in [TEXT, &own] {
        for chat in [false, true] {
            if let Ok(ids) = tokenizer.encode(text, chat) {
                assert!(ids.iter().all(|id| (*id as usize) < vocabulary), "a token without an embedding");
                let _ = tokenizer.decode(&ids);
            }
        }
    }
    let _ = tokenizer.decode(&[0, 1, 2, 8, 9, 23, u32::MAX]);
    let _: usize = (0..30).map(|id| tokenizer.piece(id).len()).sum();
}
