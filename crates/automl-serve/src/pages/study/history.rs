//! How good trials were as the search went on, and the best so far.

use super::super::chart::{Scale, length};
use super::super::{format, parts};
use super::plane::{Axis, Dot, FIFTHS, WIDE, dots, grid};
use super::spread::Spread;
use super::view::View;
use crate::insight::Insight;
use automl_store::studies::TrialState;
use maud::{Markup, html};
use std::fmt::Write as _;

/// Trials that are drawn; of more, the best and evenly spaced others.
const DRAWN_MAX: usize = 1500;
/// Classes of dots, the last on top.
const CLASSES: [&str; 7] = ["q0", "q1", "q2", "q3", "q4", "violating", "top"];

pub(super) fn section(insight: &Insight, objective: usize, view: &View) -> Markup {
    let name = &insight.objectives[objective].name;
    let scored = insight.scored(objective);
    html! {
        section id=[(objective == view.objectives[0]).then_some("history")] {
            h2 { "Search for " (name) }
            @if scored.is_empty() { (parts::nothing("No trial has a finite value to draw.")) }
            @else { figure.panel.wide {
                div.scroll { (chart(insight, objective, view)) }
                p.soft.small { (notes(insight, objective, view, scored.len()).join(". ")) "." }
            } }
        }
    }
}

fn chart(insight: &Insight, objective: usize, view: &View) -> Markup {
    let name = &insight.objectives[objective].name;
    let spread = Spread::of(insight, objective, view.is_log);
    let last = insight.rows.last().map_or(1, |row| row.number).max(1);
    let x = Scale::over([0.0, last as f64].into_iter(), false, 0.01, WIDE.across());
    let y = Scale::over(
        [spread.low, spread.high].into_iter(),
        spread.is_log,
        0.06,
        WIDE.up(),
    );
    let told = best_line(insight, objective, last, &x, &y);
    let (x_data, y_data) = (x.for_script(), y.for_script());
    let (x, y) = (Axis::Numbers(x), Axis::Numbers(y));
    html! {
        svg.plot viewBox=(WIDE.view_box()) role="img" aria-label=(told.1) data-x=(x_data) data-y=(y_data) data-along="trial" {
            (grid(&WIDE, &x, &y, ["trial", name]))
            (dots(&each_dot(insight, objective, &x, &y), &CLASSES))
            @if !told.0.is_empty() { path.line.s1 d=(told.0) data-name="best so far" {} }
        }
    }
}

/// A dot for each trial with a value, those that violate a constraint apart.
fn each_dot(insight: &Insight, objective: usize, x: &Axis, y: &Axis) -> Vec<Dot> {
    let name = &insight.objectives[objective].name;
    let complete = insight
        .rows
        .iter()
        .filter(|row| row.state == TrialState::Complete);
    let valued: Vec<_> = complete
        .filter_map(|row| Some((row, *row.values.get(objective)?)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    let mut order: Vec<usize> = (0..valued.len()).collect();
    order.sort_by(|&a, &b| {
        let loss = |at: usize| insight.loss(objective, valued[at].1);
        loss(a).total_cmp(&loss(b))
    });
    super::drawn(&order, DRAWN_MAX)
        .into_iter()
        .map(|at| {
            let (row, value) = valued[at];
            Dot {
                at: (x.place(row.number as f64), y.place(value)),
                class: if row.is_violating {
                    "violating"
                } else {
                    FIFTHS[2]
                },
                title: format!("trial {}: {name} {}", row.number, format::number(value)),
            }
        })
        .collect()
}

/// The steps of the best so far, and the chart in words.
fn best_line(
    insight: &Insight,
    objective: usize,
    last: i64,
    x: &Scale,
    y: &Scale,
) -> (String, String) {
    let steps = insight.best_so_far(objective);
    let name = &insight.objectives[objective].name;
    let mut path = String::new();
    // The first steps may be far worse than what is shown; they begin at the rim.
    let clamped = |value: f64| y.place(value).clamp(y.to.min(y.from), y.to.max(y.from));
    let mut before: Option<f64> = None;
    for (number, value) in &steps {
        let (across, up) = (length(x.place(*number as f64)), clamped(*value));
        // Writing to a string cannot fail.
        match before {
            None => write!(path, "M{across} {}", length(up)).ok(),
            Some(before) => {
                write!(path, "L{across} {}L{across} {}", length(before), length(up)).ok()
            }
        };
        before = Some(up);
    }
    if let Some(before) = before {
        write!(path, "L{} {}", length(x.place(last as f64)), length(before)).ok();
    }
    let told = match (steps.first(), steps.last()) {
        (Some((from, first)), Some((to, best))) => format!(
            "{name} by trial. The best so far goes from {} in trial {from} to {} in trial {to}, in {} steps.",
            format::number(*first),
            format::number(*best),
            steps.len()
        ),
        _ => format!("{name} by trial."),
    };
    (path, told)
}

fn notes(insight: &Insight, objective: usize, view: &View, n_scored: usize) -> Vec<String> {
    let complete = insight
        .rows
        .iter()
        .filter(|row| row.state == TrialState::Complete);
    let n_odd = complete
        .clone()
        .filter(|row| {
            !row.values
                .get(objective)
                .is_some_and(|value| value.is_finite())
        })
        .count();
    let n_violating = complete.filter(|row| row.is_violating).count();
    let mut notes = vec!["Each dot is a complete trial; the line is the best so far".to_owned()];
    if n_scored > DRAWN_MAX {
        notes.push(format!(
            "{} of {} trials are drawn, the best among them",
            format::count(DRAWN_MAX as i64),
            format::count(n_scored as i64)
        ));
    }
    if n_violating > 0 {
        notes.push(format!(
            "{} that exceed a constraint, as rings",
            format::counted(n_violating as i64, "trial")
        ));
    }
    if n_odd > 0 {
        notes.push(format!(
            "{} without a finite value, not drawn",
            format::counted(n_odd as i64, "complete trial")
        ));
    }
    notes.extend(Spread::of(insight, objective, view.is_log).note());
    notes
}
