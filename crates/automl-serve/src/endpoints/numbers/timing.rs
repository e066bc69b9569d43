//! How long requests took, counted without locks: an observation is two additions to memory.

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};
use std::fmt;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets, in nanoseconds.
const BOUNDS_NS: [u64; 14] = [
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
    500_000_000,
    2_500_000_000,
    10_000_000_000,
];
/// Those, and one for all that is longer.
const N_BUCKETS: usize = BOUNDS_NS.len() + 1;

/// Durations so far, by buckets.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    buckets: [AtomicU64; N_BUCKETS],
    sum_ns: AtomicU64,
}

impl Timing {
    pub(crate) fn observe(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let place = BOUNDS_NS.partition_point(|bound| *bound < ns);
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// What was seen until now. What is observed meanwhile may be in a bucket and not yet in the sum.
    pub(crate) fn seen(&self) -> Seen {
        Seen {
            buckets: std::array::from_fn(|place| self.buckets[place].load(Ordering::Relaxed)),
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

/// What a [`Timing`] saw, to be added up and told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    buckets: [u64; N_BUCKETS],
    pub(crate) sum_ns: u64,
}

impl Seen {
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// As a histogram of seconds.
    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let ends = BOUNDS_NS.iter().map(|ns| *ns as f64 / 1e9);
        let ends = ends.chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = ends.zip(self.buckets).collect();
        let seconds = self.sum_ns as f64 / 1e9;
        encoder.encode_histogram::<NoLabelSet>(seconds, self.count(), &buckets, None)
    }
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        for (own, others) in self.buckets.iter_mut().zip(other.buckets) {
            *own += others;
        }
        self.sum_ns += other.sum_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_go_to_the_bucket_whose_end_they_do_not_pass() {
        let timing = Timing::default();
        for us in [0, 20, 21, 10_000_000, 10_000_001] {
            timing.observe(Duration::from_micros(us));
        }
        let mut seen = timing.seen();
        let mut wanted = [0; N_BUCKETS];
        for (place, n) in [(0, 2), (1, 1), (13, 1), (14, 1)] {
            wanted[place] = n;
        }
        assert_eq!(seen.buckets, wanted);
        assert_eq!((seen.count(), seen.sum_ns), (5, 20_000_042_000));
        seen += seen;
        assert_eq!((seen.count(), seen.sum_ns), (10, 40_000_084_000));
    }
}
