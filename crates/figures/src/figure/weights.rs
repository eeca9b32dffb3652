//! What a plan did to the weights: a picture of one matrix, and memory in words.

use prunescope_localization::tr;
use prunescope_protocol::prune::Footprint;
use prunescope_protocol::results::{MaskPicture, WeightReport};

use super::Figure;
use crate::chart::{Chart, HeatMap};
use crate::names;

/// The top left corner of a matrix as a figure.
pub fn mask(picture: &MaskPicture) -> Figure {
    let zeros = picture.cells.iter().filter(|cell| **cell == 0).count();
    let sentence = tr!(
        figure_weights_mask,
        rows = picture.rows,
        columns = picture.columns,
        matrix = names::matrix(picture.matrix),
        layer = picture.layer,
        zeros = format!("{:.1}", 100.0 * zeros as f64 / picture.cells.len().max(1) as f64),
    );
    Figure { chart: Chart::Heat(HeatMap { columns: picture.columns, cells: picture.cells.clone() }), sentence }
}

/// Bytes in megabytes.
pub(super) fn megabytes(bytes: u64) -> String {
    match bytes as f64 / 1e6 {
        few if few < 10.0 => format!("{few:.2}"),
        many => format!("{many:.0}"),
    }
}

/// Memory of the matrices before and under the plan, in words.
pub fn memory(footprint: &Footprint) -> String {
    let saved = 100.0 * (1.0 - footprint.plan_bytes as f64 / footprint.dense_bytes.max(1) as f64);
    tr!(
        figure_weights_memory,
        plan = megabytes(footprint.plan_bytes),
        dense = megabytes(footprint.dense_bytes),
        saved = format!("{saved:.0}"),
    )
}

/// Number of matrices edited, mean sparsity and mean change, in words.
pub fn summary(report: &WeightReport) -> String {
    let memory = memory(&report.footprint);
    if report.matrices.is_empty() {
        return format!("{} {memory}", tr!(figure_weights_not_edited));
    }
    let count = report.matrices.len() as f32;
    let mean = |of: fn(&prunescope_protocol::results::MatrixReport) -> f32| {
        report.matrices.iter().map(of).sum::<f32>() / count
    };
    let matrices = report.matrices.len();
    let zeros = format!("{:.1}", 100.0 * mean(|matrix| matrix.sparsity));
    let change = format!("{:.3}", mean(|matrix| matrix.change));
    let edited = match report.calibration_tokens {
        0 => tr!(figure_weights_edited, matrices = matrices, zeros = zeros, change = change),
        tokens => {
            tr!(figure_weights_edited_calibrated, matrices = matrices, tokens = tokens, zeros = zeros, change = change)
        }
    };
    format!("{edited} {memory}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use prunescope_protocol::model::Matrix;

    #[test]
    fn pictures_and_memory_in_words() {
        let picture = MaskPicture { layer: 3, matrix: Matrix::Up, rows: 1, columns: 4, cells: vec![0, 9, 0, 255] };
        assert!(mask(&picture).sentence.contains("50.0 %"));
        assert!(memory(&Footprint { dense_bytes: 200_000_000, plan_bytes: 50_000_000 }).contains("75 % saved"));
        assert!(summary(&WeightReport::default()).contains("No weights"));
    }
}
