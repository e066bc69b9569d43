//! What each column did to the predictions of single rows: a swarm of dots a column; of many classes a bar.

use super::dependence::short;
use super::lanes::Lanes;
use super::left_out;
use crate::text;
use automl_core::{Level, Task};
use automl_engine::{LeftOut, ShapleyColumn, ShapleyPoint, ShapleySummary};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Classes that have a colour; the others share one.
const MAX_CLASSES: usize = 3;
/// Characters of a class.
const NAME_WIDTH: usize = 16;
/// Pixels of a lane of dots, and of a bar.
const LANES: [f64; 2] = [36.0, 26.0];
/// Pixels between dots that would cover one another.
const DOT: f64 = 4.0;
/// Colours from low values to high ones.
const N_RANKS: usize = 5;

pub(super) fn section(task: &Task, told: &Result<ShapleySummary, LeftOut>) -> Markup {
    html! {
        section id="shapley" {
            h2 { "What moves single predictions" }
            @match told {
                Ok(told) => {
                    (words(task, told))
                    @if task.n_classes() > 2 { (bars(task, told)) } @else { (swarms(task, told)) }
                    (table(task, told))
                }
                Err(why) => { (left_out("What each column did to predictions of single rows (Shapley values)", why)) }
            }
        }
    }
}

fn words(task: &Task, told: &ShapleySummary) -> Markup {
    let n_rows = text::counted(told.n_rows as u64, "row");
    let others = text::counted(told.n_backgrounds as u64, "other");
    html! {
        p.soft {
            "What each column did to the predictions of " (n_rows) " that the models had not seen, compared with " (others)
            " (Shapley values, by sampling). What the columns did to a row sums to its prediction less the mean prediction of the others. "
            @match task.positive_class() {
                Some(class) => { "Rightwards the probability of '" (class) "' is higher. " }
                None if task.n_classes() > 2 => { "A bar is the mean size of it, summed over the classes. " }
                None => { "Rightwards the prediction is higher" @if let Some(level) = middle(task) { ", the quantile of level " (level) } ". " }
            }
            @if task.n_classes() <= 2 {
                "Each dot is a row; its value there is "
                span.key.rank-0 { "low" } ", " span.key.rank-2 { "in the middle" } " or " span.key.rank-4 { "high" }
                "; what has no order is " span.key.rank-none { "grey" } "."
            }
        }
    }
}

/// The level of the quantile in the middle, if quantiles are predicted.
fn middle(task: &Task) -> Option<Level> {
    task.levels().get(task.levels().len() / 2).copied()
}

fn name<'a>(column: &'a ShapleyColumn, others: &'a str) -> &'a str {
    column.column.as_deref().unwrap_or(others)
}

fn others(told: &ShapleySummary) -> String {
    match told.n_others {
        1 => "the other column".to_owned(),
        n => format!("{n} others together"),
    }
}

fn swarms(task: &Task, told: &ShapleySummary) -> Markup {
    let others = others(told);
    let names = told.columns.iter().map(|one| name(one, &others)).collect();
    let parts = told.columns.iter().flat_map(|one| &one.points);
    let lanes = Lanes::of(names, parts.map(|point| point.part), LANES[0]);
    let title = match task.positive_class() {
        Some(class) => format!(
            "change of the probability of '{}'",
            text::clip(class, NAME_WIDTH)
        ),
        None => "change of the prediction".to_owned(),
    };
    html! {
        svg viewBox=(lanes.view_box()) role="img" aria-label="What each column did to predictions, a dot a row" {
            (lanes.frame(&title))
            @for (lane, column) in told.columns.iter().enumerate() {
                @for (class, dots) in swarm(&lanes, lane, &column.points) {
                    path class=(format!("swarm {class}")) d=(dots) {}
                }
            }
        }
    }
}

/// Dots as lines of no length with round ends, by their colour: those that would cover one another stand above and below.
fn swarm(lanes: &Lanes<'_>, lane: usize, points: &[ShapleyPoint]) -> BTreeMap<String, String> {
    let place = |point: &ShapleyPoint| (lanes.across(point.part) / DOT) as i64;
    let mut heights: BTreeMap<i64, usize> = BTreeMap::new();
    for point in points {
        *heights.entry(place(point)).or_default() += 1;
    }
    let highest = heights.values().copied().max().unwrap_or(1);
    let room = lanes.height - DOT - 2.0;
    let step = (room / highest as f64).min(DOT);
    let mut drawn: BTreeMap<i64, usize> = BTreeMap::new();
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    for point in points {
        let index = drawn.entry(place(point)).or_default();
        let side = if index.is_multiple_of(2) { 1.0 } else { -1.0 };
        let y = lanes.middle(lane) + side * step * index.div_ceil(2) as f64;
        *index += 1;
        let path = paths.entry(colour(point.rank)).or_default();
        // Writing to a string cannot fail.
        write!(path, "M{} {y:.1}h0", lanes.at_x(point.part)).ok();
    }
    paths
}

fn colour(rank: Option<f64>) -> String {
    rank.map_or_else(
        || "rank-none".to_owned(),
        |rank| {
            let place = (rank * N_RANKS as f64).ceil() as usize;
            format!("rank-{}", place.clamp(1, N_RANKS) - 1)
        },
    )
}

/// Classes by what columns did to their probabilities, greatest first.
fn ranked_classes(told: &ShapleySummary, n_classes: usize) -> Vec<usize> {
    let size = |class: usize| -> f64 {
        let sizes = told.columns.iter().map(|column| column.mean_size[class]);
        sizes.sum()
    };
    let mut classes: Vec<usize> = (0..n_classes).collect();
    classes.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
    classes
}

fn bars(task: &Task, told: &ShapleySummary) -> Markup {
    let others = others(told);
    let ranked = ranked_classes(told, task.n_classes());
    let (shown, rest) = ranked.split_at(MAX_CLASSES.min(ranked.len()));
    let total = |column: &ShapleyColumn| column.mean_size.iter().sum::<f64>();
    let names = told.columns.iter().map(|one| name(one, &others)).collect();
    let lanes = Lanes::of(names, told.columns.iter().map(total), LANES[1]);
    let pieces = |column: &ShapleyColumn| {
        let own = shown.iter().map(|&class| column.mean_size[class]);
        let rest = rest.iter().map(|&class| column.mean_size[class]).sum();
        let mut from = 0.0;
        let mut pieces: Vec<(f64, f64)> = Vec::new();
        for size in own.chain([rest]) {
            pieces.push((from, from + size));
            from += size;
        }
        pieces
    };
    html! {
        p.soft {
            "Colours are classes: "
            @for (place, &class) in shown.iter().enumerate() {
                @if place > 0 { ", " }
                span class=(format!("key line-{place}")) { (text::clip(&task.classes()[class], NAME_WIDTH)) }
            }
            @if !rest.is_empty() {
                ", and " span.key.line-3 { @if rest.len() == 1 { (text::clip(&task.classes()[rest[0]], NAME_WIDTH)) } @else { "the other " (rest.len()) } }
            }
            "."
        }
        svg viewBox=(lanes.view_box()) role="img" aria-label="Mean size of what each column did to the probabilities of classes" {
            (lanes.frame("mean change of probabilities"))
            @for (lane, column) in told.columns.iter().enumerate() {
                @for (place, (from, to)) in pieces(column).into_iter().enumerate() {
                    @let (left, right) = (lanes.across(from), lanes.across(to));
                    rect class=(format!("piece line-{place}")) x=(format!("{left:.1}")) width=(format!("{:.1}", right - left)) y=(lanes.middle(lane) - 7.0) height="14" {}
                }
            }
        }
    }
}

fn table(task: &Task, told: &ShapleySummary) -> Markup {
    let others = others(told);
    let shown = ranked_classes(told, told.columns[0].mean_size.len());
    let shown = &shown[..shown.len().min(MAX_CLASSES)];
    html! {
        details {
            summary { "as a table" }
            div.card { table {
                thead { tr {
                    th { "column" }
                    @if task.n_classes() > 2 {
                        @for &class in shown { th.n { "mean size, " (text::clip(&task.classes()[class], NAME_WIDTH)) } }
                    } @else { th.n { "mean size" } }
                } }
                tbody { @for column in &told.columns { tr {
                    td { (name(column, &others)) }
                    @for &output in shown { td.n { (short(column.mean_size[output])) } }
                } } }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(points: &[(f64, Option<f64>)], mean_size: Vec<f64>) -> ShapleySummary {
        let point = |&(part, rank): &(f64, Option<f64>)| ShapleyPoint { part, rank };
        let points = points.iter().map(point).collect();
        ShapleySummary {
            columns: vec![ShapleyColumn {
                column: Some("<age>".into()),
                mean_size,
                points,
            }],
            n_rows: 2,
            n_backgrounds: 4,
            n_others: 0,
        }
    }

    #[test]
    fn dots_of_one_place_stand_apart_and_have_the_colour_of_their_value() {
        let told = summary(
            &[(0.2, Some(0.1)), (0.2, Some(1.0)), (-0.1, None)],
            vec![0.2],
        );
        let classes = ["no", "yes"].map(str::to_owned).into();
        let page = section(&Task::Binary { classes }, &Ok(told)).into_string();
        assert!(page.contains("&lt;age&gt;") && !page.contains("<age>"));
        for class in ["swarm rank-0", "swarm rank-4", "swarm rank-none"] {
            assert!(page.contains(class), "{class}");
        }
        assert!(page.contains("the probability of 'yes'") && !page.contains("NaN"));
    }

    #[test]
    fn of_many_classes_bars_are_drawn_and_small_classes_are_taken_together() {
        let told = summary(&[], vec![0.1, 0.4, 0.2, 0.05, 0.01]);
        let classes = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        let page = section(&Task::Multiclass { classes }, &Ok(told)).into_string();
        assert!(page.contains("the other 2"), "{page}");
        assert_eq!(page.matches("<rect").count(), 4);
    }

    #[test]
    fn what_is_not_told_says_why() {
        let page = section(&Task::Regression, &Err(LeftOut::NoTime)).into_string();
        assert!(page.contains("longer --time-limit"), "{page}");
    }
}
