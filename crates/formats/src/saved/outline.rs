//! What becomes of each sublayer in the saved model.

use prunescope_protocol::model::family::{Activation, Family};
use prunescope_protocol::model::{Sublayer, SublayerKind};
use prunescope_protocol::prune::{HeadPart, PruningPlan, Repair, Repairs};

use super::SaveError;
use crate::config::DecoderConfig;

/// What a sublayer of the saved model adds to the residual stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// What it added before.
    Own,
    /// Nothing.
    Nothing,
    /// The constant that replaces a dropped sublayer.
    Constant(Sublayer),
    /// The map that replaces a dropped sublayer; of an MLP only.
    Map(Sublayer),
}

/// A block of the saved model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedBlock {
    /// The block of the original that its tensors are from.
    pub from: usize,
    /// Its first sublayer.
    pub attention: Fill,
    /// Its second sublayer.
    pub mlp: Fill,
}

impl SavedBlock {
    pub(super) fn fill(&self, kind: SublayerKind) -> Fill {
        match kind {
            SublayerKind::Attention => self.attention,
            SublayerKind::Mlp => self.mlp,
        }
    }
}

/// The blocks of the saved model, and what they lack of the original.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    /// The blocks, in order.
    pub blocks: Vec<SavedBlock>,
    /// Blocks that are left out.
    pub removed: Vec<usize>,
    /// Sublayers that add nothing, but are there.
    pub zeroed: Vec<Sublayer>,
    /// Dropped sublayers whose repair is folded into weights.
    pub folded: Vec<Sublayer>,
    /// Attentions whose repair takes one more block.
    pub added: Vec<usize>,
    /// Whether the logits' temperature is folded into the final norm.
    pub cooled: bool,
}

impl Outline {
    /// The outline of a plan's model.
    ///
    /// * `layers`: the original's blocks.
    /// * `uniform`: whether blocks may move, since their place does not decide what they do.
    ///
    /// # Errors
    /// [`SaveError::NoSuchLayer`] or [`SaveError::NothingLeft`].
    pub fn of(plan: &PruningPlan, layers: usize, uniform: bool) -> Result<Self, SaveError> {
        let last = layers.saturating_sub(1);
        let of_range = plan.layers.map(|range| range.last);
        let named = plan.drop.dropped().map(|sublayer| sublayer.layer).chain(of_range);
        if let Some(layer) = named.into_iter().find(|layer| *layer > last) {
            return Err(SaveError::NoSuchLayer { layer, last });
        }
        let repairs = plan.repairs();
        let mut out = Self { cooled: repairs.is_some_and(|repairs| repairs.head.is_some()), ..Self::default() };
        for layer in 0..layers {
            out.add(layer, plan, repairs.and_then(|repairs| repairs.sublayers), uniform);
        }
        if out.blocks.is_empty() { Err(SaveError::NothingLeft) } else { Ok(out) }
    }

    /// Adds what becomes of one block.
    fn add(&mut self, from: usize, plan: &PruningPlan, repair: Option<Repair>, uniform: bool) {
        let fill = |at: Sublayer| match repair {
            _ if !plan.drops(at) => Fill::Own,
            None => Fill::Nothing,
            Some(Repair::Bias) => Fill::Constant(at),
            Some(_) => Fill::Map(at),
        };
        let (attention, mlp) = (fill(Sublayer::attention(from)), fill(Sublayer::mlp(from)));
        for (at, fill) in [(Sublayer::attention(from), attention), (Sublayer::mlp(from), mlp)] {
            match fill {
                Fill::Own => {}
                Fill::Nothing => self.zeroed.push(at),
                Fill::Constant(_) | Fill::Map(_) => self.folded.push(at),
            }
        }
        match (attention, mlp) {
            (Fill::Nothing, Fill::Nothing) if uniform => {
                self.zeroed.retain(|at| at.layer != from);
                self.removed.push(from);
            }
            (Fill::Map(_), _) => {
                self.added.push(from);
                self.blocks.push(SavedBlock { from, attention: Fill::Nothing, mlp: attention });
                self.blocks.push(SavedBlock { from, attention: Fill::Nothing, mlp });
            }
            _ => self.blocks.push(SavedBlock { from, attention, mlp }),
        }
    }

    /// Whether any block is left out or added.
    pub fn moves_blocks(&self) -> bool {
        !self.removed.is_empty() || !self.added.is_empty()
    }

    /// Whether a sublayer of some kind has a bias that its original may lack.
    pub(super) fn needs_bias(&self, kind: SublayerKind) -> bool {
        self.blocks.iter().any(|block| matches!(block.fill(kind), Fill::Constant(_) | Fill::Map(_)))
    }
}

/// Refuses repairs that do not fold into weights.
///
/// * `architecture`: the model's in its files.
///
/// # Errors
/// [`SaveError::HeadBias`], [`SaveError::NoBiases`] or [`SaveError::TooNarrow`].
pub fn check_repairs(plan: &PruningPlan, config: &DecoderConfig, architecture: &str) -> Result<(), SaveError> {
    let Some(Repairs { sublayers, head }) = plan.repairs() else { return Ok(()) };
    if head.is_some_and(|head| head.parts().contains(&HeadPart::Bias)) {
        return Err(SaveError::HeadBias);
    }
    let Some(repair) = sublayers else { return Ok(()) };
    if config.family != Family::Llama || config.activation != Activation::Silu {
        return Err(SaveError::NoBiases { architecture: architecture.into() });
    }
    let needed = match repair {
        Repair::Bias => 0,
        Repair::Scale | Repair::Full => config.hidden,
        Repair::Rank(rank) => usize::from(rank).min(config.hidden),
    };
    if needed > config.feed_forward {
        return Err(SaveError::TooNarrow { repair: repair.to_string(), needed, there: config.feed_forward });
    }
    Ok(())
}
