//! Which rows are learned from and which are scored on: one stretch of time after the other.

use super::{SeriesError, SeriesParams};
use std::ops::Range;

/// Rows whose values are learned from or forecast. Windows that forecast values of a part may look back into the one
/// before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// To learn from.
    pub train: Range<usize>,
    /// To score on while training; perhaps none.
    pub valid: Range<usize>,
    /// To score on at the end; perhaps none.
    pub test: Range<usize>,
    /// Rows behind those, which have no part in anything.
    pub n_unused: usize,
}

impl Parts {
    /// The parts of `n_rows` rows.
    ///
    /// # Errors
    /// There are too few rows, a part is too short, or a window is shorter than the season.
    pub fn of(
        n_rows: usize,
        params: &SeriesParams,
        validation_share: f64,
    ) -> Result<Self, SeriesError> {
        if params.season > params.lookback {
            return Err(SeriesError::Season {
                season: params.season,
                lookback: params.lookback,
            });
        }
        let rows = |said: u64, share: f64| match said {
            0 => (n_rows as f64 * share).round() as usize,
            said => usize::try_from(said).unwrap_or(usize::MAX),
        };
        let n_valid = rows(params.validation_rows, validation_share);
        let n_test = rows(params.test_rows, params.test_share);
        let n_held = n_valid.saturating_add(n_test);
        let n_train = match params.train_rows {
            0 => n_rows.saturating_sub(n_held),
            said => usize::try_from(said).unwrap_or(usize::MAX),
        };
        let wanted = n_train.saturating_add(n_held);
        if wanted > n_rows {
            return Err(SeriesError::Parts { wanted, n_rows });
        }
        let [lookback, horizon] = [params.lookback as usize, params.horizon as usize];
        let too_short = |part, n_rows, what, wanted| SeriesError::TooShort {
            part,
            n_rows,
            what,
            wanted,
        };
        if n_train < lookback + horizon {
            let wanted = lookback + horizon;
            return Err(too_short(
                "training",
                n_train,
                "a window with its forecast",
                wanted,
            ));
        }
        for (part, n) in [("validation", n_valid), ("test", n_test)] {
            if n > 0 && n < horizon {
                return Err(too_short(part, n, "the horizon", horizon));
            }
        }
        let valid_end = n_train + n_valid;
        Ok(Self {
            train: 0..n_train,
            valid: n_train..valid_end,
            test: valid_end..wanted,
            n_unused: n_rows - wanted,
        })
    }
}
