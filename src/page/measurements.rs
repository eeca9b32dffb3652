//! What is measured beside the main run: task sets, variants, the sweep, pictures of matrices.
//!
//! A measurement runs after the main run of the settings it belongs to, under the same number. A change of settings stops it;
//! it goes on by itself after the new run, and the engine tells again what it knew.

use std::collections::BTreeMap;

use leptos::prelude::*;

use super::state::{AppState, EngineStatus};
use crate::run_results::{RunResults, RunResultsStoreFields};
use prunescope_protocol::messages::{Measurement, Request};
use prunescope_protocol::model::Matrix;
use prunescope_protocol::settings::{Settings, View};
use prunescope_protocol::tasks::{self, GenerativeTask, Question, RetrievalSet};

/// A point of a sweep that comes so soon after another was known before.
const KNOWN_WITHIN_MS: f64 = 100.0;

/// Signals of everything that is measured beside the main run.
#[derive(Clone, Copy)]
pub(super) struct Measurements {
    /// What was asked for and is not complete.
    pub wanted: RwSignal<Option<Measurement>>,
    /// The multiple-choice questions.
    pub questions: RwSignal<Vec<Question>>,
    /// Passages and queries.
    pub retrieval_set: RwSignal<RetrievalSet>,
    /// The prompts with exact answers.
    pub generative: StoredValue<Vec<GenerativeTask>>,
    /// Seconds that the sweep will still take, once that can be said.
    pub time_left: RwSignal<Option<f64>>,
    /// When the newest run of new points began, in milliseconds, and how many points there were then; and when the last came.
    pace: StoredValue<Option<(f64, usize, f64)>>,
    /// The matrix whose picture is shown.
    pub pictured: RwSignal<(usize, Matrix)>,
    /// The visitor's calibration text; empty is the built-in one.
    pub calibration: RwSignal<String>,
    /// Whether the sets are the visitor's own: questions, retrieval.
    own_sets: StoredValue<(bool, bool)>,
}

impl Measurements {
    /// Nothing measured yet, on the built-in sets.
    pub(super) fn new() -> Self {
        Self {
            wanted: RwSignal::new(None),
            questions: RwSignal::new(tasks::choice::built_in()),
            retrieval_set: RwSignal::new(tasks::retrieval::built_in()),
            generative: StoredValue::new(tasks::generative::built_in()),
            time_left: RwSignal::new(None),
            pace: StoredValue::new(None),
            pictured: RwSignal::new((0, Matrix::Query)),
            calibration: RwSignal::new(String::new()),
            own_sets: StoredValue::new((false, false)),
        }
    }

    /// Asks for a measurement: now, or after the main run.
    pub(super) fn start(&self, state: &AppState, what: Measurement) {
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
            state.send(Request::Measure { run, settings: settings.run, measure: settings.measure, what });
        }
    }

    /// Nothing is wanted any more.
    pub(super) fn stop(&self) {
        self.wanted.set(None);
    }

    /// What an open view measures without being asked.
    fn automatic(&self, settings: &Settings) -> Option<Measurement> {
        match settings.view {
            View::Choice => Some(Measurement::Choice),
            View::Retrieval => Some(Measurement::Retrieval),
            View::Compare | View::Steps | View::Theorems if !settings.measure.compare.is_empty() => {
                Some(Measurement::Compare)
            }
            View::Weights if settings.run.plan.edits_weights() => {
                let (layer, matrix) = self.pictured.get_untracked();
                Some(Measurement::Picture { layer, matrix })
            }
            _ => None,
        }
    }

    /// The main run is complete: what is wanted or belongs to the open view follows.
    pub(super) fn end_run(&self, state: &AppState) {
        let settings = state.settings.get_untracked();
        if let Some(what) = self.wanted.get_untracked().or_else(|| self.automatic(&settings)) {
            self.start(state, what);
        }
    }

    /// The settings changed, but not what the main run asks.
    pub(super) fn follow_settings(&self, state: &AppState, before: &Settings, now: &Settings) {
        if now.measure.sweep != before.measure.sweep || now.measure.sample != before.measure.sample {
            state.results.update(|results| {
                results.forget_sweep();
                results.advice.clear();
                results.written.clear();
            });
            if matches!(self.wanted.get_untracked(), Some(Measurement::Sweep | Measurement::Judge)) {
                state.stop();
            }
        }
        if now.measure.compare != before.measure.compare {
            state.results.variants().set(BTreeMap::new());
        }
        let opened = now.view != before.view || now.measure.compare != before.measure.compare;
        let idle =
            self.wanted.get_untracked().is_none_or(|what| !matches!(what, Measurement::Sweep | Measurement::Judge));
        if let Some(what) = self.automatic(now).filter(|_| opened && idle) {
            self.start(state, what);
        }
    }

    /// Tells a fresh engine of the visitor's own sets and text.
    pub(super) fn send_sets(&self, state: &AppState) {
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
    pub(super) fn use_questions(&self, state: &AppState, questions: Vec<Question>) {
        self.own_sets.update_value(|own| own.0 = !questions.is_empty());
        state.send(Request::UseQuestions { questions: questions.clone() });
        self.questions.set(if questions.is_empty() { tasks::choice::built_in() } else { questions });
        state.results.choice().set(BTreeMap::new());
        self.start_after_message(state, Measurement::Choice);
    }

    /// Uses another retrieval set; an empty one is the built-in set.
    pub(super) fn use_retrieval_set(&self, state: &AppState, set: RetrievalSet) {
        let own = !set.queries.is_empty();
        self.own_sets.update_value(|sets| sets.1 = own);
        state.send(Request::UseRetrievalSet { set: set.clone() });
        self.retrieval_set.set(if own { set } else { tasks::retrieval::built_in() });
        state.results.retrieval().set(None);
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
    pub(super) fn calibrate(&self, state: &AppState, text: String) {
        self.calibration.set(text.clone());
        state.send(Request::Calibrate { text });
        state.results.update(RunResults::forget_measured);
        state.start_run();
    }

    /// A measurement is complete: what the open view shows may still be missing, if a sweep was in its way.
    pub(super) fn end_measurement(&self, state: &AppState) {
        self.stop();
        let settings = state.settings.get_untracked();
        let missing = state.results.with_untracked(|results| match settings.view {
            View::Choice => results.choice.is_empty(),
            View::Retrieval => results.retrieval.is_none(),
            View::Compare | View::Steps | View::Theorems => results.variants.is_empty(),
            _ => false,
        });
        if let Some(what) = self.automatic(&settings).filter(|_| missing) {
            self.start(state, what);
        }
    }

    /// Tells from the points so far how long the others will take. Points that were known come at once and do not count.
    pub(super) fn keep_pace(&self, done: usize, total: usize) {
        let now = window().performance().map_or(0.0, |performance| performance.now());
        let pace = self.pace.get_value().filter(|(.., last)| now - last > KNOWN_WITHIN_MS);
        let (began, before, _) = pace.unwrap_or((now, done, now));
        self.pace.set_value(Some((began, before, now)));
        let new = done - before;
        self.time_left.set((new > 0).then(|| (now - began) / 1000.0 / new as f64 * (total - done) as f64));
    }
}
