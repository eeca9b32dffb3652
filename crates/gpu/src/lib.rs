//! GPU kernels in CubeCL: products with weights that stay quantized, and fused steps of a decoder.
//!
//! Plain burn launches a kernel for every operation, and in a browser a launch costs more than its work; here a block
//! of the decoder takes nine launches. Plain burn on f32 weights remains the reference.
//!
//! Each file has one operation: the kernel, its launch, the function that the engine calls, and a test against the CPU.
//!
//! * [`blocks`]: a weight matrix that stays quantized.
//! * [`matmul`]: its products; [`format`](mod@format): its formats.
//! * [`elementwise`]: RMSNorm, and the SiLU gate of an MLP.
//! * [`attention`]: RoPE, the KV cache, attention.
//! * [`compare`](mod@compare): the sums that metrics are computed from.
//! * [`ops`]: all of them as a burn backend extension.

#![warn(missing_docs)]

pub mod attention;
mod backend;
pub mod blocks;
pub mod compare;
pub mod elementwise;
pub mod format;
mod launch;
pub mod matmul;
pub mod ops;

#[cfg(test)]
mod testing {
    use std::sync::LazyLock;

    use burn::tensor::{Device, Tensor, TensorData};

    /// The default GPU, opened once.
    pub(crate) fn gpu() -> Device {
        static GPU: LazyLock<Device> = LazyLock::new(|| Device::wgpu_options().init().expect("a GPU"));
        GPU.clone()
    }

    /// Pseudorandom numbers in −1..1 (xorshift).
    pub(crate) fn numbers(count: usize, salt: u32) -> Vec<f32> {
        let mut state = salt.wrapping_mul(0x9e37_79b9) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// Row-major numbers as a tensor with `rows` rows on the GPU.
    pub(crate) fn tensor(values: &[f32], rows: usize) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), [rows, values.len() / rows]), &gpu())
    }

    /// A tensor's numbers, row-major.
    pub(crate) fn read(x: Tensor<2>) -> Vec<f32> {
        x.into_data().try_into_vec_as().unwrap()
    }

    /// Asserts |found − wanted| ≤ tolerance · max |wanted| for every number.
    pub(crate) fn assert_close(found: &[f32], wanted: &[f32], tolerance: f32) {
        assert_eq!(found.len(), wanted.len());
        let largest = wanted.iter().fold(0f32, |largest, x| largest.max(x.abs()));
        for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            assert!((found - wanted).abs() <= tolerance * largest, "number {at} is {found}, {wanted} is right");
        }
    }
}
