//! Text to token ids and back, from a GGUF file's own metadata.
//!
//! Byte-level BPE through the `tokenizers` crate. Source of the pre-tokenizers: llama.cpp, `llama-vocab.cpp`.

use ahash::AHashMap;
use thiserror::Error;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::{byte_level::ByteLevel, digits::Digits, sequence::Sequence};
use tokenizers::{AddedToken, PreTokenizerWrapper, Tokenizer};

use super::gguf::{Gguf, GgufError, Value};

/// Why a tokenizer could not be built or used.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TokenizerError {
    /// The metadata is missing something.
    #[error(transparent)]
    Metadata(#[from] GgufError),
    /// A kind of tokenizer that is not implemented.
    #[error(
        "the tokenizer is of kind `{found}`, which is not supported yet: choose a model with a byte-level BPE (`gpt2`) tokenizer"
    )]
    Kind {
        /// The kind in the file.
        found: String,
    },
    /// Vocabulary and merges that do not fit together.
    #[error("the tokenizer in the file cannot be built ({why}): the file is corrupt; download it again")]
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

/// `tokenizer.ggml.token_type` of control tokens such as `<|im_start|>`.
const CONTROL: u64 = 3;
/// `tokenizer.ggml.token_type` of tokens added by the model's author, matched before BPE.
const USER_DEFINED: u64 = 4;

/// A model's tokenizer.
#[derive(Clone, Debug)]
pub struct ModelTokenizer {
    tokenizer: Tokenizer,
    pieces: Vec<String>,
    control: Vec<bool>,
    /// Tokens that end a text.
    pub stop: Vec<u32>,
    /// Token put before every text, where the file asks for it.
    bos: Option<u32>,
    /// Text of the beginning-of-sequence token, for the chat template.
    pub bos_text: String,
    /// Text of the end-of-sequence token, for the chat template.
    pub eos_text: String,
}

impl ModelTokenizer {
    /// Builds the tokenizer that a file describes.
    ///
    /// # Errors
    /// Missing metadata, an unknown kind, or merges that name no token.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, TokenizerError> {
        let kind = gguf.text("tokenizer.ggml.model")?;
        if kind != "gpt2" {
            return Err(TokenizerError::Kind { found: kind.into() });
        }
        let pre = gguf.text("tokenizer.ggml.pre").unwrap_or("default");
        let byte_level = |regex| PreTokenizerWrapper::from(ByteLevel::new(false, true, regex));
        let splitter = match pre {
            "smollm" => Sequence::new(vec![PreTokenizerWrapper::from(Digits::new(true)), byte_level(true)]),
            "gpt-2" | "gpt2" | "default" => Sequence::new(vec![byte_level(true)]),
            other => return Err(TokenizerError::Kind { found: format!("gpt2 with pre-tokenizer {other}") }),
        };
        let tokens = gguf.texts("tokenizer.ggml.tokens")?;
        let wrong = |why: String| TokenizerError::Build { why };
        let merges = gguf
            .texts("tokenizer.ggml.merges")?
            .into_iter()
            .map(|merge| {
                let pair = merge.split_once(' ').map(|(a, b)| (a.to_string(), b.to_string()));
                pair.ok_or_else(|| wrong(format!("the merge {merge:?} is not two tokens")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let vocabulary: AHashMap<String, u32> =
            tokens.iter().enumerate().map(|(id, token)| (token.to_string(), id as u32)).collect();
        let model =
            BPE::builder().vocab_and_merges(vocabulary, merges).build().map_err(|error| wrong(error.to_string()))?;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(splitter));
        tokenizer.with_decoder(Some(ByteLevel::default()));
        let types: Vec<u64> = match gguf.metadata.get("tokenizer.ggml.token_type") {
            Some(Value::Array(values)) => values
                .iter()
                .map(|value| match value {
                    Value::Unsigned(n) => *n,
                    Value::Signed(n) => *n as u64,
                    _ => 0,
                })
                .collect(),
            _ => vec![],
        };
        let of_type = |wanted: u64| {
            let types = &types;
            tokens.iter().enumerate().filter(move |(id, _)| types.get(*id) == Some(&wanted)).map(|(_, token)| *token)
        };
        let special: Vec<_> = of_type(CONTROL).map(|token| AddedToken::from(token, true)).collect();
        let added: Vec<_> =
            of_type(USER_DEFINED).map(|token| AddedToken::from(token, false).normalized(false)).collect();
        tokenizer.add_special_tokens(&special);
        tokenizer.add_tokens(&added);
        let token_id = |key: &str| -> Option<u32> {
            let id = gguf.unsigned(&format!("tokenizer.ggml.{key}_token_id")).ok()?;
            u32::try_from(id).ok().filter(|id| (*id as usize) < tokens.len())
        };
        let text = |id: Option<u32>| id.map(|id| tokens[id as usize].to_string()).unwrap_or_default();
        let (bos, eos) = (token_id("bos"), token_id("eos"));
        let mut stop: Vec<u32> = ["eos", "eot", "eom"].iter().filter_map(|key| token_id(key)).collect();
        for end_of_text in ["<|endoftext|>", "<|im_end|>"] {
            stop.extend(tokens.iter().position(|token| *token == end_of_text).map(|id| id as u32));
        }
        stop.sort_unstable();
        stop.dedup();
        let add_bos = matches!(gguf.metadata.get("tokenizer.ggml.add_bos_token"), Some(Value::Bool(true)));
        let mut this = Self {
            tokenizer,
            pieces: vec![],
            control: (0..tokens.len()).map(|id| types.get(id) == Some(&CONTROL)).collect(),
            stop,
            bos: bos.filter(|_| add_bos),
            bos_text: text(bos),
            eos_text: text(eos),
        };
        this.pieces = (0..tokens.len() as u32).map(|id| this.decode_piece(id, tokens[id as usize])).collect();
        Ok(this)
    }

    /// The token ids of a text. Special tokens written out in it are recognised, as a chat template needs.
    ///
    /// * `chat` — the text comes from a chat template, which writes its own beginning-of-sequence token.
    ///
    /// # Errors
    /// Where the tokenizers crate refuses the text.
    pub fn encode(&self, text: &str, chat: bool) -> Result<Vec<u32>, TokenizerError> {
        let encoding =
            self.tokenizer.encode(text, false).map_err(|error| TokenizerError::Encode { why: error.to_string() })?;
        let bos = self.bos.filter(|_| !chat);
        Ok(bos.into_iter().chain(encoding.get_ids().iter().copied()).collect())
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

    fn is_control(&self, id: u32) -> bool {
        self.control.get(id as usize).copied().unwrap_or(false)
    }

    fn decode_piece(&self, id: u32, name: &str) -> String {
        if self.is_control(id) { name.to_string() } else { self.tokenizer.decode(&[id], false).unwrap_or_default() }
    }
}
