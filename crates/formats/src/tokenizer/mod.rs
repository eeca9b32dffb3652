//! Text to token ids and back, by the `tokenizers` crate: from a repository's `tokenizer.json`, or from GGUF metadata.

pub mod error;
mod gguf;
mod hub;

use std::collections::BTreeMap;

use prunescope_protocol::model::repository::{DescriptionError, Repository};
use serde_json::Value as Json;
use tokenizers::Tokenizer;

use crate::gguf::Gguf;
use crate::load_error::LoadError;
pub use error::TokenizerError;
use gguf::GgufTokenizer;
use hub::{AddedToken, Additions, Around, HubTokenizer};

/// Tokens that end a text where neither the model's nor the tokenizer's settings name one.
const ENDS: [&str; 5] = ["<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>"];
/// Special tokens that a chat template may name. Source: transformers, `SPECIAL_TOKENS_ATTRIBUTES`.
const SPECIAL: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
/// How many times more ids than tokens are believed.
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
    /// Tokens put before every text, where the model asks for them.
    before: Vec<u32>,
    /// The token that a conversation begins with too, should its template not write it: as llama.cpp has it, not transformers.
    before_chat: Option<u32>,
    /// Special tokens by what they are called in chat templates, such as `bos_token`.
    pub special: BTreeMap<String, String>,
    /// Ids below this have an embedding.
    vocabulary: usize,
    /// What a visitor should know.
    pub notices: Vec<String>,
}

impl ModelTokenizer {
    /// Builds the tokenizer that a GGUF file describes, as llama.cpp reads it.
    ///
    /// # Errors
    /// Missing metadata, an unknown kind, or merges that name no token.
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
                // A text that stands twice, or none.
                *piece = (*token).to_string();
            }
        }
        Ok(this)
    }

    /// Builds the tokenizer of a repository, as transformers reads it.
    ///
    /// * `vocabulary` — tokens that have an embedding.
    ///
    /// # Errors
    /// A `tokenizer.json` that is not read, and texts that are not JSON.
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
        // Where the settings speak of either, they replace what the tokenizer itself puts around a text.
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
        // Ids may have holes, so that the highest is above their number; a piece is made for each id up to it.
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

    /// The same with what follows from the vocabulary: the pieces, and each stop token once.
    fn complete(mut self) -> Self {
        self.stop.sort_unstable();
        self.stop.dedup();
        self.pieces = (0..self.control.len() as u32).map(|id| self.read_piece(id)).collect();
        self
    }

    /// The token ids of a text. Special tokens written out in it are recognised, as a chat template needs.
    ///
    /// * `chat` — the text comes from a chat template, which writes the tokens before a text itself.
    ///
    /// # Errors
    /// Where the tokenizers crate refuses the text, or a token has no embedding.
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

    /// The text of token ids without control tokens; bytes that are not UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let shown: Vec<u32> = ids.iter().copied().filter(|id| !self.is_control(*id)).collect();
        self.tokenizer.decode(&shown, false).unwrap_or_default()
    }

    /// One token as a reader should see it: its text, or its name where it is a control token.
    pub fn piece(&self, id: u32) -> &str {
        self.pieces.get(id as usize).map_or("", String::as_str)
    }

    /// The first token that another tokenizer has not the same.
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
            // Decoded alone, the space that begins a piece is taken for that before a text.
            name.replace(SPACE, " ")
        } else {
            self.tokenizer.decode(&[id], false).unwrap_or_default()
        }
    }
}

/// The tokens that a `tokenizer_config.json` lists, by id.
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

/// That texts are left open at the end, though the model's files say otherwise.
fn ends_with(token: &str) -> String {
    format!("The model's files put {token} after every text; it is left out, since the model is to write on.")
}
