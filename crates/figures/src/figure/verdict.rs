//! A verdict in words on one token's similarities.

use prunescope_protocol::results::Metrics;

/// Least similarity at which probabilities are said to hardly change.
const ALIKE: f32 = 0.98;
/// Above this similarity hidden states and logits are called close.
const CLOSE: f32 = 0.9;
/// Least similarity at which probabilities are called close.
const CLOSE_PROBABILITIES: f32 = 0.8;

/// The angle between two vectors by their cosine, in words; `None` if it is not known.
pub fn angle(cosine: f32) -> Option<String> {
    cosine.is_finite().then(|| format!("an angle of {:.0}°", cosine.clamp(-1.0, 1.0).acos().to_degrees()))
}

/// A token's place in words, for the middle of a sentence: "the first token", "token 6".
fn place(step: usize) -> String {
    if step == 0 { "the first token".into() } else { format!("token {}", step + 1) }
}

/// How closely the pruned model follows the dense one at a step, as text without a full stop.
pub fn at_token(metrics: &Metrics, step: usize) -> String {
    let at = place(step);
    let Metrics { cos_h, cos_z, cos_p, .. } = *metrics;
    if ![cos_h, cos_z, cos_p].iter().all(|x| x.is_finite()) {
        return "Some numbers are not finite (NaN or infinite), so the models cannot be compared".into();
    }
    let what = match (cos_z > CLOSE, cos_p) {
        (true, ALIKE..) => "the probabilities hardly change",
        (true, CLOSE_PROBABILITIES..) if cos_h > CLOSE => {
            "hidden state and logits stay close, while the probabilities start to slip"
        }
        (true, CLOSE_PROBABILITIES..) => "the logits stay close, while the probabilities start to slip",
        (true, _) => "the logits still look similar, but the probabilities have come apart",
        (false, CLOSE_PROBABILITIES..) => "the logits have moved, though the probabilities still agree",
        (false, _) => "the signal is lost before the logits",
    };
    format!("At {at} {what}")
}

/// What a repair does to the probabilities at a step, as text without a full stop.
pub fn repaired(pruned: &Metrics, repaired: &Metrics, step: usize) -> String {
    let how = match (repaired.cos_p, repaired.kl_dense_pruned < pruned.kl_dense_pruned) {
        (ALIKE.., _) => "the repair brings them back",
        (_, true) => "the repair brings part of them back",
        (_, false) => "the repair does not help",
    };
    format!("At {} {how} (cos p {:.3} instead of {:.3})", place(step), repaired.cos_p, pruned.cos_p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_angles() {
        assert_eq!(angle(0.5).unwrap(), "an angle of 60°");
        assert_eq!(angle(1.000_001).unwrap(), "an angle of 0°");
        assert_eq!(angle(-1.0).unwrap(), "an angle of 180°");
        assert_eq!(angle(f32::NAN), None);
    }

    #[test]
    fn each_sentence_is_true_of_its_numbers() {
        let of = |cos_h, cos_z, cos_p| {
            at_token(&Metrics { cos_h, cos_z, cos_p, ..Metrics::from_values(&[0.0; Metrics::NAMES.len()]) }, 0)
        };
        assert!(of(0.99, 0.99, 0.99).contains("hardly change"));
        assert!(of(0.99, 0.95, 0.9).contains("start to slip"));
        assert!(!of(0.5, 0.95, 0.9).contains("hidden state"));
        assert!(of(0.99, 0.95, 0.04).contains("come apart"));
        assert!(of(0.5, 0.7, 0.04).contains("lost before"));
        let with = |cos_p, kl_dense_pruned| Metrics {
            cos_p,
            kl_dense_pruned,
            ..Metrics::from_values(&[0.0; Metrics::NAMES.len()])
        };
        assert!(
            repaired(&with(0.1, 3.0), &with(0.99, 0.1), 5).contains("brings them back (cos p 0.990 instead of 0.100")
        );
        assert!(repaired(&with(0.1, 3.0), &with(0.7, 1.0), 5).contains("part of them back"));
        assert!(repaired(&with(0.1, 3.0), &with(0.05, 4.0), 5).contains("does not help"));
        assert!(repaired(&with(0.1, 3.0), &with(0.7, 1.0), 5).starts_with("At token 6 the"));
        assert!(of(0.99, 0.99, 0.99).starts_with("At the first token the"));
        for cos_p in [0.85, 0.99, 1.0] {
            let sentence = of(0.99, 0.7, cos_p);
            assert!(sentence.contains("have moved") && !sentence.contains("close"), "{sentence}");
        }
        for (h, z, p) in [(f32::NAN, 1.0, 1.0), (1.0, f32::NAN, 1.0), (1.0, 1.0, f32::INFINITY)] {
            assert!(of(h, z, p).contains("not finite"), "{h} {z} {p}");
        }
    }
}
