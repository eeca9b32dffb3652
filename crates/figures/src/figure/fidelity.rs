//! How far the pruned and the repaired model are from the dense one on a text, as a table.

use prunescope_localization::tr;
use prunescope_protocol::results::{Fidelity, FidelityReport};

/// Names of the table's columns.
pub fn columns() -> [String; 5] {
    [
        tr!(figure_fidelity_model),
        tr!(figure_fidelity_mean),
        tr!(figure_fidelity_median),
        tr!(figure_fidelity_same_top),
        tr!(figure_fidelity_loss),
    ]
}

/// The table's rows: one for each model.
pub fn rows(report: &FidelityReport) -> Vec<[String; 5]> {
    let row = |name: String, of: &Fidelity| {
        [
            name,
            format!("{:.3}", of.kl_mean),
            format!("{:.3}", of.kl_median),
            format!("{:.0} %", 100.0 * of.same_top),
            format!("{:.3}", of.loss),
        ]
    };
    let dense = Fidelity { kl_mean: 0.0, kl_median: 0.0, same_top: 1.0, loss: report.dense_loss };
    let repaired = report.repaired.as_ref().map(|of| row(tr!(figure_repaired), of));
    [row(tr!(figure_dense), &dense), row(tr!(figure_pruned), &report.pruned)].into_iter().chain(repaired).collect()
}

/// What the numbers are of, and what they say.
pub fn summary(report: &FidelityReport) -> String {
    let not_applied = report.repair.as_ref().is_some_and(|repair| !repair.applied);
    let pruned = report.pruned.kl_mean;
    let repair = match &report.repaired {
        Some(_) if not_applied => "not-applied",
        Some(repaired) if repaired.kl_mean < pruned => "gain",
        Some(_) => "no-gain",
        None => "none",
    };
    let share = report.repaired.as_ref().map_or(0.0, |of| 100.0 * (1.0 - f64::from(of.kl_mean) / f64::from(pruned)));
    tr!(figure_fidelity_summary, tokens = report.tokens, repair = repair, share = format!("{share:.0}"))
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
