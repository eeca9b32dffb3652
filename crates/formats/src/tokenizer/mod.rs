//! Tokenizers: text to token ids and back, with the `tokenizers` crate, from a repository's `tokenizer.json` or from
//! GGUF metadata.

pub mod error;
mod gguf;
mod hub;

use std::collections::BTreeMap;

use prunescope_protocol::model::repository::{DescriptionError, Repository};
use serde_json::{Value as Json, json};
use tokenizers::Tokenizer;

use crate::gguf::Gguf;
use crate::load_error::LoadError;
pub use error::TokenizerError;
use gguf::GgufTokenizer;
use hub::{AddedToken, Additions, Around, HubTokenizer};

/// Tokens that end a text if neither the model's nor the tokenizer's settings name one.
const ENDS: [&str; 5] = ["<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>"];
/// Special tokens that a chat template may name. Source: transformers, `SPECIAL_TOKENS_ATTRIBUTES`.
const SPECIAL: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
/// Largest ratio of ids to tokens that is accepted, since memory is needed for each id.
const MOST_IDS_FOR_EACH: usize = 64;
/// The character that SentencePiece writes for a space.
const SPACE: char = '\u{2581}';

/// A model's tokenizer.
#[derive(Clone, Debug)]
pub struct ModelTokenizer {
    tokenizer: Tokenizer,
    pieces: Vec<String>,
    control: Vec<bool>,
    /// Tokens that end a text.
    pub stop: Vec<u32>,
    /// Tokens added before every text, if the model asks for them.
    before: Vec<u32>,
    /// Token added before a chat prompt if the template does not write it, as llama.cpp does; transformers does not.
    before_chat: Option<u32>,
    /// Special tokens by their name in chat templates, such as `bos_token`.
    pub special: BTreeMap<String, String>,
    /// Number of tokens that have an embedding.
    vocabulary: usize,
    /// Notices for the visitor, each a sentence.
    pub notices: Vec<String>,
}

impl ModelTokenizer {
    /// Builds the tokenizer that a GGUF file describes, as llama.cpp reads it.
    ///
    /// # Errors
    /// Missing metadata, an unsupported kind, or parts that the tokenizers crate refuses.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, TokenizerError> {
        let tokens: Vec<&str> = gguf.need("tokenizer.ggml.tokens")?;
        let GgufTokenizer { tokenizer, control, adds_bos, adds_eos, default_ids, mut notices } =
            gguf::build(gguf, &tokens)?;
        let is_token = |id: &u64| *id < tokens.len() as u64;
        let id = |key: &str| -> Result<Option<u32>, TokenizerError> {
            let id: Option<u64> = gguf.get(&format!("tokenizer.ggml.{key}_token_id"))?;
            Ok(id.filter(is_token).map(|id| id as u32))
        };
        let or_default = |id: Option<u32>, default: u32| id.or(Some(default).filter(|id| is_token(&u64::from(*id))));
        let (bos, eos) = (or_default(id("bos")?, default_ids[0]), or_default(id("eos")?, default_ids[1]));
        let ids =
            [("bos_token", bos), ("eos_token", eos), ("unk_token", id("unknown")?), ("pad_token", id("padding")?)];
        let text = |(name, id): (&str, Option<u32>)| Some((name.to_string(), tokens[id? as usize].to_string()));
        let bos = bos.filter(|_| adds_bos);
        if adds_eos && let Some(eos) = eos {
            notices.push(ends_with(tokens[eos as usize]));
        }
        let mut stop: Vec<u32> = [eos, id("eot")?, id("eom")?].into_iter().flatten().collect();
        stop.extend(gguf::ENDS.iter().filter_map(|end| tokenizer.token_to_id(end)));
        let known: Vec<bool> = tokens
            .iter()
            .enumerate()
            .map(|(id, token)| tokenizer.id_to_token(id as u32).as_deref() == Some(*token))
            .collect();
        let mut this = Self {
            tokenizer,
            pieces: vec![],
            control,
            stop,
            before: bos.into_iter().collect(),
            before_chat: bos,
            special: ids.into_iter().filter_map(text).collect(),
            vocabulary: tokens.len(),
            notices,
        }
        .complete();
        for (piece, (token, known)) in this.pieces.iter_mut().zip(tokens.iter().zip(known)) {
            if !known {
                // The text is empty or occurs twice, so the tokenizer has a replacement for it.
                *piece = (*token).to_string();
            }
        }
        Ok(this)
    }

    /// Builds the tokenizer of a repository, as transformers reads it.
    ///
    /// * `vocabulary` — number of tokens that have an embedding.
    ///
    /// # Errors
    /// An unsupported `tokenizer.json`, or texts that are not JSON.
    pub fn from_hub(repository: &Repository, vocabulary: usize) -> Result<Self, LoadError> {
        let wrong = |why: String| LoadError::from(DescriptionError { file: "tokenizer.json".into(), why });
        let settings = repository.tokenizer_settings()?;
        let text = |token: &Json| token.as_str().or_else(|| token["content"].as_str()).map(str::to_string);
        let named = |key: &&str| Some(((*key).to_string(), text(&settings[*key])?));
        let special: BTreeMap<String, String> = SPECIAL.iter().filter_map(named).collect();
        let more = ["additional_special_tokens", "extra_special_tokens"];
        let more = more.iter().filter_map(|key| settings[*key].as_array()).flatten().filter_map(text);
        let additions = Additions {
            listed: listed_tokens(&settings)?,
            special: special.values().cloned().chain(more).filter(|text| !text.is_empty()).collect(),
            add_prefix_space: settings["add_prefix_space"].as_bool(),
        };
        let HubTokenizer { tokenizer, around, renumbered } =
            hub::read(&repository.tokenizer, additions).map_err(wrong)?;
        let id_of = |key: &str| tokenizer.token_to_id(special.get(key)?);
        // If the settings state either, they replace the tokens that the tokenizer itself adds.
        let adds = |key: &str| settings[key].as_bool();
        let (adds_bos, adds_eos) = (adds("add_bos_token"), adds("add_eos_token"));
        let Around { before, after } = if adds_bos.is_none() && adds_eos.is_none() {
            around
        } else {
            let token = |adds: Option<bool>, key: &str| id_of(key).filter(|_| adds == Some(true)).into_iter().collect();
            Around { before: token(adds_bos, "bos_token"), after: token(adds_eos, "eos_token") }
        };
        let mut notices = vec![];
        if let Some(last) = after.last() {
            notices.push(ends_with(&tokenizer.id_to_token(*last).unwrap_or_default()));
        }
        if let Some(first) = renumbered.first() {
            notices.push(format!(
                "The model's tokenizer.json leaves holes in its ids, so that {} of its added tokens, such as {first}, have other ids than it says, as in transformers.",
                renumbered.len()
            ));
        }
        // Ids may have holes, so the highest can exceed the number of tokens; a piece is stored for every id up to it.
        let highest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0);
        let (count, ids) = (tokenizer.get_vocab_size(true), (highest as usize).saturating_add(1).min(vocabulary));
        if ids > MOST_IDS_FOR_EACH * count.max(MOST_IDS_FOR_EACH) {
            return Err(wrong(format!("it has {count} tokens, one of which has the id {highest}")));
        }
        let mut control = vec![false; ids];
        for (id, token) in tokenizer.get_added_tokens_decoder() {
            if let Some(place) = control.get_mut(id as usize) {
                *place = token.special;
            }
        }
        let mut stop = repository.stop_ids()?;
        if stop.is_empty() {
            let ends = ENDS.iter().map(|text| (*text).to_string()).chain(special.get("eos_token").cloned());
            stop = ends.filter_map(|end| tokenizer.token_to_id(&end)).collect();
        }
        let this =
            Self { tokenizer, pieces: vec![], control, stop, before, before_chat: None, special, vocabulary, notices };
        Ok(this.complete())
    }

    /// The files of this tokenizer as transformers reads them, by name.
    ///
    /// * `template`: the source of the model's chat template, if it has one.
    ///
    /// # Errors
    /// [`TokenizerError::Write`].
    pub fn hub_files(&self, template: Option<&str>) -> Result<Vec<(&'static str, String)>, TokenizerError> {
        let wrong = |why: String| TokenizerError::Write { why };
        let text = self.tokenizer.to_string(false).map_err(|error| wrong(error.to_string()))?;
        let mut tokenizer: Json = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if let [first] = self.before[..] {
            tokenizer["post_processor"] = begin_with(first, &self.tokenizer.id_to_token(first).unwrap_or_default());
        }
        let mut settings = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": false,
        });
        for (name, token) in &self.special {
            settings[name] = token.as_str().into();
        }
        if let Some(template) = template {
            let lacks_first = self.before_chat.is_some() && !template.contains("bos_token");
            let begin = if lacks_first { "{{ bos_token }}" } else { "" };
            settings["chat_template"] = format!("{begin}{template}").into();
        }
        let generation = json!({ "eos_token_id": self.stop });
        Ok(vec![
            ("tokenizer.json", tokenizer.to_string()),
            ("tokenizer_config.json", format!("{settings:#}")),
            ("generation_config.json", format!("{generation:#}")),
        ])
    }

    /// Fills in the pieces, and removes duplicate stop tokens.
    fn complete(mut self) -> Self {
        self.stop.sort_unstable();
        self.stop.dedup();
        self.pieces = (0..self.control.len() as u32).map(|id| self.read_piece(id)).collect();
        self
    }

    /// The token ids of a text. Special tokens in the text are recognised, as chat templates need.
    ///
    /// * `chat` — whether the text comes from a chat template, which writes the leading tokens itself.
    ///
    /// # Errors
    /// If the tokenizers crate refuses the text, or a token has no embedding.
    pub fn encode(&self, text: &str, chat: bool) -> Result<Vec<u32>, TokenizerError> {
        let encoding =
            self.tokenizer.encode(text, false).map_err(|error| TokenizerError::Encode { why: error.to_string() })?;
        let ids = encoding.get_ids();
        let missing = self.before_chat.filter(|bos| ids.first() != Some(bos));
        let before = if chat { missing.as_slice() } else { &self.before };
        let ids = [before, ids].concat();
        match ids.iter().find(|id| **id as usize >= self.vocabulary) {
            Some(id) => Err(TokenizerError::Encode { why: format!("the model knows no token {id}") }),
            None => Ok(ids),
        }
    }

    /// The text of token ids without control tokens; invalid UTF-8 becomes U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let shown: Vec<u32> = ids.iter().copied().filter(|id| !self.is_control(*id)).collect();
        self.tokenizer.decode(&shown, false).unwrap_or_default()
    }

    /// One token as shown to readers: its text, or its name if it is a control token.
    pub fn piece(&self, id: u32) -> &str {
        self.pieces.get(id as usize).map_or("", String::as_str)
    }

    /// The first id at which another tokenizer has a different token.
    pub fn first_difference(&self, other: &Self) -> Option<usize> {
        let same = self.pieces.iter().zip(&other.pieces).take_while(|(a, b)| a == b).count();
        (same < self.pieces.len().min(other.pieces.len())).then_some(same)
    }

    fn is_control(&self, id: u32) -> bool {
        self.control.get(id as usize).copied().unwrap_or(false)
    }

    fn read_piece(&self, id: u32) -> String {
        let name = self.tokenizer.id_to_token(id).unwrap_or_default();
        if self.is_control(id) {
            name
        } else if name.contains(SPACE) {
            // Decoding a single piece would drop its leading space.
            name.replace(SPACE, " ")
        } else {
            let text = self.tokenizer.decode(&[id], false).unwrap_or_default();
            if text.contains(char::REPLACEMENT_CHARACTER) { bytes_shown(&name).unwrap_or(text) } else { text }
        }
    }
}

/// A token that is a part of a character, as readers see it: what is no whole character as its bytes, such as `<0xE2>`. Nothing if the name is
/// not that of bytes.
///
/// * `name`: the token's, with a letter for each byte (byte-level BPE, as in GPT-2), or `<0xE2>` itself (byte fallback).
fn bytes_shown(name: &str) -> Option<String> {
    if name.starts_with("<0x") && name.ends_with('>') {
        return Some(name.into());
    }
    let bytes: Vec<u8> = name.chars().map(byte_of).collect::<Option<_>>()?;
    let shown = bytes.utf8_chunks().map(|chunk| {
        let rest: String = chunk.invalid().iter().map(|byte| format!("<0x{byte:02X}>")).collect();
        format!("{}{rest}", chunk.valid())
    });
    Some(shown.collect())
}

/// The byte that a letter stands for in byte-level BPE: printable ones for themselves, the others by the letters from U+0100 on, in order.
fn byte_of(letter: char) -> Option<u8> {
    let byte = match u32::from(letter) {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => code,
        code @ 0x100..=0x120 => code - 0x100,
        code @ 0x121..=0x142 => code - 0x121 + 0x7f,
        0x143 => 0xad,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

/// The tokens that `tokenizer_config.json` lists, by id.
fn listed_tokens(settings: &Json) -> Result<Vec<AddedToken>, LoadError> {
    let Some(list) = settings["added_tokens_decoder"].as_object() else { return Ok(vec![]) };
    let mut tokens = vec![];
    for (id, token) in list {
        let wrong = |why: String| {
            let why = format!("the token {id} of `added_tokens_decoder`: {why}");
            LoadError::from(DescriptionError { file: "tokenizer_config.json".into(), why })
        };
        let mut token: AddedToken = serde_json::from_value(token.clone()).map_err(|error| wrong(error.to_string()))?;
        token.id = id.parse().map_err(|error: std::num::ParseIntError| wrong(error.to_string()))?;
        tokens.push(token);
    }
    tokens.sort_by_key(|token| token.id);
    Ok(tokens)
}

/// The notice that the token which the model's files add after every text is left out.
fn ends_with(token: &str) -> String {
    format!("The model's files put {token} after every text; it is left out, since the model is to write on.")
}

/// A post-processor of `tokenizer.json` that begins every text with a token.
fn begin_with(id: u32, token: &str) -> Json {
    let special = json!({ "SpecialToken": { "id": token, "type_id": 0 } });
    let text = |id: &str| json!({ "Sequence": { "id": id, "type_id": 0 } });
    json!({
        "type": "TemplateProcessing",
        "single": [special, text("A")],
        "pair": [special, text("A"), text("B")],
        "special_tokens": { token: { "id": token, "ids": [id], "tokens": [token] } },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    use super::*;

    #[test]
    fn every_letter_of_byte_level_bpe_is_another_byte() {
        let bytes: BTreeSet<u8> = ByteLevel::alphabet().into_iter().map(|letter| byte_of(letter).unwrap()).collect();
        assert_eq!(bytes.len(), 256);
        assert_eq!(
            (byte_of('Ġ'), byte_of('A'), byte_of('Ń'), byte_of('ń'), byte_of('日')),
            (Some(32), Some(65), Some(0xad), None, None)
        );
    }

    #[test]
    fn parts_of_characters_are_shown_as_their_bytes() {
        // " a" and the first two of the three bytes of “日”.
        assert_eq!(bytes_shown("ĠaæĹ").as_deref(), Some(" a<0xE6><0x97>"));
        assert_eq!(bytes_shown("<0xE2>").as_deref(), Some("<0xE2>"));
        assert_eq!(bytes_shown("日"), None);
    }
}
