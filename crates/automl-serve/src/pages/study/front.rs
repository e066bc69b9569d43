//! Trials by two objectives at a time, with those that no other beats.

use super::super::chart::Scale;
use super::super::{format, parts};
use super::plane::{Axis, Dot, Frame, SQUARE, WIDE, dots, grid};
use super::spread::Spread;
use super::view::View;
use crate::insight::Insight;
use maud::{Markup, html};

/// Pairs of objectives that are drawn.
const PAIRS_MAX: usize = 3;
const DRAWN_MAX: usize = 1500;

pub(super) fn section(insight: &Insight, view: &View) -> Markup {
    let n = insight.objectives.len();
    if n < 2 {
        return html! {};
    }
    let pairs: Vec<(usize, usize)> = (0..n)
        .flat_map(|a| (a + 1..n).map(move |b| (a, b)))
        .collect();
    html! {
        section id="front" {
            h2 { "Pareto front" }
            @if insight.best.is_empty() { (parts::nothing("No trial is complete yet.")) }
            @else {
                @if let [(a, b)] = pairs.as_slice() { (panel(insight, (*a, *b), view, &WIDE)) }
                @else { div.panels.large { @for &pair in pairs.iter().take(PAIRS_MAX) { (panel(insight, pair, view, &SQUARE)) } } }
                p.soft.small { "Strong dots are trials that no other beats in all objectives." @if pairs.len() > PAIRS_MAX { " Drawn are " (PAIRS_MAX) " of " (pairs.len()) " pairs." } }
            }
        }
    }
}

fn panel(insight: &Insight, (a, b): (usize, usize), view: &View, frame: &Frame) -> Markup {
    let [x_spread, y_spread] = [a, b].map(|k| Spread::of(insight, k, view.is_log));
    let axis = |spread: Spread, ends| {
        let ends_of = [spread.low, spread.high].into_iter();
        Axis::Numbers(Scale::over(ends_of, spread.is_log, 0.05, ends))
    };
    let (x, y) = (axis(x_spread, frame.across()), axis(y_spread, frame.up()));
    let names = [a, b].map(|k| insight.objectives[k].name.as_str());
    let order: Vec<usize> = insight.scored(a).into_iter().map(|(at, _)| at).collect();
    let mut is_best = vec![false; insight.rows.len()];
    for &at in &insight.best {
        is_best[at] = true;
    }
    let shown = super::drawn(&order, DRAWN_MAX);
    let shown = shown.into_iter().filter(|at| !is_best[*at]);
    let shown = shown.chain(insight.best.iter().copied());
    let is_finite = |at: &usize| {
        [a, b]
            .iter()
            .all(|&k| insight.rows[*at].values[k].is_finite())
    };
    let dot = |at: usize| {
        let row = &insight.rows[at];
        let told = |k: usize| {
            let value = format::number(row.values[k]);
            format!("{} {value}", insight.objectives[k].name)
        };
        Dot {
            at: (x.place(row.values[a]), y.place(row.values[b])),
            class: if is_best[at] { "top" } else { "q1" },
            title: format!("trial {}: {}, {}", row.number, told(a), told(b)),
        }
    };
    let all: Vec<Dot> = shown.filter(is_finite).map(dot).collect();
    html! {
        figure.panel.wide[frame.width > SQUARE.width] {
            figcaption { span { (names[0]) " and " (names[1]) } }
            div.scroll { svg.plot viewBox=(frame.view_box()) role="img" aria-label=(format!("{} by {}: {} trials on the front", names[1], names[0], insight.best.len())) {
                (grid(frame, &x, &y, names))
                (dots(&all, &["q1", "top"]))
            } }
        }
    }
}
