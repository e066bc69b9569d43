//! Between which values an objective is shown: a few wild ones would flatten all others.

use super::super::format;
use crate::insight::Insight;

/// Values worse than this share of all are shown only if they are near the others.
const SHOWN_SHARE: f64 = 0.9;
/// How far beyond the shown ones the worst may be, in spans between the best and those.
const REACH: f64 = 3.0;
/// How far apart positive values must be to stand on powers of ten by themselves.
const LOG_SPAN: f64 = 50.0;

/// The range of an objective on charts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) is_log: bool,
    /// Values beyond it.
    pub(super) n_outside: usize,
}

impl Spread {
    /// Of the values of an objective; `is_log` if the reader wants it so.
    pub(super) fn of(insight: &Insight, objective: usize, is_log: Option<bool>) -> Self {
        let values = insight.scored(objective);
        let losses = values
            .iter()
            .map(|(_, value)| insight.loss(objective, *value));
        let mut losses: Vec<f64> = losses.collect();
        losses.sort_by(f64::total_cmp);
        let (Some(&best), Some(&worst)) = (losses.first(), losses.last()) else {
            return Self {
                low: 0.0,
                high: 1.0,
                is_log: false,
                n_outside: 0,
            };
        };
        let near = losses[((losses.len() - 1) as f64 * SHOWN_SHARE) as usize];
        let shown = insight.loss(objective, near);
        let (first, last) = (
            insight.loss(objective, best),
            insight.loss(objective, worst),
        );
        let is_positive = first.min(last) > 0.0;
        let is_far = is_positive && first.max(shown) / first.min(shown) > LOG_SPAN;
        let is_log = is_positive && is_log.unwrap_or(is_far);
        // On powers of ten wild values are near enough.
        let limit = if !is_log && worst > near + REACH * (near - best) && near > best {
            near + 0.5 * (near - best)
        } else {
            worst
        };
        let limit_value = insight.loss(objective, limit);
        Self {
            low: first.min(limit_value),
            high: first.max(limit_value),
            is_log,
            n_outside: losses.iter().filter(|loss| **loss > limit).count(),
        }
    }

    /// What is not seen, in words.
    pub(super) fn note(self) -> Option<String> {
        let counted = format::counted(self.n_outside as i64, "value");
        (self.n_outside > 0).then(|| format!("{counted} beyond the scale at its rim"))
    }
}
