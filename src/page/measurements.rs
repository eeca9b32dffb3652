//! State of the measurements outside the main run: task sets, variants, the sweep, pictures of matrices.
//!
//! A measurement runs after the main run of its settings, under the same run number. A change of settings stops it; it continues by
//! itself after the new run, and the engine sends again the results that it already had.

use std::collections::BTreeMap;

use leptos::prelude::*;

use crate::pace::SweepPace;
use prunescope_protocol::messages::Measurement;
use prunescope_protocol::model::Matrix;
use prunescope_protocol::tasks::{self, GenerativeSet, GenerativeTask, KindText, Question, RetrievalSet};

/// Signals of everything that is measured outside the main run.
#[derive(Clone, Copy)]
pub(super) struct Measurements {
    /// The measurement that was asked for and is not complete.
    pub wanted: RwSignal<Option<Measurement>>,
    /// The multiple-choice questions.
    pub questions: RwSignal<Vec<Question>>,
    /// Passages and queries.
    pub retrieval_set: RwSignal<RetrievalSet>,
    /// Prompts with exact answers, by set.
    pub generative: StoredValue<BTreeMap<GenerativeSet, Vec<GenerativeTask>>>,
    /// Estimated seconds that the sweep or search still needs, once known.
    pub time_left: RwSignal<Option<f64>>,
    /// Measures how fast their points arrive.
    pub pace: StoredValue<SweepPace>,
    /// Layer and matrix whose picture is shown.
    pub pictured: RwSignal<(usize, Matrix)>,
    /// The visitor's texts of the comparison by kind; none means the built-in ones.
    pub texts: RwSignal<Vec<KindText>>,
    /// The visitor's calibration text; empty means the built-in one.
    pub calibration: RwSignal<String>,
    /// Whether the sets of questions and of passages are the visitor's own.
    pub own_sets: StoredValue<(bool, bool)>,
}

impl Measurements {
    /// Nothing measured yet, with the built-in sets.
    pub(super) fn new() -> Self {
        Self {
            wanted: RwSignal::new(None),
            questions: RwSignal::new(tasks::choice::built_in()),
            retrieval_set: RwSignal::new(tasks::retrieval::built_in()),
            generative: StoredValue::new(GenerativeSet::ALL.into_iter().map(|set| (set, set.tasks())).collect()),
            time_left: RwSignal::new(None),
            pace: StoredValue::new(SweepPace::default()),
            pictured: RwSignal::new((0, Matrix::Query)),
            texts: RwSignal::new(vec![]),
            calibration: RwSignal::new(String::new()),
            own_sets: StoredValue::new((false, false)),
        }
    }
}
