//! A token bucket: so much at once, so much a second in the long run.

/// What is left, and when it was counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    left: f64,
    at: f64,
}

impl Bucket {
    /// A full one, at a time in seconds.
    pub(super) fn new(burst: f64, now: f64) -> Self {
        Self {
            left: burst,
            at: now,
        }
    }

    /// Takes one, or says after how many seconds there is one.
    pub(super) fn take(&mut self, per_second: f64, burst: f64, now: f64) -> Result<(), f64> {
        let since = (now - self.at).max(0.0);
        self.left = (self.left + since * per_second).min(burst);
        self.at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err((1.0 - self.left) / per_second)
    }

    /// Puts one back.
    pub(super) fn give_back(&mut self) {
        self.left += 1.0;
    }

    /// Whether it is full again, so that nothing is lost if it is forgotten.
    pub(super) fn is_full(&self, per_second: f64, burst: f64, now: f64) -> bool {
        self.left + (now - self.at).max(0.0) * per_second >= burst
    }
}

#[cfg(test)]
mod tests {
    use super::Bucket;

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let mut bucket = Bucket::new(2.0, 10.0);
        assert_eq!(bucket.take(0.5, 2.0, 10.0), Ok(()));
        assert_eq!(bucket.take(0.5, 2.0, 10.0), Ok(()));
        assert_eq!(bucket.take(0.5, 2.0, 10.0), Err(2.0));
        assert_eq!(bucket.take(0.5, 2.0, 11.0), Err(1.0));
        assert_eq!(bucket.take(0.5, 2.0, 12.0), Ok(()));
        assert!(!bucket.is_full(0.5, 2.0, 15.0) && bucket.is_full(0.5, 2.0, 16.0));
        assert_eq!(bucket.take(0.5, 2.0, 1000.0), Ok(()));
        assert_eq!(bucket.take(0.5, 2.0, 1000.0), Ok(()));
        assert_eq!(
            bucket.take(0.5, 2.0, 1000.0),
            Err(2.0),
            "no more than a burst is saved up"
        );
    }
}
