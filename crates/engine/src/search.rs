//! The search for sublayers to drop, as a measurement of the session.

use std::collections::BTreeMap;

use crate::compute::Compute;
use crate::experiment::fidelity::{DenseText, hidden_states};
use crate::experiment::importance::{measure_importance, stretch_distances};
use crate::experiment::pruned_decoder::{PrunedDecoder, VariantKey};
use crate::experiment::search::{
    Measured, SHORT_LIST, SearchTokens, TRIED, USUAL_TOKENS, best_stretch, by_importance, measure_candidates, one_shot,
    ordered, points, ranked, sublayers,
};
use crate::experiment::{Control, ExperimentError};
use crate::measure::Job;
use crate::session::Session;
use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::{DroppedSublayers, MatrixGroup, PruningPlan, Repair};
use prunescope_protocol::results::{SearchMethod, SearchPoint};

/// The repair of plans that are evaluated with one.
const REPAIR: Repair = Repair::Scale;

/// A search in progress.
struct Search<C: Compute> {
    among: MatrixGroup,
    tokens: SearchTokens,
    measured: Measured,
    /// The text on which candidates are judged, once it is read.
    judged: Option<DenseText<C>>,
    /// The text that neither search nor fit has seen, once it is read.
    held_out: Option<DenseText<C>>,
    /// What each method that goes step by step has dropped so far.
    dropped: BTreeMap<SearchMethod, DroppedSublayers>,
    /// The candidates of each greedy method by what its last round found, those first that hurt least.
    order: BTreeMap<SearchMethod, Vec<Sublayer>>,
}

/// A text as the dense model reads it, read now if it is not yet.
///
/// * `ids`: gives the text.
async fn read_once<'a, C: Compute>(
    text: &'a mut Option<DenseText<C>>,
    dense: &PrunedDecoder<C>,
    ids: impl FnOnce() -> Result<Vec<u32>, ExperimentError>,
    control: &Control,
) -> Result<&'a DenseText<C>, ExperimentError> {
    let known = match text.take() {
        Some(known) => known,
        None => DenseText::read(dense, ids()?, control).await?,
    };
    Ok(text.insert(known))
}

impl<C: Compute> Session<C> {
    /// Finds plans by every method, and tells each with its distance from the dense model. They drop sublayers and
    /// nothing else, whatever the plan of the run does.
    pub(crate) async fn search(&mut self, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let key = self.search_key(job.settings.importance);
        let mut search = Search {
            among: job.measure.search,
            tokens: key.1,
            measured: self.searches.take(&key).unwrap_or_default(),
            judged: None,
            held_out: None,
            dropped: BTreeMap::new(),
            order: BTreeMap::new(),
        };
        let done = self.find_plans(&mut search, job).await;
        // Kept even if the search was stopped: what was measured by then is valid.
        self.searches.set(key, search.measured);
        done
    }

    async fn find_plans(&mut self, search: &mut Search<C>, job: &mut Job<'_>) -> Result<(), ExperimentError> {
        let points = points(search.among, job.measure.budget, self.model.decoder.config.layers);
        let total = points.len();
        for (done, (method, count)) in points.into_iter().enumerate() {
            let plan = PruningPlan::dropping(self.find(search, method, count, job).await?);
            let kl = self.held_out_divergence(search, &plan, job).await?;
            let repaired = PruningPlan { repair: Some(REPAIR), ..plan.clone() };
            let kl_repaired = self.held_out_divergence(search, &repaired, job).await?;
            let point = SearchPoint { method, dropped: count, plan: plan.to_string(), kl, kl_repaired };
            (job.tell)(RunEvent::SearchPoint { point: Box::new(point), done: done + 1, total });
        }
        Ok(())
    }

    /// The `count` sublayers that a method drops. Methods that go step by step are asked for one more each time.
    async fn find(
        &mut self,
        search: &mut Search<C>,
        method: SearchMethod,
        count: usize,
        job: &mut Job<'_>,
    ) -> Result<DroppedSublayers, ExperimentError> {
        let before = search.dropped.get(&method).cloned().unwrap_or_default();
        let next = match method {
            SearchMethod::OneShot => {
                return Ok(one_shot(
                    &self.importance(job.settings.importance, job.control, job.tell).await?,
                    search.among,
                    count,
                ));
            }
            SearchMethod::Joint => {
                let importance = self.importance(job.settings.importance, job.control, job.tell).await?;
                let list = by_importance(&importance, self.remaining(search, &before));
                return Ok(DroppedSublayers::of(list.into_iter().take(count)));
            }
            SearchMethod::Contiguous => return self.closest_stretch(search, count / 2, job).await,
            SearchMethod::Iterative => self.least_important(search, &before, job).await?,
            SearchMethod::Greedy => self.candidates(search, method, &before, job).await?.first().copied(),
            SearchMethod::GreedyRepaired => self.best_repaired(search, &before, job).await?,
        };
        let next = next.ok_or(ExperimentError::Internal { what: "a search has nothing left to drop" })?;
        let mut dropped = before;
        dropped.set(next, true);
        search.dropped.insert(method, dropped.clone());
        Ok(dropped)
    }

    /// The sublayers that a search may still drop.
    fn remaining(&self, search: &Search<C>, dropped: &DroppedSublayers) -> Vec<Sublayer> {
        let mut all = sublayers(search.among, self.model.decoder.config.layers);
        all.retain(|sublayer| !dropped.drops(*sublayer));
        all
    }

    async fn closest_stretch(
        &mut self,
        search: &mut Search<C>,
        length: usize,
        job: &mut Job<'_>,
    ) -> Result<DroppedSublayers, ExperimentError> {
        if search.measured.stretches.len() < length {
            let model = self.pruned_decoder(&PruningPlan::default(), job.control, &mut |_| {}).await?;
            let longest = length.max(job.measure.budget / 2);
            search.measured.stretches = stretch_distances(&model, longest, &self.model.tokenizer, job.control).await?;
        }
        Ok(best_stretch(&search.measured.stretches, length))
    }

    /// The least important sublayer of the model without the dropped ones.
    async fn least_important(
        &mut self,
        search: &mut Search<C>,
        dropped: &DroppedSublayers,
        job: &mut Job<'_>,
    ) -> Result<Option<Sublayer>, ExperimentError> {
        let plan = PruningPlan::dropping(dropped.clone());
        let key = self.key(&plan);
        let importance = match search.measured.importance.remove(&key) {
            Some(known) => known,
            None => {
                let model = self.pruned_decoder(&plan, job.control, &mut |_| {}).await?;
                measure_importance(&model, &self.model.tokenizer, job.settings.importance, job.control).await?
            }
        };
        let least = by_importance(&importance, self.remaining(search, dropped)).first().copied();
        search.measured.importance.insert(key, importance);
        Ok(least)
    }

    /// The sublayers that may be dropped next, by the KL on the calibration text that dropping each leaves: all of them in the first round,
    /// then the [`TRIED`] best of the round before.
    async fn candidates(
        &mut self,
        search: &mut Search<C>,
        method: SearchMethod,
        dropped: &DroppedSublayers,
        job: &mut Job<'_>,
    ) -> Result<Vec<Sublayer>, ExperimentError> {
        let repair = (method == SearchMethod::GreedyRepaired).then_some(REPAIR);
        let plan = PruningPlan { repair, ..PruningPlan::dropping(dropped.clone()) };
        let key = self.key(&plan);
        let mut order = search.order.remove(&method).unwrap_or_default();
        order.retain(|at| !dropped.drops(*at));
        let remaining = if order.is_empty() {
            self.remaining(search, dropped)
        } else {
            order.iter().copied().take(TRIED).collect()
        };
        let known = search.measured.candidates.entry(key).or_default();
        let missing: Vec<_> = remaining.iter().copied().filter(|at| !known.contains_key(at)).collect();
        if !missing.is_empty() {
            let what = format!("{}, {} dropped", method.name(), dropped.dropped().count());
            let mut done = remaining.len() - missing.len();
            job.working(what.clone(), done, remaining.len());
            let model = self.pruned_decoder(&plan, job.control, &mut |_| {}).await?;
            let dense = PrunedDecoder::dense(&self.model.decoder);
            let ids = || self.judged_ids(search.tokens.judged);
            let text = read_once(&mut search.judged, &dense, ids, job.control).await?;
            let control = job.control;
            let mut each = |at, kl| {
                known.insert(at, kl);
                done += 1;
                job.working(what.clone(), done, remaining.len());
            };
            measure_candidates(&model, text, &missing, control, &mut each).await?;
        }
        let tried = ranked(remaining.into_iter().filter_map(|at| known.get(&at).map(|kl| (at, *kl))));
        let order = ordered(tried, &order);
        search.order.insert(method, order.clone());
        Ok(order)
    }

    /// Of the first few candidates of the repaired model, the one that leaves the smallest KL once it is repaired too, on
    /// the tokens kept out of the fit.
    async fn best_repaired(
        &mut self,
        search: &mut Search<C>,
        dropped: &DroppedSublayers,
        job: &mut Job<'_>,
    ) -> Result<Option<Sublayer>, ExperimentError> {
        let method = SearchMethod::GreedyRepaired;
        let mut short_list = self.candidates(search, method, dropped, job).await?;
        short_list.truncate(SHORT_LIST);
        let mut judged = vec![];
        for (done, at) in short_list.iter().enumerate() {
            let mut drop = dropped.clone();
            drop.set(*at, true);
            let plan = PruningPlan { repair: Some(REPAIR), ..PruningPlan::dropping(drop) };
            let key = self.key(&plan);
            let kl = match search.measured.repaired.get(&key) {
                Some(known) => *known,
                None => {
                    let what = format!("{}: repairing, {} dropped", method.name(), dropped.dropped().count() + 1);
                    job.working(what, done, short_list.len());
                    let model = self.pruned_decoder(&plan, job.control, &mut |_| {}).await?;
                    let report = model.report.repair.as_ref();
                    report.map_or(f32::NAN, |report| report.kl())
                }
            };
            search.measured.repaired.insert(key, kl);
            judged.push((*at, kl));
        }
        Ok(ranked(judged).first().copied())
    }

    /// The mean KL of a plan on the text that neither search nor fit has seen.
    async fn held_out_divergence(
        &mut self,
        search: &mut Search<C>,
        plan: &PruningPlan,
        job: &mut Job<'_>,
    ) -> Result<f32, ExperimentError> {
        let key: VariantKey = self.key(plan);
        if let Some(known) = search.measured.held_out.get(&key) {
            return Ok(*known);
        }
        let model = self.pruned_decoder(plan, job.control, &mut |_| {}).await?;
        let dense = PrunedDecoder::dense(&self.model.decoder);
        let ids = || self.held_out_ids(search.tokens.held_out);
        let text = read_once(&mut search.held_out, &dense, ids, job.control).await?;
        let hidden = hidden_states(&model, &text.ids, job.control).await?;
        let kl = text.divergence(&model.decoder, &hidden, job.control).await?;
        search.measured.held_out.insert(key, kl);
        Ok(kl)
    }

    /// The beginning of the calibration text.
    ///
    /// * `tokens`: 0 for the usual number.
    fn judged_ids(&self, tokens: usize) -> Result<Vec<u32>, ExperimentError> {
        let most = if tokens == 0 { USUAL_TOKENS } else { tokens };
        let mut ids = self.calibration_ids()?;
        ids.truncate(most.min(self.model.decoder.config.context));
        Ok(ids)
    }
}
