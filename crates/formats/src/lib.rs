//! From files to data: GGUF and safetensors, quantized blocks, configurations, tokenizers, chat templates. Reads what anybody may have
//! made: what is wrong is an error that names it, memory is held to the input's length, and nothing panics.

#![warn(missing_docs)]

pub mod chat;
pub mod config;
pub mod gguf;
pub mod layout;
pub mod load_error;
pub mod metadata;
pub mod safetensors;
pub mod tensor;
pub mod tensor_names;
pub mod tokenizer;

pub use chat::ChatTemplate;
pub use load_error::LoadError;
pub use tokenizer::ModelTokenizer;
