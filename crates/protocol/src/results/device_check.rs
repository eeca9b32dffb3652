//! The comparison of a GPU with the CPU.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a GPU's results on a short probe text agree with the CPU's, and how fast both are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceCheck {
    /// Tokens of the probe text.
    pub tokens: usize,
    /// The layers whose sublayers were compared; the embedding, the final norm and some rows of the head are compared
    /// too.
    pub layers: Vec<usize>,
    /// Largest relative error ‖a − b‖ / ‖b‖ of any token's row.
    pub largest_error: f32,
    /// KL divergence between the next-token distributions after the probe, on the compared rows of the head, in nats.
    pub kl: f32,
    /// Milliseconds for one token through the whole model on the GPU.
    pub gpu_ms: f64,
    /// The same on the CPU, extrapolated from the compared layers and rows.
    pub cpu_ms: f64,
}

impl DeviceCheck {
    /// Factor by which the CPU must be faster to replace the GPU: the few timed layers fit its caches better than a
    /// whole model.
    const MARGIN: f64 = 1.5;

    /// Whether the CPU is the faster device.
    pub fn cpu_is_faster(&self) -> bool {
        self.cpu_ms * Self::MARGIN < self.gpu_ms
    }
}

/// Formats it for the status line.
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

/// A time in milliseconds with about two digits.
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
