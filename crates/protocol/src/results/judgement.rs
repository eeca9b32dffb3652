//! What was judged of a plan: verdicts, memory, and what to do next.

use serde::{Deserialize, Serialize};

use super::advice::{Advice, FEWEST_ITEMS, Purpose, RepairEffect, SAFE_LOSS, Verdict};
use super::repair::RepairReport;
use crate::prune::{FileFootprint, PruningPlan, Repair};

/// A judged plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Judgement {
    /// The plan in text form.
    pub plan: String,
    /// One verdict per purpose.
    pub advice: Vec<Advice>,
    /// The plan's repair, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairReport>,
    /// Memory of the blocks' matrices, in the model's files and under the plan.
    pub memory: FileFootprint,
    /// What to do next, each a sentence.
    pub next: Vec<String>,
}

impl Judgement {
    /// What the verdicts, the repair and the memory of a plan lead to.
    pub fn new(plan: &PruningPlan, advice: Vec<Advice>, repair: Option<RepairReport>, memory: FileFootprint) -> Self {
        let next = NextSteps { plan, advice: &advice, repair: repair.as_ref(), memory }.sentences();
        Self { plan: plan.to_string(), advice, repair, memory, next }
    }
}

/// What the next steps depend on.
struct NextSteps<'a> {
    plan: &'a PruningPlan,
    advice: &'a [Advice],
    repair: Option<&'a RepairReport>,
    memory: FileFootprint,
}

impl NextSteps<'_> {
    /// What to do next, each a sentence, the most important first. None says more than the verdicts do.
    fn sentences(&self) -> Vec<String> {
        let steps = [
            self.use_it(),
            self.keep_the_repair(),
            self.leave_the_repair(),
            self.try_a_repair(),
            self.prune_less(),
            self.prune_more(),
            self.ask_more(),
            self.ask_another(),
            self.save_memory(),
        ];
        steps.into_iter().flatten().collect()
    }

    /// The purposes for which something holds.
    fn purposes(&self, holds: impl Fn(&Advice) -> bool) -> Vec<Purpose> {
        self.advice.iter().filter(|advice| holds(advice)).map(|advice| advice.purpose).collect()
    }

    /// The purposes with one of these verdicts, as far as enough items were asked for it.
    fn with(&self, verdicts: &[Verdict]) -> Vec<Purpose> {
        self.purposes(|advice| verdicts.contains(&advice.verdict) && !has_too_few_items(advice))
    }

    /// What the model may be used for, where something else is lost.
    fn use_it(&self) -> Option<String> {
        let (kept, lost) = (self.with(&[Verdict::Safe, Verdict::Repairable]), self.with(&[Verdict::Lost]));
        (!kept.is_empty() && !lost.is_empty())
            .then(|| format!("Use it for {}, not for {}.", listed(&kept, Purpose::activity), or(&lost)))
    }

    /// Where the repair is needed, or helps.
    fn keep_the_repair(&self) -> Option<String> {
        let repairable = self.with(&[Verdict::Repairable]);
        if !repairable.is_empty() {
            let loss = 100.0 * SAFE_LOSS;
            return Some(format!(
                "Keep the repair on: only with it {} at most {loss:.0} points.",
                subject(&repairable, "loses", "lose")
            ));
        }
        let lost = self.with(&[Verdict::PartlyLost, Verdict::Lost]);
        let gains =
            self.purposes(|advice| advice.repair == Some(RepairEffect::Gains) && lost.contains(&advice.purpose));
        (!gains.is_empty()).then(|| {
            format!("Keep the repair on: {} by it, though not all comes back.", subject(&gains, "gains", "gain"))
        })
    }

    /// Where the repair costs, is not applied, or is not needed.
    fn leave_the_repair(&self) -> Option<String> {
        let repair = self.repair?;
        let loses = self.purposes(|advice| advice.repair == Some(RepairEffect::Loses));
        if !loses.is_empty() {
            Some(format!("Judge the plan without its repair, too: {} by it.", subject(&loses, "loses", "lose")))
        } else if !repair.changes_the_model() {
            Some("Try another form of repair, or none: this one did not help on the text kept out of the fit, so it is not applied.".into())
        } else if self.all_are(&[Verdict::Safe]) {
            Some("The repair is not needed for this: the plan is safe without it.".into())
        } else {
            None
        }
    }

    /// A repair that was not tried.
    fn try_a_repair(&self) -> Option<String> {
        if self.plan.drop.is_empty() || self.with(&[Verdict::PartlyLost, Verdict::Lost]).is_empty() {
            return None;
        }
        match self.plan.repair {
            _ if self.repair.is_some_and(|repair| !repair.changes_the_model()) => None,
            None => Some("Repair what is dropped (repair=scale) and judge again.".into()),
            Some(Repair::Full) => None,
            Some(_) => Some("Try a larger repair (repair=full) and judge again.".into()),
        }
    }

    /// How to lose less.
    fn prune_less(&self) -> Option<String> {
        let lost = self.with(&[Verdict::PartlyLost, Verdict::Lost]);
        (!lost.is_empty()).then(|| format!("{} if you need {}.", self.less(), listed(&lost, Purpose::activity)))
    }

    /// What pruning less means for the plan, as the beginning of a sentence.
    fn less(&self) -> String {
        let sparse = self.plan.sparse.filter(|_| self.plan.edits_weights());
        let parts = [
            (!self.plan.drop.is_empty()).then_some("drop fewer sublayers"),
            sparse.map(|_| "remove fewer weights"),
            self.plan.quant.map(|_| "round to more bits"),
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        // An empty plan is judged only with a second model.
        let text = if parts.is_empty() {
            "take a version of the model that is pruned less".into()
        } else {
            parts.join(", or ")
        };
        let (first, rest) = text.split_at(1);
        first.to_uppercase() + rest
    }

    /// Where the limit is not reached yet.
    fn prune_more(&self) -> Option<String> {
        self.all_are(&[Verdict::Safe, Verdict::Repairable])
            .then(|| "Prune more and judge again: on these items the limit is not reached.".into())
    }

    /// Whether every purpose was judged on enough items, and got one of these verdicts or cannot be judged; at least one
    /// can.
    fn all_are(&self, verdicts: &[Verdict]) -> bool {
        let mut judged = self.advice.iter().filter(|advice| advice.verdict != Verdict::Unclear).peekable();
        judged.peek().is_some() && judged.all(|advice| verdicts.contains(&advice.verdict) && !has_too_few_items(advice))
    }

    /// Where too few items were asked.
    fn ask_more(&self) -> Option<String> {
        let few = self.purposes(has_too_few_items);
        (!few.is_empty()).then(|| {
            format!(
                "Ask at least {FEWEST_ITEMS} items (sample=0 asks all): fewer cannot show that {} safe.",
                subject(&few, "is", "are")
            )
        })
    }

    /// What the dense model cannot do.
    fn ask_another(&self) -> Option<String> {
        let unclear = self.with(&[Verdict::Unclear]);
        (!unclear.is_empty()).then(|| {
            format!(
                "Judge {} with a larger model: the dense one hardly manages it, so this says nothing about pruning.",
                listed(&unclear, |purpose| purpose.name())
            )
        })
    }

    /// Whether it is worth it.
    fn save_memory(&self) -> Option<String> {
        if self.memory.saves() || self.memory.file_bytes == 0 {
            return None;
        }
        let why = if self.plan.sparse.is_some() && self.plan.quant.is_none() {
            "the weights that are kept are counted in half precision, so round them as well"
        } else if self.plan.quant.is_some() {
            "round to fewer bits than the file has"
        } else {
            "drop whole sublayers"
        };
        Some(format!("It saves no memory against the file as it is stored: {why}."))
    }
}

/// Whether a verdict rests on too few items to show safety.
fn has_too_few_items(advice: &Advice) -> bool {
    advice.counts.dense.of < FEWEST_ITEMS
}

/// `a`, `a and b`, `a, b and c`.
fn listed(purposes: &[Purpose], name: impl Fn(Purpose) -> &'static str) -> String {
    joined(purposes, name, "and")
}

/// The activities of some purposes: `a, b or c`.
fn or(purposes: &[Purpose]) -> String {
    joined(purposes, Purpose::activity, "or")
}

fn joined(purposes: &[Purpose], name: impl Fn(Purpose) -> &'static str, word: &str) -> String {
    let names: Vec<&str> = purposes.iter().map(|purpose| name(*purpose)).collect();
    match &names[..] {
        [] => String::new(),
        [one] => (*one).into(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// The names of some purposes with their verb.
fn subject(purposes: &[Purpose], one: &str, several: &str) -> String {
    format!("{} {}", listed(purposes, |purpose| purpose.name()), if purposes.len() == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::advice::Counts;
    use crate::results::{PairedScores, Proportion};

    const VERDICTS: [Verdict; 5] =
        [Verdict::Safe, Verdict::Repairable, Verdict::PartlyLost, Verdict::Lost, Verdict::Unclear];
    const SMALLER: FileFootprint = FileFootprint { file_bytes: 100, plan_bytes: 90 };

    fn advice(purpose: Purpose, verdict: Verdict, repair: Option<RepairEffect>) -> Advice {
        let dense = Proportion { right: 30, of: 40 };
        let counts = Counts { dense, pruned: dense, repaired: repair.map(|_| dense) };
        Advice { purpose, verdict, counts, repair, because: String::new() }
    }

    fn repaired(applied: bool) -> Option<RepairReport> {
        Some(RepairReport { repair: "scale".into(), applied, ..RepairReport::default() })
    }

    fn next(plan: &str, advice: Vec<Advice>, memory: FileFootprint) -> String {
        let plan: PruningPlan = plan.parse().unwrap();
        let repair = plan.repairs().and_then(|_| repaired(true));
        Judgement::new(&plan, advice, repair, memory).next.join(" ")
    }

    /// One verdict for reading (retrieval, classification) and one for writing (the others).
    fn both(plan: &str, reading: Verdict, writing: Verdict) -> String {
        let repairs = plan.contains("repair");
        let of = |purpose: Purpose| {
            let verdict = if purpose <= Purpose::Classification { reading } else { writing };
            let gains = if verdict == Verdict::Repairable { RepairEffect::Gains } else { RepairEffect::Unclear };
            advice(purpose, verdict, repairs.then_some(gains))
        };
        next(plan, Purpose::ALL.map(of).to_vec(), SMALLER)
    }

    #[test]
    fn each_outcome_has_its_next_step() {
        let lost = both("m1", Verdict::Safe, Verdict::Lost);
        assert!(lost.starts_with("Use it for ranking and choosing among given answers, not for writing answers, arithmetic or copying and closing brackets. Repair what is dropped (repair=scale) and judge again. Drop fewer sublayers if you need writing answers"), "{lost}");
        let mended = both("m1_repair-scale", Verdict::Safe, Verdict::Repairable);
        assert_eq!(
            mended,
            "Keep the repair on: only with it Generation, Arithmetic and Structure lose at most 5 points. Prune more and judge again: on these items the limit is not reached."
        );
        let partly = both("wanda-0.5", Verdict::Safe, Verdict::PartlyLost);
        assert_eq!(
            partly,
            "Remove fewer weights if you need writing answers, arithmetic and copying and closing brackets."
        );
        assert!(
            both("m1_wanda-0.5_awq4-g64", Verdict::Safe, Verdict::Lost)
                .contains("Drop fewer sublayers, or remove fewer weights, or round to more bits if")
        );
        assert_eq!(
            both("m1_repair-scale", Verdict::Safe, Verdict::Safe),
            "The repair is not needed for this: the plan is safe without it. Prune more and judge again: on these items the limit is not reached."
        );
        assert!(both("m1_repair-scale", Verdict::Safe, Verdict::Lost).contains("Try a larger repair (repair=full)"));
        assert!(!both("m1_repair-full", Verdict::Safe, Verdict::Lost).contains("repair=full"));
        assert!(
            both("m1", Verdict::Safe, Verdict::Unclear)
                .contains("Judge Generation, Arithmetic and Structure with a larger model")
        );
        assert!(
            both("dense", Verdict::Lost, Verdict::Lost).starts_with("Take a version of the model that is pruned less")
        );
    }

    /// Never more than the measurement supports, and never nothing.
    #[test]
    fn every_combination_of_verdicts_is_answered_by_what_was_measured() {
        for code in 0..VERDICTS.len().pow(5) {
            let of = |at: usize| VERDICTS[code / VERDICTS.len().pow(at as u32) % VERDICTS.len()];
            for plan in ["m1", "m1_repair-scale", "m1_repair-full", "wanda-0.5", "awq4-g64"] {
                let repairs = plan.contains("repair");
                if !repairs && (0..5).any(|at| of(at) == Verdict::Repairable) {
                    continue;
                }
                let advice: Vec<Advice> = Purpose::ALL
                    .into_iter()
                    .enumerate()
                    .map(|(at, purpose)| {
                        let gains = of(at) == Verdict::Repairable || (of(at) == Verdict::Lost && at % 2 == 0);
                        let effect = if gains { RepairEffect::Gains } else { RepairEffect::Unclear };
                        advice(purpose, of(at), repairs.then_some(effect))
                    })
                    .collect();
                let text = next(plan, advice, SMALLER);
                check(&text, plan, of);
            }
        }
    }

    fn check(text: &str, plan: &str, of: impl Fn(usize) -> Verdict) {
        let place = format!("{plan}, {:?}: {text}", (0..5).map(&of).collect::<Vec<_>>());
        let any = |verdict: Verdict| (0..5).any(|at| of(at) == verdict);
        assert!(text.ends_with('.') && !text.contains("  ") && !text.contains(" ,"), "{place}");
        let (for_use, not_for) = match text.strip_prefix("Use it for ") {
            Some(rest) => rest.split_once('.').unwrap().0.split_once(", not for ").unwrap(),
            None => ("", ""),
        };
        let kept = any(Verdict::Safe) || any(Verdict::Repairable);
        assert_eq!(!for_use.is_empty(), kept && any(Verdict::Lost), "{place}");
        for (at, purpose) in Purpose::ALL.into_iter().enumerate() {
            let (verdict, activity) = (of(at), purpose.activity());
            let is_kept = matches!(verdict, Verdict::Safe | Verdict::Repairable);
            assert!(!for_use.contains(activity) || is_kept, "{place}");
            assert!(!not_for.contains(activity) || verdict == Verdict::Lost, "{place}");
            let easier = text.split("if you need ").nth(1).and_then(|rest| rest.split('.').next()).unwrap_or("");
            let is_lost = matches!(verdict, Verdict::Lost | Verdict::PartlyLost);
            assert_eq!(easier.contains(activity), is_lost, "{place}");
        }
        assert!(any(Verdict::Repairable) == text.contains("only with it"), "{place}");
        assert!(!text.contains("repair on") || plan.contains("repair"), "{place}");
        assert!(!text.contains("Prune more") || !any(Verdict::Lost) && !any(Verdict::PartlyLost), "{place}");
        assert_eq!(text.contains("larger model"), any(Verdict::Unclear), "{place}");
    }

    #[test]
    fn too_few_items_support_no_word_on_safety() {
        let flags = |right: usize| (0..12).map(|at| at < right).collect::<Vec<_>>();
        let scores = PairedScores { dense: flags(10), pruned: flags(10), repaired: None };
        let text = next("m1", vec![Advice::new(Purpose::Retrieval, &scores)], SMALLER);
        assert_eq!(text, "Ask at least 20 items (sample=0 asks all): fewer cannot show that Retrieval is safe.");
    }

    #[test]
    fn a_repair_that_costs_or_is_not_applied_is_told() {
        let plan: PruningPlan = "m1_repair-scale".parse().unwrap();
        let of = |verdict, effect, applied| {
            let advice = vec![advice(Purpose::Generation, verdict, Some(effect))];
            Judgement::new(&plan, advice, repaired(applied), SMALLER).next.join(" ")
        };
        assert!(
            of(Verdict::Lost, RepairEffect::Loses, true).contains("without its repair, too: Generation loses by it")
        );
        let not_applied = of(Verdict::Lost, RepairEffect::Unclear, false);
        assert!(not_applied.contains("did not help") && !not_applied.contains("repair=full"), "{not_applied}");
        assert!(
            of(Verdict::Lost, RepairEffect::Gains, true)
                .starts_with("Keep the repair on: Generation gains by it, though")
        );
    }

    #[test]
    fn a_plan_larger_than_the_file_says_so() {
        let larger = FileFootprint { file_bytes: 100, plan_bytes: 180 };
        let of = |plan: &str, memory| next(plan, vec![advice(Purpose::Retrieval, Verdict::Safe, None)], memory);
        assert!(of("wanda-0.5", larger).contains("kept are counted in half precision, so round them as well"));
        assert!(of("rtn8-g32", larger).contains("round to fewer bits than the file has"));
        assert!(of("dense", FileFootprint { file_bytes: 100, plan_bytes: 100 }).contains("drop whole sublayers"));
        assert!(!of("m1", SMALLER).contains("memory") && !of("m1", FileFootprint::default()).contains("memory"));
    }

    #[test]
    fn a_judgement_without_memory_or_next_steps_is_read() {
        let old = r#"{"advice":[{"purpose":"Retrieval","verdict":"safe","because":"x"}]}"#;
        let read: Judgement = serde_json::from_str(old).unwrap();
        assert_eq!(
            (read.advice[0].purpose, read.memory, read.next.len()),
            (Purpose::Retrieval, FileFootprint::default(), 0)
        );
    }
}
