//! The plans compared on texts: their distance from the dense model against what they take and against how fast they are, with the frontier of
//! those that no other beats in both.

use prunescope_localization::tr;
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::results::{Estimate, KindFidelity, ModelSpeed, SpeedReport, TextDistance, TextFidelity};

use super::Figure;
use super::text_fidelity::with_error;
use super::weights::megabytes;
use crate::chart::{Chart, Ink, ScatterChart, ScatterPoint, markdown};

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
    /// All axes.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Written, Self::Read];

    /// What the page's menu calls it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Written => "written",
            Self::Read => "read",
        }
    }

    /// A plan's place, if it is known.
    fn of(self, plan: &ComparedPlan) -> Option<f64> {
        match self {
            Self::Memory => Some(plan.bytes as f64 / 1e6),
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
    /// The plan in text form.
    pub plan: String,
    /// Where the second model came from; empty without one.
    pub other: String,
    /// Bytes of the blocks' matrices.
    bytes: u64,
    /// Number of scored positions.
    tokens: usize,
    /// The distance of the model that the plan makes: the repaired one, if it repairs.
    made: TextDistance,
    /// The speed of that model, if it was measured.
    speed: Option<ModelSpeed>,
    /// Whether it is the dense model, pruned, repaired or made from a second model.
    ink: Ink,
}

/// The colour of what is made from a second model.
const OTHER: Ink = Ink::Variant(3);

impl ComparedPlan {
    fn new(report: &TextFidelity, speeds: &[SpeedReport]) -> Self {
        let KindFidelity { tokens, pruned, repaired, .. } = &report.all;
        let ink = match (report.other.is_empty(), repaired) {
            (false, _) => OTHER,
            (true, Some(_)) => Ink::Repaired,
            (true, None) => Ink::Pruned,
        };
        let speed = speeds.iter().find(|speed| speed.plan == report.plan && speed.other == report.other);
        Self {
            plan: report.plan.clone(),
            other: report.other.clone(),
            bytes: report.memory.plan_bytes,
            tokens: *tokens,
            made: repaired.unwrap_or(*pruned),
            speed: speed.map(|speed| speed.repaired.unwrap_or(speed.pruned)),
            ink,
        }
    }

    /// The dense model, as what is known of another describes it.
    fn dense(beside: &TextFidelity, speeds: &[SpeedReport]) -> Self {
        let sure = Estimate { value: 1.0, error: 0.0 };
        Self {
            plan: PruningPlan::default().to_string(),
            other: String::new(),
            bytes: beside.memory.file_bytes,
            tokens: beside.all.tokens,
            made: TextDistance { same_top: sure, perplexity_ratio: sure, ..TextDistance::default() },
            speed: speeds.last().map(|report| report.dense),
            ink: Ink::Dense,
        }
    }

    fn is_dense(&self) -> bool {
        self.ink == Ink::Dense
    }

    /// What it is called, with the second model's name.
    ///
    /// * `name`: names the plan.
    fn called(&self, name: fn(&PruningPlan) -> String) -> String {
        let Ok(plan) = self.plan.parse::<PruningPlan>() else { return self.plan.clone() };
        // The name of a file or repository, without what it lies in.
        let other = self.other.rsplit(['/', ':']).next().unwrap_or_default();
        let other = other.strip_suffix(".gguf").unwrap_or(other);
        match (self.is_dense(), other) {
            (true, _) => tr!(figure_dense),
            (_, "") => name(&plan),
            _ if plan == PruningPlan::default() => other.into(),
            _ => format!("{} · {other}", name(&plan)),
        }
    }

    /// Its name in words.
    pub fn name(&self) -> String {
        self.called(PruningPlan::name)
    }

    /// Its short name, as a link writes the plan.
    fn short_name(&self) -> String {
        self.called(PruningPlan::to_string)
    }

    /// Whether another plan is as good in both and better in one. Plans that were compared on other texts beat nothing.
    fn is_beaten(&self, by: &Self, axis: Axis) -> bool {
        let (Some(x), Some(other)) = (axis.of(self), axis.of(by)) else { return false };
        let (kl, other_kl) = (self.made.kl_mean.value, by.made.kl_mean.value);
        (by.is_dense() || self.is_dense() || self.tokens == by.tokens)
            && axis.is_as_good(other, x)
            && other_kl <= kl
            && (other != x || other_kl < kl)
    }
}

/// The plans and the dense model, the nearest to it first; empty before the first comparison.
pub fn plans(of: &ComparedPlans) -> Vec<ComparedPlan> {
    let Some(first) = of.fidelity.first() else { return vec![] };
    let mut plans = vec![ComparedPlan::dense(first, &of.speeds)];
    for report in &of.fidelity {
        if report.other.is_empty() && report.plan == plans[0].plan {
            continue;
        }
        let plan = ComparedPlan::new(report, &of.speeds);
        let key = |plan: &ComparedPlan| (plan.made.kl_mean.value, plan.bytes);
        // The dense model stays the first, and what is not finite the last.
        let place = plans[1..].partition_point(|known| key(known) < key(&plan) || plan.made.kl_mean.value.is_nan());
        plans.insert(1 + place, plan);
    }
    plans
}

/// The places of the plans that are on the picture: those with a place on the axis.
pub fn pictured(plans: &[ComparedPlan], axis: Axis) -> Vec<usize> {
    let has_place = |at: &usize| axis.of(&plans[*at]).is_some() && plans[*at].made.kl_mean.value.is_finite();
    (0..plans.len()).filter(has_place).collect()
}

/// Whether no other plan beats this one. A plan whose KL is not finite is beaten by none, since NaN compares false, but is on no frontier.
fn is_on_frontier(plans: &[ComparedPlan], at: usize, axis: Axis) -> bool {
    plans[at].made.kl_mean.value.is_finite() && !plans.iter().any(|by| plans[at].is_beaten(by, axis))
}

/// KL against memory or speed; `None` before there is a compared plan with a place on the axis: the dense model alone is no picture.
pub fn picture(plans: &[ComparedPlan], axis: Axis) -> Option<Figure> {
    let shown = pictured(plans, axis);
    let compared = shown.iter().filter(|at| !plans[**at].is_dense()).count();
    if compared == 0 {
        return None;
    }
    let point = |at: &usize| {
        let plan = &plans[*at];
        let Estimate { value, error } = plan.made.kl_mean;
        let (x, y, error) = (axis.of(plan).unwrap_or(f64::NAN), value.into(), error.into());
        ScatterPoint { name: plan.short_name(), x, y, error, ink: plan.ink }
    };
    let points: Vec<_> = shown.iter().map(point).collect();
    let on: Vec<usize> = (0..shown.len()).filter(|at| is_on_frontier(plans, shown[*at], axis)).collect();
    let names: Vec<String> = on.iter().map(|at| plans[shown[*at]].name()).collect();
    let kind = if axis == Axis::Memory { "memory" } else { "speed" };
    let mut sentence = tr!(figure_pareto_told, count = compared, axis = kind, frontier = names.join(", "));
    if compared < 2 {
        sentence += &format!(" {}", tr!(figure_pareto_one));
    }
    let inks = [
        (tr!(figure_dense), Ink::Dense),
        (tr!(figure_pruned), Ink::Pruned),
        (tr!(figure_repaired), Ink::Repaired),
        (tr!(figure_pareto_other), OTHER),
    ];
    let mut legend = vec![];
    for (name, ink) in inks {
        if points.iter().any(|point| point.ink == ink) {
            legend.push((name, ink, false));
        }
    }
    if on.len() > 1 {
        legend.push((tr!(figure_pareto_frontier), Ink::Hidden, false));
    }
    let chart = ScatterChart {
        name_label: tr!(figure_texts_plan),
        x_label: axis.name(),
        y_label: tr!(figure_pareto_kl),
        error_label: tr!(figure_pareto_error),
        points,
        legend,
        line: on,
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
pub fn rows(plans: &[ComparedPlan]) -> Vec<(bool, Vec<String>)> {
    let row = |at: usize| {
        let (plan, TextDistance { kl_mean, same_top, perplexity_ratio, .. }) = (&plans[at], plans[at].made);
        let speed = |axis: Axis| axis.of(plan).map_or("–".into(), |speed| format!("{speed:.1}"));
        let numbers = vec![
            format!("{} MB", megabytes(plan.bytes)),
            with_error(kl_mean, 1.0, 3),
            with_error(same_top, 100.0, 1),
            with_error(perplexity_ratio, 1.0, 3),
            speed(Axis::Written),
            speed(Axis::Read),
        ];
        (is_on_frontier(plans, at, Axis::Memory), numbers)
    };
    (0..plans.len()).map(row).collect()
}

/// The table in Markdown; without the columns of speeds if none is known.
pub fn table_markdown(of: &ComparedPlans) -> String {
    let plans = plans(of);
    let shown = if of.speeds.is_empty() { 5 } else { 7 };
    let body = plans.iter().zip(rows(&plans)).map(|(plan, (on, numbers))| {
        let star = if on { "★ " } else { "" };
        [&[format!("{star}{}", plan.short_name())], &numbers[..shown - 1]].concat()
    });
    markdown(&columns()[..shown], body)
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
            // The smallest, but its distance is unknown: NaN compares false, so nothing beats it.
            report("rtn2-g64", 10_000_000, f32::NAN),
        ]));
        let on: Vec<_> =
            found.iter().map(|plan| plan.plan.as_str()).zip(rows(&found).into_iter().map(|row| row.0)).collect();
        assert_eq!(
            on,
            [("dense", true), ("m3", true), ("wanda-0.5", false), ("a7", false), ("b1", true), ("rtn2-g64", false)]
        );
        let chart = chart(&found, Axis::Memory);
        let line: Vec<_> = chart.line.iter().map(|at| chart.points[*at].name.as_str()).collect();
        assert_eq!(line, ["dense", "m3", "b1"]);
        assert_eq!(chart.points[4].x, 80.0);
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
        let itself = plans(&compared([report("dense", 100_000_000, 0.0)]));
        assert_eq!(itself.len(), 1);
        assert_eq!(picture(&itself, Axis::Memory), None);
    }

    #[test]
    fn more_speed_is_better_and_what_was_not_measured_has_no_place() {
        let mut of = compared([report("a7", 90, 0.2), report("m3", 80, 0.1), report("b1", 70, 0.4)]);
        of.speeds = vec![speed("a7", 60.0, 90.0), speed("m3", 61.0, 70.0)];
        let found = plans(&of);
        assert_eq!(rows(&found).iter().map(|row| row.1[4].clone()).collect::<Vec<_>>(), ["61.0", "70.0", "90.0", "–"]);
        let chart = chart(&found, Axis::Written);
        let line: Vec<_> = chart.line.iter().map(|at| chart.points[*at].name.as_str()).collect();
        assert_eq!(line, ["dense", "m3", "a7"]);
        assert_eq!(pictured(&found, Axis::Read).len(), 3);
        assert_eq!(picture(&plans(&compared([report("a7", 90, 0.2)])), Axis::Written), None);
        // The dense model's speed is known from another plan, which was not compared: its point alone is no picture.
        of.fidelity = vec![report("b1", 70, 0.4)];
        assert_eq!(picture(&plans(&of), Axis::Written), None);
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
        assert_eq!(names, ["dense", "Tiny.Q3_K", "Drop-1M", "Drop-1M · Tiny.Q3_K"]);
        assert_eq!(chart(&plans(&of), Axis::Memory).points[1].ink, OTHER);
        assert_eq!(of.fidelity.len(), 3, "the latest of a plan and a second model");
        assert_eq!(table_markdown(&of).lines().count(), 2 + 4);
    }
}
