//! How far a GPU agrees with the CPU.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a GPU computed of a probe beside what the CPU computes of the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceCheck {
    /// Tokens of the probe.
    pub tokens: usize,
    /// The layers whose sublayers were compared; the embedding, the final norm and rows of the head were too.
    pub layers: Vec<usize>,
    /// Largest relative error ‖a − b‖ / ‖b‖ of any token's row.
    pub largest_error: f32,
    /// KL divergence of the next token's distributions after the probe, on the rows of the head that were compared, in nats.
    pub kl: f32,
    /// Milliseconds for one token through the whole model on the GPU.
    pub gpu_ms: f64,
    /// The same on the CPU, from those of the layers and rows that were compared.
    pub cpu_ms: f64,
}

impl DeviceCheck {
    /// How much faster the CPU must seem to be taken in the GPU's place: the few layers that are timed fit its caches better than a
    /// whole model.
    const MARGIN: f64 = 1.5;

    /// Whether the CPU is the faster device.
    pub fn cpu_is_faster(&self) -> bool {
        self.cpu_ms * Self::MARGIN < self.gpu_ms
    }
}

/// For the status line.
impl fmt::Display for DeviceCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tokens, largest_error, kl, gpu_ms, cpu_ms, .. } = self;
        write!(
            f,
            "This GPU agrees with the CPU on {tokens} tokens (largest relative error {largest_error:.0e}, KL {kl:.0e}). One token takes it about {}, one thread of the CPU about {}.",
            milliseconds(*gpu_ms),
            milliseconds(*cpu_ms)
        )
    }
}

/// A time with two digits that matter.
pub fn milliseconds(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_line_with_its_figures() {
        let check = DeviceCheck {
            tokens: 16,
            layers: vec![0, 15, 29],
            largest_error: 2.31e-6,
            kl: 4e-10,
            gpu_ms: 7.26,
            cpu_ms: 31.4,
        };
        let text = check.to_string();
        assert!(text.contains("on 16 tokens (largest relative error 2e-6, KL 4e-10)"), "{text}");
        assert!(text.contains("about 7.3 ms, one thread of the CPU about 31 ms"), "{text}");
    }
}
