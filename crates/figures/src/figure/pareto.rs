//! The plans compared on texts: their distance from the dense model against what they take and against how fast they are, with the frontier of
//! those that no other beats in both.

use prunescope_localization::tr;
use prunescope_protocol::prune::{FileFootprint, PruningPlan};
use prunescope_protocol::results::{Estimate, KindFidelity, ModelSpeed, SpeedReport, TextDistance, TextFidelity};

use super::Figure;
use super::text_fidelity::with_error;
use super::weights::megabytes;
use crate::chart::{Chart, Ink, ScatterChart, ScatterPoint};

/// What was measured of plans on the same dense model and texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComparedPlans {
    /// The complete comparisons, one for each plan and second model.
    pub fidelity: Vec<TextFidelity>,
    /// The speeds, one for each plan and second model.
    pub speeds: Vec<SpeedReport>,
}

impl ComparedPlans {
    /// Adds a comparison, in place of an earlier one of the same plan.
    pub fn add(&mut self, report: TextFidelity) {
        self.fidelity.retain(|other| (&other.plan, &other.other) != (&report.plan, &report.other));
        self.fidelity.push(report);
    }

    /// Adds a speed, in place of an earlier one of the same plan.
    pub fn add_speed(&mut self, report: SpeedReport) {
        self.speeds.retain(|other| (&other.plan, &other.other) != (&report.plan, &report.other));
        self.speeds.push(report);
    }

    /// Takes out what belongs to other second models than this one.
    pub fn without(&mut self, other: &str) -> Self {
        let fidelity = self.fidelity.extract_if(.., |report| report.other != other).collect();
        let speeds = self.speeds.extract_if(.., |report| report.other != other).collect();
        Self { fidelity, speeds }
    }

    /// Adds all of another list.
    pub fn extend(&mut self, more: Self) {
        more.fidelity.into_iter().for_each(|report| self.add(report));
        more.speeds.into_iter().for_each(|report| self.add_speed(report));
    }
}

/// The horizontal axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// Bytes of the blocks' matrices.
    #[default]
    Memory,
    /// Tokens written in a second.
    Written,
    /// Tokens read in a second.
    Read,
}

impl Axis {
    /// All axes, each with its key.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Memory, "memory"), (Self::Written, "written"), (Self::Read, "read")];

    /// A plan's place, if it is known.
    fn of(self, plan: &ComparedPlan) -> Option<f64> {
        match self {
            Self::Memory => Some(plan.report.memory.plan_bytes as f64 / 1e6),
            Self::Written => Some(plan.speed?.decode.into()),
            Self::Read => Some(plan.speed?.prefill.into()),
        }
    }

    /// Whether one place is at least as good as another.
    fn is_as_good(self, a: f64, b: f64) -> bool {
        if self == Self::Memory { a <= b } else { a >= b }
    }

    /// Its name.
    pub fn name(self) -> String {
        match self {
            Self::Memory => tr!(figure_pareto_memory),
            Self::Written => tr!(figure_speed_decode),
            Self::Read => tr!(figure_speed_prefill),
        }
    }
}

/// A plan that was compared, or the dense model itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedPlan {
    /// The comparison.
    report: TextFidelity,
    /// The speed of the model that the plan makes, if it was measured.
    speed: Option<ModelSpeed>,
    /// Whether it is the dense model.
    is_dense: bool,
}

impl ComparedPlan {
    /// The plan in text form.
    pub fn plan(&self) -> &str {
        &self.report.plan
    }

    /// Where the second model came from; empty without one.
    pub fn other(&self) -> &str {
        &self.report.other
    }

    /// The name of the second model's file or repository; empty without one.
    fn other_name(&self) -> &str {
        let end = self.report.other.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
        end.split(['?', '#']).next().unwrap_or_default().trim_end_matches(".gguf").trim_end_matches(".json")
    }

    /// What it is called beside the second model's name; `plan` names the plan.
    fn called(&self, plan: String) -> String {
        match (self.is_dense, self.other_name(), self.report.plan.parse::<PruningPlan>()) {
            (true, ..) => tr!(figure_dense),
            (_, "", _) => plan,
            (_, other, Ok(made)) if made.is_dense() && made.repairs().is_none() => other.into(),
            (_, other, _) => format!("{plan} · {other}"),
        }
    }

    /// Its name in words.
    pub fn name(&self) -> String {
        let plan = self.report.plan.parse::<PruningPlan>();
        self.called(plan.map_or_else(|_| self.report.plan.clone(), |plan| plan.name()))
    }

    /// Its short name, as a link writes the plan.
    fn short_name(&self) -> String {
        self.called(self.report.plan.clone())
    }

    /// The model that the plan makes: the repaired one, if it repairs.
    fn made(&self) -> &TextDistance {
        self.report.all.repaired.as_ref().unwrap_or(&self.report.all.pruned)
    }

    fn kl(&self) -> Estimate {
        self.made().kl_mean
    }

    /// Which of the picture's groups it belongs to.
    fn group(&self) -> usize {
        match (self.is_dense, self.report.other.is_empty(), &self.report.all.repaired) {
            (true, ..) => 0,
            (_, false, _) => 3,
            (.., None) => 1,
            (.., Some(_)) => 2,
        }
    }

    /// Whether another plan is as good in both and better in one. Plans that were compared on other texts beat nothing.
    fn is_beaten(&self, by: &Self, axis: Axis) -> bool {
        let (Some(x), Some(other)) = (axis.of(self), axis.of(by)) else { return false };
        let (kl, other_kl) = (self.kl().value, by.kl().value);
        (by.is_dense || self.is_dense || self.report.all.tokens == by.report.all.tokens)
            && axis.is_as_good(other, x)
            && other_kl <= kl
            && (other != x || other_kl < kl)
    }
}

/// The dense model, as what is known of the others describes it.
fn dense(plans: &ComparedPlans) -> Option<ComparedPlan> {
    let KindFidelity { tokens, dense_perplexity, .. } = plans.fidelity.first()?.all;
    let FileFootprint { file_bytes, .. } = plans.fidelity.first()?.memory;
    let sure = Estimate { value: 1.0, error: 0.0 };
    let pruned = TextDistance {
        same_top: sure,
        perplexity_ratio: sure,
        perplexity: dense_perplexity,
        ..TextDistance::default()
    };
    let report = TextFidelity {
        plan: PruningPlan::default().to_string(),
        all: KindFidelity { tokens, dense_perplexity, pruned, ..KindFidelity::default() },
        memory: FileFootprint { file_bytes, plan_bytes: file_bytes },
        ..TextFidelity::default()
    };
    Some(ComparedPlan { report, speed: plans.speeds.last().map(|report| report.dense), is_dense: true })
}

/// The plans from the smallest to the largest, with the dense model; empty before the first comparison.
pub fn plans(of: &ComparedPlans) -> Vec<ComparedPlan> {
    let is_itself =
        |report: &&TextFidelity| report.other.is_empty() && report.plan == PruningPlan::default().to_string();
    let compared = of.fidelity.iter().filter(|report| !is_itself(report)).map(|report| {
        let same = |speed: &&SpeedReport| (&speed.plan, &speed.other) == (&report.plan, &report.other);
        let speed = of.speeds.iter().find(same).map(|speed| speed.repaired.unwrap_or(speed.pruned));
        ComparedPlan { report: report.clone(), speed, is_dense: false }
    });
    let mut plans: Vec<_> = compared.chain(dense(of)).collect();
    plans.sort_by(|a, b| {
        let bytes = a.report.memory.plan_bytes.cmp(&b.report.memory.plan_bytes);
        bytes.then(a.kl().value.total_cmp(&b.kl().value))
    });
    plans
}

/// Which plans no other beats, by their places in the list; from the nearest to the dense model to the farthest.
fn frontier(plans: &[ComparedPlan], axis: Axis) -> Vec<usize> {
    let is_on = |at: &usize| {
        let plan = &plans[*at];
        axis.of(plan).is_some() && plan.kl().value.is_finite() && !plans.iter().any(|by| plan.is_beaten(by, axis))
    };
    let mut on: Vec<usize> = (0..plans.len()).filter(is_on).collect();
    on.sort_by(|a, b| plans[*a].kl().value.total_cmp(&plans[*b].kl().value));
    on
}

/// The plans that are on the picture, in its order: those whose place on the axis is known.
pub fn pictured(plans: &[ComparedPlan], axis: Axis) -> Vec<ComparedPlan> {
    plans.iter().filter(|plan| axis.of(plan).is_some() && plan.kl().value.is_finite()).cloned().collect()
}

/// KL against memory or speed; `None` before there is a plan with a place on the axis.
pub fn picture(plans: &[ComparedPlan], axis: Axis) -> Option<Figure> {
    let plans = pictured(plans, axis);
    let compared = plans.iter().filter(|plan| !plan.is_dense).count();
    if compared == 0 {
        return None;
    }
    let on = frontier(&plans, axis);
    let points = plans.iter().map(|plan| ScatterPoint {
        name: plan.short_name(),
        x: axis.of(plan).unwrap_or(f64::NAN),
        y: plan.kl().value.into(),
        error: plan.kl().error.into(),
        group: plan.group(),
    });
    let names: Vec<String> = on.iter().map(|at| plans[*at].name()).collect();
    let axis_key = if axis == Axis::Memory { "memory" } else { "speed" };
    let told = tr!(figure_pareto_told, count = compared, axis = axis_key, frontier = names.join(", "));
    let sentence = if compared > 1 { told } else { format!("{told} {}", tr!(figure_pareto_one)) };
    let groups = [
        (tr!(figure_dense), Ink::Dense),
        (tr!(figure_pruned), Ink::Pruned),
        (tr!(figure_repaired), Ink::Repaired),
        (tr!(figure_pareto_other), Ink::Variant(3)),
    ];
    let chart = ScatterChart {
        name_label: tr!(figure_texts_plan),
        x_label: axis.name(),
        y_label: tr!(figure_pareto_kl),
        error_label: tr!(figure_pareto_error),
        points: points.collect(),
        groups: groups.into(),
        line: (tr!(figure_pareto_frontier), on),
    };
    Some(Figure { chart: Chart::Scatter(chart), sentence })
}

/// Names of the table's columns.
pub fn columns() -> [String; 7] {
    [
        tr!(figure_texts_plan),
        tr!(figure_texts_memory),
        tr!(figure_texts_kl_mean),
        tr!(figure_texts_same_top),
        tr!(figure_texts_ratio),
        tr!(figure_speed_decode),
        tr!(figure_speed_prefill),
    ]
}

/// The table's rows: whether the plan is on the frontier of memory, and its numbers.
pub fn rows(plans: &[ComparedPlan]) -> Vec<(bool, [String; 6])> {
    let on = frontier(plans, Axis::Memory);
    let row = |(at, plan): (usize, &ComparedPlan)| {
        let of = plan.made();
        let speed = |axis: Axis| axis.of(plan).map_or("–".into(), |speed| format!("{speed:.1}"));
        let numbers = [
            format!("{} MB", megabytes(plan.report.memory.plan_bytes)),
            with_error(of.kl_mean, 1.0, 3),
            with_error(of.same_top, 100.0, 1),
            with_error(of.perplexity_ratio, 1.0, 3),
            speed(Axis::Written),
            speed(Axis::Read),
        ];
        (on.contains(&at), numbers)
    };
    plans.iter().enumerate().map(row).collect()
}

/// The table in Markdown; without the columns of speeds if none is known.
pub fn table_markdown(of: &ComparedPlans) -> String {
    let plans = plans(of);
    let shown = if of.speeds.is_empty() { 5 } else { 7 };
    let line = |cells: &[String]| format!("| {} |\n", cells[..shown].join(" | "));
    let body = plans.iter().zip(rows(&plans)).map(|(plan, (on, numbers))| {
        let star = if on { "★ " } else { "" };
        line(&[&[format!("{star}{}", plan.short_name())], &numbers[..]].concat())
    });
    [line(&columns()), line(&["---"; 7].map(String::from))].into_iter().chain(body).collect()
}

#[cfg(test)]
mod tests {
    use super::super::text_fidelity::tests::report;
    use super::*;

    fn compared(reports: impl IntoIterator<Item = TextFidelity>) -> ComparedPlans {
        ComparedPlans { fidelity: reports.into_iter().collect(), speeds: vec![] }
    }

    fn speed(plan: &str, dense: f32, pruned: f32) -> SpeedReport {
        let of = |decode| ModelSpeed { prefill: 4.0 * decode, decode, ..ModelSpeed::default() };
        SpeedReport { plan: plan.into(), dense: of(dense), pruned: of(pruned), ..SpeedReport::default() }
    }

    fn chart(plans: &[ComparedPlan], axis: Axis) -> ScatterChart {
        let Some(Figure { chart: Chart::Scatter(chart), .. }) = picture(plans, axis) else { panic!("a picture") };
        chart
    }

    #[test]
    fn the_frontier_is_what_nothing_beats() {
        let found = plans(&compared([
            report("a7", 90_000_000, 0.2),
            report("m3", 90_000_000, 0.1),
            report("b1", 80_000_000, 0.3),
            // Larger than the dense model.
            report("wanda-0.5", 120_000_000, 0.1),
        ]));
        let on: Vec<_> = found.iter().map(|plan| plan.plan()).zip(rows(&found).into_iter().map(|row| row.0)).collect();
        assert_eq!(on, [("b1", true), ("m3", true), ("a7", false), ("dense", true), ("wanda-0.5", false)]);
        let chart = chart(&found, Axis::Memory);
        let line: Vec<_> = chart.line.1.iter().map(|at| chart.points[*at].name.as_str()).collect();
        assert_eq!(line, ["dense", "m3", "b1"]);
        assert_eq!(chart.points[0].x, 80.0);
        assert_eq!(chart.points.iter().map(|point| point.error).fold(0.0, f64::max), f64::from(0.01_f32));
    }

    #[test]
    fn plans_compared_on_other_texts_beat_nothing() {
        let mut other = report("m3", 90, 0.1);
        other.all.tokens = 255;
        let found = plans(&compared([report("a7", 90, 0.2), other]));
        assert!(rows(&found).iter().all(|row| row.0));
    }

    #[test]
    fn one_plan_is_shown_beside_the_dense_model() {
        let found = plans(&compared([report("a7", 90_000_000, 0.2)]));
        let figure = picture(&found, Axis::Memory).unwrap();
        assert!(figure.sentence.contains("another plan"), "{}", figure.sentence);
        assert_eq!(figure.chart.rows(), 2);
        assert_eq!(plans(&ComparedPlans::default()), []);
        assert_eq!(picture(&[], Axis::Memory), None);
        // The dense plan itself, compared, is no other point.
        assert_eq!(plans(&compared([report("dense", 100_000_000, 0.0)])).len(), 1);
    }

    #[test]
    fn more_speed_is_better_and_what_was_not_measured_has_no_place() {
        let mut of = compared([report("a7", 90, 0.2), report("m3", 80, 0.1), report("b1", 70, 0.4)]);
        of.speeds = vec![speed("a7", 60.0, 90.0), speed("m3", 61.0, 70.0)];
        let found = plans(&of);
        assert_eq!(rows(&found).iter().map(|row| row.1[4].clone()).collect::<Vec<_>>(), ["–", "70.0", "90.0", "61.0"]);
        let chart = chart(&found, Axis::Written);
        let line: Vec<_> = chart.line.1.iter().map(|at| chart.points[*at].name.as_str()).collect();
        assert_eq!(line, ["dense", "m3", "a7"]);
        assert_eq!(pictured(&found, Axis::Read).len(), 3);
        assert_eq!(picture(&plans(&compared([report("a7", 90, 0.2)])), Axis::Written), None);
    }

    #[test]
    fn a_second_model_is_a_point_of_its_own() {
        let mut of = ComparedPlans::default();
        of.add(report("dense", 40_000_000, 0.05));
        of.fidelity[0].other = "https://example.com/models/Tiny.Q3_K.gguf".into();
        let mut pruned = report("m3", 30_000_000, 0.5);
        pruned.other.clone_from(&of.fidelity[0].other);
        of.add(pruned);
        of.add(report("m3", 90_000_000, 0.1));
        of.add(report("m3", 90_000_000, 0.2));
        let names: Vec<String> = plans(&of).iter().map(ComparedPlan::name).collect();
        assert_eq!(names, ["Drop-1M · Tiny.Q3_K", "Tiny.Q3_K", "Drop-1M", "dense"]);
        assert_eq!(chart(&plans(&of), Axis::Memory).points[1].group, 3);
        let taken = of.without("");
        assert_eq!((taken.fidelity.len(), of.fidelity.len()), (2, 1));
        of.extend(taken);
        assert_eq!(table_markdown(&of).lines().count(), 2 + 4);
    }
}
