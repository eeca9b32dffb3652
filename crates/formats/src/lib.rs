//! File formats: GGUF and safetensors, configurations, tokenizers, chat templates. Input is untrusted: malformed files
//! give errors that name the problem, memory is bounded by the input's length, and nothing panics.

#![warn(missing_docs)]

pub mod chat;
pub mod config;
pub mod gguf;
pub mod layout;
pub mod load_error;
pub mod metadata;
pub mod safetensors;
pub mod saved;
pub mod tensor;
pub mod tensor_names;
pub mod tokenizer;

pub use chat::ChatTemplate;
pub use load_error::LoadError;
pub use tokenizer::ModelTokenizer;
