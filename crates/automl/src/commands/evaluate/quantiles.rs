//! How good quantiles are: the loss of each, and how often the target lies below it and between two of them.

use super::scores::Scored;
use crate::text::{self, Align};
use automl_core::metrics::Metric;
use automl_core::{Level, Predictions};
use serde::Serialize;

/// How good the quantile of one level is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct QuantileScores {
    pub(super) level: Level,
    /// Its own pinball loss; null where the metric has no value.
    pub(super) pinball: Option<f64>,
    /// The share of targets at or below it, which should be the level.
    pub(super) below: f64,
}

/// How good the interval between two quantiles is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct IntervalScores {
    pub(super) from: Level,
    pub(super) to: Level,
    /// The share of targets that lie in it, ends included, which should be `wanted`.
    pub(super) covered: f64,
    pub(super) wanted: f64,
    pub(super) mean_width: f64,
}

/// The scores of quantiles; of other predictions none.
pub(super) fn scores(scored: &Scored<'_>) -> (Vec<QuantileScores>, Vec<IntervalScores>) {
    let Predictions::Quantiles { levels, values } = scored.predictions else {
        return (Vec::new(), Vec::new());
    };
    let column = |place: usize| values.iter().skip(place).step_by(levels.len()).copied();
    let rows = |place: usize| scored.target.iter().copied().zip(column(place));
    let quantile = |(place, &level): (usize, &Level)| {
        let alone = Predictions::Quantiles {
            levels: [level].into(),
            values: column(place).collect(),
        };
        let score = Metric::Pinball.score(scored.target, &alone, scored.weight);
        QuantileScores {
            level,
            pinball: score.ok(),
            below: mean(scored, rows(place).map(|(y, q)| f64::from(y <= q))),
        }
    };
    let interval = |place: usize| {
        let other = levels.len() - 1 - place;
        let ends = || rows(place).zip(column(other));
        let (from, to) = (levels[place], levels[other]);
        let is_in = |((y, low), high): ((f64, f64), f64)| f64::from(low <= y && y <= high);
        IntervalScores {
            from,
            to,
            covered: mean(scored, ends().map(is_in)),
            wanted: from.share_to(to),
            mean_width: mean(scored, ends().map(|((_, low), high)| high - low)),
        }
    };
    let quantiles = levels.iter().enumerate().map(quantile);
    (
        quantiles.collect(),
        (0..levels.len() / 2).map(interval).collect(),
    )
}

/// The mean over rows, by their weights.
fn mean(scored: &Scored<'_>, values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (row, value) in values.enumerate() {
        let weight = scored.weight.map_or(1.0, |weight| weight[row]);
        sum += weight * value;
        total += weight;
    }
    sum / total
}

/// For people.
pub(super) fn text(quantiles: &[QuantileScores], intervals: &[IntervalScores]) -> String {
    let right = |title| (title, Align::Right);
    let row = |one: &QuantileScores| {
        let pinball = one.pinball.map_or_else(|| "-".to_owned(), text::score);
        vec![one.level.to_string(), pinball, text::percent(one.below)]
    };
    let rows: Vec<_> = quantiles.iter().map(row).collect();
    let heading = [right("quantile"), right("pinball"), right("targets below")];
    let mut out = text::table(&heading, &rows);
    if !intervals.is_empty() {
        let row = |one: &IntervalScores| {
            vec![
                format!("{} to {}", one.from, one.to),
                text::percent(one.wanted),
                text::percent(one.covered),
                text::score(one.mean_width),
            ]
        };
        let rows: Vec<_> = intervals.iter().map(row).collect();
        let heading = [
            ("interval", Align::Left),
            right("wanted"),
            right("covered"),
            right("mean width"),
        ];
        out.push('\n');
        out.push_str(&text::table(&heading, &rows));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::{Decision, Task};

    #[test]
    fn targets_below_quantiles_and_between_them_are_counted_by_weight() {
        let levels: Vec<Level> = [0.25, 0.75]
            .map(|level| Level::try_from(level).unwrap())
            .into();
        let predictions = Predictions::Quantiles {
            levels: levels.as_slice().into(),
            values: [1.0, 3.0].repeat(4),
        };
        let scored = Scored {
            task: &Task::Quantile { levels },
            target: &[0.0, 2.0, 3.0, 4.0],
            predictions: &predictions,
            decision: &Decision::Likeliest,
            costs: None,
            weight: Some(&[1.0, 1.0, 1.0, 2.0]),
            data_rows: &[1, 2, 3, 4],
        };
        let (quantiles, intervals) = scores(&scored);
        assert_eq!(
            quantiles.iter().map(|one| one.below).collect::<Vec<_>>(),
            [0.2, 0.6]
        );
        // Below by 1, above by 1, 2 and twice 3, by weight.
        assert_eq!(
            quantiles[0].pinball,
            Some((0.75 + 0.25 * (1.0 + 2.0 + 6.0)) / 5.0)
        );
        let [interval] = &intervals[..] else {
            panic!("one interval");
        };
        assert_eq!(
            (interval.covered, interval.wanted, interval.mean_width),
            (0.4, 0.5, 2.0)
        );
        assert!(text(&quantiles, &intervals).contains("0.25 to 0.75"));
    }
}
