//! What a plan did to the weights: a picture of one matrix, and memory in words.

use prunescope_protocol::prune::Footprint;
use prunescope_protocol::results::{MaskPicture, WeightReport};

use super::Figure;
use crate::chart::{Chart, HeatMap};

/// The top left corner of a matrix as a figure.
pub fn mask(picture: &MaskPicture) -> Figure {
    let zeros = picture.cells.iter().filter(|cell| **cell == 0).count();
    let sentence = format!(
        "The first {} rows and {} columns of the {} matrix of layer {}: {:.1} % of these weights are zero (white).",
        picture.rows,
        picture.columns,
        picture.matrix.name(),
        picture.layer,
        100.0 * zeros as f64 / picture.cells.len().max(1) as f64
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
    format!(
        "The blocks' matrices would take {} MB in place of {} MB in half precision: {saved:.0} % saved.",
        megabytes(footprint.plan_bytes),
        megabytes(footprint.dense_bytes)
    )
}

/// Number of matrices edited, mean sparsity and mean change, in words.
pub fn summary(report: &WeightReport) -> String {
    let memory = memory(&report.footprint);
    if report.matrices.is_empty() {
        return format!("No weights are edited. {memory}");
    }
    let count = report.matrices.len() as f32;
    let mean = |of: fn(&prunescope_protocol::results::MatrixReport) -> f32| {
        report.matrices.iter().map(of).sum::<f32>() / count
    };
    let text = if report.calibration_tokens > 0 {
        format!(" chosen on {} calibration tokens,", report.calibration_tokens)
    } else {
        String::new()
    };
    format!(
        "{} matrices edited,{text} on average {:.1} % zeros and a relative change of {:.3}. {memory}",
        report.matrices.len(),
        100.0 * mean(|matrix| matrix.sparsity),
        mean(|matrix| matrix.change)
    )
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
