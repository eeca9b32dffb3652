//! Pruning and quantization methods on slices of f32, one matrix at a time: [`mask`], [`sparsegpt`], [`quantize`],
//! [`gptq`]; and [`owl`], which divides sparsity among the layers. The plan that selects them is in
//! [`prunescope_protocol::prune`].

pub mod gptq;
pub mod mask;
pub mod owl;
pub mod quantize;
pub mod sparsegpt;
