//! More than two classes: how well each is told from the rest, and how far the model's confidence can be trusted.

use super::axes::Axes;
use super::confusion::{self, LABEL_WIDTH, weight};
use super::curves::{self, Point};
use super::quality::{self, Bin};
use crate::text;
use automl_core::{Decision, Task};
use automl_engine::OutOfFold;
use maud::{Markup, html};

/// Classes with a curve of their own, at most: the largest.
const MAX_CURVES: usize = 5;
/// Classes that the mean curve is made of, at most: each costs a sort of the rows.
const MAX_IN_MEAN: usize = 30;
/// Points of one curve, at most.
const MAX_POINTS: usize = 120;

/// One class against all others.
struct Curve {
    name: String,
    /// False alarms and recall, from (0, 0) to (1, 1).
    points: Vec<(f64, f64)>,
    area: f64,
}

impl Curve {
    fn of(task: &Task, rows: &OutOfFold, class: usize) -> Option<Self> {
        let steps = curves::steps(rows, (task.n_classes(), class));
        if steps.is_empty() {
            return None;
        }
        let at = |point: &Point| (point.false_alarms, point.recall);
        let whole = || std::iter::once((0.0, 0.0)).chain(steps.iter().map(at));
        let area = area(whole());
        let points = whole().collect();
        let name = text::clip(&task.classes()[class], LABEL_WIDTH);
        Some(Self { name, points, area })
    }

    /// The share of its rows that is found where so many others are called so, too.
    fn recall_at(&self, false_alarms: f64) -> f64 {
        let behind = self.points.partition_point(|point| point.0 <= false_alarms);
        let from = self.points[behind.max(1) - 1];
        let to = self.points.get(behind).copied().unwrap_or(from);
        let share = (false_alarms - from.0) / (to.0 - from.0);
        if share.is_finite() {
            from.1 + share * (to.1 - from.1)
        } else {
            from.1
        }
    }
}

/// The area below a line through points that go to the right.
fn area(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let mut sum = 0.0;
    let mut last = (0.0, 0.0);
    for point in points {
        sum += (point.0 - last.0) * f64::midpoint(point.1, last.1);
        last = point;
    }
    sum
}

/// Receiver operating characteristics: the mean of the classes, and the largest ones.
pub(super) fn one_against_rest(task: &Task, rows: &OutOfFold) -> Markup {
    let order = confusion::by_size(task.n_classes(), rows);
    let classes = order.iter().take(MAX_IN_MEAN);
    let curves: Vec<Curve> = classes
        .filter_map(|&class| Curve::of(task, rows, class))
        .collect();
    if curves.is_empty() {
        return Markup::default();
    }
    let mean = mean_of(&curves);
    let axes = Axes {
        x: (0.0, 1.0),
        y: (0.0, 1.0),
        size: Axes::SQUARE,
    };
    let shown = &curves[..curves.len().min(MAX_CURVES)];
    let n_classes = curves.len();
    html! {
        figure {
            svg.square viewBox=(axes.view_box()) role="img" aria-label="Receiver operating characteristic of each class" {
                (axes.frame("share of other rows called so", "share of the class's rows found"))
                line.grid.even x1=(axes.at_x(0.0)) y1=(axes.at_y(0.0)) x2=(axes.at_x(1.0)) y2=(axes.at_y(1.0)) {}
                @for (place, curve) in shown.iter().enumerate() {
                    path class=(format!("series line-{place}")) d=(axes.line(thinned(&curve.points))) {
                        title { (curve.name) ", area " (text::score(curve.area)) }
                    }
                }
                path.series.line-mean d=(axes.line(mean.points)) { title { (mean.name) ", area " (text::score(mean.area)) } }
            }
            figcaption.soft {
                "ROC of each class against the rest, with its area: "
                span.key.line-mean { (mean.name) } " " (text::score(mean.area))
                @for (place, curve) in shown.iter().enumerate() {
                    ", " span class=(format!("key line-{place}")) { (curve.name) } " " (text::score(curve.area))
                }
                "."
                @if n_classes > shown.len() { " The mean is of the " (n_classes) " largest classes; the " (shown.len()) " largest have a line." }
            }
        }
    }
}

/// The mean recall at each share of false alarms; its area is the mean of the areas.
fn mean_of(curves: &[Curve]) -> Curve {
    let n = curves.len() as f64;
    let at = |x: f64| curves.iter().map(|curve| curve.recall_at(x)).sum::<f64>() / n;
    let across = (0..=100).map(|place| f64::from(place) / 100.0);
    let begin = std::iter::once((0.0, 0.0));
    Curve {
        name: "mean".to_owned(),
        points: begin.chain(across.map(|x| (x, at(x)))).collect(),
        area: curves.iter().map(|curve| curve.area).sum::<f64>() / n,
    }
}

fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let n = points.len();
    if n <= MAX_POINTS {
        return points.to_vec();
    }
    let place = |index: usize| index * (n - 1) / (MAX_POINTS - 1);
    (0..MAX_POINTS).map(|index| points[place(index)]).collect()
}

/// How often predicted classes are right among those of like probability.
pub(super) fn confidence(task: &Task, rows: &OutOfFold, decision: &Decision) -> Markup {
    let bins = bins_of_confidence(task.n_classes(), rows, decision);
    if bins.is_empty() {
        return Markup::default();
    }
    html! {
        figure {
            (quality::reliability(&bins, "Share of right predictions by confidence", ["probability of the predicted class", "share of rows where it is right"]))
            figcaption.soft {
                "Confidence and outcome: each dot is a tenth of the rows by the probability of the class that is predicted. On the diagonal it means what it says; on average it is off by "
                (text::percent(quality::gap(&bins))) " (expected calibration error)."
            }
        }
    }
}

fn bins_of_confidence(n_classes: usize, rows: &OutOfFold, decision: &Decision) -> Vec<Bin> {
    let predicted = rows.predictions.class_codes_by(decision);
    let probabilities = rows.predictions.values().chunks_exact(n_classes);
    let told = predicted.iter().zip(probabilities).enumerate();
    let told = told.map(|(row, (&code, probabilities))| {
        let is_right = rows.target[row] == f64::from(code);
        (
            probabilities[code as usize],
            f64::from(u8::from(is_right)),
            weight(rows, row),
        )
    });
    quality::bins(told.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::Predictions;

    fn task() -> Task {
        Task::Multiclass {
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
        }
    }

    fn rows(target: &[f64], values: &[[f64; 3]], weight: Option<Vec<f64>>) -> OutOfFold {
        OutOfFold {
            rows: (0..target.len() as u32).collect(),
            target: target.to_vec(),
            predictions: Predictions::Probabilities {
                n_classes: 3,
                values: values.concat(),
            },
            weight,
        }
    }

    #[test]
    fn the_area_of_a_class_is_how_often_its_rows_stand_before_others() {
        let values = [
            [0.6, 0.2, 0.2],
            [0.3, 0.5, 0.2],
            [0.4, 0.3, 0.3],
            [0.1, 0.1, 0.8],
        ];
        let rows = rows(&[0.0, 0.0, 1.0, 2.0], &values, None);
        let area = |class| Curve::of(&task(), &rows, class).unwrap().area;
        // Of a's two rows and two others three pairs of four are in order.
        assert!((area(0) - 0.75).abs() < 1e-12);
        assert!((area(2) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_mean_curve_has_the_mean_of_the_areas_and_ends_where_all_end() {
        let curve = |points: &[(f64, f64)]| Curve {
            name: String::new(),
            points: points.to_vec(),
            area: area(points.iter().copied()),
        };
        let perfect = curve(&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]);
        let blind = curve(&[(0.0, 0.0), (1.0, 1.0)]);
        let mean = mean_of(&[perfect, blind]);
        assert!((mean.area - 0.75).abs() < 1e-12);
        assert!((area(mean.points.iter().copied()) - 0.75).abs() < 1e-12);
        assert_eq!(mean.points.last(), Some(&(1.0, 1.0)));
        assert_eq!(mean.points[1], (0.0, 0.5));
    }

    #[test]
    fn a_class_without_rows_has_no_curve() {
        let rows = rows(&[0.0, 1.0], &[[0.9, 0.05, 0.05], [0.1, 0.8, 0.1]], None);
        assert!(Curve::of(&task(), &rows, 2).is_none());
        let page = one_against_rest(&task(), &rows).into_string();
        assert!(
            page.contains("line-1") && !page.contains("line-2"),
            "{page}"
        );
    }

    #[test]
    fn six_lines_are_drawn_at_most() {
        let n = 12;
        let classes = (0..n).map(|class| format!("class {class}")).collect();
        let values = (0..n * n).map(|cell| if cell % (n + 1) == 0 { 1.0 } else { 0.0 });
        let rows = OutOfFold {
            rows: (0..n as u32).collect(),
            target: (0..n as u32).map(f64::from).collect(),
            predictions: Predictions::Probabilities {
                n_classes: n,
                values: values.collect(),
            },
            weight: None,
        };
        let page = one_against_rest(&Task::Multiclass { classes }, &rows).into_string();
        assert_eq!(page.matches("class=\"series").count(), 6);
        assert!(page.contains("the 5 largest have a line"));
    }

    #[test]
    fn confidence_is_that_of_the_predicted_class_and_heeds_weights() {
        let values = [[0.7, 0.2, 0.1], [0.1, 0.7, 0.2]];
        let rows = rows(&[0.0, 0.0], &values, Some(vec![3.0, 1.0]));
        let bins = bins_of_confidence(3, &rows, &Decision::default());
        assert_eq!(
            bins.iter().map(|bin| bin.share).collect::<Vec<_>>(),
            [0.0, 1.0]
        );
        assert!(bins.iter().all(|bin| (bin.probability - 0.7).abs() < 1e-12));
        assert!((quality::gap(&bins) - (0.25 * 0.7 + 0.75 * 0.3)).abs() < 1e-12);
    }
}
