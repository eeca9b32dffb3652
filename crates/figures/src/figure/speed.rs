//! What a plan saves, measured, as a table.

use prunescope_localization::tr;
use prunescope_protocol::results::{ModelSpeed, SpeedReport};

use super::weights::megabytes;
use crate::chart::markdown;

/// Names of the table's columns.
pub fn columns() -> [String; 5] {
    [
        tr!(figure_texts_model),
        tr!(figure_speed_prefill),
        tr!(figure_speed_decode),
        tr!(figure_speed_cache),
        tr!(figure_speed_matrices),
    ]
}

/// The table's rows: one for each model, with what it is of the dense one.
pub fn rows(report: &SpeedReport) -> Vec<[String; 5]> {
    let row = |name: String, of: &ModelSpeed| {
        let times = |speed: f32, dense: f32| format!("{speed:.1} (× {:.2})", speed / dense);
        [
            name,
            times(of.prefill, report.dense.prefill),
            times(of.decode, report.dense.decode),
            format!("{} MB", megabytes(of.cache_bytes)),
            format!("{} MB", megabytes(of.matrix_bytes)),
        ]
    };
    let repaired = report.repaired.as_ref().map(|of| row(tr!(figure_repaired), of));
    let both = [row(tr!(figure_dense), &report.dense), row(tr!(figure_pruned), &report.pruned)];
    both.into_iter().chain(repaired).collect()
}

/// What was measured.
pub fn summary(report: &SpeedReport) -> String {
    let SpeedReport { prompt_tokens, written_tokens, cached_tokens, threads, .. } = report;
    tr!(
        figure_speed_summary,
        prompt = *prompt_tokens,
        written = *written_tokens,
        cached = *cached_tokens,
        threads = *threads
    )
}

/// The table in Markdown, with the sentence above it.
pub fn table_markdown(report: &SpeedReport) -> String {
    let table = markdown(&columns(), rows(report).into_iter().map(Vec::from));
    format!("{}\n\n{table}", summary(report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_is_set_beside_the_dense_one() {
        let of = |prefill, decode| ModelSpeed { prefill, decode, cache_bytes: 23_592_960, matrix_bytes: 66_000_000 };
        let mut report = SpeedReport {
            prompt_tokens: 256,
            written_tokens: 32,
            cached_tokens: 1024,
            threads: 2,
            dense: of(400.0, 60.0),
            pruned: of(500.0, 75.0),
            repaired: None,
            ..SpeedReport::default()
        };
        assert_eq!(rows(&report)[1][1..3], ["500.0 (× 1.25)", "75.0 (× 1.25)"]);
        assert!(
            summary(&report).contains("256") && summary(&report).contains("1,024") || summary(&report).contains("1024")
        );
        report.repaired = Some(of(480.0, 70.0));
        assert_eq!(rows(&report).len(), 3);
        assert_eq!(table_markdown(&report).lines().count(), 7);
    }
}
