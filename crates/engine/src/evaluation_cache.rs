//! The task sets and a cache of each model variant's answers to them.

use std::collections::{BTreeMap, HashMap};

use crate::compute::Compute;
use crate::experiment::pruned_decoder::VariantKey;
use crate::experiment::task_runner::{ChoiceScores, Embedding, TaskRunner};
use crate::experiment::{Control, ExperimentError};
use crate::metrics::host::{alpha, delta_parts};
use crate::metrics::ranking::compare_retrieval;
use crate::metrics::subspace::{softmax, subspace};
use prunescope_formats::ModelTokenizer;
use prunescope_protocol::results::tasks::{Pooling, best};
use prunescope_protocol::results::{ChoiceResult, GenerativeResult, Purpose, RetrievalReport, TopTokenText, TopTokens};
use prunescope_protocol::tasks::{self, GenerativeSet, GenerativeTask, Question, RetrievalSet};

/// Top-k tokens of each model that a multiple-choice result reports.
const TOP: usize = 8;

/// Largest number of variants whose answers are kept, about 0.5 MB each.
const MOST_PLANS: usize = 128;

/// Cached answers of one variant, by index in the task sets.
#[derive(Default)]
struct Answers {
    choice: BTreeMap<usize, ChoiceScores>,
    /// Passages come first: query i has index `passages.len() + i`.
    embeddings: BTreeMap<usize, Embedding>,
    written: BTreeMap<(GenerativeSet, usize), String>,
}

/// The task sets and the answers of all variants so far.
pub(crate) struct EvaluationCache {
    questions: Vec<Question>,
    retrieval: RetrievalSet,
    generative: BTreeMap<GenerativeSet, Vec<GenerativeTask>>,
    plans: HashMap<VariantKey, Answers>,
}

impl Default for EvaluationCache {
    fn default() -> Self {
        Self {
            questions: tasks::choice::built_in(),
            retrieval: tasks::retrieval::built_in(),
            generative: GenerativeSet::ALL.into_iter().map(|set| (set, set.tasks())).collect(),
            plans: HashMap::new(),
        }
    }
}

/// A sample of the retrieval set: indices of its passages and queries.
pub(crate) struct RetrievalSample {
    passages: Vec<usize>,
    queries: Vec<usize>,
}

/// The variants that are compared with the dense model: the pruned model, and the repaired one if the plan repairs.
pub(crate) struct ComparedModels {
    pub pruned: VariantKey,
    pub repaired: Option<VariantKey>,
}

/// Which items of a sample of every set one variant gets right.
pub(crate) struct Scores {
    pub choice: Vec<bool>,
    pub letters: Vec<bool>,
    pub recall_1: Vec<bool>,
    pub recall_5: Vec<bool>,
    /// By generative set; only those that were asked for.
    pub written: BTreeMap<GenerativeSet, Vec<bool>>,
}

impl Scores {
    /// The items that a verdict on a purpose rests on; `None` if its set was not asked for.
    pub(crate) fn of(&self, purpose: Purpose) -> Option<&[bool]> {
        match purpose {
            Purpose::Retrieval => Some(&self.recall_1),
            Purpose::Classification => Some(&self.choice),
            Purpose::Generation => self.written.get(&GenerativeSet::Answers).map(Vec::as_slice),
            Purpose::Arithmetic => self.written.get(&GenerativeSet::Arithmetic).map(Vec::as_slice),
            Purpose::Structure => self.written.get(&GenerativeSet::Structure).map(Vec::as_slice),
        }
    }
}

/// Progress callback: label, items done, items in total.
type Progress<'a> = &'a mut dyn FnMut(&str, usize, usize);

impl EvaluationCache {
    /// Replaces the multiple-choice questions; an empty list restores the built-in ones.
    pub(crate) fn use_questions(&mut self, questions: Vec<Question>) {
        self.questions = if questions.is_empty() { tasks::choice::built_in() } else { questions };
        self.plans.values_mut().for_each(|answers| answers.choice.clear());
    }

    /// Replaces the retrieval set; one without passages or queries restores the built-in one. Queries for passages that are not there are left
    /// out.
    pub(crate) fn use_retrieval_set(&mut self, mut set: RetrievalSet) {
        set.queries.retain(|(_, passage)| *passage < set.passages.len());
        let usable = !set.passages.is_empty() && !set.queries.is_empty();
        self.retrieval = if usable { set } else { tasks::retrieval::built_in() };
        self.plans.values_mut().for_each(|answers| answers.embeddings.clear());
    }

    /// Bounds memory before some variants answer. All but these and the dense model lose their cached logits; if there are
    /// more than [`MOST_PLANS`], they lose all answers.
    pub(crate) fn evict(&mut self, keys: &[&VariantKey]) {
        if self.plans.len() > MOST_PLANS {
            self.plans.retain(|other, _| keys.contains(&other) || other.is_dense());
        }
        for (_, answers) in self.plans.iter_mut().filter(|(other, _)| !keys.contains(other) && !other.is_dense()) {
            answers.choice.values_mut().for_each(|answered| answered.logits = vec![]);
        }
    }

    /// The multiple-choice questions.
    pub(crate) fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// A sample of the retrieval set: `count` queries, their passages, and up to `2 · count` other passages; all if
    /// `count` is 0.
    pub(crate) fn retrieval_sample(&self, count: usize) -> RetrievalSample {
        let queries = tasks::sample(self.retrieval.queries.len(), count);
        let mut passages = tasks::sample(self.retrieval.passages.len(), 2 * count);
        passages.extend(queries.iter().map(|query| self.retrieval.queries[*query].1));
        passages.sort_unstable();
        passages.dedup();
        RetrievalSample { passages, queries }
    }

    /// Lets a model answer the questions at these indices that are not cached with their logits.
    pub(crate) async fn answer<C: Compute>(
        &mut self,
        subject: &TaskRunner<'_, C>,
        places: &[usize],
        control: &Control,
        progress: Progress<'_>,
    ) -> Result<(), ExperimentError> {
        let answers = self.plans.entry(subject.model.key.clone()).or_default();
        let is_missing = |place: &usize| answers.choice.get(place).is_none_or(|answered| answered.logits.is_empty());
        let missing: Vec<usize> = places.iter().copied().filter(is_missing).collect();
        let questions: Vec<_> = missing.iter().map(|place| &self.questions[*place]).collect();
        let known = places.len() - missing.len();
        let mut each = |at: usize, answered| {
            answers.choice.insert(missing[at], answered);
            progress("Multiple choice", known + at + 1, places.len());
        };
        subject.answer(&questions, control, &mut each).await
    }

    /// Whether a variant's answer to a question is cached.
    fn has_scores(&self, key: &VariantKey, place: usize) -> bool {
        self.plans.get(key).is_some_and(|answers| answers.choice.contains_key(&place))
    }

    /// Lets a model embed those of a sample's passages and queries that are not cached.
    pub(crate) async fn embed<C: Compute>(
        &mut self,
        subject: &TaskRunner<'_, C>,
        sample: &RetrievalSample,
        control: &Control,
        progress: Progress<'_>,
    ) -> Result<(), ExperimentError> {
        let answers = self.plans.entry(subject.model.key.clone()).or_default();
        let offset = self.retrieval.passages.len();
        let passages = sample.passages.iter().map(|at| (*at, &self.retrieval.passages[*at]));
        let queries = sample.queries.iter().map(|at| (offset + at, &self.retrieval.queries[*at].0));
        let is_missing = |(place, _): &(usize, &String)| !answers.embeddings.contains_key(place);
        let (places, texts): (Vec<_>, Vec<_>) =
            passages.chain(queries).filter(is_missing).map(|(place, text)| (place, text.as_str())).unzip();
        let total = sample.passages.len() + sample.queries.len();
        let known = total - places.len();
        let mut each = |at: usize, embedding| {
            answers.embeddings.insert(places[at], embedding);
            progress("Retrieval", known + at + 1, total);
        };
        subject.embed(&texts, control, &mut each).await
    }

    /// Lets a model write answers to a sample of `count` tasks of a generative set, except for cached ones.
    async fn write<C: Compute>(
        &mut self,
        subject: &TaskRunner<'_, C>,
        set: GenerativeSet,
        count: usize,
        control: &Control,
        progress: Progress<'_>,
    ) -> Result<(), ExperimentError> {
        let places = self.generative_sample(set, count);
        let answers = self.plans.entry(subject.model.key.clone()).or_default();
        let missing: Vec<_> = places
            .iter()
            .filter(|place| !answers.written.contains_key(&(set, **place)))
            .map(|place| (*place, &self.generative[&set][*place]))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut done = places.len() - missing.len();
        progress(set.name(), done, places.len());
        let mut on_text = |place: usize, text: String| {
            answers.written.insert((set, place), text);
            done += 1;
            progress(set.name(), done, places.len());
        };
        // Prompts of one topic begin alike, and are read once as far as they do.
        for of_topic in missing.chunk_by(|(_, a), (_, b)| a.topic == b.topic || set == GenerativeSet::Answers) {
            subject.write(set, of_topic, control, &mut on_text).await?;
        }
        Ok(())
    }

    /// The models' answers to one question; `None` unless all are cached.
    pub(crate) fn choice_result(
        &self,
        models: &ComparedModels,
        index: usize,
        temperature: f32,
        letters: &[u32],
        tokenizer: &ModelTokenizer,
    ) -> Option<ChoiceResult> {
        let of = |key: &VariantKey| self.plans.get(key)?.choice.get(&index);
        let (dense, pruned) = (of(&VariantKey::dense())?, of(&models.pruned)?);
        let repaired = match &models.repaired {
            Some(key) => Some(of(key)?.answer.clone()),
            None => None,
        };
        let pick = |logits: &[f32]| letters.iter().map(|id| logits[*id as usize]).collect::<Vec<_>>();
        Some(ChoiceResult {
            index,
            dense: dense.answer.clone(),
            pruned: pruned.answer.clone(),
            repaired,
            global: subspace(&dense.logits, &pruned.logits, temperature),
            categorical: subspace(&pick(&dense.logits), &pick(&pruned.logits), temperature),
            top: top_tokens(&dense.logits, &pruned.logits, temperature, tokenizer),
        })
    }

    /// Number of options of a question.
    pub(crate) fn options(&self, place: usize) -> usize {
        self.questions[place].choices.len()
    }

    /// Retrieval by the models on a sample; `None` unless all embeddings are cached.
    pub(crate) fn retrieval_report(
        &self,
        models: &ComparedModels,
        sample: &RetrievalSample,
    ) -> Option<RetrievalReport> {
        let mut report = self.compare_retrieval(&VariantKey::dense(), &models.pruned, sample)?;
        if let Some(key) = &models.repaired {
            let repaired = self.compare_retrieval(&VariantKey::dense(), key, sample)?;
            for (pooling, repaired) in report.poolings.iter_mut().zip(repaired.poolings) {
                pooling.repaired = Some(repaired.pruned);
            }
        }
        Some(report)
    }

    /// Retrieval by two variants on a sample, for each pooling; `None` unless all embeddings are cached.
    fn compare_retrieval(
        &self,
        dense: &VariantKey,
        pruned: &VariantKey,
        sample: &RetrievalSample,
    ) -> Option<RetrievalReport> {
        let offset = self.retrieval.passages.len();
        let places: Vec<usize> =
            sample.passages.iter().copied().chain(sample.queries.iter().map(|at| offset + at)).collect();
        let own: Option<Vec<usize>> = sample
            .queries
            .iter()
            .map(|query| sample.passages.iter().position(|place| *place == self.retrieval.queries[*query].1))
            .collect();
        let own = own?;
        let report = |pooling: Pooling| {
            let vectors = |key: &VariantKey| -> Option<Vec<&[f32]>> {
                let embeddings = &self.plans.get(key)?.embeddings;
                places
                    .iter()
                    .map(|place| {
                        embeddings.get(place).map(|embedding| match pooling {
                            Pooling::Mean => embedding.mean.as_slice(),
                            Pooling::Last => embedding.last.as_slice(),
                        })
                    })
                    .collect()
            };
            Some(compare_retrieval(pooling, &vectors(dense)?, &vectors(pruned)?, &own))
        };
        let poolings: Option<Vec<_>> = [Pooling::Mean, Pooling::Last].into_iter().map(report).collect();
        Some(RetrievalReport { passages: sample.passages.len(), poolings: poolings? })
    }

    /// The models' answers to one generative task; `None` unless all are cached.
    pub(crate) fn generative_result(
        &self,
        models: &ComparedModels,
        set: GenerativeSet,
        index: usize,
    ) -> Option<GenerativeResult> {
        let of = |key: &VariantKey| self.plans.get(key)?.written.get(&(set, index)).cloned();
        let (dense, pruned) = (of(&VariantKey::dense())?, of(&models.pruned)?);
        let repaired = match &models.repaired {
            Some(key) => Some(of(key)?),
            None => None,
        };
        let is_right = |text: &String| set.is_right(&self.generative[&set][index], text);
        Some(GenerativeResult {
            set,
            index,
            dense_right: is_right(&dense),
            pruned_right: is_right(&pruned),
            repaired_right: repaired.as_ref().is_some_and(is_right),
            repaired,
            dense,
            pruned,
        })
    }

    /// Indices of a sample of `count` tasks of a generative set; all if `count` is 0.
    pub(crate) fn generative_sample(&self, set: GenerativeSet, count: usize) -> Vec<usize> {
        tasks::sample(self.generative[&set].len(), count)
    }

    /// Evaluates a model on a sample of `count` items (all if 0) of the questions, the retrieval set and these
    /// generative sets, except for cached answers.
    pub(crate) async fn evaluate<C: Compute>(
        &mut self,
        subject: &TaskRunner<'_, C>,
        count: usize,
        sets: &[GenerativeSet],
        control: &Control,
        progress: Progress<'_>,
    ) -> Result<(), ExperimentError> {
        let key = subject.model.key.clone();
        let places: Vec<usize> = tasks::sample(self.questions.len(), count)
            .into_iter()
            .filter(|place| !self.has_scores(&key, *place))
            .collect();
        self.answer(subject, &places, control, progress).await?;
        let sample = self.retrieval_sample(count);
        self.embed(subject, &sample, control, progress).await?;
        for set in sets {
            self.write(subject, *set, count, control, progress).await?;
        }
        Ok(())
    }

    /// Which items of the samples of [`Self::evaluate`] a variant gets right; `None` unless all answers are cached.
    pub(crate) fn scores(&self, key: &VariantKey, count: usize, sets: &[GenerativeSet]) -> Option<Scores> {
        let answers = self.plans.get(key)?;
        let places = tasks::sample(self.questions.len(), count);
        let right = |of: fn(&ChoiceScores) -> &Vec<f32>| -> Option<Vec<bool>> {
            places
                .iter()
                .map(|place| Some(best(of(answers.choice.get(place)?)).0 == self.questions[*place].answer))
                .collect()
        };
        // Compared with itself, since only its own ranks are needed.
        let report = self.compare_retrieval(key, key, &self.retrieval_sample(count))?;
        let written = |set: GenerativeSet| -> Option<(GenerativeSet, Vec<bool>)> {
            let is_right =
                |place: usize| Some(set.is_right(&self.generative[&set][place], answers.written.get(&(set, place))?));
            let right: Option<Vec<bool>> = self.generative_sample(set, count).into_iter().map(is_right).collect();
            Some((set, right?))
        };
        let mean = report.poolings.into_iter().find(|report| report.pooling == Pooling::Mean)?;
        Some(Scores {
            choice: right(|answered| &answered.answer.cloze)?,
            letters: right(|answered| &answered.answer.letters)?,
            recall_1: mean.pruned.ranks.iter().map(|rank| *rank == 1).collect(),
            recall_5: mean.pruned.ranks.iter().map(|rank| *rank <= 5).collect(),
            written: sets.iter().copied().map(written).collect::<Option<_>>()?,
        })
    }
}

/// The [`TOP`] likeliest tokens of each model, with both models' probabilities.
fn top_tokens(dense: &[f32], pruned: &[f32], temperature: f32, tokenizer: &ModelTokenizer) -> TopTokens {
    let (p, q) = (softmax(dense, temperature), softmax(pruned, temperature));
    let alpha = alpha(dense, pruned);
    let likeliest = |of: &[f64]| {
        let mut order: Vec<usize> = (0..of.len()).collect();
        let count = TOP.min(of.len());
        if count < of.len() {
            order.select_nth_unstable_by(count, |a, b| of[*b].total_cmp(&of[*a]));
        }
        order.truncate(count);
        order.sort_by(|a, b| of[*b].total_cmp(&of[*a]));
        let token = |id: usize| {
            let [parallel, orthogonal] = delta_parts([dense[id], pruned[id]].map(f64::from), alpha);
            TopTokenText {
                id: id as u32,
                text: tokenizer.piece(id as u32).to_string(),
                dense: p[id] as f32,
                pruned: q[id] as f32,
                z: dense[id],
                delta_z_parallel: parallel as f32,
                delta_z_orthogonal: orthogonal as f32,
            }
        };
        order.into_iter().map(token).collect()
    };
    TopTokens { dense: likeliest(&p), pruned: likeliest(&q) }
}
