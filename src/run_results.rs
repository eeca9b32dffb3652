//! The results of runs and measurements: plain data that one function changes, tested natively.

use std::collections::BTreeMap;

use prunescope_figures::figure::pareto::ComparedPlans;
use prunescope_figures::figure::search;
use prunescope_figures::figure::sweep::Points;
use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::{DroppedSublayers, Importance, OwnAnswer, PruningPlan, Repair};
use prunescope_protocol::results::{
    ChoiceResult, ComparedPosition, FidelityReport, FullRepair, Generation, GenerationStep, GenerativeResult,
    Judgement, LayerTransition, MaskPicture, Metrics, NotFinite, Quality, RepairReport, RepairedResult,
    RetrievalReport, RunReport, SpeedReport, SwitchEffect, TextFidelity, TokenWeight, VariantResult, WeightReport,
    first_divergence, written_ids,
};
use prunescope_protocol::settings::RunSettings;
use prunescope_protocol::tasks::GenerativeSet;

/// A long piece of work and its progress.
#[derive(Clone, Debug, PartialEq)]
pub struct Working {
    /// Name of the work.
    pub what: String,
    /// Parts done.
    pub done: usize,
    /// Parts in total.
    pub total: usize,
}

/// All results that are shown. They belong to the run whose number and settings are stored here, except for the sweep, the search, the
/// judged plans and the importance, which belong to the model.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(target_arch = "wasm32", derive(reactive_stores::Store))]
pub struct RunResults {
    /// The number of the run whose results these are; 0 before the first.
    pub run: u64,
    /// The settings of that run.
    pub settings: RunSettings,
    /// The first position after the prompt, dense against pruned.
    pub next_token: Option<ComparedPosition>,
    /// The first place in the pruned model with numbers that are not finite.
    pub not_finite: Option<NotFinite>,
    /// Generation steps, in order.
    pub steps: Vec<GenerationStep>,
    /// Metrics with both models reading the dense model's text (teacher-forced), one entry a step.
    pub fixed_trajectory: Vec<Metrics>,
    /// How far both texts have collapsed (repetition, losses).
    pub quality: Option<Quality>,
    /// Layer transitions by step of the dense text, where each sublayer alone is dropped.
    pub layers: BTreeMap<usize, Vec<LayerTransition>>,
    /// The same, where each sublayer alone has the plan's pruned weights.
    pub edited_layers: BTreeMap<usize, Vec<LayerTransition>>,
    /// The tokens whose Δz contributes most to the weighted variances, by step of the texts.
    pub damage: BTreeMap<usize, Vec<TokenWeight>>,
    /// What the plan did to the weights of each matrix.
    pub weights: WeightReport,
    /// The complete report, once the run is done.
    pub report: Option<RunReport>,
    /// Progress of a long piece of work, while there is one.
    pub working: Option<Working>,
    /// The plan's repair and what it gains, once it is fitted.
    pub repair: Option<RepairReport>,
    /// The first position after the prompt, dense against repaired ("pruned" is the repaired model).
    pub repaired_next_token: Option<ComparedPosition>,
    /// Generation steps of the repaired model beside the dense one, in order ("pruned" is the repaired model).
    pub repaired_steps: Vec<GenerationStep>,
    /// [`Self::fixed_trajectory`] with the repaired model in place of the pruned one.
    pub repaired_fixed_trajectory: Vec<Metrics>,
    /// [`Self::quality`] with the repaired model in place of the pruned one.
    pub repaired_quality: Option<Quality>,
    /// What the full map would leave in place of the plan's smaller repair.
    pub full_repair: Option<FullRepair>,
    /// The dense model's own answers, on which larger repairs are fitted; they belong to the model.
    pub own_answers: BTreeMap<usize, OwnAnswer>,
    /// How far the pruned and the repaired model are from the dense one on a text that no fit has seen.
    pub fidelity: Option<FidelityReport>,
    /// How fast each model is alone, and what it takes.
    pub speed: Option<SpeedReport>,
    /// [`Self::fidelity`] on texts of several kinds.
    pub text_fidelity: Option<TextFidelity>,
    /// The plans that were compared on the same texts, and their speeds; they belong to the dense model.
    pub compared_plans: ComparedPlans,
    /// Where the second model came from that plans apply to; empty if there is none.
    pub second_model: String,
    /// What flipping each switch would do at this prompt, by sublayer.
    pub switches: BTreeMap<Sublayer, SwitchEffect>,
    /// Results of compared variants, by their index.
    pub variants: BTreeMap<usize, VariantResult>,
    /// Multiple-choice results, by question index.
    pub choice: BTreeMap<usize, ChoiceResult>,
    /// Retrieval ranks.
    pub retrieval: Option<RetrievalReport>,
    /// Generative results, by set and task index.
    pub written: BTreeMap<(GenerativeSet, usize), GenerativeResult>,
    /// Verdicts on the plan.
    pub judgement: Option<Judgement>,
    /// The plans judged so far, the latest last; they belong to the model and its task sets.
    pub judged: Vec<Judgement>,
    /// The picture of a matrix.
    pub picture: Option<MaskPicture>,
    /// Points of the sweep.
    pub sweep: Points,
    /// Points measured, and points in total.
    pub sweep_progress: (usize, usize),
    /// Plans that the search has found.
    pub search: search::Points,
    /// Plans found, and plans in total.
    pub search_progress: (usize, usize),
    /// Importance of the model's sublayers.
    pub importance: Option<Importance>,
}

/// Which part of the results an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// What came was known.
    Nothing,
    /// A new run replaced the one that was shown.
    Run,
    /// [`RunResults::not_finite`].
    NotFinite,
    /// [`RunResults::steps`].
    Steps,
    /// [`RunResults::fixed_trajectory`].
    FixedTrajectory,
    /// [`RunResults::quality`].
    Quality,
    /// [`RunResults::layers`].
    Layers,
    /// [`RunResults::edited_layers`].
    EditedLayers,
    /// [`RunResults::damage`].
    Damage,
    /// [`RunResults::weights`].
    Weights,
    /// [`RunResults::report`] and [`RunResults::importance`].
    Report,
    /// [`RunResults::working`].
    Working,
    /// [`RunResults::repair`] and [`RunResults::repaired_next_token`].
    Repair,
    /// [`RunResults::repaired_steps`].
    RepairedSteps,
    /// [`RunResults::repaired_fixed_trajectory`] and [`RunResults::repaired_quality`].
    Repaired,
    /// [`RunResults::full_repair`].
    FullRepair,
    /// [`RunResults::own_answers`].
    OwnAnswers,
    /// [`RunResults::fidelity`].
    Fidelity,
    /// [`RunResults::speed`] and [`RunResults::compared_plans`].
    Speed,
    /// [`RunResults::text_fidelity`] and [`RunResults::compared_plans`].
    TextFidelity,
    /// [`RunResults::switches`].
    Switches,
    /// [`RunResults::variants`].
    Variants,
    /// [`RunResults::choice`].
    Choice,
    /// [`RunResults::retrieval`].
    Retrieval,
    /// [`RunResults::written`].
    Written,
    /// [`RunResults::judgement`] and [`RunResults::judged`].
    Judgement,
    /// [`RunResults::picture`].
    Picture,
    /// [`RunResults::sweep`] and [`RunResults::sweep_progress`].
    Sweep,
    /// [`RunResults::search`] and [`RunResults::search_progress`].
    Search,
    /// [`RunResults::importance`].
    Importance,
}

impl RunResults {
    /// Applies an event of the newest run, and returns which part changed.
    ///
    /// * `run`, `settings` — number and settings of that run. Its first result replaces the run that is shown.
    pub fn apply(&mut self, run: u64, settings: &RunSettings, event: RunEvent) -> Changed {
        match event {
            RunEvent::NextToken { compared } => {
                self.begin(run, settings);
                self.next_token = Some(*compared);
                Changed::Run
            }
            RunEvent::NotFinite { found } => {
                self.not_finite = Some(found);
                Changed::NotFinite
            }
            RunEvent::Step { step } => {
                self.steps.push(*step);
                Changed::Steps
            }
            RunEvent::FixedTrajectory { steps } => {
                self.fixed_trajectory = steps;
                Changed::FixedTrajectory
            }
            RunEvent::Layers { step, edited: false, layers } => {
                self.layers.insert(step, layers);
                Changed::Layers
            }
            RunEvent::Layers { step, edited: true, layers } => {
                self.edited_layers.insert(step, layers);
                Changed::EditedLayers
            }
            RunEvent::Working { what, done, total } => {
                self.working = (done < total).then_some(Working { what, done, total });
                Changed::Working
            }
            RunEvent::Weights { weights } => {
                self.weights = *weights;
                Changed::Weights
            }
            RunEvent::Damage { step, tokens } => {
                self.damage.insert(step, tokens);
                Changed::Damage
            }
            RunEvent::Quality { quality } => {
                self.quality = Some(*quality);
                Changed::Quality
            }
            RunEvent::RepairedNextToken { compared, repair } => {
                self.repair = Some(*repair);
                self.repaired_next_token = Some(*compared);
                Changed::Repair
            }
            RunEvent::RepairedStep { step } => {
                self.repaired_steps.push(*step);
                Changed::RepairedSteps
            }
            RunEvent::Repaired { result } => {
                // Its other parts came before.
                self.repaired_fixed_trajectory = result.generation.fixed_trajectory;
                self.repaired_quality = Some(result.generation.quality);
                Changed::Repaired
            }
            RunEvent::FullRepair { report } => {
                self.full_repair = Some(report);
                Changed::FullRepair
            }
            // They are told again and again, for a run that was given up may have told some in vain.
            RunEvent::OwnAnswer { at, answer } if self.own_answers.get(&at) == Some(&answer) => Changed::Nothing,
            RunEvent::OwnAnswer { at, answer } => {
                self.own_answers.insert(at, answer);
                Changed::OwnAnswers
            }
            RunEvent::Fidelity { report } => {
                self.fidelity = Some(*report);
                Changed::Fidelity
            }
            RunEvent::Speed { mut report } => {
                if report.plan.is_empty() {
                    report.plan = self.settings.plan.to_string();
                }
                if report.plan == self.settings.plan.to_string() {
                    self.speed = Some(report.clone());
                }
                self.second_model.clone_from(&report.other);
                self.compared_plans.add_speed(report);
                Changed::Speed
            }
            RunEvent::TextFidelity { report } => {
                self.second_model.clone_from(&report.other);
                if report.done == report.total {
                    self.compared_plans.add((*report).clone());
                }
                if report.plan == self.settings.plan.to_string() {
                    self.text_fidelity = Some(*report);
                }
                Changed::TextFidelity
            }
            RunEvent::Switches { effects } => {
                let by_sublayer =
                    |effect: SwitchEffect| (Sublayer { layer: effect.layer, kind: effect.sublayer }, effect);
                self.switches.extend(effects.into_iter().map(by_sublayer));
                Changed::Switches
            }
            RunEvent::Variant { at, result } => {
                self.variants.insert(at, *result);
                Changed::Variants
            }
            RunEvent::Choice { result } => {
                self.choice.insert(result.index, *result);
                Changed::Choice
            }
            RunEvent::Retrieval { report } => {
                self.retrieval = Some(*report);
                Changed::Retrieval
            }
            RunEvent::Written { result } => {
                self.written.insert((result.set, result.index), *result);
                Changed::Written
            }
            RunEvent::Judged { judgement } => {
                self.judged.retain(|known| known.plan != judgement.plan);
                self.judged.push((*judgement).clone());
                self.judgement = Some(*judgement);
                Changed::Judgement
            }
            RunEvent::SweepPoint { point, done, total } => {
                self.sweep.insert((point.line, point.x), *point);
                self.sweep_progress = (done, total);
                Changed::Sweep
            }
            RunEvent::SearchPoint { point, done, total } => {
                self.search.insert((point.method, point.dropped), *point);
                self.search_progress = (done, total);
                Changed::Search
            }
            RunEvent::Picture { picture } => {
                self.picture = Some(*picture);
                Changed::Picture
            }
            RunEvent::Importance { importance } => {
                self.importance = Some(*importance);
                Changed::Importance
            }
            RunEvent::Done { report } => {
                self.importance.clone_from(&report.importance);
                self.report = Some(*report);
                Changed::Report
            }
            RunEvent::Measured { .. } | RunEvent::Stopped | RunEvent::Failed { .. } => {
                self.working = None;
                Changed::Working
            }
        }
    }

    /// The events that give these results when they are applied in order: a trace of what is shown. Without the complete report.
    pub fn events(&self) -> Vec<RunEvent> {
        let Some(next_token) = self.next_token.clone() else { return vec![] };
        let mut events = vec![RunEvent::NextToken { compared: Box::new(next_token) }];
        let mut tell = |event: Option<RunEvent>| events.extend(event);
        tell(self.not_finite.map(|found| RunEvent::NotFinite { found }));
        self.steps.iter().for_each(|step| tell(Some(RunEvent::Step { step: Box::new(step.clone()) })));
        tell(Some(RunEvent::FixedTrajectory { steps: self.fixed_trajectory.clone() }));
        tell(self.quality.clone().map(|quality| RunEvent::Quality { quality: Box::new(quality) }));
        for (of, edited) in [(&self.layers, false), (&self.edited_layers, true)] {
            of.iter().for_each(|(step, layers)| {
                tell(Some(RunEvent::Layers { step: *step, edited, layers: layers.clone() }))
            });
        }
        for (step, tokens) in &self.damage {
            tell(Some(RunEvent::Damage { step: *step, tokens: tokens.clone() }));
        }
        tell(Some(RunEvent::Weights { weights: Box::new(self.weights.clone()) }));
        if let Some((repair, next_token)) = self.repair.clone().zip(self.repaired_next_token.clone()) {
            tell(Some(RunEvent::RepairedNextToken {
                compared: Box::new(next_token.clone()),
                repair: Box::new(repair.clone()),
            }));
            let steps = self.repaired_steps.iter();
            steps.for_each(|step| tell(Some(RunEvent::RepairedStep { step: Box::new(step.clone()) })));
            let generation = self.repaired_quality.clone().map(|quality| {
                let fixed_trajectory = self.repaired_fixed_trajectory.clone();
                Generation { fixed_trajectory, quality, ..Generation::default() }
            });
            let result =
                generation.map(|generation| Box::new(RepairedResult { report: repair, next_token, generation }));
            tell(result.map(|result| RunEvent::Repaired { result }));
        }
        tell(self.full_repair.map(|report| RunEvent::FullRepair { report }));
        let answers = self.own_answers.iter();
        answers.for_each(|(at, answer)| tell(Some(RunEvent::OwnAnswer { at: *at, answer: answer.clone() })));
        tell(self.fidelity.clone().map(|report| RunEvent::Fidelity { report: Box::new(report) }));
        // A trace is of one second model.
        let speeds = self.compared_plans.speeds.iter().filter(|report| report.other == self.second_model);
        speeds.for_each(|report| tell(Some(RunEvent::Speed { report: report.clone() })));
        let unfinished = self.text_fidelity.iter().filter(|report| report.done < report.total);
        let compared = self.compared_plans.fidelity.iter().filter(|report| report.other == self.second_model);
        let texts = compared.chain(unfinished);
        texts.for_each(|report| tell(Some(RunEvent::TextFidelity { report: Box::new(report.clone()) })));
        tell(Some(RunEvent::Switches { effects: self.switches.values().copied().collect() }));
        let variants = self.variants.iter();
        variants.for_each(|(at, result)| tell(Some(RunEvent::Variant { at: *at, result: Box::new(result.clone()) })));
        self.choice.values().for_each(|result| tell(Some(RunEvent::Choice { result: Box::new(result.clone()) })));
        tell(self.retrieval.clone().map(|report| RunEvent::Retrieval { report: Box::new(report) }));
        self.written.values().for_each(|result| tell(Some(RunEvent::Written { result: Box::new(result.clone()) })));
        self.judged.iter().for_each(|of| tell(Some(RunEvent::Judged { judgement: Box::new(of.clone()) })));
        tell(self.picture.clone().map(|picture| RunEvent::Picture { picture: Box::new(picture) }));
        let (done, total) = self.sweep_progress;
        self.sweep
            .values()
            .for_each(|point| tell(Some(RunEvent::SweepPoint { point: Box::new(point.clone()), done, total })));
        let (done, total) = self.search_progress;
        self.search
            .values()
            .for_each(|point| tell(Some(RunEvent::SearchPoint { point: Box::new(point.clone()), done, total })));
        tell(self.importance.clone().map(|importance| RunEvent::Importance { importance: Box::new(importance) }));
        events
    }

    /// Starts the results of a run. Kept are: what was measured for the same plan, the model's sweep, search, judged plans, importance and
    /// own answers, and the weight report (which every run sends again). What is known of the full map stays while only the repair changes.
    fn begin(&mut self, run: u64, settings: &RunSettings) {
        let mut before = std::mem::take(self);
        if before.settings.plan != settings.plan {
            before.forget_plan();
        }
        // It compares the full map with one smaller repair, and stays where either is in use.
        let (was, is) = (&before.settings.plan, &settings.plan);
        let compares = is.repair == Some(Repair::Full) || is.repair == was.repair;
        let full_repair = before.full_repair.filter(|_| compares && was.unrepaired() == is.unrepaired());
        *self = Self {
            run,
            settings: settings.clone(),
            choice: before.choice,
            retrieval: before.retrieval,
            written: before.written,
            judgement: before.judgement,
            judged: before.judged,
            picture: before.picture,
            fidelity: before.fidelity,
            speed: before.speed,
            text_fidelity: before.text_fidelity,
            compared_plans: before.compared_plans,
            second_model: before.second_model,
            full_repair,
            own_answers: before.own_answers,
            sweep: before.sweep,
            sweep_progress: before.sweep_progress,
            search: before.search,
            search_progress: before.search_progress,
            importance: before.importance,
            weights: before.weights,
            ..Self::default()
        };
    }

    /// Discards what was measured for the plan.
    pub fn forget_plan(&mut self) {
        self.choice.clear();
        self.retrieval = None;
        self.written.clear();
        self.judgement = None;
        self.picture = None;
        self.fidelity = None;
        self.speed = None;
        self.text_fidelity = None;
    }

    /// Discards the points of the sweep.
    pub fn forget_sweep(&mut self) {
        self.sweep.clear();
        self.sweep_progress = (0, 0);
    }

    /// Discards the plans of the search.
    pub fn forget_search(&mut self) {
        self.search.clear();
        self.search_progress = (0, 0);
    }

    /// Discards all judged plans, for another task set.
    pub fn forget_judged(&mut self) {
        self.judgement = None;
        self.judged.clear();
    }

    /// Discards the plans that were compared on texts, for other texts.
    pub fn forget_compared(&mut self) {
        self.text_fidelity = None;
        self.compared_plans.fidelity.clear();
    }

    /// Discards all measurements, for another calibration text.
    pub fn forget_measured(&mut self) {
        self.compared_plans = ComparedPlans::default();
        self.forget_all_but_compared();
    }

    /// Discards what other models change.
    ///
    /// * `same_dense`: only the second model is another: the plans that were compared with the dense one are kept.
    /// * `other`: where the second model came from; empty if there is none.
    pub fn change_models(&mut self, same_dense: bool, other: &str) {
        if !same_dense {
            self.compared_plans = ComparedPlans::default();
        }
        self.forget_all_but_compared();
        self.second_model = other.into();
    }

    fn forget_all_but_compared(&mut self) {
        self.forget_plan();
        self.forget_sweep();
        self.forget_search();
        self.forget_judged();
        self.variants.clear();
        self.full_repair = None;
        self.switches.clear();
    }

    /// What the run of these settings will find at its first token, if it is known already: if they differ from those of
    /// the shown run by one switch whose effect is measured, and in nothing else but the repair, which that effect leaves out.
    pub fn preview(&self, now: &RunSettings) -> Option<SwitchEffect> {
        let without_switches = |settings: &RunSettings| RunSettings {
            plan: PruningPlan { drop: DroppedSublayers::default(), ..settings.plan.unrepaired() },
            ..settings.clone()
        };
        if without_switches(now) != without_switches(&self.settings) {
            return None;
        }
        let mut flipped = now.plan.drop.differing(&self.settings.plan.drop);
        let (flipped, None) = (flipped.next()?, flipped.next()) else { return None };
        self.switches.get(&flipped).copied().filter(|effect| effect.drops == now.plan.drops(flipped))
    }

    /// The first step at which the dense and the pruned text differ.
    pub fn first_divergence(&self) -> Option<usize> {
        divergence(&self.steps)
    }

    /// The first step at which the dense and the repaired text differ.
    pub fn repaired_divergence(&self) -> Option<usize> {
        divergence(&self.repaired_steps)
    }

    /// The step of the chosen token, whose numbers are shown.
    ///
    /// * `token` — as [`Settings::token`](prunescope_protocol::settings::Settings::token): counted from 1, 0 for the deciding one. Beyond
    ///   what both models have written it is the last token that both have.
    pub fn chosen_step(&self, token: usize) -> usize {
        let chosen = token.checked_sub(1).or_else(|| self.first_divergence()).unwrap_or(0);
        chosen.min(self.compared_steps().saturating_sub(1))
    }

    /// How many tokens both models have: up to where one has ended its text.
    pub fn compared_steps(&self) -> usize {
        self.steps.iter().take_while(|step| step.dense.is_some() && step.pruned.is_some()).count()
    }

    /// Dense against pruned at a step, as far as it is known.
    pub fn position(&self, step: usize) -> Option<&ComparedPosition> {
        position(self.next_token.as_ref(), &self.steps, step)
    }

    /// Dense against repaired at a step, as far as it is known.
    pub fn repaired_position(&self, step: usize) -> Option<&ComparedPosition> {
        position(self.repaired_next_token.as_ref(), &self.repaired_steps, step)
    }
}

/// The comparison at a step; the first one is known before the texts are written.
fn position<'a>(
    next_token: Option<&'a ComparedPosition>,
    steps: &'a [GenerationStep],
    step: usize,
) -> Option<&'a ComparedPosition> {
    if step == 0 { next_token } else { steps.get(step)?.compared.as_ref() }
}

/// The first step at which two texts differ.
fn divergence(steps: &[GenerationStep]) -> Option<usize> {
    let (dense, pruned) = written_ids(steps);
    first_divergence(&dense, &pruned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prunescope_protocol::messages::Measurement;
    use prunescope_protocol::results::{RepairedResult, TokenText};
    use prunescope_protocol::trace::Trace;

    fn plan(text: &str) -> RunSettings {
        RunSettings { plan: text.parse().unwrap(), ..RunSettings::default() }
    }

    fn first() -> RunEvent {
        RunEvent::NextToken { compared: Box::default() }
    }

    fn step(step: usize, dense: u32, pruned: u32) -> RunEvent {
        let token = |id| Some(TokenText { id, text: id.to_string() });
        let step = GenerationStep { step, dense: token(dense), pruned: token(pruned), compared: None };
        RunEvent::Step { step: Box::new(step) }
    }

    /// The chosen token is the first that differs unless the visitor chose one, and is always one that both models have.
    #[test]
    fn the_deciding_token_is_the_first_that_differs() {
        let mut results = RunResults::default();
        assert_eq!((results.chosen_step(0), results.position(0)), (0, None));
        results.apply(1, &plan("a1"), first());
        assert!(results.position(0).is_some(), "known before the texts are written");
        for at in 0..3 {
            results.apply(1, &plan("a1"), step(at, 5, 5));
        }
        assert_eq!(results.chosen_step(0), 0, "the texts are the same so far");
        let RunEvent::Step { step: mut parting } = step(3, 5, 6) else { unreachable!() };
        parting.compared = Some(ComparedPosition::default());
        results.apply(1, &plan("a1"), RunEvent::Step { step: parting });
        let RunEvent::Step { step: mut alone } = step(4, 5, 6) else { unreachable!() };
        alone.dense = None;
        results.apply(1, &plan("a1"), RunEvent::Step { step: alone });
        let chosen = [0, 1, 4, 5, 99].map(|token| results.chosen_step(token));
        assert_eq!((chosen, results.compared_steps()), ([3, 0, 3, 3, 3], 4));
        assert!(results.position(3).is_some() && results.position(2).is_none() && results.position(9).is_none());
        assert_eq!(results.repaired_position(0), None);
    }

    fn working(done: usize) -> RunEvent {
        RunEvent::Working { what: "Sweep".into(), done, total: 3 }
    }

    fn judged(plan: &str, bytes: u64) -> RunEvent {
        let mut judgement = Box::<Judgement>::default();
        (judgement.plan, judgement.memory.plan_bytes) = (plan.into(), bytes);
        RunEvent::Judged { judgement }
    }

    /// Old results stay until the new run's first result, and then all are replaced.
    #[test]
    fn a_run_takes_the_place_of_another_with_its_first_result() {
        let mut results = RunResults::default();
        assert_eq!(results.apply(1, &plan("a1"), first()), Changed::Run);
        results.apply(1, &plan("a1"), step(0, 5, 5));
        results.apply(1, &plan("a1"), step(1, 6, 7));
        results.apply(1, &plan("a1"), RunEvent::Quality { quality: Box::default() });
        results.apply(1, &plan("a1"), RunEvent::Layers { step: 0, edited: false, layers: vec![] });
        results.apply(1, &plan("a1"), RunEvent::Layers { step: 0, edited: true, layers: vec![] });
        assert_eq!((results.first_divergence(), results.layers.len(), results.edited_layers.len()), (Some(1), 1, 1));
        let before = results.clone();
        results.apply(2, &plan("a2"), working(1));
        assert_eq!(
            (results.run, &results.steps),
            (1, &before.steps),
            "work on the new plan's weights changes no result"
        );
        results.apply(2, &plan("a2"), first());
        let expected = RunResults {
            run: 2,
            settings: plan("a2"),
            next_token: Some(ComparedPosition::default()),
            ..RunResults::default()
        };
        assert_eq!(results, expected);
    }

    #[test]
    fn what_was_measured_stays_as_long_as_the_plan() {
        let mut results = RunResults::default();
        results.apply(1, &plan("m2"), first());
        results.apply(1, &plan("m2"), judged("m2", 1));
        results.apply(1, &plan("m2"), RunEvent::Retrieval { report: Box::default() });
        results.apply(1, &plan("m2"), RunEvent::Importance { importance: Box::default() });
        results.sweep_progress = (2, 9);
        // Another temperature of the analysis is a new run of the same plan.
        results.apply(2, &plan("m2"), first());
        assert!(results.retrieval.is_some() && results.importance.is_some() && results.sweep_progress == (2, 9));
        results.apply(3, &plan("m3"), first());
        assert!(results.retrieval.is_none() && results.importance.is_some() && results.sweep_progress == (2, 9));
        results.forget_measured();
        assert!(results.sweep_progress == (0, 0) && results.importance.is_some());
    }

    /// A better map takes over as another run of the same dropped sublayers: what is known of it stays to be shown.
    #[test]
    fn the_full_map_stays_known_while_only_the_repair_changes() {
        let mut results = RunResults::default();
        results.apply(1, &plan("m2_repair-scale"), first());
        let report = FullRepair { tokens: 9, kl_present: 0.3, kl_full: 0.2 };
        assert_eq!(results.apply(1, &plan("m2_repair-scale"), RunEvent::FullRepair { report }), Changed::FullRepair);
        let own = RunEvent::OwnAnswer { at: 1, answer: OwnAnswer::default() };
        assert_eq!(results.apply(1, &plan("m2_repair-scale"), own.clone()), Changed::OwnAnswers);
        assert_eq!(results.apply(1, &plan("m2_repair-scale"), own), Changed::Nothing);
        results.apply(2, &plan("m2_repair-full"), first());
        assert_eq!((results.full_repair, results.own_answers.len()), (Some(report), 1));
        results.apply(3, &plan("m3_repair-full"), first());
        assert_eq!((results.full_repair, results.own_answers.len()), (None, 1));
        // What one smaller repair leaves is not what another leaves.
        results.full_repair = Some(report);
        results.apply(4, &plan("m3_repair-bias"), first());
        assert_eq!(results.full_repair, None);
    }

    /// A comparison on texts, of which some windows are read.
    fn compared(plan: &str, done: usize, total: usize) -> RunEvent {
        RunEvent::TextFidelity {
            report: Box::new(TextFidelity { plan: plan.into(), done, total, ..TextFidelity::default() }),
        }
    }

    #[test]
    fn compared_plans_stay_and_the_shown_comparison_is_of_the_shown_plan() {
        let mut results = RunResults::default();
        let shown = |results: &RunResults| results.text_fidelity.as_ref().map(|report| report.done);
        results.apply(1, &plan("m2"), first());
        results.apply(1, &plan("m2"), compared("m2", 1, 2));
        assert_eq!((shown(&results), results.compared_plans.fidelity.len()), (Some(1), 0));
        results.apply(1, &plan("m2"), compared("m2", 2, 2));
        results.apply(1, &plan("m2"), compared("m2", 2, 2));
        assert_eq!((shown(&results), results.compared_plans.fidelity.len()), (Some(2), 1));
        // Of another plan, as a trace holds it.
        results.apply(1, &plan("m2"), compared("m3", 2, 2));
        assert_eq!((shown(&results), results.compared_plans.fidelity.len()), (Some(2), 2));
        results.apply(2, &plan("m3"), first());
        assert_eq!((shown(&results), results.compared_plans.fidelity.len()), (None, 2));
        results.forget_measured();
        assert_eq!(results.compared_plans, ComparedPlans::default());
    }

    #[test]
    fn what_was_compared_stays_with_another_second_model() {
        let mut results = RunResults::default();
        let speed =
            |plan: &str| RunEvent::Speed { report: SpeedReport { plan: plan.into(), ..SpeedReport::default() } };
        results.apply(1, &plan("m2"), first());
        results.apply(1, &plan("m2"), compared("m2", 2, 2));
        results.apply(1, &plan("m2"), speed("m2"));
        results.apply(1, &plan("m2"), speed("m3"));
        assert_eq!(results.speed.as_ref().map(|speed| speed.plan.as_str()), Some("m2"));
        // An older trace does not say whose speed it is.
        results.apply(1, &plan("m2"), speed(""));
        assert_eq!(results.compared_plans.speeds.len(), 2);
        results.change_models(true, "b.gguf");
        assert_eq!((results.text_fidelity.clone(), results.speed.clone()), (None, None));
        let report = TextFidelity { plan: "m2".into(), other: "b.gguf".into(), ..TextFidelity::default() };
        results.apply(1, &plan("m2"), RunEvent::TextFidelity { report: Box::new(report) });
        assert_eq!((results.compared_plans.fidelity.len(), results.compared_plans.speeds.len()), (2, 2));
        let of_trace = |results: &RunResults| -> Vec<_> {
            let events = results.events();
            events
                .iter()
                .filter(|event| matches!(event.name(), "text_fidelity" | "speed"))
                .map(RunEvent::name)
                .collect()
        };
        assert_eq!(of_trace(&results), ["text_fidelity"], "a trace is of one second model");
        results.change_models(true, "");
        assert_eq!(of_trace(&results), ["speed", "speed", "text_fidelity"]);
        results.forget_compared();
        assert_eq!((results.compared_plans.fidelity.len(), results.compared_plans.speeds.len()), (0, 2));
        results.change_models(false, "");
        assert_eq!(results.compared_plans, ComparedPlans::default());
    }

    /// What is shown, saved as events and shown again, is the same.
    #[test]
    fn results_are_what_their_events_give() {
        let trace = Trace::read(include_str!("../public/traces/example.json")).unwrap();
        let neighbours = Trace::read(include_str!("../public/traces/neighbours.json")).unwrap();
        let settings = plan("m2_repair-scale");
        let mut results = RunResults::default();
        // The pruned model's results, then those of a repair, whose events come from another recorded run.
        let repaired = neighbours.runs.iter().find(|run| run.settings.run.plan.repair.is_some()).unwrap();
        let of_repair = |event: &&RunEvent| event.name().starts_with("repaired");
        for event in trace.runs[0].events.iter().chain(repaired.events.iter().filter(of_repair)) {
            results.apply(1, &settings, event.clone());
        }
        let result = RepairedResult {
            report: results.repair.clone().unwrap(),
            next_token: results.repaired_next_token.clone().unwrap(),
            ..RepairedResult::default()
        };
        for event in [
            RunEvent::Repaired { result: Box::new(result) },
            RunEvent::FullRepair { report: FullRepair { tokens: 9, kl_present: 0.3, kl_full: 0.2 } },
            RunEvent::OwnAnswer { at: 1, answer: OwnAnswer::default() },
            judged("m2", 5),
            judged("m3", 6),
            RunEvent::Speed { report: SpeedReport { threads: 2, ..SpeedReport::default() } },
            compared("m3", 3, 3),
            compared("m2_repair-scale", 1, 3),
        ] {
            results.apply(1, &settings, event);
        }
        assert!(
            !results.choice.is_empty()
                && results.retrieval.is_some()
                && results.importance.is_some()
                && !results.switches.is_empty()
        );
        assert!(!results.repaired_steps.is_empty() && !results.steps.is_empty() && !results.layers.is_empty());
        let mut again = RunResults::default();
        results.events().into_iter().for_each(|event| _ = again.apply(1, &settings, event));
        assert_eq!(again, results);
        assert_eq!(RunResults::default().events(), []);
    }

    #[test]
    fn judged_plans_stay_across_plans_and_go_with_the_model() {
        let mut results = RunResults::default();
        for (run, text, bytes) in [(1, "m2", 5), (2, "m3", 6), (3, "m2", 7)] {
            results.apply(run, &plan(text), first());
            assert_eq!(results.apply(run, &plan(text), judged(text, bytes)), Changed::Judgement);
        }
        let rows = |results: &RunResults| -> Vec<_> {
            results.judged.iter().map(|known| (known.plan.clone(), known.memory.plan_bytes)).collect()
        };
        assert_eq!(rows(&results), [("m3".to_string(), 6), ("m2".to_string(), 7)], "the latest of a plan, at the end");
        results.apply(4, &plan("m4"), first());
        assert!(results.judgement.is_none() && rows(&results).len() == 2);
        results.forget_measured();
        assert!(results.judged.is_empty());
    }

    #[test]
    fn a_repaired_model_has_results_of_its_own() {
        let mut results = RunResults::default();
        results.apply(1, &plan("m2_repair-scale"), first());
        results.apply(1, &plan("m2_repair-scale"), step(0, 5, 7));
        let next = RunEvent::RepairedNextToken { compared: Box::default(), repair: Box::default() };
        assert_eq!(results.apply(1, &plan("m2_repair-scale"), next), Changed::Repair);
        let RunEvent::Step { step: own } = step(0, 5, 5) else { unreachable!("a step") };
        results.apply(1, &plan("m2_repair-scale"), RunEvent::RepairedStep { step: own });
        assert_eq!((results.first_divergence(), results.repaired_divergence()), (Some(0), None));
        results.apply(2, &plan("m2"), first());
        assert!(results.repair.is_none() && results.repaired_next_token.is_none() && results.repaired_steps.is_empty());
    }

    #[test]
    fn work_is_shown_until_it_is_done_or_ends() {
        let ends = [
            working(3),
            RunEvent::Measured { what: Measurement::Sweep },
            RunEvent::Stopped,
            RunEvent::Failed { message: String::new(), fatal: false },
        ];
        for end in ends {
            let mut results = RunResults::default();
            assert_eq!(results.apply(1, &plan(""), working(1)), Changed::Working);
            assert_eq!(results.working.as_ref().map(|working| working.done), Some(1));
            results.apply(1, &plan(""), end);
            assert_eq!(results.working, None);
        }
    }

    #[test]
    fn the_whole_repaired_result_gives_the_lines_that_no_step_has() {
        let mut results = RunResults::default();
        results.apply(1, &plan("m2_repair-scale"), first());
        let mut result = RepairedResult::default();
        result.generation.fixed_trajectory = vec![Metrics::default(); 3];
        let event = RunEvent::Repaired { result: Box::new(result) };
        assert_eq!(results.apply(1, &plan("m2_repair-scale"), event), Changed::Repaired);
        assert_eq!((results.repaired_fixed_trajectory.len(), results.repaired_quality.is_some()), (3, true));
        results.apply(2, &plan("m2"), first());
        assert!(results.repaired_fixed_trajectory.is_empty() && results.repaired_quality.is_none());
    }

    /// The sublayers of the plans below: 12 blocks.
    const SUBLAYERS: usize = 24;

    /// Settings that drop these sublayers, with everything else from the text of a plan.
    fn dropping(dropped: &[usize], rest: &str) -> RunSettings {
        let mut settings = plan(rest);
        settings.plan.drop = DroppedSublayers::of(dropped.iter().map(|index| Sublayer::from_index(*index)));
        settings
    }

    /// Results of a run of these settings with the effects of some switches, each with a cosine of its own.
    fn with_effects(settings: &RunSettings, known: impl Iterator<Item = usize>) -> RunResults {
        let mut results = RunResults::default();
        results.apply(1, settings, first());
        let effect = |index: usize| {
            let Sublayer { layer, kind } = Sublayer::from_index(index);
            let drops = !settings.plan.drops(Sublayer { layer, kind });
            SwitchEffect { layer, sublayer: kind, drops, cos_p: index as f32 / 100.0, kl_dense_pruned: index as f32 }
        };
        results.apply(1, settings, RunEvent::Switches { effects: known.map(effect).collect() });
        results
    }

    proptest! {
        /// Whatever is dropped, edited and repaired: a flip shows the effect of its own sublayer.
        #[test]
        fn a_flip_shows_the_effect_of_its_sublayer(
            dropped in proptest::collection::vec(0..SUBLAYERS, 0..12),
            rest in prop_oneof![Just(""), Just("repair-scale"), Just("wanda-0.5_on-mlp"), Just("repair-full_awq4-g64_layers-2-9")],
            flip in 0..SUBLAYERS,
            repair in prop_oneof![Just(None), Just(Some("bias")), Just(Some("rank8"))],
        ) {
            let before = dropping(&dropped, rest);
            let results = with_effects(&before, 0..SUBLAYERS);
            let sublayer = Sublayer::from_index(flip);
            let mut now = before.clone();
            now.plan.drop.set(sublayer, !before.plan.drops(sublayer));
            let preview = results.preview(&now).expect("the effect is known");
            prop_assert_eq!((preview.layer, preview.sublayer), (sublayer.layer, sublayer.kind));
            prop_assert_eq!((preview.drops, preview.kl_dense_pruned), (now.plan.drops(sublayer), flip as f32));
            // The effect is that of the pruned model, which a repair does not touch.
            now.plan.repair = repair.map(|form| form.parse().unwrap());
            prop_assert_eq!(results.preview(&now), Some(preview));
            // Flipped back, nothing is left to foretell; nor is anything known of a switch that was not measured.
            prop_assert_eq!(results.preview(&before), None);
            let others = with_effects(&before, (0..SUBLAYERS).filter(|index| *index != flip));
            prop_assert_eq!(others.preview(&now), None);
        }

        /// A second switch, or anything else that changes the run, foretells nothing.
        #[test]
        fn any_other_change_shows_none(
            dropped in proptest::collection::vec(0..SUBLAYERS, 0..12),
            flips in proptest::collection::btree_set(0..SUBLAYERS, 1..5),
            other in 0usize..10,
        ) {
            let before = dropping(&dropped, "magnitude-0.3");
            let results = with_effects(&before, 0..SUBLAYERS);
            let mut now = before.clone();
            for index in &flips {
                let sublayer = Sublayer::from_index(*index);
                now.plan.drop.set(sublayer, !before.plan.drops(sublayer));
            }
            prop_assert_eq!(results.preview(&now).is_some(), flips.len() == 1);
            match other {
                0 => now.prompt += "?",
                1 => now.chat = !now.chat,
                2 => now.temp = 0.7,
                3 => now.analysis = 2.0,
                4 => now.seed += 1,
                5 => now.top_k = 5,
                6 => now.top_p = 0.5,
                7 => now.tokens += 1,
                8 => now.plan.sparse = None,
                _ => now.plan.layers = Some("0-3".parse().unwrap()),
            }
            prop_assert_eq!(results.preview(&now), None);
        }
    }

    #[test]
    fn effects_of_another_model_or_calibration_text_foretell_nothing() {
        let before = dropping(&[4], "");
        let mut results = with_effects(&before, 0..SUBLAYERS);
        assert!(results.preview(&dropping(&[4, 9], "")).is_some());
        results.forget_measured();
        assert_eq!(results.preview(&dropping(&[4, 9], "")), None);
    }
}
