//! A verdict in words on the first token's similarities.

use prunescope_protocol::results::Metrics;

/// Least similarity at which probabilities are said to hardly change.
const ALIKE: f32 = 0.98;
/// Above this similarity hidden states and logits are called close.
const CLOSE: f32 = 0.9;
/// Least similarity at which probabilities are called close.
const CLOSE_PROBABILITIES: f32 = 0.8;

/// How closely the pruned model follows the dense one at the first token, as text without a full stop.
pub fn first_token(metrics: &Metrics) -> &'static str {
    let Metrics { cos_h, cos_z, cos_p, .. } = *metrics;
    if ![cos_h, cos_z, cos_p].iter().all(|x| x.is_finite()) {
        return "Some numbers are not finite (NaN or infinite), so the models cannot be compared";
    }
    match (cos_z > CLOSE, cos_p) {
        (true, ALIKE..) => "The first token's probabilities hardly change",
        (true, CLOSE_PROBABILITIES..) if cos_h > CLOSE => {
            "Hidden state and logits stay close; the probabilities start to slip"
        }
        (true, CLOSE_PROBABILITIES..) => "The logits stay close; the probabilities start to slip",
        (true, _) => "The logits still look similar, but the probabilities have come apart",
        (false, CLOSE_PROBABILITIES..) => "The logits have moved, though the first token's probabilities still agree",
        (false, _) => "The signal is lost before the logits",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sentence_is_true_of_its_numbers() {
        let of = |cos_h, cos_z, cos_p| {
            first_token(&Metrics { cos_h, cos_z, cos_p, ..Metrics::from_values(&[0.0; Metrics::NAMES.len()]) })
        };
        assert!(of(0.99, 0.99, 0.99).contains("hardly change"));
        assert!(of(0.99, 0.95, 0.9).contains("start to slip"));
        assert!(!of(0.5, 0.95, 0.9).contains("Hidden state"));
        assert!(of(0.99, 0.95, 0.04).contains("come apart"));
        assert!(of(0.5, 0.7, 0.04).contains("lost before"));
        for cos_p in [0.85, 0.99, 1.0] {
            let sentence = of(0.99, 0.7, cos_p);
            assert!(sentence.contains("have moved") && !sentence.contains("close"), "{sentence}");
        }
        for (h, z, p) in [(f32::NAN, 1.0, 1.0), (1.0, f32::NAN, 1.0), (1.0, 1.0, f32::INFINITY)] {
            assert!(of(h, z, p).contains("not finite"), "{h} {z} {p}");
        }
    }
}
