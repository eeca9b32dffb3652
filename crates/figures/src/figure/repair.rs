//! The repair of a pruned model in words.

use prunescope_protocol::prune::{HeadPart, Repair};
use prunescope_protocol::results::{FullRepair, HeadStep, RepairReport};

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
        sentences.push("The model below is the pruned one.".into());
    }
    sentences.join(" ")
}

/// What the maps in place of dropped sublayers gain.
fn of_sublayers(report: &RepairReport) -> String {
    let form = report.repair.parse::<Repair>().map_or_else(|_| report.repair.clone(), Repair::name);
    let numbers = format!(
        "on {} tokens that the fit had not seen, KL(dense ‖ pruned) is {:.3} nats without it and {:.3} with it",
        report.held_out_tokens, report.kl_pruned, report.kl_repaired
    );
    if report.applied {
        format!(
            "Each dropped sublayer is replaced by {form}, fitted on {} tokens of the calibration text{}; {numbers}. {} numbers are kept ({}).",
            grouped(report.fit_tokens),
            if report.fit_answers > 0 {
                format!(" and of {} answers of the dense model", report.fit_answers)
            } else {
                String::new()
            },
            grouped(report.numbers),
            size(report.bytes())
        )
    } else {
        format!("Not applied, because it does not help: with {form}, {numbers}.")
    }
}

/// What each part of the head's repair gains.
fn of_head(report: &RepairReport) -> String {
    let parts: Vec<String> = report.head.iter().map(of_part).collect();
    let (fit, kept_out) = (report.fit_tokens, report.held_out_tokens);
    let on = if report.repair.is_empty() {
        format!("fitted on {fit} tokens of the calibration text and checked on {kept_out} others")
    } else {
        "on the same tokens".into()
    };
    format!("At the head, {on}: {}.", parts.join("; "))
}

fn of_part(step: &HeadStep) -> String {
    let what = match step.part {
        HeadPart::Bias => format!("an offset of h, {:.2} of its length,", step.value),
        HeadPart::Temperature => format!("dividing the logits by {:.3}", step.value),
    };
    let gain = format!("takes KL from {:.3} to {:.3} nats", step.kl_before, step.kl_after);
    if step.applied { format!("{what} {gain}") } else { format!("{what} {gain}, so it is not applied") }
}

/// How the full map compares with the smaller repair, as a sentence.
///
/// * `form`: the form in use.
pub fn full_map(full: &FullRepair, form: Repair) -> String {
    let verdict = match (form == Repair::Full, full.is_better()) {
        (true, true) => "so it is used",
        (true, false) => "though it is used",
        (false, true) => "so it would be better",
        (false, false) => "so it is not used",
    };
    format!(
        "The full map leaves {:.3} nats where the smaller repair leaves {:.3}, on {} tokens that neither fit had seen, {verdict}.",
        full.kl_full,
        full.kl_present,
        grouped(full.tokens)
    )
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in words.
fn size(bytes: u64) -> String {
    match bytes as f64 / 1e6 {
        small if small < 1.0 => format!("{:.0} kB in half precision", 1e3 * small),
        large => format!("{large:.1} MB in half precision"),
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
