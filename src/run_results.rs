//! What runs, and measurements beside them, have found: plain data that one function changes, tested natively.

use std::collections::BTreeMap;

use prunescope_figures::figure::sweep::Points;
use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::prune::{Importance, PruningPlan};
use prunescope_protocol::results::{
    Advice, ChoiceResult, ComparedPosition, GenerationStep, GenerativeResult, LayerTransition, MaskPicture, Metrics,
    NotFinite, Quality, RetrievalReport, RunReport, TokenWeight, VariantResult, WeightReport, first_divergence,
    written_ids,
};

/// A long piece of work: what, and how much of it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Working {
    /// What is done.
    pub what: String,
    /// How many parts of it are done.
    pub done: usize,
    /// How many there are.
    pub total: usize,
}

/// All results that are shown. They are of one run, whose number and plan stand here, but for the sweep and the importance, which are the
/// model's.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(target_arch = "wasm32", derive(reactive_stores::Store))]
pub struct RunResults {
    /// The number of the run whose results these are; 0 before the first.
    pub run: u64,
    /// Its plan.
    pub plan: PruningPlan,
    /// The first position after the prompt.
    pub next_token: Option<ComparedPosition>,
    /// Where its numbers are not finite.
    pub not_finite: Option<NotFinite>,
    /// Generation, step by step.
    pub steps: Vec<GenerationStep>,
    /// Both models on the dense text.
    pub fixed_trajectory: Vec<Metrics>,
    /// How far both texts have collapsed.
    pub quality: Option<Quality>,
    /// Layer transitions by step of the dense text, where each sublayer is dropped.
    pub layers: BTreeMap<usize, Vec<LayerTransition>>,
    /// The same where each sublayer's weights are those of the plan.
    pub edited_layers: BTreeMap<usize, Vec<LayerTransition>>,
    /// The tokens whose Δz does the most damage after the prompt.
    pub damage: Vec<TokenWeight>,
    /// What the plan did to the weights.
    pub weights: WeightReport,
    /// Everything the run found, once it is complete.
    pub report: Option<RunReport>,
    /// How far a long piece of work is.
    pub working: Option<Working>,
    /// Variants by their place.
    pub variants: BTreeMap<usize, VariantResult>,
    /// Answers by question.
    pub choice: BTreeMap<usize, ChoiceResult>,
    /// Ranks.
    pub retrieval: Option<RetrievalReport>,
    /// Texts by task.
    pub written: BTreeMap<usize, GenerativeResult>,
    /// Verdicts.
    pub advice: Vec<Advice>,
    /// The picture of a matrix.
    pub picture: Option<MaskPicture>,
    /// Points of the sweep.
    pub sweep: Points,
    /// Points measured and points in all.
    pub sweep_progress: (usize, usize),
    /// Importance of the model's sublayers.
    pub importance: Option<Importance>,
}

/// Which part of the results an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// None.
    Nothing,
    /// A new run has taken the place of the one that was shown.
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
    /// [`RunResults::variants`].
    Variants,
    /// [`RunResults::choice`].
    Choice,
    /// [`RunResults::retrieval`].
    Retrieval,
    /// [`RunResults::written`].
    Written,
    /// [`RunResults::advice`].
    Advice,
    /// [`RunResults::picture`].
    Picture,
    /// [`RunResults::sweep`] and [`RunResults::sweep_progress`].
    Sweep,
    /// [`RunResults::importance`].
    Importance,
}

impl RunResults {
    /// Takes what the newest run tells.
    ///
    /// * `run`, `plan` — its number and plan: with its first result it takes the place of the run that is shown.
    pub fn apply(&mut self, run: u64, plan: &PruningPlan, event: RunEvent) -> Changed {
        match event {
            RunEvent::NextToken { compared } => {
                self.begin(run, plan);
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
            RunEvent::Damage { tokens } => {
                self.damage = tokens;
                Changed::Damage
            }
            RunEvent::Quality { quality } => {
                self.quality = Some(*quality);
                Changed::Quality
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
                self.written.insert(result.index, *result);
                Changed::Written
            }
            RunEvent::Judged { advice } => {
                self.advice = advice;
                Changed::Advice
            }
            RunEvent::SweepPoint { point, done, total } => {
                self.sweep.insert((point.line, point.x), *point);
                self.sweep_progress = (done, total);
                Changed::Sweep
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

    /// Makes room for the results of a run. What was measured for its plan, the model's sweep and importance, and what was done to the
    /// weights (told anew with every run) stay.
    fn begin(&mut self, run: u64, plan: &PruningPlan) {
        let mut before = std::mem::take(self);
        if before.plan != *plan {
            before.forget_plan();
        }
        let Self { choice, retrieval, written, advice, picture, sweep, sweep_progress, importance, weights, .. } =
            before;
        let plan = plan.clone();
        *self = Self {
            run,
            plan,
            choice,
            retrieval,
            written,
            advice,
            picture,
            sweep,
            sweep_progress,
            importance,
            weights,
            ..Self::default()
        };
    }

    /// Forgets what was measured for the plan.
    pub fn forget_plan(&mut self) {
        self.choice.clear();
        self.retrieval = None;
        self.written.clear();
        self.advice.clear();
        self.picture = None;
    }

    /// Forgets the points of the sweep.
    pub fn forget_sweep(&mut self) {
        self.sweep.clear();
        self.sweep_progress = (0, 0);
    }

    /// Forgets what was measured beside the run, for another model or calibration text.
    pub fn forget_measured(&mut self) {
        self.forget_plan();
        self.forget_sweep();
        self.variants.clear();
    }

    /// The first step at which both texts differ.
    pub fn first_divergence(&self) -> Option<usize> {
        let (dense, pruned) = written_ids(&self.steps);
        first_divergence(&dense, &pruned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prunescope_protocol::messages::Measurement;
    use prunescope_protocol::results::TokenText;

    fn plan(text: &str) -> PruningPlan {
        text.parse().unwrap()
    }

    fn first() -> RunEvent {
        RunEvent::NextToken { compared: Box::default() }
    }

    fn step(step: usize, dense: u32, pruned: u32) -> RunEvent {
        let token = |id| Some(TokenText { id, text: id.to_string() });
        let step = GenerationStep { step, dense: token(dense), pruned: token(pruned), compared: None };
        RunEvent::Step { step: Box::new(step) }
    }

    fn working(done: usize) -> RunEvent {
        RunEvent::Working { what: "Sweep".into(), done, total: 3 }
    }

    /// Old results stay until the first of the new run, and then all go at once.
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
            plan: plan("a2"),
            next_token: Some(ComparedPosition::default()),
            ..RunResults::default()
        };
        assert_eq!(results, expected);
    }

    #[test]
    fn what_was_measured_stays_as_long_as_the_plan() {
        let mut results = RunResults::default();
        results.apply(1, &plan("m2"), first());
        results.apply(1, &plan("m2"), RunEvent::Judged { advice: vec![] });
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
}
