//! When measurements outside the main run start and stop.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos::task::spawn_local;
use prunescope_localization::tr;

use super::address;
use super::recorded::fetched;
use super::state::{AppState, EngineStatus};
use crate::automatic::{after_change, automatic, is_missing};
use crate::pace::SweepPace;
use crate::run_results::{RunResults, RunResultsStoreFields};
use prunescope_protocol::messages::{Measurement, Request};
use prunescope_protocol::settings::Settings;
use prunescope_protocol::tasks::texts::KINDS;
use prunescope_protocol::tasks::{self, KindText, Question, RetrievalSet};

impl AppState {
    /// Requests a measurement: at once, or after the main run.
    pub(super) fn start_measurement(&self, what: Measurement) {
        self.measurements.wanted.set(Some(what));
        if matches!(what, Measurement::Sweep | Measurement::Search) {
            self.measurements.pace.set_value(SweepPace::default());
            self.measurements.time_left.set(None);
        }
        if self.running.get_untracked() {
            return;
        }
        if self.is_stale_untracked() {
            // The run was stopped before its first results: it starts again, and the measurement follows it.
            self.start_run();
        } else {
            self.send_measurement(what);
        }
    }

    fn send_measurement(&self, what: Measurement) {
        if self.engine.get_untracked() == EngineStatus::Ready {
            let (run, settings) = (self.newest_run.get_untracked(), self.settings.get_untracked());
            self.send(Request::Measure { run, settings: settings.run, measure: settings.measure, what });
        }
    }

    /// Called when the main run is complete: starts the measurement that is wanted or that the open view needs.
    pub(super) fn measure_after_run(&self) {
        let wanted = self.measurements.wanted.get_untracked();
        if let Some(what) = wanted.or_else(|| self.automatic_measurement()) {
            self.start_measurement(what);
        }
    }

    /// Called when a measurement is complete: the open view may still lack its results if a sweep or search came first.
    pub(super) fn measure_after_measurement(&self) {
        self.measurements.wanted.set(None);
        let view = self.settings.with_untracked(|settings| settings.view);
        let missing = self.results.with_untracked(|results| is_missing(view, results));
        if let Some(what) = self.automatic_measurement().filter(|_| missing) {
            self.start_measurement(what);
        }
    }

    pub(super) fn automatic_measurement(&self) -> Option<Measurement> {
        let pictured = self.measurements.pictured.get_untracked();
        self.settings.with_untracked(|settings| automatic(settings, pictured))
    }

    /// Called when settings changed that do not affect the main run.
    pub(super) fn measure_after_change(&self, before: &Settings, now: &Settings) {
        let measurements = self.measurements;
        if now.measure.sweep != before.measure.sweep || now.measure.sample != before.measure.sample {
            self.results.update(|results| {
                results.forget_sweep();
                results.judgement = None;
                results.written.clear();
            });
            if matches!(measurements.wanted.get_untracked(), Some(Measurement::Sweep | Measurement::Judge)) {
                self.stop();
            }
        }
        if now.measure.search != before.measure.search || now.measure.budget != before.measure.budget {
            self.results.update(RunResults::forget_search);
            if measurements.wanted.get_untracked() == Some(Measurement::Search) {
                self.stop();
            }
        }
        if now.measure.compare != before.measure.compare {
            self.results.variants().set(BTreeMap::new());
        }
        let (wanted, pictured) = (measurements.wanted.get_untracked(), measurements.pictured.get_untracked());
        if let Some(what) = after_change(before, now, wanted, pictured) {
            self.start_measurement(what);
        }
    }

    /// Sends the visitor's own task sets and calibration text to a new engine.
    pub(super) fn send_sets(&self) {
        let (own_questions, own_retrieval) = self.measurements.own_sets.get_value();
        if own_questions {
            self.send(Request::UseQuestions { questions: self.measurements.questions.get_untracked() });
        }
        if own_retrieval {
            self.send(Request::UseRetrievalSet { set: self.measurements.retrieval_set.get_untracked() });
        }
        let texts = self.measurements.texts.get_untracked();
        if !texts.is_empty() {
            self.send(Request::UseTexts { texts });
        }
        let text = self.measurements.calibration.get_untracked();
        if !text.is_empty() {
            self.send(Request::Calibrate { text });
        }
    }

    /// Uses other questions; none means the built-in set.
    pub(super) fn use_questions(&self, questions: Vec<Question>) {
        self.measurements.own_sets.update_value(|own| own.0 = !questions.is_empty());
        self.send(Request::UseQuestions { questions: questions.clone() });
        self.measurements.questions.set(if questions.is_empty() { tasks::choice::built_in() } else { questions });
        self.results.choice().set(BTreeMap::new());
        self.results.update(RunResults::forget_judged);
        self.start_after_message(Measurement::Choice);
    }

    /// Uses another retrieval set; an empty one means the built-in set.
    pub(super) fn use_retrieval_set(&self, set: RetrievalSet) {
        let own = !set.queries.is_empty();
        self.measurements.own_sets.update_value(|sets| sets.1 = own);
        self.send(Request::UseRetrievalSet { set: set.clone() });
        self.measurements.retrieval_set.set(if own { set } else { tasks::retrieval::built_in() });
        self.results.retrieval().set(None);
        self.results.update(RunResults::forget_judged);
        self.start_after_message(Measurement::Retrieval);
    }

    /// Uses other texts for the comparison by kind; none means the built-in ones.
    pub(super) fn use_texts(&self, texts: Vec<KindText>) {
        self.send(Request::UseTexts { texts: texts.clone() });
        self.measurements.texts.set(texts);
        self.results.update(RunResults::forget_compared);
        self.compare_on_texts();
    }

    /// Compares the models on the visitor's texts, or on the built-in ones, which are fetched and given to the engine.
    pub(super) fn compare_on_texts(self) {
        if self.measurements.texts.with_untracked(|texts| !texts.is_empty()) {
            return self.start_measurement(Measurement::TextFidelity);
        }
        spawn_local(async move {
            let mut texts = vec![];
            for kind in KINDS {
                let text = match address::absolute(&format!("kinds/{kind}.txt")) {
                    Ok(address) => fetched(&address).await,
                    Err(why) => Err(why),
                };
                match text {
                    Ok(text) => texts.push(KindText { kind: kind.into(), text }),
                    Err(why) => return self.notices.update(|notices| notices.push(tr!(texts_not_fetched, why = why))),
                }
            }
            self.send(Request::UseTexts { texts });
            self.start_after_message(Measurement::TextFidelity);
        });
    }

    /// Starts a measurement after a request that stopped the current one.
    fn start_after_message(&self, what: Measurement) {
        let was_running = self.running.get_untracked();
        self.start_measurement(what);
        if was_running {
            self.start_run();
        }
    }

    /// Uses another calibration text; empty means the built-in text.
    pub(super) fn calibrate(&self, text: String) {
        self.measurements.calibration.set(text.clone());
        self.send(Request::Calibrate { text });
        self.results.update(RunResults::forget_measured);
        self.start_run();
    }

    /// Updates the estimated time for the remaining points of a sweep or search.
    pub(super) fn keep_pace(&self, done: usize, total: usize) {
        let now = window().performance().map_or(0.0, |performance| performance.now());
        let left = self.measurements.pace.try_update_value(|pace| pace.left(now, done, total)).flatten();
        self.measurements.time_left.set(left);
    }
}
