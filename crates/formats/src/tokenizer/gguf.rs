//! Builds a tokenizer from GGUF metadata, out of the `tokenizers` crate's parts.
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
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer,
};

use super::TokenizerError;
use crate::gguf::Gguf;

/// `tokenizer.ggml.token_type` of control tokens such as `<|im_start|>`.
const CONTROL: i64 = 3;
/// `tokenizer.ggml.token_type` of tokens added by the model's author, matched before BPE.
const USER_DEFINED: i64 = 4;
/// `tokenizer.ggml.token_type` of plain tokens.
const NORMAL: i64 = 1;

/// English contractions in llama.cpp's form: ASCII letters of either case.
const CONTRACTIONS: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
/// GPT-2's pattern for splitting a text.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// How a text is split into words before BPE, and the settings implied by the pre-tokenizer's name.
struct PreTokenizer {
    names: &'static [&'static str],
    /// Regular expressions, each applied to the parts left by the previous one; every match becomes a part of its own.
    patterns: fn() -> Vec<String>,
    /// Whether a word that is itself a token is not split further.
    ignores_merges: bool,
    /// Whether texts begin with the BOS token, unless the file states it.
    adds_bos: bool,
}

/// Pattern for words, digits in groups, and everything else: Llama 3, Qwen 2.
fn words(digits: &str) -> String {
    format!(
        r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
}

/// Pattern for words that end before a capital letter after small ones: GPT-4o, Tekken.
///
/// As in llama.cpp, any letter outside `a` to `z` counts as capital, and any outside `A` to `Z` as small.
fn cased_words(contractions: &str, digits: &str) -> String {
    let (large, small) = (r"((?=[\p{L}])([^a-z]))", r"((?=[\p{L}])([^A-Z]))");
    format!(
        r"[^\r\n\p{{L}}\p{{N}}]?{large}*{small}+{contractions}|[^\r\n\p{{L}}\p{{N}}]?{large}+{small}*{contractions}|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
}

/// The supported pre-tokenizers. Source: llama.cpp, `llama-vocab.cpp`.
const PRE_TOKENIZERS: [PreTokenizer; 11] = [
    PreTokenizer {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
        patterns: || vec![words(r"\p{N}{1,3}")],
        ignores_merges: true,
        adds_bos: true,
    },
    PreTokenizer {
        names: &["smaug-bpe", "dbrx"],
        patterns: || vec![words(r"\p{N}{1,3}")],
        ignores_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &["qwen2", "deepseek-r1-qwen", "megrez", "kormo", "stablelm2", "hunyuan", "solar-open"],
        patterns: || vec![words(r"\p{N}")],
        ignores_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &["gpt-4o", "llama4", "kanana2"],
        patterns: || vec![cased_words(&format!("{CONTRACTIONS}?"), r"\p{N}{1,3}")],
        ignores_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &["tekken"],
        patterns: || vec![cased_words("", r"\p{N}")],
        ignores_merges: true,
        adds_bos: true,
    },
    PreTokenizer {
        names: &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
        patterns: || vec![r"\p{N}".into(), GPT2.into()],
        ignores_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &[
            "gpt-2",
            "phi-2",
            "olmo",
            "mpt",
            "jais",
            "trillion",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "exaone4",
            "granite-docling",
        ],
        patterns: || vec![GPT2.into()],
        ignores_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &["seed-coder"],
        patterns: || {
            vec![format!(
                r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
            )]
        },
        ignores_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &["deepseek-coder"],
        patterns: || ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"].map(String::from).to_vec(),
        ignores_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &["falcon"],
        patterns: || [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"].map(String::from).to_vec(),
        ignores_merges: false,
        adds_bos: false,
    },
    PreTokenizer { names: &[DEFAULT], patterns: default_patterns, ignores_merges: false, adds_bos: false },
];

/// The pre-tokenizer that llama.cpp uses if a file names none.
const DEFAULT: &str = "default";

fn default_patterns() -> Vec<String> {
    [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"].map(String::from).to_vec()
}

/// Longest piece of a SentencePiece vocabulary in bytes, since every split of a piece is tried.
const MAX_PIECE_BYTES: usize = 512;

/// Tokens that end a text, by their text and whatever their type. Source: llama.cpp, `special_eog_ids`.
pub(crate) const ENDS: [&str; 19] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<｜end▁of▁sentence｜>",
];

/// The tokenizer of a file, with the settings that the file states or implies.
pub(crate) struct GgufTokenizer {
    /// Converts text to ids and back.
    pub tokenizer: Tokenizer,
    /// By id, whether a token is a control token.
    pub control: Vec<bool>,
    /// Whether texts begin with the BOS token.
    pub adds_bos: bool,
    /// Whether texts end with the EOS token.
    pub adds_eos: bool,
    /// The ids of the BOS and EOS tokens if the file does not state them.
    pub default_ids: [u32; 2],
    /// Notices for the visitor, each a sentence.
    pub notices: Vec<String>,
}

/// Builds the tokenizer of a file with these tokens.
///
/// # Errors
/// An unsupported kind, missing metadata, or parts that the tokenizers crate refuses.
pub(crate) fn build(gguf: &Gguf, tokens: &[&str]) -> Result<GgufTokenizer, TokenizerError> {
    let types: Option<Vec<i64>> = gguf.get("tokenizer.ggml.token_type")?;
    let mut notices = vec![];
    if types.as_ref().is_some_and(|types| types.len() < tokens.len()) {
        return Err(wrong("it has fewer types of tokens than tokens"));
    }
    let has_types = types.is_some();
    let mut types = types.unwrap_or_else(|| vec![NORMAL; tokens.len()]);
    types.truncate(tokens.len());
    override_types(&mut types, tokens, has_types, &mut notices);
    let kind = gguf.need("tokenizer.ggml.model")?;
    let (mut tokenizer, adds_bos, default_ids) = match kind {
        "gpt2" => {
            let pre = pre_tokenizer(gguf, &mut notices)?;
            (byte_level(gguf, tokens, pre)?, pre.adds_bos, [11, 11])
        }
        "llama" => (sentence_piece(gguf, tokens, &types)?, true, [1, 2]),
        other => return Err(unknown(other)),
    };
    let of_type = |wanted: i64| {
        let types = &types;
        tokens.iter().enumerate().filter(move |(id, _)| types[*id] == wanted).map(|(_, token)| *token)
    };
    // Phi-3's own tokens also match the white space after them; the file does not state it.
    let strips = gguf.get("general.architecture")? == Some("phi3") && kind == "llama";
    let strips = |token: &str| strips && !["<unk>", "<s>", "<|endoftext|>"].contains(&token);
    let special = |token| AddedToken::from(token, true).normalized(false).rstrip(strips(token));
    let special: Vec<_> = of_type(CONTROL).map(special).collect();
    let added: Vec<_> = of_type(USER_DEFINED).map(|token| AddedToken::from(token, false).normalized(false)).collect();
    tokenizer.add_special_tokens(&special);
    tokenizer.add_tokens(&added);
    Ok(GgufTokenizer {
        tokenizer,
        control: types.iter().map(|kind| *kind == CONTROL).collect(),
        adds_bos: gguf.get("tokenizer.ggml.add_bos_token")?.unwrap_or(adds_bos),
        adds_eos: gguf.get("tokenizer.ggml.add_eos_token")?.unwrap_or(false),
        default_ids,
        notices,
    })
}

/// Makes all tokens in [`ENDS`] control tokens, as llama.cpp does; if a file has no types, also every token of the form
/// `<|…|>`.
fn override_types(types: &mut [i64], tokens: &[&str], has_types: bool, notices: &mut Vec<String>) {
    let looks_so = |token: &str| token.len() > 4 && token.starts_with("<|") && token.ends_with("|>");
    let mut overridden = vec![];
    for (kind, token) in types.iter_mut().zip(tokens) {
        if *kind != CONTROL && (ENDS.contains(token) || !has_types && looks_so(token)) {
            *kind = CONTROL;
            overridden.push(*token);
        }
    }
    if let Some(first) = overridden.first() {
        let why = if has_types { "gives them another type" } else { "does not say what kind its tokens are" };
        let others = match overridden.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        notices
            .push(format!("The model's file {why}: {first}{others} are taken for control tokens, as their form says."));
    }
}

fn pre_tokenizer(gguf: &Gguf, notices: &mut Vec<String>) -> Result<&'static PreTokenizer, TokenizerError> {
    let name: &str = gguf.get("tokenizer.ggml.pre")?.unwrap_or_else(|| {
        notices.push(
            "The model's file does not name its pre-tokenizer, as files of before May 2024 do not: texts are split as llama.cpp does then, which may not be how the model was trained. Look for a newer file."
                .into(),
        );
        DEFAULT
    });
    let found = PRE_TOKENIZERS.iter().find(|pre| pre.names.contains(&name));
    found.ok_or_else(|| unknown(&format!("gpt2 with the pre-tokenizer {name}")))
}

fn unknown(found: &str) -> TokenizerError {
    let names: Vec<&str> = PRE_TOKENIZERS.iter().flat_map(|pre| pre.names).copied().collect();
    TokenizerError::Kind { found: found.into(), known: format!("llama, or gpt2 with {}", names.join(", ")) }
}

fn wrong(why: impl ToString) -> TokenizerError {
    TokenizerError::Build { why: why.to_string() }
}

/// Ids by text. A text that is empty or occurs twice (such as tokens of invalid UTF-8) keeps its first id; later ones
/// get a unique text that no input contains.
fn vocabulary(tokens: &[&str]) -> AHashMap<String, u32> {
    let mut ids = AHashMap::with_capacity(tokens.len());
    for (id, token) in tokens.iter().enumerate() {
        let taken = token.is_empty() || ids.contains_key(*token);
        let token = if taken { format!("{token}\u{fffd}\u{fffd}{id}") } else { (*token).to_string() };
        ids.insert(token, id as u32);
    }
    ids
}

/// Byte-level BPE (Radford et al., 2019).
fn byte_level(gguf: &Gguf, tokens: &[&str], pre: &PreTokenizer) -> Result<Tokenizer, TokenizerError> {
    let mut splitter = vec![];
    for pattern in (pre.patterns)() {
        let split = Split::new(SplitPattern::Regex(pattern), SplitDelimiterBehavior::Isolated, false).map_err(wrong)?;
        splitter.push(PreTokenizerWrapper::from(split));
    }
    splitter.push(PreTokenizerWrapper::from(ByteLevel::new(false, true, false)));
    let ids = vocabulary(tokens);
    // The first character may be a space, as in llama.cpp.
    let pair = |merge: &str| {
        let (at, _) = merge.char_indices().skip(1).find(|(_, c)| *c == ' ')?;
        Some((merge[..at].to_string(), merge[at + 1..].to_string()))
    };
    let merges: Vec<&str> = gguf.need("tokenizer.ggml.merges")?;
    let merges = merges.into_iter().filter_map(pair);
    // A merge of texts that are not tokens never applies.
    let is_token = |text: &str| ids.contains_key(text);
    let merges = merges.filter(|(a, b)| is_token(a) && is_token(b) && is_token(&format!("{a}{b}"))).collect();
    let model = BPE::builder().vocab_and_merges(ids, merges).ignore_merges(pre.ignores_merges);
    let mut tokenizer = Tokenizer::new(model.build().map_err(wrong)?);
    tokenizer.with_pre_tokenizer(Some(Sequence::new(splitter)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    Ok(tokenizer)
}

/// SentencePiece's BPE (Kudo and Richardson, 2018), with byte tokens for characters without a piece.
///
/// The file has scores instead of merges: every split of a piece into two others is a merge, best score first, as
/// transformers converts such models.
fn sentence_piece(gguf: &Gguf, tokens: &[&str], types: &[i64]) -> Result<Tokenizer, TokenizerError> {
    let scores: Vec<f64> = gguf.get("tokenizer.ggml.scores")?.unwrap_or_default();
    let ids = vocabulary(tokens);
    let mut merges = vec![];
    for (id, token) in tokens.iter().enumerate() {
        if types.get(id).is_some_and(|kind| *kind != NORMAL) {
            continue;
        }
        if token.len() > MAX_PIECE_BYTES {
            let begin: String = token.chars().take(20).collect();
            return Err(wrong(format!("its token {id}, {begin:?}…, is {} bytes long", token.len())));
        }
        let score = scores.get(id).copied().unwrap_or(0.0);
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
    let unknown: Option<u64> = gguf.get("tokenizer.ggml.unknown_token_id")?;
    let unknown = unknown.and_then(|id| tokens.get(usize::try_from(id).ok()?).copied());
    let unknown = unknown.or_else(|| tokens.iter().copied().find(|token| *token == "<unk>"));
    let mut model = BPE::builder().vocab_and_merges(ids, merges).byte_fallback(true).fuse_unk(true);
    if let Some(unknown) = unknown {
        model = model.unk_token(unknown.into());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(wrong)?);
    let begins = gguf.get("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
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
