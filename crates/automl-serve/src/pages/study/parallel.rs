//! Trials as lines across their parameters to one objective, the best on top.

use super::super::chart::{Scale, length};
use super::super::{format, parts};
use super::plane::{Axis, FIFTHS, fifth, shades, short};
use super::spread::Spread;
use super::view::View;
use crate::insight::Insight;
use maud::{Markup, html};
use std::fmt::Write as _;

const HEIGHT: f64 = 360.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 40.0;
const SIDE: f64 = 84.0;
/// The whole, if the gaps between axes are neither too narrow nor too wide for it.
const WIDTH: f64 = 1400.0;
const GAPS: (f64, f64) = (120.0, 320.0);
/// Parameters that have an axis, those that matter most.
const AXES_MAX: usize = 11;
/// Trials that are drawn: the best, and evenly spaced others.
const DRAWN_MAX: usize = 240;

pub(super) fn section(insight: &Insight, objective: usize, view: &View) -> Markup {
    let name = &insight.objectives[objective].name;
    let scored = insight.scored(objective);
    let parameters: Vec<usize> = insight
        .by_weight(objective)
        .into_iter()
        .take(AXES_MAX)
        .collect();
    if scored.len() < 2 || parameters.is_empty() {
        return html! {};
    }
    html! {
        section id=[(objective == view.objectives[0]).then_some("parallel")] {
            h2 { "Parameters and " (name) }
            div.card.scroll { (chart(insight, objective, &parameters, view)) }
            p.soft.small {
                "Each line is a trial, from the worst to the best " (name) " " (shades())
                @if insight.parameters.len() > parameters.len() { ". The " (parameters.len()) " parameters that matter most of " (insight.parameters.len()) }
                @if scored.len() > DRAWN_MAX { ". " (DRAWN_MAX) " of " (format::count(scored.len() as i64)) " trials, the best among them" }
                "."
            }
        }
    }
}

/// Where lines go that have no such parameter.
const ABSENT: f64 = HEIGHT - 14.0;

fn chart(insight: &Insight, objective: usize, parameters: &[usize], view: &View) -> Markup {
    let ends = (HEIGHT - BOTTOM, TOP);
    let axes: Vec<Axis> = parameters
        .iter()
        .map(|&j| Axis::of(&insight.parameters[j].along, 0.0, ends))
        .collect();
    let spread = Spread::of(insight, objective, view.is_log);
    let values = [spread.low, spread.high].into_iter();
    let result = Axis::Numbers(Scale::over(values, spread.is_log, 0.0, ends));
    let gap = ((WIDTH - 2.0 * SIDE) / axes.len() as f64).clamp(GAPS.0, GAPS.1);
    let width = 2.0 * SIDE + gap * axes.len() as f64;
    let across = |index: usize| SIDE + gap * index as f64;
    let lines = lines(insight, objective);
    let is_any_absent = lines.iter().any(|(row, ..)| {
        parameters
            .iter()
            .any(|&j| insight.rows[*row].at[j].is_none())
    });
    let path = |row: usize, value: f64| {
        let mut path = String::new();
        let places = parameters
            .iter()
            .zip(&axes)
            .map(|(&j, axis)| insight.rows[row].at[j].map_or(ABSENT, |at| axis.place(at)));
        for (index, place) in places.chain([result.place(value)]).enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            // Writing to a string cannot fail.
            write!(path, "{letter}{} {}", length(across(index)), length(place)).ok();
        }
        path
    };
    html! {
        svg.parallel viewBox=(format!("0 0 {width} {HEIGHT}")) width=(width) role="img"
            aria-label=(format!("{} trials across {} parameters to {}", lines.len(), axes.len(), insight.objectives[objective].name)) {
            @for (row, value, class) in &lines {
                path.run.(class) d=(path(*row, *value)) { title { "trial " (insight.rows[*row].number) ": " (format::number(*value)) } }
            }
            @for (index, (axis, &j)) in axes.iter().zip(parameters).enumerate() { (column(across(index), axis, &insight.parameters[j].name)) }
            (column(across(axes.len()), &result, &insight.objectives[objective].name))
            @if is_any_absent { text.tick x="8" y=(ABSENT + 4.0) { "absent" } }
        }
    }
}

fn column(x: f64, axis: &Axis, name: &str) -> Markup {
    html! {
        line.axis x1=(length(x)) x2=(length(x)) y1=(TOP) y2=(HEIGHT - BOTTOM) {}
        text.name x=(length(x)) y=(TOP - 14.0) text-anchor="middle" { (short(name, 18)) title { (name) } }
        @for (place, text) in axis.ticks(5, false) {
            text.tick x=(length(x - 6.0)) y=(length(place + 4.0)) text-anchor="end" { (text) }
        }
    }
}

/// Position, value and class of the trials that are drawn, the best last.
fn lines(insight: &Insight, objective: usize) -> Vec<(usize, f64, &'static str)> {
    let ranked = super::ranked(insight, objective);
    let n = ranked.len();
    let places: Vec<usize> = (0..n).collect();
    let shown = super::drawn(&places, DRAWN_MAX).into_iter().rev();
    shown
        .map(|place| {
            let (at, value) = ranked[place];
            (at, value, fifth(n - 1 - place, n))
        })
        .filter(|(.., class)| FIFTHS.contains(class))
        .collect()
}

/// What stands in place of the chart where there is nothing to compare.
pub(super) fn nothing(insight: &Insight, objective: usize) -> Markup {
    let n = insight.scored(objective).len();
    html! { @if n == 1 { section { h2 { "Parameters" } (parts::nothing("Charts of parameters need a second complete trial.")) } } }
}
