//! The one place where time enters.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Reads the machine's clocks. Nothing that decides what a model contains may depend on it but the deadline.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    /// What work that this goes on with had taken already.
    before: Duration,
}

impl Clock {
    /// A stopwatch that starts now.
    #[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            before: Duration::ZERO,
        }
    }

    /// The same stopwatch, had it run for so much longer: for work that goes on where an earlier process left it.
    #[must_use]
    pub fn advanced(self, before: Duration) -> Self {
        Self {
            before: self.before + before,
            ..self
        }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.before + self.started.elapsed()
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.elapsed().as_secs_f64()
    }

    /// Wall-clock time in microseconds since 1970-01-01T00:00:00Z, for records only.
    #[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
    pub fn unix_micros() -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros() as i64)
    }
}
