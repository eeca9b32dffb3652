//! Searches for the sublayers whose drop changes a model least: what they measure, and how they choose by it.
//!
//! Every measurement is kept under the plan that it was made with, so a search that was stopped repeats its choices
//! without measuring again, and searches that meet at a plan share what is known of it.

use std::collections::{BTreeMap, HashMap};

use super::fidelity::DenseText;
use super::pruned_decoder::{PrunedDecoder, VariantKey};
use super::switches::KeptStream;
use super::{Control, ExperimentError};
use crate::compute::Compute;
use prunescope_protocol::model::{Sublayer, SublayerKind};
use prunescope_protocol::prune::{DropKind, DroppedSublayers, Importance, MatrixGroup};
use prunescope_protocol::results::SearchMethod;

/// The usual number of calibration tokens on which candidates are judged.
pub const USUAL_TOKENS: usize = 128;
/// How many candidates of a round are repaired, those with the smallest KL without a repair of their own.
pub const SHORT_LIST: usize = 4;

/// How many candidates a greedy search tries from its second round on: those that the round before found best. Which sublayers matter least
/// changes slowly from round to round, and trying all would take a visitor an hour.
pub const TRIED: usize = 16;

/// How many tokens a search reads; 0 is the usual number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchTokens {
    /// Calibration tokens on which candidates are judged.
    pub judged: usize,
    /// Tokens of the text on which the plans found are evaluated.
    pub held_out: usize,
}

/// All that searches have measured of a model with one calibration text.
#[derive(Default)]
pub struct Measured {
    /// Importance in the model under a plan.
    pub importance: HashMap<VariantKey, Importance>,
    /// Mean KL on the calibration text after dropping one more sublayer, without replacement, than a plan does.
    pub candidates: HashMap<VariantKey, BTreeMap<Sublayer, f32>>,
    /// Mean KL of a plan that repairs, on the tokens kept out of its fit.
    pub repaired: HashMap<VariantKey, f32>,
    /// Mean KL of a plan on the text that neither search nor fit has seen.
    pub held_out: HashMap<VariantKey, f32>,
    /// The angular distances of stretches by length − 1 and first block.
    pub stretches: Vec<Vec<f32>>,
}

/// The mean KL on a text after dropping each of some sublayers of a model, without replacement. The last ones come
/// first, since they take the shortest pass.
///
/// * `candidates`: sublayers that the model has.
/// * `each`: gets each result once it is complete.
///
/// # Errors
/// [`ExperimentError::Stopped`], or a failing device.
pub async fn measure_candidates<C: Compute>(
    model: &PrunedDecoder<C>,
    text: &DenseText<C>,
    candidates: &[Sublayer],
    control: &Control,
    each: &mut dyn FnMut(Sublayer, f32),
) -> Result<(), ExperimentError> {
    let kept = KeptStream::read(model, &text.ids, control).await?;
    for at in candidates.iter().rev() {
        let (_, last) = kept.flipped(*at, control).await?;
        let hidden = model.decoder.final_norm(last);
        each(*at, text.divergence(&model.decoder, &hidden, control).await?);
    }
    Ok(())
}

/// The sublayers of a model with `layers` blocks that a search may drop, in the order of the forward pass.
pub fn sublayers(among: MatrixGroup, layers: usize) -> Vec<Sublayer> {
    (0..2 * layers).map(Sublayer::from_index).filter(|sublayer| among.holds(sublayer.kind)).collect()
}

/// The plans of a search as (method, number of dropped sublayers), in the order of measurement: few first on all lines
/// at once, so that a usable chart appears early.
pub fn points(among: MatrixGroup, budget: usize, layers: usize) -> Vec<(SearchMethod, usize)> {
    let most = budget.min(sublayers(among, layers).len());
    let of_count = |count: usize| {
        let has = move |method: &SearchMethod| method.step(among).is_some_and(|step| count.is_multiple_of(step));
        SearchMethod::ALL.into_iter().filter(has).map(move |method| (method, count))
    };
    (1..=most).flat_map(of_count).collect()
}

/// Sublayers with their values by rising value; equal ones keep their order, and what is not a number comes last.
pub fn ranked(values: impl IntoIterator<Item = (Sublayer, f32)>) -> Vec<Sublayer> {
    let mut values: Vec<_> = values.into_iter().collect();
    let key = |value: f32| if value.is_nan() { f32::INFINITY } else { value };
    values.sort_by(|(_, a), (_, b)| key(*a).total_cmp(&key(*b)));
    values.into_iter().map(|(sublayer, _)| sublayer).collect()
}

/// The candidates of a greedy search by what is known of them: those tried in this round first, then the others in the order of the rounds
/// before.
///
/// * `before` — the order after the round before.
pub fn ordered(tried: Vec<Sublayer>, before: &[Sublayer]) -> Vec<Sublayer> {
    let others: Vec<_> = before.iter().copied().filter(|at| !tried.contains(at)).collect();
    [tried, others].concat()
}

/// Some sublayers by rising importance.
pub fn by_importance(importance: &Importance, some: impl IntoIterator<Item = Sublayer>) -> Vec<Sublayer> {
    let value = |at: Sublayer| match at.kind {
        SublayerKind::Attention => importance.attention[at.layer].importance,
        SublayerKind::Mlp => importance.mlp[at.layer].importance,
    };
    ranked(some.into_iter().map(|at| (at, value(at))))
}

/// One ranking: the least important attention or MLP sublayers; of both, whole blocks.
///
/// * `count`: number of dropped sublayers.
pub fn one_shot(importance: &Importance, among: MatrixGroup, count: usize) -> DroppedSublayers {
    let (kind, parts) = match among {
        MatrixGroup::Attention => (DropKind::Attention, count),
        MatrixGroup::Mlp => (DropKind::Mlp, count),
        MatrixGroup::All => (DropKind::Block, count / 2),
    };
    importance.drop_least(&DroppedSublayers::default(), kind, parts)
}

/// The stretch of blocks with the smallest angular distance; of equal ones the first. Nothing if the length is unknown.
///
/// * `distances`: by length − 1 and first block.
pub fn best_stretch(distances: &[Vec<f32>], length: usize) -> DroppedSublayers {
    let starts = length.checked_sub(1).and_then(|at| distances.get(at)).into_iter().flatten();
    let by_first = starts.enumerate().map(|(first, distance)| (Sublayer::attention(first), *distance));
    let first = ranked(by_first).first().map(|at| at.layer);
    let layers = first.into_iter().flat_map(|first| first..first + length);
    DroppedSublayers::of(layers.flat_map(|layer| DropKind::Block.sublayers(layer)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prunescope_protocol::prune::ImportanceInput;

    #[test]
    fn each_method_has_the_numbers_of_sublayers_that_it_can_drop() {
        let of = |found: &[(SearchMethod, usize)], wanted: SearchMethod| {
            let of_method = found.iter().filter(|(method, _)| *method == wanted);
            of_method.map(|(_, count)| *count).collect::<Vec<_>>()
        };
        let all = points(MatrixGroup::All, 5, 30);
        for blocks in [SearchMethod::OneShot, SearchMethod::Contiguous] {
            assert_eq!(of(&all, blocks), [2, 4]);
        }
        for one in [SearchMethod::Joint, SearchMethod::Iterative, SearchMethod::Greedy, SearchMethod::GreedyRepaired] {
            assert_eq!(of(&all, one), [1, 2, 3, 4, 5]);
        }
        let attention = points(MatrixGroup::Attention, 9, 4);
        assert_eq!(of(&attention, SearchMethod::OneShot), [1, 2, 3, 4], "no more than there are");
        assert_eq!(of(&attention, SearchMethod::Joint), [0; 0]);
        assert!(all.is_sorted_by_key(|(_, count)| *count));
    }

    #[test]
    fn those_that_were_not_tried_come_last_in_their_old_order() {
        let of = |list: &[usize]| list.iter().copied().map(Sublayer::from_index).collect::<Vec<_>>();
        assert_eq!(ordered(of(&[4, 2]), &of(&[1, 2, 3, 4, 5])), of(&[4, 2, 1, 3, 5]));
        assert_eq!(ordered(of(&[4, 2]), &[]), of(&[4, 2]));
    }

    #[test]
    fn what_is_not_a_number_is_never_chosen() {
        let at = Sublayer::from_index;
        assert_eq!(ranked([(at(0), -f32::NAN), (at(1), 2.0), (at(2), 1.0)]), [at(2), at(1), at(0)]);
    }

    #[test]
    fn one_list_ranks_both_kinds_and_one_shot_each_by_itself() {
        let importance =
            Importance::new(ImportanceInput::Residual, &[0.3, 0.1, 0.4], &[0.2, 0.5, 0.05], &[0.5, 0.4, 0.6], 10);
        let list = by_importance(&importance, sublayers(MatrixGroup::All, 3));
        assert_eq!(DroppedSublayers::of(list[..3].iter().copied()).to_string(), "m0,a1,m2");
        assert_eq!(one_shot(&importance, MatrixGroup::Attention, 2).to_string(), "a0,a1");
        assert_eq!(one_shot(&importance, MatrixGroup::Mlp, 1).to_string(), "m2");
        assert_eq!(one_shot(&importance, MatrixGroup::All, 2).to_string(), "b1");
    }

    proptest! {
        #[test]
        fn the_best_stretch_is_contiguous_and_no_other_is_closer(
            distances in proptest::collection::vec(proptest::collection::vec(0f32..1.0, 1..8), 1..5),
            length in 0usize..7,
        ) {
            let layers: Vec<usize> = best_stretch(&distances, length)
                .dropped()
                .filter(|at| at.kind == SublayerKind::Mlp)
                .map(|at| at.layer)
                .collect();
            let known = length > 0 && length <= distances.len();
            prop_assert_eq!(layers.len(), if known { length } else { 0 });
            prop_assert!(layers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
            if let Some(first) = layers.first() {
                let of_length = &distances[length - 1];
                prop_assert!(of_length.iter().all(|distance| *distance >= of_length[*first]));
            }
        }
    }
}
