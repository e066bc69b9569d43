//! How predictions change with the columns that matter most: one small drawing a column, all with the same scale upwards.

use super::axes::Axes;
use crate::text;
use automl_core::Task;
use automl_engine::{
    DependencePoint, DependenceValue, LeftOut, PartialDependence, PartialDependences,
};
use maud::{Markup, html};

/// Classes that have a line, at most: those that change most.
const MAX_CLASSES: usize = 4;
/// Characters of a level or class.
const NAME_WIDTH: usize = 16;
const SIZE: (f64, f64) = (420.0, 260.0);

pub(super) fn section(task: &Task, told: &Result<PartialDependences, LeftOut>) -> Markup {
    html! {
        section id="dependence" {
            h2 { "What changes its predictions" }
            @match told {
                Ok(told) => { (drawings(task, told)) }
                Err(why) => { (super::left_out("The partial dependence on the columns that matter most", why)) }
            }
        }
    }
}

fn drawings(task: &Task, PartialDependences { n_rows, columns }: &PartialDependences) -> Markup {
    let shown = shown_outputs(task, columns);
    let range = range(columns, &shown);
    html! {
        p.soft {
            "The mean prediction of " (text::counted(*n_rows as u64, "row")) " if each had the value below and were otherwise what it is (partial dependence). "
            @match task.positive_class() {
                Some(class) => { "Upwards is the probability of '" (class) "'." }
                None => {}
            }
            @if shown.len() > 1 {
                @if task.is_classification() { "Lines are probabilities of classes: " } @else { "Lines are quantiles: " }
                @for (place, &output) in shown.iter().enumerate() {
                    @if place > 0 { ", " }
                    span class=(format!("key line-{place}")) { (output_name(task, output)) }
                }
                "."
            }
        }
        div.pair { @for column in columns { (drawing(column, &shown, range)) } }
    }
}

fn output_name(task: &Task, output: usize) -> String {
    match task.levels().get(output) {
        Some(level) => level.to_string(),
        None => text::clip(&task.classes()[output], NAME_WIDTH),
    }
}

/// The outputs that are drawn: the number, the least, the middle and the greatest quantile, the positive class, or the classes that
/// change most.
fn shown_outputs(task: &Task, columns: &[PartialDependence]) -> Vec<usize> {
    let n_levels = task.levels().len();
    match task.n_classes() {
        0 if n_levels > 1 => {
            let mut shown = vec![0, n_levels / 2, n_levels - 1];
            shown.dedup();
            shown
        }
        0 => vec![0],
        2 => vec![1],
        n_classes => {
            let span = |class: usize| {
                let spans = columns.iter().map(|column| {
                    let means = column.points.iter().map(|point| point.mean[class]);
                    let (low, high) = ends(means);
                    high - low
                });
                spans.fold(0.0, f64::max)
            };
            let mut classes: Vec<usize> = (0..n_classes).collect();
            classes.sort_by(|&a, &b| span(b).total_cmp(&span(a)));
            classes.truncate(MAX_CLASSES);
            classes
        }
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// From the least to the greatest mean of all that is drawn, with a little room.
fn range(columns: &[PartialDependence], shown: &[usize]) -> (f64, f64) {
    let points = columns.iter().flat_map(|column| &column.points);
    let (low, high) = ends(points.flat_map(|point| shown.iter().map(|&output| point.mean[output])));
    let room = if high > low {
        0.06 * (high - low)
    } else {
        low.abs().max(1.0) * 0.1
    };
    (low - room, high + room)
}

fn drawing(column: &PartialDependence, shown: &[usize], y: (f64, f64)) -> Markup {
    let places = places(&column.points);
    let x = ends(places.iter().map(|(place, _)| *place));
    let is_levels = matches!(column.points[0].value, DependenceValue::Level(_));
    let x = if is_levels { (x.0 - 0.5, x.1 + 0.5) } else { x };
    let axes = Axes { x, y, size: SIZE };
    let title = text::clip(&column.column, 40);
    let frame = if matches!(column.points[0].value, DependenceValue::Number(_)) {
        axes.frame(&title, "mean prediction")
    } else {
        let every = places.len().div_ceil(if is_levels { 6 } else { 4 });
        let ticks: Vec<(f64, String)> = places.iter().step_by(every).cloned().collect();
        axes.frame_with(&ticks, &title, "mean prediction")
    };
    html! {
        figure {
            svg viewBox=(axes.view_box()) role="img" aria-label=(format!("Mean prediction by {title}")) {
                (frame)
                @for (place, &output) in shown.iter().enumerate() {
                    @let points = column.points.iter().zip(&places).map(|(point, (x, _))| (*x, point.mean[output]));
                    @if !is_levels { path class=(format!("series line-{place}")) d=(axes.line(points)) {} }
                    @for (point, (x, name)) in column.points.iter().zip(&places) {
                        circle class=(format!("mark line-{place}")) cx=(axes.at_x(*x)) cy=(axes.at_y(point.mean[output])) r="4" {
                            title { (name) ": " (short(point.mean[output])) (share(point, is_levels)) }
                        }
                    }
                }
            }
        }
    }
}

fn share(point: &DependencePoint, is_level: bool) -> String {
    let percent = text::percent(point.share);
    if is_level {
        format!(", {percent} of the known values")
    } else {
        format!(", {percent} of the known values up to here")
    }
}

/// Where each point stands across, and the words for it.
fn places(points: &[DependencePoint]) -> Vec<(f64, String)> {
    let place = |(index, point): (usize, &DependencePoint)| match &point.value {
        DependenceValue::Number(value) => (*value, short(*value)),
        DependenceValue::Timestamp(micros) => (*micros as f64, day(*micros)),
        DependenceValue::Level(level) => (index as f64, text::clip(level, NAME_WIDTH)),
    };
    points.iter().enumerate().map(place).collect()
}

/// At most four digits after the point.
pub(super) fn short(value: f64) -> String {
    let rounded = format!("{value:.4}");
    let rounded = rounded.trim_end_matches('0').trim_end_matches('.');
    rounded.to_owned()
}

/// The date of a time, in UTC.
fn day(micros: i64) -> String {
    let text = automl_store::rfc3339(micros);
    text.chars().take_while(|&letter| letter != 'T').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: Vec<DependenceValue>, mean: impl Fn(usize) -> Vec<f64>) -> PartialDependence {
        let point = |(index, value)| DependencePoint {
            value,
            share: 0.25,
            mean: mean(index),
        };
        PartialDependence {
            column: "<age>".into(),
            points: values.into_iter().enumerate().map(point).collect(),
        }
    }

    fn drawn(task: &Task, column: PartialDependence) -> Markup {
        let columns = vec![column];
        section(
            task,
            &Ok(PartialDependences {
                n_rows: 100,
                columns,
            }),
        )
    }

    fn classes(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_probability_of_the_positive_class_is_drawn_and_names_are_escaped() {
        let classes = classes(&["no", "yes"]);
        let numbers = [1.0, 2.0, 4.0].map(DependenceValue::Number);
        let column = column(numbers.into(), |index| {
            vec![0.9 - 0.1 * index as f64, 0.1 + 0.1 * index as f64]
        });
        let page = drawn(&Task::Binary { classes }, column).into_string();
        assert!(page.contains("probability of 'yes'"), "{page}");
        assert!(page.contains("&lt;age&gt;") && !page.contains("<age>"));
        assert!(
            page.contains("4: 0.3, 25.0% of the known values up to here"),
            "{page}"
        );
    }

    #[test]
    fn of_many_classes_those_that_change_most_are_drawn() {
        let classes = classes(&["a", "b", "c", "d", "e"]);
        let levels = ["x", "y"].map(|level| DependenceValue::Level(level.into()));
        let column = column(levels.into(), |index| {
            (0..5)
                .map(|class| 0.2 + (index * class) as f64 / 100.0)
                .collect()
        });
        let task = Task::Multiclass { classes };
        assert_eq!(
            shown_outputs(&task, std::slice::from_ref(&column)),
            [4, 3, 2, 1]
        );
        let page = drawn(&task, column).into_string();
        assert!(
            page.contains("x: 0.2, 25.0% of the known values<"),
            "{page}"
        );
        assert!(
            !page.contains("path"),
            "levels have no order that a line could follow"
        );
    }

    #[test]
    fn a_model_that_says_always_the_same_can_be_drawn() {
        let times = [0, 86_400_000_000].map(DependenceValue::Timestamp);
        let page = drawn(&Task::Regression, column(times.into(), |_| vec![3.0])).into_string();
        assert!(
            page.contains("1970-01-02") && !page.contains("NaN"),
            "{page}"
        );
    }
}
