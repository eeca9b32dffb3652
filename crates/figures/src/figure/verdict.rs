//! A verdict in words on one token's similarities.

use prunescope_localization::tr;
use prunescope_protocol::results::Metrics;

/// Least similarity at which probabilities are said to hardly change.
const ALIKE: f32 = 0.98;
/// Above this similarity hidden states and logits are called close.
const CLOSE: f32 = 0.9;
/// Least similarity at which probabilities are called close.
const CLOSE_PROBABILITIES: f32 = 0.8;

/// The angle between two vectors by their cosine, in words; `None` if it is not known.
pub fn angle(cosine: f32) -> Option<String> {
    let degrees = || format!("{:.0}", cosine.clamp(-1.0, 1.0).acos().to_degrees());
    cosine.is_finite().then(|| tr!(figure_verdict_angle, degrees = degrees()))
}

/// How closely the pruned model follows the dense one at a step, as text without a full stop.
pub fn at_token(metrics: &Metrics, step: usize) -> String {
    let token = step + 1;
    let Metrics { cos_h, cos_z, cos_p, .. } = *metrics;
    if ![cos_h, cos_z, cos_p].iter().all(|x| x.is_finite()) {
        return tr!(figure_verdict_not_finite);
    }
    match (cos_z > CLOSE, cos_p) {
        (true, ALIKE..) => tr!(figure_verdict_alike, token = token),
        (true, CLOSE_PROBABILITIES..) if cos_h > CLOSE => tr!(figure_verdict_slips, token = token),
        (true, CLOSE_PROBABILITIES..) => tr!(figure_verdict_slips_behind_logits, token = token),
        (true, _) => tr!(figure_verdict_apart, token = token),
        (false, CLOSE_PROBABILITIES..) => tr!(figure_verdict_logits_moved, token = token),
        (false, _) => tr!(figure_verdict_lost, token = token),
    }
}

/// What a repair does to the probabilities at a step, as text without a full stop.
pub fn repaired(pruned: &Metrics, repaired: &Metrics, step: usize) -> String {
    let token = step + 1;
    let (now, before) = (format!("{:.3}", repaired.cos_p), format!("{:.3}", pruned.cos_p));
    match (repaired.cos_p, repaired.kl_dense_pruned < pruned.kl_dense_pruned) {
        (ALIKE.., _) => tr!(figure_verdict_repaired, token = token, now = now, before = before),
        (_, true) => tr!(figure_verdict_repaired_in_part, token = token, now = now, before = before),
        (_, false) => tr!(figure_verdict_repaired_not, token = token, now = now, before = before),
    }
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
