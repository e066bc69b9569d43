//! What every threshold would give: positives found against false alarms, and against how often the model is right when it
//! calls a row positive.

use super::axes::Axes;
use super::confusion::weight;
use crate::text;
use automl_core::metrics::Metric;
use automl_engine::OutOfFold;
use maud::{Markup, html};

/// Points of a curve, at most.
const MAX_POINTS: usize = 300;

/// One threshold: what is predicted positive from there on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Share of the positive rows among them.
    pub(super) recall: f64,
    /// Share of the negative rows among them.
    pub(super) false_alarms: f64,
    /// Share of them that is positive.
    pub(super) precision: f64,
}

pub(super) fn section(rows: &OutOfFold) -> Markup {
    let points = points(rows);
    let Some(last) = points.last().copied() else {
        return Markup::default();
    };
    let axes = Axes {
        x: (0.0, 1.0),
        y: (0.0, 1.0),
        size: Axes::SQUARE,
    };
    let score = |metric: Metric| {
        let score = metric.score(&rows.target, &rows.predictions, rows.weight.as_deref());
        score.map_or_else(|_| "–".to_owned(), text::score)
    };
    let roc = [(0.0, 0.0)].into_iter();
    let roc = roc.chain(points.iter().map(|at| (at.false_alarms, at.recall)));
    let recall = points.iter().map(|at| (at.recall, at.precision));
    html! {
        h3 { "What each threshold gives" }
        div.pair {
            figure {
                svg.square viewBox=(axes.view_box()) role="img" aria-label="Receiver operating characteristic" {
                    (axes.frame("share of negative rows called positive", "share of positive rows found"))
                    line.grid.even x1=(axes.at_x(0.0)) y1=(axes.at_y(0.0)) x2=(axes.at_x(1.0)) y2=(axes.at_y(1.0)) {}
                    path.best d=(axes.line(roc)) {}
                }
                figcaption.soft { "ROC, area " (score(Metric::RocAuc)) ". On the dashed line a model knows nothing." }
            }
            figure {
                svg.square viewBox=(axes.view_box()) role="img" aria-label="Precision by recall" {
                    (axes.frame("recall: share of positive rows found", "precision: share of found rows that are positive"))
                    line.grid.even x1=(axes.at_x(0.0)) y1=(axes.at_y(last.precision)) x2=(axes.at_x(1.0)) y2=(axes.at_y(last.precision)) {}
                    path.best d=(axes.line(recall)) {}
                }
                figcaption.soft { "Precision and recall, average precision " (score(Metric::AveragePrecision)) ". The dashed line is the share of positive rows." }
            }
        }
    }
}

/// Thresholds from the surest row to all rows, thinned; none where a class has no rows.
fn points(rows: &OutOfFold) -> Vec<Point> {
    thinned(steps(rows, (2, 1)), MAX_POINTS)
}

/// All thresholds of the probability of one of so many classes, from the surest row to all rows; none where it has all rows or
/// none. Cost: a sort of the rows.
pub(super) fn steps(rows: &OutOfFold, (n_classes, class): (usize, usize)) -> Vec<Point> {
    let code = class as f64;
    let probabilities = rows.predictions.values().chunks_exact(n_classes);
    let probabilities = probabilities.map(|row| row[class]);
    let mut order: Vec<(f64, usize)> = probabilities.zip(0..rows.target.len()).collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let total = |is_positive: bool| -> f64 {
        let of_kind =
            (0..rows.target.len()).filter(|&row| (rows.target[row] == code) == is_positive);
        of_kind.map(|row| weight(rows, row)).sum()
    };
    let (n_positive, n_negative) = (total(true), total(false));
    if n_positive <= 0.0 || n_negative <= 0.0 {
        return Vec::new();
    }
    let (mut found, mut alarms) = (0.0, 0.0);
    let mut points = Vec::new();
    for (place, &(probability, row)) in order.iter().enumerate() {
        if rows.target[row] == code {
            found += weight(rows, row);
        } else {
            alarms += weight(rows, row);
        }
        // Rows that the model cannot tell apart are called alike.
        let is_last_of_its_kind = order.get(place + 1).is_none_or(|next| next.0 < probability);
        if is_last_of_its_kind && found + alarms > 0.0 {
            points.push(Point {
                recall: found / n_positive,
                false_alarms: alarms / n_negative,
                precision: found / (found + alarms),
            });
        }
    }
    points
}

/// So many points at most, the first and the last among them.
pub(super) fn thinned(points: Vec<Point>, n_max: usize) -> Vec<Point> {
    let n = points.len();
    if n <= n_max {
        return points;
    }
    let place = |index: usize| index * (n - 1) / (n_max - 1);
    (0..n_max).map(|index| points[place(index)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::Predictions;

    fn rows(target: &[f64], positive: &[f64], weight: Option<Vec<f64>>) -> OutOfFold {
        OutOfFold {
            rows: (0..target.len() as u32).collect(),
            target: target.to_vec(),
            predictions: Predictions::Probabilities {
                n_classes: 2,
                values: positive.iter().flat_map(|p| [1.0 - p, *p]).collect(),
            },
            weight,
        }
    }

    fn told(rows: &OutOfFold) -> Vec<[f64; 3]> {
        let point = |at: Point| [at.recall, at.false_alarms, at.precision];
        points(rows).into_iter().map(point).collect()
    }

    #[test]
    fn each_threshold_is_a_point_and_ties_are_one() {
        let found = told(&rows(&[1.0, 0.0, 1.0, 0.0], &[0.9, 0.8, 0.8, 0.1], None));
        let expected = [[0.5, 0.0, 1.0], [1.0, 0.5, 2.0 / 3.0], [1.0, 1.0, 0.5]];
        assert_eq!(found, expected);
    }

    #[test]
    fn rows_count_by_their_weight() {
        let weight = Some(vec![3.0, 1.0, 1.0]);
        let found = told(&rows(&[1.0, 0.0, 1.0], &[0.9, 0.8, 0.7], weight));
        assert_eq!(found[..2], [[0.75, 0.0, 1.0], [0.75, 1.0, 0.75]]);
    }

    #[test]
    fn one_class_alone_has_no_curve() {
        assert_eq!(
            told(&rows(&[1.0, 1.0], &[0.2, 0.3], None)),
            Vec::<[f64; 3]>::new()
        );
    }

    #[test]
    fn many_points_are_thinned_and_keep_their_ends() {
        let n = 5000;
        let positive: Vec<f64> = (0..n).map(|row| f64::from(row) / f64::from(n)).collect();
        let target: Vec<f64> = (0..n).map(|row| f64::from(row % 3 == 0)).collect();
        let found = told(&rows(&target, &positive, None));
        assert_eq!(found.len(), MAX_POINTS);
        assert_eq!(found[MAX_POINTS - 1][..2], [1.0, 1.0]);
        assert!(found[0][2] == 0.0 || found[0][2] == 1.0);
    }
}
