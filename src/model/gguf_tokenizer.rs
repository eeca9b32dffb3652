//! A tokenizer from GGUF metadata, put together from the `tokenizers` crate's parts.
//!
//! Source of the kinds and pre-tokenizers: llama.cpp, `llama-vocab.cpp`.

use ahash::AHashMap;
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as Decoders;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::prepend::Prepend;
use tokenizers::normalizers::replace::Replace;
use tokenizers::normalizers::utils::Sequence as Normalizers;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer,
};

use super::gguf::{Gguf, Value};
use super::tokenizer::TokenizerError;

/// `tokenizer.ggml.token_type` of control tokens such as `<|im_start|>`.
const CONTROL: u64 = 3;
/// `tokenizer.ggml.token_type` of tokens added by the model's author, matched before BPE.
const USER_DEFINED: u64 = 4;
/// `tokenizer.ggml.token_type` of plain tokens.
const NORMAL: u64 = 1;

/// How Llama 3 and Qwen 2 split a text, but for how many digits stay together.
const WORDS: [&str; 2] =
    [r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|", r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"];
/// Names of pre-tokenizers that split so, with the digits of each.
const BY_WORDS: [(&[&str], &str); 2] = [
    (&["llama-bpe", "llama3", "llama-v3", "smaug-bpe", "falcon3", "dbrx"], r"\p{N}{1,3}"),
    (&["qwen2", "deepseek-r1-qwen", "stablelm2"], r"\p{N}"),
];
/// Names of pre-tokenizers that split as GPT-2 does.
const AS_GPT2: [&str; 8] = ["gpt-2", "gpt2", "default", "olmo", "phi-2", "mpt", "jina-en", "gpt-neox"];
/// Names of pre-tokenizers that take each digit alone and then split as GPT-2 does.
const DIGITS_FIRST: [&str; 4] = ["smollm", "starcoder", "refact", "codeshell"];

/// Kind of each token, where the file says it.
fn types(gguf: &Gguf) -> Vec<u64> {
    let Some(Value::Array(values)) = gguf.metadata.get("tokenizer.ggml.token_type") else { return vec![] };
    let number = |value: &Value| match value {
        Value::Unsigned(n) => *n,
        Value::Signed(n) => *n as u64,
        _ => 0,
    };
    values.iter().map(number).collect()
}

/// Which of so many tokens are control tokens.
pub fn control(gguf: &Gguf, tokens: usize) -> Vec<bool> {
    let types = types(gguf);
    (0..tokens).map(|id| types.get(id) == Some(&CONTROL)).collect()
}

/// The tokenizer of a file with these tokens.
///
/// # Errors
/// An unknown kind, missing metadata, or merges that name no token.
pub fn build(gguf: &Gguf, tokens: &[&str]) -> Result<Tokenizer, TokenizerError> {
    let types = types(gguf);
    let mut tokenizer = match gguf.text("tokenizer.ggml.model")? {
        "gpt2" => byte_level(gguf, tokens)?,
        "llama" => sentence_piece(gguf, tokens, &types)?,
        other => return Err(unknown(other)),
    };
    let of_type = |wanted: u64| {
        let types = &types;
        tokens.iter().enumerate().filter(move |(id, _)| types.get(*id) == Some(&wanted)).map(|(_, token)| *token)
    };
    // Phi-3's own tokens take the white space that follows them; the file does not say so.
    let strips = gguf.text("general.architecture") == Ok("phi3") && gguf.text("tokenizer.ggml.model") == Ok("llama");
    let strips = |token: &str| strips && !["<unk>", "<s>", "<|endoftext|>"].contains(&token);
    let special = |token| AddedToken::from(token, true).normalized(false).rstrip(strips(token));
    let special: Vec<_> = of_type(CONTROL).map(special).collect();
    let added: Vec<_> = of_type(USER_DEFINED).map(|token| AddedToken::from(token, false).normalized(false)).collect();
    tokenizer.add_special_tokens(&special);
    tokenizer.add_tokens(&added);
    Ok(tokenizer)
}

fn unknown(found: &str) -> TokenizerError {
    let by_words = BY_WORDS.iter().flat_map(|(names, _)| names.iter());
    let names: Vec<&str> = AS_GPT2.iter().chain(&DIGITS_FIRST).chain(by_words).copied().collect();
    TokenizerError::Kind { found: found.into(), known: format!("llama, or gpt2 with {}", names.join(", ")) }
}

fn wrong(why: impl ToString) -> TokenizerError {
    TokenizerError::Build { why: why.to_string() }
}

fn vocabulary(tokens: &[&str]) -> AHashMap<String, u32> {
    tokens.iter().enumerate().map(|(id, token)| (token.to_string(), id as u32)).collect()
}

/// Byte-level BPE (Radford et al., 2019).
fn byte_level(gguf: &Gguf, tokens: &[&str]) -> Result<Tokenizer, TokenizerError> {
    let pre = gguf.text("tokenizer.ggml.pre").unwrap_or("default");
    let bytes = |regex| PreTokenizerWrapper::from(ByteLevel::new(false, true, regex));
    let digits = BY_WORDS.iter().find(|(names, _)| names.contains(&pre)).map(|(_, digits)| *digits);
    let splitter = match digits {
        Some(digits) => {
            let pattern = SplitPattern::Regex([WORDS[0], digits, WORDS[1]].concat());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(wrong)?;
            vec![PreTokenizerWrapper::from(split), bytes(false)]
        }
        None if DIGITS_FIRST.contains(&pre) => vec![PreTokenizerWrapper::from(Digits::new(true)), bytes(true)],
        None if AS_GPT2.contains(&pre) => vec![bytes(true)],
        None => return Err(unknown(&format!("gpt2 with pre-tokenizer {pre}"))),
    };
    let merges = gguf
        .texts("tokenizer.ggml.merges")?
        .into_iter()
        .map(|merge| {
            // A token may begin with a space of its own only in other kinds.
            let pair = merge.split_once(' ').map(|(a, b)| (a.to_string(), b.to_string()));
            pair.ok_or_else(|| wrong(format!("the merge {merge:?} is not two tokens")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let ignores_merges = ["llama-bpe", "llama3", "llama-v3"].contains(&pre);
    let model = BPE::builder().vocab_and_merges(vocabulary(tokens), merges).ignore_merges(ignores_merges);
    let mut tokenizer = Tokenizer::new(model.build().map_err(wrong)?);
    tokenizer.with_pre_tokenizer(Some(Sequence::new(splitter)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    Ok(tokenizer)
}

/// BPE of SentencePiece (Kudo and Richardson, 2018) with bytes for what it has no piece for.
///
/// The file has scores in place of merges: every way to put a piece together from two others is a merge, best score first, as
/// transformers converts such models.
fn sentence_piece(gguf: &Gguf, tokens: &[&str], types: &[u64]) -> Result<Tokenizer, TokenizerError> {
    let scores = gguf.floats("tokenizer.ggml.scores")?;
    let ids = vocabulary(tokens);
    let mut merges = vec![];
    for (id, token) in tokens.iter().enumerate() {
        if types.get(id).is_some_and(|kind| *kind != NORMAL) {
            continue;
        }
        let score = scores.get(id).copied().unwrap_or(f64::NEG_INFINITY);
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            if let (Some(left), Some(right)) = (ids.get(left), ids.get(right)) {
                merges.push((score, *left, *right));
            }
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let text = |id: u32| tokens[id as usize].to_string();
    let merges = merges.into_iter().map(|(_, left, right)| (text(left), text(right))).collect();
    let unknown = gguf.unsigned("tokenizer.ggml.unknown_token_id").ok().and_then(|id| tokens.get(id as usize).copied());
    let unknown = unknown.or_else(|| tokens.iter().copied().find(|token| *token == "<unk>"));
    let mut model = BPE::builder().vocab_and_merges(ids, merges).byte_fallback(true).fuse_unk(true);
    if let Some(unknown) = unknown {
        model = model.unk_token(unknown.into());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(wrong)?);
    let begins = !matches!(gguf.metadata.get("tokenizer.ggml.add_space_prefix"), Some(Value::Bool(false)));
    let spaces = NormalizerWrapper::from(Replace::new(" ", "\u{2581}").map_err(wrong)?);
    let prepended = begins.then(|| NormalizerWrapper::from(Prepend::new("\u{2581}".into())));
    tokenizer.with_normalizer(Some(Normalizers::new(prepended.into_iter().chain([spaces]).collect())));
    let mut decoders = vec![
        DecoderWrapper::from(Replace::new("\u{2581}", " ").map_err(wrong)?),
        DecoderWrapper::from(ByteFallback::default()),
        DecoderWrapper::from(Fuse::default()),
    ];
    if begins {
        decoders.push(DecoderWrapper::from(Strip::new(' ', 1, 0)));
    }
    tokenizer.with_decoder(Some(Decoders::new(decoders)));
    Ok(tokenizer)
}
