//! How far the pruned and the repaired model are from the dense one on texts of several kinds, as a table.

use prunescope_localization::tr;
use prunescope_protocol::results::{Estimate, KindFidelity, TextDistance, TextFidelity};

use crate::chart::{csv, markdown};

/// Names of the columns, behind that of the text.
pub fn columns() -> [String; 11] {
    [
        tr!(figure_texts_model),
        tr!(figure_texts_kl_mean),
        tr!(figure_texts_kl_median),
        tr!(figure_texts_kl_share, share = "90"),
        tr!(figure_texts_kl_share, share = "99"),
        tr!(figure_texts_kl_share, share = "99.9"),
        tr!(figure_texts_kl_max),
        tr!(figure_texts_same_top),
        tr!(figure_texts_delta_p),
        tr!(figure_texts_delta_p_rms),
        tr!(figure_texts_perplexity),
    ]
}

/// The name of a kind of text; a visitor's file keeps its own.
pub fn kind_name(kind: &str) -> String {
    match kind {
        "" => tr!(figure_texts_all),
        "prose" => tr!(figure_texts_prose),
        "dialogue" => tr!(figure_texts_dialogue),
        "code" => tr!(figure_texts_code),
        "lists" => tr!(figure_texts_lists),
        "numbers" => tr!(figure_texts_numbers),
        "german" => tr!(figure_texts_german),
        other => other.into(),
    }
}

/// The models that were compared on a text, with their names.
fn models(of: &KindFidelity) -> impl Iterator<Item = (String, &TextDistance)> {
    let repaired = of.repaired.as_ref().map(|repaired| (tr!(figure_repaired), repaired));
    std::iter::once((tr!(figure_pruned), &of.pruned)).chain(repaired)
}

/// An estimate with its standard error, to a number of decimals.
pub(super) fn with_error(of: Estimate, factor: f32, decimals: usize) -> String {
    format!("{:.decimals$} ± {:.decimals$}", factor * of.value, factor * of.error)
}

/// The rows: for each text, all together first, one for each model; the text's name and tokens stand before the cells.
pub fn rows(report: &TextFidelity) -> Vec<(String, [String; 11])> {
    let cells = |dense: Estimate, model: String, of: &TextDistance| {
        let kl = [of.kl_median, of.kl_90, of.kl_99, of.kl_999, of.kl_max].map(|kl| format!("{kl:.3}"));
        let [median, ninety, ninety_nine, thousandth, most] = kl;
        [
            model,
            with_error(of.kl_mean, 1.0, 3),
            median,
            ninety,
            ninety_nine,
            thousandth,
            most,
            with_error(of.same_top, 100.0, 1),
            with_error(of.delta_p_mean, 100.0, 2),
            with_error(of.delta_p_rms, 100.0, 2),
            format!("{:.2} / {:.2} = {}", of.perplexity.value, dense.value, with_error(of.perplexity_ratio, 1.0, 3)),
        ]
    };
    let texts = std::iter::once(&report.all).chain(&report.kinds);
    let of_text = |text: &KindFidelity| {
        let name = tr!(figure_texts_tokens, kind = kind_name(&text.kind), tokens = text.tokens);
        models(text).map(|(model, of)| (name.clone(), cells(text.dense_perplexity, model, of))).collect::<Vec<_>>()
    };
    texts.flat_map(of_text).collect()
}

/// What the numbers are of, and how far the reading has come.
pub fn summary(report: &TextFidelity) -> String {
    tr!(
        figure_texts_summary,
        tokens = report.all.tokens,
        window = report.window,
        done = report.done,
        total = report.total
    )
}

/// The table as comma-separated values, one column per number.
pub fn table_csv(report: &TextFidelity) -> String {
    let head = [
        "text",
        "tokens",
        "model",
        "kl mean",
        "kl mean error",
        "kl median",
        "kl 90%",
        "kl 99%",
        "kl 99.9%",
        "kl max",
        "same top",
        "same top error",
        "delta p mean",
        "delta p mean error",
        "delta p rms",
        "delta p rms error",
        "perplexity",
        "perplexity error",
        "perplexity ratio",
        "perplexity ratio error",
        "dense perplexity",
        "dense perplexity error",
    ];
    let texts = std::iter::once(&report.all).chain(&report.kinds);
    let body = texts.flat_map(|text| {
        let name = if text.kind.is_empty() { "all" } else { &text.kind };
        models(text).map(move |(model, of)| {
            let mut numbers = vec![of.kl_mean.value, of.kl_mean.error];
            numbers.extend([of.kl_median, of.kl_90, of.kl_99, of.kl_999, of.kl_max]);
            let estimates = [of.same_top, of.delta_p_mean, of.delta_p_rms, of.perplexity, of.perplexity_ratio];
            numbers.extend(estimates.into_iter().chain([text.dense_perplexity]).flat_map(|of| [of.value, of.error]));
            let numbers = numbers.into_iter().map(|number| number.to_string());
            [name.to_owned(), text.tokens.to_string(), model].into_iter().chain(numbers).collect()
        })
    });
    csv(&head.map(String::from), body)
}

/// The table in Markdown, with the sentence above it.
pub fn table_markdown(report: &TextFidelity) -> String {
    let head: Vec<String> = std::iter::once(String::new()).chain(columns()).collect();
    let body = rows(report).into_iter().map(|(text, cells)| std::iter::once(text).chain(cells).collect());
    format!("{}\n\n{}", summary(report), markdown(&head, body))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use prunescope_protocol::prune::FileFootprint;

    pub(crate) fn estimate(value: f32, error: f32) -> Estimate {
        Estimate { value, error }
    }

    /// What is known of a plan.
    pub(crate) fn report(plan: &str, plan_bytes: u64, kl: f32) -> TextFidelity {
        let pruned = TextDistance {
            kl_mean: estimate(kl, 0.01),
            kl_median: 0.25,
            same_top: estimate(0.75, 0.005),
            delta_p_mean: estimate(-0.02, 0.001),
            perplexity: estimate(20.0, 1.0),
            perplexity_ratio: estimate(1.25, 0.02),
            ..TextDistance::default()
        };
        let of = |kind: &str, tokens| KindFidelity {
            kind: kind.into(),
            tokens,
            dense_perplexity: estimate(16.0, 0.5),
            pruned,
            repaired: None,
        };
        TextFidelity {
            plan: plan.into(),
            other: String::new(),
            window: 512,
            done: 2,
            total: 3,
            all: of("", 510),
            kinds: vec![of("code", 255), of("my notes.txt", 255)],
            memory: FileFootprint { file_bytes: 100_000_000, plan_bytes },
            repair: None,
        }
    }

    #[test]
    fn a_row_for_each_text_and_model() {
        let mut report = report("a7", 50_000_000, 0.5);
        let found = rows(&report);
        assert_eq!(
            found.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>()[1..],
            ["code, 255 tokens", "my notes.txt, 255 tokens"]
        );
        let (_, cells) = &found[0];
        assert_eq!(cells[1], "0.500 ± 0.010");
        assert_eq!(cells[7], "75.0 ± 0.5");
        assert_eq!(cells[8], "-2.00 ± 0.10");
        assert_eq!(cells[10], "20.00 / 16.00 = 1.250 ± 0.020");
        assert!(summary(&report).contains("510"), "{}", summary(&report));
        report.all.repaired = Some(report.all.pruned);
        assert_eq!(rows(&report).len(), 4);
        let csv = table_csv(&report);
        assert_eq!(csv.lines().count(), 5, "{csv}");
        let columns = csv.lines().next().unwrap().split(',').count();
        assert!(csv.lines().all(|line| line.split(',').count() == columns), "{csv}");
    }
}
