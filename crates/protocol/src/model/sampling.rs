//! How the next token is chosen.

use serde::{Deserialize, Serialize};

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 is greedy; otherwise the softmax temperature.
    pub temperature: f32,
    /// Sample from the k likeliest tokens only; 0 is all.
    pub top_k: usize,
    /// Sample from the likeliest tokens that together reach this probability; 1 is all.
    pub top_p: f32,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Sampling {
    /// Whether the likeliest token is always taken.
    pub fn is_greedy(&self) -> bool {
        self.temperature <= 0.0
    }
}
