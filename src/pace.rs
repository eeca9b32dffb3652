//! Speed of downloads and sweeps, and the time they still need.

/// Speed of a download.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Bytes per second.
    pub speed: f64,
    /// Seconds until the download is complete.
    pub left: f64,
}

/// Measures the speed of a download.
#[derive(Clone, Copy, Debug, Default)]
pub struct DownloadPace {
    /// When bytes began to come from the network, in milliseconds, and how many bytes there were then.
    began: Option<(f64, u64)>,
}

impl DownloadPace {
    /// The speed; none during the first second and while nothing comes.
    ///
    /// * `now` — a time in milliseconds, from any origin.
    /// * `kept` — how many of the received bytes were already on the device.
    pub fn of(&mut self, now: f64, received: u64, total: u64, kept: u64) -> Option<Pace> {
        // A different or restarted file is measured from its beginning.
        let Some((since, had)) = self.began.filter(|(_, had)| (kept..=received).contains(had)) else {
            self.began = Some((now, received));
            return None;
        };
        let seconds = (now - since) / 1000.0;
        let speed = (received - had) as f64 / seconds.max(1e-3);
        let left = total.saturating_sub(received) as f64;
        (seconds > 1.0 && speed > 0.0).then(|| Pace { speed, left: left / speed })
    }
}

/// A sweep point that arrives within this many milliseconds of the previous one was known already.
const KNOWN_WITHIN_MS: f64 = 100.0;

/// Measures how long each point of a sweep takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SweepPace {
    /// For the current series of newly measured points: start in milliseconds, points at the start, time of the latest point.
    began: Option<(f64, usize, f64)>,
}

impl SweepPace {
    /// Estimated seconds for the remaining points; none until a new point was measured. Points known already arrive at once and do not
    /// count.
    ///
    /// * `now` — a time in milliseconds, from any origin.
    pub fn left(&mut self, now: f64, done: usize, total: usize) -> Option<f64> {
        let going_on = self.began.filter(|(.., last)| now - last > KNOWN_WITHIN_MS);
        let (began, before, _) = going_on.unwrap_or((now, done, now));
        self.began = Some((began, before, now));
        let new = done.saturating_sub(before);
        (new > 0).then(|| (now - began) / 1000.0 / new as f64 * total.saturating_sub(done) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_measured_from_its_first_byte_of_the_network() {
        let mut pace = DownloadPace::default();
        assert_eq!(pace.of(0.0, 40, 100, 40), None);
        assert_eq!(pace.of(900.0, 60, 100, 40), None, "a second is waited for");
        assert_eq!(pace.of(2000.0, 60, 100, 40), Some(Pace { speed: 10.0, left: 4.0 }));
        assert_eq!(pace.of(3000.0, 5, 100, 0), None, "another file");
        assert_eq!(pace.of(5000.0, 5, 100, 0), None, "nothing comes");
        assert_eq!(pace.of(7000.0, 205, 100, 0).map(|pace| pace.left), Some(0.0), "more than was said");
    }

    #[test]
    fn known_points_of_a_sweep_do_not_count() {
        let mut pace = SweepPace::default();
        for (now, done) in [(0.0, 1), (5.0, 2), (10.0, 3)] {
            assert_eq!(pace.left(now, done, 10), None);
        }
        assert_eq!(pace.left(2010.0, 4, 10), Some(12.0));
        assert_eq!(pace.left(6010.0, 5, 10), Some(15.0));
    }
}
