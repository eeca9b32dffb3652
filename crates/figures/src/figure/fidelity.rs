//! How far the pruned and the repaired model are from the dense one on a text, as a table.

use prunescope_protocol::results::{Fidelity, FidelityReport};

/// Names of the table's columns.
pub const COLUMNS: [&str; 5] = ["model", "KL, mean", "KL, median", "same top token", "loss"];

/// The table's rows: one for each model.
pub fn rows(report: &FidelityReport) -> Vec<[String; 5]> {
    let row = |name: &str, of: &Fidelity| {
        [
            name.into(),
            format!("{:.3}", of.kl_mean),
            format!("{:.3}", of.kl_median),
            format!("{:.0} %", 100.0 * of.same_top),
            format!("{:.3}", of.loss),
        ]
    };
    let dense = Fidelity { kl_mean: 0.0, kl_median: 0.0, same_top: 1.0, loss: report.dense_loss };
    let repaired = report.repaired.as_ref().map(|of| row("repaired", of));
    [row("dense", &dense), row("pruned", &report.pruned)].into_iter().chain(repaired).collect()
}

/// What the numbers are of, and what they say.
pub fn summary(report: &FidelityReport) -> String {
    let text = format!(
        "On {} tokens of the retrieval set's passages, which no fit has seen (KL(dense ‖ model) in nats at each position, loss −log p of the next token, T = 1)",
        report.tokens
    );
    let not_applied = report.repair.as_ref().is_some_and(|repair| !repair.applied);
    let pruned = report.pruned.kl_mean;
    match &report.repaired {
        Some(_) if not_applied => {
            format!("{text}: the repair is not applied, since it did not help on the tokens kept out of its fit.")
        }
        Some(repaired) if repaired.kl_mean < pruned => {
            let share = 100.0 * (1.0 - f64::from(repaired.kl_mean) / f64::from(pruned));
            format!("{text}: the repair takes away {share:.0} % of the mean KL.")
        }
        Some(_) => format!("{text}: the repair does not lower the mean KL."),
        None => format!("{text}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prunescope_protocol::results::RepairReport;

    #[test]
    fn a_row_for_each_model_and_a_sentence_that_is_true_of_them() {
        let of = |kl_mean: f32| Fidelity { kl_mean, kl_median: kl_mean / 2.0, same_top: 0.475, loss: 3.734 };
        let mut report =
            FidelityReport { tokens: 400, dense_loss: 2.772, pruned: of(1.0), repaired: None, repair: None };
        assert_eq!(rows(&report)[0], ["dense", "0.000", "0.000", "100 %", "2.772"]);
        assert_eq!(rows(&report)[1], ["pruned", "1.000", "0.500", "48 %", "3.734"]);
        assert!(summary(&report).starts_with("On 400 tokens") && rows(&report).len() == 2);
        report.repaired = Some(of(0.368));
        report.repair = Some(RepairReport { applied: true, ..RepairReport::default() });
        assert!(rows(&report).len() == 3 && rows(&report)[2][1] == "0.368");
        assert!(summary(&report).ends_with("takes away 63 % of the mean KL."), "{}", summary(&report));
        report.repaired = Some(of(1.5));
        assert!(summary(&report).ends_with("does not lower the mean KL."), "{}", summary(&report));
        report.repair = Some(RepairReport::default());
        assert!(summary(&report).contains("not applied"), "{}", summary(&report));
    }
}
