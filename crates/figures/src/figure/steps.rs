//! Fig. 8: metrics over generation steps, free-running and teacher-forced on the dense text, and how far the texts collapse.

use prunescope_localization::tr;
use prunescope_protocol::results::{GenerationStep, Metrics, Quality, TextQuality};

use super::text_change::TextChange;
use super::{Figure, Pick, dashed, line, mean, over_steps, x_range};
use crate::chart::{Band, Chart, Ink, LineChart, Series};

/// A model compared with the dense one over the generated tokens; empty if there is no such model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Course<'a> {
    /// Both models free-running.
    pub steps: &'a [GenerationStep],
    /// Both models teacher-forced on the dense text, one entry a step; empty until it is known.
    pub fixed: &'a [Metrics],
}

impl Course<'_> {
    /// One metric's line with both models free-running.
    fn own(&self, name: &str, ink: Ink, pick: Pick) -> Series {
        line(name, ink, over_steps(self.steps, pick))
    }

    /// The same, and dashed with both teacher-forced on the dense text.
    fn both(&self, name: &str, ink: Ink, pick: Pick) -> Vec<Series> {
        let mut out = vec![self.own(name, ink, pick)];
        if !self.fixed.is_empty() {
            let points = self.fixed.iter().enumerate().map(|(step, metrics)| (step as f64, pick(metrics))).collect();
            out.push(dashed(tr!(figure_steps_on_dense_text, name = name), ink, points));
        }
        out
    }

    /// Both lines of the repaired model; none if there is no such model.
    fn lines(&self, name: &str, pick: Pick) -> Vec<Series> {
        if self.steps.is_empty() { vec![] } else { self.both(name, Ink::Repaired, pick) }
    }
}

/// A sentence on the repaired model's mean of one metric, with a space before it; empty if there is no such model.
///
/// * `series` — its lines, from [`Course::both`].
/// * `unit` — the metric's, by which the messages choose their words: "nats" or "none".
fn of_repaired(series: &[Series], unit: &str) -> String {
    let means: Vec<f64> = series.iter().filter_map(|line| mean(&line.points)).collect();
    let number = |value: f64| format!("{value:.2}");
    let told = match means[..] {
        [own, fixed, ..] => {
            tr!(figure_steps_repaired_means, unit = unit, own = number(own), fixed = number(fixed))
        }
        [own] => tr!(figure_steps_repaired_so_far, unit = unit, own = number(own)),
        [] => return String::new(),
    };
    format!(" {told}")
}

/// The name of a line of the repaired model.
fn name_of_repaired(symbol: &str) -> String {
    tr!(figure_steps_repaired_name, name = symbol)
}

fn figure(series: Vec<Series>, y_label: String, at_least: (f64, f64), sentence: String) -> Option<Figure> {
    let x = x_range(&series)?;
    let chart = LineChart {
        x_label: tr!(figure_axis_generated_token),
        y_label,
        x,
        y: LineChart::range_of(&series, at_least),
        series,
        shaded: vec![],
    };
    Some(Figure { chart: Chart::Lines(chart), sentence })
}

/// Cosine of hidden states and logits.
pub fn hidden_and_logits(pruned: Course<'_>, repaired: Course<'_>) -> Option<Figure> {
    let picks: [Pick; 2] = [|metrics| metrics.cos_h.into(), |metrics| metrics.cos_z.into()];
    let hidden = pruned.both("h", Ink::Hidden, picks[0]);
    let logits = pruned.both("z", Ink::Logits, picks[1]);
    let (h, z) = (mean(&hidden[0].points)?, mean(&logits[0].points)?);
    let mut sentence = tr!(figure_steps_hidden_and_logits, h = format!("{h:.2}"), z = format!("{z:.2}"));
    let own = [("h", picks[0]), ("z", picks[1])]
        .map(|(symbol, pick)| repaired.own(&name_of_repaired(symbol), Ink::Repaired, pick));
    let own = own.into_iter().filter(|line| !line.points.is_empty()).collect::<Vec<_>>();
    if let [Some(h), Some(z)] = [own.first(), own.get(1)].map(|line| mean(&line?.points)) {
        sentence.push(' ');
        sentence += &tr!(figure_steps_hidden_and_logits_repaired, h = format!("{h:.2}"), z = format!("{z:.2}"));
    }
    figure([hidden, logits, own].concat(), tr!(figure_steps_cosine), (0.0, 1.0), sentence)
}

/// Cosine of probabilities.
pub fn probabilities(pruned: Course<'_>, repaired: Course<'_>) -> Option<Figure> {
    let pick: Pick = |metrics| metrics.cos_p.into();
    let mut series = pruned.both("p", Ink::Probabilities, pick);
    let p = format!("{:.2}", mean(&series[0].points)?);
    let sentence = match series.get(1).and_then(|fixed| mean(&fixed.points)) {
        Some(fixed) => tr!(figure_steps_probabilities, own = p, fixed = format!("{fixed:.2}")),
        None => tr!(figure_steps_probabilities_so_far, own = p),
    };
    let own = repaired.lines(&name_of_repaired("p"), pick);
    let sentence = sentence + &of_repaired(&own, "none");
    series.extend(own);
    figure(series, tr!(figure_steps_cosine), (0.0, 1.0), sentence)
}

/// KL with both models free-running; what exceeds the dashed teacher-forced line is added by the feedback.
///
/// * `change` — what became of the pruned text. Where it is only worded in another way, comparing the texts place by place says little, and
///   nothing is called feedback.
pub fn kl(pruned: Course<'_>, repaired: Course<'_>, change: Option<TextChange>) -> Option<Figure> {
    let pick: Pick = |metrics| metrics.kl_dense_pruned.into();
    let mut series = pruned.both("KL", Ink::Probabilities, pick);
    let own = mean(&series[0].points)?;
    let sentence = match series.get(1) {
        Some(fixed) => {
            let at = |step: usize| fixed.points.get(step).map_or(f64::NAN, |(_, y)| *y);
            let pairs: Vec<(f64, f64)> =
                series[0].points.iter().enumerate().map(|(step, (_, y))| (*y, at(step))).collect();
            let shared: Vec<_> = pairs.iter().filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
            let (a, b) = shared.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
            let steps = shared.len().max(1) as f64;
            let fixed_mean = b / steps;
            let own_mean = a / steps;
            let edge = |pick: fn(f64, f64) -> f64| {
                pairs.iter().map(|(a, b)| if b.is_finite() { pick(*a, *b) } else { *a }).collect::<Vec<_>>()
            };
            let is_reworded = change == Some(TextChange::Reworded);
            if !is_reworded {
                series[0].band = Some(Band { low: edge(f64::min), high: edge(f64::max) });
            }
            let (own, fixed) = (format!("{own_mean:.2}"), format!("{fixed_mean:.2}"));
            if is_reworded {
                tr!(figure_steps_kl_reworded, own = own, fixed = fixed)
            } else if own_mean > fixed_mean {
                let share = 100.0 * (own_mean - fixed_mean) / own_mean.max(f64::MIN_POSITIVE);
                tr!(figure_steps_kl_feedback, own = own, fixed = fixed, share = format!("{share:.0}"))
            } else {
                tr!(figure_steps_kl_no_feedback, own = own, fixed = fixed)
            }
        }
        None => tr!(figure_steps_kl_so_far, own = format!("{own:.2}")),
    };
    let own = repaired.lines(&name_of_repaired("KL"), pick);
    let sentence = sentence + &of_repaired(&own, "nats");
    series.extend(own);
    figure(series, tr!(figure_unit_nats), (0.0, 0.1), sentence)
}

/// The dense model's loss −log p at each token of one text, in nats.
pub fn losses(text: &TextQuality) -> Vec<(f64, f64)> {
    text.dense_losses.iter().enumerate().map(|(at, loss)| (at as f64, f64::from(*loss))).collect()
}

/// The dense model's loss at each token of the texts: a measure of collapse that needs no label.
///
/// * `repaired` — that of the repaired model's text in place of the pruned one's, if there is one.
pub fn collapse(quality: &Quality, repaired: Option<&Quality>) -> Option<Figure> {
    let mut series = vec![
        line(tr!(figure_steps_dense_text), Ink::Dense, losses(&quality.dense)),
        line(tr!(figure_steps_pruned_text), Ink::Pruned, losses(&quality.pruned)),
    ];
    let (dense, pruned) = (quality.dense.dense_loss?, quality.pruned.dense_loss?);
    let percent = |share: f32| format!("{:.0}", 100.0 * share);
    let mut sentence = tr!(
        figure_steps_collapse,
        dense = format!("{dense:.2}"),
        pruned = format!("{pruned:.2}"),
        pairs = percent(quality.pruned.distinct_2),
        dense_pairs = percent(quality.dense.distinct_2),
        runs = percent(quality.pruned.repeated_3),
        dense_runs = percent(quality.dense.repeated_3),
    );
    if let Some((text, loss)) = repaired.and_then(|quality| Some((&quality.pruned, quality.pruned.dense_loss?))) {
        series.push(line(tr!(figure_steps_repaired_text), Ink::Repaired, losses(text)));
        sentence.push(' ');
        sentence += &tr!(
            figure_steps_collapse_repaired,
            loss = format!("{loss:.2}"),
            pairs = percent(text.distinct_2),
            runs = percent(text.repeated_3),
        );
    }
    figure(series, tr!(figure_steps_loss), (0.0, 1.0), sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::steps;

    fn fixed(values: &[f32]) -> Vec<Metrics> {
        values.iter().map(|kl| Metrics { kl_dense_pruned: *kl, cos_p: 0.75, ..Metrics::default() }).collect()
    }

    fn lines(figure: &Figure) -> &[Series] {
        let Chart::Lines(chart) = &figure.chart else { panic!("lines") };
        &chart.series
    }

    #[test]
    fn the_feedback_is_the_area_between_both_lines() {
        let (own, fixed) = (steps(&[(1.0, 0.5), (3.0, 0.2)]), fixed(&[1.0, 1.0]));
        let figure = kl(Course { steps: &own, fixed: &fixed }, Course::default(), Some(TextChange::Wrong)).unwrap();
        assert!(figure.sentence.contains("2.00 nats") && figure.sentence.contains("50 %"), "{}", figure.sentence);
        let band = lines(&figure)[0].band.as_ref().unwrap();
        assert_eq!((band.low.clone(), band.high.clone()), (vec![1.0, 1.0], vec![1.0, 3.0]));
        let reworded =
            kl(Course { steps: &own, fixed: &fixed }, Course::default(), Some(TextChange::Reworded)).unwrap();
        assert!(!reworded.sentence.contains("feedback") && lines(&reworded)[0].band.is_none(), "{}", reworded.sentence);
        let begun = Course { steps: &own[..1], fixed: &[] };
        assert!(kl(begun, Course::default(), None).unwrap().sentence.contains("so far"));
        assert_eq!(kl(Course::default(), Course::default(), None), None);
    }

    #[test]
    fn the_repaired_model_has_lines_and_means_of_its_own() {
        let (own, fixed_own) = (steps(&[(1.0, 0.5), (3.0, 0.2)]), fixed(&[1.0, 1.0]));
        let (other, fixed_other) = (steps(&[(0.25, 0.9), (0.75, 0.7)]), fixed(&[0.125, 0.125]));
        let pruned = Course { steps: &own, fixed: &fixed_own };
        let repaired = Course { steps: &other, fixed: &fixed_other };
        let names = |figure: &Figure| lines(figure).iter().map(|line| line.name.clone()).collect::<Vec<_>>();
        let figure = kl(pruned, repaired, None).unwrap();
        assert_eq!(names(&figure), ["KL", "KL on the dense text", "KL, repaired", "KL, repaired on the dense text"]);
        assert!(
            figure.sentence.ends_with("Repaired: 0.50 nats on its own text, 0.12 on the dense text."),
            "{}",
            figure.sentence
        );
        assert!(lines(&figure)[2..].iter().all(|line| line.ink == Ink::Repaired));
        let figure = probabilities(pruned, Course { fixed: &[], ..repaired }).unwrap();
        assert!(figure.sentence.ends_with("Repaired: 0.80 so far."), "{}", figure.sentence);
        let figure = hidden_and_logits(pruned, repaired).unwrap();
        assert_eq!(names(&figure)[4..], ["h, repaired", "z, repaired"]);
        assert!(figure.sentence.ends_with("Repaired: 0.90 and 0.98."), "{}", figure.sentence);
        // Before its first step there is nothing to tell.
        let kl_of = |pruned: Course<'_>, repaired: Course<'_>| kl(pruned, repaired, None);
        for of in [hidden_and_logits, probabilities, kl_of] {
            let alone = of(pruned, Course::default()).unwrap();
            assert!(!alone.sentence.contains("epaired") && names(&alone).iter().all(|name| !name.contains("epaired")));
        }
    }

    #[test]
    fn each_text_has_a_line_of_the_dense_models_losses() {
        let text = |repeated_3: f32, loss: f32| TextQuality {
            distinct_2: 1.0 - repeated_3,
            repeated_3,
            dense_loss: Some(loss),
            dense_losses: vec![loss; 2],
            ..TextQuality::default()
        };
        let of = |pruned: TextQuality| Quality { dense: text(0.1, 0.5), pruned };
        let figure = collapse(&of(text(0.6, 6.0)), Some(&of(text(0.0, 0.75)))).unwrap();
        assert_eq!(lines(&figure).len(), 3);
        assert!(
            figure.sentence.ends_with("surprised by 0.75; 100 % of the pairs are different, 0 % of the runs repeat.")
        );
        assert_eq!(lines(&collapse(&of(text(0.6, 6.0)), None).unwrap()).len(), 2);
    }
}
