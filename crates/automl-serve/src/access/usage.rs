//! How much a token was used, against its limits.

use super::bucket::Bucket;
use crate::error::ApiError;
use automl_store::access::tokens::{Limits, Token};
use std::sync::{Mutex, PoisonError};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// A quota lasts until the day ends, but no client should sleep that long without a word.
const QUOTA_WAIT: f64 = 60.0;

/// How much a token was used.
#[derive(Debug)]
pub(crate) struct Usage {
    prefix: String,
    limits: Limits,
    bucket: Mutex<Bucket>,
    day: Mutex<(i64, i64)>,
}

impl Usage {
    /// Of a token that moved so many bytes on the day so far.
    pub(super) fn new(token: &Token, used: i64, now_us: i64) -> Self {
        let burst = burst(&token.limits).unwrap_or(1.0);
        Self {
            prefix: token.prefix.clone(),
            limits: token.limits,
            bucket: Mutex::new(Bucket::new(burst, now_us as f64 / 1e6)),
            day: Mutex::new((Self::day_of(now_us), used)),
        }
    }

    /// The day of a time in microseconds, in days since 1970.
    pub(crate) fn day_of(now_us: i64) -> i64 {
        now_us.div_euclid(DAY)
    }

    /// What names the token.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Counts a request.
    pub(super) fn ask(&self, now_us: i64) -> Result<(), ApiError> {
        let (Some(rate), Some(burst)) = (self.limits.requests_per_second, burst(&self.limits))
        else {
            return Ok(());
        };
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket
            .take(rate, burst, now_us as f64 / 1e6)
            .map_err(|wait| {
                let told = format!("this token may ask {rate} times a second");
                ApiError::too_many(told, wait)
            })
    }

    /// Whether so many bytes of artifacts may be moved.
    pub(super) fn may_move(&self, n_bytes: u64, now_us: i64) -> Result<(), ApiError> {
        let Some(limit) = self.limits.artifact_bytes_per_day else {
            return Ok(());
        };
        let used = self.moved(0, now_us);
        if used < limit && used.saturating_add_unsigned(n_bytes) <= limit {
            return Ok(());
        }
        let told = format!(
            "this token may move {limit} bytes of artifacts a day (of UTC), {used} are used"
        );
        Err(ApiError::too_many(told, QUOTA_WAIT))
    }

    /// Counts bytes, and says whether no more than may be are moved on the day.
    pub(crate) fn add(&self, n_bytes: u64, now_us: i64) -> bool {
        let used = self.moved(n_bytes, now_us);
        self.limits
            .artifact_bytes_per_day
            .is_none_or(|limit| used <= limit)
    }

    /// Counts bytes, and gives those of the day.
    fn moved(&self, n_bytes: u64, now_us: i64) -> i64 {
        let mut day = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        if day.0 != Self::day_of(now_us) {
            *day = (Self::day_of(now_us), 0);
        }
        day.1 = day.1.saturating_add_unsigned(n_bytes);
        day.1
    }
}

/// What may be asked at once: twice the rate if it is not said.
fn burst(limits: &Limits) -> Option<f64> {
    let rate = limits.requests_per_second?;
    Some(limits.burst.unwrap_or(2.0 * rate).max(1.0))
}
