//! How what is removed or rounded is chosen: [`mask`], [`sparsegpt`] and [`quantize`] compute on plain numbers, one
//! matrix at a time. The plan that says what, as data, is [`prunescope_protocol::prune`].

pub mod mask;
pub mod quantize;
pub mod sparsegpt;
