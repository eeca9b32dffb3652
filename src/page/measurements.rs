//! What is measured beside the main run: task sets, variants, the sweep, pictures of matrices.
//!
//! A measurement runs after the main run of the settings it belongs to, under the same number. A change of settings stops it;
//! it goes on by itself after the new run, and the engine tells again what it knew.

use leptos::prelude::*;

use crate::pace::SweepPace;
use prunescope_protocol::messages::Measurement;
use prunescope_protocol::model::Matrix;
use prunescope_protocol::tasks::{self, GenerativeTask, Question, RetrievalSet};

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
    /// How fast its points come.
    pub pace: StoredValue<SweepPace>,
    /// The matrix whose picture is shown.
    pub pictured: RwSignal<(usize, Matrix)>,
    /// The visitor's calibration text; empty is the built-in one.
    pub calibration: RwSignal<String>,
    /// Whether the sets are the visitor's own: questions, retrieval.
    pub own_sets: StoredValue<(bool, bool)>,
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
            pace: StoredValue::new(SweepPace::default()),
            pictured: RwSignal::new((0, Matrix::Query)),
            calibration: RwSignal::new(String::new()),
            own_sets: StoredValue::new((false, false)),
        }
    }
}
