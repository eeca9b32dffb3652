//! Pruning and quantization methods on slices of f32, one matrix at a time: [`mask`], [`sparsegpt`], [`quantize`]. The
//! plan that selects them is in [`prunescope_protocol::prune`].

pub mod mask;
pub mod quantize;
pub mod sparsegpt;
