//! The repair of a pruned model in words.

use prunescope_protocol::prune::Repair;
use prunescope_protocol::results::RepairReport;

/// What the repair is and gains, as sentences.
pub fn summary(report: &RepairReport) -> String {
    let form = report.repair.parse::<Repair>().map_or_else(|_| report.repair.clone(), Repair::name);
    let numbers = format!(
        "on {} tokens that the fit had not seen, KL(dense ‖ pruned) is {:.3} nats without it and {:.3} with it",
        report.held_out_tokens, report.kl_pruned, report.kl_repaired
    );
    if report.applied {
        format!(
            "Each dropped sublayer is replaced by {form}, fitted on {} tokens of the calibration text; {numbers}. {} numbers are kept ({}).",
            report.fit_tokens,
            grouped(report.numbers),
            size(report.bytes())
        )
    } else {
        format!("Not applied, because it does not help: with {form}, {numbers}. The model below is the pruned one.")
    }
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
            held_out_tokens: 85,
            numbers: 9216,
            kl_pruned: 0.533,
            kl_repaired: 0.322,
            applied: true,
        };
        let sentence = summary(&report);
        assert!(sentence.contains("a scale and a bias, fitted on 256 tokens"), "{sentence}");
        assert!(
            sentence.contains("0.533 nats without it and 0.322 with it. 9,216 numbers are kept (18 kB"),
            "{sentence}"
        );
        report.applied = false;
        assert!(summary(&report).starts_with("Not applied"));
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(grouped), ["0", "12", "999", "1,000", "1,234,567"]);
    }
}
