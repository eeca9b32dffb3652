//! Choosing the next token: greedy, or seeded sampling with temperature, top-k and top-p.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub use prunescope_protocol::model::sampling::Sampling;

/// A seeded sampler of tokens. Samplers with equal seeds draw the same uniform numbers, so that a dense and a pruned
/// run differ only by their models.
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    random: ChaCha8Rng,
}

impl Sampler {
    /// A sampler at the beginning of its random sequence.
    pub fn new(sampling: Sampling) -> Self {
        Self { sampling, random: ChaCha8Rng::seed_from_u64(sampling.seed) }
    }

    /// Draws a token from `logits`, `[vocabulary]`, not divided by the temperature. Greedy if the temperature is 0.
    pub fn choose(&mut self, logits: &[f32]) -> u32 {
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        let by_logit = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
        if self.sampling.is_greedy() || logits.is_empty() {
            return order.into_iter().min_by(by_logit).unwrap_or(0);
        }
        let keep = if self.sampling.top_k == 0 { logits.len() } else { self.sampling.top_k.min(logits.len()) };
        if keep < order.len() {
            order.select_nth_unstable_by(keep - 1, by_logit);
            order.truncate(keep);
        }
        order.sort_unstable_by(by_logit);
        let highest = logits[order[0] as usize];
        let weight =
            |id: &u32| (f64::from(logits[*id as usize] - highest) / f64::from(self.sampling.temperature)).exp();
        let weights: Vec<f64> = order.iter().map(weight).collect();
        let total: f64 = weights.iter().sum();
        let enough = total * f64::from(self.sampling.top_p.clamp(0.0, 1.0));
        let mut sum = 0.0;
        let mut kept = 0;
        while kept < weights.len() && (kept == 0 || sum < enough) {
            sum += weights[kept];
            kept += 1;
        }
        // 53 random bits as a number in [0, 1).
        let mut left = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * sum;
        for (id, weight) in order[..kept].iter().zip(&weights) {
            if left < *weight {
                return *id;
            }
            left -= weight;
        }
        order[kept - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 4] = [1.0, 3.0, 2.0, -1.0];

    fn draws(sampling: Sampling) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling);
        (0..2000).map(|_| sampler.choose(&LOGITS)).collect()
    }

    #[test]
    fn greedy_takes_the_likeliest() {
        let greedy = Sampling { temperature: 0.0, top_k: 0, top_p: 1.0, seed: 1 };
        assert!(draws(greedy).iter().all(|id| *id == 1));
    }

    #[test]
    fn a_seed_repeats_and_frequencies_follow_softmax() {
        let sampling = Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, seed: 7 };
        let ids = draws(sampling);
        assert_eq!(ids, draws(sampling));
        assert_ne!(ids, draws(Sampling { seed: 8, ..sampling }));
        let total: f32 = LOGITS.iter().map(|z| z.exp()).sum();
        for (id, logit) in LOGITS.iter().enumerate() {
            let share = ids.iter().filter(|got| **got == id as u32).count() as f32 / ids.len() as f32;
            assert!((share - logit.exp() / total).abs() < 0.04, "{id}: {share}");
        }
    }

    #[test]
    fn top_k_and_top_p_cut_the_tail() {
        let sampling = Sampling { temperature: 1.0, top_k: 2, top_p: 1.0, seed: 7 };
        assert!(draws(sampling).iter().all(|id| [1, 2].contains(id)));
        assert!(draws(Sampling { top_k: 0, top_p: 0.5, ..sampling }).iter().all(|id| *id == 1));
    }
}
