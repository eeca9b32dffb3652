//! The measurements that an open view starts by itself.

use prunescope_protocol::messages::Measurement;
use prunescope_protocol::model::Matrix;
use prunescope_protocol::settings::{Settings, View};

use crate::run_results::RunResults;

/// The measurement that the open view of these settings starts by itself.
///
/// * `pictured` — the matrix whose picture is shown.
pub fn automatic(settings: &Settings, pictured: (usize, Matrix)) -> Option<Measurement> {
    match settings.view {
        View::Choice => Some(Measurement::Choice),
        View::Retrieval => Some(Measurement::Retrieval),
        View::Compare | View::Steps | View::Theorems if !settings.measure.compare.is_empty() => {
            Some(Measurement::Compare)
        }
        View::Weights if settings.run.plan.edits_weights() => {
            let (layer, matrix) = pictured;
            Some(Measurement::Picture { layer, matrix })
        }
        _ => None,
    }
}

/// Whether the results lack what the open view shows.
pub fn is_missing(view: View, results: &RunResults) -> bool {
    match view {
        View::Choice => results.choice.is_empty(),
        View::Retrieval => results.retrieval.is_none(),
        View::Compare | View::Steps | View::Theorems => results.variants.is_empty(),
        _ => false,
    }
}

/// The measurement to start after a change of settings that starts no run: the open view's, if the view was just opened or the compared
/// plans changed, and no long measurement (`wanted`) is in progress.
pub fn after_change(
    before: &Settings,
    now: &Settings,
    wanted: Option<Measurement>,
    pictured: (usize, Matrix),
) -> Option<Measurement> {
    let opened = now.view != before.view || now.measure.compare != before.measure.compare;
    let is_idle = !matches!(
        wanted,
        Some(
            Measurement::Sweep
                | Measurement::Search
                | Measurement::Judge
                | Measurement::TextFidelity
                | Measurement::Speed
        )
    );
    automatic(now, pictured).filter(|_| opened && is_idle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prunescope_protocol::settings::{MeasureSettings, Variant};

    const PICTURED: (usize, Matrix) = (3, Matrix::Up);

    fn settings(view: View, plan: &str, compares: bool) -> Settings {
        let mut settings = Settings { view, ..Settings::default() };
        settings.run.plan = plan.parse().unwrap();
        if compares {
            let variant = Variant { name: "x".into(), plan: "a1".parse().unwrap() };
            settings.measure = MeasureSettings { compare: vec![variant], ..MeasureSettings::default() };
        }
        settings
    }

    #[test]
    fn each_view_measures_what_it_shows() {
        let of = |view, plan, compares| automatic(&settings(view, plan, compares), PICTURED);
        assert_eq!(of(View::Choice, "", false), Some(Measurement::Choice));
        assert_eq!(of(View::Retrieval, "", false), Some(Measurement::Retrieval));
        for view in [View::Compare, View::Steps, View::Theorems] {
            assert_eq!((of(view, "", true), of(view, "", false)), (Some(Measurement::Compare), None));
        }
        let picture = Measurement::Picture { layer: 3, matrix: Matrix::Up };
        assert_eq!((of(View::Weights, "wanda-0.5", false), of(View::Weights, "a1", false)), (Some(picture), None));
        for view in [View::Layers, View::Tokens, View::Sweep, View::Search] {
            assert_eq!(of(view, "wanda-0.5", true), None);
        }
    }

    #[test]
    fn what_was_opened_is_measured_and_no_sweep_is_stopped_for_it() {
        let (layers, choice) = (settings(View::Layers, "", false), settings(View::Choice, "", false));
        assert_eq!(after_change(&layers, &choice, None, PICTURED), Some(Measurement::Choice));
        assert_eq!(after_change(&choice, &choice, None, PICTURED), None);
        for long in [Measurement::Sweep, Measurement::Search, Measurement::TextFidelity] {
            assert_eq!(after_change(&layers, &choice, Some(long), PICTURED), None);
        }
        let (none, some) = (settings(View::Compare, "", false), settings(View::Compare, "", true));
        assert_eq!(after_change(&none, &some, Some(Measurement::Choice), PICTURED), Some(Measurement::Compare));
    }

    #[test]
    fn views_miss_what_they_show() {
        let results = RunResults::default();
        for view in [View::Choice, View::Retrieval, View::Compare, View::Steps, View::Theorems] {
            assert!(is_missing(view, &results), "{view}");
        }
        assert!(!is_missing(View::Layers, &results));
    }
}
