//! What the protocol's kinds are called in the visitor's language. Their English `name()` is for files and scripts.

use prunescope_localization::tr;
use prunescope_protocol::model::Matrix;
use prunescope_protocol::prune::{HeadRepair, Repair};
use prunescope_protocol::results::{Purpose, SearchMethod, SweepLine, Verdict};

/// A form of repair, as what stands in the place of a dropped sublayer.
pub fn repair(form: Repair) -> String {
    match form {
        Repair::Bias => tr!(name_repair_bias),
        Repair::Scale => tr!(name_repair_scale),
        Repair::Rank(rank) => tr!(name_repair_rank, rank = rank.to_string()),
        Repair::Full => tr!(name_repair_full),
    }
}

/// What is repaired at the head.
pub fn head(repair: HeadRepair) -> String {
    match repair {
        HeadRepair::Temperature => tr!(name_head_temperature),
        HeadRepair::Bias => tr!(name_head_bias),
        HeadRepair::Both => tr!(name_head_both),
    }
}

/// What a model may be good for.
pub fn purpose(purpose: Purpose) -> String {
    match purpose {
        Purpose::Retrieval => tr!(name_retrieval),
        Purpose::Classification => tr!(name_classification),
        Purpose::Generation => tr!(name_generation),
        Purpose::Arithmetic => tr!(name_arithmetic),
        Purpose::Structure => tr!(name_structure),
    }
}

/// A verdict in a word or two.
pub fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Safe => tr!(name_safe),
        Verdict::Repairable => tr!(name_repairable),
        Verdict::PartlyLost => tr!(name_partly_lost),
        Verdict::Lost => tr!(name_lost),
        Verdict::Unclear => tr!(name_unclear),
    }
}

/// A search for the sublayers to drop, as in a legend.
pub fn search(method: SearchMethod) -> String {
    match method {
        SearchMethod::OneShot => tr!(name_one_shot),
        SearchMethod::Joint => tr!(name_joint),
        SearchMethod::Iterative => tr!(name_iterative),
        SearchMethod::Contiguous => tr!(name_contiguous),
        SearchMethod::Greedy => tr!(name_greedy),
        SearchMethod::GreedyRepaired => tr!(name_greedy_repaired),
    }
}

/// A matrix of a layer.
pub fn matrix(matrix: Matrix) -> String {
    match matrix {
        Matrix::Query => tr!(name_query),
        Matrix::Key => tr!(name_key),
        Matrix::Value => tr!(name_value),
        Matrix::Output => tr!(name_output),
        Matrix::Gate => tr!(name_gate),
        Matrix::Up => tr!(name_up),
        Matrix::Down => tr!(name_down),
    }
}

/// A line of a sweep, as in a legend.
pub fn sweep_line(line: SweepLine) -> String {
    match line {
        SweepLine::Attention => tr!(figure_sweep_attention),
        SweepLine::Block => tr!(figure_sweep_blocks),
        SweepLine::Magnitude => tr!(figure_sweep_magnitude),
        SweepLine::RoundToNearest => tr!(figure_sweep_round_to_nearest),
        SweepLine::RepairedAttention => tr!(figure_sweep_attention_repaired),
        SweepLine::RepairedMlp => tr!(figure_sweep_mlp_repaired),
        // The same in every language.
        SweepLine::Mlp | SweepLine::Wanda | SweepLine::ActivationAware | SweepLine::Gptq => line.name().into(),
    }
}
