//! The repair of a pruned model in words.

use prunescope_localization::tr;
use prunescope_protocol::prune::{HeadPart, Repair};
use prunescope_protocol::results::{FullRepair, HeadStep, RepairReport};

use crate::names;

/// What the repair is and gains, as sentences.
pub fn summary(report: &RepairReport) -> String {
    let mut sentences = vec![];
    if !report.repair.is_empty() {
        sentences.push(of_sublayers(report));
    }
    if !report.head.is_empty() {
        sentences.push(of_head(report));
    }
    if !report.changes_the_model() {
        sentences.push(tr!(figure_repair_is_pruned));
    }
    sentences.join(" ")
}

/// What the maps in place of dropped sublayers gain.
fn of_sublayers(report: &RepairReport) -> String {
    let form = report.repair.parse::<Repair>().map_or_else(|_| report.repair.clone(), names::repair);
    let (without, with) = (format!("{:.3}", report.kl_pruned), format!("{:.3}", report.kl_repaired));
    let held_out = report.held_out_tokens;
    if !report.applied {
        return tr!(figure_repair_not_applied, form = form, held_out = held_out, without = without, with = with);
    }
    let fitted = tr!(
        figure_repair_fitted,
        form = form,
        tokens = grouped(report.fit_tokens),
        answers = report.fit_answers,
        held_out = held_out,
        without = without,
        with = with
    );
    let kept = tr!(figure_repair_kept, numbers = grouped(report.numbers), size = size(report.bytes()));
    format!("{fitted} {kept}")
}

/// What each part of the head's repair gains.
fn of_head(report: &RepairReport) -> String {
    let parts = report.head.iter().map(of_part).collect::<Vec<_>>().join("; ");
    if report.repair.is_empty() {
        tr!(figure_repair_head_fitted, tokens = report.fit_tokens, held_out = report.held_out_tokens, parts = parts)
    } else {
        tr!(figure_repair_head, parts = parts)
    }
}

fn of_part(step: &HeadStep) -> String {
    let (before, after) = (format!("{:.3}", step.kl_before), format!("{:.3}", step.kl_after));
    let applied = if step.applied { "yes" } else { "no" };
    match step.part {
        HeadPart::Bias => {
            let length = format!("{:.2}", step.value);
            tr!(figure_repair_bias, length = length, before = before, after = after, applied = applied)
        }
        HeadPart::Temperature => {
            let divisor = format!("{:.3}", step.value);
            tr!(figure_repair_temperature, divisor = divisor, before = before, after = after, applied = applied)
        }
    }
}

/// How the full map compares with the smaller repair, as a sentence.
///
/// * `form`: the form in use.
pub fn full_map(full: &FullRepair, form: Repair) -> String {
    let verdict = match (form == Repair::Full, full.is_better()) {
        (true, true) => "used",
        (true, false) => "used-though-worse",
        (false, true) => "better",
        (false, false) => "not-used",
    };
    tr!(
        figure_repair_full,
        full = format!("{:.3}", full.kl_full),
        smaller = format!("{:.3}", full.kl_present),
        tokens = grouped(full.tokens),
        verdict = verdict
    )
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let separator = tr!(figure_repair_thousands);
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out += &separator;
        }
        out.push(digit);
    }
    out
}

/// Bytes in words.
fn size(bytes: u64) -> String {
    match bytes as f64 / 1e6 {
        small if small < 1.0 => tr!(figure_repair_kilobytes, size = format!("{:.0}", 1e3 * small)),
        large => tr!(figure_repair_megabytes, size = format!("{large:.1}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_whether_it_helps() {
        let mut report = RepairReport {
            repair: "scale".into(),
            fit_tokens: 256,
            fit_answers: 0,
            held_out_tokens: 85,
            numbers: 9216,
            kl_pruned: 0.533,
            kl_repaired: 0.322,
            applied: true,
            head: vec![],
        };
        let sentence = summary(&report);
        assert!(sentence.contains("a scale and a bias, fitted on 256 tokens"), "{sentence}");
        assert!(
            sentence.contains("0.533 nats without it and 0.322 with it. 9,216 numbers are kept (18 kB"),
            "{sentence}"
        );
        report.fit_answers = 12;
        assert!(summary(&report).contains("256 tokens of the calibration text and of 12 answers of the dense model;"));
        report.applied = false;
        let sentence = summary(&report);
        assert!(sentence.starts_with("Not applied") && sentence.ends_with("The model below is the pruned one."));
    }

    #[test]
    fn each_part_of_the_head_has_its_numbers() {
        let bias = HeadStep {
            part: HeadPart::Bias,
            value: 0.214,
            numbers: 576,
            kl_before: 0.402,
            kl_after: 0.365,
            applied: true,
        };
        let temperature = HeadStep {
            part: HeadPart::Temperature,
            value: 0.9281,
            numbers: 0,
            kl_before: 0.365,
            kl_after: 0.371,
            applied: false,
        };
        let report = RepairReport {
            fit_tokens: 256,
            held_out_tokens: 85,
            kl_pruned: 0.402,
            kl_repaired: 0.402,
            head: vec![bias, temperature],
            ..RepairReport::default()
        };
        assert_eq!(
            summary(&report),
            "At the head, fitted on 256 tokens of the calibration text and checked on 85 others: an offset of h, 0.21 of \
             its length, takes KL from 0.402 to 0.365 nats; dividing the logits by 0.928 takes KL from 0.365 to 0.371 \
             nats, so it is not applied."
        );
    }

    #[test]
    fn the_better_map_is_named() {
        let of = |kl_full, form| full_map(&FullRepair { tokens: 930, kl_present: 0.32, kl_full }, form);
        assert!(
            of(0.27, Repair::Full).contains("leaves 0.270 nats where the smaller repair leaves 0.320, on 930 tokens")
        );
        assert!(of(0.27, Repair::Full).ends_with("so it is used."));
        assert!(of(0.27, Repair::Scale).ends_with("so it would be better."));
        assert!(of(0.4, Repair::Scale).ends_with("so it is not used."));
        assert!(of(0.4, Repair::Full).ends_with("though it is used."));
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(grouped), ["0", "12", "999", "1,000", "1,234,567"]);
    }
}
