//! The plans that were judged, as a table: memory against the model's file, the repair, and each purpose's scores.

use prunescope_localization::tr;
use prunescope_protocol::prune::{FileFootprint, PruningPlan};
use prunescope_protocol::results::advice::Counts;
use prunescope_protocol::results::{Advice, Judgement, Proportion, Purpose};

use super::weights::megabytes;
use crate::chart::csv;
use crate::names;

/// A judged plan in words.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedRow {
    /// The plan in text form.
    pub plan: String,
    /// The plan's name.
    pub name: String,
    /// Memory of the blocks' matrices, in the file and under the plan.
    pub memory: String,
    /// Numbers that the repair keeps.
    pub repair: String,
    /// Scores and verdict by purpose, in the order of [`Purpose::ALL`].
    pub scores: Vec<String>,
}

/// The verdict on a purpose, if it was judged.
fn advice_on(judgement: &Judgement, purpose: Purpose) -> Option<&Advice> {
    judgement.advice.iter().find(|advice| advice.purpose == purpose)
}

/// One row of the table.
pub fn row(judgement: &Judgement) -> JudgedRow {
    let plan = judgement.plan.parse::<PruningPlan>();
    let repair = match &judgement.repair {
        None => "–".into(),
        Some(repair) if !repair.changes_the_model() => tr!(figure_judged_not_applied),
        Some(repair) => tr!(figure_judged_numbers, count = repair.bytes() / 2),
    };
    let score = |purpose: Purpose| {
        advice_on(judgement, purpose).map_or("–".into(), |advice| {
            let Counts { dense, pruned, repaired } = advice.counts;
            let (of, dense, pruned, verdict) = (dense.of, dense.right, pruned.right, names::verdict(advice.verdict));
            match repaired.map(|score| score.right) {
                None => tr!(figure_judged_score, dense = dense, pruned = pruned, of = of, verdict = verdict),
                Some(repaired) => tr!(
                    figure_judged_score_repaired,
                    dense = dense,
                    pruned = pruned,
                    repaired = repaired,
                    of = of,
                    verdict = verdict
                ),
            }
        })
    };
    JudgedRow {
        plan: judgement.plan.clone(),
        name: plan.map_or_else(|_| judgement.plan.clone(), |plan| plan.name()),
        memory: memory(judgement.memory),
        repair,
        scores: Purpose::ALL.map(score).to_vec(),
    }
}

/// Memory in the file and under the plan, with what is saved.
fn memory(footprint: FileFootprint) -> String {
    let FileFootprint { file_bytes, plan_bytes } = footprint;
    if file_bytes == 0 {
        return "–".into();
    }
    let change = 100.0 * (plan_bytes as f64 / file_bytes as f64 - 1.0);
    tr!(
        figure_judged_memory,
        file = megabytes(file_bytes),
        plan = megabytes(plan_bytes),
        change = match change {
            0.0 => "none",
            more if more > 0.0 => "more",
            _ => "less",
        },
        percent = format!("{:.0}", change.abs())
    )
}

/// The columns' names for [`row`].
pub fn head() -> Vec<String> {
    let columns = [tr!(figure_judged_plan), tr!(figure_judged_matrices), tr!(figure_judged_repair)];
    columns.into_iter().chain(Purpose::ALL.map(names::purpose)).collect()
}

/// The table as comma-separated values, one column per number.
pub fn table_csv(judged: &[Judgement]) -> String {
    let mut head: Vec<String> = ["plan", "file bytes", "plan bytes", "repair numbers"].map(String::from).to_vec();
    for purpose in Purpose::ALL {
        head.extend(
            ["items", "dense", "pruned", "repaired", "verdict"].map(|what| format!("{} {what}", purpose.name())),
        );
    }
    let body = judged.iter().map(|judgement| {
        let FileFootprint { file_bytes, plan_bytes } = judgement.memory;
        let numbers = judgement.repair.as_ref().map_or(String::new(), |repair| (repair.bytes() / 2).to_string());
        let mut cells = vec![judgement.plan.clone(), file_bytes.to_string(), plan_bytes.to_string(), numbers];
        for purpose in Purpose::ALL {
            cells.extend(match advice_on(judgement, purpose) {
                None => [const { String::new() }; 5],
                Some(advice) => {
                    let Counts { dense, pruned, repaired } = advice.counts;
                    let repaired = repaired.map_or(String::new(), |score| score.right.to_string());
                    let verdict = advice.verdict.name().to_string();
                    [dense.of.to_string(), dense.right.to_string(), pruned.right.to_string(), repaired, verdict]
                }
            });
        }
        cells
    });
    csv(&head, body)
}

/// At equal bytes: a judged plan that takes no more than the latest one and has at least as many right on every set.
pub fn better_at_equal_bytes(judged: &[Judgement]) -> Option<String> {
    let (latest, others) = judged.split_last()?;
    let right = |judgement: &Judgement| -> Vec<Proportion> {
        let used = |advice: &Advice| advice.counts.repaired.unwrap_or(advice.counts.pruned);
        judgement.advice.iter().map(used).collect()
    };
    let found = right(latest);
    let is_better = |other: &&Judgement| {
        let scores = right(other);
        let pairs = || scores.iter().zip(&found);
        other.memory.plan_bytes <= latest.memory.plan_bytes
            && scores.len() == found.len()
            && pairs().all(|(other, latest)| other.of == latest.of && other.right >= latest.right)
            && (other.memory.plan_bytes < latest.memory.plan_bytes || pairs().any(|(a, b)| a.right > b.right))
    };
    let other = row(others.iter().find(is_better)?);
    Some(tr!(figure_judged_better, name = other.name, plan = other.plan))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prunescope_protocol::results::{PairedScores, RepairReport};

    fn judgement(plan: &str, plan_bytes: u64, right: [usize; 3]) -> Judgement {
        let flags = |right: usize| (0..40).map(|at| at < right).collect::<Vec<_>>();
        let plan: PruningPlan = plan.parse().unwrap();
        let repairs = plan.repairs().is_some();
        let scores = PairedScores {
            dense: flags(right[0]),
            pruned: flags(right[1]),
            repaired: repairs.then(|| flags(right[2])),
        };
        let advice = Purpose::ALL.map(|purpose| Advice::new(purpose, &scores)).to_vec();
        let repair = RepairReport { numbers: 2304, applied: true, ..RepairReport::default() };
        let memory = FileFootprint { file_bytes: 66_355_200, plan_bytes };
        Judgement::new(&plan, advice, repairs.then_some(repair), memory)
    }

    #[test]
    fn a_row_has_memory_repair_and_every_score() {
        let found = row(&judgement("m16,m17_repair-scale", 63_000_000, [30, 5, 29]));
        assert_eq!(
            (found.name.as_str(), found.memory.as_str(), found.repair.as_str()),
            ("Drop-2M + repair (scale)", "66 → 63 MB: 5 % less", "2304 numbers")
        );
        assert_eq!(found.scores, vec!["30 → 5 → 29 of 40: repairable"; 5]);
        assert_eq!(head().len(), 3 + found.scores.len());
        let found = row(&judgement("wanda-0.5", 119_439_360, [30, 30, 0]));
        assert_eq!((found.memory.as_str(), found.repair.as_str()), ("66 → 119 MB: 80 % more", "–"));
        assert_eq!(found.scores[3], "30 → 30 of 40: safe");
        assert!(row(&judgement("", 66_355_200, [30, 30, 0])).memory.contains("nothing saved"));
    }

    #[test]
    fn the_file_has_a_column_for_each_number() {
        let text = table_csv(&[
            judgement("m1", 65_000_000, [30, 5, 0]),
            judgement("m1_repair-scale", 65_000_000, [30, 5, 29]),
        ]);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert!(lines.iter().all(|line| line.len() == 4 + 25), "{text}");
        assert_eq!(lines[1][..9], ["m1", "66355200", "65000000", "", "40", "30", "5", "", "lost"]);
        assert_eq!(
            lines[2][..9],
            ["m1_repair-scale", "66355200", "65000000", "2304", "40", "30", "5", "29", "repairable"]
        );
    }

    #[test]
    fn a_plan_that_another_one_beats_at_its_bytes_is_told() {
        let (weak, strong) = (judgement("m1", 65_000_000, [30, 20, 0]), judgement("m2", 65_000_000, [30, 25, 0]));
        assert!(better_at_equal_bytes(&[strong.clone(), weak.clone()]).unwrap().contains("“Drop-1M” (m2)"));
        assert_eq!(better_at_equal_bytes(&[weak.clone(), strong.clone()]), None);
        assert_eq!(
            better_at_equal_bytes(&[judgement("b2", 66_000_000, [30, 25, 0]), weak.clone()]),
            None,
            "it takes more"
        );
        assert_eq!(better_at_equal_bytes(&[weak]), None);
    }
}
