//! What is measured beside the main run: task sets, variants, the sweep, pictures of matrices.
//!
//! A measurement runs after the main run of the settings it belongs to, under the same number. A change of settings stops it;
//! it goes on by itself after the new run, and the engine tells again what it knew.

use std::collections::BTreeMap;

use leptos::prelude::*;

use super::state::{AppState, EngineStatus};
use prunescope_figures::figure::sweep::Points;
use prunescope_protocol::messages::{Event, Measurement, Request};
use prunescope_protocol::model::Matrix;
use prunescope_protocol::prune::PruningPlan;
use prunescope_protocol::results::{
    Advice, ChoiceResult, GenerativeResult, MaskPicture, RetrievalReport, VariantResult,
};
use prunescope_protocol::settings::{Settings, View};
use prunescope_protocol::tasks::{self, GenerativeTask, Question, RetrievalSet};

/// A point of a sweep that comes so soon after another was known before.
const KNOWN_WITHIN_MS: f64 = 100.0;

/// A long piece of work: what, and how much of it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Working {
    /// What is done.
    pub what: String,
    /// So much.
    pub done: usize,
    /// Of so much.
    pub total: usize,
}

/// Signals of everything that is measured beside the main run.
#[derive(Clone, Copy)]
pub struct Measurements {
    /// What was asked for and is not complete.
    pub wanted: RwSignal<Option<Measurement>>,
    /// How far a long piece of work is.
    pub working: RwSignal<Option<Working>>,
    /// The multiple-choice questions.
    pub questions: RwSignal<Vec<Question>>,
    /// Answers by question, for the shown plan.
    pub choice: RwSignal<BTreeMap<usize, ChoiceResult>>,
    /// Passages and queries.
    pub retrieval_set: RwSignal<RetrievalSet>,
    /// Ranks, for the shown plan.
    pub retrieval: RwSignal<Option<RetrievalReport>>,
    /// The prompts with exact answers.
    pub generative: StoredValue<Vec<GenerativeTask>>,
    /// Texts by task, for the shown plan.
    pub written: RwSignal<BTreeMap<usize, GenerativeResult>>,
    /// Verdicts, for the shown plan.
    pub advice: RwSignal<Vec<Advice>>,
    /// Variants by their place.
    pub variants: RwSignal<BTreeMap<usize, VariantResult>>,
    /// Points of the sweep.
    pub sweep: RwSignal<Points>,
    /// Points measured and points in all.
    pub sweep_progress: RwSignal<(usize, usize)>,
    /// Seconds that the sweep will still take, once that can be said.
    pub time_left: RwSignal<Option<f64>>,
    /// When the newest run of new points began, in milliseconds, and how many points there were then; and when the last came.
    pace: StoredValue<Option<(f64, usize, f64)>>,
    /// The matrix whose picture is shown.
    pub pictured: RwSignal<(usize, Matrix)>,
    /// Its picture.
    pub picture: RwSignal<Option<MaskPicture>>,
    /// The visitor's calibration text; empty is the built-in one.
    pub calibration: RwSignal<String>,
    /// Whether the sets are the visitor's own: questions, retrieval.
    own_sets: StoredValue<(bool, bool)>,
    /// The plan that choice, retrieval and advice belong to.
    measured_plan: StoredValue<PruningPlan>,
}

impl Measurements {
    /// Nothing measured yet, on the built-in sets.
    pub fn new() -> Self {
        Self {
            wanted: RwSignal::new(None),
            working: RwSignal::new(None),
            questions: RwSignal::new(tasks::choice::built_in()),
            choice: RwSignal::new(BTreeMap::new()),
            retrieval_set: RwSignal::new(tasks::retrieval::built_in()),
            retrieval: RwSignal::new(None),
            generative: StoredValue::new(tasks::generative::built_in()),
            written: RwSignal::new(BTreeMap::new()),
            advice: RwSignal::new(vec![]),
            variants: RwSignal::new(BTreeMap::new()),
            sweep: RwSignal::new(Points::new()),
            sweep_progress: RwSignal::new((0, 0)),
            time_left: RwSignal::new(None),
            pace: StoredValue::new(None),
            pictured: RwSignal::new((0, Matrix::Query)),
            picture: RwSignal::new(None),
            calibration: RwSignal::new(String::new()),
            own_sets: StoredValue::new((false, false)),
            measured_plan: StoredValue::new(PruningPlan::default()),
        }
    }

    /// Asks for a measurement: now, or after the main run.
    pub fn start(&self, state: &AppState, what: Measurement) {
        self.wanted.set(Some(what));
        if what == Measurement::Sweep {
            self.pace.set_value(None);
            self.time_left.set(None);
        }
        if state.running.get_untracked() {
            return;
        }
        if state.is_stale_untracked() {
            // A run that was stopped before its first results: the measurement follows it.
            state.start_run();
        } else {
            self.send(state, what);
        }
    }

    fn send(&self, state: &AppState, what: Measurement) {
        if state.engine.get_untracked() == EngineStatus::Ready {
            let (run, settings) = (state.newest_run.get_untracked(), state.settings.get_untracked());
            state.send(Request::Measure { run, settings, what });
        }
    }

    /// Nothing is wanted any more.
    pub fn stop(&self) {
        self.wanted.set(None);
        self.working.set(None);
    }

    /// Another model: nothing is known of it.
    pub fn forget(&self) {
        self.clear_plan();
        self.variants.set(BTreeMap::new());
        self.sweep.set(Points::new());
        self.sweep_progress.set((0, 0));
    }

    fn clear_plan(&self) {
        self.choice.set(BTreeMap::new());
        self.retrieval.set(None);
        self.written.set(BTreeMap::new());
        self.advice.set(vec![]);
        self.picture.set(None);
    }

    /// What an open view measures without being asked.
    fn automatic(&self, settings: &Settings) -> Option<Measurement> {
        match settings.view {
            View::Choice => Some(Measurement::Choice),
            View::Retrieval => Some(Measurement::Retrieval),
            View::Compare | View::Steps | View::Theorems if !settings.compare.is_empty() => Some(Measurement::Compare),
            View::Weights if settings.plan.edits_weights() => {
                let (layer, matrix) = self.pictured.get_untracked();
                Some(Measurement::Picture { layer, matrix })
            }
            _ => None,
        }
    }

    /// The first results of a run are there: what belongs to another plan goes.
    pub fn begin_run(&self, state: &AppState) {
        let plan = state.settings.with_untracked(|settings| settings.plan.clone());
        if self.measured_plan.get_value() != plan {
            self.clear_plan();
            self.measured_plan.set_value(plan);
        }
        self.variants.set(BTreeMap::new());
        self.working.set(None);
    }

    /// The main run is complete: what is wanted or belongs to the open view follows.
    pub fn end_run(&self, state: &AppState) {
        let settings = state.settings.get_untracked();
        if let Some(what) = self.wanted.get_untracked().or_else(|| self.automatic(&settings)) {
            self.start(state, what);
        }
    }

    /// The settings changed, but not what the main run asks.
    pub fn follow_settings(&self, state: &AppState, before: &Settings, now: &Settings) {
        if now.sweep != before.sweep || now.sample != before.sample {
            self.sweep.set(Points::new());
            self.sweep_progress.set((0, 0));
            self.advice.set(vec![]);
            self.written.set(BTreeMap::new());
            if matches!(self.wanted.get_untracked(), Some(Measurement::Sweep | Measurement::Judge)) {
                state.stop();
            }
        }
        if now.compare != before.compare {
            self.variants.set(BTreeMap::new());
        }
        let opened = now.view != before.view || now.compare != before.compare;
        let idle =
            self.wanted.get_untracked().is_none_or(|what| !matches!(what, Measurement::Sweep | Measurement::Judge));
        if let Some(what) = self.automatic(now).filter(|_| opened && idle) {
            self.start(state, what);
        }
    }

    /// Tells a fresh engine of the visitor's own sets and text.
    pub fn send_sets(&self, state: &AppState) {
        let (own_questions, own_retrieval) = self.own_sets.get_value();
        if own_questions {
            state.send(Request::UseQuestions { questions: self.questions.get_untracked() });
        }
        if own_retrieval {
            state.send(Request::UseRetrievalSet { set: self.retrieval_set.get_untracked() });
        }
        let text = self.calibration.get_untracked();
        if !text.is_empty() {
            state.send(Request::Calibrate { text });
        }
    }

    /// Uses other questions; none is the built-in set.
    pub fn use_questions(&self, state: &AppState, questions: Vec<Question>) {
        self.own_sets.update_value(|own| own.0 = !questions.is_empty());
        state.send(Request::UseQuestions { questions: questions.clone() });
        self.questions.set(if questions.is_empty() { tasks::choice::built_in() } else { questions });
        self.choice.set(BTreeMap::new());
        self.start_after_message(state, Measurement::Choice);
    }

    /// Uses another retrieval set; an empty one is the built-in set.
    pub fn use_retrieval_set(&self, state: &AppState, set: RetrievalSet) {
        let own = !set.queries.is_empty();
        self.own_sets.update_value(|sets| sets.1 = own);
        state.send(Request::UseRetrievalSet { set: set.clone() });
        self.retrieval_set.set(if own { set } else { tasks::retrieval::built_in() });
        self.retrieval.set(None);
        self.start_after_message(state, Measurement::Retrieval);
    }

    /// Asks for a measurement after a message that stopped what was running.
    fn start_after_message(&self, state: &AppState, what: Measurement) {
        let was_running = state.running.get_untracked();
        self.start(state, what);
        if was_running {
            state.start_run();
        }
    }

    /// Uses another calibration text; the empty one is the built-in text.
    pub fn calibrate(&self, state: &AppState, text: String) {
        self.calibration.set(text.clone());
        state.send(Request::Calibrate { text });
        self.forget();
        state.start_run();
    }

    /// Takes over what the engine tells of measurements. Events of superseded runs are dropped.
    pub fn receive(&self, state: &AppState, event: Event, newest: u64) {
        match event {
            Event::Working { run, what, done, total } if run == newest => {
                self.working.set((done < total).then_some(Working { what, done, total }));
            }
            Event::Variant { run, at, result } if run == newest => {
                self.variants.update(|known| {
                    known.insert(at, *result);
                });
            }
            Event::Choice { run, result } if run == newest => {
                self.choice.update(|known| {
                    known.insert(result.index, *result);
                });
            }
            Event::Retrieval { run, report } if run == newest => self.retrieval.set(Some(*report)),
            Event::Written { run, result } if run == newest => {
                self.written.update(|known| {
                    known.insert(result.index, *result);
                });
            }
            Event::Judged { run, advice } if run == newest => self.advice.set(advice),
            Event::SweepPoint { run, point, done, total } if run == newest => {
                self.sweep.update(|known| {
                    known.insert((point.line, point.x), *point);
                });
                self.sweep_progress.set((done, total));
                self.keep_pace(done, total);
            }
            Event::Picture { run, picture } if run == newest => self.picture.set(Some(*picture)),
            Event::Measured { run, .. } if run == newest => {
                self.stop();
                let settings = state.settings.get_untracked();
                // A sweep may have been in the way of what the open view shows.
                let missing = match settings.view {
                    View::Choice => self.choice.with_untracked(BTreeMap::is_empty),
                    View::Retrieval => self.retrieval.with_untracked(Option::is_none),
                    View::Compare | View::Steps | View::Theorems => self.variants.with_untracked(BTreeMap::is_empty),
                    _ => false,
                };
                if let Some(what) = self.automatic(&settings).filter(|_| missing) {
                    self.start(state, what);
                }
            }
            _ => {}
        }
    }

    /// Tells from the points so far how long the others will take. Points that were known come at once and do not count.
    fn keep_pace(&self, done: usize, total: usize) {
        let now = window().performance().map_or(0.0, |performance| performance.now());
        let pace = self.pace.get_value().filter(|(.., last)| now - last > KNOWN_WITHIN_MS);
        let (began, before, _) = pace.unwrap_or((now, done, now));
        self.pace.set_value(Some((began, before, now)));
        let new = done - before;
        self.time_left.set((new > 0).then(|| (now - began) / 1000.0 / new as f64 * (total - done) as f64));
    }
}
