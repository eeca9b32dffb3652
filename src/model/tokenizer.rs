//! Text to token ids and back, by the `tokenizers` crate: from a repository's `tokenizer.json`, or from GGUF metadata.

use serde::Deserialize;
use serde_json::Value as Json;
use thiserror::Error;
use tokenizers::Tokenizer;

use super::gguf::{Gguf, GgufError, Value};
use super::gguf_tokenizer;
use super::load_error::LoadError;
use super::repository::Repository;

/// Why a tokenizer could not be built or used.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TokenizerError {
    /// The metadata is missing something.
    #[error(transparent)]
    Metadata(#[from] GgufError),
    /// A kind of tokenizer that is not implemented.
    #[error("the tokenizer is of kind `{found}`, which is not supported: choose a model with one of {known}")]
    Kind {
        /// The kind in the file.
        found: String,
        /// What would work.
        known: String,
    },
    /// Vocabulary and merges that do not fit together.
    #[error("the model's tokenizer cannot be built ({why}): the file is corrupt; download it again")]
    Build {
        /// What the tokenizers crate says.
        why: String,
    },
    /// A text that cannot be encoded.
    #[error("the prompt cannot be split into tokens ({why}): change the prompt")]
    Encode {
        /// What the tokenizers crate says.
        why: String,
    },
}

/// Tokens that end a text in some models though their files do not say so.
const ENDS: [&str; 5] = ["<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>"];
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
    /// Token put before every text, where the model asks for it.
    bos: Option<u32>,
    /// Text of the beginning-of-sequence token, for the chat template.
    pub bos_text: String,
    /// Text of the end-of-sequence token, for the chat template.
    pub eos_text: String,
    /// Ids below this have an embedding.
    vocabulary: usize,
}

/// What is looked at of a `tokenizer.json` before the tokenizers crate reads it.
#[derive(Deserialize)]
struct Parts {
    /// What is put around a text.
    #[serde(default)]
    post_processor: Json,
}

/// That the template of what is put around a text names only the text and tokens that it gives.
fn check_template(processor: &Json) -> Result<(), String> {
    for inner in processor["processors"].as_array().into_iter().flatten() {
        check_template(inner)?;
    }
    for piece in processor["single"].as_array().into_iter().flatten() {
        let token = &piece["SpecialToken"]["id"];
        if let Some(token) = token.as_str().filter(|token| processor["special_tokens"].get(token).is_none()) {
            return Err(format!("the template around a text names {token:?}, which it does not give"));
        }
        if piece["Sequence"]["id"] == "B" {
            return Err("the template around a text names a second text".into());
        }
    }
    Ok(())
}

impl ModelTokenizer {
    /// Builds the tokenizer that a GGUF file describes.
    ///
    /// # Errors
    /// Missing metadata, an unknown kind, or merges that name no token.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, TokenizerError> {
        let tokens = gguf.texts("tokenizer.ggml.tokens")?;
        let tokenizer = gguf_tokenizer::build(gguf, &tokens)?;
        let id = |key: &str| -> Option<u32> {
            let id = gguf.unsigned(&format!("tokenizer.ggml.{key}_token_id")).ok()?;
            u32::try_from(id).ok().filter(|id| (*id as usize) < tokens.len())
        };
        let text = |id: Option<u32>| id.map(|id| tokens[id as usize].to_string()).unwrap_or_default();
        let (bos, eos) = (id("bos"), id("eos"));
        let adds_bos = match gguf.metadata.get("tokenizer.ggml.add_bos_token") {
            Some(Value::Bool(adds)) => *adds,
            _ => gguf.text("tokenizer.ggml.model") == Ok("llama"),
        };
        let mut this = Self {
            tokenizer,
            pieces: vec![],
            control: gguf_tokenizer::control(gguf, tokens.len()),
            stop: ["eos", "eot", "eom"].iter().filter_map(|key| id(key)).collect(),
            bos: bos.filter(|_| adds_bos),
            bos_text: text(bos),
            eos_text: text(eos),
            vocabulary: tokens.len(),
        };
        this.complete();
        Ok(this)
    }

    /// Builds the tokenizer of a repository.
    ///
    /// * `vocabulary` — tokens that have an embedding.
    ///
    /// # Errors
    /// A `tokenizer.json` that the tokenizers crate does not read, and texts that are not JSON.
    pub fn from_hub(repository: &Repository, vocabulary: usize) -> Result<Self, LoadError> {
        let wrong = |why: String| LoadError::Repository { file: "tokenizer.json".into(), why };
        // The tokenizers crate panics where its file is not JSON, in a part which no family here has, and on a template that
        // names what there is not (found by fuzzing).
        let parts: Parts = serde_json::from_str(&repository.tokenizer).map_err(|error| wrong(error.to_string()))?;
        check_template(&parts.post_processor).map_err(wrong)?;
        if repository.tokenizer.contains("\"Precompiled\"") {
            return Err(wrong("its normalizer is precompiled, which is not supported".into()));
        }
        let tokenizer: Tokenizer =
            repository.tokenizer.parse().map_err(|error: tokenizers::Error| wrong(error.to_string()))?;
        let settings = repository.tokenizer_settings()?;
        let named = |key: &str| match &settings[key] {
            Json::String(text) => text.clone(),
            token => token["content"].as_str().unwrap_or_default().to_string(),
        };
        let (bos_text, eos_text) = (named("bos_token"), named("eos_token"));
        // What the tokenizer itself puts before a text.
        let before = tokenizer.encode("", true).ok().and_then(|encoding| encoding.get_ids().first().copied());
        let size = tokenizer.get_vocab_size(true).min(vocabulary);
        let mut control = vec![false; size];
        for (id, token) in tokenizer.get_added_tokens_decoder() {
            if let Some(place) = control.get_mut(id as usize) {
                *place = token.special;
            }
        }
        let mut this = Self {
            bos: before.filter(|id| tokenizer.token_to_id(&bos_text) == Some(*id)),
            stop: repository.stop_ids()?,
            tokenizer,
            pieces: vec![],
            control,
            bos_text,
            eos_text,
            vocabulary,
        };
        this.complete();
        Ok(this)
    }

    /// What follows from the vocabulary: the pieces, and which tokens end a text.
    fn complete(&mut self) {
        let ends = ENDS.iter().map(|text| (*text).to_string()).chain([self.eos_text.clone()]);
        self.stop.extend(ends.filter_map(|end| self.tokenizer.token_to_id(&end)).collect::<Vec<u32>>());
        self.stop.sort_unstable();
        self.stop.dedup();
        self.pieces = (0..self.control.len() as u32).map(|id| self.read_piece(id)).collect();
    }

    /// The token ids of a text. Special tokens written out in it are recognised, as a chat template needs.
    ///
    /// * `chat` — the text comes from a chat template, which writes its own beginning-of-sequence token.
    ///
    /// # Errors
    /// Where the tokenizers crate refuses the text, or a token has no embedding.
    pub fn encode(&self, text: &str, chat: bool) -> Result<Vec<u32>, TokenizerError> {
        let encoding =
            self.tokenizer.encode(text, false).map_err(|error| TokenizerError::Encode { why: error.to_string() })?;
        let bos = self.bos.filter(|_| !chat);
        let ids: Vec<u32> = bos.into_iter().chain(encoding.get_ids().iter().copied()).collect();
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
